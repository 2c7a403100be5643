package reading

import (
	"context"
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"
)

// defaultPage is how many rows a page has if neither first nor last is given.
const defaultPage = 20

// Page says which part of a list is asked for.
type Page[T any] struct {
	size          int
	backward      bool
	search        bool // for a part of the text that the list is ordered by
	after, before *position
	columns       []string
	name          string // of the type, the ordering and its direction
	order         Ordering[T]
	desc          bool
	cursors       Cursors

	// see makes the context in which the list is read, without its edges; nil: the viewer's.
	see   func(context.Context) context.Context
	short bool // whether the list is read whole anyway, to be ordered
	total bool // whether its rows tell how many there are
}

// PageSize returns how many rows first and last ask for, and whether from the
// back. It fails with Invalid if either is out of range or both are given.
func PageSize(ctx context.Context, first, last *int) (size int, backward bool, err error) {
	most := current(ctx).maxPage
	for name, n := range map[string]*int{"first": first, "last": last} {
		if n != nil && (*n < 0 || *n > most) {
			return 0, false, &Invalid{name, fmt.Sprintf("A page has 0 to %d records.", most)}
		}
	}
	switch {
	case first != nil && last != nil:
		return 0, false, &Invalid{"last", "Give first or last, not both."}
	case last != nil:
		return *last, true, nil
	case first != nil:
		return *first, false, nil
	}
	return defaultPage, false, nil
}

// After returns what the list is ordered by where the page begins; nil for the first page.
func (p *Page[T]) After() any {
	if p.after == nil {
		return nil
	}
	return p.after.value
}

// Full tells whether the rows of a window fill the page, and tell that the list goes on.
func (p *Page[T]) Full(rows []*T) bool { return len(rows) > p.size }

// Window returns the modifier that cuts the page out of a query: out of the
// whole list, or out of the list of each of several parents if column returns
// the one that has their ids.
func (p *Page[T]) Window(parents int, column func(*sql.Selector) string) func(*sql.Selector) {
	return func(s *sql.Selector) {
		by := p.between(s)
		if column != nil {
			s.AppendSelectAs(column(s), "parent")
		}
		if parents <= 1 {
			s.OrderBy(by...).Limit(p.size + 1)
			return
		}
		number := sql.RowNumber().PartitionBy(column(s)).OrderExpr(sql.ExprFunc(func(b *sql.Builder) { b.WriteString(by[0] + ", " + by[1]) }))
		rows := s.Clone().AppendSelectExprAs(number, "row_number").As("numbered")
		*s = *sql.Dialect(s.Dialect()).Select(append(slices.Clone(p.columns), "id", "parent")...).From(rows).
			Where(sql.LTE(rows.C("row_number"), p.size+1)).OrderBy(rows.C("row_number"))
	}
}

// between narrows the query to the rows between the cursors, and returns the order
// in which the page is read.
func (p *Page[T]) between(s *sql.Selector) []string {
	key := []string{s.C(p.order.Column), s.C("id")}
	if p.after != nil {
		s.Where(beyond(key, p.after, p.desc))
	}
	if p.before != nil {
		s.Where(beyond(key, p.before, !p.desc))
	}
	by := make([]string, len(key))
	for i := range key {
		if by[i] = sql.Asc(key[i]); p.desc != p.backward {
			by[i] = sql.Desc(key[i])
		}
	}
	return by
}

// beyond is the condition for rows on the other side of a position.
func beyond(key []string, at *position, desc bool) *sql.Predicate {
	if desc {
		return sql.CompositeLT(key, at.value, at.id)
	}
	return sql.CompositeGT(key, at.value, at.id)
}

// cut makes a connection of the rows of a window, which has one row too many
// if the list goes on.
func (p *Page[T]) cut(t *Table[T], rows []*T) *Connection[T] {
	more := len(rows) > p.size
	rows = rows[:min(len(rows), p.size)]
	c := &Connection[T]{table: t, size: len(rows), next: more, previous: p.after != nil, cursor: func(row int) string {
		id, _ := t.Node(rows[row])
		return p.cursors.encode(p.name, p.order.Encode(rows[row]), id)
	}}
	if p.backward {
		slices.Reverse(rows)
		c.next, c.previous = p.before != nil, more
	}
	return c
}

// Order is the argument orderBy of a connection.
type Order interface {
	// By returns what the list is ordered by, and whether in descending order.
	// field is empty if the argument was left out.
	By() (field string, desc bool)
}

// Filter is the argument filter of a connection. One that was left out narrows
// nothing.
type Filter interface {
	// Where returns the conditions of the filter. It fails with Invalid.
	Where(ctx context.Context) ([]Where, error)

	// See returns what makes the context in which the list is read: one that sees less,
	// if that is quicker than to read what the viewer sees and leave some of it out; or
	// nil. short tells that no index has the list in its order, and that it is short: it
	// is counted as it is read.
	See() (see func(context.Context) context.Context, short bool)

	// Searches returns the column in which a text is searched for, if an index
	// finds the text and nothing else of the filter takes longer for each row.
	Searches() string
}

// arguments reads the arguments of a connection, which may lack some. It fails with
// Invalid.
func (t *Table[T]) arguments(ctx context.Context, args map[string]any) (*Page[T], []Where, error) {
	p := &Page[T]{cursors: current(ctx).cursors}
	var err error
	first, _ := args["first"].(*int)
	last, _ := args["last"].(*int)
	if p.size, p.backward, err = PageSize(ctx, first, last); err != nil {
		return nil, nil, err
	}
	field, desc := t.Order, t.Desc
	if order, ok := args["orderBy"].(Order); ok {
		if f, d := order.By(); f != "" {
			field, desc = f, d
		}
	}
	direction := "ASC"
	if desc {
		direction = "DESC"
	}
	p.name, p.order, p.desc = t.Object+" "+field+" "+direction, t.Orders[field], desc
	for name, at := range map[string]**position{"after": &p.after, "before": &p.before} {
		if cursor, _ := args[name].(*string); cursor != nil {
			if *at, err = p.at(*cursor); err != nil {
				return nil, nil, &Invalid{name, "This is no position in a list of this ordering."}
			}
		}
	}
	var list []Where
	if filter, ok := args["filter"].(Filter); ok {
		p.search = filter.Searches() == p.order.Column
		p.see, p.short = filter.See()
		list, err = filter.Where(ctx)
	}
	return p, list, err
}

// at returns the position that the cursor stands for.
func (p *Page[T]) at(cursor string) (*position, error) {
	text, id, err := p.cursors.decode(p.name, cursor)
	if err != nil {
		return nil, err
	}
	value, err := p.order.Decode(text)
	return &position{value, id}, err
}

// Source is where the rows of a connection come from: the rows of a page and
// the number of rows, by parent.
type Source[T any] struct {
	Rows   func(ctx context.Context, p *Page[T]) (map[int][]*T, error)
	Counts func(ctx context.Context) (map[int]int, error)
}

// whole is the source of a list without parents; it stands under 0.
func (t *Table[T]) whole(where []Where) Source[T] {
	return Source[T]{
		Rows: func(ctx context.Context, p *Page[T]) (map[int][]*T, error) {
			if p.search {
				return t.Lists(ctx, p, nil, p.found(where))
			}
			window := p.Window(1, nil)
			if !p.total {
				return t.Lists(ctx, p, where, window)
			}
			return t.Lists(ctx, p, where, func(s *sql.Selector) {
				s.AppendSelectExprAs(sql.Raw("count(*) OVER ()"), "total")
				window(s)
			})
		},
		Counts: func(ctx context.Context) (map[int]int, error) { return t.Counts(ctx, "", where) },
	}
}

// Children is the source of the rows whose column has one of the ids.
func (t *Table[T]) Children(column string, ids []int, where []Where) Source[T] {
	where = append(where, Among(column, ids))
	return Source[T]{
		Rows: func(ctx context.Context, p *Page[T]) (map[int][]*T, error) {
			return t.Lists(ctx, p, where, p.Window(len(ids), func(s *sql.Selector) string { return s.C(column) }))
		},
		Counts: func(ctx context.Context) (map[int]int, error) { return t.Counts(ctx, column, where) },
	}
}

// Lists reads the rows of pages, by the parent that the modifier selects.
func (t *Table[T]) Lists(ctx context.Context, p *Page[T], where []Where, modify func(*sql.Selector)) (map[int][]*T, error) {
	rows, err := t.Query(ctx, slices.Clone(p.columns), where, modify).Rows(ctx)
	lists := map[int][]*T{}
	for _, row := range rows {
		_, loaded := t.Node(row)
		lists[loaded.Parent] = append(lists[loaded.Parent], row)
	}
	return lists, err
}

// List returns the page of the whole list that the field being resolved asks
// for.
func (t *Table[T]) List(ctx context.Context) (*Connection[T], error) { return t.ListIn(ctx, nil) }

// ListIn is List of what is seen in the context that see returns, unless it is nil.
func (t *Table[T]) ListIn(ctx context.Context, see func(context.Context) context.Context) (*Connection[T], error) {
	f := graphql.GetFieldContext(ctx)
	p, where, err := t.arguments(ctx, f.Args)
	if err != nil {
		return nil, err
	}
	if see != nil {
		p.see = see
	}
	pages, err := t.pages(ctx, f.Field, p, t.whole(where))
	if err != nil {
		return nil, err
	}
	if pages[0] == nil {
		pages[0] = p.cut(t, nil)
	}
	return pages[0], nil
}

// pages returns the page of each parent that has rows. It takes one statement
// for the rows, one for the counts if they are asked for and the pages do not
// tell, and what the edges of the rows take.
func (t *Table[T]) pages(ctx context.Context, f graphql.CollectedField, p *Page[T], from Source[T]) (map[int]*Connection[T], error) {
	var branches []branch[T]
	var counted, shown, placed bool // placed: each row's cursor is shown
	for _, field := range collected(ctx, f.Selections, t.Object+"Connection") {
		switch field.Name {
		case "totalCount":
			counted = true
		case "nodes":
			branches = append(branches, branch[T]{"", field.Alias, field.Selections, nil})
		case "edges":
			shown = true
			for _, edge := range collected(ctx, field.Selections, t.Object+"Edge") {
				placed = placed || edge.Name == "cursor"
				if edge.Name == "node" {
					branches = append(branches, branch[T]{field.Alias, edge.Alias, edge.Selections, nil})
				}
			}
		case "pageInfo":
			shown = true
		}
	}
	seeing := ctx
	if p.see != nil {
		seeing = p.see(ctx)
	}
	pages := map[int]*Connection[T]{}
	if p.size > 0 && (shown || branches != nil) {
		p.columns = []string{p.order.Column}
		for _, b := range branches {
			p.columns = append(p.columns, t.selected(ctx, b.selections)...)
		}
		p.columns = t.looking(ctx, p.columns)
		first := p.after == nil && p.before == nil
		p.total = p.short && counted && first
		rows, err := from.Rows(seeing, p)
		if err != nil {
			return nil, err
		}
		whole := first
		for id, rows := range rows {
			_, loaded := t.Node(rows[0])
			pages[id] = p.cut(t, rows)
			pages[id].TotalCount = max(pages[id].size, loaded.Total)
			whole = whole && (len(rows) <= p.size || loaded.Total > 0)
			switch page := rows[:pages[id].size]; {
			case branches != nil, placed:
				t.look(ctx, page, false)
			case len(page) > 0 && !current(ctx).own: // a cursor has what the list is ordered by
				t.look(ctx, []*T{page[0], page[len(page)-1]}, false)
			}
		}
		counted = counted && !whole // pages that hold whole lists tell their counts
		for i, b := range branches {
			var level []*T
			for id, page := range pages {
				b.rows = rows[id][:page.size]
				if i > 0 {
					b.rows = t.Copies(b.rows)
				}
				page.branches = append(page.branches, b)
				level = append(level, b.rows...)
			}
			if err := t.Ahead(ctx, level, b.selections); err != nil {
				return nil, err
			}
		}
	}
	if counted {
		counts, err := from.Counts(seeing)
		if err != nil {
			return nil, err
		}
		for id, n := range counts {
			if pages[id] == nil {
				pages[id] = p.cut(t, nil)
			}
			pages[id].TotalCount = n
		}
	}
	return pages, nil
}
