package rule

import (
	"context"

	baseent "entgo.io/ent"

	"caregraph/ent"
	"caregraph/ent/privacy"
	"caregraph/ent/session"
	"caregraph/internal/viewer"
)

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
