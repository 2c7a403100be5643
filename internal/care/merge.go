package care

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/accessevent"
	"caregraph/ent/doctor"
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
	treats, later := map[int]bool{}, map[int][]int{} // of a patient
	for _, a := range active {
		if treats[a.DoctorID] {
			later[a.PatientID] = append(later[a.PatientID], a.ID)
		}
		treats[a.DoctorID] = true
	}
	// Each mapping is changed once, so that its revision tells all of it.
	for _, patient := range []int{keep.ID, duplicate.ID} {
		err := db.Mapping.Update().Where(mapping.IDIn(later[patient]...)).SetIsActive(false).SetEndedAt(now).SetPatientID(keep.ID).SetUpdatedAt(now).Exec(ctx)
		if err != nil {
			return nil, fmt.Errorf("merge: %w", err)
		}
	}
	return keep, db.Mapping.Update().Where(mapping.PatientID(duplicate.ID)).SetPatientID(keep.ID).SetUpdatedAt(now).Exec(ctx)
}

// part undoes a merge: what the record that was kept took from the duplicate goes back, as
// far as nothing was changed since, and its history forgets what that was. The duplicate must
// be locked after the other record, and live again. It fails with fault.Conflict if that
// record is not there, or another became part of it later.
func part(ctx context.Context, duplicate *ent.Patient) error {
	db, merged := ent.FromContext(ctx), *duplicate.DeletedAt
	keep, err := db.Patient.Query().Where(patient.ID(*duplicate.MergedIntoID)).Only(ctx)
	if ent.IsNotFound(err) {
		return &fault.Error{Kind: fault.Conflict, Message: "The record that it became part of is deleted itself. Restore that one first."}
	}
	if err != nil {
		return err
	}
	later, err := db.Patient.Query().Where(patient.MergedIntoID(keep.ID), patient.DeletedAtGT(merged)).Exist(rule.Deleted(ctx, merged))
	if err != nil {
		return err
	}
	if later {
		return &fault.Error{Kind: fault.Conflict, Message: "Another record became part of the same one later. Restore that one first."}
	}
	if err := giveBack(ctx, keep, duplicate); err != nil {
		return err
	}
	own, err := db.Mapping.Query().Where(mapping.PatientID(keep.ID)).Order(mapping.ByID()).All(ctx)
	if err != nil {
		return err
	}
	var ids, moved, ended []int
	doctors := map[int]bool{}
	for _, m := range own {
		ids = append(ids, m.ID)
		doctors[m.DoctorID] = true
	}
	moves, err := db.Revision.Query().Where(revision.MappingIDIn(ids...)).Order(revision.ByVersion(), revision.ByID()).All(ctx)
	if err != nil {
		return err
	}
	came := map[int]bool{} // from the duplicate, and did not go back since
	for _, r := range moves {
		d, err := diffOf(r)
		if err != nil {
			return err
		}
		switch values := d[mapping.FieldPatientID]; strconv.Itoa(duplicate.ID) {
		case string(values[0]):
			came[*r.MappingID] = true
		case string(values[1]):
			came[*r.MappingID] = false
		}
	}
	for _, m := range own {
		if came[m.ID] {
			moved = append(moved, m.ID)
		}
		over := slices.ContainsFunc(own, func(other *ent.Mapping) bool { // that care was ended since
			return other.DoctorID == m.DoctorID && other.EndedAt != nil && other.EndedAt.After(merged)
		})
		if !m.IsActive && m.EndedAt.Equal(merged) && !over {
			ended = append(ended, m.ID)
		}
	}
	// Who deletes a doctor locks the doctor before the mappings.
	if _, err := db.Doctor.Query().Where(doctor.IDIn(slices.Sorted(maps.Keys(doctors))...)).Order(doctor.ByID()).Select(doctor.FieldID).Modify(rule.Share).Ints(ctx); err != nil {
		return err
	}
	if err := db.Mapping.Update().Where(mapping.IDIn(moved...)).SetPatientID(duplicate.ID).Exec(ctx); err != nil {
		return err
	}
	if _, err := resume(ctx, mapping.IDIn(ended...), merged); err != nil {
		return err
	}
	return rule.Trace(ctx, accessevent.ActionUPDATE, map[int]int{keep.ID: keep.ClinicID})
}

// born are the columns that tell together when a patient was born.
var born = []string{patient.FieldDateOfBirth, patient.FieldBirthDateEstimated}

// giveBack sets what a record took from a duplicate back to what it was, as far as nothing was
// changed since. An account that was taken and removed since is not the duplicate's either.
func giveBack(ctx context.Context, keep, duplicate *ent.Patient) error {
	db := ent.FromContext(ctx)
	taken, since, err := sinceMerge(ctx, keep.ID, duplicate)
	if err != nil {
		return err
	}
	u := db.Patient.UpdateOne(keep)
	if keep.LastMergedID != nil && *keep.LastMergedID == duplicate.ID {
		u.ClearLastMergedID()
	}
	changed := func(columns ...string) bool {
		return slices.ContainsFunc(since, func(d diff) bool {
			return slices.ContainsFunc(columns, func(column string) bool { _, ok := d[column]; return ok })
		})
	}
	var stays []string
	for column, values := range taken {
		switch {
		case column == patient.FieldLastMergedID:
		case column == patient.FieldAccountID && changed(column):
			if err := db.Patient.UpdateOneID(duplicate.ID).ClearAccountID().Exec(ctx); err != nil {
				return err
			}
		case changed(column):
		case slices.Contains(born, column) && changed(born...):
			stays = append(stays, column)
		default:
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
	return forgetTaken(ctx, keep.ID, duplicate, stays)
}

// sinceMerge returns what a record took when a duplicate became part of it, and what was
// changed of it since.
func sinceMerge(ctx context.Context, keep int, duplicate *ent.Patient) (taken diff, since []diff, err error) {
	revisions, err := ent.FromContext(ctx).Revision.Query().Where(revision.PatientID(keep)).Order(revision.ByVersion(), revision.ByID()).All(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range revisions {
		d, err := diffOf(r)
		if err != nil {
			return nil, nil, err
		}
		if r.Kind == revision.KindMerge && r.At.Equal(*duplicate.DeletedAt) {
			taken, since = d, nil
		} else if taken != nil {
			since = append(since, d)
		}
	}
	return taken, since, nil
}

// forgetTaken removes what a record took from a duplicate from its history, as if the next
// change of each column had been made of what was there before the merge: what was taken is the
// duplicate's again, and its history has it. What stays is not forgotten.
func forgetTaken(ctx context.Context, keep int, duplicate *ent.Patient, stays []string) error {
	db := ent.FromContext(ctx)
	revisions, err := db.Revision.Query().Where(revision.PatientID(keep)).Order(revision.ByVersion(), revision.ByID()).All(ctx)
	if err != nil {
		return err
	}
	left := map[string]json.RawMessage{} // what was before the merge, of columns whose next change follows
	for _, r := range revisions {
		d, err := diffOf(r)
		if err != nil {
			return err
		}
		merge, changed := r.Kind == revision.KindMerge && r.At.Equal(*duplicate.DeletedAt), false
		for column, values := range d {
			before, taken := left[column]
			switch {
			case merge && (column == patient.FieldLastMergedID || slices.Contains(stays, column)):
				continue
			case merge:
				left[column] = values[0]
				delete(d, column)
			case !taken:
				continue
			case bytes.Equal(before, values[1]):
				delete(left, column)
				delete(d, column)
			default:
				delete(left, column)
				d[column] = [2]json.RawMessage{before, values[1]}
			}
			changed = true
		}
		if !changed {
			continue
		}
		text, err := json.Marshal(d)
		if err != nil {
			return err
		}
		if err := db.Revision.UpdateOneID(r.ID).SetDiff(string(text)).Exec(rule.Parting(ctx)); err != nil {
			return err
		}
	}
	return nil
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
