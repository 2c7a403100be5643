package limit

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// Places bound how many requests are served at once, by all handlers together.
type Places struct {
	taken    chan struct{}
	buffered atomic.Int64 // bytes of the bodies of all requests
}

// NewPlaces returns n places. 0 means no limit.
func NewPlaces(n int) *Places { return &Places{taken: make(chan struct{}, n)} }

// maxBody is how many bytes of a body are read before there is a place; those
// that are larger are refused by their door.
const maxBody = 1<<20 + 1

// Requests lets a request to h take a place until it is answered; refused
// answers those for whom there is none, at once rather than later. A request
// takes its place when its body is there, so that clients that send slowly take
// none; their bodies together have at most 1 MiB for each place.
func (p *Places) Requests(h http.Handler, refused http.HandlerFunc) http.Handler {
	if cap(p.taken) == 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &counted{Reader: r.Body, places: p}
		defer func() { p.buffered.Add(-body.bytes) }()
		read, err := io.ReadAll(io.LimitReader(body, maxBody))
		if errors.Is(err, errFull) {
			refused(w, r)
			return
		}
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(read), failing{err}))
		leave, ok := p.Take()
		if !ok {
			refused(w, r)
			return
		}
		defer leave()
		h.ServeHTTP(w, r)
	})
}

// Take takes a place until leave is called, if there is one.
func (p *Places) Take() (leave func(), ok bool) {
	if cap(p.taken) == 0 {
		return func() {}, true
	}
	select {
	case p.taken <- struct{}{}:
		return func() { <-p.taken }, true
	default:
		return nil, false
	}
}

var errFull = errors.New("no room for more bodies")

// counted reads a body while there is room for it.
type counted struct {
	io.Reader
	places *Places
	bytes  int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.bytes += int64(n)
	if c.places.buffered.Add(int64(n)) > int64(cap(c.places.taken))*maxBody {
		return n, errFull
	}
	return n, err
}

// failing tells how the reading of a body ended.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}
