// Package limit bounds how often somebody may do something, by token buckets
// in the memory of one server.
package limit

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// maxKeys is how many callers are told apart; the one seen longest ago is
// forgotten first.
const maxKeys = 50_000

// Buckets holds a bucket for each key. Its methods may be called concurrently.
type Buckets struct {
	mu    sync.Mutex
	keys  *lru.Cache[string, *rate.Limiter]
	rate  float64 // per second
	burst int
}

// New returns buckets that hold burst and gain perSecond. A rate of 0 means no
// limit.
func New(perSecond float64, burst int) *Buckets {
	keys, err := lru.New[string, *rate.Limiter](maxKeys)
	if err != nil {
		panic(err) // the size is a constant
	}
	return &Buckets{keys: keys, rate: perSecond, burst: burst}
}

// State is what is left for a key.
type State struct {
	Limit     int           // the most at once
	Remaining int           // at once now
	Reset     time.Duration // until all of it is there again
	Wait      time.Duration // until what was refused would be allowed; 0 if it was not
}

// Take takes n for the key, or nothing if there is not as much.
func (b *Buckets) Take(key string, n int, now time.Time) State {
	if b.rate == 0 {
		return State{}
	}
	b.mu.Lock()
	bucket, ok := b.keys.Get(key)
	if !ok {
		bucket = rate.NewLimiter(rate.Limit(b.rate), b.burst)
		b.keys.Add(key, bucket)
	}
	b.mu.Unlock()
	n = min(n, b.burst)
	allowed := bucket.AllowN(now, n)
	left := bucket.TokensAt(now)
	s := State{Limit: b.burst, Remaining: int(max(left, 0)), Reset: seconds((float64(b.burst) - left) / b.rate)}
	if !allowed {
		s.Wait = max(seconds((float64(n)-left)/b.rate), time.Millisecond)
	}
	return s
}

type takeKey struct{}

// Take takes n more for the request that ctx belongs to.
func Take(ctx context.Context, n int) State {
	take, _ := ctx.Value(takeKey{}).(func(int) State)
	if take == nil || n == 0 {
		return State{}
	}
	return take(n)
}

// Context returns a context whose calls of Take take from the bucket of the key.
func (b *Buckets) Context(ctx context.Context, key string) context.Context {
	if b.rate == 0 {
		return ctx
	}
	return context.WithValue(ctx, takeKey{}, func(n int) State { return b.Take(key, n, time.Now()) })
}

// Requests takes one for each request to h, from the bucket that keyOf
// names, and more if the request calls Take. It tells in the headers RateLimit-Limit,
// RateLimit-Remaining and RateLimit-Reset (in seconds) what is left. If nothing
// is, refused answers.
func (b *Buckets) Requests(h http.Handler, keyOf func(*http.Request) string, refused func(http.ResponseWriter, *http.Request, time.Duration)) http.Handler {
	if b.rate == 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := keyOf(r)
		state := b.Take(key, 1, time.Now())
		w.Header().Set("RateLimit-Limit", strconv.Itoa(state.Limit))
		w.Header().Set("RateLimit-Remaining", strconv.Itoa(state.Remaining))
		w.Header().Set("RateLimit-Reset", strconv.Itoa(int(math.Ceil(state.Reset.Seconds()))))
		if state.Wait > 0 {
			refused(w, r, state.Wait)
			return
		}
		h.ServeHTTP(w, r.WithContext(b.Context(r.Context(), key)))
	})
}

func seconds(s float64) time.Duration {
	return time.Duration(math.Max(s, 0) * float64(time.Second))
}
