// Package reading answers a GraphQL selection with few statements: it reads a
// record or a page with everything that the selection asks of it, one statement
// for each edge of a level, however many rows there are, and then writes it as
// JSON. It knows no type of the schema; a Table describes one to it.
package reading

import (
	"context"
	"slices"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"
	"github.com/lib/pq"
	"github.com/vektah/gqlparser/v2/ast"
)

// Table says how one entity type is read and written.
type Table[T any] struct {
	Object  string            // the GraphQL type
	Columns map[string]string // the column that a field needs
	Orders  map[string]Ordering[T]

	// The ordering of a connection without orderBy.
	Order string
	Desc  bool

	Newest string // the column by which lists without pages are ordered, the newest row first

	// Look notes that the answer holds data of rows, of which it needs the columns that
	// LookAt returns. asked tells whether the records were asked for by their ids. Nil if
	// nobody minds who sees a row.
	Look   func(ctx context.Context, rows []*T, asked bool)
	LookAt func(ctx context.Context) []string

	Node  func(*T) (id int, loaded *Loaded)
	Bare  func(id int) *T // a record of which only the id is known
	Query func(ctx context.Context, columns []string, where []Where, modify func(*sql.Selector)) Query[T]

	Values map[string]Appender[T] // what appends a field that is a column, or computed of one
	Nested map[string]Nested[T]   // fields that are read ahead
}

// Query is a statement of ent that is ready to run, under the policy of its
// type. Rows applies the modifier after policy and conditions, Scan before them.
type Query[T any] interface {
	Rows(ctx context.Context) ([]*T, error)
	Scan(ctx context.Context, into any) error
}

// Where is a condition on the rows of a table.
type Where = func(*sql.Selector)

// As returns conditions as the predicates of one entity type.
func As[P ~func(*sql.Selector)](conditions []Where) []P {
	predicates := make([]P, len(conditions))
	for i, c := range conditions {
		predicates[i] = c
	}
	return predicates
}

// Conditions is the opposite of As.
func Conditions[P ~func(*sql.Selector)](predicates ...P) []Where {
	conditions := make([]Where, len(predicates))
	for i, p := range predicates {
		conditions[i] = p
	}
	return conditions
}

// selected returns the columns that the selections need.
func (t *Table[T]) selected(ctx context.Context, selections ast.SelectionSet) []string {
	var columns []string
	for _, f := range collected(ctx, selections, t.Object) {
		if c := t.Columns[f.Name]; c != "" {
			columns = append(columns, c)
		}
	}
	return columns
}

// looking returns the columns with those that Look needs, each once.
func (t *Table[T]) looking(ctx context.Context, columns []string) []string {
	if t.Look != nil {
		columns = append(columns, t.LookAt(ctx)...)
	}
	return distinct(columns)
}

// look notes that the answer holds data of the rows.
func (t *Table[T]) look(ctx context.Context, rows []*T, asked bool) {
	if t.Look != nil && len(rows) > 0 {
		t.Look(ctx, rows, asked)
	}
}

// Ahead reads what the selections ask of a level of rows beyond their columns.
func (t *Table[T]) Ahead(ctx context.Context, level []*T, selections ast.SelectionSet) error {
	if len(level) == 0 {
		return nil
	}
	for _, f := range collected(ctx, selections, t.Object) {
		if nested, ok := t.Nested[f.Name]; ok {
			if err := nested.Read(ctx, t, level, f); err != nil {
				return at(f, err)
			}
		}
	}
	return nil
}

// read returns the rows that match and that may be seen in the context see, with what the
// selections ask of them. asked tells whether they were asked for by their ids.
func (t *Table[T]) read(ctx, see context.Context, asked bool, selections ast.SelectionSet, where []Where, modify func(*sql.Selector)) ([]*T, error) {
	columns := t.looking(ctx, t.selected(ctx, selections))
	rows, err := t.Query(ctx, columns, where, modify).Rows(see)
	if err != nil {
		return nil, err
	}
	t.look(ctx, rows, asked)
	remember(ctx, columns, rows)
	return rows, t.Ahead(ctx, rows, selections)
}

// One returns the record with the id, as the selection of the field being
// resolved asks for it. It fails with ErrNotFound.
func (t *Table[T]) One(ctx context.Context, id int) (*T, error) {
	rows, err := t.read(ctx, ctx, true, graphql.GetFieldContext(ctx).Field.Selections, []Where{sql.FieldEQ("id", id)}, func(*sql.Selector) {})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, ErrNotFound
	}
	return rows[0], nil
}

// Shown returns what makes the answer of a mutation of the record that the
// mutation changed: it reads what the selection asks for beyond the record.
func (t *Table[T]) Shown(ctx context.Context) func(*T, error) (*T, error) {
	return func(row *T, err error) (*T, error) {
		if err != nil {
			return nil, err
		}
		t.look(ctx, []*T{row}, true)
		return row, t.Ahead(ctx, []*T{row}, graphql.GetFieldContext(ctx).Field.Selections)
	}
}

// Copies returns copies of the rows, without their edges.
func (t *Table[T]) Copies(rows []*T) []*T {
	copies := make([]*T, len(rows))
	for i, row := range rows {
		c := *row
		_, loaded := t.Node(&c)
		loaded.Clear()
		copies[i] = &c
	}
	return copies
}

// ids returns the ids of the rows, each once.
func (t *Table[T]) ids(rows []*T) []int {
	ids := make([]int, len(rows))
	for i, row := range rows {
		ids[i], _ = t.Node(row)
	}
	return distinct(ids)
}

// Counts returns the number of rows that match, by the column that has the id of
// their parent, or under 0 if column is empty.
func (t *Table[T]) Counts(ctx context.Context, column string, where []Where) (map[int]int, error) {
	if column == "" {
		return t.CountsBy(ctx, nil, where)
	}
	return t.CountsBy(ctx, func(s *sql.Selector) string { return s.C(column) }, where)
}

// CountsBy is Counts by a column of another table that the query reads, or without one.
func (t *Table[T]) CountsBy(ctx context.Context, column func(*sql.Selector) string, where []Where) (map[int]int, error) {
	var groups []struct{ Parent, Count int }
	err := t.Query(ctx, nil, where, func(s *sql.Selector) {
		if column == nil {
			s.Select(sql.As(sql.Count("*"), "count"))
		} else {
			s.Select(sql.As(column(s), "parent"), sql.As(sql.Count("*"), "count")).GroupBy(column(s))
		}
	}).Scan(ctx, &groups)
	counts := make(map[int]int, len(groups))
	for _, g := range groups {
		counts[g.Parent] = g.Count
	}
	return counts, err
}

// fewIDs is the largest number of ids that are bound one by one. More are bound as
// an array, for which PostgreSQL keeps one plan, made for ten ids; for an array of
// fewer ids it would make a new plan each time.
const fewIDs = 8

// Among is the condition that a column of the table has one of the ids. On
// PostgreSQL it has five forms, so that a statement stays prepared for any number
// of ids.
func Among(column string, ids []int) Where {
	return func(s *sql.Selector) {
		switch {
		case s.Dialect() != dialect.Postgres, len(ids) == 0:
			sql.FieldIn(column, ids...)(s)
		case len(ids) <= fewIDs:
			padded := slices.Clone(ids)
			for len(padded)&(len(padded)-1) != 0 { // no power of two
				padded = append(padded, ids[0])
			}
			sql.FieldIn(column, padded...)(s)
		default:
			list := make(pq.Int64Array, len(ids))
			for i, id := range ids {
				list[i] = int64(id)
			}
			is := s.C(column) + " = ANY("
			s.Where(sql.P(func(b *sql.Builder) { b.WriteString(is).Arg(list).WriteByte(')') }))
		}
	}
}

// distinct returns the values in ascending order, each once.
func distinct[V int | string](values []V) []V {
	slices.Sort(values)
	return slices.Compact(values)
}
