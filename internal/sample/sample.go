// Package sample fills a database: with the documented sample data, for trying
// Caregraph out, or with as much generated data as tests and benchmarks need.
package sample

import (
	"context"
	"fmt"

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
	Role, Email, Password string
}

// SignIns are the users of the sample data: one of each role and staff.
var SignIns = []SignIn{
	{"patient", "aniket@example.com", "Aniket@123"},
	{"doctor", "doctor@example.com", "Doctor@123"},
	{"staff", "admin@example.com", "Clinic@2026"},
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
		clerk, err := signUps(ctx, authn)
		if err != nil {
			return err
		}
		return records(viewer.NewContext(ctx, viewer.Viewer{UserID: clerk.ID, ClinicID: clerk.ClinicID}))
	})
	return err == nil, err
}

// signUps adds the users and returns the one who records the patients.
func signUps(ctx context.Context, authn *auth.Service) (clerk *ent.User, err error) {
	for i, s := range SignIns {
		role := user.RolePatient
		if s.Role != "patient" {
			role = user.RoleDoctor
		}
		u, err := authn.CreateUser(ctx, auth.Registration{
			Username: []string{"aniket", "doctor", "admin"}[i], Email: s.Email, Password: s.Password, Role: role, Staff: s.Role == "staff",
		})
		if err != nil {
			return nil, fmt.Errorf("sample users: %w", err)
		}
		if i == 0 {
			clerk = u
		}
	}
	return clerk, nil
}

// records adds doctors, patients and assignments, the patients as the viewer's.
func records(ctx context.Context) error {
	db := ent.FromContext(ctx)
	doctors, err := db.Doctor.CreateBulk(
		db.Doctor.Create().SetName("Dr. Arjun Sharma").SetEmail("arjun.sharma@example.com").SetPhone("9876543210").SetSpecialization("Cardiology").
			SetLicenseNumber("MCI-12345").SetExperienceYears(15).SetConsultationFee(1500_00).SetAddress("AIIMS Delhi").SetAvailability("Mon-Fri 9:00-17:00"),
		db.Doctor.Create().SetName("Dr. Kavya Reddy").SetEmail("kavya.reddy@example.com").SetPhone("9876543211").SetSpecialization("Gynecology").
			SetLicenseNumber("MCI-12346").SetExperienceYears(12).SetConsultationFee(1200_00).SetAddress("Apollo Mumbai").SetAvailability("Mon-Sat 10:00-16:00"),
		db.Doctor.Create().SetName("Dr. Rajesh Kumar").SetEmail("rajesh.kumar@example.com").SetPhone("9876543212").SetSpecialization("Orthopedics").
			SetLicenseNumber("MCI-12347").SetExperienceYears(20).SetConsultationFee(1800_00).SetAddress("Fortis Bangalore").SetAvailability("Tue-Sat 11:00-18:00"),
	).Save(ctx)
	if err != nil {
		return fmt.Errorf("sample doctors: %w", err)
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
		return fmt.Errorf("sample patients: %w", err)
	}
	for _, pair := range []struct {
		patient, doctor int
		notes           string
	}{{0, 0, "Blood pressure, every month"}, {1, 1, "Regular check-up"}, {2, 2, "Knee pain"}, {0, 2, "Back pain"}} {
		if _, err := care.Assign(ctx, patients[pair.patient].ID, doctors[pair.doctor].ID, &pair.notes); err != nil {
			return fmt.Errorf("sample assignments: %w", err)
		}
	}
	return nil
}
