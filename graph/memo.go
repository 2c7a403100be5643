package graph

import (
	"context"
	"fmt"
	"sync"

	"caregraph/ent"
)

// memo keeps the records that a query has read by id, with the columns it read
// of them: the same few users and doctors stand behind many edges. A mutation
// changes what it read, so it has none.
type memo struct {
	mu   sync.Mutex
	rows map[string]any // map[int]*T by type, columns and what may be seen
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
	name := fmt.Sprint(t.object, columns, see == ctx)
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
