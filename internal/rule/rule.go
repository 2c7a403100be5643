// Package rule holds the privacy rules: who may see and change what. The ent
// schema lists them in its policies; nothing else in the project authorizes.
//
// A rule narrows reads, updates and deletes by a predicate, so that a stranger
// finds nothing, and sets the owner of what is created. The predicates name the
// owner on each table they touch.
package rule

import (
	"context"
	"errors"
	"slices"

	baseent "entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/doctor"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/predicate"
	"caregraph/ent/privacy"
	"caregraph/ent/session"
	"caregraph/ent/user"
	"caregraph/internal/fault"
	"caregraph/internal/viewer"
)

// DenyIfAnonymous denies everything to a caller who is not signed in.
func DenyIfAnonymous() privacy.QueryMutationRule {
	return privacy.ContextQueryMutationRule(func(ctx context.Context) error {
		_, err := viewer.FromContext(ctx)
		switch {
		case err == nil:
			return privacy.Skip
		case errors.Is(err, viewer.ErrAnonymous), errors.Is(err, viewer.ErrBadToken):
			return errors.Join(privacy.Deny, err)
		}
		return err // who is calling could not be found out
	})
}

// AllowIfStaff allows everything that earlier rules left, to staff.
func AllowIfStaff() privacy.QueryMutationRule {
	return privacy.ContextQueryMutationRule(func(ctx context.Context) error {
		if v, err := viewer.FromContext(ctx); err == nil && v.Staff {
			return privacy.Allow
		}
		return privacy.Skip
	})
}

// SelfAndAuthorsQuery shows a viewer the user it is, and the users who made
// assignments of its patients: they acted on records that are the viewer's.
func SelfAndAuthorsQuery() privacy.QueryRule {
	return privacy.UserQueryRuleFunc(func(ctx context.Context, q *ent.UserQuery) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		q.Where(user.Or(user.ID(v.UserID), user.HasCreatedMappingsWith(mapping.OwnerID(v.UserID), mapping.DeletedAtIsNil())))
		return privacy.Allow
	})
}

// StaffUserMutation allows staff to say who is active, who is staff, and which
// role a user has. It locks the active staff until the transaction ends, so
// that those who demote each other at once take turns. It fails with
// fault.Conflict if nobody would be left, and as for a bad token if the viewer
// was deactivated or demoted meanwhile.
func StaffUserMutation() privacy.MutationRule {
	return privacy.UserMutationRuleFunc(func(ctx context.Context, m *ent.UserMutation) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		changed := slices.Concat(m.Fields(), m.ClearedFields(), m.AddedEdges(), m.RemovedEdges(), m.ClearedEdges())
		beyond := func(field string) bool {
			return field != user.FieldIsActive && field != user.FieldIsStaff && field != user.FieldRole
		}
		id, one := m.ID()
		if !v.Staff || !one || !m.Op().Is(baseent.OpUpdateOne) || slices.ContainsFunc(changed, beyond) {
			return privacy.Skip
		}
		staff, err := m.Client().User.Query().Where(user.IsActive(true), user.IsStaff(true)).Order(user.ByID()).
			Select(user.FieldID).Modify(Lock).Ints(ctx)
		if err != nil {
			return err
		}
		active, setActive := m.IsActive()
		keeps, setStaff := m.IsStaff()
		switch leaves := setActive && !active || setStaff && !keeps; {
		case leaves && slices.Equal(staff, []int{id}):
			return &fault.Error{Kind: fault.Conflict, Message: "This is the last active staff user."}
		case !slices.Contains(staff, v.UserID):
			return errors.Join(privacy.Deny, viewer.ErrBadToken)
		}
		return privacy.Allow
	})
}

// OwnSessionQuery shows a viewer its own sign-ins.
func OwnSessionQuery() privacy.QueryRule {
	return privacy.SessionQueryRuleFunc(func(ctx context.Context, q *ent.SessionQuery) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		q.Where(session.UserID(v.UserID))
		return privacy.Allow
	})
}

// OwnSessionMutation allows a viewer to end its own sign-ins.
func OwnSessionMutation() privacy.MutationRule {
	return privacy.SessionMutationRuleFunc(func(ctx context.Context, m *ent.SessionMutation) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		if m.Op().Is(baseent.OpCreate) {
			return privacy.Skip
		}
		m.Where(session.UserID(v.UserID))
		return privacy.Allow
	})
}

// LivePatientQuery hides deleted patients, from staff too.
func LivePatientQuery() privacy.QueryRule {
	return privacy.PatientQueryRuleFunc(func(_ context.Context, q *ent.PatientQuery) error {
		q.Where(patient.DeletedAtIsNil())
		return privacy.Skip
	})
}

// LivePatientMutation keeps deleted patients as they are.
func LivePatientMutation() privacy.MutationRule {
	return privacy.PatientMutationRuleFunc(func(_ context.Context, m *ent.PatientMutation) error {
		if !m.Op().Is(baseent.OpCreate) {
			m.Where(patient.DeletedAtIsNil())
		}
		return privacy.Skip
	})
}

// OwnPatientQuery shows a viewer the patients it created.
func OwnPatientQuery() privacy.QueryRule {
	return privacy.PatientQueryRuleFunc(func(ctx context.Context, q *ent.PatientQuery) error {
		q.Where(OwnPatients(ctx)...)
		return privacy.Allow
	})
}

// OwnPatientMutation makes the viewer the owner of the patients it creates,
// and allows it to change those. Staff changes everybody's.
func OwnPatientMutation() privacy.MutationRule {
	return privacy.PatientMutationRuleFunc(func(ctx context.Context, m *ent.PatientMutation) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		if m.Op().Is(baseent.OpCreate) {
			m.SetCreatedByID(v.UserID)
			return privacy.Allow
		}
		m.Where(OwnPatients(ctx)...)
		return privacy.Allow
	})
}

// OwnPatients is the predicate of the patients that the viewer may see, for
// sub-selects, which have no policy: none for staff.
func OwnPatients(ctx context.Context) []predicate.Patient {
	switch v, err := viewer.FromContext(ctx); {
	case err != nil:
		return []predicate.Patient{sql.FieldIsNull(patient.FieldID)}
	case v.Staff:
		return nil
	default:
		return []predicate.Patient{patient.CreatedByID(v.UserID)}
	}
}

// LiveDoctorQuery hides deleted doctors, but for the past of a mapping.
func LiveDoctorQuery() privacy.QueryRule {
	return privacy.DoctorQueryRuleFunc(func(ctx context.Context, q *ent.DoctorQuery) error {
		if ctx.Value(pastKey{}) == nil {
			q.Where(doctor.DeletedAtIsNil())
		}
		return privacy.Skip
	})
}

// WithPast returns a context in which deleted doctors are shown: a mapping of
// the past still names its doctor.
func WithPast(ctx context.Context) context.Context {
	return context.WithValue(ctx, pastKey{}, true)
}

type pastKey struct{}

// LiveDoctorMutation keeps deleted doctors as they are.
func LiveDoctorMutation() privacy.MutationRule {
	return privacy.DoctorMutationRuleFunc(func(_ context.Context, m *ent.DoctorMutation) error {
		if !m.Op().Is(baseent.OpCreate) {
			m.Where(doctor.DeletedAtIsNil())
		}
		return privacy.Skip
	})
}

// KeepOthersDoctor refuses to delete a doctor who is assigned to other users'
// patients now: nobody ends a colleague's care by tidying the directory.
func KeepOthersDoctor() privacy.MutationRule {
	return privacy.DoctorMutationRuleFunc(func(ctx context.Context, m *ent.DoctorMutation) error {
		id, one := m.ID()
		if _, deleting := m.DeletedAt(); !deleting && !m.Op().Is(baseent.OpDelete|baseent.OpDeleteOne) {
			return privacy.Skip
		}
		v, err := viewer.FromContext(ctx)
		if err != nil || !one {
			return errors.Join(privacy.Deny, err)
		}
		others := mapping.And(mapping.IsActive(true), mapping.OwnerIDNEQ(v.UserID))
		busy, err := m.Client().Doctor.Query().Where(doctor.ID(id), doctor.HasMappingsWith(others)).Exist(ctx)
		switch {
		case err != nil:
			return err
		case busy:
			return &fault.Error{Kind: fault.Conflict, Message: "This doctor is assigned to other users' patients."}
		}
		return privacy.Skip
	})
}

// LiveMappingQuery hides the mappings of deleted patients.
func LiveMappingQuery() privacy.QueryRule {
	return privacy.MappingQueryRuleFunc(func(_ context.Context, q *ent.MappingQuery) error {
		q.Where(mapping.DeletedAtIsNil())
		return privacy.Skip
	})
}

// LiveMappingMutation keeps the mappings of deleted patients as they are.
func LiveMappingMutation() privacy.MutationRule {
	return privacy.MappingMutationRuleFunc(func(_ context.Context, m *ent.MappingMutation) error {
		if !m.Op().Is(baseent.OpCreate) {
			m.Where(mapping.DeletedAtIsNil())
		}
		return privacy.Skip
	})
}

// OwnMappingQuery shows a viewer the mappings of its patients.
func OwnMappingQuery() privacy.QueryRule {
	return privacy.MappingQueryRuleFunc(func(ctx context.Context, q *ent.MappingQuery) error {
		q.Where(OwnMappings(ctx)...)
		return privacy.Allow
	})
}

// OwnMappingMutation allows a viewer to assign doctors to the patients it may
// see, and to change the mappings of its patients. The patient is locked until
// the transaction ends, so that it cannot be deleted meanwhile. A mapping of a
// patient that the viewer cannot see fails with fault.NotFound.
func OwnMappingMutation() privacy.MutationRule {
	return privacy.MappingMutationRuleFunc(func(ctx context.Context, m *ent.MappingMutation) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		if !m.Op().Is(baseent.OpCreate) {
			m.Where(OwnMappings(ctx)...)
			return privacy.Allow
		}
		id, ok := m.PatientID()
		if !ok {
			return privacy.Denyf("mapping without patient")
		}
		p, err := m.Client().Patient.Query().Where(patient.ID(id)).
			Select(patient.FieldID, patient.FieldCreatedByID).Modify(Share).Only(ctx)
		if ent.IsNotFound(err) {
			return &fault.Error{Kind: fault.NotFound, Field: mapping.FieldPatientID, Message: fault.TextNotFound}
		}
		if err != nil {
			return err
		}
		m.SetOwnerID(p.CreatedByID)
		m.SetCreatedByID(v.UserID)
		return privacy.Allow
	})
}

// OwnMappings is the predicate of the mappings that the viewer may see, for
// sub-selects, which have no policy: none for staff.
func OwnMappings(ctx context.Context) []predicate.Mapping {
	switch v, err := viewer.FromContext(ctx); {
	case err != nil:
		return []predicate.Mapping{sql.FieldIsNull(mapping.FieldID)}
	case v.Staff:
		return nil
	default:
		return []predicate.Mapping{mapping.OwnerID(v.UserID)}
	}
}

// Share locks the selected rows against change until the transaction ends. On
// SQLite, where a transaction that writes is alone, there is nothing to lock.
func Share(s *sql.Selector) {
	if s.Dialect() == dialect.Postgres {
		s.ForShare()
	}
}

// Lock locks the selected rows against change and against Share until the
// transaction ends; others may still refer to them.
func Lock(s *sql.Selector) {
	if s.Dialect() == dialect.Postgres {
		s.For(sql.LockNoKeyUpdate)
	}
}
