package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"caregraph/ent/privacy"
)

// Guess counts the failed sign-ins of one account, one client address, or one
// pair of both.
type Guess struct{ ent.Schema }

// Fields of the Guess.
func (Guess) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").
			Comment("A keyed hash of what is counted: no address and no email stands here."),
		field.Int("failures"),
		field.Time("last_at").
			Comment("When the last one failed."),
	}
}

// Policy of the Guess: internal/auth alone reads and writes it.
func (Guess) Policy() ent.Policy {
	return privacy.Policy{
		Query:    privacy.QueryPolicy{privacy.AlwaysDenyRule()},
		Mutation: privacy.MutationPolicy{privacy.AlwaysDenyRule()},
	}
}

// Annotations of the Guess: the limits that its table knows too.
func (Guess) Annotations() []schema.Annotation {
	return []schema.Annotation{limits("guesses", map[string]string{
		"id":       "length(id) = 32",
		"failures": "failures > 0",
	})}
}
