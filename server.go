// Caregraph is a GraphQL API server for the records of clinics and hospitals in
// India. See README.md.
package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/99designs/gqlgen/graphql/playground"
	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
	"github.com/rs/cors"
	"github.com/swaggest/swgui/v5emb"

	"caregraph/graph"
	"caregraph/internal/auth"
	"caregraph/internal/fault"
	"caregraph/internal/limit"
	"caregraph/internal/openapi"
	"caregraph/internal/ops"
	"caregraph/internal/request"
	"caregraph/internal/rest"
	"caregraph/internal/sample"
	"caregraph/internal/store"
	"caregraph/internal/viewer"
	"caregraph/web"
)

func main() {
	pace(os.Getenv)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "caregraph:", err)
		os.Exit(1)
	}
}

// How the garbage collector works unless GOGC and GOMEMLIMIT say otherwise: an
// answer is thousands of short-lived values on a heap of a few megabytes, for
// which Go's own pace spends a quarter of the CPU time. From the memory limit
// on it collects as often as it must.
const (
	collectAt   = 800       // percent of what is in use
	memoryLimit = 224 << 20 // bytes
)

func pace(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// Timeouts and limits of the HTTP server.
const (
	headerTimeout   = 5 * time.Second
	readTimeout     = 15 * time.Second
	writeTimeout    = 30 * time.Second
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 10 * time.Second // for requests in flight
	maxHeader       = 16 << 10         // bytes
)

// newHandler is the whole HTTP surface; tests serve it on their own database.
func newHandler(db *store.DB, cfg config, log *slog.Logger) http.Handler {
	db.Limit()
	client := db.Client()
	authn := auth.New(client, cfg.auth())
	gql := graph.NewHandler(client, authn, log, graph.Options{Introspect: cfg.playground, TellCost: cfg.debug, Key: cfg.key, Limits: cfg.limits, Documents: trusting(cfg.documents)})
	api := &rest.Server{Schema: gql.Schema(), Execute: gql.Execute, Rehearse: gql.Rehearse, Log: log}
	rates, places := limit.New(float64(cfg.rate), cfg.rate*rateBurst), limit.NewPlaces(cfg.concurrency)

	mux := http.NewServeMux()
	mux.Handle("/graphql", admit(gql, gql.Refuse, authn, rates, places))
	mux.Handle("/api/", admit(api.Handler(), api.Refuse, authn, rates, places))
	mux.Handle("GET /openapi.json", openapi.Handler(gql.Schema()))
	mux.Handle("GET /swagger/", page(v5emb.New("Caregraph REST API", "/openapi.json", "/swagger/")))
	mux.HandleFunc("GET /health/", ops.Live)
	mux.HandleFunc("GET /health", ops.Live)
	mux.HandleFunc("GET /readyz", ops.Ready(db.Ready))
	mux.Handle("/admin/", web.Handler())
	mux.Handle("GET /{$}", http.RedirectHandler("/admin/", http.StatusFound))
	if cfg.playground {
		mux.Handle("GET /playground", page(playground.Handler("Caregraph", "/graphql")))
	}
	return request.Identify(secure(crossOrigin(cfg).Handler(compressed(mux))), cfg.proxies, log, api.Failed)
}

// trusting adds the dashboard's documents to the trusted ones, if only those
// are answered.
func trusting(d graph.Documents) graph.Documents {
	if d.Trusted == nil {
		return d
	}
	trusted := maps.Clone(d.Trusted)
	for _, text := range web.Documents() {
		hash := sha256.Sum256([]byte(text))
		trusted[hex.EncodeToString(hash[:])] = text
	}
	d.Trusted = trusted
	return d
}

// rateBurst is how many seconds of its rate a viewer may use at once.
const rateBurst = 4

// admit lets a request through a door if the server has room for it and its
// caller has not made too many; refuse answers the others in the door's own
// way.
func admit(door http.Handler, refuse func(http.ResponseWriter, *http.Request, *fault.Error), authn *auth.Service, rates *limit.Buckets, places *limit.Places) http.Handler {
	caller := func(r *http.Request) string {
		if v, err := viewer.FromContext(r.Context()); err == nil {
			return "user " + strconv.Itoa(v.UserID)
		}
		return request.ClientOf(r.Context()).Network()
	}
	limited := rates.Requests(door, caller, func(w http.ResponseWriter, r *http.Request, wait time.Duration) {
		refuse(w, r, &fault.Error{Kind: fault.RateLimited, Message: "Too many requests. Try again later.", RetryAfter: wait})
	})
	return places.Requests(authn.Authenticate(limited), func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, &fault.Error{Kind: fault.Unavailable, Message: fault.TextUnavailable, RetryAfter: time.Second})
	})
}

// secure adds the headers that keep a browser from using an answer in a way it
// was not meant for (OWASP Secure Headers Project).
func secure(h http.Handler) http.Handler {
	headers := http.Header{}
	for name, value := range map[string]string{
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "no-referrer",
		"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
	} {
		headers.Set(name, value)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), headers) // nobody adds to one of these
		if r.TLS != nil {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		h.ServeHTTP(w, r)
	})
}

// compressFrom is from how many bytes on an answer is compressed. A smaller one
// is sent in a few packets anyway, and costs less to make than to compress.
const compressFrom = 8 << 10

// compressed sends large answers of h by gzip, at its fastest, to clients that
// accept it.
func compressed(h http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(compressFrom), gzhttp.CompressionLevel(gzip.BestSpeed), gzhttp.EnableZstd(false))
	if err != nil {
		panic(err) // the settings are constants
	}
	return wrap(h)
}

// page lets the pages of Playground and Swagger UI run their own scripts;
// Playground's come from a public host.
func page(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self' https: data: 'unsafe-inline'; frame-ancestors 'none'")
		h.ServeHTTP(w, r)
	})
}

// crossOrigin lets the pages of other origins use the API if the configuration
// names them; none by default.
func crossOrigin(cfg config) *cors.Cors {
	allowed := cfg.origins
	if len(allowed) == 0 {
		allowed = []string{"null:"} // which no browser sends; an empty list would allow all
	}
	return cors.New(cors.Options{
		AllowedOrigins:   allowed,
		AllowCredentials: cfg.credentials,
		AllowedMethods:   []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"},
		AllowedHeaders:   []string{"Authorization", "Content-Type", "Accept"},
		ExposedHeaders:   []string{"Link", "Retry-After", "X-Request-Id", "WWW-Authenticate"},
		MaxAge:           600, // seconds
	})
}

// serve migrates the database and answers requests until ctx ends; then it
// waits for those in flight, and closes the database.
func serve(ctx context.Context, cfg config, demo bool, stdout io.Writer, log *slog.Logger) (err error) {
	db, err := store.Open(cfg.database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := migrate(ctx, db, log); err != nil {
		return err
	}
	if demo {
		client := db.Client()
		if _, err := sample.Fill(ctx, client, auth.New(client, cfg.auth())); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", cfg.addr)
	if err != nil {
		return fmt.Errorf("the address %s cannot be listened on (set ADDR to another HOST:PORT): %w", cfg.addr, err)
	}
	if cfg.certificate != "" {
		secured, err := ops.TLS(cfg.certificate, cfg.certKey)
		if err != nil {
			return err
		}
		listener = tls.NewListener(listener, secured)
	}
	for _, missing := range cfg.unguarded() {
		log.Warn("not for the open internet", "why", missing)
	}
	go indexSearch(ctx, db, log)
	go sweep(ctx, auth.New(db.Client(), cfg.auth()), log)
	server := &http.Server{
		Handler:           newHandler(db, cfg, log),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	scheme := "http://"
	if cfg.certificate != "" {
		scheme = "https://"
	}
	failed := make(chan error, 1)
	if cfg.debugAddr != "" {
		private, err := net.Listen("tcp", cfg.debugAddr)
		if err != nil {
			return fmt.Errorf("the address %s cannot be listened on (set DEBUG_ADDR to another): %w", cfg.debugAddr, err)
		}
		defer private.Close()
		cfg.debugAddr = private.Addr().String()
		profiles := &http.Server{Handler: ops.Debug(), ReadHeaderTimeout: headerTimeout}
		go func() {
			if err := profiles.Serve(private); ctx.Err() == nil {
				log.Warn("no more profiles", "err", err)
			}
		}()
	}
	greet(stdout, scheme+listener.Addr().String(), cfg, demo)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping; requests in flight finish")
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return server.Shutdown(ending)
}

// sweepEvery is how often what is no longer needed is deleted.
const sweepEvery = time.Hour

// sweep deletes what is no longer needed until ctx ends.
func sweep(ctx context.Context, authn *auth.Service, log *slog.Logger) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := authn.Sweep(ctx); err != nil {
				log.Warn("sweep", "err", fault.Safe(err))
			}
		}
	}
}

// greet tells where the server answers.
func greet(w io.Writer, url string, cfg config, demo bool) {
	fmt.Fprintf(w, "Caregraph is ready.\n\n  Dashboard   %s/admin/\n  GraphQL     %s/graphql\n  REST        %s/api/      described at %s/swagger/\n  Health      %s/health/\n", url, url, url, url, url)
	if cfg.playground {
		fmt.Fprintf(w, "  Playground  %s/playground\n", url)
	} else {
		fmt.Fprintf(w, "\nSet PLAYGROUND=true to explore the API in a browser, or try: go run . --demo\n")
	}
	if cfg.debugAddr != "" {
		fmt.Fprintf(w, "  Profiles    http://%s/debug/pprof/\n", cfg.debugAddr)
	}
	if demo {
		fmt.Fprintf(w, "\nSign in with one of these (sample data; never use it in production):\n\n")
		for _, s := range sample.SignIns {
			fmt.Fprintf(w, "  %-8s  %-20s  %s\n", s.Role, s.Email, s.Password)
		}
	}
	fmt.Fprintln(w)
}

// migrate brings the tables up to date.
func migrate(ctx context.Context, db *store.DB, log *slog.Logger) error {
	applied, err := db.Migrate(ctx)
	for _, name := range applied {
		log.Info("migrated", "file", name)
	}
	if err != nil {
		return fmt.Errorf("the database cannot be used: %w", err)
	}
	return nil
}

// indexSearch makes searches fast. Without it they are slow, and no more.
func indexSearch(ctx context.Context, db *store.DB, log *slog.Logger) {
	if err := db.IndexSearch(ctx); errors.Is(err, store.ErrNoTrigrams) {
		log.Warn("searches are slow", "why", err)
	} else if err != nil {
		log.Warn("searches are slow until the next start", "err", fault.Safe(err))
	}
}
