// Package loaded keeps what was read for a GraphQL selection beside an entity:
// its edges, and through which record it was found. One entity may hold the
// same edge several times, under several response keys, with other arguments
// each. An entity that writes itself does so by what the context says.
package loaded

import (
	"context"
	"errors"
	"io"
)

// Edges are few, so a search beats a map. The zero value is empty.
type Edges struct {
	Parent int // the id of the record whose edge led here, if the query says so
	edges  []edge
}

type edge struct {
	key   string
	value any
}

// Get returns what was put under the response key, and whether anything was.
func (e *Edges) Get(key string) (any, bool) {
	for i := range e.edges {
		if e.edges[i].key == key {
			return e.edges[i].value, true
		}
	}
	return nil, false
}

// Put stores value under a response key that has none yet.
func (e *Edges) Put(key string, value any) { e.edges = append(e.edges, edge{key, value}) }

// Clear forgets all edges; it leaves those of copies as they are.
func (e *Edges) Clear() { e.edges = nil }

// Writer writes a record or a page of records for the GraphQL field that is
// being resolved, with everything below it that was read ahead.
type Writer func(ctx context.Context, w io.Writer, v any) error

type writerKey struct{}

// WithWriter returns a context in which f does what Write is asked for.
func WithWriter(ctx context.Context, f Writer) context.Context {
	return context.WithValue(ctx, writerKey{}, f)
}

// Write writes v by the context's Writer. It fails if there is none.
func Write(ctx context.Context, w io.Writer, v any) error {
	f, ok := ctx.Value(writerKey{}).(Writer)
	if !ok {
		return errors.New("loaded: no writer")
	}
	return f(ctx, w, v)
}
