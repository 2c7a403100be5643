package rule

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"time"

	baseent "entgo.io/ent"
	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/accessevent"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/practice"
	"caregraph/ent/predicate"
	"caregraph/ent/privacy"
	"caregraph/internal/fault"
	"caregraph/internal/viewer"
)

// LivePatientQuery hides deleted patients, from staff too. In a context of Deleted it shows
// them, and nothing else, to who may bring them back: their clinic, and staff.
func LivePatientQuery() privacy.QueryRule {
	return privacy.PatientQueryRuleFunc(func(ctx context.Context, q *ent.PatientQuery) error {
		since, deleted := ctx.Value(deletedKey{}).(time.Time)
		if !deleted {
			q.Where(patient.DeletedAtIsNil())
			return privacy.Skip
		}
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		q.Where(patient.DeletedAtGT(since))
		ways := []predicate.Patient{patient.ClinicID(v.ClinicID)}
		if ctx.Value(goneKey{}) != nil {
			ways = append(ways, patient.AccountID(v.UserID), treatedToTheEnd(v))
		} else {
			q.Where(notErased)
		}
		if !v.Staff {
			q.Where(patient.Or(ways...))
		}
		return privacy.Allow
	})
}

// Deleted returns a context in which patients are shown who were deleted after an instant,
// and no others; and doctors, too.
func Deleted(ctx context.Context, since time.Time) context.Context {
	return context.WithValue(ctx, deletedKey{}, since)
}

type deletedKey struct{}

// Gone is Deleted, whenever that was, with the patients who were erased, and also for those who
// treated a patient until the record was deleted, or are the patient; and it shows mappings that
// have ended to who could see them. Nothing of a record may be shown to who asks so, but that it
// is gone.
func Gone(ctx context.Context) context.Context {
	return context.WithValue(Deleted(ctx, time.Time{}), goneKey{}, true)
}

type goneKey struct{}

// LivePatientMutation keeps deleted patients as they are, but for who brings them back: their
// clinic, and staff.
func LivePatientMutation() privacy.MutationRule {
	return privacy.PatientMutationRuleFunc(func(ctx context.Context, m *ent.PatientMutation) error {
		switch {
		case m.Op().Is(baseent.OpCreate):
		case !m.DeletedAtCleared():
			m.Where(patient.DeletedAtIsNil())
		default:
			v, err := viewer.FromContext(ctx)
			if err != nil {
				return err
			}
			m.Where(patient.DeletedAtNotNil(), notErased)
			if !v.Staff {
				m.Where(patient.ClinicID(v.ClinicID))
			}
			return privacy.Allow
		}
		return privacy.Skip
	})
}

// SeenPatientQuery shows a viewer the patients of its clinic, those whom it treats, and
// those whose account it is; and everybody to staff.
func SeenPatientQuery() privacy.QueryRule {
	return privacy.PatientQueryRuleFunc(func(ctx context.Context, q *ent.PatientQuery) error {
		q.Where(SeenPatients(ctx)...)
		return privacy.Allow
	})
}

// SeenPatientMutation makes a patient that a viewer records one of its clinic, and
// allows the clinic to change it; who treats it and who is it may change what is theirs
// to tell. It fails with fault.Forbidden, naming each field, if a viewer who sees the
// patient may not change it. Staff changes everybody's.
func SeenPatientMutation() privacy.MutationRule {
	return privacy.PatientMutationRuleFunc(func(ctx context.Context, m *ent.PatientMutation) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		if m.Op().Is(baseent.OpCreate) {
			m.SetClinicID(v.ClinicID)
			m.SetCreatedByID(v.UserID)
			return privacy.Allow
		}
		m.Where(SeenPatients(ctx)...)
		if id, one := m.ID(); v.Beyond() && !v.Staff {
			if !one {
				return privacy.Denyf("change of several patients")
			}
			if err := keepToAccess(ctx, v, m, id); err != nil {
				return err
			}
		}
		return privacy.Allow
	})
}

const textClinicOnly = "Only members of the clinic may change this."

// What may be changed of a patient who is another clinic's.
var (
	byTreating = []string{patient.FieldMedicalHistory, patient.FieldBloodGroup, patient.FieldEmergencyContact}
	bySelf     = []string{patient.FieldPhone, patient.FieldEmail, patient.FieldAddress, patient.FieldEmergencyContact}
)

// keepToAccess fails with fault.Forbidden for each field that the mutation changes and
// the viewer may not. A field that is set to what it is stays as it is: clients send
// records whole.
func keepToAccess(ctx context.Context, v viewer.Viewer, m *ent.PatientMutation, id int) error {
	seen, err := m.Client().Patient.Query().Where(patient.ID(id)).Select(patient.FieldClinicID, patient.FieldAccountID).Only(ctx)
	if ent.IsNotFound(err) || err == nil && seen.ClinicID == v.ClinicID {
		return nil // the predicate decides
	}
	if err != nil {
		return err
	}
	treated, err := m.Client().Patient.Query().Where(patient.ID(id), treats(v)).Exist(ctx)
	if err != nil {
		return err
	}
	allowed := []string{patient.FieldUpdatedAt}
	if treated {
		allowed = append(allowed, byTreating...)
	}
	if seen.AccountID != nil && *seen.AccountID == v.UserID {
		allowed = append(allowed, bySelf...)
		if m.AccountIDCleared() {
			allowed = append(allowed, patient.FieldAccountID)
		}
	}
	var refused fault.List
	for _, field := range slices.Concat(m.Fields(), m.ClearedFields()) {
		if slices.Contains(allowed, field) {
			continue
		}
		if field == patient.FieldDeletedAt {
			return &fault.Error{Kind: fault.Forbidden, Message: textClinicOnly}
		}
		if field != patient.FieldAccountID { // whether there is one is not for everybody
			old, err := m.OldField(ctx, field)
			if err != nil {
				return err
			}
			if next, set := m.Field(field); same(old, next, set) {
				if err := m.ResetField(field); err != nil {
					return err
				}
				continue
			}
		}
		refused = append(refused, &fault.Error{Kind: fault.Forbidden, Field: field, Message: textClinicOnly})
	}
	if refused == nil {
		return nil
	}
	slices.SortFunc(refused, func(a, b *fault.Error) int { return cmp.Compare(a.Field, b.Field) })
	return refused
}

// same tells whether a field is what it was, which may be a pointer.
func same(old, next ent.Value, set bool) bool {
	was := reflect.ValueOf(old)
	switch {
	case was.Kind() == reflect.Pointer && was.IsNil():
		return !set
	case !set:
		return false
	}
	return reflect.Indirect(was).Interface() == next
}

// SeenPatients is the predicate of the patients that the viewer may see, for
// sub-selects, which have no policy: none for staff.
func SeenPatients(ctx context.Context) []predicate.Patient {
	v, err := viewer.FromContext(ctx)
	way, one := ctx.Value(wayKey{}).(Access)
	switch {
	case err != nil:
		return []predicate.Patient{nobody}
	case one:
		return []predicate.Patient{seenAs(v, way)}
	case v.Staff:
		return nil
	}
	ways := []predicate.Patient{patient.ClinicID(v.ClinicID)}
	if v.Practices {
		ways = append(ways, treats(v))
	}
	if v.Records {
		ways = append(ways, patient.AccountID(v.UserID))
	}
	return []predicate.Patient{patient.Or(ways...)}
}

// treats is the predicate of the patients whom the viewer treats.
func treats(v viewer.Viewer) predicate.Patient {
	return among(patient.FieldID, treated(v))
}

// treated finds the ids of the patients whom the viewer treats: those to whom a doctor
// is assigned whose account the patient's clinic made the viewer.
func treated(v viewer.Viewer) func(dialect string) *sql.Selector {
	return func(dialect string) *sql.Selector {
		p, m := sql.Table(practice.Table).As("own"), sql.Table(mapping.Table).As("care")
		return sql.Dialect(dialect).Select(m.C(mapping.FieldPatientID)).From(p).
			Join(m).OnP(sql.And(sql.ColumnsEQ(m.C(mapping.FieldDoctorID), p.C(practice.FieldDoctorID)), sql.ColumnsEQ(m.C(mapping.FieldClinicID), p.C(practice.FieldClinicID)))).
			Where(sql.And(sql.EQ(p.C(practice.FieldUserID), v.UserID), sql.EQ(m.C(mapping.FieldIsActive), true), sql.IsNull(m.C(mapping.FieldDeletedAt))))
	}
}

// treatedToTheEnd is the predicate of the deleted patients whom the viewer treated until the
// deletion, which ends the assignments at the same instant.
func treatedToTheEnd(v viewer.Viewer) predicate.Patient {
	return func(s *sql.Selector) {
		d := sql.Dialect(s.Dialect())
		p, m := d.Table(practice.Table).As("own"), d.Table(mapping.Table).As("care")
		s.Where(sql.Exists(d.Select(m.C(mapping.FieldID)).From(p).
			Join(m).OnP(sql.And(sql.ColumnsEQ(m.C(mapping.FieldDoctorID), p.C(practice.FieldDoctorID)), sql.ColumnsEQ(m.C(mapping.FieldClinicID), p.C(practice.FieldClinicID)))).
			Where(sql.And(sql.EQ(p.C(practice.FieldUserID), v.UserID),
				sql.ColumnsEQ(m.C(mapping.FieldPatientID), s.C(patient.FieldID)), sql.ColumnsEQ(m.C(mapping.FieldEndedAt), s.C(patient.FieldDeletedAt))))))
	}
}

// Access is a way to see a patient.
type Access = accessevent.SeenAs

// The ways to see a patient, the strongest first.
const (
	AsClinic   = accessevent.SeenAsCLINIC
	AsStaff    = accessevent.SeenAsSTAFF
	AsTreating = accessevent.SeenAsTREATING
	AsSelf     = accessevent.SeenAsSELF
)

// SeeingAs returns a context in which the viewer, staff too, sees those patients alone
// whom it sees in no stronger way than this.
func SeeingAs(ctx context.Context, way Access) context.Context {
	return context.WithValue(ctx, wayKey{}, way)
}

type wayKey struct{}

// seenAs is the predicate of the patients whom the viewer sees in no stronger way than
// this.
func seenAs(v viewer.Viewer, way Access) predicate.Patient {
	others := patient.ClinicIDNEQ(v.ClinicID)
	switch {
	case way == AsClinic:
		return patient.ClinicID(v.ClinicID)
	case way == AsStaff && v.Staff:
		return others
	case way == AsTreating && v.Practices && !v.Staff:
		return patient.And(treats(v), others)
	case way == AsSelf && v.Records && !v.Staff && v.Practices:
		return patient.And(patient.AccountID(v.UserID), others, patient.Not(treats(v)))
	case way == AsSelf && v.Records && !v.Staff:
		return patient.And(patient.AccountID(v.UserID), others)
	}
	return nobody
}

// HowSeen returns the strongest way in which the viewer sees each of the patients, by id.
// clinics has the clinics of patients that the viewer sees. It takes a statement only for a
// viewer who may treat a patient and be it, too.
func HowSeen(ctx context.Context, clinics map[int]int) (map[int]Access, error) {
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	ways := make(map[int]Access, len(clinics))
	var unsure []int
	for id, clinic := range clinics {
		switch {
		case clinic == v.ClinicID:
			ways[id] = AsClinic
		case v.Staff:
			ways[id] = AsStaff
		case v.Practices && !v.Records:
			ways[id] = AsTreating
		default:
			ways[id] = AsSelf
			if v.Practices {
				unsure = append(unsure, id)
			}
		}
	}
	if unsure == nil {
		return ways, nil
	}
	treating, err := ent.FromContext(ctx).Patient.Query().Where(patient.IDIn(unsure...), treats(v)).IDs(ctx)
	for _, id := range treating {
		ways[id] = AsTreating
	}
	return ways, err
}
