package graph

import (
	"context"

	"entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"

	"caregraph/ent"
	"caregraph/ent/doctor"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/predicate"
	"caregraph/ent/session"
	"caregraph/internal/reading"
	"caregraph/internal/rule"
	"caregraph/internal/viewer"
)

// The edges of every type: where an edge leads, and by which columns.
func init() {
	users.Nested = map[string]reading.Nested[ent.User]{
		"patients": reading.ToPages[ent.User](&patients, arguments(field_User_patients_args), func(ids []int, where []reading.Where) reading.Source[ent.Patient] {
			return patients.Children(patient.FieldCreatedByID, ids, where)
		}),
		"sessions": reading.ToMany[ent.User](&sessions, sessions.OfParent(session.FieldUserID, live)),
	}
	patients.Nested = map[string]reading.Nested[ent.Patient]{
		"createdBy": reading.ToOne(&users, func(p *ent.Patient) int { return p.CreatedByID }, nil),
		"mappings":  reading.ToMany[ent.Patient](&mappings, mappings.OfParent(mapping.FieldPatientID, activeOrEnded)),
		"doctors":   reading.ToMany[ent.Patient](&doctors, assignedDoctors),
	}
	doctors.Nested = map[string]reading.Nested[ent.Doctor]{
		"patients": reading.ToPages[ent.Doctor](&patients, arguments(field_Doctor_patients_args), assignedPatients),
		"mappings": reading.ToPages[ent.Doctor](&mappings, arguments(field_Doctor_mappings_args), func(ids []int, where []reading.Where) reading.Source[ent.Mapping] {
			return mappings.Children(mapping.FieldDoctorID, ids, where)
		}),
	}
	mappings.Nested = map[string]reading.Nested[ent.Mapping]{
		"patient":   reading.ToOne(&patients, func(m *ent.Mapping) int { return m.PatientID }, nil),
		"doctor":    reading.ToOne(&doctors, func(m *ent.Mapping) int { return m.DoctorID }, rule.WithPast),
		"createdBy": reading.ToOne(&users, func(m *ent.Mapping) int { return m.CreatedByID }, nil),
	}
	duplicates.Nested = map[string]reading.Nested[PossibleDuplicate]{
		"patient": reading.ToOne(&patients, func(d *PossibleDuplicate) int { return d.PatientID }, nil),
	}
	sessions.Nested = map[string]reading.Nested[ent.Session]{"current": {Read: currentSession, Write: writeBool}}
}

// arguments returns what reads the arguments of a field by gqlgen's function.
func arguments(read func(context.Context, *executionContext, map[string]any) (map[string]any, error)) reading.Arguments {
	return func(ctx context.Context, raw map[string]any) (map[string]any, error) { return read(ctx, nil, raw) }
}

// given returns the arguments of the field as the document and the variables
// have them.
func given(ctx context.Context, f graphql.CollectedField) map[string]any {
	return f.ArgumentMap(graphql.GetOperationContext(ctx).Variables)
}

// live is the condition of the sign-ins that go on.
func live(context.Context, graphql.CollectedField) ([]reading.Where, error) {
	return reading.Conditions(session.EndedAtIsNil(), session.ExpiresAtGT(now())), nil
}

// activeOrEnded is what the argument active of Patient.mappings asks for.
func activeOrEnded(ctx context.Context, f graphql.CollectedField) ([]reading.Where, error) {
	args, err := arguments(field_Patient_mappings_args)(ctx, given(ctx, f))
	if err != nil {
		return nil, err
	}
	if active, _ := args["active"].(*bool); active != nil {
		return reading.Conditions(mapping.IsActive(*active)), nil
	}
	return nil, nil
}

// currentSession tells which sign-in is the one that the viewer uses now.
func currentSession(ctx context.Context, _ *reading.Table[ent.Session], rows []*ent.Session, f graphql.CollectedField) error {
	v, err := viewer.FromContext(ctx)
	for _, s := range rows {
		s.Loaded.Put(f.Alias, s.ID == v.SessionID)
	}
	return err
}

func writeBool(context.Context, graphql.CollectedField) func([]byte, any) []byte {
	return func(b []byte, v any) []byte { return reading.AppendBool(b, v.(bool)) }
}

// assigned returns the active assignments that the viewer may see and whose
// column has one of the ids, to be joined with the other side of the edge.
func assigned(ctx context.Context, s *sql.Selector, column string, ids []int) *sql.Selector {
	pairs := sql.Dialect(s.Dialect()).Select(mapping.FieldPatientID, mapping.FieldDoctorID, mapping.FieldClinicID).From(sql.Table(mapping.Table))
	for _, only := range append(reading.Conditions(rule.SeenMappings(ctx)...), reading.Among(column, ids), mapping.IsActive(true), mapping.DeletedAtIsNil()) {
		only(pairs)
	}
	return pairs.As("assigned")
}

// assignedDoctors are the doctors who are assigned to patients now, by name.
func assignedDoctors(ctx context.Context, _ graphql.CollectedField, ids []int) ([]reading.Where, func(*sql.Selector), error) {
	return nil, func(s *sql.Selector) {
		pairs := assigned(ctx, s, mapping.FieldPatientID, ids)
		s.Join(pairs).On(pairs.C(mapping.FieldDoctorID), s.C(doctor.FieldID)).
			AppendSelectAs(pairs.C(mapping.FieldPatientID), "parent").
			OrderBy(s.C(doctor.FieldNameKey), s.C(doctor.FieldID))
	}, nil
}

// assignedPatients is where the patients come from who are assigned now to the
// doctors with these ids.
func assignedPatients(ids []int, filter []reading.Where) reading.Source[ent.Patient] {
	return reading.Source[ent.Patient]{
		Rows: func(ctx context.Context, p *reading.Page[ent.Patient]) (map[int][]*ent.Patient, error) {
			return patients.Lists(ctx, p, filter, func(s *sql.Selector) {
				pairs := assigned(ctx, s, mapping.FieldDoctorID, ids)
				s.Join(pairs).OnP(sql.And(
					sql.ColumnsEQ(pairs.C(mapping.FieldPatientID), s.C(patient.FieldID)),
					sql.ColumnsEQ(pairs.C(mapping.FieldClinicID), s.C(patient.FieldClinicID)),
				))
				p.Window(len(ids), func(*sql.Selector) string { return pairs.C(mapping.FieldDoctorID) })(s)
			})
		},
		Counts: func(ctx context.Context) (map[int]int, error) {
			active := append(reading.Conditions(mapping.IsActive(true)), reading.Among(mapping.FieldDoctorID, ids))
			if len(filter) > 0 {
				active = append(active, mapping.HasPatientWith(append(reading.As[predicate.Patient](filter), rule.SeenPatients(ctx)...)...))
			}
			return mappings.Counts(ctx, mapping.FieldDoctorID, active)
		},
	}
}
