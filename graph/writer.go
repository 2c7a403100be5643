package graph

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"caregraph/ent"
	"caregraph/internal/scalar"
)

// A connection writes itself, with everything below it: all of that was read
// ahead, so nothing can fail any more, and gqlgen would take a goroutine for
// each record and several allocations for each field. What is written is the
// same to the byte.

// appender appends a value as JSON.
type appender[T any] func(b []byte, row *T) []byte

// field is one member of an object, ready to be appended.
type field[T any] struct {
	key   string // `"alias":`
	value appender[T]
}

// MarshalGQLContext writes the page for the field being resolved.
func (c *Connection[T]) MarshalGQLContext(ctx context.Context, w io.Writer) error {
	f := graphql.GetFieldContext(ctx).Field
	_, err := w.Write(c.table.connection(ctx, f.Selections)(nil, c))
	return err
}

// UnmarshalGQLContext is there because gqlgen takes only a type that has both.
func (c *Connection[T]) UnmarshalGQLContext(context.Context, any) error {
	return errors.New("a connection is no input")
}

// writer returns what writes a record with the selections.
func (t *table[T]) writer(ctx context.Context, selections ast.SelectionSet) appender[T] {
	selected := t.fields(ctx, selections, t.object)
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
			return append(strconv.AppendInt(append(b, '"'), int64(id), 10), '"')
		}
	case t.nested[f.Name] != nil:
		write := t.nested[f.Name](ctx, f)
		return func(b []byte, row *T) []byte {
			_, edges := t.node(row)
			v, _ := edges.Get(f.Alias)
			return write(b, v)
		}
	}
	if viewed := t.viewed[f.Name]; viewed != nil {
		return viewed(ctx)
	}
	return t.scalars[f.Name]
}

// connection returns what writes a page with the selections.
func (t *table[T]) connection(ctx context.Context, selections ast.SelectionSet) appender[Connection[T]] {
	type page = Connection[T]
	var fields []field[page]
	for _, f := range t.fields(ctx, selections, t.object+"Connection") {
		var value appender[page]
		switch f.Name {
		case "totalCount":
			value = func(b []byte, c *page) []byte { return strconv.AppendInt(b, int64(c.TotalCount), 10) }
		case "pageInfo":
			info := pageInfo(t.fields(ctx, f.Selections, "PageInfo"))
			value = func(b []byte, c *page) []byte { return info(b, c.PageInfo) }
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
	for _, f := range t.fields(ctx, edges.Selections, t.object+"Edge") {
		var value appender[Edge[T]]
		switch f.Name {
		case "cursor":
			value = func(b []byte, e *Edge[T]) []byte { return quote(b, e.page.cursor(e.index)) }
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
			"hasNextPage":     func(b []byte, p *PageInfo) []byte { return strconv.AppendBool(b, p.HasNextPage) },
			"hasPreviousPage": func(b []byte, p *PageInfo) []byte { return strconv.AppendBool(b, p.HasPreviousPage) },
			"startCursor":     func(b []byte, p *PageInfo) []byte { return optionalQuote(b, p.StartCursor) },
			"endCursor":       func(b []byte, p *PageInfo) []byte { return optionalQuote(b, p.EndCursor) },
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

// quote appends a string as gqlgen writes it.
func quote(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '\t':
			b = append(b, '\\', 't')
		case '\r':
			b = append(b, '\\', 'r')
		case '\n':
			b = append(b, '\\', 'n')
		case '"', '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
	}
	return append(append(b, s[start:]...), '"')
}

func optionalQuote(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return quote(b, *s)
}

func instantValue(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, dateTime)
}

func optionalInstant(b []byte, t *time.Time) []byte {
	if t == nil {
		return append(b, "null"...)
	}
	return instantValue(b, *t)
}

// The scalars of each type, and the edges that may stand below a connection.
func init() {
	users.scalars = map[string]appender[ent.User]{
		"username": func(b []byte, u *ent.User) []byte { return quote(b, u.Username) },
		"email":    func(b []byte, u *ent.User) []byte { return quote(b, u.Email) },
		"phone":    func(b []byte, u *ent.User) []byte { return optionalQuote(b, u.Phone) },
		"role": func(b []byte, u *ent.User) []byte {
			return quote(b, marshalNRole2caregraphᚋentᚋuserᚐRoleF[u.Role])
		},
		"isActive":   func(b []byte, u *ent.User) []byte { return strconv.AppendBool(b, u.IsActive) },
		"isStaff":    func(b []byte, u *ent.User) []byte { return strconv.AppendBool(b, u.IsStaff) },
		"dateJoined": func(b []byte, u *ent.User) []byte { return instantValue(b, u.DateJoined) },
	}
	users.nested = nested{"patients": toPagesWriter(&patients), "sessions": toManyWriter(&sessions)}

	sessions.scalars = map[string]appender[ent.Session]{
		"userAgent":  func(b []byte, s *ent.Session) []byte { return quote(b, s.UserAgent) },
		"address":    func(b []byte, s *ent.Session) []byte { return quote(b, s.Address) },
		"createdAt":  func(b []byte, s *ent.Session) []byte { return instantValue(b, s.CreatedAt) },
		"lastUsedAt": func(b []byte, s *ent.Session) []byte { return instantValue(b, s.LastUsedAt) },
		"expiresAt":  func(b []byte, s *ent.Session) []byte { return instantValue(b, s.ExpiresAt) },
	}

	sessions.viewed = map[string]func(context.Context) appender[ent.Session]{
		"current": func(ctx context.Context) appender[ent.Session] {
			return func(b []byte, s *ent.Session) []byte {
				is, _ := current(ctx, s) // who reads sessions is signed in
				return strconv.AppendBool(b, is)
			}
		},
	}

	patients.scalars = map[string]appender[ent.Patient]{
		"name":        func(b []byte, p *ent.Patient) []byte { return quote(b, p.Name) },
		"email":       func(b []byte, p *ent.Patient) []byte { return quote(b, p.Email) },
		"phone":       func(b []byte, p *ent.Patient) []byte { return quote(b, p.Phone) },
		"dateOfBirth": func(b []byte, p *ent.Patient) []byte { return quote(b, p.DateOfBirth.String()) },
		"age": func(b []byte, p *ent.Patient) []byte {
			return strconv.AppendInt(b, int64(p.DateOfBirth.Age(time.Now())), 10)
		},
		"address": func(b []byte, p *ent.Patient) []byte { return quote(b, p.Address) },
		"gender": func(b []byte, p *ent.Patient) []byte {
			return quote(b, marshalNGender2caregraphᚋentᚋpatientᚐGenderF[p.Gender])
		},
		"bloodGroup": func(b []byte, p *ent.Patient) []byte {
			if p.BloodGroup == nil {
				return append(b, "null"...)
			}
			return quote(b, marshalNBloodGroup2caregraphᚋentᚋpatientᚐBloodGroupF[*p.BloodGroup])
		},
		"emergencyContact": func(b []byte, p *ent.Patient) []byte { return optionalQuote(b, p.EmergencyContact) },
		"medicalHistory":   func(b []byte, p *ent.Patient) []byte { return optionalQuote(b, p.MedicalHistory) },
		"createdAt":        func(b []byte, p *ent.Patient) []byte { return instantValue(b, p.CreatedAt) },
		"updatedAt":        func(b []byte, p *ent.Patient) []byte { return instantValue(b, p.UpdatedAt) },
	}
	patients.nested = nested{"createdBy": toOneWriter(&users), "mappings": toManyWriter(&mappings), "doctors": toManyWriter(&doctors)}

	doctors.scalars = map[string]appender[ent.Doctor]{
		"name":            func(b []byte, d *ent.Doctor) []byte { return quote(b, d.Name) },
		"email":           func(b []byte, d *ent.Doctor) []byte { return quote(b, d.Email) },
		"phone":           func(b []byte, d *ent.Doctor) []byte { return optionalQuote(b, d.Phone) },
		"specialization":  func(b []byte, d *ent.Doctor) []byte { return quote(b, d.Specialization) },
		"licenseNumber":   func(b []byte, d *ent.Doctor) []byte { return quote(b, d.LicenseNumber) },
		"experienceYears": func(b []byte, d *ent.Doctor) []byte { return strconv.AppendInt(b, int64(d.ExperienceYears), 10) },
		"consultationFee": func(b []byte, d *ent.Doctor) []byte { return fee(b, d.ConsultationFee) },
		"address":         func(b []byte, d *ent.Doctor) []byte { return optionalQuote(b, d.Address) },
		"availability":    func(b []byte, d *ent.Doctor) []byte { return optionalQuote(b, d.Availability) },
		"createdAt":       func(b []byte, d *ent.Doctor) []byte { return instantValue(b, d.CreatedAt) },
		"updatedAt":       func(b []byte, d *ent.Doctor) []byte { return instantValue(b, d.UpdatedAt) },
	}
	doctors.nested = nested{"patients": toPagesWriter(&patients), "mappings": toPagesWriter(&mappings)}

	mappings.scalars = map[string]appender[ent.Mapping]{
		"notes":        func(b []byte, m *ent.Mapping) []byte { return optionalQuote(b, m.Notes) },
		"isActive":     func(b []byte, m *ent.Mapping) []byte { return strconv.AppendBool(b, m.IsActive) },
		"assignedDate": func(b []byte, m *ent.Mapping) []byte { return instantValue(b, m.AssignedDate) },
		"endedAt":      func(b []byte, m *ent.Mapping) []byte { return optionalInstant(b, m.EndedAt) },
		"createdAt":    func(b []byte, m *ent.Mapping) []byte { return instantValue(b, m.CreatedAt) },
		"updatedAt":    func(b []byte, m *ent.Mapping) []byte { return instantValue(b, m.UpdatedAt) },
	}
	mappings.nested = nested{"patient": toOneWriter(&patients), "doctor": toOneWriter(&doctors), "createdBy": toOneWriter(&users)}
}

// nested are the edges of a type by field.
type nested map[string]func(context.Context, graphql.CollectedField) func([]byte, any) []byte

func fee(b []byte, r scalar.Rupees) []byte {
	return append(append(append(b, '"'), r.String()...), '"')
}
