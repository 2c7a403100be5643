package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"caregraph/ent/privacy"
	"caregraph/internal/rule"
)

// Invitation lets the user who has its code in: as a member of the clinic, as the
// account of a doctor, or as that of a patient.
type Invitation struct{ ent.Schema }

// Fields of the Invitation.
func (Invitation) Fields() []ent.Field {
	return []ent.Field{
		field.Int("clinic_id").
			Comment("Set by the policy, never by a caller."),
		field.Int("created_by_id").Immutable().
			Comment("Set by the policy, never by a caller."),
		field.Enum("role").Values("admin", "member").Optional().Nillable().Immutable().
			Comment("Of the member that is invited."),
		field.Int("doctor_id").Optional().Nillable().Immutable(),
		field.Int("patient_id").Optional().Nillable().Immutable(),
		field.String("code_hash").Sensitive().Unique().Immutable().
			Comment("SHA-256 of the code, in hexadecimal."),
		field.Time("created_at").Default(now).Immutable(),
		field.Time("expires_at").Immutable(),
		field.Time("ended_at").Optional().Nillable().
			Comment("When it was accepted or revoked."),
		field.Int("accepted_by_id").Optional().Nillable(),
	}
}

// Edges of the Invitation.
func (Invitation) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("clinic", Clinic.Type).Ref("invitations").Field("clinic_id").Unique().Required(),
		edge.From("created_by", User.Type).Ref("invitations").Field("created_by_id").Unique().Required().Immutable(),
		edge.From("doctor", Doctor.Type).Ref("invitations").Field("doctor_id").Unique().Immutable(),
		edge.From("patient", Patient.Type).Ref("invitations").Field("patient_id").Unique().Immutable(),
	}
}

// Indexes of the Invitation.
func (Invitation) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("clinic_id", "created_at", "id"),
	}
}

// Policy of the Invitation: members of the clinic write, see and revoke it. It is
// accepted by internal/auth alone.
func (Invitation) Policy() ent.Policy {
	return privacy.Policy{
		Query:    privacy.QueryPolicy{rule.DenyIfAnonymous(), rule.AllowIfStaff(), rule.OwnInvitationQuery(), privacy.AlwaysDenyRule()},
		Mutation: privacy.MutationPolicy{rule.DenyIfAnonymous(), rule.OwnInvitationMutation(), privacy.AlwaysDenyRule()},
	}
}

// Annotations of the Invitation: the limits that its table knows too.
func (Invitation) Annotations() []schema.Annotation {
	return []schema.Annotation{limits("invitations", map[string]string{
		"role":      "role IS NULL OR role IN ('admin', 'member') AND doctor_id IS NULL AND patient_id IS NULL",
		"code_hash": "length(code_hash) = 64",
		"ended_at":  "accepted_by_id IS NULL OR ended_at IS NOT NULL",
	})}
}
