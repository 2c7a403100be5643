// Package sample fills a database: with the documented sample data, for trying
// Caregraph out, or with as much generated data as tests and benchmarks need.
package sample

import (
	"context"
	"fmt"
	"strings"
	"time"

	"caregraph/ent"
	"caregraph/ent/patient"
	"caregraph/ent/user"
	"caregraph/internal/auth"
	"caregraph/internal/care"
	"caregraph/internal/scalar"
	"caregraph/internal/store"
	"caregraph/internal/viewer"
)

// SignIn is a user of the sample data.
type SignIn struct {
	Sees            string // in words
	Email, Password string
	role            user.Role
}

// SignIns are the users of the sample data: two who share a clinic, the account of one of
// its doctors, that of one of its patients, and staff.
var SignIns = []SignIn{
	{"a clinic", "aniket@example.com", "Aniket@123", user.RolePatient},
	{"the same clinic", "neha@example.com", "Neha@12345", user.RolePatient},
	{"a doctor's patients", "doctor@example.com", "Doctor@123", user.RoleDoctor},
	{"a patient's record", "vikram@example.com", "Vikram@123", user.RolePatient},
	{"everything", "admin@example.com", "Clinic@2026", user.RoleDoctor},
}

// Fill adds the sample data, all of it or nothing. It returns false if the
// database has its users already, and then adds nothing. It fails with
// fault.Conflict if others have taken what it would add.
func Fill(ctx context.Context, client *ent.Client, authn *auth.Service) (bool, error) {
	emails := make([]string, len(SignIns))
	for i, s := range SignIns {
		emails[i] = s.Email
	}
	known, err := client.User.Query().Where(user.EmailIn(emails...)).Count(viewer.NewContext(ctx, viewer.Viewer{Staff: true}))
	if err != nil || known == len(emails) {
		return false, err
	}
	err = store.InTx(ctx, client, func(ctx context.Context) error {
		users, err := signUps(ctx, authn)
		if err != nil {
			return err
		}
		as := func(u *ent.User) context.Context {
			return viewer.NewContext(ctx, viewer.Viewer{UserID: u.ID, ClinicID: u.ClinicID, Admin: true})
		}
		doctor, patient, err := records(as(users[0]))
		if err != nil {
			return err
		}
		return accounts(as, users, doctor, patient)
	})
	return err == nil, err
}

// signUps adds the users, in the order of SignIns.
func signUps(ctx context.Context, authn *auth.Service) ([]*ent.User, error) {
	users := make([]*ent.User, len(SignIns))
	for i, s := range SignIns {
		username, _, _ := strings.Cut(s.Email, "@")
		u, err := authn.CreateUser(ctx, auth.Registration{Username: username, Email: s.Email, Password: s.Password, Role: s.role, Staff: i == len(SignIns)-1})
		if err != nil {
			return nil, fmt.Errorf("sample users: %w", err)
		}
		users[i] = u
	}
	return users, nil
}

// accounts lets the first of the users invite the others, each of whom accepts: a
// colleague, the account of the doctor, and that of the patient.
func accounts(as func(*ent.User) context.Context, users []*ent.User, doctor, patient int) error {
	now, ctx := time.Now().UTC().Truncate(time.Microsecond), as(users[0])
	for i, invite := range []func() (int, string, error){
		func() (int, string, error) { return auth.InviteMember(ctx, user.ClinicRoleMember, now) },
		func() (int, string, error) { return auth.InviteDoctor(ctx, doctor, now) },
		func() (int, string, error) { return auth.InvitePatient(ctx, patient, now) },
	} {
		_, code, err := invite()
		if err != nil {
			return fmt.Errorf("sample invitations: %w", err)
		}
		invitation, err := auth.Invitation(ctx, code, now)
		if err != nil {
			return fmt.Errorf("sample invitations: %w", err)
		}
		if err := auth.Accept(as(users[i+1]), invitation, now); err != nil {
			return fmt.Errorf("sample invitations: %w", err)
		}
	}
	return nil
}

// records names the viewer's clinic, and adds doctors, patients of the clinic and
// assignments. It returns the ids of a doctor and a patient.
func records(ctx context.Context) (doctor, patientID int, err error) {
	db := ent.FromContext(ctx)
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return 0, 0, err
	}
	if err := db.Clinic.UpdateOneID(v.ClinicID).SetName("City Clinic").Exec(ctx); err != nil {
		return 0, 0, fmt.Errorf("sample clinic: %w", err)
	}
	doctors, err := db.Doctor.CreateBulk(
		db.Doctor.Create().SetName("Dr. Arjun Sharma").SetEmail("arjun.sharma@example.com").SetPhone("9876543210").SetSpecialization("Cardiology").
			SetLicenseNumber("MCI-12345").SetExperienceYears(15).SetConsultationFee(1500_00).SetAddress("AIIMS Delhi").SetAvailability("Mon-Fri 9:00-17:00"),
		db.Doctor.Create().SetName("Dr. Kavya Reddy").SetEmail("kavya.reddy@example.com").SetPhone("9876543211").SetSpecialization("Gynecology").
			SetLicenseNumber("MCI-12346").SetExperienceYears(12).SetConsultationFee(1200_00).SetAddress("Apollo Mumbai").SetAvailability("Mon-Sat 10:00-16:00"),
		db.Doctor.Create().SetName("Dr. Rajesh Kumar").SetEmail("rajesh.kumar@example.com").SetPhone("9876543212").SetSpecialization("Orthopedics").
			SetLicenseNumber("MCI-12347").SetExperienceYears(20).SetConsultationFee(1800_00).SetAddress("Fortis Bangalore").SetAvailability("Tue-Sat 11:00-18:00"),
	).Save(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("sample doctors: %w", err)
	}
	patients, err := db.Patient.CreateBulk(
		db.Patient.Create().SetName("Vikram Singh").SetEmail("vikram.singh@example.com").SetPhone("9123456780").SetDateOfBirth(scalar.ParseDate("1985-03-15")).
			SetAddress("Delhi").SetGender(patient.GenderMale).SetBloodGroup(patient.BloodGroupBPositive).SetMedicalHistory("Hypertension"),
		db.Patient.Create().SetName("Priya Agarwal").SetEmail("priya.agarwal@example.com").SetPhone("9123456781").SetDateOfBirth(scalar.ParseDate("1990-07-22")).
			SetAddress("Bangalore").SetGender(patient.GenderFemale).SetBloodGroup(patient.BloodGroupAPositive).SetEmergencyContact("Rahul Agarwal, 9123456791"),
		db.Patient.Create().SetName("Rohan Mehta").SetEmail("rohan.mehta@example.com").SetPhone("9123456782").SetDateOfBirth(scalar.ParseDate("1978-11-30")).
			SetAddress("Mumbai").SetGender(patient.GenderMale).SetBloodGroup(patient.BloodGroupOPositive),
	).Save(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("sample patients: %w", err)
	}
	for _, pair := range []struct {
		patient, doctor int
		notes           string
	}{{0, 0, "Blood pressure, every month"}, {1, 1, "Regular check-up"}, {2, 2, "Knee pain"}, {0, 2, "Back pain"}} {
		if _, err := care.Assign(ctx, patients[pair.patient].ID, doctors[pair.doctor].ID, &pair.notes); err != nil {
			return 0, 0, fmt.Errorf("sample assignments: %w", err)
		}
	}
	return doctors[0].ID, patients[0].ID, nil
}
