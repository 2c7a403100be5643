// Package server is the server over HTTP: Handler makes one handler of a
// configuration and a database, with both doors, the dashboard and the pages;
// Serve listens and drains.
package server

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/swaggest/swgui/v5emb"

	"caregraph/graph"
	"caregraph/internal/audit"
	"caregraph/internal/auth"
	"caregraph/internal/bus"
	"caregraph/internal/graphqlhttp"
	"caregraph/internal/limit"
	"caregraph/internal/request"
	"caregraph/internal/rest"
	"caregraph/internal/store"
	"caregraph/web"
)

// Handler returns the whole HTTP surface of the database. It limits how long
// statements on the database may take from now on. Who subscribes is told nothing.
func Handler(db *store.DB, cfg Config, log *slog.Logger) http.Handler {
	return newService(db, cfg, log, nil)
}

// Service is a server before it listens.
type Service struct {
	http.Handler                       // of requests
	Metrics      http.Handler          // of Prometheus
	Shutdown     func(context.Context) // ends the connections of those who subscribe, and returns when they have ended or its context has
}

// Live is Handler of a server that hears what changes until ctx ends, and tells who subscribes. It
// fails if the URL of PostgreSQL cannot be read.
func Live(ctx context.Context, db *store.DB, cfg Config, log *slog.Logger) (*Service, error) {
	changes, err := cfg.changes(db, log)
	if err != nil {
		return nil, err
	}
	s := newService(db, cfg, log, changes)
	go changes.Run(ctx)
	return s, nil
}

// newService is Live, with what hears what changes.
func newService(db *store.DB, cfg Config, log *slog.Logger, changes *bus.Bus) *Service {
	db.Limit()
	seen := newSeen(time.Duration(cfg.SlowQuery), log)
	db.Statement, db.Tracer = seen.statement, cfg.Traces.tracer()
	client := db.Client()
	options := cfg.Auth()
	if db.Dialect == dialect.Postgres { // on SQLite a sign-in is looked up as quickly
		options.Changes = changes
	}
	authn := auth.New(client, options)
	admission := admission{authn, limit.New(float64(cfg.RateLimit), cfg.RateLimit*rateBurst), limit.NewPlaces(cfg.MaxConcurrency)}
	trail := audit.New(client)
	gql := graphqlhttp.New(graph.Contract(client, trail, authn, cfg.Keys(), cfg.RestoreWindow), log, graphqlhttp.Options{
		Introspect: cfg.PlaygroundOn(), TellCost: cfg.Debug, Limits: cfg.Limits, Documents: trusting(cfg.documents()), Tracer: db.Tracer, Known: slices.Collect(maps.Keys(web.Documents())),
		Streams: graphqlhttp.Streams{Identify: authn.Identify, Admit: admission.operation, Sure: changes.Sure, Origins: cfg.origins(), Most: cfg.MaxSubscriptions},
	})
	changes.Listen(bus.Listener{Changed: func(c bus.Change) { gql.Changed(graph.Event(c)) }, User: gql.Doubt, Missed: gql.Missed})
	api := &rest.Server{Schema: gql.Schema(), Execute: gql.Execute, Rehearse: gql.Rehearse, Log: log}

	mux := http.NewServeMux()
	requests, connections := admission.admit(gql, gql.Refuse), admission.connect(gql, gql.Refuse)
	var graphQL http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if graphqlhttp.Streaming(r) {
			connections.ServeHTTP(w, r)
			return
		}
		requests.ServeHTTP(w, r)
	})
	if cfg.PlaygroundOn() {
		graphQL = pageForBrowsers(graphQL)
	}
	mux.Handle("/graphql", graphQL)
	mux.Handle("/graphql/{$}", graphQL)
	mux.HandleFunc("/graphql/", gql.NotFound)
	records := admission.admit(api.Handler(), api.Refuse)
	mux.Handle("/api", records)
	mux.Handle("/api/", records)
	mux.Handle("GET /openapi.json", rest.OpenAPI(gql.Schema()))
	mux.Handle("GET /swagger/", page(v5emb.New("Caregraph REST API", "/openapi.json", "/swagger/")))
	mux.HandleFunc("GET /health/", live)
	mux.HandleFunc("GET /health", live)
	mux.HandleFunc("GET /readyz", ready(db.Ready))
	mux.Handle("/admin/", web.Handler())
	mux.Handle("GET /{$}", http.RedirectHandler("/admin/", http.StatusFound))
	if cfg.PlaygroundOn() {
		servePlayground(mux, cfg.Demo)
	}
	all := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(bus.NewContext(r.Context(), changes)))
	})
	seen.watch(db, authn, gql, trail, changes)
	watched := &request.Seen{Door: door, End: seen.request, Texts: cfg.SlowQuery > 0}
	served := request.Identify(secure(crossOrigin(cfg).Handler(compressed(all))), cfg.TrustedProxies, log, api.Failed, watched)
	return &Service{cfg.Traces.trace(served, cfg.TrustedProxies), seen.handler(), gql.Shutdown}
}

// door names where a request came in, as the log and metrics tell it.
func door(r *http.Request) string {
	switch first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); {
	case first == "api":
		return "rest"
	case first == "graphql" && graphqlhttp.Streaming(r):
		return connection
	case first == "graphql":
		return "graphql"
	}
	return "page"
}

// pageForBrowsers sends a browser in which somebody opens the address of the door
// to Playground: it asks for a page and not for an operation.
func pageForBrowsers(door http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.RawQuery != "" || !strings.Contains(r.Header.Get("Accept"), "text/html") {
			door.ServeHTTP(w, r)
			return
		}
		w.Header().Add("Vary", "Accept")
		http.Redirect(w, r, "/playground", http.StatusFound)
	})
}

// trusting adds the dashboard's documents to the trusted ones, if only those
// are answered.
func trusting(d graphqlhttp.Documents) graphqlhttp.Documents {
	if d.Trusted == nil {
		return d
	}
	trusted := maps.Clone(d.Trusted)
	for _, text := range web.Documents() {
		trusted[graphqlhttp.Hash(text)] = text
	}
	d.Trusted = trusted
	return d
}
