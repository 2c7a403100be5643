package reading

import (
	"context"
	"errors"
	"io"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Records and connections write themselves, with everything below them. All of
// that was read ahead, so nothing can fail any more. gqlgen would take a goroutine
// for each record and several allocations for each field. What is written is the
// same to the byte.

// Appender appends a value as JSON.
type Appender[T any] = func(b []byte, row *T) []byte

// field is one member of an object, ready to be appended.
type field[T any] struct {
	key   string // `"alias":`
	value Appender[T]
}

// Append appends the record with the selections, all of which was read ahead.
func (t *Table[T]) Append(ctx context.Context, b []byte, record *T, selections ast.SelectionSet) []byte {
	return t.writer(ctx, selections)(b, record)
}

// MarshalGQLContext writes the page for the field being resolved.
func (c *Connection[T]) MarshalGQLContext(ctx context.Context, w io.Writer) error {
	return Write(ctx, w, c)
}

// Append appends the page with the selections, all of which was read ahead.
func (c *Connection[T]) Append(ctx context.Context, b []byte, selections ast.SelectionSet) []byte {
	return c.table.connection(ctx, selections)(b, c)
}

// UnmarshalGQLContext is there because gqlgen takes only a type that has both.
func (c *Connection[T]) UnmarshalGQLContext(context.Context, any) error {
	return errors.New("a connection is no input")
}

// writer returns what writes a record with the selections.
func (t *Table[T]) writer(ctx context.Context, selections ast.SelectionSet) Appender[T] {
	selected := collected(ctx, selections, t.Object)
	fields := make([]field[T], len(selected))
	for i, f := range selected {
		fields[i] = field[T]{`"` + f.Alias + `":`, t.value(ctx, f)}
	}
	return object(fields)
}

// value returns what writes one field of a record.
func (t *Table[T]) value(ctx context.Context, f graphql.CollectedField) Appender[T] {
	switch {
	case f.Name == "__typename":
		return typename[T](t.Object)
	case f.Name == "id":
		return func(b []byte, row *T) []byte {
			id, _ := t.Node(row)
			return AppendID(b, id)
		}
	}
	if nested, ok := t.Nested[f.Name]; ok {
		write := nested.Write(ctx, f)
		return func(b []byte, row *T) []byte {
			_, loaded := t.Node(row)
			v, _ := loaded.Get(f.Alias)
			return write(b, v)
		}
	}
	return t.Values[f.Name]
}

// connection returns what writes a page with the selections.
func (t *Table[T]) connection(ctx context.Context, selections ast.SelectionSet) Appender[Connection[T]] {
	type page = Connection[T]
	var fields []field[page]
	for _, f := range collected(ctx, selections, t.Object+"Connection") {
		var value Appender[page]
		switch f.Name {
		case "totalCount":
			value = func(b []byte, c *page) []byte { return AppendInt(b, c.TotalCount) }
		case "pageInfo":
			info := pageInfo(collected(ctx, f.Selections, "PageInfo"))
			value = func(b []byte, c *page) []byte { return info(b, c.PageInfo()) }
		case "nodes":
			write := t.writer(ctx, f.Selections)
			value = func(b []byte, c *page) []byte { return list(b, c.rows("", f.Alias), write) }
		case "edges":
			write := t.edgeWriter(ctx, f)
			value = func(b []byte, c *page) []byte {
				b = append(b, '[')
				for i := range c.size {
					if i > 0 {
						b = append(b, ',')
					}
					b = write(b, &Edge[T]{c, i, f.Alias})
				}
				return append(b, ']')
			}
		default:
			value = typename[page](t.Object + "Connection")
		}
		fields = append(fields, field[page]{`"` + f.Alias + `":`, value})
	}
	return object(fields)
}

// edgeWriter returns what writes an edge with the selections of the field edges.
func (t *Table[T]) edgeWriter(ctx context.Context, edges graphql.CollectedField) Appender[Edge[T]] {
	var fields []field[Edge[T]]
	for _, f := range collected(ctx, edges.Selections, t.Object+"Edge") {
		var value Appender[Edge[T]]
		switch f.Name {
		case "cursor":
			value = func(b []byte, e *Edge[T]) []byte { return AppendString(b, e.page.cursor(e.index)) }
		case "node":
			write := t.writer(ctx, f.Selections)
			value = func(b []byte, e *Edge[T]) []byte { return write(b, e.page.rows(e.key, f.Alias)[e.index]) }
		default:
			value = typename[Edge[T]](t.Object + "Edge")
		}
		fields = append(fields, field[Edge[T]]{`"` + f.Alias + `":`, value})
	}
	return object(fields)
}

func pageInfo(selected []graphql.CollectedField) Appender[PageInfo] {
	fields := make([]field[PageInfo], len(selected))
	for i, f := range selected {
		fields[i] = field[PageInfo]{`"` + f.Alias + `":`, map[string]Appender[PageInfo]{
			"hasNextPage":     func(b []byte, p *PageInfo) []byte { return AppendBool(b, p.HasNextPage) },
			"hasPreviousPage": func(b []byte, p *PageInfo) []byte { return AppendBool(b, p.HasPreviousPage) },
			"startCursor":     func(b []byte, p *PageInfo) []byte { return AppendOptional(b, p.StartCursor, AppendString) },
			"endCursor":       func(b []byte, p *PageInfo) []byte { return AppendOptional(b, p.EndCursor, AppendString) },
			"__typename":      typename[PageInfo]("PageInfo"),
		}[f.Name]}
	}
	return object(fields)
}

func object[T any](fields []field[T]) Appender[T] {
	return func(b []byte, row *T) []byte {
		b = append(b, '{')
		for i := range fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = fields[i].value(append(b, fields[i].key...), row)
		}
		return append(b, '}')
	}
}

func list[T any](b []byte, rows []*T, write Appender[T]) []byte {
	b = append(b, '[')
	for i, row := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = write(b, row)
	}
	return append(b, ']')
}

func typename[T any](name string) Appender[T] {
	return func(b []byte, _ *T) []byte { return append(append(append(b, '"'), name...), '"') }
}
