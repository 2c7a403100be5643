package rule

import (
	"context"

	baseent "entgo.io/ent"

	"caregraph/ent"
	"caregraph/ent/clinic"
	"caregraph/ent/doctor"
	"caregraph/ent/invitation"
	"caregraph/ent/patient"
	"caregraph/ent/practice"
	"caregraph/ent/predicate"
	"caregraph/ent/privacy"
	"caregraph/internal/fault"
	"caregraph/internal/viewer"
)

// KnownClinicQuery shows a viewer its clinic, and those that made it the account of a
// doctor or a patient.
func KnownClinicQuery() privacy.QueryRule {
	return privacy.ClinicQueryRuleFunc(func(ctx context.Context, q *ent.ClinicQuery) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		ways := []predicate.Clinic{clinic.ID(v.ClinicID)}
		if v.Practices {
			ways = append(ways, clinic.HasPracticesWith(practice.UserID(v.UserID)))
		}
		if v.Records {
			ways = append(ways, clinic.HasPatientsWith(patient.AccountID(v.UserID), patient.DeletedAtIsNil()))
		}
		q.Where(clinic.Or(ways...))
		return privacy.Allow
	})
}

// OwnClinicMutation allows an admin to change its clinic.
func OwnClinicMutation() privacy.MutationRule {
	return privacy.ClinicMutationRuleFunc(func(ctx context.Context, m *ent.ClinicMutation) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		if !v.Admin || !m.Op().Is(baseent.OpUpdateOne) {
			return privacy.Skip
		}
		m.Where(clinic.ID(v.ClinicID))
		return privacy.Allow
	})
}

// OwnPracticeQuery shows a viewer the accounts of its clinic's doctors, and for which
// doctors it is one.
func OwnPracticeQuery() privacy.QueryRule {
	return privacy.PracticeQueryRuleFunc(func(ctx context.Context, q *ent.PracticeQuery) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		q.Where(ownPractice(v))
		return privacy.Allow
	})
}

// OwnPracticeMutation allows the clinic and the account to end a practice, and staff to
// end every one.
func OwnPracticeMutation() privacy.MutationRule {
	return privacy.PracticeMutationRuleFunc(func(ctx context.Context, m *ent.PracticeMutation) error {
		v, err := viewer.FromContext(ctx)
		switch {
		case err != nil:
			return err
		case !m.Op().Is(baseent.OpDelete | baseent.OpDeleteOne):
			return privacy.Skip
		case !v.Staff:
			m.Where(ownPractice(v))
		}
		return privacy.Allow
	})
}

func ownPractice(v viewer.Viewer) predicate.Practice {
	return practice.Or(practice.ClinicID(v.ClinicID), practice.UserID(v.UserID))
}

// OwnInvitationQuery shows a viewer the invitations of its clinic.
func OwnInvitationQuery() privacy.QueryRule {
	return privacy.InvitationQueryRuleFunc(func(ctx context.Context, q *ent.InvitationQuery) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		q.Where(invitation.ClinicID(v.ClinicID))
		return privacy.Allow
	})
}

// OwnInvitationMutation allows members of a clinic to invite the doctors of the
// directory and the clinic's patients to be their accounts, and admins to invite members;
// and members to revoke what the clinic wrote. It fails with fault.NotFound if the viewer
// sees no such doctor or patient, and with fault.Forbidden for a patient of another
// clinic.
func OwnInvitationMutation() privacy.MutationRule {
	return privacy.InvitationMutationRuleFunc(func(ctx context.Context, m *ent.InvitationMutation) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		if !m.Op().Is(baseent.OpCreate) {
			if !v.Staff {
				m.Where(invitation.ClinicID(v.ClinicID))
			}
			return privacy.Allow
		}
		m.SetClinicID(v.ClinicID)
		m.SetCreatedByID(v.UserID)
		missing := func(field string) error {
			return &fault.Error{Kind: fault.NotFound, Field: field, Message: fault.TextNotFound}
		}
		if id, ok := m.DoctorID(); ok {
			known, err := m.Client().Doctor.Query().Where(doctor.ID(id)).Exist(ctx)
			switch {
			case err != nil:
				return err
			case !known:
				return missing(invitation.FieldDoctorID)
			}
			return privacy.Allow
		}
		if id, ok := m.PatientID(); ok {
			p, err := m.Client().Patient.Query().Where(patient.ID(id)).Select(patient.FieldID, patient.FieldClinicID).Only(ctx)
			switch {
			case ent.IsNotFound(err):
				return missing(invitation.FieldPatientID)
			case err != nil:
				return err
			case !v.Staff && p.ClinicID != v.ClinicID:
				return &fault.Error{Kind: fault.Forbidden, Field: invitation.FieldPatientID, Message: textClinicOnly}
			}
			m.SetClinicID(p.ClinicID)
			return privacy.Allow
		}
		if !v.Admin {
			return privacy.Deny
		}
		return privacy.Allow
	})
}
