package rule

import (
	"context"
	"errors"

	baseent "entgo.io/ent"

	"caregraph/ent"
	"caregraph/ent/doctor"
	"caregraph/ent/mapping"
	"caregraph/ent/privacy"
	"caregraph/internal/fault"
	"caregraph/internal/viewer"
)

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

// KeepOthersDoctor refuses to delete a doctor who is assigned to another clinic's
// patients now: nobody ends the care of others by tidying the directory.
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
		others := mapping.And(mapping.IsActive(true), mapping.ClinicIDNEQ(v.ClinicID))
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
