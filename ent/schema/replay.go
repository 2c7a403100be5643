package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"caregraph/ent/privacy"
	"caregraph/internal/rule"
)

// Replay is the answer to a change that a client may send again; see internal/replay.
type Replay struct{ ent.Schema }

// Fields of the Replay.
func (Replay) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().
			Comment("A keyed hash of the user and the client's key, which is stored nowhere."),
		field.Int("user_id").
			Comment("Who sent the change. Set by the policy, never by a caller."),
		field.String("request").
			Comment("A keyed hash of what was sent."),
		field.Bytes("answer").
			Comment("The answer, encrypted by a key that takes the client's to know."),
		field.Time("created_at").Default(now),
	}
}

// Indexes of the Replay.
func (Replay) Indexes() []ent.Index { return []ent.Index{index.Fields("created_at")} }

// Policy of the Replay: a viewer reads its own. internal/auth deletes the old ones.
func (Replay) Policy() ent.Policy {
	return privacy.Policy{
		Query:    privacy.QueryPolicy{rule.DenyIfAnonymous(), rule.OwnReplayQuery(), privacy.AlwaysDenyRule()},
		Mutation: privacy.MutationPolicy{rule.DenyIfAnonymous(), rule.OwnReplayMutation(), privacy.AlwaysDenyRule()},
	}
}

// Annotations of the Replay: the limits that its table knows too.
func (Replay) Annotations() []schema.Annotation {
	return []schema.Annotation{limits("replays", map[string]string{
		"id":      "length(id) = 64",
		"request": "length(request) = 64",
	})}
}
