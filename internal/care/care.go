// Package care holds the actions that take several steps. Each must run in a
// transaction, whose client it takes from the context, and neither begins nor
// commits it.
package care

import (
	"context"
	"fmt"
	"time"

	"caregraph/ent"
	"caregraph/ent/accessevent"
	"caregraph/ent/doctor"
	"caregraph/ent/invitation"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/practice"
	"caregraph/ent/predicate"
	"caregraph/ent/privacy"
	"caregraph/internal/fault"
	"caregraph/internal/rule"
)

// Assign assigns a doctor to a patient from now on. Both stay locked against
// deletion until the transaction ends. It fails with fault.NotFound if the
// viewer cannot see the patient or the doctor, and with fault.Conflict if the
// doctor is assigned to the patient already; the database's unique index
// decides between two who try at once.
func Assign(ctx context.Context, patientID, doctorID int, notes *string) (*ent.Mapping, error) {
	db := ent.FromContext(ctx)
	_, err := db.Doctor.Query().Where(doctor.ID(doctorID)).Select(doctor.FieldID).Modify(rule.Share).Only(ctx)
	if ent.IsNotFound(err) {
		missing := fault.List{{Kind: fault.NotFound, Field: mapping.FieldDoctorID, Message: fault.TextNotFound}}
		known, err := db.Patient.Query().Where(patient.ID(patientID)).Exist(ctx)
		if err != nil {
			return nil, fmt.Errorf("assign: %w", err)
		}
		if !known {
			missing = append(missing, &fault.Error{Kind: fault.NotFound, Field: mapping.FieldPatientID, Message: fault.TextNotFound})
		}
		return nil, missing
	}
	if err != nil {
		return nil, fmt.Errorf("assign: %w", err)
	}
	return db.Mapping.Create().SetPatientID(patientID).SetDoctorID(doctorID).SetNillableNotes(notes).Save(ctx)
}

// Unassign ends the mapping id now. Ending one that has ended changes nothing.
// It fails with fault.NotFound if the viewer cannot see the mapping, as forbidden
// if it may not end it, and with fault.Stale if it has another version than expected, if
// that is given.
func Unassign(ctx context.Context, id int, expected *int, now time.Time) (*ent.Mapping, error) {
	db := ent.FromContext(ctx)
	ended, err := db.Mapping.Update().Where(mapping.ID(id), mapping.IsActive(true)).Where(OfVersion[predicate.Mapping](expected)...).
		SetIsActive(false).SetEndedAt(now).Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("unassign: %w", err)
	}
	m, err := db.Mapping.Get(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case ended == 1:
		return m, rule.Trace(ctx, accessevent.ActionUNASSIGN, map[int]int{m.PatientID: m.ClinicID})
	case expected != nil && m.Version != *expected:
		return nil, fault.Stale(m.Version)
	case m.IsActive: // seen, but not the viewer's to end
		return nil, privacy.Deny
	}
	return m, nil
}

// DeletePatient deletes a patient with its mappings, ends those that go on, and revokes
// the patient's invitations. It returns the id, and fails with fault.NotFound if the viewer
// cannot see the patient, and with fault.Stale if it has another version than expected, if
// that is given.
func DeletePatient(ctx context.Context, id int, expected *int, now time.Time) (int, error) {
	db := ent.FromContext(ctx)
	err := db.Patient.UpdateOneID(id).Where(OfVersion[predicate.Patient](expected)...).SetDeletedAt(now).Exec(ctx)
	err = Stale(ctx, err, expected, db.Patient.Query().Where(patient.ID(id)).Select(patient.FieldVersion).Int)
	if err != nil {
		return 0, fmt.Errorf("delete patient: %w", err)
	}
	if err := endCare(ctx, []int{id}, now); err != nil {
		return 0, fmt.Errorf("delete patient: %w", err)
	}
	return id, nil
}

// endCare revokes the invitations of patients, ends those of their mappings that go on, and
// deletes all of them.
func endCare(ctx context.Context, patients []int, now time.Time) error {
	db := ent.FromContext(ctx)
	if err := db.Invitation.Update().Where(invitation.PatientIDIn(patients...), invitation.EndedAtIsNil()).SetEndedAt(now).Exec(ctx); err != nil {
		return err
	}
	if err := db.Mapping.Update().Where(mapping.PatientIDIn(patients...), mapping.IsActive(true)).SetIsActive(false).SetEndedAt(now).Exec(ctx); err != nil {
		return err
	}
	return db.Mapping.Update().Where(mapping.PatientIDIn(patients...), mapping.DeletedAtIsNil()).SetDeletedAt(now).Exec(ctx)
}

// DeleteDoctor deletes a doctor, ends its active mappings and accounts, and revokes its
// invitations, as far as they are the viewer's clinic's. It returns the id. It fails with
// fault.NotFound, with fault.Conflict if the doctor is assigned to patients of other clinics
// and the viewer is not staff, and with fault.Stale if it has another version than expected,
// if that is given.
func DeleteDoctor(ctx context.Context, id int, expected *int, now time.Time) (int, error) {
	db := ent.FromContext(ctx)
	// The lock comes first, so that the policy sees every assignment.
	if _, err := db.Doctor.Query().Where(doctor.ID(id)).Select(doctor.FieldID).Modify(rule.Lock).Only(ctx); err != nil {
		return 0, fmt.Errorf("delete doctor: %w", err)
	}
	err := db.Doctor.UpdateOneID(id).Where(OfVersion[predicate.Doctor](expected)...).SetDeletedAt(now).Exec(ctx)
	err = Stale(ctx, err, expected, db.Doctor.Query().Where(doctor.ID(id)).Select(doctor.FieldVersion).Int)
	if err != nil {
		return 0, fmt.Errorf("delete doctor: %w", err)
	}
	if err := db.Invitation.Update().Where(invitation.DoctorID(id), invitation.EndedAtIsNil()).SetEndedAt(now).Exec(ctx); err != nil {
		return 0, fmt.Errorf("delete doctor: %w", err)
	}
	if _, err := db.Practice.Delete().Where(practice.DoctorID(id)).Exec(ctx); err != nil {
		return 0, fmt.Errorf("delete doctor: %w", err)
	}
	treated, err := db.Mapping.Query().Where(mapping.DoctorID(id), mapping.IsActive(true)).
		Order(mapping.ByAssignedDate(), mapping.ByID()).Modify(rule.Lock).All(ctx) // in the order of a merge
	if err != nil {
		return 0, fmt.Errorf("delete doctor: %w", err)
	}
	clinics := make(map[int]int, len(treated))
	for _, m := range treated {
		clinics[m.PatientID] = m.ClinicID
	}
	if err := rule.Trace(ctx, accessevent.ActionUNASSIGN, clinics); err != nil {
		return 0, fmt.Errorf("delete doctor: %w", err)
	}
	return id, db.Mapping.Update().Where(mapping.DoctorID(id), mapping.IsActive(true)).SetIsActive(false).SetEndedAt(now).Exec(ctx)
}
