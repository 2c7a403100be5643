package server

import (
	"context"
	"io"
	"net/http"
	"time"
)

// live answers 200 while the process lives.
func live(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "ok\n")
}

// readyTimeout is how long the database may take to answer.
const readyTimeout = 3 * time.Second

// ready answers 200 if check succeeds within 3 seconds, else 503.
func ready(check func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if err := check(ctx); err != nil {
			notReady(w, "the database does not answer or lacks a migration")
			return
		}
		io.WriteString(w, "ready\n")
	}
}

// notReady says that no requests should be sent here, and why.
func notReady(w http.ResponseWriter, why string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusServiceUnavailable)
	io.WriteString(w, "not ready: "+why+"\n")
}
