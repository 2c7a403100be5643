package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"caregraph/ent/privacy"
	"caregraph/internal/rule"
)

// Revision is a change of a patient, a doctor or a mapping. The triggers of these tables
// write it in the transaction of the change, whoever makes it. It has no foreign keys:
// the triggers know what they refer to.
type Revision struct{ ent.Schema }

// Fields of the Revision.
func (Revision) Fields() []ent.Field {
	return []ent.Field{
		field.Int("patient_id").Optional().Nillable().Immutable(),
		field.Int("doctor_id").Optional().Nillable().Immutable(),
		field.Int("mapping_id").Optional().Nillable().Immutable().
			Comment("What was changed: one of the three."),
		field.Int("version").Immutable().
			Comment("The version that the change made."),
		field.Enum("kind").Values("create", "update", "delete", "restore", "merge").Immutable(),
		field.Time("at").Default(now).Immutable(),
		field.Int("actor_id").Optional().Nillable().Immutable().
			Comment("The user who made the change; NULL for one that was not made by a user of this application."),
		field.Text("diff").Default("{}").
			Comment(`What was before and after, in JSON by the names of columns: {"name": ["Asha", "Asha Rao"]}. {} of what was made.`),
	}
}

// Indexes of the Revision.
func (Revision) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("patient_id", "version", "id").Annotations(entsql.IndexWhere("patient_id IS NOT NULL")),
		index.Fields("doctor_id", "version", "id").Annotations(entsql.IndexWhere("doctor_id IS NOT NULL")),
		index.Fields("mapping_id", "version", "id").Annotations(entsql.IndexWhere("mapping_id IS NOT NULL")),
	}
}

// Policy of the Revision: nobody but the triggers writes it; staff erases what it says, and who
// parts two records what one took from the other.
func (Revision) Policy() ent.Policy {
	return privacy.Policy{
		Query:    privacy.QueryPolicy{rule.DenyIfAnonymous(), rule.AllowIfStaff(), rule.SeenRevisionQuery(), privacy.AlwaysDenyRule()},
		Mutation: privacy.MutationPolicy{rule.DenyIfAnonymous(), rule.StaffErases(), rule.PartsRevisions(), privacy.AlwaysDenyRule()},
	}
}

// Annotations of the Revision: the limits that its table knows too.
func (Revision) Annotations() []schema.Annotation {
	return []schema.Annotation{limits("revisions", map[string]string{
		"kind":    "kind IN ('create', 'update', 'delete', 'restore', 'merge')",
		"version": "CASE WHEN patient_id IS NULL THEN 0 ELSE 1 END + CASE WHEN doctor_id IS NULL THEN 0 ELSE 1 END + CASE WHEN mapping_id IS NULL THEN 0 ELSE 1 END = 1 AND version > 0",
	})}
}
