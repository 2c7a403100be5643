package graph

import (
	"context"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"caregraph/ent"
)

// memo keeps the records that a query has read by id, with the columns it read
// of them: the same few users and doctors stand behind many edges. A mutation
// changes what it read, so it has none. It also keeps what each selection asks
// for, which one operation wants to know several times.
type memo struct {
	mu   sync.Mutex
	rows map[string]any // map[int]*T by type, columns and what may be seen

	asking sync.Mutex
	asked  map[selection][]graphql.CollectedField
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

// remembered returns the records with these ids and columns that may be seen
// in the context see, each without edges.
func remembered[T any](ctx, see context.Context, r *Resolver, t *table[T], columns []string, ids []int) (map[int]*T, error) {
	m, _ := ctx.Value(memoKey{}).(*memo)
	if m == nil || ent.FromContext(ctx) != nil {
		m = &memo{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	name := t.object + " " + strings.Join(columns, " ")
	if see != ctx {
		name += " past"
	}
	known, _ := m.rows[name].(map[int]*T)
	if known == nil {
		known = map[int]*T{}
	}
	var missing []int
	for _, id := range ids {
		if known[id] == nil {
			missing = append(missing, id)
		}
	}
	if missing != nil {
		rows, err := t.query(r.db(ctx), columns, []where{among("id", missing)}, unchanged).Rows(see)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			id, _ := t.node(row)
			known[id] = row
		}
		if m.rows == nil {
			m.rows = map[string]any{}
		}
		m.rows[name] = known
	}
	found := make(map[int]*T, len(ids))
	for _, id := range ids {
		if row := known[id]; row != nil {
			found[id] = t.copies([]*T{row})[0]
		}
	}
	return found, nil
}
