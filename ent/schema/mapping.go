package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"caregraph/ent/privacy"
	"caregraph/internal/rule"
	"caregraph/internal/scalar"
)

// Mapping is the assignment of a doctor to a patient. At most one of a pair is
// active; the ended ones are the history of care.
type Mapping struct{ ent.Schema }

// Mixin of the Mapping. A mapping is deleted with its patient.
func (Mapping) Mixin() []ent.Mixin { return []ent.Mixin{Times{}, Deletable{}, Versioned{}} }

// Fields of the Mapping.
func (Mapping) Fields() []ent.Field {
	return []ent.Field{
		field.Int("clinic_id").
			Comment("The patient's clinic. Set by the policy, never by a caller. No foreign key: that would lock the clinic after the patient, and who moves between clinics locks the clinic first."),
		field.Int("created_by_id").Immutable().
			Comment("Who assigned. Set by the policy, never by a caller."),
		field.Int("patient_id").
			Comment("Changes when two records of one patient become one."),
		field.Int("doctor_id").Immutable(),
		field.Text("notes").Optional().Nillable().Validate(scalar.Text(scalar.FreeText)),
		field.Bool("is_active").Default(true),
		field.Time("assigned_date").Default(now).Immutable(),
		field.Time("ended_at").Optional().Nillable(),
	}
}

// Edges of the Mapping.
func (Mapping) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("created_by", User.Type).Ref("created_mappings").Field("created_by_id").Unique().Required().Immutable(),
		edge.From("patient", Patient.Type).Ref("mappings").Field("patient_id").Unique().Required(),
		edge.From("doctor", Doctor.Type).Ref("mappings").Field("doctor_id").Unique().Required().Immutable(),
	}
}

// Indexes of the Mapping. The two long ones hold all that tells which doctors
// and patients belong together, so that pairs and counts read nothing else.
func (Mapping) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("patient_id", "doctor_id").Unique().Annotations(entsql.IndexWhere("is_active")),
		index.Fields("patient_id", "assigned_date", "id"),
		index.Fields("clinic_id", "assigned_date", "id"),
		index.Fields("clinic_id", "created_at", "id"),
		index.Fields("clinic_id", "patient_id", "is_active", "deleted_at", "doctor_id", "id").StorageKey("mapping_clinic_patient"),
		index.Fields("doctor_id", "clinic_id", "is_active", "deleted_at", "patient_id", "id").StorageKey("mapping_doctor_clinic"),
		index.Fields("created_by_id", "clinic_id"),
		index.Fields("assigned_date", "id"),
		index.Fields("created_at", "id"),
	}
}

// Hooks of the Mapping.
func (Mapping) Hooks() []ent.Hook {
	return []ent.Hook{rule.TraceMapping, checked(Mapping{}.Fields(), nil, nil)}
}

// Policy of the Mapping.
func (Mapping) Policy() ent.Policy {
	return privacy.Policy{
		Query:    privacy.QueryPolicy{rule.DenyIfAnonymous(), rule.StaffErases(), rule.LiveMappingQuery(), rule.AllowIfStaff(), rule.SeenMappingQuery(), privacy.AlwaysDenyRule()},
		Mutation: privacy.MutationPolicy{rule.DenyIfAnonymous(), rule.StaffErases(), rule.LiveMappingMutation(), rule.SeenMappingMutation(), privacy.AlwaysDenyRule()},
	}
}

// Annotations of the Mapping: the limits that its table knows too.
func (Mapping) Annotations() []schema.Annotation {
	return []schema.Annotation{limits("mappings", map[string]string{
		"notes":    "length(notes) <= 20000",
		"ended_at": "(ended_at IS NULL) = is_active",
	})}
}
