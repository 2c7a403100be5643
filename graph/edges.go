package graph

import (
	"context"

	"entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"

	"caregraph/ent"
	"caregraph/ent/doctor"
	"caregraph/ent/invitation"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/practice"
	"caregraph/ent/predicate"
	"caregraph/ent/revision"
	"caregraph/ent/session"
	"caregraph/ent/user"
	"caregraph/internal/reading"
	"caregraph/internal/rule"
	"caregraph/internal/viewer"
)

// The edges of every type: where an edge leads, and by which columns.
func init() {
	users.Nested = map[string]reading.Nested[ent.User]{
		"clinic":    reading.ToOptional(&clinics, column(func(u *ent.User) (int, *int) { return u.ID, &u.ClinicID }), nil),
		"practices": reading.ToMany[ent.User](&practices, practices.OfParent(practice.FieldUserID, all), nil),
		"records":   reading.ToMany[ent.User](&patients, patients.OfParent(patient.FieldAccountID, all), nil),
		"patients": reading.ToPages[ent.User](&patients, arguments(field_User_patients_args), func(_ context.Context, ids []int, where []reading.Where) reading.Source[ent.Patient] {
			return patients.Children(patient.FieldCreatedByID, ids, where)
		}),
		"sessions": reading.ToMany[ent.User](&sessions, sessions.OfParent(session.FieldUserID, live), nil),
		"activity": reading.ToPages[ent.User](&accessEvents, arguments(field_User_activity_args), activity),
	}
	patients.Nested = map[string]reading.Nested[ent.Patient]{
		"clinic":    reading.ToOne(&clinics, func(p *ent.Patient) int { return p.ClinicID }, nil),
		"seenAs":    {Read: seenAs, Write: writeAccess},
		"account":   reading.ToOptional(&users, column(func(p *ent.Patient) (int, *int) { return p.ID, p.AccountID }), nil),
		"createdBy": reading.ToOne(&users, func(p *ent.Patient) int { return p.CreatedByID }, rule.WithAuthors),
		"mappings":  reading.ToMany[ent.Patient](&mappings, mappings.OfParent(mapping.FieldPatientID, activeOrEnded), rule.WithAssignments),
		"doctors":   reading.ToMany[ent.Patient](&doctors, assignedDoctors, nil),
		"history":   history[ent.Patient](arguments(field_Patient_history_args), revision.FieldPatientID),
		"accessLog": reading.ToPages[ent.Patient](&accessEvents, accessLogArguments, accessLog),
	}
	clinics.Nested = map[string]reading.Nested[ent.Clinic]{
		"members": reading.ToPages[ent.Clinic](&users, arguments(field_Clinic_members_args), func(ctx context.Context, ids []int, where []reading.Where) reading.Source[ent.User] {
			return users.Children(user.FieldClinicID, ids, append(where, reading.Conditions(rule.Members(ctx)...)...))
		}),
		"invitations": reading.ToMany[ent.Clinic](&invitations, invitations.OfParent(invitation.FieldClinicID, open), nil),
	}
	practices.Nested = map[string]reading.Nested[ent.Practice]{
		"clinic": reading.ToOne(&clinics, func(p *ent.Practice) int { return p.ClinicID }, nil),
		"doctor": reading.ToOne(&doctors, func(p *ent.Practice) int { return p.DoctorID }, rule.WithPast),
	}
	invitations.Nested = map[string]reading.Nested[ent.Invitation]{
		"doctor":    reading.ToOptional(&doctors, column(func(i *ent.Invitation) (int, *int) { return i.ID, i.DoctorID }), nil),
		"patient":   reading.ToOptional(&patients, column(func(i *ent.Invitation) (int, *int) { return i.ID, i.PatientID }), nil),
		"createdBy": reading.ToOptional(&users, column(func(i *ent.Invitation) (int, *int) { return i.ID, &i.CreatedByID }), nil),
	}
	newInvitations.Nested = map[string]reading.Nested[NewInvitation]{
		"invitation": reading.ToOne(&invitations, func(i *NewInvitation) int { return i.ID }, nil),
	}
	doctors.Nested = map[string]reading.Nested[ent.Doctor]{
		"account":  reading.ToOptional(&users, doctorAccounts, nil),
		"patients": reading.ToPages[ent.Doctor](&patients, arguments(field_Doctor_patients_args), assignedPatients),
		"mappings": reading.ToPages[ent.Doctor](&mappings, arguments(field_Doctor_mappings_args), func(_ context.Context, ids []int, where []reading.Where) reading.Source[ent.Mapping] {
			return mappings.Children(mapping.FieldDoctorID, ids, where)
		}),
		"history": history[ent.Doctor](arguments(field_Doctor_history_args), revision.FieldDoctorID),
	}
	mappings.Nested = map[string]reading.Nested[ent.Mapping]{
		"patient":   reading.ToOne(&patients, func(m *ent.Mapping) int { return m.PatientID }, nil),
		"doctor":    reading.ToOne(&doctors, func(m *ent.Mapping) int { return m.DoctorID }, rule.WithPast),
		"createdBy": reading.ToOne(&users, func(m *ent.Mapping) int { return m.CreatedByID }, rule.WithAuthors),
		"history":   history[ent.Mapping](arguments(field_Mapping_history_args), revision.FieldMappingID),
	}
	revisions.Nested = map[string]reading.Nested[ent.Revision]{
		"actor":   actor,
		"changes": reading.ToValues[ent.Revision](&fieldChanges, changesOf),
	}
	duplicates.Nested = map[string]reading.Nested[PossibleDuplicate]{
		"patient": reading.ToOne(&patients, func(d *PossibleDuplicate) int { return d.PatientID }, nil),
	}
	accessEvents.Nested = map[string]reading.Nested[ent.AccessEvent]{
		"actor": reading.ToOptional(&users, column(func(e *ent.AccessEvent) (int, *int) { return e.ID, e.UserID }), rule.WithAuthors),
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

// column returns the keys of an edge whose column refers to the other record.
func column[P any](of func(*P) (id int, key *int)) func(context.Context, []*P) (map[int]int, error) {
	return func(_ context.Context, parents []*P) (map[int]int, error) {
		keys := make(map[int]int, len(parents))
		for _, p := range parents {
			if id, key := of(p); key != nil {
				keys[id] = *key
			}
		}
		return keys, nil
	}
}

// doctorAccounts returns the accounts that the viewer's clinic made of the doctors.
func doctorAccounts(ctx context.Context, parents []*ent.Doctor) (map[int]int, error) {
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]int, len(parents))
	for i, d := range parents {
		ids[i] = d.ID
	}
	found, err := ent.FromContext(ctx).Practice.Query().Where(practice.ClinicID(v.ClinicID), predicate.Practice(reading.Among(practice.FieldDoctorID, ids))).All(ctx)
	accounts := make(map[int]int, len(found))
	for _, p := range found {
		accounts[p.DoctorID] = p.UserID
	}
	return accounts, err
}

// seenAs tells in which way the viewer sees each of the patients.
func seenAs(ctx context.Context, _ *reading.Table[ent.Patient], rows []*ent.Patient, f graphql.CollectedField) error {
	clinics := make(map[int]int, len(rows))
	for _, p := range rows {
		clinics[p.ID] = p.ClinicID
	}
	ways, err := rule.HowSeen(ctx, clinics)
	for _, p := range rows {
		p.Loaded.Put(f.Alias, ways[p.ID])
	}
	return err
}

func writeAccess(context.Context, graphql.CollectedField) func([]byte, any) []byte {
	return func(b []byte, v any) []byte { return reading.AppendString(b, v.(rule.Access)) }
}

// all narrows nothing.
func all(context.Context, graphql.CollectedField) ([]reading.Where, error) { return nil, nil }

// open is the condition of the invitations that can be accepted.
func open(context.Context, graphql.CollectedField) ([]reading.Where, error) {
	return reading.Conditions(invitation.EndedAtIsNil(), invitation.ExpiresAtGT(now())), nil
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
func assignedPatients(_ context.Context, ids []int, filter []reading.Where) reading.Source[ent.Patient] {
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
