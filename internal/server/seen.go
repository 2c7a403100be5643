package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"caregraph/internal/audit"
	"caregraph/internal/auth"
	"caregraph/internal/bus"
	"caregraph/internal/graphqlhttp"
	"caregraph/internal/request"
	"caregraph/internal/store"
)

// seen is what an operator sees of requests: a line of the log each, and metrics. Neither has
// anything of what was sent or answered but names of operations.
type seen struct {
	log  *slog.Logger
	slow time.Duration // from when on the statements of a request are told; 0 for never

	registry   *prometheus.Registry
	requests   *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	statements prometheus.Histogram
}

// newSeen returns a seen that has seen nothing.
func newSeen(slow time.Duration, log *slog.Logger) *seen {
	s := &seen{
		log: log, slow: slow, registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "caregraph_requests_total", Help: "Requests and operations that were answered, by how they ended: OK, or the code of the first error.",
		}, []string{"door", "operation", "outcome"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "caregraph_request_duration_seconds", Help: "How long requests and operations took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"door", "operation"}),
		statements: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "caregraph_statement_duration_seconds", Help: "How long statements on the database took.",
			Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
	}
	s.registry.MustRegister(s.requests, s.durations, s.statements, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s
}

// watch adds the figures that parts of the server keep themselves.
func (s *seen) watch(db *store.DB, authn *auth.Service, gql *graphqlhttp.Handler, trail *audit.Log, changes *bus.Bus) {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	counter := func(name, help, label, is string, value func() int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: prometheus.Labels{label: is}}, func() float64 { return float64(value()) })
	}
	const (
		signIns = "Sign-ins by e-mail address and password, by how they ended; locked_out had to wait after too many failures."
		tokens  = "Access tokens that were looked up: remembered, or asked of the database."
	)
	s.registry.MustRegister(
		collectors.NewDBStatsCollector(db.DB, "caregraph"),
		counter("caregraph_sign_ins_total", signIns, "outcome", "ok", authn.Counts.SignIns.Load),
		counter("caregraph_sign_ins_total", signIns, "outcome", "failed", authn.Counts.Failed.Load),
		counter("caregraph_sign_ins_total", signIns, "outcome", "locked_out", authn.Counts.LockedOut.Load),
		counter("caregraph_tokens_total", tokens, "from", "memory", authn.Counts.Known.Load),
		counter("caregraph_tokens_total", tokens, "from", "database", authn.Counts.Asked.Load),
		gauge("caregraph_subscriptions", "GraphQL subscriptions that there are.", func() float64 { n, _ := gql.Live(); return float64(n) }),
		gauge("caregraph_streams", "WebSockets and event streams of those who have signed in.", func() float64 { _, n := gql.Live(); return float64(n) }),
		gauge("caregraph_bus_lag_seconds", "How old what was heard of changes last may be; over 1, the database is asked for every request.", func() float64 { return changes.Lag().Seconds() }),
		gauge("caregraph_access_log_queue", "Requests that wait until the access log has stored who looked.", func() float64 { return float64(trail.Waiting()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "caregraph_build_info", Help: "Always 1.", ConstLabels: prometheus.Labels{"version": Version()}}, func() float64 { return 1 }),
	)
}

// statement takes how long a statement took.
func (s *seen) statement(took time.Duration) { s.statements.Observe(took.Seconds()) }

// other is the operation of metrics for every name that a client made up, so that their number is
// bounded.
const other = "other"

// connection is the door of a WebSocket or an event stream itself.
const connection = "connection"

// request takes what is told of a request at its end.
func (s *seen) request(ctx context.Context, t request.Told) {
	operation := t.Operation
	if !t.Known {
		operation = other
	}
	s.requests.WithLabelValues(t.Door, operation, t.Outcome).Inc()
	if t.Door != connection { // which lasts as long as its client likes
		s.durations.WithLabelValues(t.Door, operation).Observe(t.Took.Seconds())
	}
	about := make([]slog.Attr, 0, 10)
	about = append(about, slog.String("request_id", t.ID), slog.String("door", t.Door))
	if t.Operation != "" {
		about = append(about, slog.String("operation", t.Operation))
	}
	if t.Viewer != 0 {
		about = append(about, slog.Int("viewer", t.Viewer))
	}
	if t.Status != 0 {
		about = append(about, slog.Int("status", t.Status))
	}
	about = append(about, slog.String("outcome", t.Outcome), slog.Float64("ms", milliseconds(t.Took)), slog.Int("statements", t.Statements))
	level := slog.LevelInfo
	if t.Door == "page" {
		level = slog.LevelDebug
	}
	s.log.LogAttrs(ctx, level, "request", about...)
	if s.slow > 0 && t.Took >= s.slow && t.Door != connection {
		texts := make([]string, len(t.Texts))
		for i, statement := range t.Texts {
			texts[i] = fmt.Sprintf("%.1f ms: %s", milliseconds(statement.Took), statement.Text)
		}
		s.log.LogAttrs(ctx, slog.LevelWarn, "slow request", append(about, slog.Any("sql", texts))...)
	}
}

// milliseconds returns a duration as the log has it, to a hundredth.
func milliseconds(d time.Duration) float64 { return float64(d.Round(10*time.Microsecond)) / 1e6 }

// serveMetrics serves the metrics under /metrics until ctx ends and the listener is closed.
func serveMetrics(ctx context.Context, listener net.Listener, metrics http.Handler, log *slog.Logger) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader}
	if err := server.Serve(listener); ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
		log.Warn("metrics are no longer served", "err", err)
	}
}

// handler returns what answers with the metrics.
func (s *seen) handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 3, Timeout: 10 * time.Second})
}
