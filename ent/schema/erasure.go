package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"caregraph/ent/privacy"
	"caregraph/internal/rule"
	"caregraph/internal/scalar"
)

// Erasure tells that the personal data of a patient were erased, and why. It stays when the
// record is purged.
type Erasure struct{ ent.Schema }

// Fields of the Erasure.
func (Erasure) Fields() []ent.Field {
	return []ent.Field{
		field.Int("patient_id").Unique().Immutable(),
		field.Time("at").Immutable(),
		field.Int("actor_id").Immutable().
			Comment("Who erased. Set by the policy, never by a caller."),
		field.String("reason").Validate(scalar.FilledLine(300)).Immutable(),
	}
}

// Hooks of the Erasure.
func (Erasure) Hooks() []ent.Hook { return []ent.Hook{checked(Erasure{}.Fields(), nil, nil)} }

// Policy of the Erasure. That the data of an id were erased is no secret; the contract shows
// it to staff.
func (Erasure) Policy() ent.Policy {
	return privacy.Policy{
		Query:    privacy.QueryPolicy{rule.DenyIfAnonymous(), privacy.AlwaysAllowRule()},
		Mutation: privacy.MutationPolicy{rule.DenyIfAnonymous(), rule.OwnErasureMutation(), privacy.AlwaysDenyRule()},
	}
}

// Annotations of the Erasure: the limits that its table knows too.
func (Erasure) Annotations() []schema.Annotation {
	return []schema.Annotation{limits("erasures", map[string]string{"reason": "length(reason) BETWEEN 1 AND 300"})}
}
