// Package request gives each HTTP request an id, which every failure shows to
// the caller and the log has beside the cause, and reads bodies within bounds.
package request

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"
)

type key struct{}

// ID returns the id of the request that ctx belongs to, or an empty text.
func ID(ctx context.Context) string {
	id, _ := ctx.Value(key{}).(string)
	return id
}

// retryKey is what a client sends in Idempotency-Key, and where the answer is marked.
type retryKey struct {
	key    string
	answer http.Header
}

type retryKeyKey struct{}

// RetryKey returns what the request has in the header Idempotency-Key, as it is but for
// quotes around it, and whether it has the header.
func RetryKey(ctx context.Context) (string, bool) {
	r, ok := ctx.Value(retryKeyKey{}).(retryKey)
	return r.key, ok
}

// Replayed marks the answer as one that was told before.
func Replayed(ctx context.Context) {
	if r, ok := ctx.Value(retryKeyKey{}).(retryKey); ok {
		r.answer.Set("Idempotency-Replayed", "true")
	}
}

// Seen is told of requests.
type Seen struct {
	Door  func(*http.Request) string  // returns where the request came in
	End   func(context.Context, Told) // is called when it was answered
	Texts bool                        // whether End wants those of statements
}

// sentID matches an id that a proxy may give a request.
var sentID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Identify gives each request of h an id, which the header X-Request-Id tells, and finds out who
// sent it. The id is the one that a trusted proxy has given it in that header, or a new one. A
// panic of h is logged and answered by failed; the server goes on. Neither log nor answer has
// anything of the request but its id. seen may be nil.
func Identify(h http.Handler, proxies Proxies, log *slog.Logger, failed http.HandlerFunc, seen *Seen) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if !proxies.Sent(r) || !sentID.MatchString(id) {
			id = rand.Text()
		}
		ctx := context.WithValue(r.Context(), key{}, id)
		if keys := r.Header.Values("Idempotency-Key"); keys != nil {
			key := strings.Join(keys, ",")
			if text, quoted := strings.CutPrefix(key, `"`); quoted { // as a structured field writes it (RFC 8941, 3.3.3)
				key = strings.TrimSuffix(text, `"`)
			}
			ctx = context.WithValue(ctx, retryKeyKey{}, retryKey{key, w.Header()})
		}
		if seen != nil {
			account := &Account{ID: id, Door: seen.Door(r), Began: time.Now(), texts: seen.Texts, end: seen.End}
			recorded := &recorder{ResponseWriter: w}
			w, ctx = recorded, context.WithValue(ctx, accountKey{}, account)
			defer func() { account.End(ctx, cmp.Or(recorded.status, http.StatusOK)) }()
		}
		r = r.WithContext(context.WithValue(ctx, clientKey{}, proxies.client(r)))
		w.Header().Set("X-Request-Id", id)
		defer func() {
			p := recover()
			if p == http.ErrAbortHandler {
				panic(p) // an answer is cut short on purpose
			}
			if p != nil {
				log.ErrorContext(r.Context(), "panic", "request_id", id, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
				failed(w, r)
			}
		}()
		h.ServeHTTP(w, r)
	})
}
