package auth

import (
	"context"
	"fmt"
	"slices"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/clinic"
	"caregraph/ent/invitation"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/practice"
	"caregraph/ent/user"
	"caregraph/internal/fault"
	"caregraph/internal/scalar"
	"caregraph/internal/viewer"
)

var (
	errNotFound = &fault.Error{Kind: fault.NotFound, Message: fault.TextNotFound}
	errAlone    = &fault.Error{Kind: fault.Conflict, Message: "There is nobody else in your clinic."}
)

// UpdateMember says what a member of the viewer's clinic may do. Who is no longer an admin
// invites no members: those invitations are revoked. It fails with
// fault.NotFound if there is no such member, and as the policy of users says.
func UpdateMember(ctx context.Context, id int, role user.ClinicRole, now time.Time) (*ent.User, error) {
	db := ent.FromContext(ctx)
	if err := db.User.UpdateOneID(id).SetClinicRole(role).Exec(ctx); err != nil {
		return nil, fmt.Errorf("update member: %w", err)
	}
	if role != user.ClinicRoleAdmin {
		err := db.Invitation.Update().Where(invitation.CreatedByID(id), invitation.RoleNotNil(), invitation.EndedAtIsNil()).SetEndedAt(now).Exec(ctx)
		if err != nil {
			return nil, fmt.Errorf("update member: %w", err)
		}
	}
	return db.User.Get(ctx, id)
}

// RemoveMember removes another member from the viewer's clinic, and returns its id. The
// member goes into a new clinic of its own, is no longer the account of the clinic's
// doctors, and its invitations are revoked. It fails with fault.NotFound if there is no
// such member, and as the policy of users says.
func RemoveMember(ctx context.Context, id int, now time.Time) (int, error) {
	v, err := viewer.FromContext(ctx)
	switch {
	case err != nil:
		return 0, err
	case id == v.UserID:
		return 0, &fault.Error{Kind: fault.Invalid, Field: "user_id", Message: "To leave the clinic yourself, use leaveClinic."}
	}
	// Nobody may reckon with the member, or let the member in again, before it is gone.
	if err := lockClinics(ctx, map[int]sql.LockStrength{v.ClinicID: sql.LockUpdate}); err != nil {
		return 0, err
	}
	return id, moveOut(ctx, v.ClinicID, id, now)
}

// Leave puts the viewer into a new clinic of its own. It fails with fault.Conflict if the
// viewer is alone in its clinic, or the last admin.
func Leave(ctx context.Context, now time.Time) error {
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return err
	}
	if err := lockClinics(ctx, map[int]sql.LockStrength{v.ClinicID: sql.LockUpdate}); err != nil {
		return err
	}
	accompanied, err := hasColleagues(ctx, v)
	switch {
	case err != nil:
		return fmt.Errorf("leave: %w", err)
	case !accompanied:
		return errAlone
	}
	return moveOut(ctx, v.ClinicID, v.UserID, now)
}

// hasColleagues tells whether the viewer's clinic has other members. That stays so while
// the clinic is locked.
func hasColleagues(ctx context.Context, v viewer.Viewer) (bool, error) {
	return ent.FromContext(ctx).User.Query().Where(user.ClinicID(v.ClinicID), user.IDNEQ(v.UserID)).Exist(unrestricted(ctx))
}

// moveOut puts a member of the clinic into a new one, which has the member's name.
func moveOut(ctx context.Context, from, id int, now time.Time) error {
	db, all := ent.FromContext(ctx), unrestricted(ctx)
	u, err := db.User.Query().Where(user.ID(id), user.ClinicID(from)).Only(all)
	if ent.IsNotFound(err) {
		u, err = &ent.User{Username: "-"}, nil // the policy decides what the viewer gets to know
	}
	if err != nil {
		return fmt.Errorf("move out: %w", err)
	}
	own, err := newClinic(ctx, u.Username)
	if err != nil {
		return err
	}
	if err := db.User.UpdateOneID(id).SetClinicID(own.ID).SetClinicRole(user.ClinicRoleAdmin).Exec(ctx); err != nil {
		return fmt.Errorf("move out: %w", err)
	}
	return cutOff(ctx, from, id, now)
}

// newClinic makes a clinic for a user, named as the user is.
func newClinic(ctx context.Context, username string) (*ent.Clinic, error) {
	c, err := ent.FromContext(ctx).Clinic.Create().SetName(scalar.ClinicName(username)).Save(unrestricted(ctx))
	if err != nil {
		return nil, fmt.Errorf("new clinic: %w", err)
	}
	return c, nil
}

// cutOff takes from a user who is no longer a member what else the clinic gave: the
// accounts of doctors, and invitations whose codes the user knows.
func cutOff(ctx context.Context, from, id int, now time.Time) error {
	db, all := ent.FromContext(ctx), unrestricted(ctx)
	if _, err := db.Practice.Delete().Where(practice.ClinicID(from), practice.UserID(id)).Exec(all); err != nil {
		return fmt.Errorf("cut off: %w", err)
	}
	return db.Invitation.Update().Where(invitation.ClinicID(from), invitation.CreatedByID(id), invitation.EndedAtIsNil()).SetEndedAt(now).Exec(all)
}

// join makes the viewer a member of another clinic. One who was alone in a clinic brings
// along the clinic's records, and the clinic is gone, with the accounts of its doctors; one
// who had colleagues leaves it to them. The clinics must be locked.
func join(ctx context.Context, v viewer.Viewer, to int, role user.ClinicRole, now time.Time) error {
	db, all := ent.FromContext(ctx), unrestricted(ctx)
	accompanied, err := hasColleagues(ctx, v)
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	err = db.User.UpdateOneID(v.UserID).SetClinicID(to).SetClinicRole(role).Exec(ctx)
	switch {
	case ent.IsNotFound(err):
		return fault.ClinicGone
	case err != nil:
		return fmt.Errorf("join: %w", err)
	case accompanied:
		return cutOff(ctx, v.ClinicID, v.UserID, now)
	}
	// The move is no change of what the records say.
	asItWas := func(column string) func(*sql.UpdateBuilder) {
		return func(u *sql.UpdateBuilder) { u.Set(column, sql.Expr(column)) }
	}
	steps := []func() error{
		func() error {
			return db.Patient.Update().Where(patient.ClinicID(v.ClinicID)).SetClinicID(to).Modify(asItWas(patient.FieldUpdatedAt)).Exec(all)
		},
		func() error {
			return db.Mapping.Update().Where(mapping.ClinicID(v.ClinicID)).SetClinicID(to).Modify(asItWas(mapping.FieldUpdatedAt)).Exec(all)
		},
		func() error { // they would open the records of a clinic that did not make them
			_, err := db.Practice.Delete().Where(practice.ClinicID(v.ClinicID)).Exec(all)
			return err
		},
		func() error {
			_, err := db.Invitation.Delete().Where(invitation.ClinicID(v.ClinicID)).Exec(all)
			return err
		},
		func() error { return db.Clinic.DeleteOneID(v.ClinicID).Exec(all) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("join: %w", err)
		}
	}
	return nil
}

// lockClinics locks clinics until the transaction ends. With sql.LockUpdate nobody adds
// records to one meanwhile, or moves in or out; with sql.LockKeyShare it stays. It fails
// with fault.Conflict if one is gone.
func lockClinics(ctx context.Context, clinics map[int]sql.LockStrength) error {
	ids := make([]int, 0, len(clinics))
	for id := range clinics {
		ids = append(ids, id)
	}
	slices.Sort(ids) // those who lock the same ones take turns
	for _, id := range ids {
		n, err := ent.FromContext(ctx).Clinic.Query().Where(clinic.ID(id)).Select(clinic.FieldID).Modify(func(s *sql.Selector) {
			if s.Dialect() == dialect.Postgres {
				s.For(clinics[id])
			}
		}).Ints(unrestricted(ctx))
		switch {
		case err != nil:
			return fmt.Errorf("lock clinic: %w", err)
		case len(n) == 0:
			return fault.ClinicGone
		}
	}
	return nil
}

// RemoveAccount ends that a user is the account of a doctor or of a patient: doctorID or
// patientID is given, and with doctorID clinicID unless it is the viewer's clinic. It fails
// with fault.Invalid for anything else, with fault.NotFound if the viewer sees no such
// account, and as the policies say.
func RemoveAccount(ctx context.Context, doctorID, clinicID, patientID *int) (bool, error) {
	v, err := viewer.FromContext(ctx)
	switch {
	case err != nil:
	case (doctorID == nil) == (patientID == nil):
		err = &fault.Error{Kind: fault.Invalid, Message: "Give doctorId or patientId."}
	case patientID != nil && clinicID != nil:
		err = &fault.Error{Kind: fault.Invalid, Field: "clinic_id", Message: "A patient belongs to one clinic. Leave clinicId out."}
	case patientID != nil:
		err = ent.FromContext(ctx).Patient.UpdateOneID(*patientID).Where(patient.AccountIDNotNil()).ClearAccountID().Exec(ctx)
	default:
		if clinicID == nil {
			clinicID = &v.ClinicID
		}
		var n int
		if n, err = ent.FromContext(ctx).Practice.Delete().Where(practice.DoctorID(*doctorID), practice.ClinicID(*clinicID)).Exec(ctx); err == nil && n == 0 {
			err = errNotFound
		}
	}
	return err == nil, err
}
