package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"caregraph/ent/privacy"
	"caregraph/internal/rule"
	"caregraph/internal/scalar"
)

// Session is a sign-in. Its id is in both of its tokens, which are good as long
// as it is: until it expires, is ended, or the user's role or rights change.
type Session struct{ ent.Schema }

// Fields of the Session.
func (Session) Fields() []ent.Field {
	return []ent.Field{
		field.Int("user_id").Immutable(),
		field.Enum("role").Values("patient", "doctor").Immutable().
			Comment("The user's role at the sign-in."),
		field.Bool("staff").Immutable().
			Comment("Whether the user was staff at the sign-in."),
		field.String("user_agent").Immutable().Validate(scalar.Text(300)).
			Comment("As the client called itself; at most 300 characters."),
		field.String("address").Immutable().
			Comment("The client's IP address."),
		field.String("refresh_id").
			Comment("The jti of the refresh token that is good now."),
		field.String("spent_refresh_id").Optional().Nillable().
			Comment("The jti of the refresh token before that, with ROTATE_REFRESH_TOKENS."),
		field.Time("rotated_at").Optional().Nillable(),
		field.Time("created_at").Default(now).Immutable(),
		field.Time("last_used_at").Default(now).
			Comment("Exact to five minutes."),
		field.Time("expires_at"),
		field.Time("ended_at").Optional().Nillable(),
	}
}

// Edges of the Session.
func (Session) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", User.Type).Ref("sessions").Field("user_id").Unique().Required().Immutable(),
	}
}

// Indexes of the Session.
func (Session) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("user_id", "last_used_at"),
	}
}

// Hooks of the Session.
func (Session) Hooks() []ent.Hook { return []ent.Hook{rule.Touches("ended_at")} }

// Policy of the Session: a viewer sees and ends its own. They are made by
// internal/auth alone.
func (Session) Policy() ent.Policy {
	return privacy.Policy{
		Query:    privacy.QueryPolicy{rule.DenyIfAnonymous(), rule.OwnSessionQuery(), privacy.AlwaysDenyRule()},
		Mutation: privacy.MutationPolicy{rule.DenyIfAnonymous(), rule.OwnSessionMutation(), privacy.AlwaysDenyRule()},
	}
}

// Annotations of the Session: the limits that its table knows too.
func (Session) Annotations() []schema.Annotation {
	return []schema.Annotation{limits("sessions", map[string]string{
		"role":       "role IN ('patient', 'doctor')",
		"user_agent": "length(user_agent) <= 300",
		"address":    "length(address) <= 64",
		"refresh_id": "length(refresh_id) = 32",
	})}
}
