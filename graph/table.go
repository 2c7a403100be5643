package graph

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"
	"github.com/lib/pq"
	"github.com/vektah/gqlparser/v2/ast"

	"caregraph/ent"
	"caregraph/ent/doctor"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/predicate"
	"caregraph/ent/session"
	"caregraph/ent/user"
	"caregraph/internal/fault"
	"caregraph/internal/loaded"
	"caregraph/internal/scalar"
)

// table says how one entity type is read. A read takes the columns that the
// selection asks for, and one statement for each edge of a level, whatever the
// number of rows.
type table[T any] struct {
	object  string            // the GraphQL type
	columns map[string]string // the column that a field needs
	orders  map[string]ordering[T]

	// The ordering of a connection without orderBy.
	order     string
	direction OrderDirection

	node func(*T) (id int, edges *loaded.Edges)
	bare func(id int) *T // a record of which nothing but the id is known

	// What writes a field; see writer.go.
	scalars map[string]appender[T]
	nested  nested
	newest  string // the column that tells new rows from old ones
	query   func(db *ent.Client, columns []string, where []where, modify func(*sql.Selector)) query[T]

	// edge reads f of parents and puts it under f's response key. It does
	// nothing if f is a column or computed of one.
	edge func(r *Resolver, ctx context.Context, parents []*T, f graphql.CollectedField) error
}

// query is a statement of ent that is ready to run, under the policy of its
// type. Rows applies the modifier after policy and conditions, Scan before them.
type query[T any] interface {
	Rows(ctx context.Context) ([]*T, error)
	Scan(ctx context.Context, into any) error
}

// where is a condition on the rows of a table.
type where = func(*sql.Selector)

// as returns conditions as the predicates of one entity type.
func as[P ~func(*sql.Selector)](conditions []where) []P {
	predicates := make([]P, len(conditions))
	for i, c := range conditions {
		predicates[i] = c
	}
	return predicates
}

// conditions is the opposite of as.
func conditions[P ~func(*sql.Selector)](predicates []P) []where {
	conditions := make([]where, len(predicates))
	for i, p := range predicates {
		conditions[i] = p
	}
	return conditions
}

var users = table[ent.User]{
	object:  "User",
	columns: ent.UserColumns,
	orders: map[string]ordering[ent.User]{
		"USERNAME":    text(user.FieldUsernameKey, func(u *ent.User) string { return u.UsernameKey }),
		"EMAIL":       text(user.FieldEmail, func(u *ent.User) string { return u.Email }),
		"DATE_JOINED": instant(user.FieldDateJoined, func(u *ent.User) time.Time { return u.DateJoined }),
	},
	order: "DATE_JOINED", direction: OrderDirectionDesc,
	node: (*ent.User).Node,
	bare: func(id int) *ent.User { return &ent.User{ID: id} },
	query: func(db *ent.Client, columns []string, where []where, modify func(*sql.Selector)) query[ent.User] {
		return db.User.Query().Where(as[predicate.User](where)...).Select(append(columns, "id")...).Modify(modify)
	},
}

var patients = table[ent.Patient]{
	object:  "Patient",
	columns: with(ent.PatientColumns, map[string]string{"age": patient.FieldDateOfBirth, "createdBy": patient.FieldCreatedByID}),
	orders: map[string]ordering[ent.Patient]{
		"CREATED_AT":    instant(patient.FieldCreatedAt, func(p *ent.Patient) time.Time { return p.CreatedAt }),
		"UPDATED_AT":    instant(patient.FieldUpdatedAt, func(p *ent.Patient) time.Time { return p.UpdatedAt }),
		"NAME":          text(patient.FieldNameKey, func(p *ent.Patient) string { return p.NameKey }),
		"DATE_OF_BIRTH": day(patient.FieldDateOfBirth, func(p *ent.Patient) scalar.Date { return p.DateOfBirth }),
	},
	order: "CREATED_AT", direction: OrderDirectionDesc,
	newest: patient.FieldCreatedAt,
	node:   (*ent.Patient).Node,
	bare:   func(id int) *ent.Patient { return &ent.Patient{ID: id} },
	query: func(db *ent.Client, columns []string, where []where, modify func(*sql.Selector)) query[ent.Patient] {
		return db.Patient.Query().Where(as[predicate.Patient](where)...).Select(append(columns, "id")...).Modify(modify)
	},
}

var doctors = table[ent.Doctor]{
	object:  "Doctor",
	columns: ent.DoctorColumns,
	orders: map[string]ordering[ent.Doctor]{
		"NAME":             text(doctor.FieldNameKey, func(d *ent.Doctor) string { return d.NameKey }),
		"EXPERIENCE_YEARS": integer(doctor.FieldExperienceYears, func(d *ent.Doctor) int64 { return int64(d.ExperienceYears) }),
		"CONSULTATION_FEE": integer(doctor.FieldConsultationFee, func(d *ent.Doctor) int64 { return int64(d.ConsultationFee) }),
		"CREATED_AT":       instant(doctor.FieldCreatedAt, func(d *ent.Doctor) time.Time { return d.CreatedAt }),
	},
	order: "NAME", direction: OrderDirectionAsc,
	newest: doctor.FieldCreatedAt,
	node:   (*ent.Doctor).Node,
	bare:   func(id int) *ent.Doctor { return &ent.Doctor{ID: id} },
	query: func(db *ent.Client, columns []string, where []where, modify func(*sql.Selector)) query[ent.Doctor] {
		return db.Doctor.Query().Where(as[predicate.Doctor](where)...).Select(append(columns, "id")...).Modify(modify)
	},
}

var mappings = table[ent.Mapping]{
	object:  "Mapping",
	columns: with(ent.MappingColumns, map[string]string{"patient": mapping.FieldPatientID, "doctor": mapping.FieldDoctorID, "createdBy": mapping.FieldCreatedByID}),
	orders: map[string]ordering[ent.Mapping]{
		"ASSIGNED_DATE": instant(mapping.FieldAssignedDate, func(m *ent.Mapping) time.Time { return m.AssignedDate }),
		"CREATED_AT":    instant(mapping.FieldCreatedAt, func(m *ent.Mapping) time.Time { return m.CreatedAt }),
	},
	order: "ASSIGNED_DATE", direction: OrderDirectionDesc,
	newest: mapping.FieldAssignedDate,
	node:   (*ent.Mapping).Node,
	bare:   func(id int) *ent.Mapping { return &ent.Mapping{ID: id} },
	query: func(db *ent.Client, columns []string, where []where, modify func(*sql.Selector)) query[ent.Mapping] {
		return db.Mapping.Query().Where(as[predicate.Mapping](where)...).Select(append(columns, "id")...).Modify(modify)
	},
}

var sessions = table[ent.Session]{
	object:  "Session",
	columns: ent.SessionColumns,
	newest:  session.FieldLastUsedAt,
	node:    (*ent.Session).Node,
	bare:    func(id int) *ent.Session { return &ent.Session{ID: id} },
	query: func(db *ent.Client, columns []string, where []where, modify func(*sql.Selector)) query[ent.Session] {
		return db.Session.Query().Where(as[predicate.Session](where)...).Select(append(columns, "id")...).Modify(modify)
	},
}

// selected returns the columns that the selections need.
func (t *table[T]) selected(ctx context.Context, selections ast.SelectionSet) []string {
	var columns []string
	for _, f := range collected(ctx, selections, t.object) {
		if c := t.columns[f.Name]; c != "" {
			columns = append(columns, c)
		}
	}
	return columns
}

// ahead reads the edges that the selections ask of a level of rows.
func (t *table[T]) ahead(ctx context.Context, r *Resolver, level []*T, selections ast.SelectionSet) error {
	if len(level) == 0 {
		return nil
	}
	for _, f := range collected(ctx, selections, t.object) {
		if err := t.edge(r, ctx, level, f); err != nil {
			return at(f, err)
		}
	}
	return nil
}

// located is a failure to read what a field inside a root field asks for.
type located struct {
	error
	field ast.Position
}

func (l *located) Unwrap() error { return l.error }

// at tells of an error which field of the document it is about, unless a field
// further inside is known. The error's path stays that of the root field, which
// is null because of it: what is read for a whole level has no path.
func at(f graphql.CollectedField, err error) error {
	if _, known := errors.AsType[*located](err); known || f.Position == nil {
		return err
	}
	return &located{err, *f.Position}
}

// read returns the rows that match, with what the selections ask of them.
func (t *table[T]) read(ctx context.Context, r *Resolver, selections ast.SelectionSet, where []where, modify func(*sql.Selector)) ([]*T, error) {
	columns := distinct(t.selected(ctx, selections))
	rows, err := t.query(r.db(ctx), columns, where, modify).Rows(ctx)
	if err != nil {
		return nil, err
	}
	remember(ctx, columns, rows)
	return rows, t.ahead(ctx, r, rows, selections)
}

// one returns the record with the id, as the selection of the field being
// resolved asks for it.
func (t *table[T]) one(ctx context.Context, r *Resolver, id int) (*T, error) {
	rows, err := t.read(ctx, r, graphql.GetFieldContext(ctx).Field.Selections, []where{sql.FieldEQ("id", id)}, unchanged)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, &fault.Error{Kind: fault.NotFound, Message: fault.TextNotFound}
	}
	return rows[0], nil
}

// shown returns what makes the answer of a mutation of the record that it
// changed: it reads what the selection asks for beyond the record.
func (t *table[T]) shown(ctx context.Context, r *Resolver) func(*T, error) (*T, error) {
	return func(row *T, err error) (*T, error) {
		if err != nil {
			return nil, err
		}
		return row, t.ahead(ctx, r, []*T{row}, graphql.GetFieldContext(ctx).Field.Selections)
	}
}

// copies returns the rows anew, without their edges.
func (t *table[T]) copies(rows []*T) []*T {
	copies := make([]*T, len(rows))
	for i, row := range rows {
		c := *row
		_, edges := t.node(&c)
		edges.Clear()
		copies[i] = &c
	}
	return copies
}

func unchanged(*sql.Selector) {}

// fewIDs is up to how many ids are bound one by one. PostgreSQL keeps one plan
// for any array, made for ten; for fewer it would plan each time anew.
const fewIDs = 8

// among is the condition that a column of the table has one of the ids. On
// PostgreSQL there are five forms of it, so that a statement stays prepared for
// any number of ids.
func among(column string, ids []int) where {
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

// with returns the entries of both maps.
func with[V any](a, b map[string]V) map[string]V {
	both := maps.Clone(a)
	maps.Copy(both, b)
	return both
}

// distinct returns the values in ascending order, each once.
func distinct[V int | string](values []V) []V {
	slices.Sort(values)
	return slices.Compact(values)
}
