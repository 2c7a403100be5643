package ops

import (
	"expvar"
	"net/http"
	"net/http/pprof"
)

// Debug serves Go's profiles under /debug/pprof/, which hold no data of
// records, and its memory figures under /debug/vars. Whoever reaches it can
// slow the server down, so it belongs on an address of the machine itself.
func Debug() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.Handle("GET /debug/vars", expvar.Handler())
	return mux
}
