// Caregraph is a GraphQL API server for the records of clinics and hospitals in
// India. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/99designs/gqlgen/graphql/playground"
	"github.com/rs/cors"
	"github.com/swaggest/swgui/v5emb"

	"caregraph/graph"
	"caregraph/internal/auth"
	"caregraph/internal/openapi"
	"caregraph/internal/ops"
	"caregraph/internal/request"
	"caregraph/internal/rest"
	"caregraph/internal/sample"
	"caregraph/internal/store"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "caregraph:", err)
		os.Exit(1)
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
	client := db.Client()
	authn := auth.New(client, cfg.key, cfg.access, cfg.refresh)
	gql := graph.NewHandler(client, authn, log, graph.Options{Introspect: cfg.playground, Key: cfg.key})
	api := &rest.Server{Schema: gql.Schema(), Execute: gql.Execute, Rehearse: gql.Rehearse, Log: log}

	mux := http.NewServeMux()
	mux.Handle("/graphql", authn.Authenticate(gql))
	mux.Handle("/api/", authn.Authenticate(api.Handler()))
	mux.Handle("GET /openapi.json", openapi.Handler(gql.Schema()))
	mux.Handle("GET /swagger/", v5emb.New("Caregraph REST API", "/openapi.json", "/swagger/"))
	mux.HandleFunc("GET /health/", ops.Live)
	mux.HandleFunc("GET /health", ops.Live)
	mux.HandleFunc("GET /readyz", ops.Ready(db.Ready))
	if cfg.playground {
		mux.Handle("GET /playground", playground.Handler("Caregraph", "/graphql"))
		mux.Handle("GET /{$}", http.RedirectHandler("/playground", http.StatusFound))
	}
	return request.Identify(crossOrigin(cfg).Handler(mux), log, api.Failed)
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
		if _, err := sample.Fill(ctx, client, auth.New(client, cfg.key, cfg.access, cfg.refresh)); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", cfg.addr)
	if err != nil {
		return fmt.Errorf("the address %s cannot be listened on (set ADDR to another HOST:PORT): %w", cfg.addr, err)
	}
	server := &http.Server{
		Handler:           newHandler(db, cfg, log),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	greet(stdout, "http://"+listener.Addr().String(), cfg, demo)
	failed := make(chan error, 1)
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

// greet tells where the server answers.
func greet(w io.Writer, url string, cfg config, demo bool) {
	fmt.Fprintf(w, "Caregraph is ready.\n\n  GraphQL     %s/graphql\n  REST        %s/api/      described at %s/swagger/\n  Health      %s/health/\n", url, url, url, url)
	if cfg.playground {
		fmt.Fprintf(w, "  Playground  %s/playground\n", url)
	} else {
		fmt.Fprintf(w, "\nSet PLAYGROUND=true to explore the API in a browser, or try: go run . --demo\n")
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
	if err != nil {
		return fmt.Errorf("the database cannot be used: %w", err)
	}
	for _, name := range applied {
		log.Info("migrated", "file", name)
	}
	return nil
}
