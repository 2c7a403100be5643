package graph

import (
	"context"
	"maps"
	"slices"

	"entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"

	"caregraph/ent"
	"caregraph/ent/doctor"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/predicate"
	"caregraph/ent/session"
	"caregraph/internal/fault"
	"caregraph/internal/rule"
	"caregraph/internal/viewer"
)

// Every edge of the graph is read here, for all parents of a level at once:
// whatever the selection of a field asks for, before the field is written.

func init() {
	users.edge = (*Resolver).userEdge
	patients.edge = (*Resolver).patientEdge
	doctors.edge = (*Resolver).doctorEdge
	mappings.edge = (*Resolver).mappingEdge
	sessions.edge = (*Resolver).sessionEdge
}

func (r *Resolver) userEdge(ctx context.Context, parents []*ent.User, f graphql.CollectedField) error {
	if f.Name == "sessions" {
		live := conditions([]predicate.Session{session.EndedAtIsNil(), session.ExpiresAtGT(now())})
		return toMany(ctx, r, f, &users, parents, &sessions, session.FieldUserID, live)
	}
	if f.Name != "patients" {
		return nil
	}
	return toPages(ctx, r, f, &users, parents, &patients, field_User_patients_args, func(ids []int, where []where) source[ent.Patient] {
		return patients.children(r, patient.FieldCreatedByID, ids, where)
	})
}

func (r *Resolver) patientEdge(ctx context.Context, parents []*ent.Patient, f graphql.CollectedField) error {
	switch f.Name {
	case "createdBy":
		return toOne(ctx, ctx, r, f, &patients, parents, func(p *ent.Patient) int { return p.CreatedByID }, &users)
	case "mappings":
		args, err := field_Patient_mappings_args(ctx, nil, f.ArgumentMap(variables(ctx)))
		if err != nil {
			return malformed
		}
		var where []where
		if active, _ := args["active"].(*bool); active != nil {
			where = conditions([]predicate.Mapping{mapping.IsActive(*active)})
		}
		return toMany(ctx, r, f, &patients, parents, &mappings, mapping.FieldPatientID, where)
	case "doctors":
		return r.assignedDoctors(ctx, parents, f)
	}
	return nil
}

func (r *Resolver) doctorEdge(ctx context.Context, parents []*ent.Doctor, f graphql.CollectedField) error {
	switch f.Name {
	case "patients":
		return toPages(ctx, r, f, &doctors, parents, &patients, field_Doctor_patients_args, func(ids []int, where []where) source[ent.Patient] {
			return r.assignedPatients(ids, where)
		})
	case "mappings":
		return toPages(ctx, r, f, &doctors, parents, &mappings, field_Doctor_mappings_args, func(ids []int, where []where) source[ent.Mapping] {
			return mappings.children(r, mapping.FieldDoctorID, ids, where)
		})
	}
	return nil
}

func (r *Resolver) mappingEdge(ctx context.Context, parents []*ent.Mapping, f graphql.CollectedField) error {
	switch f.Name {
	case "patient":
		return toOne(ctx, ctx, r, f, &mappings, parents, func(m *ent.Mapping) int { return m.PatientID }, &patients)
	case "doctor":
		return toOne(ctx, rule.WithPast(ctx), r, f, &mappings, parents, func(m *ent.Mapping) int { return m.DoctorID }, &doctors)
	case "createdBy":
		return toOne(ctx, ctx, r, f, &mappings, parents, func(m *ent.Mapping) int { return m.CreatedByID }, &users)
	}
	return nil
}

// sessionEdge tells which sign-in is the viewer's own.
func (r *Resolver) sessionEdge(ctx context.Context, rows []*ent.Session, f graphql.CollectedField) error {
	if f.Name != "current" {
		return nil
	}
	v, err := viewer.FromContext(ctx)
	for _, s := range rows {
		s.Loaded.Put(f.Alias, s.ID == v.SessionID)
	}
	return err
}

// edge returns the edge of obj that is being resolved, which was read ahead. A
// record that writes itself does not need it; gqlgen's own writing, with which
// TestWriter compares, does.
func edge[V, T any](ctx context.Context, t *table[T], obj *T) (V, error) {
	_, edges := t.node(obj)
	v, _ := edges.Get(graphql.GetFieldContext(ctx).Field.Alias)
	return v.(V), nil
}

// toOne reads the edge f to the record whose id key returns. What may be seen
// of it is decided in the context see. Whoever sees the parent sees that there
// is such a record, so its id and the edges that need no more take no statement.
func toOne[P, C any](ctx, see context.Context, r *Resolver, f graphql.CollectedField, from *table[P], parents []*P, key func(*P) int, to *table[C]) error {
	ids := make([]int, len(parents))
	for i, p := range parents {
		ids[i] = key(p)
	}
	needed := distinct(slices.Clone(ids))
	var found map[int]*C
	var err error
	if columns := distinct(to.selected(ctx, f.Selections)); len(columns) > 0 {
		found, err = remembered(ctx, see, r, to, columns, needed)
	} else {
		found = make(map[int]*C, len(needed))
		for _, id := range needed {
			found[id] = to.bare(id)
		}
	}
	if err != nil {
		return err
	}
	for i, p := range parents {
		row := found[ids[i]]
		if row == nil {
			return &fault.Error{Kind: fault.NotFound, Message: fault.TextNotFound}
		}
		_, edges := from.node(p)
		edges.Put(f.Alias, row)
	}
	return to.ahead(ctx, r, slices.Collect(maps.Values(found)), f.Selections)
}

// toMany reads the edge f to all records, newest first, whose column has the
// id of a parent.
func toMany[P, C any](ctx context.Context, r *Resolver, f graphql.CollectedField, from *table[P], parents []*P, to *table[C], column string, where []where) error {
	rows, err := to.read(ctx, r, f.Selections, append(where, among(column, ids(from, parents))), func(s *sql.Selector) {
		s.AppendSelectAs(s.C(column), "parent").OrderBy(sql.Desc(s.C(to.newest)), sql.Desc(s.C("id")))
	})
	if err == nil {
		spread(from, parents, f.Alias, to, rows)
	}
	return err
}

// ids returns the ids of the rows, each once.
func ids[T any](t *table[T], rows []*T) []int {
	ids := make([]int, len(rows))
	for i, row := range rows {
		ids[i], _ = t.node(row)
	}
	return distinct(ids)
}

// spread puts under the response key of every parent the rows that were found
// through it.
func spread[P, C any](from *table[P], parents []*P, key string, to *table[C], rows []*C) {
	lists := make(map[int][]*C, len(parents))
	for _, row := range rows {
		_, edges := to.node(row)
		lists[edges.Parent] = append(lists[edges.Parent], row)
	}
	for _, p := range parents {
		id, edges := from.node(p)
		edges.Put(key, lists[id])
	}
}

// toPages reads the connection f of every parent; parse reads its arguments,
// list tells where the records of the parents with these ids come from.
func toPages[P, C any](
	ctx context.Context, r *Resolver, f graphql.CollectedField, from *table[P], parents []*P, to *table[C],
	parse func(context.Context, *executionContext, map[string]any) (map[string]any, error),
	list func(ids []int, where []where) source[C],
) error {
	args, err := parse(ctx, nil, f.ArgumentMap(variables(ctx)))
	if err != nil {
		return malformed
	}
	p, where, err := to.arguments(ctx, r, args)
	if err != nil {
		return err
	}
	pages, err := to.pages(ctx, r, f, p, list(ids(from, parents), where))
	if err != nil {
		return err
	}
	for _, parent := range parents {
		id, edges := from.node(parent)
		if pages[id] == nil {
			pages[id] = p.cut(r, to, nil)
		}
		edges.Put(f.Alias, pages[id])
	}
	return nil
}

// malformed is the failure of an argument that no scalar can be read from.
var malformed = &fault.Error{Kind: fault.Invalid, Message: "Malformed argument."}

func variables(ctx context.Context) map[string]any { return graphql.GetOperationContext(ctx).Variables }

// assigned returns the active assignments that the viewer may see and whose
// column has one of the ids, to be joined with the other side of the edge.
func assigned(ctx context.Context, s *sql.Selector, column string, ids []int) *sql.Selector {
	pairs := sql.Dialect(s.Dialect()).Select(mapping.FieldPatientID, mapping.FieldDoctorID, mapping.FieldOwnerID).From(sql.Table(mapping.Table))
	for _, only := range append(conditions(rule.OwnMappings(ctx)), among(column, ids), mapping.IsActive(true), mapping.DeletedAtIsNil()) {
		only(pairs)
	}
	return pairs.As("assigned")
}

// assignedDoctors reads the doctors who are assigned to patients now, by name.
func (r *Resolver) assignedDoctors(ctx context.Context, parents []*ent.Patient, f graphql.CollectedField) error {
	rows, err := doctors.read(ctx, r, f.Selections, nil, func(s *sql.Selector) {
		pairs := assigned(ctx, s, mapping.FieldPatientID, ids(&patients, parents))
		s.Join(pairs).On(pairs.C(mapping.FieldDoctorID), s.C(doctor.FieldID)).
			AppendSelectAs(pairs.C(mapping.FieldPatientID), "parent").
			OrderBy(s.C(doctor.FieldNameKey), s.C(doctor.FieldID))
	})
	if err == nil {
		spread(&patients, parents, f.Alias, &doctors, rows)
	}
	return err
}

// assignedPatients is where the patients come from who are assigned now to the
// doctors with these ids.
func (r *Resolver) assignedPatients(ids []int, filter []where) source[ent.Patient] {
	return source[ent.Patient]{
		rows: func(ctx context.Context, p *page[ent.Patient], columns []string) (map[int][]*ent.Patient, error) {
			return patients.lists(ctx, r, columns, filter, func(s *sql.Selector) {
				pairs := assigned(ctx, s, mapping.FieldDoctorID, ids)
				s.Join(pairs).OnP(sql.And(
					sql.ColumnsEQ(pairs.C(mapping.FieldPatientID), s.C(patient.FieldID)),
					sql.ColumnsEQ(pairs.C(mapping.FieldOwnerID), s.C(patient.FieldCreatedByID)),
				))
				p.window(len(ids), func(*sql.Selector) string { return pairs.C(mapping.FieldDoctorID) })(s)
			})
		},
		counts: func(ctx context.Context) (map[int]int, error) {
			active := append(conditions([]predicate.Mapping{mapping.IsActive(true)}), among(mapping.FieldDoctorID, ids))
			if len(filter) > 0 {
				active = append(active, where(mapping.HasPatientWith(append(as[predicate.Patient](filter), rule.OwnPatients(ctx)...)...)))
			}
			return mappings.counts(ctx, r, mapping.FieldDoctorID, active)
		},
	}
}
