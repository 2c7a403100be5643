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

// Doctor is an entry of the directory that all users share.
type Doctor struct{ ent.Schema }

// Mixin of the Doctor.
func (Doctor) Mixin() []ent.Mixin { return []ent.Mixin{Times{}, Deletable{}, Versioned{}} }

// Fields of the Doctor.
func (Doctor) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").Validate(scalar.FilledLine(100)),
		field.String("name_key").
			Comment("The name as it is searched and ordered: folded, see scalar.Fold."),
		field.String("name_sound").Default("").
			Comment("What finds the name in other spellings, see scalar.SoundKey. Empty until store.Rekey fills it."),
		field.String("email").Validate(scalar.Email).
			Comment("In lower case."),
		field.String("phone").Optional().Nillable().Validate(scalar.Phone).
			Comment("See scalar.NormalPhone."),
		field.String("specialization").Validate(scalar.FilledLine(100)),
		field.String("specialization_key").
			Comment("The specialization as it is searched: folded, see scalar.Fold."),
		field.String("license_number").Validate(scalar.License).
			Comment("In upper case. Unique among the doctors who are not deleted."),
		field.Int("experience_years").Validate(scalar.Experience),
		field.Int64("consultation_fee").GoType(scalar.Rupees(0)).Validate(func(paise int64) error { return scalar.Fee(scalar.Rupees(paise)) }).
			Comment("In paise."),
		field.Text("address").Optional().Nillable().Validate(scalar.Text(scalar.FreeText)),
		field.String("availability").Optional().Nillable().Validate(scalar.Line(200)),
	}
}

// Edges of the Doctor.
func (Doctor) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("mappings", Mapping.Type),
		edge.To("practices", Practice.Type),
		edge.To("invitations", Invitation.Type),
	}
}

// Indexes of the Doctor.
func (Doctor) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("license_number").Unique().Annotations(entsql.IndexWhere("deleted_at IS NULL")),
		index.Fields("name_key", "id").StorageKey("doctor_name").Annotations(entsql.IncludeColumns("deleted_at", "specialization_key", "phone", "email", "name_sound")), // all that a search reads
		index.Fields("experience_years", "id"),
		index.Fields("consultation_fee", "id"),
		index.Fields("created_at", "id"),
		index.Fields("specialization"),
	}
}

// Hooks of the Doctor.
func (Doctor) Hooks() []ent.Hook {
	return []ent.Hook{
		rule.TraceDoctor,
		checked(Doctor{}.Fields(), text{"email": scalar.NormalEmail, "phone": scalar.NormalPhone, "license_number": scalar.NormalLicense}, nil),
		keyed("name", "name_key", scalar.Fold),
		keyed("name", "name_sound", scalar.SoundKey),
		keyed("specialization", "specialization_key", scalar.Fold),
	}
}

// Policy of the Doctor: the directory is everybody's, but a doctor who treats
// other users' patients is deleted by staff only.
func (Doctor) Policy() ent.Policy {
	return privacy.Policy{
		Query:    privacy.QueryPolicy{rule.DenyIfAnonymous(), rule.LiveDoctorQuery(), privacy.AlwaysAllowRule()},
		Mutation: privacy.MutationPolicy{rule.DenyIfAnonymous(), rule.LiveDoctorMutation(), rule.AllowIfStaff(), rule.KeepOthersDoctor(), privacy.AlwaysAllowRule()},
	}
}

// Annotations of the Doctor: the limits that its table knows too.
func (Doctor) Annotations() []schema.Annotation {
	return []schema.Annotation{limits("doctors", map[string]string{
		"name":             "length(name) BETWEEN 1 AND 100",
		"email":            "length(email) BETWEEN 1 AND 254",
		"phone":            "length(phone) BETWEEN 1 AND 32",
		"specialization":   "length(specialization) BETWEEN 1 AND 100",
		"license_number":   "length(license_number) BETWEEN 1 AND 50",
		"experience_years": "experience_years BETWEEN 0 AND 70",
		"consultation_fee": "consultation_fee BETWEEN 0 AND 10000000",
		"address":          "length(address) <= 20000",
		"availability":     "length(availability) <= 200",
	})}
}
