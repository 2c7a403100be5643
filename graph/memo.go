package graph

import (
	"context"
	"slices"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// memo keeps the records that a query has read, with the columns it read of
// them: the same few users and doctors stand behind many edges. A mutation
// changes what it read, so it keeps none. It also keeps what each selection asks
// for, which one operation wants to know several times.
type memo struct {
	finding sync.Mutex // while somebody reads, who may find what others look for
	mu      sync.Mutex
	batches []any // *batch[T] of every type; one that is there stays as it is

	asking sync.Mutex
	asked  map[selection][]graphql.CollectedField
}

// batch are records that one statement read.
type batch[T any] struct {
	columns []string
	past    bool // whether deleted ones are among them

	// root is the root field whose reading gives the rows edges, while others are
	// read at the same time; nil if nobody gives them any.
	root *graphql.RootFieldContext
	rows []*T
	byID map[int]*T // the rows, once somebody looked for one
}

// selection names a selection set that is not empty on an object type.
type selection struct {
	first  *ast.Selection
	size   int
	object string
}

// collected returns what the selections ask of an object of the type.
func collected(ctx context.Context, selections ast.SelectionSet, object string) []graphql.CollectedField {
	operation := graphql.GetOperationContext(ctx)
	m, _ := ctx.Value(memoKey{}).(*memo)
	if m == nil || len(selections) == 0 {
		return graphql.CollectFields(operation, selections, []string{object})
	}
	m.asking.Lock()
	defer m.asking.Unlock()
	key := selection{&selections[0], len(selections), object}
	known, ok := m.asked[key]
	if !ok {
		known = graphql.CollectFields(operation, selections, []string{object})
		if m.asked == nil {
			m.asked = map[selection][]graphql.CollectedField{}
		}
		m.asked[key] = known
	}
	return known
}

type memoKey struct{}

// memoOf returns the memo of a query, or nil.
func memoOf(ctx context.Context) *memo {
	if graphql.GetOperationContext(ctx).Operation.Operation != ast.Query {
		return nil
	}
	m, _ := ctx.Value(memoKey{}).(*memo)
	return m
}

func (m *memo) add(b any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches = append(m.batches, b)
}

func (m *memo) all() []any {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.batches
}

// remember keeps what a statement read for the root field being resolved.
func remember[T any](ctx context.Context, columns []string, rows []*T) {
	if m := memoOf(ctx); m != nil && len(rows) > 0 {
		m.add(&batch[T]{columns: columns, root: graphql.GetRootFieldContext(ctx), rows: rows})
	}
}

// remembered returns the records with these ids and columns that may be seen
// in the context see, each without edges.
func remembered[T any](ctx, see context.Context, r *Resolver, t *table[T], columns []string, ids []int) (map[int]*T, error) {
	m := memoOf(ctx)
	if m == nil {
		m = &memo{}
	}
	m.finding.Lock()
	defer m.finding.Unlock()
	past, root := see != ctx, graphql.GetRootFieldContext(ctx)
	found := make(map[int]*T, len(ids))
	missing := ids
	for _, b := range m.all() {
		if b, ok := b.(*batch[T]); ok && b.serves(columns, past, root) {
			missing = slices.DeleteFunc(slices.Clone(missing), func(id int) bool {
				row := b.row(t, id)
				if row != nil {
					found[id] = t.copies([]*T{row})[0]
				}
				return row != nil
			})
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	rows, err := t.query(r.db(ctx), columns, []where{among("id", missing)}, unchanged).Rows(see)
	if err != nil {
		return nil, err
	}
	m.add(&batch[T]{columns: columns, past: past, rows: rows})
	for _, row := range t.copies(rows) {
		id, _ := t.node(row)
		found[id] = row
	}
	return found, nil
}

// serves tells whether the rows have these columns and may be read in the root
// field, by one who sees what is deleted or not.
func (b *batch[T]) serves(columns []string, past bool, root *graphql.RootFieldContext) bool {
	return (b.root == nil || b.root == root) && (past || !b.past) &&
		!slices.ContainsFunc(columns, func(column string) bool { return !slices.Contains(b.columns, column) })
}

// row returns the row with the id, or nil.
func (b *batch[T]) row(t *table[T], id int) *T {
	if b.byID == nil {
		b.byID = make(map[int]*T, len(b.rows))
		for _, row := range b.rows {
			id, _ := t.node(row)
			b.byID[id] = row
		}
	}
	return b.byID[id]
}
