package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/accessevent"
	"caregraph/ent/doctor"
	"caregraph/ent/invitation"
	"caregraph/ent/patient"
	"caregraph/ent/practice"
	"caregraph/ent/predicate"
	"caregraph/ent/user"
	"caregraph/internal/audit"
	"caregraph/internal/fault"
	"caregraph/internal/rule"
	"caregraph/internal/viewer"
)

const (
	invitationLasts = 7 * 24 * time.Hour
	maxInvitations  = 100 // that a clinic has at once
)

var (
	errFull             = &fault.Error{Kind: fault.Conflict, Message: "The clinic has 100 invitations. Revoke one, or wait until one is accepted."}
	errMember           = &fault.Error{Kind: fault.Conflict, Message: "You are a member of this clinic already."}
	errRole             = &fault.Error{Kind: fault.Forbidden, Message: "Only a user of role DOCTOR can be the account of a doctor."}
	errPatientAccount   = &fault.Error{Kind: fault.Conflict, Message: "This patient has an account already."}
	invitationAlphabet  = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding) // Crockford's: no I, L, O, U
	invitationConfusing = strings.NewReplacer("I", "1", "L", "1", "O", "0", "-", "", " ", "")
)

// InviteMember invites a member of the role to the viewer's clinic, and returns the id of
// the invitation and its code, which is stored nowhere. It fails as the policy of
// invitations says, and with fault.Conflict if the clinic has 100 of them.
func InviteMember(ctx context.Context, role user.ClinicRole, now time.Time) (id int, code string, err error) {
	return invite(ctx, ent.FromContext(ctx).Invitation.Create().SetRole(invitation.Role(role)), now)
}

// InviteDoctor is InviteMember for the account of a doctor, who must not have one.
func InviteDoctor(ctx context.Context, doctorID int, now time.Time) (id int, code string, err error) {
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return 0, "", err
	}
	taken, err := ent.FromContext(ctx).Practice.Query().Where(practice.DoctorID(doctorID), practice.ClinicID(v.ClinicID)).Exist(ctx)
	switch {
	case err != nil:
		return 0, "", fmt.Errorf("invite doctor: %w", err)
	case taken:
		return 0, "", fault.DoctorHasAccount
	}
	return invite(ctx, ent.FromContext(ctx).Invitation.Create().SetDoctorID(doctorID), now)
}

// InvitePatient is InviteMember for the account of a patient, who must not have one.
func InvitePatient(ctx context.Context, patientID int, now time.Time) (id int, code string, err error) {
	if id, code, err = invite(ctx, ent.FromContext(ctx).Invitation.Create().SetPatientID(patientID), now); err != nil {
		return 0, "", err
	}
	taken, err := ent.FromContext(ctx).Patient.Query().Where(patient.ID(patientID), patient.AccountIDNotNil()).Exist(ctx)
	switch {
	case err != nil:
		return 0, "", fmt.Errorf("invite patient: %w", err)
	case taken:
		return 0, "", errPatientAccount
	}
	return id, code, nil
}

func invite(ctx context.Context, create *ent.InvitationCreate, now time.Time) (id int, code string, err error) {
	code = newCode()
	i, err := create.SetCodeHash(hashed(code)).SetCreatedAt(now).SetExpiresAt(now.Add(invitationLasts)).Save(ctx)
	if err != nil {
		return 0, "", fmt.Errorf("invite: %w", err)
	}
	open, err := ent.FromContext(ctx).Invitation.Query().Where(invitation.ClinicID(i.ClinicID), invitation.EndedAtIsNil(), invitation.ExpiresAtGT(now)).Count(ctx)
	switch {
	case err != nil:
		return 0, "", fmt.Errorf("invite: %w", err)
	case open > maxInvitations:
		return 0, "", errFull
	}
	return i.ID, code, nil
}

// newCode returns a code of 80 random bits in four groups.
func newCode() string {
	var bits [10]byte
	rand.Read(bits[:]) // never fails
	text := invitationAlphabet.EncodeToString(bits[:])
	return text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
}

// hashed returns what is stored of a code, however it was typed.
func hashed(code string) string {
	sum := sha256.Sum256([]byte(invitationConfusing.Replace(strings.ToUpper(code))))
	return hex.EncodeToString(sum[:])
}

// Revoke revokes an invitation of the viewer's clinic, and returns its id. It fails with
// fault.NotFound if there is none that can be accepted.
func Revoke(ctx context.Context, id int, now time.Time) (int, error) {
	return id, ent.FromContext(ctx).Invitation.UpdateOneID(id).Where(invitation.EndedAtIsNil(), invitation.ExpiresAtGT(now)).SetEndedAt(now).Exec(ctx)
}

// Invitation returns the invitation with the code. It needs no transaction. It fails with
// fault.NotFound if there is none that can be accepted, whatever the reason, after the
// same one statement.
func Invitation(ctx context.Context, code string, now time.Time) (*ent.Invitation, error) {
	i, err := ent.FromContext(ctx).Invitation.Query().
		Where(invitation.CodeHash(hashed(code)), good(now)).Only(unrestricted(ctx))
	if ent.IsNotFound(err) {
		return nil, errNotFound
	}
	return i, err
}

// good is the predicate of the invitations that can be accepted: not ended, and their
// author may still write them.
func good(now time.Time) predicate.Invitation {
	return invitation.And(invitation.EndedAtIsNil(), invitation.ExpiresAtGT(now), func(s *sql.Selector) {
		author := sql.Table(user.Table).As("author")
		entitled := sql.And(
			sql.ColumnsEQ(author.C(user.FieldClinicID), s.C(invitation.FieldClinicID)),
			sql.Or(sql.IsNull(s.C(invitation.FieldRole)), sql.EQ(author.C(user.FieldClinicRole), string(user.ClinicRoleAdmin))),
		)
		s.Where(sql.Exists(sql.Dialect(s.Dialect()).Select(author.C(user.FieldID)).From(author).Where(sql.And(
			sql.ColumnsEQ(author.C(user.FieldID), s.C(invitation.FieldCreatedByID)),
			sql.EQ(author.C(user.FieldIsActive), true),
			sql.Or(sql.EQ(author.C(user.FieldIsStaff), true), entitled),
		))))
	})
}

// Preview is what the viewer would accept with an invitation.
type Preview struct {
	ClinicName                    string
	DoctorName, PatientName       *string
	PatientsBrought, PatientsLeft int
}

// Look returns what Accept would do. It needs no transaction. It fails with fault.NotFound
// if what the invitation is for is gone.
func Look(ctx context.Context, i *ent.Invitation) (*Preview, error) {
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	db, all := ent.FromContext(ctx), unrestricted(ctx)
	inviting, err := i.QueryClinic().Only(all)
	if err != nil {
		return nil, fmt.Errorf("invitation: %w", err)
	}
	p := &Preview{ClinicName: inviting.Name}
	switch {
	case i.DoctorID != nil:
		var d *ent.Doctor
		if d, err = db.Doctor.Query().Where(doctor.ID(*i.DoctorID), doctor.DeletedAtIsNil()).Only(all); err == nil {
			p.DoctorName = &d.Name
		}
	case i.PatientID != nil:
		var of *ent.Patient
		if of, err = db.Patient.Query().Where(patient.ID(*i.PatientID), patient.DeletedAtIsNil()).Only(all); err == nil {
			p.PatientName = &of.Name
			audit.Change(ctx, accessevent.ActionREAD, "", of.ID)
		}
	case i.ClinicID != v.ClinicID:
		var accompanied bool
		if accompanied, err = hasColleagues(ctx, v); err != nil {
			break
		}
		count := &p.PatientsBrought
		if accompanied {
			count = &p.PatientsLeft
		}
		*count, err = db.Patient.Query().Where(patient.ClinicID(v.ClinicID), patient.DeletedAtIsNil()).Count(all)
	}
	if err != nil {
		return nil, fmt.Errorf("invitation: %w", err)
	}
	return p, nil
}

// Accept does what the invitation says; of several who accept it at once, one succeeds.
// It fails with fault.NotFound if the invitation ended meanwhile or what it is for is
// gone, with fault.Forbidden for a doctor's invitation and a viewer of another role, and
// with fault.Conflict if the doctor or patient got an account meanwhile, the viewer is a
// member already, or the viewer is the last admin of a clinic with other members.
func Accept(ctx context.Context, i *ent.Invitation, now time.Time) error {
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return err
	}
	locks := map[int]sql.LockStrength{i.ClinicID: sql.LockKeyShare}
	if i.Role != nil {
		if i.ClinicID == v.ClinicID {
			return errMember
		}
		locks[v.ClinicID] = sql.LockUpdate
	}
	if err := lockClinics(ctx, locks); err != nil {
		return err
	}
	db, all := ent.FromContext(ctx), unrestricted(ctx)
	if _, err := db.User.Query().Where(user.ID(i.CreatedByID)).Select(user.FieldID).Modify(rule.Share).Ints(all); err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	claimed, err := db.Invitation.Update().Where(invitation.ID(i.ID), good(now)).
		SetEndedAt(now).SetAcceptedByID(v.UserID).Save(all)
	switch {
	case err != nil:
		return fmt.Errorf("accept: %w", err)
	case claimed == 0:
		return errNotFound
	case i.DoctorID != nil:
		return beDoctor(ctx, v, i.ClinicID, *i.DoctorID)
	case i.PatientID != nil:
		return bePatient(ctx, v, i.ClinicID, *i.PatientID)
	}
	return join(ctx, v, i.ClinicID, user.ClinicRole(*i.Role), now)
}

// beDoctor makes the viewer the account of the doctor in the clinic.
func beDoctor(ctx context.Context, v viewer.Viewer, clinicID, doctorID int) error {
	db, all := ent.FromContext(ctx), unrestricted(ctx)
	fit, err := db.User.Query().Where(user.ID(v.UserID), user.RoleEQ(user.RoleDoctor)).Exist(all)
	switch {
	case err != nil:
		return fmt.Errorf("accept: %w", err)
	case !fit:
		return errRole
	}
	known, err := db.Doctor.Query().Where(doctor.ID(doctorID), doctor.DeletedAtIsNil()).Exist(all)
	switch {
	case err != nil:
		return fmt.Errorf("accept: %w", err)
	case !known:
		return errNotFound
	}
	return db.Practice.Create().SetClinicID(clinicID).SetDoctorID(doctorID).SetUserID(v.UserID).Exec(all)
}

// bePatient makes the viewer the account of the patient.
func bePatient(ctx context.Context, v viewer.Viewer, clinicID, patientID int) error {
	db, all := ent.FromContext(ctx), unrestricted(ctx)
	there := []predicate.Patient{patient.ID(patientID), patient.ClinicID(clinicID), patient.DeletedAtIsNil()}
	v.Records = true // from now on
	all = viewer.NewContext(all, v)
	err := db.Patient.UpdateOneID(patientID).Where(append(there, patient.AccountIDIsNil())...).SetAccountID(v.UserID).Exec(all)
	if !ent.IsNotFound(err) {
		return err
	}
	known, err := db.Patient.Query().Where(there...).Exist(all)
	switch {
	case err != nil:
		return fmt.Errorf("accept: %w", err)
	case known:
		return errPatientAccount
	}
	return errNotFound
}
