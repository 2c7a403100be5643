package audit_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/audit"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestVerify checks that whatever is done to the log behind the application's back is
// found, and where, and that nothing else is.
func TestVerify(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		for i := range 5 {
			a.CreatePatient(t, asha, fmt.Sprint("Patient ", i))
		}
		harness.Together(8, func(i int) string {
			return a.Query(t, asha, `{ patients(first: 3) { nodes { name } } a: patient(id: 99) { name } }`, nil)
		})
		a.Must(t, asha, `{ patients(first: 3) { nodes { name } } }`, nil)
		whole, err := audit.Verify(t.Context(), db.DB, db.Dialect)
		if err != nil || whole.Breaks != nil || whole.Events < 20 || whole.Batches < 8 {
			t.Fatalf("%+v, %v", whole, err)
		}
		// The last chain that was used, its batches, and an event in the middle.
		var writer, batches, event int
		row := db.QueryRow("SELECT writer, max(batch) FROM access_events GROUP BY writer ORDER BY 2 DESC LIMIT 1")
		if err := row.Scan(&writer, &batches); err != nil || batches < 4 {
			t.Fatalf("a chain of %d batches, %v", batches, err)
		}
		if err := db.QueryRow("SELECT max(id) FROM access_events WHERE writer = $1 AND batch = 3", writer).Scan(&event); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct{ name, tampering, want string }{
			{"nothing", "", ""},
			{"an action", fmt.Sprintf("UPDATE access_events SET action = 'READ' WHERE id = %d", event), "batch 3: the hash of events to"},
			{"a user", fmt.Sprintf("UPDATE access_events SET user_id = 77 WHERE id = %d", event), "batch 3: the hash of events to"},
			{"nobody", fmt.Sprintf("UPDATE access_events SET user_id = NULL WHERE id = %d", event), "batch 3: the hash of events to"},
			{"a time", fmt.Sprintf("UPDATE access_events SET at = '2026-01-02 03:04:05+00:00' WHERE id = %d", event), "batch 3: the hash of events to"},
			{"a patient", fmt.Sprintf("UPDATE access_events SET patients = '{7}' WHERE id = %d", event), "batch 3: the hash of events to"},
			{"an address", fmt.Sprintf("UPDATE access_events SET address = '::1', user_agent = '' WHERE id = %d", event), "batch 3: the hash of events to"},
			{"a hash", fmt.Sprintf("UPDATE access_events SET hash = '%064d' WHERE id = %d", 0, event), "batch 3: the hash of events to"},
			{"no hash", fmt.Sprintf("UPDATE access_events SET hash = NULL WHERE id = %d", event), "batch 3: ends without a hash after event"},
			{"a gap", fmt.Sprintf("DELETE FROM access_events WHERE writer = %d AND batch = 3", writer), "batch 4: follows batch 2"},
			{"no beginning", fmt.Sprintf("DELETE FROM access_events WHERE writer = %d AND batch <= 2", writer), "batch 3: follows batch 0"},
			{"no end", fmt.Sprintf("DELETE FROM access_events WHERE writer = %d AND batch = %d", writer, batches), fmt.Sprintf("batch %d: the writer left batch %d as the last one", batches-1, batches)},
			{"an event between", fmt.Sprintf(`INSERT INTO access_events (id, at, action, door, operation, request_id, address, user_agent, patients, writer, batch)
				SELECT 0, at, action, door, operation, request_id, address, user_agent, patients, writer, batch FROM access_events WHERE id = %d`, event), "batch 3: the hash of events to"},
			{"an event after", fmt.Sprintf(`INSERT INTO access_events (at, action, door, operation, request_id, address, user_agent, patients, writer, batch)
				SELECT at, action, door, operation, request_id, address, user_agent, patients, writer, batch FROM access_events WHERE id = %d`, event), "batch 3: event"},
			{"no table of patients", map[string]string{dialect.SQLite: "DELETE FROM access_event_patients WHERE patient_id = 2"}[db.Dialect], map[string]string{dialect.SQLite: "access_event_patients: "}[db.Dialect]},
			{"a restored backup of the events", fmt.Sprintf("DELETE FROM access_events WHERE writer = %d AND batch > 2", writer), fmt.Sprintf("batch 2: the writer left batch %d as the last one", batches)},
			{"a restored backup of the ends", fmt.Sprintf("UPDATE access_heads SET batch = 2, hash = (SELECT hash FROM access_events WHERE writer = %d AND batch = 2 AND hash IS NOT NULL) WHERE writer = %[1]d", writer), fmt.Sprintf("batch %d: the writer left batch 2 as the last one", batches)},
			{"an end without its chain", fmt.Sprintf("DELETE FROM access_events WHERE writer = %d", writer), fmt.Sprintf("the chain to batch %d is gone", batches)},
			{"a chain without its end", fmt.Sprintf("DELETE FROM access_heads WHERE writer = %d", writer), "batch 1: the chain has no end"},
		} {
			for _, table := range []string{"access_events", "access_heads"} {
				exec(t, db.DB, "CREATE TABLE kept_"+table+" AS SELECT * FROM "+table)
			}
			if tt.tampering != "" {
				exec(t, db.DB, tt.tampering)
			}
			got, err := audit.Verify(t.Context(), db.DB, db.Dialect)
			switch want := fmt.Sprintf("writer %d: %s", writer, tt.want); {
			case err != nil:
				t.Errorf("%s: %v", tt.name, err)
			case tt.want == "" && got.Breaks != nil, tt.want != "" && (len(got.Breaks) == 0 || len(got.Breaks) > 2 || !strings.HasPrefix(got.Breaks[0], want) && !strings.HasPrefix(got.Breaks[0], tt.want)):
				t.Errorf("%s: %q, want %q", tt.name, got.Breaks, want)
			}
			exec(t, db.DB, "DELETE FROM access_events; DELETE FROM access_heads")
			if db.Dialect == dialect.SQLite {
				exec(t, db.DB, "DELETE FROM access_event_patients")
			}
			exec(t, db.DB, "INSERT INTO access_events SELECT * FROM kept_access_events WHERE hash IS NULL")
			exec(t, db.DB, "INSERT INTO access_events SELECT * FROM kept_access_events WHERE hash IS NOT NULL ORDER BY writer, batch")
			exec(t, db.DB, "DELETE FROM access_heads")
			exec(t, db.DB, "INSERT INTO access_heads SELECT * FROM kept_access_heads; DROP TABLE kept_access_events; DROP TABLE kept_access_heads")
		}
	})
}

func exec(t testing.TB, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// TestRetention checks that what is old goes, batch by batch, and the rest stays whole and
// goes on.
func TestRetention(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		a.CreatePatient(t, asha, "Arjun")
		for range 10 {
			a.Must(t, asha, `{ patient(id: 1) { name } }`, nil)
		}
		cut := time.Now()
		for range 5 {
			a.Must(t, asha, `{ patient(id: 1) { name } }`, nil)
		}
		before, err := audit.Verify(t.Context(), db.DB, db.Dialect)
		if err != nil || before.Breaks != nil {
			t.Fatalf("%+v, %v", before, err)
		}
		deleted, err := audit.Expire(t.Context(), db.DB, db.Dialect, cut)
		after, failed := audit.Verify(t.Context(), db.DB, db.Dialect)
		if err != nil || failed != nil || after.Breaks != nil || deleted != 12 || after.Events != 5 || before.Events != 17 {
			t.Errorf("of %d events %d are deleted: %+v, %v %v", before.Events, deleted, after, err, failed)
		}
		if again, err := audit.Expire(t.Context(), db.DB, db.Dialect, cut); again != 0 || err != nil {
			t.Errorf("again: %d, %v", again, err)
		}
		a.Expect(t, "the log", asha, `{ patient(id: 1) { accessLog { totalCount } } }`, nil, `{"data":{"patient":{"accessLog":{"totalCount":5}}}}`)
		if _, err := audit.Expire(t.Context(), db.DB, db.Dialect, time.Now()); err != nil {
			t.Fatal(err)
		}
		a.Must(t, asha, `{ patient(id: 1) { name } }`, nil)
		after, err = audit.Verify(t.Context(), db.DB, db.Dialect)
		if err != nil || after.Breaks != nil || after.Events != 1 {
			t.Errorf("at the end: %+v, %v", after, err)
		}
	})
}

// TestRetentionAtOnce checks that servers which delete at once leave whole chains, and that
// what is young stays, whatever the clocks say.
func TestRetentionAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		a.CreatePatient(t, asha, "Arjun")
		for range 30 {
			a.Must(t, asha, `{ patient(id: 1) { name } }`, nil)
		}
		var cuts [8]time.Time
		for i := range cuts {
			a.Must(t, asha, `{ patient(id: 1) { name } }`, nil)
			cuts[i] = time.Now()
		}
		for _, got := range harness.Together(len(cuts), func(i int) string {
			_, err := audit.Expire(t.Context(), db.DB, db.Dialect, cuts[i])
			return fmt.Sprint(err)
		}) {
			if got != "<nil>" {
				t.Error(got)
			}
		}
		a.Must(t, asha, `{ patient(id: 1) { name } }`, nil)
		if v, err := audit.Verify(t.Context(), db.DB, db.Dialect); err != nil || v.Breaks != nil || v.Events != 1 {
			t.Errorf("%+v, %v", v, err)
		}
		for range 5 {
			a.Must(t, asha, `{ patient(id: 1) { name } }`, nil)
		}
		exec(t, db.DB, "UPDATE access_events SET at = '2020-01-02 03:04:05+00:00' WHERE id = (SELECT max(id) - 2 FROM access_events)") // a clock that went back
		if n, err := audit.Expire(t.Context(), db.DB, db.Dialect, time.Now().Add(-time.Hour)); n != 0 || err != nil {
			t.Errorf("%d young events are deleted, %v", n, err)
		}
	})
}

// TestNoLookWithoutTrace checks that an answer does not leave whose events cannot be
// stored, and that a change that cannot be logged is not made; that the log goes on
// afterwards, also after the database was put back to where it was before.
func TestNoLookWithoutTrace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		patient := a.CreatePatient(t, asha, "Arjun")
		a.Must(t, asha, `{ patient(id: 1) { name } }`, nil)
		exec(t, db.DB, "ALTER TABLE access_events RENAME TO elsewhere")
		for _, document := range []string{`{ patient(id: 1) { name } }`, `{ patients { nodes { name } } }`, `mutation { updatePatient(id: 1, input: {name: "Bela"}) { name } }`, `mutation { createPatient(input: {name: "Chirag", phone: "9876543210", ageYears: 4, address: "Pune", gender: MALE}) { id } }`} {
			if reply := a.Query(t, asha, document, nil); strings.Contains(reply, "Arjun") || strings.Contains(reply, "Bela") || !slices.Equal(harness.Failures(t, reply), []string{"UNAVAILABLE"}) {
				t.Errorf("%s: %s", document, reply)
			}
		}
		if status, reply := a.Send(t, "GET", "/api/patients/", asha.Token, ""); status != 503 || strings.Contains(reply, "Arjun") {
			t.Errorf("%d %s", status, reply)
		}
		a.Expect(t, "a count", asha, `{ patients { totalCount } }`, nil, `{"data":{"patients":{"totalCount":1}}}`)
		exec(t, db.DB, "ALTER TABLE elsewhere RENAME TO access_events")
		if got := history(t, a, asha, "patient", patient); got != "1 CREATE asha" {
			t.Errorf("what was not logged was changed: %s", got)
		}
		exec(t, db.DB, "DELETE FROM access_events; DELETE FROM access_heads") // as an older backup has it
		for range 20 {
			a.Query(t, asha, `{ patient(id: 1) { name } }`, nil)
		}
		a.Must(t, asha, `{ patient(id: 1) { name } }`, nil)
		if v, err := audit.Verify(t.Context(), db.DB, db.Dialect); err != nil || v.Breaks != nil || v.Events < 15 {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// TestExport checks the lines, from an instant on and about a patient, and the command line.
func TestExport(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		a.CreatePatient(t, asha, "Arjun")
		a.CreatePatient(t, asha, "Bela")
		since := time.Now()
		a.Must(t, asha, `{ patients { nodes { name } } }`, nil)
		a.Must(t, asha, `query Chart { patient(id: 2) { name } }`, nil)
		for _, tt := range []struct {
			since   time.Time
			patient int
			want    []string
		}{
			{time.Time{}, 0, []string{"SIGN_IN []", "CREATE [1]", "CREATE [2]", "LIST [1 2]", "READ [2]"}},
			{since, 0, []string{"LIST [1 2]", "READ [2]"}},
			{time.Time{}, 2, []string{"CREATE [2]", "LIST [1 2]", "READ [2]"}},
			{since, 1, []string{"LIST [1 2]"}},
			{time.Now(), 0, nil},
		} {
			var out bytes.Buffer
			if err := audit.Export(t.Context(), db.DB, db.Dialect, tt.since, tt.patient, &out); err != nil {
				t.Fatal(err)
			}
			var got []string
			for line := range strings.Lines(out.String()) {
				var e struct {
					Action   string
					UserID   int    `json:"user_id"`
					Address  string `json:"address"`
					Patients []int
				}
				if err := json.Unmarshal([]byte(line), &e); err != nil || e.UserID != asha.ID || e.Address != "127.0.0.1" {
					t.Errorf("%s: %v", line, err)
				}
				got = append(got, fmt.Sprint(e.Action, " ", e.Patients))
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("since %s about %d: %v, want %v", tt.since, tt.patient, got, tt.want)
			}
			if strings.Contains(out.String(), "Arjun") {
				t.Error("the log has a name")
			}
		}
	})
}
