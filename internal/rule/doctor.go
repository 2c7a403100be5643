package rule

import (
	"context"
	"errors"
	"time"

	baseent "entgo.io/ent"
	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/doctor"
	"caregraph/ent/mapping"
	"caregraph/ent/privacy"
	"caregraph/internal/fault"
	"caregraph/internal/viewer"
)

// LiveDoctorQuery hides deleted doctors, but for the past of a mapping. In a context of
// Deleted it shows them, and no others.
func LiveDoctorQuery() privacy.QueryRule {
	return privacy.DoctorQueryRuleFunc(func(ctx context.Context, q *ent.DoctorQuery) error {
		since, deleted := ctx.Value(deletedKey{}).(time.Time)
		switch {
		case deleted:
			q.Where(doctor.DeletedAtGT(since))
		case ctx.Value(pastKey{}) == nil:
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

// LiveDoctorMutation keeps deleted doctors as they are, but for who brings them back.
func LiveDoctorMutation() privacy.MutationRule {
	return privacy.DoctorMutationRuleFunc(func(_ context.Context, m *ent.DoctorMutation) error {
		switch {
		case m.Op().Is(baseent.OpCreate):
		case m.DeletedAtCleared():
			m.Where(doctor.DeletedAtNotNil())
		default:
			m.Where(doctor.DeletedAtIsNil())
		}
		return privacy.Skip
	})
}

// endedWithDoctor is the predicate of the mappings that the deletion of their doctor ended.
func endedWithDoctor(s *sql.Selector) {
	d := sql.Dialect(s.Dialect()).Table(doctor.Table).As("deleted")
	s.Where(sql.Exists(sql.Dialect(s.Dialect()).Select(d.C(doctor.FieldID)).From(d).Where(sql.And(
		sql.ColumnsEQ(d.C(doctor.FieldID), s.C(mapping.FieldDoctorID)),
		sql.ColumnsEQ(d.C(doctor.FieldDeletedAt), s.C(mapping.FieldEndedAt)),
	))))
}

// KeepOthersDoctor refuses to delete a doctor who is assigned to another clinic's
// patients now: nobody ends the care of others by tidying the directory. What staff ended so
// is brought back by staff, as a whole.
func KeepOthersDoctor() privacy.MutationRule {
	return privacy.DoctorMutationRuleFunc(func(ctx context.Context, m *ent.DoctorMutation) error {
		id, one := m.ID()
		if _, deleting := m.DeletedAt(); !deleting && !m.DeletedAtCleared() && !m.Op().Is(baseent.OpDelete|baseent.OpDeleteOne) {
			return privacy.Skip
		}
		v, err := viewer.FromContext(ctx)
		if err != nil || !one {
			return errors.Join(privacy.Deny, err)
		}
		concerned := mapping.IsActive(true)
		text := "This doctor is assigned to other users' patients."
		if m.DeletedAtCleared() {
			concerned = endedWithDoctor
			text = "This doctor was assigned to other users' patients: staff may bring it back."
		}
		busy, err := m.Client().Doctor.Query().Where(doctor.ID(id), doctor.HasMappingsWith(concerned, mapping.ClinicIDNEQ(v.ClinicID))).Exist(ctx)
		switch {
		case err != nil:
			return err
		case busy:
			return &fault.Error{Kind: fault.Conflict, Message: text}
		}
		return privacy.Skip
	})
}
