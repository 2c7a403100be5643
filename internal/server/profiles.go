package server

import (
	"context"
	"errors"
	"expvar"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
)

// Profiles serves Go's profiles under /debug/pprof/, which hold no data of
// records, and its memory figures under /debug/vars. Whoever reaches it can
// slow the server down, so it belongs on an address of the machine itself.
func Profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.Handle("GET /debug/vars", expvar.Handler())
	return mux
}

// serveProfiles serves them until ctx ends and the listener is closed.
func serveProfiles(ctx context.Context, listener net.Listener, log *slog.Logger) {
	server := &http.Server{Handler: Profiles(), ReadHeaderTimeout: headerTimeout}
	if err := server.Serve(listener); ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
		log.Warn("profiles are no longer served", "err", err)
	}
}
