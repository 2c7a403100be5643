package audit_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestRestorePatient checks that a patient comes back as it was, with what its deletion
// ended, for who may bring it back, and as long as it can.
func TestRestorePatient(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		asha, tara := w.callers["asha"], w.callers["tara"]
		whole := `{ patient(id: 1) { name email phone medicalHistory account { username } createdBy { username } createdAt mappings { id isActive notes assignedDate endedAt doctor { name } } doctors { name } } }`
		w.Must(t, asha, `mutation { a: assignDoctor(input: {patientId: 1, doctorId: 2, notes: "Knee"}) { id } }`, nil)
		w.Must(t, asha, `mutation { updateMapping(id: 1, notes: "Heart") { id } b: unassignDoctor(id: 1) { id } }`, nil)
		before := w.Must(t, asha, whole, nil)
		restore := `mutation { restorePatient(id: 1) { name doctors { name } } }`
		w.Expect(t, "not deleted", asha, restore, nil, harness.NotFound)
		w.Must(t, asha, `mutation { deletePatient(id: 1) }`, nil)
		for _, caller := range []string{"rohan", "arjun", "om", "sita"} {
			w.Expect(t, caller, w.callers[caller], `{ deletedPatients { totalCount nodes { name } } }`, nil, `{"data":{"deletedPatients":{"totalCount":0,"nodes":[]}}}`)
			w.Expect(t, caller, w.callers[caller], restore, nil, harness.NotFound)
		}
		w.Expect(t, "anonymous", harness.Caller{}, restore, nil, harness.Unauthenticated)
		w.Expect(t, "the desk", asha, `{ deletedPatients { totalCount nodes { id name mappings { id } history(first: 1) { nodes { kind } } } } }`, nil,
			`{"data":{"deletedPatients":{"totalCount":1,"nodes":[{"id":"1","name":"Arjun","mappings":[],"history":{"nodes":[{"kind":"DELETE"}]}}]}}}`)
		w.events(t)
		w.Expect(t, "restored", asha, restore, nil, `{"data":{"restorePatient":{"name":"Arjun","doctors":[{"name":"Dr. Shah"}]}}}`)
		if got := strings.Join(w.events(t), "; "); got != "RESTORE asha CLINIC GRAPHQL restorePatient {1}" {
			t.Errorf("left %s", got)
		}
		if after := w.Must(t, asha, whole, nil); after != before {
			t.Errorf("before the deletion\n%s\nafter it was undone\n%s", before, after)
		}
		if got := history(t, w.API, asha, "patient", 1); !strings.HasPrefix(got, "4 RESTORE asha\n3 DELETE asha\n") {
			t.Errorf("the history is %s", got)
		}
		w.Expect(t, "twice", asha, restore, nil, harness.NotFound)

		// A doctor who is gone meanwhile does not come back with the patient.
		w.Must(t, asha, `mutation { deletePatient(id: 1) }`, nil)
		w.Must(t, tara, `mutation { deleteDoctor(id: 2) }`, nil)
		w.Expect(t, "by staff", tara, restore, nil, `{"data":{"restorePatient":{"name":"Arjun","doctors":[]}}}`)

		w.Must(t, asha, `mutation { deletePatient(id: 1) }`, nil)
		exec(t, db.DB, "UPDATE patients SET deleted_at = '"+time.Now().UTC().Add(-31*24*time.Hour).Format("2006-01-02 15:04:05.000000+00:00")+"' WHERE id = 1")
		w.Expect(t, "too late", asha, restore, nil, harness.NotFound)
		w.Expect(t, "too late", tara, `{ deletedPatients { totalCount } }`, nil, `{"data":{"deletedPatients":{"totalCount":0}}}`)
		patient := harness.New(t, db, func(c *server.Config) { c.RestoreWindow = 40 * 24 * time.Hour })
		patient.Must(t, asha, restore, nil)
	})
}

// TestRestoreDoctor checks the same of a doctor, whose licence may be taken meanwhile, and
// whose patients may be others'.
func TestRestoreDoctor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		asha, om, tara := w.callers["asha"], w.callers["om"], w.callers["tara"]
		restore := `mutation { restoreDoctor(id: 2) { name licenseNumber } }`
		w.Expect(t, "not deleted", asha, restore, nil, harness.NotFound)
		w.Must(t, asha, `mutation { deleteDoctor(id: 2) }`, nil)
		w.Expect(t, "the list", w.callers["sita"], `{ deletedDoctors { nodes { name } } doctors { nodes { name } } }`, nil, `{"data":{"deletedDoctors":{"nodes":[{"name":"Dr. Shah"}]},"doctors":{"nodes":[{"name":"Dr. Rao"}]}}}`)
		taken := w.CreateDoctor(t, om, "Dr. New", "S-1")
		w.Expect(t, "the licence is taken", asha, restore, nil, "CONFLICT:licenseNumber")
		w.Must(t, om, `mutation($id: ID!) { deleteDoctor(id: $id) }`, map[string]any{"id": taken})
		w.events(t)
		w.Expect(t, "restored", asha, restore, nil, `{"data":{"restoreDoctor":{"name":"Dr. Shah","licenseNumber":"S-1"}}}`)
		if got := strings.Join(w.events(t), "; "); got != "RESTORE asha - GRAPHQL restoreDoctor Doctor 2; ASSIGN asha CLINIC GRAPHQL restoreDoctor {2}" {
			t.Errorf("left %s", got)
		}
		w.Expect(t, "the care goes on", asha, `{ patient(id: 2) { doctors { name } } }`, nil, `{"data":{"patient":{"doctors":[{"name":"Dr. Rao"},{"name":"Dr. Shah"}]}}}`)

		w.Assign(t, om, 4, 2)
		w.Must(t, tara, `mutation { deleteDoctor(id: 2) }`, nil)
		w.Expect(t, "others' patients", asha, restore, nil, harness.Conflict)
		w.Expect(t, "by staff", tara, restore, nil, `{"data":{"restoreDoctor":{"name":"Dr. Shah","licenseNumber":"S-1"}}}`)
		for caller, patient := range map[string]int{"asha": 2, "om": 4} {
			if reply := w.Must(t, w.callers[caller], `query($id: ID!) { patient(id: $id) { doctors { name } } }`, map[string]any{"id": patient}); !strings.Contains(reply, "Dr. Shah") {
				t.Errorf("%s: %s", caller, reply)
			}
		}
	})
}

// TestRevert checks that a record goes back to what a revision said, as a new change.
func TestRevert(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		asha := w.callers["asha"]
		shown := `{ patient(id: 3) { name email phone dateOfBirth birthDateEstimated address gender bloodGroup emergencyContact medicalHistory } }`
		states := []string{w.Must(t, asha, shown, nil)}
		for _, change := range []string{
			`name: "Chirag Rao", bloodGroup: AB_NEGATIVE, ageYears: 40, medicalHistory: ""`,
			`gender: MALE, email: null, phone: "+1 202 555 0100", bloodGroup: O_POSITIVE`,
			`name: "C", medicalHistory: "Asthma", emergencyContact: "Mother", dateOfBirth: "1980-02-03", address: "Delhi"`,
		} {
			w.Must(t, asha, `mutation { updatePatient(id: 3, input: {`+change+`}) { id } }`, nil)
			states = append(states, w.Must(t, asha, shown, nil))
		}
		var in struct {
			Data struct {
				Patient struct {
					History struct {
						Nodes []struct {
							ID      string
							Version int
						}
					}
				}
			}
		}
		w.Read(t, asha, `{ patient(id: 3) { history { nodes { id version } } } }`, nil, &in)
		revert := `mutation($revision: ID!, $version: Int) { revertPatient(id: 3, revision: $revision, expectedVersion: $version) { version } }`
		version := len(states)
		for _, r := range in.Data.Patient.History.Nodes[1:] {
			version++
			w.Expect(t, "revert", asha, revert, map[string]any{"revision": r.ID, "version": version - 1}, fmt.Sprintf(`{"data":{"revertPatient":{"version":%d}}}`, version))
			if got := w.Must(t, asha, shown, nil); got != states[r.Version-1] {
				t.Errorf("back to version %d\ngot  %s\nwant %s", r.Version, got, states[r.Version-1])
			}
		}
		first := in.Data.Patient.History.Nodes[len(states)-1].ID
		w.Expect(t, "nothing changed since", asha, revert, map[string]any{"revision": first}, fmt.Sprintf(`{"data":{"revertPatient":{"version":%d}}}`, version))
		if got := currentVersion(t, w.Query(t, asha, revert, map[string]any{"revision": first, "version": 1})); got != fmt.Sprint("CONFLICT ", version) {
			t.Errorf("another version: %s", got)
		}
		w.Expect(t, "a revision of another patient", asha, `mutation($revision: ID!) { revertPatient(id: 2, revision: $revision) { id } }`, map[string]any{"revision": first}, harness.NotFound+":revision")
		for _, caller := range []string{"rohan", "sita", "om"} {
			w.Expect(t, caller, w.callers[caller], revert, map[string]any{"revision": first}, harness.NotFound)
		}
		w.Must(t, asha, `mutation { updatePatient(id: 1, input: {name: "Arjuna"}) { id } }`, nil)
		w.Read(t, w.callers["arjun"], `{ patient(id: 1) { history { nodes { id version } } } }`, nil, &in)
		nodes := in.Data.Patient.History.Nodes
		w.Expect(t, "the patient may not change the name", w.callers["arjun"], `mutation($revision: ID!) { revertPatient(id: 1, revision: $revision) { id } }`,
			map[string]any{"revision": nodes[len(nodes)-1].ID}, harness.Forbidden+":name")
	})
}

// TestPurge checks that what can no longer be brought back is removed with all that is kept
// of it, and nothing else.
func TestPurge(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		asha, tara := w.callers["asha"], w.callers["tara"]
		w.Must(t, asha, `mutation { updatePatient(id: 1, input: {name: "Arjuna", medicalHistory: "Asthma"}) { id } updateMapping(id: 1, notes: "Heart") { id } }`, nil)
		w.CreateDoctor(t, asha, "Dr. Iyer", "I-1")
		w.Must(t, tara, `mutation { a: deletePatient(id: 1) b: deletePatient(id: 3) c: deleteDoctor(id: 2) d: deleteDoctor(id: 3) }`, nil)
		long := time.Now().UTC().Add(-31 * 24 * time.Hour).Format("2006-01-02 15:04:05.000000+00:00")
		exec(t, db.DB, "UPDATE patients SET deleted_at = '"+long+"' WHERE id = 1")
		exec(t, db.DB, "UPDATE doctors SET deleted_at = '"+long+"' WHERE deleted_at IS NOT NULL")
		log := w.Count(t, "access_events")
		for _, want := range []store.Purged{{Patients: 1, Assignments: 1, Doctors: 1}, {}} {
			if got, err := db.Purge(t.Context(), time.Now().Add(-30*24*time.Hour)); got != want || err != nil {
				t.Errorf("removed %+v, want %+v (%v)", got, want, err)
			}
		}
		for query, want := range map[string]int{
			"SELECT count(*) FROM patients":                                3,
			"SELECT count(*) FROM doctors":                                 2, // Dr. Shah is named by the past of Bela
			"SELECT count(*) FROM mappings WHERE patient_id = 1":           0,
			"SELECT count(*) FROM invitations WHERE patient_id = 1":        0,
			"SELECT count(*) FROM revisions WHERE patient_id = 1":          0,
			"SELECT count(*) FROM revisions WHERE mapping_id = 1":          0,
			"SELECT count(*) FROM revisions WHERE doctor_id = 3":           0,
			"SELECT count(*) FROM revisions WHERE diff LIKE '%Arjun%'":     0,
			"SELECT count(*) FROM revisions WHERE doctor_id = 2":           2,
			"SELECT count(*) FROM revisions WHERE patient_id IN (2, 3, 4)": 4,
			"SELECT count(*) FROM access_events":                           log,
		} {
			var got int
			if err := db.QueryRow(query).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %d, want %d (%v)", query, got, want, err)
			}
		}
		w.Expect(t, "gone", tara, `mutation { restorePatient(id: 1) { id } }`, nil, harness.NotFound)
		w.Expect(t, "young", asha, `mutation { restorePatient(id: 3) { name } }`, nil, `{"data":{"restorePatient":{"name":"Chirag"}}}`)
		w.Expect(t, "the past", asha, `{ mapping(id: 3) { doctor { name } } }`, nil, `{"data":{"mapping":{"doctor":{"name":"Dr. Shah"}}}}`)
	})
}
