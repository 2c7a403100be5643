package rule

import (
	"context"

	baseent "entgo.io/ent"
	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/erasure"
	"caregraph/ent/patient"
	"caregraph/ent/privacy"
	"caregraph/internal/viewer"
)

// Erasing returns a context in which staff sees and overwrites everything that is kept of a
// patient, deleted or not, and nobody else sees or changes anything of it.
func Erasing(ctx context.Context) context.Context {
	return context.WithValue(ctx, erasingKey{}, true)
}

type erasingKey struct{}

func erasing(ctx context.Context) bool { return ctx.Value(erasingKey{}) != nil }

// StaffErases decides in a context of Erasing.
func StaffErases() privacy.QueryMutationRule {
	return privacy.ContextQueryMutationRule(func(ctx context.Context) error {
		v, err := viewer.FromContext(ctx)
		switch {
		case !erasing(ctx):
			return privacy.Skip
		case err == nil && v.Staff:
			return privacy.Allow
		}
		return privacy.Deny
	})
}

// OwnErasureMutation lets staff tell of an erasure of its own. Nobody changes what is told.
func OwnErasureMutation() privacy.MutationRule {
	return privacy.ErasureMutationRuleFunc(func(ctx context.Context, m *ent.ErasureMutation) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		if !v.Staff || !m.Op().Is(baseent.OpCreate) {
			return privacy.Skip
		}
		m.SetActorID(v.UserID)
		return privacy.Allow
	})
}

// notErased is the condition that the personal data of a patient were not erased.
func notErased(s *sql.Selector) {
	e := sql.Table(erasure.Table)
	s.Where(sql.NotExists(sql.Dialect(s.Dialect()).Select(e.C(erasure.FieldID)).From(e).Where(sql.ColumnsEQ(e.C(erasure.FieldPatientID), s.C(patient.FieldID)))))
}
