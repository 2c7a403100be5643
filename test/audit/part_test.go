package audit_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

const restorePatient = `mutation($id: ID!) { restorePatient(id: $id) { id } }`

// into returns the variables of a merge.
func into(keep, duplicate int, fields ...string) map[string]any {
	return map[string]any{"keep": keep, "duplicate": duplicate, "fields": append([]string{}, fields...)}
}

// TestPart undoes merges that went before other changes: everybody has again what is theirs,
// and nothing of anybody else.
func TestPart(t *testing.T) {
	eachWorld := func(name string, f func(t *testing.T, w *world, asha harness.Caller)) {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				w := newWorld(t, harness.New(t, db))
				f(t, w, w.callers["asha"])
			})
		})
	}
	lacks := func(t *testing.T, what, text, word string) {
		t.Helper()
		if strings.Contains(text, word) {
			t.Errorf("%s: %s", what, text)
		}
	}
	eachWorld("the later assignment is the duplicate's", func(t *testing.T, w *world, asha harness.Caller) {
		w.Must(t, asha, `mutation { updateMapping(id: 2, notes: "Frumious rash") { id } }`, nil)
		before := []string{w.Must(t, asha, wholePatient, id(1)), w.Must(t, asha, wholePatient, id(2))}
		w.Must(t, asha, merge, into(1, 2))
		w.Must(t, asha, restorePatient, id(2))
		for i, was := range before {
			if got := w.Must(t, asha, wholePatient, id(i+1)); got != was {
				t.Errorf("before the merge\n%s\nafter it was undone\n%s", was, got)
			}
		}
		w.Must(t, w.callers["tara"], `mutation { erasePatient(id: 2, reason: "Asked for") { at } }`, nil)
		lacks(t, "erased", w.Must(t, asha, wholePatient, id(1)), "Frumious")
	})
	eachWorld("two merges, the first undone first", func(t *testing.T, w *world, asha harness.Caller) {
		zoya := w.RegisterAs(t, "zoya", "patient")
		_, code := w.Invite(t, asha, "invitePatient(patientId: $id)", 3)
		w.Accept(t, zoya, code)
		before := w.Must(t, asha, wholePatient, id(2))
		w.Must(t, asha, merge, into(2, 1, "NAME", "ACCOUNT"))
		w.Must(t, asha, merge, into(2, 3, "NAME", "ACCOUNT"))
		w.Expect(t, "the first", asha, restorePatient, id(1), harness.Conflict)
		w.events(t)
		for _, duplicate := range []int{3, 1} {
			w.Must(t, asha, restorePatient, id(duplicate))
			if got := strings.Join(w.events(t), "; "); !strings.Contains(got, "UPDATE asha CLINIC GRAPHQL restorePatient {2}") {
				t.Errorf("left %s", got)
			}
		}
		if got := w.Must(t, asha, wholePatient, id(2)); got != before {
			t.Errorf("before %s\nafter  %s", before, got)
		}
		for _, caller := range []harness.Caller{zoya, w.callers["arjun"]} {
			w.Expect(t, caller.Email, caller, `{ patient(id: 2) { name } }`, nil, harness.NotFound)
		}
	})
	eachWorld("three records with one doctor", func(t *testing.T, w *world, asha harness.Caller) {
		w.Assign(t, asha, 3, 1)
		w.Must(t, asha, merge, into(3, 2))
		w.Must(t, asha, merge, into(3, 1))
		w.Must(t, asha, restorePatient, id(1))
		w.Must(t, asha, restorePatient, id(2))
		for patient := 1; patient <= 3; patient++ {
			if got := w.Must(t, asha, `query($id: ID!) { patient(id: $id) { doctors { name } } }`, id(patient)); !strings.Contains(got, "Dr. Rao") {
				t.Errorf("patient %d: %s", patient, got)
			}
		}
	})
	eachWorld("the doctor deleted before the merge", func(t *testing.T, w *world, asha harness.Caller) {
		w.Must(t, asha, `mutation { deleteDoctor(id: 1) }`, nil)
		w.Must(t, asha, merge, into(1, 2))
		w.Must(t, asha, `mutation { restoreDoctor(id: 1) { name } }`, nil)
		w.Expect(t, "treated once", asha, `{ patient(id: 1) { mappings(active: true) { id } } }`, nil, `{"data":{"patient":{"mappings":[{"id":"3"},{"id":"1"}]}}}`)
	})
	eachWorld("care and account ended since", func(t *testing.T, w *world, asha harness.Caller) {
		w.Must(t, asha, merge, into(2, 1, "ACCOUNT"))
		w.Must(t, asha, `mutation { unassignDoctor(id: 1) { id } removeAccount(patientId: 2) }`, nil)
		w.Must(t, asha, restorePatient, id(1))
		w.Expect(t, "the doctor", w.callers["rohan"], `{ patient(id: 2) { name } }`, nil, harness.NotFound)
		w.Expect(t, "the account", w.callers["arjun"], `{ patient(id: 1) { name } }`, nil, harness.NotFound)
	})
	eachWorld("another birth date since", func(t *testing.T, w *world, asha harness.Caller) {
		w.Must(t, asha, `mutation { a: updatePatient(id: 1, input: {dateOfBirth: "1990-05-15"}) { id } b: updatePatient(id: 2, input: {ageYears: 40}) { id } }`, nil)
		w.Must(t, asha, merge, into(1, 2, "DATE_OF_BIRTH"))
		now := w.Must(t, asha, `mutation { patient: updatePatient(id: 1, input: {ageYears: 50}) { dateOfBirth birthDateEstimated } }`, nil)
		w.Must(t, asha, restorePatient, id(2))
		if got := w.Must(t, asha, `{ patient(id: 1) { dateOfBirth birthDateEstimated } }`, nil); got != now {
			t.Errorf("was %s and is %s", now, got)
		}
	})
	eachWorld("what the history says of the other", func(t *testing.T, w *world, asha harness.Caller) {
		w.Must(t, asha, `mutation { updatePatient(id: 2, input: {name: "Zubrowka", medicalHistory: "Bandersnatch"}) { id } }`, nil)
		w.Must(t, asha, merge, into(1, 2, "NAME", "MEDICAL_HISTORY"))
		w.Must(t, asha, `mutation { updatePatient(id: 1, input: {name: "Arjun Rao"}) { id } }`, nil)
		w.Must(t, asha, restorePatient, id(2))
		for _, caller := range []string{"arjun", "asha"} {
			for _, word := range []string{"Bandersnatch", "Zubrowka"} {
				lacks(t, caller, history(t, w.API, w.callers[caller], "patient", 1), word)
			}
		}
		if got := history(t, w.API, asha, "patient", 2); !strings.Contains(got, "Bandersnatch") {
			t.Errorf("its own history is %s", got)
		}
		var revision int
		if err := w.DB.QueryRow("SELECT id FROM revisions WHERE patient_id = 1 AND kind = 'merge'").Scan(&revision); err != nil {
			t.Fatal(err)
		}
		lacks(t, "set back", w.Must(t, asha, `mutation($r: ID!) { revertPatient(id: 1, revision: $r) { name medicalHistory } }`, map[string]any{"r": revision}), "Bander")
		w.Must(t, w.callers["tara"], `mutation { erasePatient(id: 2, reason: "Asked for") { at } }`, nil)
		var left int
		if err := w.DB.QueryRow("SELECT count(*) FROM revisions WHERE diff LIKE '%Bandersnatch%' OR diff LIKE '%Zubrowka%'").Scan(&left); err != nil || left > 0 {
			t.Errorf("%d revisions have what was erased (%v)", left, err)
		}
	})
	eachWorld("an account removed between two undone merges", func(t *testing.T, w *world, asha harness.Caller) {
		mira, zoya := w.RegisterAs(t, "mira", "patient"), w.RegisterAs(t, "zoya", "patient")
		for patient, c := range map[int]harness.Caller{2: mira, 3: zoya} {
			_, code := w.Invite(t, asha, "invitePatient(patientId: $id)", patient)
			w.Accept(t, c, code)
		}
		w.Must(t, asha, merge, into(2, 1, "ACCOUNT"))
		w.Must(t, asha, merge, into(2, 3, "ACCOUNT"))
		w.Must(t, asha, `mutation { removeAccount(patientId: 2) }`, nil)
		for _, duplicate := range []int{3, 1} {
			w.Must(t, asha, restorePatient, id(duplicate))
			for patient, c := range map[int]harness.Caller{1: w.callers["arjun"], 2: mira, 3: zoya} {
				w.Expect(t, c.Email, c, `query($id: ID!) { patient(id: $id) { name } }`, id(patient), harness.NotFound)
			}
		}
	})
	eachWorld("a name changed between two undone merges", func(t *testing.T, w *world, asha harness.Caller) {
		w.Must(t, asha, merge, into(2, 1, "NAME"))
		w.Must(t, asha, merge, into(2, 3, "NAME"))
		w.Must(t, asha, `mutation { updatePatient(id: 2, input: {name: "Zubrowka"}) { id } }`, nil)
		w.Must(t, asha, restorePatient, id(3))
		w.Must(t, asha, restorePatient, id(1))
		w.Expect(t, "the name", asha, `{ patient(id: 2) { name } }`, nil, `{"data":{"patient":{"name":"Zubrowka"}}}`)
	})
	eachWorld("what was of its own before", func(t *testing.T, w *world, asha harness.Caller) {
		w.Must(t, asha, `mutation { a: updatePatient(id: 1, input: {medicalHistory: "Penicillin"}) { id } b: updatePatient(id: 2, input: {medicalHistory: "Bandersnatch"}) { id } }`, nil)
		w.Must(t, asha, merge, into(1, 2, "MEDICAL_HISTORY"))
		w.Must(t, asha, `mutation { updatePatient(id: 1, input: {medicalHistory: "None known"}) { id } }`, nil)
		w.Must(t, asha, restorePatient, id(2))
		if got := history(t, w.API, asha, "patient", 1); !strings.Contains(got, "Penicillin") || strings.Contains(got, "Bandersnatch") {
			t.Errorf("the history is %s", got)
		}
		var revision int
		if err := w.DB.QueryRow("SELECT id FROM revisions WHERE patient_id = 1 AND diff LIKE '%Penicillin%' ORDER BY id LIMIT 1").Scan(&revision); err != nil {
			t.Fatal(err)
		}
		w.Expect(t, "set back", asha, `mutation($r: ID!) { revertPatient(id: 1, revision: $r) { medicalHistory } }`, map[string]any{"r": revision}, `{"data":{"revertPatient":{"medicalHistory":"Penicillin"}}}`)
	})
	eachWorld("a kept answer of who was erased", func(t *testing.T, w *world, asha harness.Caller) {
		body := graphqlBody(`mutation { updatePatient(id: 1, input: {medicalHistory: "Bandersnatch"}) { medicalHistory } }`)
		keyed(t, w.API, asha, "k", "POST", "/graphql", body)
		w.Must(t, w.callers["tara"], `mutation { erasePatient(id: 1, reason: "Asked for") { at } }`, nil)
		_, _, reply := keyed(t, w.API, asha, "k", "POST", "/graphql", body)
		if !strings.Contains(reply, harness.NotFound) || strings.Contains(reply, "Bandersnatch") {
			t.Errorf("sent again: %s", reply)
		}
	})
}

// TestPartMeanwhile undoes a merge while the record that was kept is erased, or a doctor of
// both is deleted: each waits for the other, and none for both.
func TestPartMeanwhile(t *testing.T) {
	for name, meanwhile := range map[string]struct {
		locked, by, document string
		undoFirst            bool
	}{
		"erased":              {"SELECT 1 FROM patients WHERE id = 2 FOR UPDATE", "tara", `mutation { erasePatient(id: 2, reason: "Asked for") { at } }`, false},
		"doctor deleted":      {"SELECT 1 FROM mappings WHERE id = 2 FOR UPDATE", "asha", `mutation { deleteDoctor(id: 1) }`, false},
		"doctor then deleted": {"SELECT 1 FROM mappings WHERE id = 1 FOR UPDATE", "asha", `mutation { deleteDoctor(id: 1) }`, true},
	} {
		t.Run(name, func(t *testing.T) {
			db := storetest.Open(t, storetest.URL(t, dialect.Postgres)) // on SQLite who writes is alone
			w := newWorld(t, harness.New(t, db))
			w.Must(t, w.callers["asha"], merge, into(2, 1))
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			if _, err := tx.Exec(meanwhile.locked); err != nil {
				t.Fatal(err)
			}
			replies := make(chan string, 2)
			both := []func(){
				func() { replies <- w.Query(t, w.callers[meanwhile.by], meanwhile.document, nil) },
				func() { replies <- w.Query(t, w.callers["asha"], restorePatient, id(1)) },
			}
			if meanwhile.undoFirst {
				slices.Reverse(both)
			}
			for _, begin := range both {
				go begin()
				time.Sleep(300 * time.Millisecond)
			}
			tx.Rollback()
			for range 2 {
				if reply := <-replies; strings.Contains(reply, "UNAVAILABLE") {
					t.Error(reply)
				}
			}
		})
	}
}
