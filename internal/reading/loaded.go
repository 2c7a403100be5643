package reading

import (
	"context"
	"errors"
	"io"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Loaded keeps beside a record what was read for a selection: the record's
// edges by response key, and the parent through which the record was found. A
// record may hold one edge several times, under several response keys and with
// other arguments each. Edges are few, so a search is faster than a map. The
// zero value is empty.
type Loaded struct {
	Parent int // id of the record whose edge led here, if the query selected it
	Total  int // how many records the list has, if the query selected it
	edges  []loadedEdge
}

type loadedEdge struct {
	key   string
	value any
}

// Get returns what was put under the response key, and whether anything was.
func (l *Loaded) Get(key string) (any, bool) {
	for i := range l.edges {
		if l.edges[i].key == key {
			return l.edges[i].value, true
		}
	}
	return nil, false
}

// Put stores value under a response key that has none yet.
func (l *Loaded) Put(key string, value any) { l.edges = append(l.edges, loadedEdge{key, value}) }

// Clear forgets all edges. It does not change those of a copy.
func (l *Loaded) Clear() { l.edges = nil }

// Writer appends a record or a connection to an answer, with all that the
// selections ask of it. It fails for any other value.
type Writer func(ctx context.Context, b []byte, v any, selections ast.SelectionSet) ([]byte, error)

// Write writes a record or a connection for the field that is being resolved,
// with everything below it. All of that must have been read ahead, else it
// fails. Generated records call it.
func Write(ctx context.Context, w io.Writer, v any) (err error) {
	o := current(ctx)
	if o == nil {
		return errors.New("reading: no operation")
	}
	defer func() {
		if p := recover(); p != nil {
			err = graphql.GetOperationContext(ctx).Recover(ctx, p)
		}
	}()
	b, err := o.write(ctx, nil, v, selectionsOf(graphql.GetFieldContext(ctx)))
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// selectionsOf returns what the field asks for. An element of a list has a
// context of its own, which knows only its index.
func selectionsOf(f *graphql.FieldContext) ast.SelectionSet {
	for f.Index != nil {
		f = f.Parent
	}
	return f.Field.Selections
}
