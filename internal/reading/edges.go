package reading

import (
	"context"
	"maps"
	"slices"

	"entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"
)

// Nested is a field of T that is read ahead for all records of a level at once,
// before any of them is written.
type Nested[T any] struct {
	// Read reads the field f of the parents and puts it under f's response key.
	Read func(ctx context.Context, from *Table[T], parents []*T, f graphql.CollectedField) error

	// Write returns what appends the value that Read put there.
	Write func(ctx context.Context, f graphql.CollectedField) func(b []byte, v any) []byte
}

// ToOne is an edge to one record, whose id is what key returns. The record is read
// in the context that see returns, or in the viewer's own if see is nil. Whoever
// sees the parent may know that the record exists, so its id, and edges that need
// only the id, take no statement.
func ToOne[P, C any](to *Table[C], key func(*P) int, see func(context.Context) context.Context) Nested[P] {
	read := func(ctx context.Context, from *Table[P], parents []*P, f graphql.CollectedField) error {
		ids := make([]int, len(parents))
		for i, p := range parents {
			ids[i] = key(p)
		}
		needed := distinct(slices.Clone(ids))
		var found map[int]*C
		var err error
		if columns := distinct(to.selected(ctx, f.Selections)); len(columns) > 0 {
			seeing := ctx
			if see != nil {
				seeing = see(ctx)
			}
			found, err = remembered(ctx, seeing, to, columns, needed)
		} else {
			found = make(map[int]*C, len(needed))
			for _, id := range needed {
				found[id] = to.Bare(id)
			}
		}
		if err != nil {
			return err
		}
		for i, p := range parents {
			row := found[ids[i]]
			if row == nil {
				return ErrNotFound
			}
			_, loaded := from.Node(p)
			loaded.Put(f.Alias, row)
		}
		return to.Ahead(ctx, slices.Collect(maps.Values(found)), f.Selections)
	}
	return Nested[P]{read, func(ctx context.Context, f graphql.CollectedField) func([]byte, any) []byte {
		write := to.writer(ctx, f.Selections)
		return func(b []byte, v any) []byte { return write(b, v.(*C)) }
	}}
}

// ToOptional is an edge to one record or none: keys returns the ids of the records by
// those of the parents. It is null for a parent without one, and if the record may not be
// seen in the context that see returns, or in the viewer's own if see is nil.
func ToOptional[P, C any](to *Table[C], keys func(ctx context.Context, parents []*P) (map[int]int, error), see func(context.Context) context.Context) Nested[P] {
	read := func(ctx context.Context, from *Table[P], parents []*P, f graphql.CollectedField) error {
		ids, err := keys(ctx, parents)
		if err != nil {
			return err
		}
		found, seeing := map[int]*C{}, ctx
		if see != nil {
			seeing = see(ctx)
		}
		if len(ids) > 0 {
			columns := distinct(to.selected(ctx, f.Selections))
			if found, err = remembered(ctx, seeing, to, columns, distinct(slices.Collect(maps.Values(ids)))); err != nil {
				return err
			}
		}
		for _, p := range parents {
			id, loaded := from.Node(p)
			loaded.Put(f.Alias, found[ids[id]])
		}
		return to.Ahead(ctx, slices.Collect(maps.Values(found)), f.Selections)
	}
	return Nested[P]{read, func(ctx context.Context, f graphql.CollectedField) func([]byte, any) []byte {
		write := to.writer(ctx, f.Selections)
		return func(b []byte, v any) []byte {
			if row := v.(*C); row != nil {
				return write(b, row)
			}
			return append(b, "null"...)
		}
	}}
}

// ToValues is a list that the record holds itself.
func ToValues[P, C any](to *Table[C], of func(*P) ([]*C, error)) Nested[P] {
	read := func(_ context.Context, from *Table[P], parents []*P, f graphql.CollectedField) error {
		for _, p := range parents {
			values, err := of(p)
			if err != nil {
				return err
			}
			_, loaded := from.Node(p)
			loaded.Put(f.Alias, values)
		}
		return nil
	}
	return Nested[P]{read, writeList(to)}
}

// Rows says which rows an edge leads to: those that match, from the parents with
// these ids. The modifier selects the id of the parent as "parent", and orders
// the rows.
type Rows func(ctx context.Context, f graphql.CollectedField, ids []int) (where []Where, modify func(*sql.Selector), err error)

// ToMany is the edge to a whole list of records, which is read in the context that see
// returns, or in the viewer's own if see is nil.
func ToMany[P, C any](to *Table[C], rows Rows, see func(context.Context) context.Context) Nested[P] {
	read := func(ctx context.Context, from *Table[P], parents []*P, f graphql.CollectedField) error {
		seeing := ctx
		if see != nil {
			seeing = see(ctx)
		}
		where, modify, err := rows(seeing, f, from.ids(parents))
		if err != nil {
			return err
		}
		children, err := to.read(ctx, seeing, false, f.Selections, where, modify)
		if err != nil {
			return err
		}
		lists := make(map[int][]*C, len(parents))
		for _, row := range children {
			_, loaded := to.Node(row)
			lists[loaded.Parent] = append(lists[loaded.Parent], row)
		}
		for _, p := range parents {
			id, loaded := from.Node(p)
			loaded.Put(f.Alias, lists[id])
		}
		return nil
	}
	return Nested[P]{read, writeList(to)}
}

// writeList returns what writes a list of records.
func writeList[C any](to *Table[C]) func(context.Context, graphql.CollectedField) func([]byte, any) []byte {
	return func(ctx context.Context, f graphql.CollectedField) func([]byte, any) []byte {
		write := to.writer(ctx, f.Selections)
		return func(b []byte, v any) []byte { return list(b, v.([]*C), write) }
	}
}

// OfParent returns the rows whose column has the id of the parent and that match
// where, the newest first.
func (t *Table[T]) OfParent(column string, where func(ctx context.Context, f graphql.CollectedField) ([]Where, error)) Rows {
	return func(ctx context.Context, f graphql.CollectedField, ids []int) ([]Where, func(*sql.Selector), error) {
		conditions, err := where(ctx, f)
		return append(conditions, Among(column, ids)), func(s *sql.Selector) {
			s.AppendSelectAs(s.C(column), "parent").OrderBy(sql.Desc(s.C(t.Newest)), sql.Desc(s.C("id")))
		}, err
	}
}

// Arguments reads the arguments of a field as gqlgen does.
type Arguments func(ctx context.Context, raw map[string]any) (map[string]any, error)

// ToPages is the edge to a connection. list says where the records of the
// parents with these ids come from.
func ToPages[P, C any](to *Table[C], read Arguments, list func(ctx context.Context, ids []int, where []Where) Source[C]) Nested[P] {
	ahead := func(ctx context.Context, from *Table[P], parents []*P, f graphql.CollectedField) error {
		args, err := read(ctx, f.ArgumentMap(graphql.GetOperationContext(ctx).Variables))
		if err != nil {
			return err
		}
		p, where, err := to.arguments(ctx, args)
		if err != nil {
			return err
		}
		pages, err := to.pages(ctx, f, p, list(ctx, from.ids(parents), where))
		if err != nil {
			return err
		}
		for _, parent := range parents {
			id, loaded := from.Node(parent)
			if pages[id] == nil {
				pages[id] = p.cut(to, nil)
			}
			loaded.Put(f.Alias, pages[id])
		}
		return nil
	}
	return Nested[P]{ahead, func(ctx context.Context, f graphql.CollectedField) func([]byte, any) []byte {
		write := to.connection(ctx, f.Selections)
		return func(b []byte, v any) []byte { return write(b, v.(*Connection[C])) }
	}}
}

// Value returns what a Nested read ahead for the field that is being resolved. A
// record that writes itself does not call it; gqlgen's own writing does, and a test
// compares the two.
func Value[V, T any](ctx context.Context, t *Table[T], record *T) (V, error) {
	_, loaded := t.Node(record)
	v, _ := loaded.Get(graphql.GetFieldContext(ctx).Field.Alias)
	return v.(V), nil
}
