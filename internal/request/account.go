package request

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Account is what the log and metrics tell of a request, or of one operation over a connection
// that stays: nothing of what was sent or answered but the name of the operation. Its methods
// may be called concurrently, and on nil.
type Account struct {
	ID    string
	Door  string // graphql, rest, connection (a WebSocket or event stream), stream (an operation over one) or page
	Began time.Time

	texts bool // those of statements are kept
	mu    sync.Mutex
	told
	end func(context.Context, Told)
}

// Told is what an account says at its end.
type Told struct {
	ID, Door string
	Took     time.Duration
	told
}

// told is what becomes known of a request while it is answered.
type told struct {
	Operation  string // as the client named it, or else empty
	Known      bool   // it is one of the server's own, or of a trusted document
	Outcome    string // OK, or the code of the first failure
	Status     int    // of HTTP; 0 for an operation over a connection that stays
	Viewer     int    // id of the user; 0 for nobody
	Statements int
	Texts      []Statement // the first of them, without values
}

// Statement is one that a request sent to the database.
type Statement struct {
	Text string // with placeholders for its values
	Took time.Duration
}

// Bounds of the statements of a request that are told one by one.
const (
	keptStatements = 20
	maxStatement   = 2000 // bytes of the text of one
)

type accountKey struct{}

// AccountOf returns the account of what ctx belongs to, or nil.
func AccountOf(ctx context.Context) *Account {
	a, _ := ctx.Value(accountKey{}).(*Account)
	return a
}

// Apart returns a context with an account of its own for one operation of the connection that ctx
// belongs to; it must be ended.
func Apart(ctx context.Context, door string) context.Context {
	of := AccountOf(ctx)
	if of == nil {
		return ctx
	}
	return context.WithValue(ctx, accountKey{}, &Account{ID: of.ID, Door: door, Began: time.Now(), texts: of.texts, end: of.end})
}

// End tells what the account says. The outcome is that of the status, unless it was named.
func (a *Account) End(ctx context.Context, status int) {
	if a == nil || a.end == nil {
		return
	}
	a.mu.Lock()
	t := Told{a.ID, a.Door, time.Since(a.Began), a.told}
	a.mu.Unlock()
	t.Status = status
	if t.Outcome == "" {
		t.Outcome = outcome(status)
	}
	a.end(ctx, t)
}

// outcome returns what a status says.
func outcome(status int) string {
	switch {
	case status < 400:
		return "OK"
	case status == http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case status == http.StatusForbidden:
		return "FORBIDDEN"
	case status == http.StatusNotFound:
		return "NOT_FOUND"
	case status == http.StatusConflict:
		return "CONFLICT"
	case status == http.StatusTooManyRequests:
		return "RATE_LIMITED"
	case status == http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	case status >= 500:
		return "INTERNAL"
	}
	return "BAD_USER_INPUT"
}

// change changes what is told.
func (a *Account) change(f func(*told)) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	f(&a.told)
}

// Name says which operation is asked for.
func (a *Account) Name(operation string, known bool) {
	a.change(func(t *told) { t.Operation, t.Known = operation, known })
}

// Fail says with which code it failed; the first one stays.
func (a *Account) Fail(code string) {
	a.change(func(t *told) {
		if t.Outcome == "" {
			t.Outcome = code
		}
	})
}

// By says who asks.
func (a *Account) By(viewer int) { a.change(func(t *told) { t.Viewer = viewer }) }

// Send says that a statement was sent to the database.
func (a *Account) Send(text string, took time.Duration) {
	a.change(func(t *told) {
		if t.Statements++; a.texts && len(t.Texts) < keptStatements {
			t.Texts = append(t.Texts, Statement{strings.Clone(text[:min(len(text), maxStatement)]), took})
		}
	})
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader sends the header.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 || r.status < 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Flush sends what was written so far.
func (r *recorder) Flush() { r.FlushError() }

// FlushError is Flush, and tells why it failed.
func (r *recorder) FlushError() error { return http.NewResponseController(r.ResponseWriter).Flush() }

// Hijack gives the connection away, if that can be done.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(r.ResponseWriter).Hijack()
}

// Unwrap lets http.ResponseController find what the server gave.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
