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

// User is a person who signs in, and a member of one clinic.
type User struct{ ent.Schema }

// Fields of the User.
func (User) Fields() []ent.Field {
	return []ent.Field{
		field.String("username").Unique().Validate(scalar.Username).
			Comment("In the form NFKC."),
		field.String("username_key").Default("").
			Comment("The username as it is searched and ordered: folded, see scalar.Fold. Empty until store.Rekey fills it."),
		field.String("email").Unique().Validate(scalar.Email).
			Comment("In lower case."),
		field.String("phone").Optional().Nillable().Unique().Validate(scalar.Phone).
			Comment("See scalar.NormalPhone."),
		field.Enum("role").Values("patient", "doctor"),
		field.Int("clinic_id"),
		field.Enum("clinic_role").Values("admin", "member").Default("admin").
			Comment("Whether the user says who is in the clinic."),
		field.String("password_hash").Sensitive().
			Comment("argon2id in PHC form, or a hash of the Django original."),
		field.Bool("is_active").Default(true).
			Comment("One who is not active cannot sign in, and has no rights with a token either."),
		field.Bool("is_staff").Default(false).
			Comment("Staff sees and changes every record."),
		field.Time("date_joined").Default(now).Immutable(),
		field.Time("last_login").Optional().Nillable(),
	}
}

// Edges of the User.
func (User) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("clinic", Clinic.Type).Ref("members").Field("clinic_id").Unique().Required(),
		edge.To("patients", Patient.Type).
			Comment("The patients whom the user recorded."),
		edge.To("records", Patient.Type).
			Comment("The records of which the user is the patient."),
		edge.To("practices", Practice.Type),
		edge.To("created_mappings", Mapping.Type).
			Comment("The assignments that the user made."),
		edge.To("invitations", Invitation.Type).
			Comment("The invitations that the user wrote."),
		edge.To("sessions", Session.Type),
	}
}

// Indexes of the User: one for each order; the unique one of the email is its
// own.
func (User) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("username_key", "id"),
		index.Fields("date_joined", "id"),
		index.Fields("clinic_id", "date_joined", "id"),
	}
}

// Hooks of the User.
func (User) Hooks() []ent.Hook {
	return []ent.Hook{
		rule.TraceUser,
		rule.Touches("role", "is_active", "is_staff", "clinic_id", "clinic_role"),
		checked(User{}.Fields(), text{"username": scalar.NormalUsername, "email": scalar.NormalEmail, "phone": scalar.NormalPhone}, nil),
		keyed("username", "username_key", scalar.Fold),
	}
}

// Policy of the User. Staff says who may sign in, who is staff, and which role a
// user has; everything else is created and changed by internal/auth alone.
func (User) Policy() ent.Policy {
	return privacy.Policy{
		Query:    privacy.QueryPolicy{rule.DenyIfAnonymous(), rule.AllowIfStaff(), rule.KnownUserQuery(), privacy.AlwaysDenyRule()},
		Mutation: privacy.MutationPolicy{rule.DenyIfAnonymous(), rule.MemberMutation(), rule.StaffUserMutation(), privacy.AlwaysDenyRule()},
	}
}

// Annotations of the User: the limits that its table knows too.
func (User) Annotations() []schema.Annotation {
	return []schema.Annotation{limits("users", map[string]string{
		"username":      "length(username) BETWEEN 1 AND 150",
		"email":         "length(email) BETWEEN 1 AND 254",
		"phone":         "length(phone) BETWEEN 1 AND 32",
		"role":          "role IN ('patient', 'doctor')",
		"clinic_role":   "clinic_role IN ('admin', 'member')",
		"password_hash": "length(password_hash) <= 512",
	})}
}
