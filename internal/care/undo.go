package care

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	baseent "entgo.io/ent"

	"caregraph/ent"
	"caregraph/ent/accessevent"
	"caregraph/ent/doctor"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/predicate"
	"caregraph/ent/revision"
	"caregraph/internal/fault"
	"caregraph/internal/rule"
	"caregraph/internal/scalar"
)

// RestorePatient brings back a patient who was deleted within the window, with its mappings:
// those that the deletion ended go on, unless their doctors are deleted. If the record was
// deleted by a merge, that is undone. It fails with fault.NotFound if the viewer may not
// bring the patient back, or there is nothing to bring back, and with fault.Conflict if the
// other record of the merge is deleted.
func RestorePatient(ctx context.Context, id int, window time.Duration, now time.Time) (*ent.Patient, error) {
	db, among := ent.FromContext(ctx), rule.Deleted(ctx, now.Add(-window))
	deleted, err := db.Patient.Query().Where(patient.ID(id)).Only(among)
	if err == nil && deleted.MergedIntoID != nil { // locked first, as by who erases
		_, err = db.Patient.Query().Where(patient.ID(*deleted.MergedIntoID)).Modify(rule.Lock).IDs(ctx)
	}
	if err == nil {
		deleted, err = db.Patient.Query().Where(patient.ID(id)).Modify(rule.Lock).Only(among)
	}
	if err != nil {
		return nil, fmt.Errorf("restore patient: %w", err)
	}
	p, err := db.Patient.UpdateOneID(id).ClearDeletedAt().ClearMergedIntoID().Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("restore patient: %w", err)
	}
	if deleted.MergedIntoID != nil {
		if err := part(ctx, deleted); err != nil {
			return nil, fmt.Errorf("restore patient: %w", err)
		}
		return db.Patient.Get(ctx, id)
	}
	if err := db.Mapping.Update().Where(mapping.PatientID(id), mapping.DeletedAt(*deleted.DeletedAt)).ClearDeletedAt().Exec(ctx); err != nil {
		return nil, fmt.Errorf("restore patient: %w", err)
	}
	if _, err := resume(ctx, mapping.PatientID(id), *deleted.DeletedAt); err != nil {
		return nil, fmt.Errorf("restore patient: %w", err)
	}
	return p, nil
}

// RestoreDoctor brings back a doctor who was deleted within the window, with the assignments
// that the deletion ended, but not with its accounts. It fails with fault.NotFound if there
// is nothing to bring back, and with fault.Conflict if another doctor has the licence number
// by now, or the deletion ended the care of other clinics' patients and the viewer is not
// staff.
func RestoreDoctor(ctx context.Context, id int, window time.Duration, now time.Time) (*ent.Doctor, error) {
	db, among := ent.FromContext(ctx), rule.Deleted(ctx, now.Add(-window))
	deleted, err := db.Doctor.Query().Where(doctor.ID(id)).Modify(rule.Lock).Only(among)
	if err != nil {
		return nil, fmt.Errorf("restore doctor: %w", err)
	}
	d, err := db.Doctor.UpdateOneID(id).ClearDeletedAt().Save(among)
	if err != nil {
		return nil, fmt.Errorf("restore doctor: %w", err)
	}
	clinics, err := resume(ctx, mapping.DoctorID(id), *deleted.DeletedAt)
	if err != nil {
		return nil, fmt.Errorf("restore doctor: %w", err)
	}
	return d, rule.Trace(ctx, accessevent.ActionASSIGN, clinics)
}

// resume lets the mappings go on that a deletion or a merge ended, as far as neither patient
// nor doctor is deleted; both stay locked against deletion until the transaction ends. Of
// several of one patient and doctor the earliest goes on, and none if one is active. It
// returns the clinics of the patients.
func resume(ctx context.Context, of predicate.Mapping, endedAt time.Time) (clinics map[int]int, err error) {
	db := ent.FromContext(ctx)
	ended, err := db.Mapping.Query().Where(of, mapping.EndedAt(endedAt), mapping.IsActive(false)).Order(mapping.ByAssignedDate(), mapping.ByID()).All(ctx)
	if err != nil {
		return nil, err
	}
	ofDoctors, ofPatients := map[int]bool{}, map[int]bool{}
	for _, m := range ended {
		ofDoctors[m.DoctorID], ofPatients[m.PatientID] = true, true
	}
	doctors, err := db.Doctor.Query().Where(doctor.IDIn(slices.Sorted(maps.Keys(ofDoctors))...)).Order(doctor.ByID()).Select(doctor.FieldID).Modify(rule.Share).Ints(ctx)
	if err != nil {
		return nil, err
	}
	patients, err := db.Patient.Query().Where(patient.IDIn(slices.Sorted(maps.Keys(ofPatients))...)).Order(patient.ByID()).Select(patient.FieldID).Modify(rule.Share).Ints(ctx)
	if err != nil {
		return nil, err
	}
	active, err := db.Mapping.Query().Where(mapping.PatientIDIn(patients...), mapping.IsActive(true)).All(ctx)
	if err != nil {
		return nil, err
	}
	type pair struct{ patient, doctor int }
	treats := map[pair]bool{}
	for _, m := range active {
		treats[pair{m.PatientID, m.DoctorID}] = true
	}
	clinics, ids := map[int]int{}, []int(nil)
	for _, m := range ended {
		of := pair{m.PatientID, m.DoctorID}
		if slices.Contains(doctors, m.DoctorID) && slices.Contains(patients, m.PatientID) && !treats[of] {
			treats[of] = true
			ids = append(ids, m.ID)
			clinics[m.PatientID] = m.ClinicID
		}
	}
	return clinics, db.Mapping.Update().Where(mapping.IDIn(ids...)).SetIsActive(true).ClearEndedAt().Exec(ctx)
}

// reverted are the fields that RevertPatient sets back: what the record says of the patient.
var reverted = []string{
	patient.FieldName, patient.FieldEmail, patient.FieldPhone, patient.FieldDateOfBirth, patient.FieldBirthDateEstimated, patient.FieldAddress,
	patient.FieldGender, patient.FieldBloodGroup, patient.FieldEmergencyContact, patient.FieldMedicalHistory,
}

// RevertPatient sets the fields of a patient back to what they were when a revision was made,
// as a new change; if nothing was changed since, nothing changes. It fails with
// fault.NotFound if the viewer does not see the patient or the revision, as forbidden if the
// viewer may not change one of the fields, and with fault.Stale if the patient has another
// version than expected, if that is given.
func RevertPatient(ctx context.Context, id, revisionID int, expected *int) (*ent.Patient, error) {
	db := ent.FromContext(ctx)
	// The lock comes first, so that nobody changes what was looked at.
	p, err := db.Patient.Query().Where(patient.ID(id)).Modify(rule.Lock).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("revert patient: %w", err)
	}
	if expected != nil && p.Version != *expected {
		return nil, fault.Stale(p.Version)
	}
	to, err := db.Revision.Query().Where(revision.ID(revisionID), revision.PatientID(id)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, &fault.Error{Kind: fault.NotFound, Field: "revision", Message: fault.TextNotFound}
	}
	if err != nil {
		return nil, fmt.Errorf("revert patient: %w", err)
	}
	since, err := db.Revision.Query().Where(revision.PatientID(id), revision.VersionGT(to.Version)).Order(revision.ByVersion(), revision.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("revert patient: %w", err)
	}
	before := map[string]json.RawMessage{}
	for _, r := range since {
		changes, err := diffOf(r)
		if err != nil {
			return nil, fmt.Errorf("revert patient: %w", err)
		}
		for column, values := range changes {
			if _, later := before[column]; !later && slices.Contains(reverted, column) {
				before[column] = values[0]
			}
		}
	}
	if len(before) == 0 {
		return p, nil
	}
	u := db.Patient.UpdateOneID(id)
	for column, stored := range before {
		if err := setStored(u.Mutation(), column, stored); err != nil {
			return nil, fmt.Errorf("revert patient: %w", err)
		}
	}
	return u.Save(ctx)
}

// diff is what a revision changed: the values before and after, by their columns.
type diff map[string][2]json.RawMessage

func diffOf(r *ent.Revision) (diff, error) {
	var d diff
	if err := json.Unmarshal([]byte(r.Diff), &d); err != nil {
		return nil, fmt.Errorf("revision %d: %w", r.ID, err)
	}
	return d, nil
}

// setStored sets a column of a patient to a value that a revision has.
func setStored(m *ent.PatientMutation, column string, stored json.RawMessage) error {
	if string(stored) == "null" {
		return m.ClearField(column)
	}
	value, err := patientValue(column, stored)
	if err != nil {
		return err
	}
	return m.SetField(column, value)
}

// patientValue returns the value of a column that a revision of a patient has.
func patientValue(column string, stored json.RawMessage) (baseent.Value, error) {
	switch column {
	case patient.FieldBirthDateEstimated: // SQLite writes it as a number
		return string(stored) == "true" || string(stored) == "1", nil
	case patient.FieldAccountID:
		return strconv.Atoi(string(stored))
	}
	var text string
	err := json.Unmarshal(stored, &text)
	switch column {
	case patient.FieldDateOfBirth:
		return scalar.ParseDate(text), err
	case patient.FieldGender:
		return patient.Gender(text), err
	case patient.FieldBloodGroup:
		return patient.BloodGroup(text), err
	}
	return text, err
}
