package graph

import (
	"context"
	"maps"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/accessevent"
	"caregraph/ent/doctor"
	"caregraph/ent/invitation"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/practice"
	"caregraph/ent/predicate"
	"caregraph/ent/revision"
	"caregraph/ent/session"
	"caregraph/ent/user"
	"caregraph/internal/audit"
	"caregraph/internal/reading"
	"caregraph/internal/scalar"
	"caregraph/internal/viewer"
)

// The tables say which columns a type has, by which of them its lists are
// ordered, and how its rows are read and written. Its edges are in edges.go.

var users = reading.Table[ent.User]{
	Object:  "User",
	Columns: with(ent.UserColumns, map[string]string{"clinic": user.FieldClinicID}),
	Orders: map[string]reading.Ordering[ent.User]{
		"USERNAME":    reading.Text(user.FieldUsernameKey, func(u *ent.User) string { return u.UsernameKey }),
		"EMAIL":       reading.Text(user.FieldEmail, func(u *ent.User) string { return u.Email }),
		"DATE_JOINED": reading.Instant(user.FieldDateJoined, func(u *ent.User) time.Time { return u.DateJoined }),
	},
	Order: "DATE_JOINED", Desc: true,
	Node: (*ent.User).Node,
	Bare: func(id int) *ent.User { return &ent.User{ID: id} },
	Values: with(ent.UserValues, map[string]reading.Appender[ent.User]{
		"role": func(b []byte, u *ent.User) []byte {
			return reading.AppendString(b, marshalNRole2caregraphᚋentᚋuserᚐRoleF[u.Role])
		},
		"clinicRole": func(b []byte, u *ent.User) []byte { return appendClinicRole(b, shownRole(u.ClinicRole)) },
	}),
	Query: func(ctx context.Context, columns []string, where []reading.Where, modify func(*sql.Selector)) reading.Query[ent.User] {
		return ent.FromContext(ctx).User.Query().Where(reading.As[predicate.User](where)...).Select(append(columns, "id")...).Modify(modify)
	},
}

var patients = reading.Table[ent.Patient]{
	Object:  "Patient",
	Columns: with(ent.PatientColumns, map[string]string{"age": patient.FieldDateOfBirth, "clinic": patient.FieldClinicID, "seenAs": patient.FieldClinicID, "account": patient.FieldAccountID, "createdBy": patient.FieldCreatedByID, "mergedIntoId": patient.FieldMergedIntoID}),
	Orders: map[string]reading.Ordering[ent.Patient]{
		"CREATED_AT":    reading.Instant(patient.FieldCreatedAt, func(p *ent.Patient) time.Time { return p.CreatedAt }),
		"UPDATED_AT":    reading.Instant(patient.FieldUpdatedAt, func(p *ent.Patient) time.Time { return p.UpdatedAt }),
		"NAME":          reading.Text(patient.FieldNameKey, func(p *ent.Patient) string { return p.NameKey }),
		"DATE_OF_BIRTH": day(patient.FieldDateOfBirth, func(p *ent.Patient) scalar.Date { return p.DateOfBirth }),
	},
	Order: "CREATED_AT", Desc: true,
	Newest: patient.FieldCreatedAt,
	Look:   look(func(p *ent.Patient) (patient, clinic int) { return p.ID, p.ClinicID }),
	LookAt: lookAt(patient.FieldClinicID),
	Node:   (*ent.Patient).Node,
	Bare:   func(id int) *ent.Patient { return &ent.Patient{ID: id} },
	Values: with(ent.PatientValues, map[string]reading.Appender[ent.Patient]{
		"mergedIntoId": func(b []byte, p *ent.Patient) []byte {
			return reading.AppendOptional(b, p.MergedIntoID, reading.AppendID)
		},
		"age": func(b []byte, p *ent.Patient) []byte { return reading.AppendInt(b, p.DateOfBirth.Age(time.Now())) },
		"gender": func(b []byte, p *ent.Patient) []byte {
			return reading.AppendString(b, marshalNGender2caregraphᚋentᚋpatientᚐGenderF[p.Gender])
		},
		"bloodGroup": func(b []byte, p *ent.Patient) []byte {
			return reading.AppendOptional(b, p.BloodGroup, func(b []byte, g patient.BloodGroup) []byte {
				return reading.AppendString(b, marshalNBloodGroup2caregraphᚋentᚋpatientᚐBloodGroupF[g])
			})
		},
	}),
	Query: func(ctx context.Context, columns []string, where []reading.Where, modify func(*sql.Selector)) reading.Query[ent.Patient] {
		return ent.FromContext(ctx).Patient.Query().Where(reading.As[predicate.Patient](where)...).Select(append(columns, "id")...).Modify(modify)
	},
}

var doctors = reading.Table[ent.Doctor]{
	Object:  "Doctor",
	Columns: ent.DoctorColumns,
	Orders: map[string]reading.Ordering[ent.Doctor]{
		"NAME":             reading.Text(doctor.FieldNameKey, func(d *ent.Doctor) string { return d.NameKey }),
		"EXPERIENCE_YEARS": reading.Integer(doctor.FieldExperienceYears, func(d *ent.Doctor) int64 { return int64(d.ExperienceYears) }),
		"CONSULTATION_FEE": reading.Integer(doctor.FieldConsultationFee, func(d *ent.Doctor) int64 { return int64(d.ConsultationFee) }),
		"CREATED_AT":       reading.Instant(doctor.FieldCreatedAt, func(d *ent.Doctor) time.Time { return d.CreatedAt }),
	},
	Order:  "NAME",
	Newest: doctor.FieldCreatedAt,
	Node:   (*ent.Doctor).Node,
	Bare:   func(id int) *ent.Doctor { return &ent.Doctor{ID: id} },
	Values: ent.DoctorValues,
	Query: func(ctx context.Context, columns []string, where []reading.Where, modify func(*sql.Selector)) reading.Query[ent.Doctor] {
		return ent.FromContext(ctx).Doctor.Query().Where(reading.As[predicate.Doctor](where)...).Select(append(columns, "id")...).Modify(modify)
	},
}

var mappings = reading.Table[ent.Mapping]{
	Object:  "Mapping",
	Columns: with(ent.MappingColumns, map[string]string{"patient": mapping.FieldPatientID, "doctor": mapping.FieldDoctorID, "createdBy": mapping.FieldCreatedByID}),
	Orders: map[string]reading.Ordering[ent.Mapping]{
		"ASSIGNED_DATE": reading.Instant(mapping.FieldAssignedDate, func(m *ent.Mapping) time.Time { return m.AssignedDate }),
		"CREATED_AT":    reading.Instant(mapping.FieldCreatedAt, func(m *ent.Mapping) time.Time { return m.CreatedAt }),
	},
	Order: "ASSIGNED_DATE", Desc: true,
	Newest: mapping.FieldAssignedDate,
	Look:   look(func(m *ent.Mapping) (patient, clinic int) { return m.PatientID, m.ClinicID }),
	LookAt: lookAt(mapping.FieldClinicID, mapping.FieldPatientID),
	Node:   (*ent.Mapping).Node,
	Bare:   func(id int) *ent.Mapping { return &ent.Mapping{ID: id} },
	Values: ent.MappingValues,
	Query: func(ctx context.Context, columns []string, where []reading.Where, modify func(*sql.Selector)) reading.Query[ent.Mapping] {
		return ent.FromContext(ctx).Mapping.Query().Where(reading.As[predicate.Mapping](where)...).Select(append(columns, "id")...).Modify(modify)
	},
}

var clinics = reading.Table[ent.Clinic]{
	Object:  "Clinic",
	Columns: ent.ClinicColumns,
	Node:    (*ent.Clinic).Node,
	Bare:    func(id int) *ent.Clinic { return &ent.Clinic{ID: id} },
	Values:  ent.ClinicValues,
	Query: func(ctx context.Context, columns []string, where []reading.Where, modify func(*sql.Selector)) reading.Query[ent.Clinic] {
		return ent.FromContext(ctx).Clinic.Query().Where(reading.As[predicate.Clinic](where)...).Select(append(columns, "id")...).Modify(modify)
	},
}

var practices = reading.Table[ent.Practice]{
	Object:  "Practice",
	Columns: with(ent.PracticeColumns, map[string]string{"clinic": practice.FieldClinicID, "doctor": practice.FieldDoctorID}),
	Newest:  practice.FieldCreatedAt,
	Node:    (*ent.Practice).Node,
	Bare:    func(id int) *ent.Practice { return &ent.Practice{ID: id} },
	Values:  ent.PracticeValues,
	Query: func(ctx context.Context, columns []string, where []reading.Where, modify func(*sql.Selector)) reading.Query[ent.Practice] {
		return ent.FromContext(ctx).Practice.Query().Where(reading.As[predicate.Practice](where)...).Select(append(columns, "id")...).Modify(modify)
	},
}

var invitations = reading.Table[ent.Invitation]{
	Object:  "Invitation",
	Columns: with(ent.InvitationColumns, map[string]string{"doctor": invitation.FieldDoctorID, "patient": invitation.FieldPatientID, "createdBy": invitation.FieldCreatedByID}),
	Newest:  invitation.FieldCreatedAt,
	Node:    (*ent.Invitation).Node,
	Bare:    func(id int) *ent.Invitation { return &ent.Invitation{ID: id} },
	Values: with(ent.InvitationValues, map[string]reading.Appender[ent.Invitation]{
		"role": func(b []byte, i *ent.Invitation) []byte { return appendClinicRole(b, invitedRole(i)) },
	}),
	Query: func(ctx context.Context, columns []string, where []reading.Where, modify func(*sql.Selector)) reading.Query[ent.Invitation] {
		return ent.FromContext(ctx).Invitation.Query().Where(reading.As[predicate.Invitation](where)...).Select(append(columns, "id")...).Modify(modify)
	},
}

// newInvitations have no table of their own: their codes are stored nowhere.
var newInvitations = reading.Table[NewInvitation]{
	Object: "NewInvitation",
	Node:   func(i *NewInvitation) (int, *reading.Loaded) { return i.ID, &i.loaded },
	Values: map[string]reading.Appender[NewInvitation]{
		"code": func(b []byte, i *NewInvitation) []byte { return reading.AppendString(b, i.Code) },
	},
}

// appendClinicRole appends a role, or null.
func appendClinicRole(b []byte, role *user.ClinicRole) []byte {
	return reading.AppendOptional(b, role, func(b []byte, role user.ClinicRole) []byte {
		return reading.AppendString(b, marshalNClinicRole2caregraphᚋentᚋuserᚐClinicRoleF[role])
	})
}

var sessions = reading.Table[ent.Session]{
	Object:  "Session",
	Columns: ent.SessionColumns,
	Newest:  session.FieldLastUsedAt,
	Node:    (*ent.Session).Node,
	Bare:    func(id int) *ent.Session { return &ent.Session{ID: id} },
	Values:  ent.SessionValues,
	Query: func(ctx context.Context, columns []string, where []reading.Where, modify func(*sql.Selector)) reading.Query[ent.Session] {
		return ent.FromContext(ctx).Session.Query().Where(reading.As[predicate.Session](where)...).Select(append(columns, "id")...).Modify(modify)
	},
}

var revisions = reading.Table[ent.Revision]{
	Object:  "Revision",
	Columns: with(ent.RevisionColumns, map[string]string{"actor": revision.FieldActorID, "changes": revision.FieldDiff}),
	Orders: map[string]reading.Ordering[ent.Revision]{
		"VERSION": reading.Integer(revision.FieldVersion, func(r *ent.Revision) int64 { return int64(r.Version) }),
	},
	Order: "VERSION", Desc: true,
	Node: (*ent.Revision).Node,
	Bare: func(id int) *ent.Revision { return &ent.Revision{ID: id} },
	Values: with(ent.RevisionValues, map[string]reading.Appender[ent.Revision]{
		"kind": func(b []byte, r *ent.Revision) []byte {
			return reading.AppendString(b, marshalNRevisionKind2caregraphᚋentᚋrevisionᚐKindF[r.Kind])
		},
	}),
	Query: func(ctx context.Context, columns []string, where []reading.Where, modify func(*sql.Selector)) reading.Query[ent.Revision] {
		return ent.FromContext(ctx).Revision.Query().Where(reading.As[predicate.Revision](where)...).Select(append(columns, "id", revision.FieldDoctorID, revision.FieldPatientID)...).Modify(modify)
	},
}

var accessEvents = reading.Table[ent.AccessEvent]{
	Object:  "AccessEvent",
	Columns: with(ent.AccessEventColumns, map[string]string{"actor": accessevent.FieldUserID, "patientIds": accessevent.FieldPatients, "requestId": accessevent.FieldRequestID, "sessionId": accessevent.FieldSessionID}),
	Orders: map[string]reading.Ordering[ent.AccessEvent]{
		"AT": reading.Instant(accessevent.FieldAt, func(e *ent.AccessEvent) time.Time { return e.At }),
	},
	Order: "AT", Desc: true,
	Node: (*ent.AccessEvent).Node,
	Bare: func(id int) *ent.AccessEvent { return &ent.AccessEvent{ID: id} },
	Values: with(ent.AccessEventValues, map[string]reading.Appender[ent.AccessEvent]{
		"action": func(b []byte, e *ent.AccessEvent) []byte { return reading.AppendString(b, e.Action) },
		"door":   func(b []byte, e *ent.AccessEvent) []byte { return reading.AppendString(b, e.Door) },
		"seenAs": func(b []byte, e *ent.AccessEvent) []byte {
			return reading.AppendOptional(b, e.SeenAs, reading.AppendString[accessevent.SeenAs])
		},
		"requestId": func(b []byte, e *ent.AccessEvent) []byte { return reading.AppendString(b, e.RequestID) },
		"sessionId": func(b []byte, e *ent.AccessEvent) []byte {
			return reading.AppendOptional(b, e.SessionID, reading.AppendID)
		},
		"patientIds": func(b []byte, e *ent.AccessEvent) []byte { return e.Patients.AppendJSON(b) },
	}),
	Query: func(ctx context.Context, columns []string, where []reading.Where, modify func(*sql.Selector)) reading.Query[ent.AccessEvent] {
		return ent.FromContext(ctx).AccessEvent.Query().Where(reading.As[predicate.AccessEvent](where)...).Select(append(columns, "id")...).Modify(modify)
	},
}

// duplicates have no table of their own: possibleDuplicates finds them.
var duplicates = reading.Table[PossibleDuplicate]{
	Object: "PossibleDuplicate",
	Node:   func(d *PossibleDuplicate) (int, *reading.Loaded) { return d.PatientID, &d.loaded },
	Values: map[string]reading.Appender[PossibleDuplicate]{
		"reasons": func(b []byte, d *PossibleDuplicate) []byte {
			b = append(b, '[')
			for i, r := range d.Reasons {
				if i > 0 {
					b = append(b, ',')
				}
				b = reading.AppendString(b, r)
			}
			return append(b, ']')
		},
	},
}

// look returns what notes in the access log that an answer holds data of rows of patients.
func look[T any](of func(*T) (patient, clinic int)) func(context.Context, []*T, bool) {
	return func(ctx context.Context, rows []*T, asked bool) {
		v, err := viewer.FromContext(ctx)
		audit.Look(ctx, asked, func(yield func(patient, clinic int) bool) {
			for _, row := range rows {
				patient, clinic := of(row)
				if err == nil && !v.Beyond() {
					clinic = v.ClinicID
				}
				if !yield(patient, clinic) {
					return
				}
			}
		})
	}
}

// lookAt returns what look needs: the column of the clinic, for who sees several clinics,
// and the others.
func lookAt(clinic string, others ...string) func(context.Context) []string {
	return func(ctx context.Context) []string {
		if v, err := viewer.FromContext(ctx); err == nil && v.Beyond() {
			return append(slices.Clone(others), clinic)
		}
		return others
	}
}

// day is the ordering by a column of dates.
func day[T any](column string, of func(*T) scalar.Date) reading.Ordering[T] {
	return reading.Ordering[T]{
		Column: column,
		Encode: func(row *T) string { return of(row).String() },
		Decode: func(s string) (any, error) { return scalar.ParseDate(s), nil },
	}
}

// with returns the entries of both maps.
func with[V any](a, b map[string]V) map[string]V {
	both := maps.Clone(a)
	maps.Copy(both, b)
	return both
}
