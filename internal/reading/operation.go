package reading

import (
	"context"
	"slices"
	"sync"

	"entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// operation is what one GraphQL operation shares while it is executed.
type operation struct {
	cursors Cursors
	maxPage int  // most rows of a page
	own     bool // whether the document is the server's own, which keeps cursors to itself
	write   Writer

	// A query keeps the records that it has read, with the columns it read of
	// them: the same few users and doctors are behind many edges. A mutation
	// changes what it read, so it keeps none.
	finding sync.Mutex // held while looking for records and reading missing ones
	mu      sync.Mutex
	batches []any // *batch[T] of every type; a batch is not changed after it was added

	// What each selection asks for, which is needed several times.
	asking sync.Mutex
	asked  map[selection][]graphql.CollectedField
}

type operationKey struct{}

// Begin returns the context of one operation. A page has at most maxPage rows;
// records are written by write. own tells that the document is the server's own, whose
// cursors no client sees.
func Begin(ctx context.Context, cursors Cursors, maxPage int, own bool, write Writer) context.Context {
	return context.WithValue(ctx, operationKey{}, &operation{cursors: cursors, maxPage: maxPage, own: own, write: write})
}

// current returns the operation of the context, or nil.
func current(ctx context.Context) *operation {
	o, _ := ctx.Value(operationKey{}).(*operation)
	return o
}

// selection names a selection set that is not empty, on an object type.
type selection struct {
	first  *ast.Selection
	size   int
	object string
}

// collected returns the fields that the selections ask of an object of the type.
func collected(ctx context.Context, selections ast.SelectionSet, object string) []graphql.CollectedField {
	executed := graphql.GetOperationContext(ctx)
	if len(selections) == 0 {
		return nil
	}
	o := current(ctx)
	o.asking.Lock()
	defer o.asking.Unlock()
	key := selection{&selections[0], len(selections), object}
	known, ok := o.asked[key]
	if !ok {
		known = graphql.CollectFields(executed, selections, []string{object})
		if o.asked == nil {
			o.asked = map[selection][]graphql.CollectedField{}
		}
		o.asked[key] = known
	}
	return known
}

// batch holds records that one statement read.
type batch[T any] struct {
	columns []string
	past    bool // whether deleted records may be among them

	// root is the root field whose reading gives the rows edges. Other root
	// fields are read at the same time and must not touch them. It is nil if the
	// rows never get edges.
	root *graphql.RootFieldContext
	rows []*T
	byID map[int]*T // the rows, made at the first look-up
}

func (o *operation) add(b any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.batches = append(o.batches, b)
}

func (o *operation) all() []any {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.batches
}

// isQuery tells whether a query is executed, or what a subscription tells of one event.
func isQuery(ctx context.Context) bool {
	return graphql.GetOperationContext(ctx).Operation.Operation != ast.Mutation
}

// remember keeps what a statement read for the root field that is being resolved.
func remember[T any](ctx context.Context, columns []string, rows []*T) {
	if isQuery(ctx) && len(rows) > 0 {
		current(ctx).add(&batch[T]{columns: columns, root: graphql.GetRootFieldContext(ctx), rows: rows})
	}
}

// remembered returns the records with these ids and columns, by id, each without
// edges. It reads those that were not read before. The context see decides which
// of them may be seen.
func remembered[T any](ctx, see context.Context, t *Table[T], columns []string, ids []int) (map[int]*T, error) {
	o := current(ctx)
	if !isQuery(ctx) {
		o = &operation{} // without an operation nothing is remembered
	}
	o.finding.Lock()
	defer o.finding.Unlock()
	past, root := see != ctx, graphql.GetRootFieldContext(ctx)
	found := make(map[int]*T, len(ids))
	missing := ids
	for _, b := range o.all() {
		if b, ok := b.(*batch[T]); ok && b.serves(columns, past, root) {
			missing = slices.DeleteFunc(slices.Clone(missing), func(id int) bool {
				row := b.row(t, id)
				if row != nil {
					found[id] = t.Copies([]*T{row})[0]
				}
				return row != nil
			})
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	columns = t.looking(ctx, columns)
	rows, err := t.Query(ctx, columns, []Where{Among("id", missing)}, func(*sql.Selector) {}).Rows(see)
	if err != nil {
		return nil, err
	}
	t.look(ctx, rows, false)
	o.add(&batch[T]{columns: columns, past: past, rows: rows})
	for _, row := range t.Copies(rows) {
		id, _ := t.Node(row)
		found[id] = row
	}
	return found, nil
}

// serves tells whether the rows have these columns and may be used in the root
// field. past tells whether the reader sees deleted records, too.
func (b *batch[T]) serves(columns []string, past bool, root *graphql.RootFieldContext) bool {
	return (b.root == nil || b.root == root) && (past || !b.past) &&
		!slices.ContainsFunc(columns, func(column string) bool { return !slices.Contains(b.columns, column) })
}

// row returns the row with the id, or nil.
func (b *batch[T]) row(t *Table[T], id int) *T {
	if b.byID == nil {
		b.byID = make(map[int]*T, len(b.rows))
		for _, row := range b.rows {
			id, _ := t.Node(row)
			b.byID[id] = row
		}
	}
	return b.byID[id]
}
