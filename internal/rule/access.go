package rule

import (
	"context"
	"fmt"
	"slices"
	"time"

	baseent "entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/accessevent"
	"caregraph/ent/patient"
	"caregraph/ent/practice"
	"caregraph/ent/predicate"
	"caregraph/ent/privacy"
	"caregraph/ent/user"
	"caregraph/internal/audit"
	"caregraph/internal/scalar"
	"caregraph/internal/viewer"
)

// RecordAccess lets internal/audit add to the access log, whoever is calling. Nobody
// changes what is there.
func RecordAccess() privacy.MutationRule {
	return privacy.AccessEventMutationRuleFunc(func(ctx context.Context, m *ent.AccessEventMutation) error {
		if m.Op().Is(baseent.OpCreate) && audit.Recording(ctx) {
			return privacy.Allow
		}
		return privacy.Skip
	})
}

// AboutPatients returns a context in which the access log tells of these patients, and of
// nothing else. On PostgreSQL it tells of what happened since an instant, unless that is
// zero: to read that part takes a fraction of the time.
func AboutPatients(ctx context.Context, ids []int, since time.Time) context.Context {
	return context.WithValue(ctx, aboutKey{}, about{ids, since})
}

type aboutKey struct{}

type about struct {
	patients []int
	since    time.Time
}

// AccessPatient returns the column that has the patient, of a query in a context of
// AboutPatients.
func AccessPatient(s *sql.Selector) string {
	return sql.Dialect(s.Dialect()).Table(patient.Table).As("about").C(patient.FieldID)
}

// accessEventPatients is the table by which SQLite finds the events about a patient.
const accessEventPatients = "access_event_patients"

// SeenAccessQuery shows a viewer what it did itself; about patients, what everybody did to
// those of its clinic and those whose account it is; and everything to staff. Which other
// patients an event tells of is for staff and for who did it.
func SeenAccessQuery() privacy.QueryRule {
	return privacy.AccessEventQueryRuleFunc(func(ctx context.Context, q *ent.AccessEventQuery) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		about, some := ctx.Value(aboutKey{}).(about)
		switch {
		case some:
			q.Where(func(s *sql.Selector) { aboutPatients(s, v, about) })
		case !v.Staff:
			q.Where(accessevent.UserID(v.UserID))
		}
		return privacy.Allow
	})
}

// aboutPatients narrows a query to the events about those of the patients of whom the viewer
// may know who looked at them.
func aboutPatients(s *sql.Selector, v viewer.Viewer, about about) {
	values := make([]any, len(about.patients))
	for i, id := range about.patients {
		values[i] = id
	}
	p := sql.Dialect(s.Dialect()).Table(patient.Table)
	may := sql.And(sql.In(p.C(patient.FieldID), values...), sql.IsNull(p.C(patient.FieldDeletedAt)))
	if !v.Staff {
		may = sql.And(may, sql.Or(sql.EQ(p.C(patient.FieldClinicID), v.ClinicID), sql.EQ(p.C(patient.FieldAccountID), v.UserID)))
		mask(s, masked{accessevent.FieldPatients, func() *sql.Predicate { return sql.EQ(s.C(accessevent.FieldUserID), v.UserID) }, "'{}'"})
	}
	asked := sql.Dialect(s.Dialect()).Select(p.C(patient.FieldID)).From(p).Where(may).As("about")
	if s.Dialect() == dialect.Postgres {
		told(s, about.patients, about.since)
		s.Join(asked).OnP(sql.P(func(b *sql.Builder) {
			b.Ident(s.C(accessevent.FieldPatients)).WriteString(" @> ARRAY[").Ident(AccessPatient(s)).WriteByte(']')
		}))
		return
	}
	of := sql.Dialect(s.Dialect()).Table(accessEventPatients)
	s.Join(of).On(of.C("event_id"), s.C(accessevent.FieldID)).Join(asked).On(of.C("patient_id"), AccessPatient(s))
}

// told narrows a query of PostgreSQL to the events about any of the patients since an
// instant. It reads from a part of the table, which is found by their index before
// anything else: PostgreSQL would think that half a percent of all events are about a
// patient, and so look for a page of them from the newest event on.
func told(s *sql.Selector, patients []int, since time.Time) {
	t := sql.Dialect(s.Dialect()).Table(accessevent.Table)
	about := sql.P(func(b *sql.Builder) {
		b.Ident(t.C(accessevent.FieldPatients)).WriteString(" && ").Arg(scalar.IDs(patients))
	})
	if !since.IsZero() {
		about = sql.And(about, sql.GTE(t.C(accessevent.FieldAt), since))
	}
	s.From(sql.Dialect(s.Dialect()).Select("*").From(t).Where(about).Offset(0).As(accessevent.Table))
}

// OfPatient is the condition of the events about a patient.
func OfPatient(id int) predicate.AccessEvent {
	return func(s *sql.Selector) {
		if s.Dialect() == dialect.Postgres {
			told(s, []int{id}, time.Time{})
			return
		}
		of := sql.Dialect(s.Dialect()).Table(accessEventPatients)
		s.Where(sql.In(s.C(accessevent.FieldID), sql.Dialect(s.Dialect()).Select(of.C("event_id")).From(of).Where(sql.EQ(of.C("patient_id"), id))))
	}
}

// actionOf returns what a mutation does to a record that can be deleted and brought back.
func actionOf(m interface {
	Op() baseent.Op
	DeletedAt() (time.Time, bool)
	DeletedAtCleared() bool
},
) accessevent.Action {
	switch _, deleted := m.DeletedAt(); {
	case m.Op().Is(baseent.OpCreate):
		return accessevent.ActionCREATE
	case deleted:
		return accessevent.ActionDELETE
	case m.DeletedAtCleared():
		return accessevent.ActionRESTORE
	}
	return accessevent.ActionUPDATE
}

// patientActionOf returns what a mutation does to a patient.
func patientActionOf(ctx context.Context, m *ent.PatientMutation) accessevent.Action {
	_, duplicate := m.MergedIntoID()
	_, kept := m.LastMergedID()
	switch {
	case erasing(ctx):
		return accessevent.ActionERASE
	case duplicate || kept:
		return accessevent.ActionMERGE
	}
	return actionOf(m)
}

// TracePatient is the hook that notes in the access log what was done to patients.
func TracePatient(next baseent.Mutator) baseent.Mutator {
	return baseent.MutateFunc(func(ctx context.Context, mutation baseent.Mutation) (baseent.Value, error) {
		m := mutation.(*ent.PatientMutation)
		action := patientActionOf(ctx, m)
		var several []int
		if m.Op().Is(baseent.OpUpdate) {
			var err error
			if several, err = m.IDs(ctx); err != nil {
				return nil, err
			}
		}
		value, err := next.Mutate(ctx, m)
		switch p, one := value.(*ent.Patient); {
		case err != nil:
		case one:
			err = Trace(ctx, action, map[int]int{p.ID: p.ClinicID})
		case len(several) > 0: // who moves to another clinic takes its own records along
			audit.Change(ctx, action, AsClinic, several...)
		}
		return value, err
	})
}

// TraceMapping is the hook that notes in the access log what was done to a mapping. Who
// changes several at once calls Trace itself, as far as that is not part of what is done to
// a patient.
func TraceMapping(next baseent.Mutator) baseent.Mutator {
	return baseent.MutateFunc(func(ctx context.Context, m baseent.Mutation) (baseent.Value, error) {
		action := accessevent.ActionUPDATE
		if m.Op().Is(baseent.OpCreate) {
			action = accessevent.ActionASSIGN
		}
		value, err := next.Mutate(ctx, m)
		if row, one := value.(*ent.Mapping); err == nil && one {
			err = Trace(ctx, action, map[int]int{row.PatientID: row.ClinicID})
		}
		return value, err
	})
}

// TraceDoctor is the hook that notes in the access log what was done to a doctor.
func TraceDoctor(next baseent.Mutator) baseent.Mutator {
	return baseent.MutateFunc(func(ctx context.Context, mutation baseent.Mutation) (baseent.Value, error) {
		m := mutation.(*ent.DoctorMutation)
		action := actionOf(m)
		value, err := next.Mutate(ctx, m)
		if d, one := value.(*ent.Doctor); err == nil && one {
			audit.ChangeOther(ctx, action, fmt.Sprint("Doctor ", d.ID))
		}
		return value, err
	})
}

// rights are the fields of a user that say what the user may do.
var rights = []string{user.FieldRole, user.FieldIsActive, user.FieldIsStaff, user.FieldClinicID, user.FieldClinicRole}

// TraceUser is the hook that notes in the access log whose rights were changed.
func TraceUser(next baseent.Mutator) baseent.Mutator {
	return baseent.MutateFunc(func(ctx context.Context, mutation baseent.Mutation) (baseent.Value, error) {
		m := mutation.(*ent.UserMutation)
		if m.Op().Is(baseent.OpCreate) || !slices.ContainsFunc(m.Fields(), func(f string) bool { return slices.Contains(rights, f) }) {
			return next.Mutate(ctx, m)
		}
		ids, err := m.IDs(ctx)
		if err != nil {
			return nil, err
		}
		value, err := next.Mutate(ctx, m)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			audit.ChangeOther(ctx, accessevent.ActionUPDATE, fmt.Sprint("User ", id))
		}
		return value, nil
	})
}

// TracePractice is the hook that notes in the access log who became, or is no longer, the
// account of a doctor.
func TracePractice(next baseent.Mutator) baseent.Mutator {
	return baseent.MutateFunc(func(ctx context.Context, mutation baseent.Mutation) (baseent.Value, error) {
		m := mutation.(*ent.PracticeMutation)
		var ended []*ent.Practice
		if !m.Op().Is(baseent.OpCreate) {
			ids, err := m.IDs(ctx)
			if err == nil && len(ids) > 0 {
				ended, err = m.Client().Practice.Query().Where(practice.IDIn(ids...)).All(ctx)
			}
			if err != nil {
				return nil, err
			}
		}
		value, err := next.Mutate(ctx, m)
		if err != nil {
			return nil, err
		}
		if p, one := value.(*ent.Practice); one {
			audit.ChangeOther(ctx, accessevent.ActionUPDATE, fmt.Sprint("User ", p.UserID))
		}
		for _, p := range ended {
			audit.ChangeOther(ctx, accessevent.ActionUPDATE, fmt.Sprint("User ", p.UserID))
		}
		return value, nil
	})
}

// Trace notes in the access log what the viewer did to patients, whose clinics are given by
// their ids. It takes a statement as HowSeen does.
func Trace(ctx context.Context, action accessevent.Action, clinics map[int]int) error {
	if _, err := viewer.FromContext(ctx); err != nil {
		return nil // a command; there is no trail
	}
	ways, err := HowSeen(ctx, clinics)
	for id, way := range ways {
		audit.Change(ctx, action, way, id)
	}
	return err
}
