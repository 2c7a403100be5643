package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"caregraph/ent/privacy"
	"caregraph/internal/rule"
	"caregraph/internal/scalar"
)

// Patient is a medical record. It belongs to a clinic. Beside its members, the
// doctors who treat the patient and the patient can see that it exists.
type Patient struct{ ent.Schema }

// Mixin of the Patient.
func (Patient) Mixin() []ent.Mixin { return []ent.Mixin{Times{}, Deletable{}, Versioned{}} }

// Fields of the Patient.
func (Patient) Fields() []ent.Field {
	return []ent.Field{
		field.Int("clinic_id").
			Comment("The clinic that the record belongs to. Set by the policy, never by a caller."),
		field.Int("created_by_id").Immutable().
			Comment("Who recorded the patient. Set by the policy, never by a caller."),
		field.Int("account_id").Optional().Nillable().
			Comment("The user who is the patient, if the clinic made one its account."),
		field.String("name").Validate(scalar.FilledLine(100)),
		field.String("name_key").
			Comment("The name as it is searched and ordered: folded, see scalar.Fold."),
		field.String("name_sound").Default("").
			Comment("What finds the name in other spellings, see scalar.SoundKey. Empty until store.Rekey fills it."),
		field.String("email").Optional().Nillable().Validate(scalar.Email).
			Comment("In lower case. Not unique: families share one."),
		field.String("phone").Validate(scalar.Phone).
			Comment("See scalar.NormalPhone. Not unique: families share one."),
		field.Time("date_of_birth").GoType(scalar.Date{}).SchemaType(map[string]string{dialect.Postgres: "date", dialect.SQLite: "date"}).
			Comment("Not in the future, not before 1880."),
		field.Bool("birth_date_estimated").Default(false).
			Comment("Only the year is known, and that from an age; date_of_birth is its first day."),
		field.Text("address").Validate(scalar.Filled(scalar.FreeText)),
		field.Enum("gender").Values("male", "female", "other"),
		field.Enum("blood_group").Optional().Nillable().
			NamedValues(
				"APositive", "A+", "ANegative", "A-", "BPositive", "B+", "BNegative", "B-",
				"ABPositive", "AB+", "ABNegative", "AB-", "OPositive", "O+", "ONegative", "O-",
			),
		field.Text("emergency_contact").Optional().Nillable().Validate(scalar.Text(scalar.FreeText)),
		field.Text("medical_history").Optional().Nillable().Validate(scalar.Text(scalar.FreeText)).
			Comment("NULL means never asked; empty means none."),
		field.Int("merged_into_id").Optional().Nillable().
			Comment("The record of the same person that this one became part of, which deleted it. No foreign key: that one may be purged."),
		field.Int("last_merged_id").Optional().Nillable().
			Comment("The last record that became part of this one. No foreign key, neither."),
	}
}

// Edges of the Patient.
func (Patient) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("clinic", Clinic.Type).Ref("patients").Field("clinic_id").Unique().Required(),
		edge.From("created_by", User.Type).Ref("patients").Field("created_by_id").Unique().Required().Immutable(),
		edge.From("account", User.Type).Ref("records").Field("account_id").Unique(),
		edge.To("mappings", Mapping.Type),
		edge.To("invitations", Invitation.Type),
	}
}

// Indexes of the Patient: two for each order, behind the clinic and, for staff,
// without. They hold what is not deleted, so that a count reads nothing else, and
// those by name all that a search reads. Two more find who has a phone number or an
// e-mail address, and two what belongs to a user.
func (Patient) Indexes() []ent.Index {
	live := entsql.IndexWhere("deleted_at IS NULL")
	indexes := []ent.Index{
		index.Fields("clinic_id", "name_key", "id").StorageKey("patient_clinic_name").Annotations(live, entsql.IncludeColumns("phone", "email", "name_sound")),
		index.Fields("name_key", "id").StorageKey("patient_name").Annotations(live, entsql.IncludeColumns("phone", "email", "name_sound")),
		index.Fields("phone", "clinic_id").Annotations(live),
		index.Fields("email", "clinic_id").Annotations(live),
		index.Fields("account_id").Annotations(entsql.IndexWhere("account_id IS NOT NULL")),
		index.Fields("created_by_id", "clinic_id"),
		index.Fields("merged_into_id").Annotations(entsql.IndexWhere("merged_into_id IS NOT NULL")),
	}
	for _, order := range []string{"created_at", "updated_at", "date_of_birth"} {
		indexes = append(
			indexes,
			index.Fields("clinic_id", order, "id").Annotations(live),
			index.Fields(order, "id").Annotations(live),
		)
	}
	return indexes
}

// Hooks of the Patient.
func (Patient) Hooks() []ent.Hook {
	return []ent.Hook{
		rule.TracePatient,
		rule.Touches("account_id"),
		checked(Patient{}.Fields(), text{"email": scalar.NormalEmail, "phone": scalar.NormalPhone}, dates{"date_of_birth": scalar.BirthDate}),
		keyed("name", "name_key", scalar.Fold),
		keyed("name", "name_sound", scalar.SoundKey),
	}
}

// Policy of the Patient.
func (Patient) Policy() ent.Policy {
	return privacy.Policy{
		Query:    privacy.QueryPolicy{rule.DenyIfAnonymous(), rule.StaffErases(), rule.LivePatientQuery(), rule.SeenPatientQuery(), privacy.AlwaysDenyRule()},
		Mutation: privacy.MutationPolicy{rule.DenyIfAnonymous(), rule.StaffErases(), rule.LivePatientMutation(), rule.SeenPatientMutation(), privacy.AlwaysDenyRule()},
	}
}

// Annotations of the Patient: the limits that its table knows too.
func (Patient) Annotations() []schema.Annotation {
	return []schema.Annotation{limits("patients", map[string]string{
		"name":              "length(name) BETWEEN 1 AND 100",
		"email":             "length(email) BETWEEN 1 AND 254",
		"phone":             "length(phone) BETWEEN 1 AND 32",
		"date_of_birth":     "date_of_birth >= '1880-01-01'",
		"address":           "length(address) <= 20000",
		"gender":            "gender IN ('male', 'female', 'other')",
		"blood_group":       "blood_group IN ('A+', 'A-', 'B+', 'B-', 'AB+', 'AB-', 'O+', 'O-')",
		"emergency_contact": "length(emergency_contact) <= 20000",
		"medical_history":   "length(medical_history) <= 20000",
	})}
}
