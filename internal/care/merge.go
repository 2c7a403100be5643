package care

import (
	"context"
	"fmt"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/invitation"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/revision"
	"caregraph/internal/fault"
	"caregraph/internal/rule"
)

// Merge makes two records of one patient one.
type Merge struct {
	KeepID, DuplicateID           int
	Fields                        []string // the columns that the duplicate knows better
	KeepVersion, DuplicateVersion *int     // that the merge is meant for, if they are given
}

// taken are the columns that a merge can take from the duplicate, and how.
var taken = map[string]func(*ent.PatientMutation, *ent.Patient){
	patient.FieldName:  func(m *ent.PatientMutation, p *ent.Patient) { m.SetName(p.Name) },
	patient.FieldEmail: func(m *ent.PatientMutation, p *ent.Patient) { take(p.Email, m.SetEmail, m.ClearEmail) },
	patient.FieldPhone: func(m *ent.PatientMutation, p *ent.Patient) { m.SetPhone(p.Phone) },
	patient.FieldDateOfBirth: func(m *ent.PatientMutation, p *ent.Patient) {
		m.SetDateOfBirth(p.DateOfBirth)
		m.SetBirthDateEstimated(p.BirthDateEstimated)
	},
	patient.FieldAddress: func(m *ent.PatientMutation, p *ent.Patient) { m.SetAddress(p.Address) },
	patient.FieldGender:  func(m *ent.PatientMutation, p *ent.Patient) { m.SetGender(p.Gender) },
	patient.FieldBloodGroup: func(m *ent.PatientMutation, p *ent.Patient) {
		take(p.BloodGroup, m.SetBloodGroup, m.ClearBloodGroup)
	},
	patient.FieldEmergencyContact: func(m *ent.PatientMutation, p *ent.Patient) {
		take(p.EmergencyContact, m.SetEmergencyContact, m.ClearEmergencyContact)
	},
	patient.FieldMedicalHistory: func(m *ent.PatientMutation, p *ent.Patient) {
		take(p.MedicalHistory, m.SetMedicalHistory, m.ClearMedicalHistory)
	},
	patient.FieldAccountID: func(m *ent.PatientMutation, p *ent.Patient) { take(p.AccountID, m.SetAccountID, m.ClearAccountID) },
}

func take[V any](v *V, set func(V), clear func()) {
	if v == nil {
		clear()
	} else {
		set(*v)
	}
}

// Do merges: the record that is kept takes the fields and all assignments of the duplicate,
// which is deleted. Of two active assignments of one doctor the later one ends. It returns
// the record that is kept, and fails with fault.Invalid for one record twice or records of
// two clinics, with fault.NotFound for each that the viewer cannot see, as forbidden if it
// may not change them, and with fault.Stale if one has another version than expected.
func (m Merge) Do(ctx context.Context, now time.Time) (*ent.Patient, error) {
	db := ent.FromContext(ctx)
	// The locks come first: who assigns meanwhile waits, and finds the duplicate deleted.
	found, err := db.Patient.Query().Where(patient.IDIn(m.KeepID, m.DuplicateID)).Order(patient.ByID()).Modify(rule.Lock).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	var missing fault.List
	pick := func(field string, id int, expected *int) (p *ent.Patient, err error) {
		i := slices.IndexFunc(found, func(p *ent.Patient) bool { return p.ID == id })
		switch {
		case i < 0:
			missing = append(missing, &fault.Error{Kind: fault.NotFound, Field: field, Message: fault.TextNotFound})
			return nil, missing
		case expected != nil && *expected != found[i].Version:
			err := fault.Stale(found[i].Version)
			err.Field = field
			return nil, err
		}
		return found[i], nil
	}
	keep, err := pick("keep_id", m.KeepID, m.KeepVersion)
	duplicate, errDuplicate := pick("duplicate_id", m.DuplicateID, m.DuplicateVersion)
	switch {
	case missing != nil:
		return nil, missing
	case err != nil:
		return nil, err
	case errDuplicate != nil:
		return nil, errDuplicate
	case keep == duplicate:
		return nil, &fault.Error{Kind: fault.Invalid, Field: "duplicate_id", Message: "Give two different records."}
	case keep.ClinicID != duplicate.ClinicID:
		return nil, &fault.Error{Kind: fault.Invalid, Field: "duplicate_id", Message: "The records belong to different clinics."}
	}
	if err := db.Patient.UpdateOne(duplicate).SetDeletedAt(now).SetMergedIntoID(keep.ID).SetUpdatedAt(now).Exec(ctx); err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	u := db.Patient.UpdateOne(keep).SetLastMergedID(duplicate.ID).SetUpdatedAt(now)
	for _, column := range m.Fields {
		taken[column](u.Mutation(), duplicate)
	}
	if keep, err = u.Save(ctx); err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	if err := db.Invitation.Update().Where(invitation.PatientID(duplicate.ID), invitation.EndedAtIsNil()).SetEndedAt(now).Exec(ctx); err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	active, err := db.Mapping.Query().Where(mapping.PatientIDIn(keep.ID, duplicate.ID), mapping.IsActive(true)).
		Order(mapping.ByAssignedDate(), mapping.ByID()).Modify(rule.Lock).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	treats, later := map[int]bool{}, []int(nil)
	for _, a := range active {
		if treats[a.DoctorID] {
			later = append(later, a.ID)
		}
		treats[a.DoctorID] = true
	}
	if err := db.Mapping.Update().Where(mapping.IDIn(later...)).SetIsActive(false).SetEndedAt(now).SetUpdatedAt(now).Exec(ctx); err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	return keep, db.Mapping.Update().Where(mapping.PatientID(duplicate.ID)).SetPatientID(keep.ID).SetUpdatedAt(now).Exec(ctx)
}

// part undoes a merge: what the record that was kept took from the duplicate goes back, as
// far as nothing was changed since. It fails with fault.Conflict if that record is not there.
func part(ctx context.Context, duplicate *ent.Patient) error {
	db, merged := ent.FromContext(ctx), *duplicate.DeletedAt
	keep, err := db.Patient.Query().Where(patient.ID(*duplicate.MergedIntoID)).Modify(rule.Lock).Only(ctx)
	if ent.IsNotFound(err) {
		return &fault.Error{Kind: fault.Conflict, Message: "The record that it became part of is deleted itself. Restore that one first."}
	}
	if err != nil {
		return err
	}
	changes, err := db.Revision.Query().Where(revision.PatientID(keep.ID)).Order(revision.ByVersion(), revision.ByID()).All(ctx)
	if err != nil {
		return err
	}
	u := db.Patient.UpdateOne(keep)
	if keep.LastMergedID != nil && *keep.LastMergedID == duplicate.ID {
		u.ClearLastMergedID()
	}
	back := diff{}
	for _, r := range changes {
		d, err := diffOf(r)
		if err != nil {
			return err
		}
		if r.Kind == revision.KindMerge && r.At.Equal(merged) {
			back = d
			continue
		}
		for column := range d {
			delete(back, column)
		}
	}
	for column, values := range back {
		if column != patient.FieldLastMergedID {
			if err := setStored(u.Mutation(), column, values[0]); err != nil {
				return err
			}
		}
	}
	if len(u.Mutation().Fields())+len(u.Mutation().ClearedFields()) > 0 {
		if err := u.Exec(ctx); err != nil {
			return err
		}
	}
	own, err := db.Mapping.Query().Where(mapping.PatientID(keep.ID)).Order(mapping.ByID()).Modify(rule.Lock).All(ctx)
	if err != nil {
		return err
	}
	var ids, moved, ended []int
	for _, m := range own {
		ids = append(ids, m.ID)
	}
	moves, err := db.Revision.Query().Where(revision.MappingIDIn(ids...), revision.At(merged)).All(ctx)
	if err != nil {
		return err
	}
	for _, r := range moves {
		d, err := diffOf(r)
		if err != nil {
			return err
		}
		if string(d[mapping.FieldPatientID][0]) == fmt.Sprint(duplicate.ID) {
			moved = append(moved, *r.MappingID)
		}
	}
	if err := db.Mapping.Update().Where(mapping.IDIn(moved...)).SetPatientID(duplicate.ID).Exec(ctx); err != nil {
		return err
	}
	treats := func(m *ent.Mapping) bool { // the patient's again, or still
		return slices.ContainsFunc(own, func(other *ent.Mapping) bool {
			return other.IsActive && other.DoctorID == m.DoctorID && slices.Contains(moved, other.ID) == slices.Contains(moved, m.ID)
		})
	}
	for _, m := range own {
		if !m.IsActive && m.EndedAt.Equal(merged) && !treats(m) {
			ended = append(ended, m.ID)
		}
	}
	_, err = resume(ctx, mapping.IDIn(ended...), merged)
	return err
}

// MergedInto returns the record that a patient's record became part of, directly or through
// others; 0 if it is none, or the viewer cannot see that one.
func MergedInto(ctx context.Context, id int) (int, error) {
	into, err := ent.FromContext(ctx).Patient.Query().Where(func(s *sql.Selector) {
		s.Where(sql.P(func(b *sql.Builder) {
			b.Ident(s.C(patient.FieldID)).WriteString(" IN (WITH RECURSIVE parts (id) AS (SELECT merged_into_id FROM patients WHERE deleted_at IS NOT NULL AND id = ").Arg(id).
				WriteString(" UNION SELECT p.merged_into_id FROM patients AS p JOIN parts ON p.id = parts.id WHERE p.deleted_at IS NOT NULL) SELECT id FROM parts)")
		}))
	}).FirstID(ctx)
	if ent.IsNotFound(err) {
		return 0, nil
	}
	return into, err
}
