package audit_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"entgo.io/ent/dialect"

	"caregraph/internal/scalar"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// files returns the files in which a database keeps its data. What PostgreSQL writes ahead
// is not among them: it is recycled, and a backup may have it anyway.
func files(t testing.TB, db *store.DB) []string {
	t.Helper()
	var all []string
	var path string
	if db.Dialect == dialect.SQLite {
		if err := db.QueryRow("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil {
			t.Fatal(err)
		}
		all, err := filepath.Glob(path + "*")
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if err := db.QueryRow("SHOW data_directory").Scan(&path); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && !os.IsNotExist(err): // files of other tests go
			return err
		case err == nil && d.IsDir() && d.Name() == "pg_wal":
			return fs.SkipDir
		case err == nil && d.Type().IsRegular():
			all = append(all, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// found returns which of the values are in the files of the database.
func found(t testing.TB, db *store.DB, values []string) map[string]bool {
	t.Helper()
	in := map[string]bool{}
	for _, path := range files(t, db) {
		content, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, value := range values {
			if bytes.Contains(content, []byte(value)) {
				in[value] = true
			}
		}
	}
	return in
}

func execAll(t testing.TB, db *store.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// TestErase checks that nothing is left of what was erased, neither for anybody who asks nor
// in the files of the database, and that what is kept stays.
func TestErase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		asha, tara := w.callers["asha"], w.callers["tara"]
		values := []string{
			"Zubrowka Quixotewala", scalar.Fold("Zubrowka Quixotewala"), scalar.SoundKey("Zubrowka Quixotewala"), "zubrowka@example.com", "9123456701", "17 Xylophone Marg",
			"Mother Wilhelmina", "Paroxysmal kinesigenic", "Jubjub Zubrowka", "9123456702", "Bandersnatch fever", "Frumious rash", "Burbled cough",
		}
		w.Must(t, asha, `mutation { updatePatient(id: 1, input: {name: "Jubjub Zubrowka", phone: "9123456702", medicalHistory: "Bandersnatch fever"}) { id } }`, nil)
		w.Must(t, asha, `mutation { updatePatient(id: 1, input: {name: "Zubrowka Quixotewala", email: "zubrowka@example.com", phone: "9123456701", address: "17 Xylophone Marg", emergencyContact: "Mother Wilhelmina", medicalHistory: "Paroxysmal kinesigenic", bloodGroup: AB_NEGATIVE}) { id } }`, nil)
		w.Must(t, asha, `mutation { updateMapping(id: 1, notes: "Frumious rash") { id } }`, nil)
		w.Must(t, asha, `mutation { updateMapping(id: 1, notes: "Burbled cough") { id } updatePatient(id: 3, input: {name: "Zubrowka Quixotewala"}) { id } }`, nil)
		w.Must(t, asha, merge, map[string]any{"keep": 1, "duplicate": 3})
		if db.Dialect == dialect.Postgres {
			execAll(t, db, "ANALYZE", "CHECKPOINT")
		}
		if in := found(t, db, values); len(in) != len(values) {
			t.Fatalf("before the erasure the files have %v of %q", in, values)
		}

		erase := `mutation($id: ID!, $reason: String!) { erasePatient(id: $id, reason: $reason) { patientId actorId reason items { part rows left } } }`
		with := func(id int, reason string) map[string]any { return map[string]any{"id": id, "reason": reason} }
		w.events(t)
		for _, caller := range []string{"asha", "rohan", "arjun", "om", "sita"} {
			w.Expect(t, caller, w.callers[caller], erase, with(1, "No reason"), harness.Forbidden)
			w.Expect(t, caller, w.callers[caller], erase, with(99, "No reason"), harness.Forbidden)
			if got := strings.Join(w.events(t), "; "); got != "DENIED "+caller+" - GRAPHQL erasePatient {1}; DENIED "+caller+" - GRAPHQL erasePatient {99}" {
				t.Errorf("%s left %s", caller, got)
			}
		}
		w.Expect(t, "anonymous", harness.Caller{}, erase, with(1, "No reason"), harness.Unauthenticated)
		w.Expect(t, "nobody", tara, erase, with(99, "No reason"), harness.NotFound)
		w.Expect(t, "no reason", tara, erase, with(1, " "), "BAD_USER_INPUT:reason")
		w.Expect(t, "a long reason", tara, erase, with(1, strings.Repeat("x", 301)), "BAD_USER_INPUT:reason")
		if got := mergedInto(t, w.Query(t, tara, erase, with(3, "A part"))); got != "NOT_FOUND  1" {
			t.Errorf("a part: %s", got)
		}
		w.Expect(t, "stands alone", tara, `mutation { erasePatient(id: 1, reason: "x") { at } updateDoctor(id: 2, input: {}) { id } }`, nil, "TOO_COMPLEX")
		if in := found(t, db, values); len(in) != len(values) {
			t.Fatalf("refused, and the files have %v of %q", in, values)
		}
		w.events(t)

		log := w.Count(t, "access_events")
		answer := `{"data":{"erasePatient":{"patientId":"1","actorId":"6","reason":"Ticket 17","items":[{"part":"RECORDS","rows":2,"left":0},{"part":"SEARCH_KEYS","rows":2,"left":0},{"part":"HISTORY","rows":16,"left":0},{"part":"NOTES","rows":1,"left":0}]}}}`
		w.Expect(t, "erased", tara, erase, with(1, "Ticket 17"), answer)
		if got := strings.Join(w.events(t), "; "); got != "ERASE tara STAFF GRAPHQL erasePatient {1,3}" {
			t.Errorf("left %s", got)
		}
		if got := w.Count(t, "access_events"); got != log+1 {
			t.Errorf("the log has %d events, and had %d", got, log)
		}
		w.Expect(t, "again", tara, erase, with(1, "Another reason"), answer)
		if got := strings.Join(w.events(t), "; "); got != "READ tara STAFF GRAPHQL erasePatient {1}" {
			t.Errorf("again left %s", got)
		}
		for name, caller := range w.callers {
			if name == "anonymous" {
				continue
			}
			w.Expect(t, name, caller, `{ patient(id: 1) { name } }`, nil, harness.NotFound)
			for _, patient := range []string{"1", "3"} {
				w.Expect(t, name, caller, `mutation { restorePatient(id: `+patient+`) { name } }`, nil, harness.NotFound)
			}
			if reply := w.Must(t, caller, `{ deletedPatients { nodes { name } } patients { nodes { name } } mappings { nodes { id } } }`, nil); strings.Contains(reply, "Zub") || strings.Contains(reply, "Erased") {
				t.Errorf("%s sees %s", name, reply)
			}
		}
		if db.Dialect == dialect.Postgres {
			execAll(t, db, "VACUUM FULL", "CHECKPOINT")
		} else {
			execAll(t, db, "PRAGMA wal_checkpoint(TRUNCATE)")
			if in := found(t, db, values); len(in) > 0 {
				t.Errorf("without VACUUM the files have %v", in)
			}
			execAll(t, db, "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
		}
		if in := found(t, db, values); len(in) > 0 {
			t.Errorf("the files still have %v", in)
		}
		w.Expect(t, "others stay", asha, `{ patient(id: 2) { name history { nodes { kind } } doctors { name } } }`, nil, `{"data":{"patient":{"name":"Bela","history":{"nodes":[{"kind":"CREATE"}]},"doctors":[{"name":"Dr. Rao"},{"name":"Dr. Shah"}]}}}`)

		// A record that was deleted before, and one whose data are written anew by other means.
		w.Must(t, asha, `mutation { deletePatient(id: 2) }`, nil)
		w.Must(t, tara, erase, with(2, "Ticket 18"))
		w.Expect(t, "gone", asha, `mutation { restorePatient(id: 2) { id } }`, nil, harness.NotFound)
		execAll(t, db, "UPDATE patients SET address = 'Pune' WHERE id = 2")
		if reply := w.Must(t, tara, erase, with(2, "Ticket 18")); !strings.Contains(reply, `{"part":"RECORDS","rows":1,"left":1}`) || strings.Count(reply, `"left":0`) != 2 {
			t.Errorf("written anew: %s", reply)
		}
	})
}
