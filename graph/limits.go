package graph

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"caregraph/internal/fault"
)

// Limits of one operation.
const (
	maxDocument = 16 << 10 // bytes
	maxDepth    = 12       // fields inside fields
	maxCost     = 5_000    // objects that the answer may hold
	listedCost  = 5        // objects that a list without pages is taken to hold
)

// limits refuses an operation that asks for too much, before it runs. It looks
// at each fragment once, so its time is linear in the document; gqlgen's own
// limit looks at a fragment at every spread, which is exponential.
type limits struct{ schema *ast.Schema }

type trustedKey struct{}

// trusted tells whether the operation is one of the server's own documents:
// those have no limits but a larger page.
func trusted(ctx context.Context) bool { return ctx.Value(trustedKey{}) != nil }

// ExtensionName returns the name of the extension.
func (limits) ExtensionName() string { return "Limits" }

// Validate accepts every schema.
func (limits) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters refuses a long document before it is parsed.
func (limits) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	if len(params.Query) > maxDocument && !trusted(ctx) {
		return refused(fault.TooComplex, fmt.Sprintf("The document is longer than %d bytes.", maxDocument), nil)
	}
	return nil
}

// MutateOperationContext refuses what asks for too much with TOO_COMPLEX, and
// a page of an impossible size with BAD_USER_INPUT.
func (l limits) MutateOperationContext(ctx context.Context, o *graphql.OperationContext) *gqlerror.Error {
	if trusted(ctx) {
		return nil
	}
	w := &weigher{ctx: ctx, variables: o.Variables, fragments: map[*ast.FragmentDefinition]weight{}}
	total := w.selections(o.Operation.SelectionSet)
	switch {
	case w.err != nil:
		return w.err
	case total.depth > maxDepth:
		return refused(fault.TooComplex, fmt.Sprintf("The operation is nested deeper than %d fields.", maxDepth), nil)
	case total.cost > maxCost:
		return refused(fault.TooComplex, fmt.Sprintf("The operation may return %d objects, more than %d. Ask for smaller pages.", min(total.cost, costCap), maxCost), nil)
	}
	return nil
}

// weight is what a part of a document asks for.
type weight struct{ depth, cost int }

// costCap keeps the arithmetic of costs far from overflow.
const costCap = 1_000_000

type weigher struct {
	ctx       context.Context
	variables map[string]any
	fragments map[*ast.FragmentDefinition]weight
	err       *gqlerror.Error
}

func (w *weigher) selections(set ast.SelectionSet) weight {
	var total weight
	for _, s := range set {
		var part weight
		switch s := s.(type) {
		case *ast.Field:
			part = w.field(s)
		case *ast.InlineFragment:
			part = w.selections(s.SelectionSet)
		case *ast.FragmentSpread:
			part = w.fragment(s.Definition)
		}
		total.depth = max(total.depth, part.depth)
		total.cost = min(total.cost+part.cost, costCap)
	}
	return total
}

func (w *weigher) fragment(f *ast.FragmentDefinition) weight {
	known, ok := w.fragments[f]
	if !ok {
		known = w.selections(f.SelectionSet)
		w.fragments[f] = known
	}
	return known
}

func (w *weigher) field(f *ast.Field) weight {
	inner := w.selections(f.SelectionSet)
	if f.Name == "ofType" { // the wrappers of a type are few, however many are asked for
		return inner
	}
	rows := 1
	switch {
	case f.SelectionSet == nil:
		rows = 0
	case f.Definition != nil && f.Definition.Arguments.ForName("first") != nil:
		args := f.ArgumentMap(w.variables)
		size, _, err := pageSize(w.ctx, count(args["first"]), count(args["last"]))
		if err != nil && w.err == nil {
			e := fault.Of(err)[0]
			w.err = refused(e.Kind, e.Message, map[string]any{"field": e.Field})
			w.err.Locations = []gqlerror.Location{{Line: f.Position.Line, Column: f.Position.Column}}
		}
		return weight{inner.depth + 1, min(1+size*inner.cost, costCap)}
	case f.Definition != nil && f.Definition.Type.Elem != nil && f.Name != "nodes" && f.Name != "edges":
		rows = listedCost
	}
	return weight{inner.depth + 1, min(rows*(1+inner.cost), costCap)}
}

// count returns the value of first or last, or nil if there is none.
func count(v any) *int {
	n, err := graphql.UnmarshalInt(v)
	if v == nil || err != nil {
		return nil
	}
	return &n
}

func refused(kind fault.Kind, message string, extensions map[string]any) *gqlerror.Error {
	if extensions == nil {
		extensions = map[string]any{}
	}
	extensions["code"] = string(kind)
	return &gqlerror.Error{Message: message, Extensions: extensions}
}
