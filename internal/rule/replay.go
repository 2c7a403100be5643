package rule

import (
	"context"

	baseent "entgo.io/ent"

	"caregraph/ent"
	"caregraph/ent/privacy"
	"caregraph/ent/replay"
	"caregraph/internal/viewer"
)

// OwnReplayQuery shows a viewer the answers to its own changes.
func OwnReplayQuery() privacy.QueryRule {
	return privacy.ReplayQueryRuleFunc(func(ctx context.Context, q *ent.ReplayQuery) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		q.Where(replay.UserID(v.UserID))
		return privacy.Allow
	})
}

// OwnReplayMutation makes an answer that a viewer keeps one of its own.
func OwnReplayMutation() privacy.MutationRule {
	return privacy.ReplayMutationRuleFunc(func(ctx context.Context, m *ent.ReplayMutation) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		if !m.Op().Is(baseent.OpCreate) {
			return privacy.Skip
		}
		m.SetUserID(v.UserID)
		return privacy.Allow
	})
}
