package care

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/erasure"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/predicate"
	"caregraph/ent/revision"
	"caregraph/internal/rule"
	"caregraph/internal/scalar"
)

// What an erased record says instead.
const (
	erasedName  = "Erased"
	erasedPhone = "1000000000"
)

var erasedBirth = scalar.NewDate(1900, time.January, 1)

// ErasePatient overwrites the personal data of a patient, for staff: in the record, in those
// that became part of it, in what is kept of their changes, and in the notes of their
// assignments. A record that is not deleted is deleted first. Erasing what is erased changes
// nothing. It fails as forbidden for everybody else, with scalar.Invalid for the reason, and
// with fault.NotFound if there is no such record, or it became part of another.
func ErasePatient(ctx context.Context, id int, reason string, now time.Time) error {
	db, ctx := ent.FromContext(ctx), rule.Erasing(ctx)
	_, err := db.Patient.Query().Where(patient.ID(id), patient.Or(patient.MergedIntoIDIsNil(), patient.DeletedAtIsNil())).Modify(rule.Lock).Only(ctx)
	if err != nil {
		return fmt.Errorf("erase patient: %w", err)
	}
	if done, err := db.Erasure.Query().Where(erasure.PatientID(id)).Exist(ctx); err != nil || done {
		return err
	}
	ids, err := partsOf(ctx, id)
	if err != nil {
		return fmt.Errorf("erase patient: %w", err)
	}
	for _, step := range []func() error{
		func() error { return endCare(ctx, ids, now) },
		func() error {
			return db.Mapping.Update().Where(mapping.PatientIDIn(ids...), mapping.NotesNotNil()).ClearNotes().Exec(ctx)
		},
		func() error {
			for _, id := range ids {
				if err := overwrite(db.Patient.UpdateOneID(id), now).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		},
		func() error {
			return db.Revision.Update().Where(revisionsOf(ids)).SetDiff("{}").Exec(ctx)
		},
		func() error { // by one statement, after which PostgreSQL counts anew
			return db.Erasure.MapCreateBulk(ids, func(c *ent.ErasureCreate, i int) { c.SetPatientID(ids[i]).SetAt(now).SetReason(reason) }).Exec(ctx)
		},
	} {
		if err := step(); err != nil {
			return fmt.Errorf("erase patient: %w", err)
		}
	}
	return nil
}

// partsOf returns the id of a patient's record and of those that became part of it, directly
// or through others.
func partsOf(ctx context.Context, id int) ([]int, error) {
	ids := []int{id}
	for next := ids; len(next) > 0; {
		var err error
		next, err = ent.FromContext(ctx).Patient.Query().Where(patient.MergedIntoIDIn(next...), patient.IDNotIn(ids...)).Order(patient.ByID()).IDs(ctx)
		if err != nil {
			return nil, err
		}
		ids = append(ids, next...)
	}
	return ids, nil
}

// overwrite sets everything that a record says of the patient to what an erased one says.
func overwrite(u *ent.PatientUpdateOne, now time.Time) *ent.PatientUpdateOne {
	return u.SetName(erasedName).ClearEmail().SetPhone(erasedPhone).SetDateOfBirth(erasedBirth).SetBirthDateEstimated(true).SetAddress("-").
		SetGender(patient.GenderOther).ClearBloodGroup().ClearEmergencyContact().ClearMedicalHistory().ClearAccountID().SetDeletedAt(now)
}

// erased is the condition that a record says nothing of the patient any more.
func erased() predicate.Patient {
	return patient.And(
		patient.Name(erasedName), patient.EmailIsNil(), patient.Phone(erasedPhone), patient.DateOfBirth(erasedBirth), patient.BirthDateEstimated(true), patient.Address("-"),
		patient.GenderEQ(patient.GenderOther), patient.BloodGroupIsNil(), patient.EmergencyContactIsNil(), patient.MedicalHistoryIsNil(), patient.AccountIDIsNil(),
	)
}

// keysErased is the condition that a record is found by nothing of the patient any more.
func keysErased() predicate.Patient {
	return patient.And(patient.NameKey(scalar.Fold(erasedName)), patient.NameSound(scalar.SoundKey(erasedName)))
}

// revisionsOf is the predicate of what is kept of the changes of patients' records and of
// their assignments.
func revisionsOf(patients []int) predicate.Revision {
	return revision.Or(revision.PatientIDIn(patients...), func(s *sql.Selector) {
		m, ids := sql.Table(mapping.Table), make([]any, len(patients))
		for i, id := range patients {
			ids[i] = id
		}
		s.Where(sql.In(s.C(revision.FieldMappingID), sql.Dialect(s.Dialect()).Select(m.C(mapping.FieldID)).From(m).Where(sql.In(m.C(mapping.FieldPatientID), ids...))))
	})
}

// Erased tells of the erasure of a patient.
type Erased struct {
	*ent.Erasure
	ClinicID                        int
	Records, Keys, Revisions, Notes Rows
	Events                          int // of the access log, which stay
}

// Rows is how many rows are kept, and how many of them still have personal data.
type Rows struct{ Kept, Left int }

// Erasure reads what is left of a patient whose personal data were erased. It fails with
// fault.NotFound if they were not, and as forbidden for a viewer who is not staff.
func Erasure(ctx context.Context, id int) (*Erased, error) {
	db, ctx := ent.FromContext(ctx), rule.Erasing(ctx)
	e := &Erased{}
	var err error
	if e.Erasure, err = db.Erasure.Query().Where(erasure.PatientID(id)).Only(ctx); err != nil {
		return nil, fmt.Errorf("erasure: %w", err)
	}
	ids, err := partsOf(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("erasure: %w", err)
	}
	if e.ClinicID, err = db.Patient.Query().Where(patient.ID(id)).Select(patient.FieldClinicID).Int(ctx); err != nil {
		return nil, fmt.Errorf("erasure: %w", err)
	}
	records := db.Patient.Query().Where(patient.IDIn(ids...))
	revisions := db.Revision.Query().Where(revisionsOf(ids))
	mappings := db.Mapping.Query().Where(mapping.PatientIDIn(ids...))
	for _, read := range []struct {
		rows  *int
		count func(context.Context) (int, error)
	}{
		{&e.Records.Kept, records.Clone().Count},
		{&e.Records.Left, records.Clone().Where(patient.Not(erased())).Count},
		{&e.Keys.Left, records.Clone().Where(patient.Not(keysErased())).Count},
		{&e.Revisions.Kept, revisions.Clone().Count},
		{&e.Revisions.Left, revisions.Clone().Where(revision.DiffNEQ("{}")).Count},
		{&e.Notes.Kept, mappings.Clone().Count},
		{&e.Notes.Left, mappings.Clone().Where(mapping.NotesNotNil()).Count},
		{&e.Events, db.AccessEvent.Query().Where(rule.OfPatient(id)).Count},
	} {
		if *read.rows, err = read.count(ctx); err != nil {
			return nil, fmt.Errorf("erasure: %w", err)
		}
	}
	e.Keys.Kept = e.Records.Kept
	return e, nil
}
