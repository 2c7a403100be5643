package live_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"caregraph/test/harness"
)

func next(t testing.TB, messages chan harness.Message) (harness.Message, bool) {
	t.Helper()
	select {
	case m, open := <-messages:
		return m, open
	case <-time.After(harness.Patience):
		t.Fatal("nothing came")
	}
	return harness.Message{}, false
}

// want is what a change tells: to whom with the record, and to whom without.
type want struct {
	field, kind string
	record      *int
	shown, told string
}

// TestChanges makes every kind of change and checks, for callers of every right, over
// WebSockets and event streams, exactly what each is told, and what of it is shown.
func TestChanges(t *testing.T) {
	each(t, func(t *testing.T, a *harness.API) {
		asha, ben, tara := a.Register(t, "asha"), a.Register(t, "ben"), a.Staff(t, "tara")
		a.Join(t, ben, asha, "MEMBER")
		rao, arjun, zoe := a.Register(t, "rao"), a.RegisterAs(t, "arjun", "patient"), a.Register(t, "zoe")
		doctor, other := a.CreateDoctor(t, asha, "Dr. Rao", "R-1"), a.CreateDoctor(t, asha, "Dr. Iyer", "R-2")
		patient, spare := a.CreatePatient(t, asha, "Arjun"), a.CreatePatient(t, asha, "Meera")
		_, code := a.Invite(t, asha, "inviteDoctor(doctorId: $id)", doctor)
		a.Accept(t, rao, code)
		_, code = a.Invite(t, asha, "invitePatient(patientId: $id)", patient)
		a.Accept(t, arjun, code)

		before := follow(t, a, "before", asha, true) // what happened so far has been told
		before.until(t, "patientChanged", a.CreatePatient(t, asha, "Fence"))
		var all []*follower
		for name, c := range map[string]harness.Caller{"clinic": ben, "staff": tara, "treating": rao, "self": arjun, "stranger": zoe} {
			for _, events := range []bool{false, true} {
				f := follow(t, a, fmt.Sprint(name, map[bool]string{true: " events"}[events]), c, events)
				all = append(all, f)
			}
		}
		id := 0 // of what a change made
		must := func(format string, args ...any) func() {
			return func() {
				for i, arg := range args {
					if p, ok := arg.(*int); ok {
						args[i] = *p
					}
				}
				a.Must(t, asha, "mutation { "+fmt.Sprintf(format, args...)+" }", nil)
			}
		}
		assigned, ended, pair, fences := 0, 0, 0, map[string]bool{}
		everybody := "clinic staff treating self stranger"
		for _, step := range []struct {
			what   string
			change func()
			wants  []want
		}{
			{"a patient is new", func() { id = a.CreatePatient(t, asha, "Kavya") }, []want{{"patientChanged", "CREATED", &id, "clinic staff", ""}}},
			{"a patient whom nobody else sees", must(`updatePatient(id: %d, input: {address: "Pune 411001"}) { id }`, spare), []want{{"patientChanged", "UPDATED", &spare, "clinic staff", ""}}},
			{"a patient with an account", must(`updatePatient(id: %d, input: {address: "Pune 411001"}) { id }`, patient), []want{{"patientChanged", "UPDATED", &patient, "clinic staff self", ""}}},
			{"nothing new", must(`updatePatient(id: %d, input: {address: "Pune 411001"}) { id }`, patient), []want{}},
			{"an assignment is new", func() { assigned = a.Assign(t, asha, patient, doctor) }, []want{{"mappingChanged", "CREATED", &assigned, "clinic staff treating self", ""}}},
			{"a patient who is treated", must(`updatePatient(id: %d, input: {address: "Mumbai 400001"}) { id }`, patient), []want{{"patientChanged", "UPDATED", &patient, "clinic staff treating self", ""}}},
			{"an assignment of another doctor", func() { pair = a.Assign(t, asha, spare, other) }, []want{{"mappingChanged", "CREATED", &pair, "clinic staff", ""}}},
			{"its end", func() { must(`unassignDoctor(id: %d) { id }`, pair)() }, []want{{"mappingChanged", "ENDED", &pair, "clinic staff", ""}}},
			{"the notes", func() { must(`updateMapping(id: %d, notes: "x") { id }`, assigned)() }, []want{{"mappingChanged", "UPDATED", &assigned, "clinic staff treating self", ""}}},
			{"the end of the treatment", func() { ended = assigned; must(`unassignDoctor(id: %d) { id }`, assigned)() }, []want{{"mappingChanged", "ENDED", &assigned, "clinic staff self", "treating"}}},
			{"afterwards", must(`updatePatient(id: %d, input: {address: "Delhi 110001"}) { id }`, patient), []want{{"patientChanged", "UPDATED", &patient, "clinic staff self", ""}}},
			{"a new treatment", func() { assigned = a.Assign(t, asha, patient, doctor) }, []want{{"mappingChanged", "CREATED", &assigned, "clinic staff treating self", ""}}},
			{"a patient who is treated is deleted", must(`deletePatient(id: %d)`, patient), []want{{"patientChanged", "DELETED", &patient, "", "clinic staff treating self"}, {"mappingChanged", "DELETED", &assigned, "", "clinic staff treating self"}, {"mappingChanged", "DELETED", &ended, "", "clinic staff treating self"}}},
			{"and brought back", must(`restorePatient(id: %d) { id }`, patient), []want{{"mappingChanged", "RESTORED", &assigned, "clinic staff treating self", ""}, {"mappingChanged", "RESTORED", &ended, "clinic staff treating self", ""}, {"patientChanged", "RESTORED", &patient, "clinic staff treating self", ""}}},
			{"and its treatment ends with it", must(`deletePatient(id: %d)`, patient), []want{{"mappingChanged", "DELETED", &assigned, "", "clinic staff treating self"}, {"mappingChanged", "DELETED", &ended, "", "clinic staff treating self"}, {"patientChanged", "DELETED", &patient, "", "clinic staff treating self"}}},
			{"a patient is deleted", must(`deletePatient(id: %d)`, spare), []want{{"patientChanged", "DELETED", &spare, "", "clinic staff"}, {"mappingChanged", "DELETED", &pair, "", "clinic staff"}}},
			{"and brought back", must(`restorePatient(id: %d) { id }`, spare), []want{{"patientChanged", "RESTORED", &spare, "clinic staff", ""}, {"mappingChanged", "RESTORED", &pair, "clinic staff", ""}}},
			{"a patient is erased", func() {
				a.Must(t, tara, fmt.Sprintf(`mutation { erasePatient(id: %d, reason: "asked") { patientId } }`, spare), nil)
			}, []want{{"patientChanged", "DELETED", &spare, "", "clinic staff"}, {"mappingChanged", "DELETED", &pair, "", "clinic staff"}}},
			{"a doctor is new", func() { id = a.CreateDoctor(t, asha, "Dr. Nair", "R-3") }, []want{{"doctorChanged", "CREATED", &id, everybody, ""}}},
			{"a doctor is another", func() { must(`updateDoctor(id: %d, input: {experienceYears: 3}) { id }`, id)() }, []want{{"doctorChanged", "UPDATED", &id, everybody, ""}}},
			{"a doctor is deleted", func() { must(`deleteDoctor(id: %d)`, id)() }, []want{{"doctorChanged", "DELETED", &id, "", everybody}}},
		} {
			step.change()
			own := map[int]map[string]int{} // what came before something new of a caller's own has come
			for _, f := range all {
				if own[f.ID] == nil {
					fence := a.CreatePatient(t, f.Caller, "Fence")
					own[f.ID] = map[string]int{"patientChanged": fence, "mappingChanged": a.Assign(t, f.Caller, fence, other), "doctorChanged": a.CreateDoctor(t, f.Caller, "Dr. Fence", fmt.Sprint("F-", fence))}
				}
				for field, id := range own[f.ID] {
					fences[field+fmt.Sprint(id)] = true
				}
			}
			for _, f := range all {
				name, _, _ := strings.Cut(f.name, " ")
				for field := range subscriptions {
					var got, want []told
					for _, k := range f.until(t, field, own[f.ID][field]) {
						if !fences[field+k.ID] && !(name == "self" && k.Kind == "RESYNC") { // whose last record is gone, or back
							got = append(got, k)
						}
					}
					shown := false
					for _, w := range step.wants {
						if w.field == field && slices.Contains(strings.Fields(w.shown+" "+w.told), name) {
							want = append(want, told{Kind: w.kind, ID: fmt.Sprint(*w.record)})
							shown = slices.Contains(strings.Fields(w.shown), name)
						}
					}
					for i := range got {
						if got[i].Name != "" != shown {
							t.Errorf("%s: %s is shown %q", step.what, f.name, got[i].Name)
						}
						got[i].Name = ""
					}
					order := func(a, b told) int { return strings.Compare(a.Kind+a.ID, b.Kind+b.ID) }
					slices.SortFunc(got, order) // those of one statement come in any
					slices.SortFunc(want, order)
					if !slices.Equal(got, want) {
						t.Errorf("%s: %s is told %+v, want %+v", step.what, f.name, got, want)
					}
				}
			}
		}
	})
}

// TestEverySubscription checks that TestChanges subscribes to every field of Subscription and
// asks each for its record.
func TestEverySubscription(t *testing.T) {
	schema := harness.Schema(t)
	for _, f := range schema.Subscription.Fields {
		doc, errs := gqlparser.LoadQueryWithRules(schema, subscriptions[f.Name], nil)
		if errs != nil || doc.Operations[0].SelectionSet[0].(*ast.Field).Name != f.Name {
			t.Fatalf("%s: %v", f.Name, errs)
		}
		for _, record := range schema.Types[f.Type.Name()].Fields {
			if !strings.Contains(subscriptions[f.Name], record.Name+" ") {
				t.Errorf("%s is not asked for %s", f.Name, record.Name)
			}
		}
	}
}
