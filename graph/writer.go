package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"caregraph/ent"
	"caregraph/ent/patient"
	"caregraph/internal/loaded"
	"caregraph/internal/wire"
)

// Records and connections write themselves, with everything below them: all of
// that was read ahead, so nothing can fail any more, and gqlgen would take a
// goroutine for each record and several allocations for each field. What is
// written is the same to the byte.

// appender appends a value as JSON.
type appender[T any] = func(b []byte, row *T) []byte

// field is one member of an object, ready to be appended.
type field[T any] struct {
	key   string // `"alias":`
	value appender[T]
}

// writeField is the loaded.Writer of every operation. It fails if what the
// selection asks for was not read ahead.
func writeField(ctx context.Context, w io.Writer, v any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = recovered(ctx, p)
		}
	}()
	selections := selectionsOf(graphql.GetFieldContext(ctx))
	var b []byte
	switch v := v.(type) {
	case *ent.User:
		b = users.writer(ctx, selections)(nil, v)
	case *ent.Patient:
		b = patients.writer(ctx, selections)(nil, v)
	case *ent.Doctor:
		b = doctors.writer(ctx, selections)(nil, v)
	case *ent.Mapping:
		b = mappings.writer(ctx, selections)(nil, v)
	case interface {
		json(context.Context, ast.SelectionSet) []byte
	}:
		b = v.json(ctx, selections)
	default:
		return fmt.Errorf("%T cannot be written", v)
	}
	_, err = w.Write(b)
	return err
}

// selectionsOf returns what the field asks for. An element of a list has a
// context of its own, which knows only its index.
func selectionsOf(f *graphql.FieldContext) ast.SelectionSet {
	for f.Index != nil {
		f = f.Parent
	}
	return f.Field.Selections
}

// MarshalGQLContext writes the page for the field being resolved.
func (c *Connection[T]) MarshalGQLContext(ctx context.Context, w io.Writer) error {
	return loaded.Write(ctx, w, c)
}

func (c *Connection[T]) json(ctx context.Context, selections ast.SelectionSet) []byte {
	return c.table.connection(ctx, selections)(nil, c)
}

// UnmarshalGQLContext is there because gqlgen takes only a type that has both.
func (c *Connection[T]) UnmarshalGQLContext(context.Context, any) error {
	return errors.New("a connection is no input")
}

// writer returns what writes a record with the selections.
func (t *table[T]) writer(ctx context.Context, selections ast.SelectionSet) appender[T] {
	selected := collected(ctx, selections, t.object)
	fields := make([]field[T], len(selected))
	for i, f := range selected {
		fields[i] = field[T]{`"` + f.Alias + `":`, t.value(ctx, f)}
	}
	return object(fields)
}

// value returns what writes one field of a record.
func (t *table[T]) value(ctx context.Context, f graphql.CollectedField) appender[T] {
	switch {
	case f.Name == "__typename":
		return typename[T](t.object)
	case f.Name == "id":
		return func(b []byte, row *T) []byte {
			id, _ := t.node(row)
			return wire.ID(b, id)
		}
	case t.nested[f.Name] != nil:
		write := t.nested[f.Name](ctx, f)
		return func(b []byte, row *T) []byte {
			_, edges := t.node(row)
			v, _ := edges.Get(f.Alias)
			return write(b, v)
		}
	}
	return t.scalars[f.Name]
}

// connection returns what writes a page with the selections.
func (t *table[T]) connection(ctx context.Context, selections ast.SelectionSet) appender[Connection[T]] {
	type page = Connection[T]
	var fields []field[page]
	for _, f := range collected(ctx, selections, t.object+"Connection") {
		var value appender[page]
		switch f.Name {
		case "totalCount":
			value = func(b []byte, c *page) []byte { return wire.Int(b, c.TotalCount) }
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
			value = typename[page](t.object + "Connection")
		}
		fields = append(fields, field[page]{`"` + f.Alias + `":`, value})
	}
	return object(fields)
}

// edgeWriter returns what writes an edge with the selections of the field edges.
func (t *table[T]) edgeWriter(ctx context.Context, edges graphql.CollectedField) appender[Edge[T]] {
	var fields []field[Edge[T]]
	for _, f := range collected(ctx, edges.Selections, t.object+"Edge") {
		var value appender[Edge[T]]
		switch f.Name {
		case "cursor":
			value = func(b []byte, e *Edge[T]) []byte { return wire.String(b, e.page.cursor(e.index)) }
		case "node":
			write := t.writer(ctx, f.Selections)
			value = func(b []byte, e *Edge[T]) []byte { return write(b, e.page.rows(e.key, f.Alias)[e.index]) }
		default:
			value = typename[Edge[T]](t.object + "Edge")
		}
		fields = append(fields, field[Edge[T]]{`"` + f.Alias + `":`, value})
	}
	return object(fields)
}

func pageInfo(selected []graphql.CollectedField) appender[PageInfo] {
	fields := make([]field[PageInfo], len(selected))
	for i, f := range selected {
		fields[i] = field[PageInfo]{`"` + f.Alias + `":`, map[string]appender[PageInfo]{
			"hasNextPage":     func(b []byte, p *PageInfo) []byte { return wire.Bool(b, p.HasNextPage) },
			"hasPreviousPage": func(b []byte, p *PageInfo) []byte { return wire.Bool(b, p.HasPreviousPage) },
			"startCursor":     func(b []byte, p *PageInfo) []byte { return wire.Optional(b, p.StartCursor, wire.String) },
			"endCursor":       func(b []byte, p *PageInfo) []byte { return wire.Optional(b, p.EndCursor, wire.String) },
			"__typename":      typename[PageInfo]("PageInfo"),
		}[f.Name]}
	}
	return object(fields)
}

// toOneWriter, toManyWriter and toPagesWriter return what writes an edge that
// was read ahead.
func toOneWriter[C any](to *table[C]) func(context.Context, graphql.CollectedField) func([]byte, any) []byte {
	return func(ctx context.Context, f graphql.CollectedField) func([]byte, any) []byte {
		write := to.writer(ctx, f.Selections)
		return func(b []byte, v any) []byte { return write(b, v.(*C)) }
	}
}

func toManyWriter[C any](to *table[C]) func(context.Context, graphql.CollectedField) func([]byte, any) []byte {
	return func(ctx context.Context, f graphql.CollectedField) func([]byte, any) []byte {
		write := to.writer(ctx, f.Selections)
		return func(b []byte, v any) []byte { return list(b, v.([]*C), write) }
	}
}

func toPagesWriter[C any](to *table[C]) func(context.Context, graphql.CollectedField) func([]byte, any) []byte {
	return func(ctx context.Context, f graphql.CollectedField) func([]byte, any) []byte {
		write := to.connection(ctx, f.Selections)
		return func(b []byte, v any) []byte { return write(b, v.(*Connection[C])) }
	}
}

func object[T any](fields []field[T]) appender[T] {
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

func list[T any](b []byte, rows []*T, write appender[T]) []byte {
	b = append(b, '[')
	for i, row := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = write(b, row)
	}
	return append(b, ']')
}

func typename[T any](name string) appender[T] {
	return func(b []byte, _ *T) []byte { return append(append(append(b, '"'), name...), '"') }
}

// What is written of each type: the plain fields, what is computed of them, and
// what was read ahead.
func init() {
	users.scalars = with(ent.UserValues, map[string]appender[ent.User]{
		"role": func(b []byte, u *ent.User) []byte {
			return wire.String(b, marshalNRole2caregraphᚋentᚋuserᚐRoleF[u.Role])
		},
	})
	users.nested = nested{"patients": toPagesWriter(&patients), "sessions": toManyWriter(&sessions)}

	sessions.scalars = ent.SessionValues
	sessions.nested = nested{"current": func(context.Context, graphql.CollectedField) func([]byte, any) []byte {
		return func(b []byte, is any) []byte { return wire.Bool(b, is.(bool)) }
	}}

	patients.scalars = with(ent.PatientValues, map[string]appender[ent.Patient]{
		"age": func(b []byte, p *ent.Patient) []byte { return wire.Int(b, p.DateOfBirth.Age(time.Now())) },
		"gender": func(b []byte, p *ent.Patient) []byte {
			return wire.String(b, marshalNGender2caregraphᚋentᚋpatientᚐGenderF[p.Gender])
		},
		"bloodGroup": func(b []byte, p *ent.Patient) []byte {
			return wire.Optional(b, p.BloodGroup, func(b []byte, g patient.BloodGroup) []byte {
				return wire.String(b, marshalNBloodGroup2caregraphᚋentᚋpatientᚐBloodGroupF[g])
			})
		},
	})
	patients.nested = nested{"createdBy": toOneWriter(&users), "mappings": toManyWriter(&mappings), "doctors": toManyWriter(&doctors)}

	doctors.scalars = ent.DoctorValues
	doctors.nested = nested{"patients": toPagesWriter(&patients), "mappings": toPagesWriter(&mappings)}

	mappings.scalars = ent.MappingValues
	mappings.nested = nested{"patient": toOneWriter(&patients), "doctor": toOneWriter(&doctors), "createdBy": toOneWriter(&users)}
}

// nested has what writes each field of a type that is read ahead.
type nested map[string]func(context.Context, graphql.CollectedField) func([]byte, any) []byte
