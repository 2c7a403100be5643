package reading

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Connection is a page of a list of T. The same records may be selected
// several times (nodes, edges, aliases of either) with other edges each, so
// every such branch of the selection has its own copy.
type Connection[T any] struct {
	TotalCount int
	table      *Table[T]
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

// Edge is a record on a page and its position.
type Edge[T any] struct {
	page  *Connection[T]
	index int
	key   string // the response key of edges
}

// PageInfo says where a page stands in its list.
type PageInfo struct {
	HasNextPage     bool
	HasPreviousPage bool
	StartCursor     *string // nil for a page without records
	EndCursor       *string
}

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
