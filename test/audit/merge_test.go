package audit_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

const merge = `mutation($keep: ID!, $duplicate: ID!, $fields: [PatientField!], $keepVersion: Int, $duplicateVersion: Int) {
	mergePatients(keepId: $keep, duplicateId: $duplicate, fields: $fields, keepVersion: $keepVersion, duplicateVersion: $duplicateVersion) { id }
}`

// all that a patient's record says.
const wholePatient = `query($id: ID!) { patient(id: $id) { name email phone dateOfBirth birthDateEstimated address gender bloodGroup emergencyContact medicalHistory account { username }
	mappings { id isActive notes assignedDate endedAt doctor { name } } doctors { name } } }`

func id(n int) map[string]any { return map[string]any{"id": n} }

// mergedInto returns the code of the first error of a reply and the record that it refers to.
func mergedInto(t testing.TB, reply string) string {
	t.Helper()
	var in struct {
		Errors []struct {
			Extensions struct{ Code, Field, MergedInto string }
		}
	}
	if err := json.Unmarshal([]byte(reply), &in); err != nil || len(in.Errors) == 0 {
		t.Fatal(reply)
	}
	e := in.Errors[0].Extensions
	return strings.TrimSpace(e.Code + " " + e.Field + " " + e.MergedInto)
}

// TestMerge checks what becomes of two records of one patient, who may make them one, what
// that leaves, and that it is undone as it was.
func TestMerge(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		asha, tara := w.callers["asha"], w.callers["tara"]
		// 1 has Rao since before and an account; 2 has Rao and Shah.
		w.Must(t, asha, `mutation { updatePatient(id: 1, input: {email: null, bloodGroup: A_POSITIVE, ageYears: 40}) { id } updateMapping(id: 2, notes: "Later") { id } past: unassignDoctor(id: 3) { id } again: assignDoctor(input: {patientId: 2, doctorId: 2, notes: "Knee"}) { id } }`, nil)
		w.Must(t, asha, `mutation { invitePatient(patientId: 2) { code } updatePatient(id: 2, input: {medicalHistory: "Asthma"}) { id } }`, nil)
		before := []string{w.Must(t, asha, wholePatient, id(1)), w.Must(t, asha, wholePatient, id(2))}
		versions := map[string]any{"keep": 2, "duplicate": 1, "keepVersion": 2, "duplicateVersion": 3, "fields": []string{"BLOOD_GROUP", "DATE_OF_BIRTH", "EMAIL", "ACCOUNT"}}
		w.events(t)

		both := func(keep, duplicate int) map[string]any { return map[string]any{"keep": keep, "duplicate": duplicate} }
		for _, refused := range []struct {
			caller    string
			variables map[string]any
			want      string
		}{
			{"asha", both(1, 1), "BAD_USER_INPUT:duplicateId"},
			{"asha", both(1, 99), "NOT_FOUND:duplicateId"},
			{"asha", both(99, 1), "NOT_FOUND:keepId"},
			{"asha", both(1, 4), "NOT_FOUND:duplicateId"},
			{"tara", both(1, 4), "BAD_USER_INPUT:duplicateId"},
			{"om", both(4, 1), "NOT_FOUND:duplicateId"},
			{"sita", both(1, 2), "NOT_FOUND:keepId NOT_FOUND:duplicateId"},
			{"arjun", both(1, 2), "NOT_FOUND:duplicateId"},
			{"rohan", both(1, 2), harness.Forbidden},
			{"anonymous", both(1, 2), harness.Unauthenticated},
			{"asha", map[string]any{"keep": 2, "duplicate": 1, "keepVersion": 1}, "CONFLICT:keepId"},
			{"asha", map[string]any{"keep": 2, "duplicate": 1, "keepVersion": 2, "duplicateVersion": 1}, "CONFLICT:duplicateId"},
			{"asha", map[string]any{"keep": 2, "duplicate": 1, "fields": []string{"NOTES"}}, "BAD_USER_INPUT:fields"},
		} {
			w.Expect(t, refused.caller+" "+fmt.Sprint(refused.variables), w.callers[refused.caller], merge, refused.variables, strings.Fields(refused.want)...)
		}
		if got := []string{w.Must(t, asha, wholePatient, id(1)), w.Must(t, asha, wholePatient, id(2))}; got[0] != before[0] || got[1] != before[1] {
			t.Errorf("refused, and changed\n%s\n%s", got[0], got[1])
		}
		w.events(t)

		w.Must(t, asha, merge, versions)
		if got := strings.Join(w.events(t), "; "); got != "MERGE asha CLINIC GRAPHQL mergePatients {1,2}" {
			t.Errorf("left %s", got)
		}
		w.Expect(t, "the record that is kept", asha, `{ patient(id: 2) { name email bloodGroup birthDateEstimated medicalHistory account { username } mergedIntoId mappings { id isActive notes doctor { name } } } }`, nil,
			`{"data":{"patient":{"name":"Bela","email":null,"bloodGroup":"A_POSITIVE","birthDateEstimated":true,"medicalHistory":"Asthma","account":{"username":"arjun"},"mergedIntoId":null,"mappings":[`+
				`{"id":"4","isActive":true,"notes":"Knee","doctor":{"name":"Dr. Shah"}},{"id":"3","isActive":false,"notes":null,"doctor":{"name":"Dr. Shah"}},{"id":"2","isActive":false,"notes":"Later","doctor":{"name":"Dr. Rao"}},{"id":"1","isActive":true,"notes":null,"doctor":{"name":"Dr. Rao"}}]}}}`)
		if got := history(t, w.API, asha, "patient", 2); !strings.HasPrefix(got, "3 MERGE asha; accountId null \"5\"; birthDateEstimated false true; bloodGroup null \"A_POSITIVE\"; dateOfBirth ") || !strings.Contains(got, `; lastMergedId null "1"`) {
			t.Errorf("its history is %s", got)
		}
		w.events(t)
		for caller, want := range map[string]string{"asha": "NOT_FOUND  2", "rohan": "NOT_FOUND  2", "arjun": "NOT_FOUND  2", "tara": "NOT_FOUND  2", "om": "NOT_FOUND", "sita": "NOT_FOUND"} {
			if got := mergedInto(t, w.Query(t, w.callers[caller], `{ patient(id: 1) { name } }`, nil)); got != want {
				t.Errorf("%s reads the duplicate: %s, want %s", caller, got, want)
			}
			if got := strings.Join(w.events(t), "; "); got != "DENIED "+caller+" - GRAPHQL patient {1}" {
				t.Errorf("%s left %s", caller, got)
			}
		}
		for document, want := range map[string]string{
			`mutation { x: updatePatient(id: 1, input: {name: "x"}) { id } }`:             "NOT_FOUND  2",
			`mutation { deletePatient(id: 1) }`:                                           "NOT_FOUND  2",
			`mutation { assignDoctor(input: {patientId: 1, doctorId: 2}) { id } }`:        "NOT_FOUND patientId 2",
			`mutation { mergePatients(keepId: 1, duplicateId: 3) { id } }`:                "NOT_FOUND keepId 2",
			`mutation { mergePatients(keepId: 3, duplicateId: 1) { id } }`:                "NOT_FOUND duplicateId 2",
			`mutation { a: invitePatient(patientId: 1) { code } }`:                        "NOT_FOUND patientId 2",
			`mutation { a: invitePatient(patientId: 77) { code } }`:                       "NOT_FOUND patientId",
			`mutation { unassignDoctor(id: 77) { id } }`:                                  "NOT_FOUND",
			`query { b: patient(id: 2) { name } a: patient(id: 1) { name } }`:             "NOT_FOUND  2",
			`mutation { revertPatient(id: 1, revision: 1) { id } }`:                       "NOT_FOUND  2",
			`mutation { mergePatients(keepId: 3, duplicateId: 1, fields: [NAME]) { id }}`: "NOT_FOUND duplicateId 2",
		} {
			if got := mergedInto(t, w.Query(t, asha, document, nil)); got != want {
				t.Errorf("%s: %s, want %s", document, got, want)
			}
		}
		if status, reply := w.Send(t, "GET", "/api/patients/1/", asha.Token, ""); status != 404 || reply != `{"detail":"Not found.","merged_into":2}` {
			t.Errorf("over REST: %d %s", status, reply)
		}
		if status, reply := w.Send(t, "GET", "/api/patients/1/", w.callers["om"].Token, ""); status != 404 || reply != `{"detail":"Not found."}` {
			t.Errorf("a stranger over REST: %d %s", status, reply)
		}
		w.Expect(t, "deleted", asha, `{ deletedPatients { nodes { id mergedIntoId } } }`, nil, `{"data":{"deletedPatients":{"nodes":[{"id":"1","mergedIntoId":"2"}]}}}`)

		w.events(t)
		w.Must(t, asha, `mutation { restorePatient(id: 1) { id } }`, nil)
		if got := strings.Join(w.events(t), "; "); got != "RESTORE asha CLINIC GRAPHQL restorePatient {1}; UPDATE asha CLINIC GRAPHQL restorePatient {2}" {
			t.Errorf("left %s", got)
		}
		for i, was := range before {
			if got := w.Must(t, asha, wholePatient, id(i+1)); got != was {
				t.Errorf("before the merge\n%s\nafter it was undone\n%s", was, got)
			}
		}

		// What was changed since the merge stays; so does care that began since.
		w.Must(t, asha, merge, map[string]any{"keep": 2, "duplicate": 1, "fields": []string{"NAME", "BLOOD_GROUP"}})
		w.Must(t, asha, `mutation { updatePatient(id: 2, input: {name: "Bela Rao"}) { id } unassignDoctor(id: 1) { id } assignDoctor(input: {patientId: 2, doctorId: 1}) { id } }`, nil)
		w.Must(t, tara, `mutation { restorePatient(id: 1) { id } }`, nil)
		w.Expect(t, "parted", asha, `{ a: patient(id: 1) { name bloodGroup mappings { id isActive } } b: patient(id: 2) { name bloodGroup mappings { id isActive } } }`, nil,
			`{"data":{"a":{"name":"Arjun","bloodGroup":"A_POSITIVE","mappings":[{"id":"1","isActive":false}]},"b":{"name":"Bela Rao","bloodGroup":null,"mappings":[{"id":"5","isActive":true},{"id":"4","isActive":true},{"id":"3","isActive":false},{"id":"2","isActive":false}]}}}`)

		// A record that became part of one that became part of a third.
		w.Must(t, asha, merge, both(2, 1))
		w.Must(t, asha, merge, both(3, 2))
		if got := mergedInto(t, w.Query(t, asha, `{ patient(id: 1) { name } }`, nil)); got != "NOT_FOUND  3" {
			t.Errorf("twice: %s", got)
		}
		restore := `mutation($id: ID!) { restorePatient(id: $id) { id } }`
		w.Expect(t, "the first of two", asha, restore, id(1), harness.Conflict)
		w.Must(t, asha, restore, id(2))
		w.Must(t, asha, restore, id(1))
		w.Expect(t, "both undone", asha, `{ a: patient(id: 1) { mappings { id } } b: patient(id: 2) { mappings { id } } c: patient(id: 3) { mappings { id } } }`, nil,
			`{"data":{"a":{"mappings":[{"id":"1"}]},"b":{"mappings":[{"id":"5"},{"id":"4"},{"id":"3"},{"id":"2"}]},"c":{"mappings":[]}}}`)

		// A record that was kept may be deleted as any other.
		w.Must(t, asha, merge, both(2, 1))
		w.Must(t, asha, `mutation { deletePatient(id: 2) }`, nil)
		w.Expect(t, "its part", asha, restore, id(1), harness.Conflict)
		if got := mergedInto(t, w.Query(t, asha, `{ patient(id: 1) { name } }`, nil)); got != "NOT_FOUND" {
			t.Errorf("part of what is deleted: %s", got)
		}
		w.Must(t, asha, restore, id(2))
		w.Must(t, asha, restore, id(1))
		w.Expect(t, "both", asha, `{ patients { totalCount } deletedPatients { totalCount } }`, nil, `{"data":{"patients":{"totalCount":3},"deletedPatients":{"totalCount":0}}}`)
	})
}

// TestMergeMeanwhile merges while doctors are assigned to both records: no assignment that
// was acknowledged is lost, and none stays with the duplicate.
func TestMergeMeanwhile(t *testing.T) {
	const doctors = 12
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		for i := range doctors {
			a.CreateDoctor(t, asha, fmt.Sprint("Dr. ", i), fmt.Sprint("L-", i))
		}
		for round := range 4 {
			keep, duplicate := a.CreatePatient(t, asha, "Bela"), a.CreatePatient(t, asha, "Bella")
			var mu sync.Mutex
			var wg sync.WaitGroup
			assigned := map[int]bool{}
			for i := range doctors {
				for _, patient := range []int{keep, duplicate} {
					wg.Go(func() {
						reply := a.Query(t, asha, `mutation($p: ID!, $d: ID!) { assignDoctor(input: {patientId: $p, doctorId: $d}) { id } }`, map[string]any{"p": patient, "d": i + 1})
						mu.Lock()
						defer mu.Unlock()
						switch {
						case strings.Contains(reply, `"assignDoctor":{"id"`):
							assigned[i+1] = true
						case !strings.Contains(reply, "CONFLICT") && !strings.Contains(reply, "NOT_FOUND"):
							t.Errorf("assign: %s", reply)
						}
					})
				}
				if i == doctors/2 {
					wg.Go(func() { a.Must(t, asha, merge, map[string]any{"keep": keep, "duplicate": duplicate}) })
				}
			}
			wg.Wait()
			var in struct {
				Data struct {
					Patient struct {
						Doctors []struct{ ID string }
					}
				}
			}
			a.Read(t, asha, `query($id: ID!) { patient(id: $id) { doctors { id } } }`, id(keep), &in)
			got := map[int]bool{}
			for _, d := range in.Data.Patient.Doctors {
				var n int
				fmt.Sscan(d.ID, &n)
				got[n] = true
			}
			for d := range assigned {
				if !got[d] {
					t.Errorf("round %d: the assignment of doctor %d is lost", round, d)
				}
			}
			var left int
			if err := db.QueryRow("SELECT count(*) FROM mappings WHERE patient_id = $1", duplicate).Scan(&left); err != nil || left != 0 {
				t.Errorf("round %d: %d assignments are the duplicate's (%v)", round, left, err)
			}
		}
	})
}

// TestMergeAtOnce merges two records into each other at once: one merge wins.
func TestMergeAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		for range 8 {
			one, two := a.CreatePatient(t, asha, "Bela"), a.CreatePatient(t, asha, "Bella")
			replies := make(chan string, 2)
			for _, pair := range [][2]int{{one, two}, {two, one}} {
				go func() {
					replies <- a.Query(t, asha, merge, map[string]any{"keep": pair[0], "duplicate": pair[1]})
				}()
			}
			first, second := <-replies, <-replies
			if strings.Contains(first, `"errors"`) {
				first, second = second, first
			}
			if strings.Contains(first, `"errors"`) || !strings.HasPrefix(mergedInto(t, second), "NOT_FOUND ") {
				t.Fatalf("%s and %s", first, second)
			}
		}
	})
}
