package graph

import (
	"context"
	"slices"

	"entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"caregraph/ent"
	"caregraph/internal/fault"
)

// Connection is a page of a list of T. The same records may be selected
// several times (nodes, edges, aliases of either) with other edges each, so
// every such branch of the selection has its own copy.
type Connection[T any] struct {
	TotalCount int
	table      *table[T]
	size       int
	next       bool // whether the list goes on after the page
	previous   bool // and before it
	cursor     func(row int) string
	branches   []branch[T]
}

// branch is one place of a selection that shows the records of a page.
type branch[T any] struct {
	edges, node string // response keys; edges is empty for nodes
	selections  ast.SelectionSet
	rows        []*T
}

// Edge is a record on a page, and where.
type Edge[T any] struct {
	page  *Connection[T]
	index int
	key   string // the response key of edges
}

// The connections of the contract, as gqlgen knows them.
type (
	UserConnection    = Connection[ent.User]
	UserEdge          = Edge[ent.User]
	PatientConnection = Connection[ent.Patient]
	PatientEdge       = Edge[ent.Patient]
	DoctorConnection  = Connection[ent.Doctor]
	DoctorEdge        = Edge[ent.Doctor]
	MappingConnection = Connection[ent.Mapping]
	MappingEdge       = Edge[ent.Mapping]
)

// PageInfo returns where the page stands in its list.
func (c *Connection[T]) PageInfo() *PageInfo {
	info := &PageInfo{HasNextPage: c.next, HasPreviousPage: c.previous}
	if c.size > 0 {
		first, last := c.cursor(0), c.cursor(c.size-1)
		info.StartCursor, info.EndCursor = &first, &last
	}
	return info
}

// Nodes returns the records of the page.
func (c *Connection[T]) Nodes(ctx context.Context) []*T {
	return c.rows("", graphql.GetFieldContext(ctx).Field.Alias)
}

// Edges returns the records of the page with their positions.
func (c *Connection[T]) Edges(ctx context.Context) []*Edge[T] {
	key := graphql.GetFieldContext(ctx).Field.Alias
	edges := make([]*Edge[T], c.size)
	for i := range edges {
		edges[i] = &Edge[T]{c, i, key}
	}
	return edges
}

// Cursor returns the position of the record.
func (e *Edge[T]) Cursor() string { return e.page.cursor(e.index) }

// Node returns the record.
func (e *Edge[T]) Node(ctx context.Context) *T {
	return e.page.rows(e.key, graphql.GetFieldContext(ctx).Field.Alias)[e.index]
}

func (c *Connection[T]) rows(edges, node string) []*T {
	for i := range c.branches {
		if b := &c.branches[i]; b.edges == edges && b.node == node {
			return b.rows
		}
	}
	return nil
}

// Sizes of a page.
const (
	defaultPage = 20
	maxPage     = 100   // rows in one page of a connection
	trustedPage = 1_000 // the same, for the server's own documents
)

// page says which part of a list is asked for.
type page[T any] struct {
	size          int
	backward      bool
	search        bool // for a part of the text that the list is ordered by
	after, before *position
	name          string // of the type, the ordering and its direction
	order         ordering[T]
	desc          bool
}

// pageSize returns how many rows first and last ask for, and whether from the
// back. It fails with fault.Invalid if either is out of range or both are given.
func pageSize(ctx context.Context, first, last *int) (size int, backward bool, err error) {
	most := maxPage
	if trusted(ctx) {
		most = trustedPage
	}
	for name, n := range map[string]*int{"first": first, "last": last} {
		if n != nil && (*n < 0 || *n > most) {
			return 0, false, &fault.Error{Kind: fault.Invalid, Field: name, Message: "A page has 0 to 100 records."}
		}
	}
	switch {
	case first != nil && last != nil:
		return 0, false, &fault.Error{Kind: fault.Invalid, Field: "last", Message: "Give first or last, not both."}
	case last != nil:
		return *last, true, nil
	case first != nil:
		return *first, false, nil
	}
	return defaultPage, false, nil
}

// window returns the modifier that cuts the page out of a query: out of the
// whole list, or out of the list of each of several parents if column returns
// the one that has their ids.
func (p *page[T]) window(parents int, column func(*sql.Selector) string) func(*sql.Selector) {
	return func(s *sql.Selector) {
		by := p.between(s)
		columns := s.UnqualifiedColumns()
		if column != nil {
			s.AppendSelectAs(column(s), "parent")
		}
		if parents <= 1 {
			s.OrderBy(by...).Limit(p.size + 1)
			return
		}
		number := sql.RowNumber().PartitionBy(column(s)).OrderExpr(sql.ExprFunc(func(b *sql.Builder) { b.WriteString(by[0] + ", " + by[1]) }))
		rows := s.Clone().AppendSelectExprAs(number, "row_number").As("numbered")
		*s = *sql.Dialect(s.Dialect()).Select(append(columns, "parent")...).From(rows).
			Where(sql.LTE(rows.C("row_number"), p.size+1)).OrderBy(rows.C("row_number"))
	}
}

// between leaves what is between the cursors, and returns the order in which the
// page is read.
func (p *page[T]) between(s *sql.Selector) []string {
	key := []string{s.C(p.order.column), s.C("id")}
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
func (p *page[T]) cut(r *Resolver, t *table[T], rows []*T) *Connection[T] {
	more := len(rows) > p.size
	rows = rows[:min(len(rows), p.size)]
	c := &Connection[T]{table: t, size: len(rows), next: more, previous: p.after != nil, cursor: func(row int) string {
		id, _ := t.node(rows[row])
		return r.cursors.encode(p.name, p.order.encode(rows[row]), id)
	}}
	if p.backward {
		slices.Reverse(rows)
		c.next, c.previous = p.before != nil, more
	}
	return c
}

// arguments reads the arguments that every connection has. It fails with
// fault.Invalid.
func (t *table[T]) arguments(ctx context.Context, r *Resolver, args map[string]any) (*page[T], []where, error) {
	p := &page[T]{}
	var err error
	if p.size, p.backward, err = pageSize(ctx, args["first"].(*int), args["last"].(*int)); err != nil {
		return nil, nil, err
	}
	field, direction := t.order, t.direction
	if f, d := args["orderBy"].(interface {
		by() (string, OrderDirection)
	}).by(); f != "" {
		field, direction = f, d
	}
	p.name, p.order, p.desc = t.object+" "+field+" "+string(direction), t.orders[field], direction == OrderDirectionDesc
	for name, at := range map[string]**position{"after": &p.after, "before": &p.before} {
		if cursor := args[name].(*string); cursor != nil {
			if *at, err = p.at(r.cursors, *cursor); err != nil {
				return nil, nil, &fault.Error{Kind: fault.Invalid, Field: name, Message: "This is no position in a list of this ordering."}
			}
		}
	}
	var list []where
	if filter, ok := args["filter"].(filter); ok {
		p.search = filter.searches() == p.order.column
		list, err = filter.where(ctx)
	}
	return p, list, err
}

// at returns the position that the cursor stands for.
func (p *page[T]) at(c cursors, cursor string) (*position, error) {
	text, id, err := c.decode(p.name, cursor)
	if err != nil {
		return nil, err
	}
	value, err := p.order.decode(text)
	return &position{value, id}, err
}

// source is where the rows of a connection come from: the rows of a page and
// the number of rows, by parent.
type source[T any] struct {
	rows   func(ctx context.Context, p *page[T], columns []string) (map[int][]*T, error)
	counts func(ctx context.Context) (map[int]int, error)
}

// whole is the source of a list without parents; it stands under 0.
func (t *table[T]) whole(r *Resolver, where []where) source[T] {
	return source[T]{
		rows: func(ctx context.Context, p *page[T], columns []string) (map[int][]*T, error) {
			if p.search {
				return t.lists(ctx, r, columns, nil, p.found(where))
			}
			return t.lists(ctx, r, columns, where, p.window(1, nil))
		},
		counts: func(ctx context.Context) (map[int]int, error) { return t.counts(ctx, r, "", where) },
	}
}

// children is the source of the rows whose column has one of the ids.
func (t *table[T]) children(r *Resolver, column string, ids []int, where []where) source[T] {
	where = append(where, among(column, ids))
	return source[T]{
		rows: func(ctx context.Context, p *page[T], columns []string) (map[int][]*T, error) {
			return t.lists(ctx, r, columns, where, p.window(len(ids), func(s *sql.Selector) string { return s.C(column) }))
		},
		counts: func(ctx context.Context) (map[int]int, error) { return t.counts(ctx, r, column, where) },
	}
}

// lists reads rows, by the parent that the modifier selects.
func (t *table[T]) lists(ctx context.Context, r *Resolver, columns []string, where []where, modify func(*sql.Selector)) (map[int][]*T, error) {
	rows, err := t.query(r.db(ctx), distinct(columns), where, modify).Rows(ctx)
	lists := map[int][]*T{}
	for _, row := range rows {
		_, edges := t.node(row)
		lists[edges.Parent] = append(lists[edges.Parent], row)
	}
	return lists, err
}

// counts returns the number of rows that match, by the column of their parent,
// or under 0 if column is empty.
func (t *table[T]) counts(ctx context.Context, r *Resolver, column string, where []where) (map[int]int, error) {
	var groups []struct{ Parent, Count int }
	err := t.query(r.db(ctx), nil, where, func(s *sql.Selector) {
		if column == "" {
			s.Select(sql.As(sql.Count("*"), "count"))
		} else {
			s.Select(sql.As(s.C(column), "parent"), sql.As(sql.Count("*"), "count")).GroupBy(s.C(column))
		}
	}).Scan(ctx, &groups)
	counts := make(map[int]int, len(groups))
	for _, g := range groups {
		counts[g.Parent] = g.Count
	}
	return counts, err
}

// list returns the page of the whole list that the field being resolved asks
// for.
func (t *table[T]) list(ctx context.Context, r *Resolver) (*Connection[T], error) {
	f := graphql.GetFieldContext(ctx)
	p, where, err := t.arguments(ctx, r, f.Args)
	if err != nil {
		return nil, err
	}
	pages, err := t.pages(ctx, r, f.Field, p, t.whole(r, where))
	if err != nil {
		return nil, err
	}
	if pages[0] == nil {
		pages[0] = p.cut(r, t, nil)
	}
	return pages[0], nil
}

// pages returns the page of each parent that has rows. It takes one statement
// for the rows, one for the counts if they are asked for and the pages do not
// tell, and what the edges of the rows take.
func (t *table[T]) pages(ctx context.Context, r *Resolver, f graphql.CollectedField, p *page[T], from source[T]) (map[int]*Connection[T], error) {
	var branches []branch[T]
	var counted, shown bool
	for _, field := range collected(ctx, f.Selections, t.object+"Connection") {
		switch field.Name {
		case "totalCount":
			counted = true
		case "nodes":
			branches = append(branches, branch[T]{"", field.Alias, field.Selections, nil})
		case "edges":
			shown = true
			for _, edge := range collected(ctx, field.Selections, t.object+"Edge") {
				if edge.Name == "node" {
					branches = append(branches, branch[T]{field.Alias, edge.Alias, edge.Selections, nil})
				}
			}
		case "pageInfo":
			shown = true
		}
	}
	pages := map[int]*Connection[T]{}
	if p.size > 0 && (shown || branches != nil) {
		columns := []string{p.order.column}
		for _, b := range branches {
			columns = append(columns, t.selected(ctx, b.selections)...)
		}
		rows, err := from.rows(ctx, p, columns)
		if err != nil {
			return nil, err
		}
		whole := p.after == nil && p.before == nil
		for id, rows := range rows {
			pages[id] = p.cut(r, t, rows)
			pages[id].TotalCount = pages[id].size
			whole = whole && len(rows) <= p.size
		}
		counted = counted && !whole // the pages are the lists
		for i, b := range branches {
			var level []*T
			for id, page := range pages {
				b.rows = rows[id][:page.size]
				if i > 0 {
					b.rows = t.copies(b.rows)
				}
				page.branches = append(page.branches, b)
				level = append(level, b.rows...)
			}
			if err := t.ahead(ctx, r, level, b.selections); err != nil {
				return nil, err
			}
		}
	}
	if counted {
		counts, err := from.counts(ctx)
		if err != nil {
			return nil, err
		}
		for id, n := range counts {
			if pages[id] == nil {
				pages[id] = p.cut(r, t, nil)
			}
			pages[id].TotalCount = n
		}
	}
	return pages, nil
}
