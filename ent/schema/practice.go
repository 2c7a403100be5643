package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"caregraph/ent/privacy"
	"caregraph/internal/rule"
)

// Practice says that a clinic made a user the account of a doctor: that user sees
// the patients of this clinic to whom the doctor is assigned. What another clinic
// says of the same entry of the directory is nothing to it.
type Practice struct{ ent.Schema }

// Fields of the Practice.
func (Practice) Fields() []ent.Field {
	return []ent.Field{
		field.Int("clinic_id"),
		field.Int("doctor_id").Immutable(),
		field.Int("user_id").Immutable(),
		field.Time("created_at").Default(now).Immutable(),
	}
}

// Edges of the Practice.
func (Practice) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("clinic", Clinic.Type).Ref("practices").Field("clinic_id").Unique().Required(),
		edge.From("doctor", Doctor.Type).Ref("practices").Field("doctor_id").Unique().Required().Immutable(),
		edge.From("user", User.Type).Ref("practices").Field("user_id").Unique().Required().Immutable(),
	}
}

// Indexes of the Practice: a clinic's doctor has one account.
func (Practice) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("doctor_id", "clinic_id").Unique(),
		index.Fields("user_id", "clinic_id", "doctor_id"),
		index.Fields("clinic_id"),
	}
}

// Hooks of the Practice.
func (Practice) Hooks() []ent.Hook { return []ent.Hook{rule.TracePractice, rule.Touches("user_id")} }

// Policy of the Practice: the clinic and the account see and end it. Practices are
// made by internal/auth alone.
func (Practice) Policy() ent.Policy {
	return privacy.Policy{
		Query:    privacy.QueryPolicy{rule.DenyIfAnonymous(), rule.AllowIfStaff(), rule.OwnPracticeQuery(), privacy.AlwaysDenyRule()},
		Mutation: privacy.MutationPolicy{rule.DenyIfAnonymous(), rule.OwnPracticeMutation(), privacy.AlwaysDenyRule()},
	}
}
