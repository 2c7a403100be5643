package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"caregraph/ent/privacy"
	"caregraph/internal/rule"
	"caregraph/internal/scalar"
)

// Clinic is whom records belong to. Every user is a member of exactly one, and
// begins alone in one of its own.
type Clinic struct{ ent.Schema }

// Fields of the Clinic.
func (Clinic) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").Validate(scalar.FilledLine(scalar.MaxClinicName)),
		field.Time("created_at").Default(now).Immutable(),
	}
}

// Edges of the Clinic.
func (Clinic) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("members", User.Type),
		edge.To("patients", Patient.Type),
		edge.To("practices", Practice.Type),
		edge.To("invitations", Invitation.Type),
	}
}

// Hooks of the Clinic.
func (Clinic) Hooks() []ent.Hook {
	return []ent.Hook{checked(Clinic{}.Fields(), nil, nil)}
}

// Policy of the Clinic: its admins name it. Clinics are made and left by
// internal/auth alone.
func (Clinic) Policy() ent.Policy {
	return privacy.Policy{
		Query:    privacy.QueryPolicy{rule.DenyIfAnonymous(), rule.AllowIfStaff(), rule.KnownClinicQuery(), privacy.AlwaysDenyRule()},
		Mutation: privacy.MutationPolicy{rule.DenyIfAnonymous(), rule.OwnClinicMutation(), privacy.AlwaysDenyRule()},
	}
}

// Annotations of the Clinic: the limits that its table knows too.
func (Clinic) Annotations() []schema.Annotation {
	return []schema.Annotation{limits("clinics", map[string]string{
		"name": "length(name) BETWEEN 1 AND 100",
	})}
}
