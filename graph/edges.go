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
)

// Every edge of the graph is read here, for all parents of a level at once. A
// query reads ahead whatever its selection asks for; the result of a mutation
// reads the edges of its one record when they are resolved.

func init() {
	users.edge = (*Resolver).userEdge
	patients.edge = (*Resolver).patientEdge
	doctors.edge = (*Resolver).doctorEdge
	mappings.edge = (*Resolver).mappingEdge
	sessions.edge = func(*Resolver, context.Context, []*ent.Session, graphql.CollectedField) error { return nil }
}

func (r *Resolver) userEdge(ctx context.Context, parents []*ent.User, f graphql.CollectedField) error {
	if f.Name == "sessions" {
		live := conditions([]predicate.Session{session.EndedAtIsNil(), session.ExpiresAtGT(now())})
		return toMany(ctx, r, f, &users, parents, &sessions, session.FieldUserID, func(s *ent.Session) int { return s.UserID }, live)
	}
	if f.Name != "patients" {
		return nil
	}
	return toPages(ctx, r, f, &users, parents, &patients, field_User_patients_args, func(ids []int, where []where) source[ent.Patient] {
		return patients.children(r, patient.FieldCreatedByID, func(p *ent.Patient) int { return p.CreatedByID }, ids, where)
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
		return toMany(ctx, r, f, &patients, parents, &mappings, mapping.FieldPatientID, func(m *ent.Mapping) int { return m.PatientID }, where)
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
			return mappings.children(r, mapping.FieldDoctorID, func(m *ent.Mapping) int { return m.DoctorID }, ids, where)
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

// edge returns the edge of obj that is being resolved: the one that was read
// ahead, or else the one that is read now.
func edge[V, T any](ctx context.Context, r *Resolver, t *table[T], obj *T) (V, error) {
	f := graphql.GetFieldContext(ctx).Field
	_, edges := t.node(obj)
	v, ok := edges.Get(f.Alias)
	if !ok {
		if err := t.edge(r, ctx, []*T{obj}, f); err != nil {
			return *new(V), err
		}
		v, _ = edges.Get(f.Alias)
	}
	return v.(V), nil
}

// toOne reads the edge f to the record whose id key returns. What may be seen
// of it is decided in the context see. Whoever sees the parent sees that there
// is such a record, so its id alone takes no statement.
func toOne[P, C any](ctx, see context.Context, r *Resolver, f graphql.CollectedField, from *table[P], parents []*P, key func(*P) int, to *table[C]) error {
	ids := make([]int, len(parents))
	for i, p := range parents {
		ids[i] = key(p)
	}
	var found map[int]*C
	var err error
	if fields := to.fields(ctx, f.Selections, to.object); !slices.ContainsFunc(fields, func(f graphql.CollectedField) bool { return f.Name != "id" && f.Name != "__typename" }) {
		found = make(map[int]*C, len(ids))
		for _, id := range ids {
			found[id] = to.bare(id)
		}
	} else if found, err = remembered(ctx, see, r, to, distinct(to.selected(ctx, f.Selections)), distinct(slices.Clone(ids))); err != nil {
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
// id of a parent; key returns it.
func toMany[P, C any](ctx context.Context, r *Resolver, f graphql.CollectedField, from *table[P], parents []*P, to *table[C], column string, key func(*C) int, where []where) error {
	ids := make([]int, len(parents))
	for i, p := range parents {
		ids[i], _ = from.node(p)
	}
	newest := func(s *sql.Selector) { s.OrderBy(sql.Desc(s.C(to.newest)), sql.Desc(s.C("id"))) }
	rows, err := to.read(ctx, r, f.Selections, []string{column}, append(where, sql.FieldIn(column, distinct(ids)...)), newest)
	if err != nil {
		return err
	}
	lists := make(map[int][]*C, len(parents))
	for _, row := range rows {
		lists[key(row)] = append(lists[key(row)], row)
	}
	for _, p := range parents {
		id, edges := from.node(p)
		edges.Put(f.Alias, lists[id])
	}
	return nil
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
	ids := make([]int, len(parents))
	for i, p := range parents {
		ids[i], _ = from.node(p)
	}
	pages, err := to.pages(ctx, r, f, p, list(distinct(ids), where))
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

// assignedDoctors reads the doctors who are assigned to patients now, by name.
func (r *Resolver) assignedDoctors(ctx context.Context, parents []*ent.Patient, f graphql.CollectedField) error {
	ids := make([]int, len(parents))
	for i, p := range parents {
		ids[i] = p.ID
	}
	pairs, err := r.db(ctx).Mapping.Query().Where(mapping.PatientIDIn(distinct(ids)...), mapping.IsActive(true)).
		Select(mapping.FieldPatientID, mapping.FieldDoctorID).All(ctx)
	if err != nil {
		return err
	}
	assigned := map[int][]int{} // doctor -> patients
	for _, m := range pairs {
		assigned[m.DoctorID] = append(assigned[m.DoctorID], m.PatientID)
	}
	lists := map[int][]*ent.Doctor{}
	if len(assigned) > 0 {
		byName := func(s *sql.Selector) { s.OrderBy(s.C(doctor.FieldNameKey), s.C(doctor.FieldID)) }
		known := []where{sql.FieldIn("id", slices.Sorted(maps.Keys(assigned))...)}
		rows, err := doctors.read(ctx, r, f.Selections, nil, known, byName)
		if err != nil {
			return err
		}
		for _, d := range rows {
			for _, id := range assigned[d.ID] {
				lists[id] = append(lists[id], d)
			}
		}
	}
	for _, p := range parents {
		p.Loaded.Put(f.Alias, lists[p.ID])
	}
	return nil
}

// assignedPatients is where the patients come from who are assigned now to the
// doctors with these ids: pairs of ids by page, then the patients of all pairs.
func (r *Resolver) assignedPatients(ids []int, filter []where) source[ent.Patient] {
	active := func(ctx context.Context) []where {
		pairs := []predicate.Mapping{mapping.DoctorIDIn(ids...), mapping.IsActive(true)}
		if len(filter) > 0 {
			pairs = append(pairs, mapping.HasPatientWith(append(as[predicate.Patient](filter), rule.OwnPatients(ctx)...)...))
		}
		return conditions(pairs)
	}
	joined := sql.Table(patient.Table).As(patient.Table)
	return source[ent.Patient]{
		rows: func(ctx context.Context, p *page[ent.Patient], columns []string) (map[int][]*ent.Patient, error) {
			cut := p.window(mapping.FieldDoctorID, func(_ *sql.Selector, column string) string { return joined.C(column) })
			pairs, err := mappings.query(r.db(ctx), []string{mapping.FieldDoctorID, mapping.FieldPatientID}, active(ctx), func(s *sql.Selector) {
				s.Join(joined).OnP(sql.And(
					sql.ColumnsEQ(s.C(mapping.FieldPatientID), joined.C(patient.FieldID)),
					sql.ColumnsEQ(s.C(mapping.FieldOwnerID), joined.C(patient.FieldCreatedByID)),
				))
				cut(s)
			}).All(ctx)
			if err != nil || len(pairs) == 0 {
				return nil, err
			}
			wanted := make([]int, len(pairs))
			for i, m := range pairs {
				wanted[i] = m.PatientID
			}
			rows, err := patients.query(r.db(ctx), distinct(columns), []where{sql.FieldIn("id", distinct(wanted)...)}, unchanged).All(ctx)
			if err != nil {
				return nil, err
			}
			found := make(map[int]*ent.Patient, len(rows))
			for _, row := range rows {
				found[row.ID] = row
			}
			lists := map[int][]*ent.Patient{}
			for _, m := range pairs {
				if row := found[m.PatientID]; row != nil { // else deleted between the two statements
					lists[m.DoctorID] = append(lists[m.DoctorID], patients.copies([]*ent.Patient{row})...)
				}
			}
			return lists, nil
		},
		counts: func(ctx context.Context) (map[int]int, error) {
			return mappings.counts(ctx, r, mapping.FieldDoctorID, active(ctx))
		},
	}
}
