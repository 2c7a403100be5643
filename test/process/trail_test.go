package process_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/audit"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestKilledWithTrail kills the server under load, again and again: every answer that
// arrived has its event and its revision, no event is without its change, and the chains of
// the access log are whole.
func TestKilledWithTrail(t *testing.T) {
	const kills, writers = 20, 4
	program := harness.Build(t)
	for kind, url := range map[string]string{dialect.SQLite: "sqlite:" + filepath.Join(t.TempDir(), "care.db"), dialect.Postgres: storetest.URL(t, dialect.Postgres)} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			env := []string{"DATABASE_URL=" + url, "SECRET_KEY=" + strings.Repeat("k", 32), "RATE_LIMIT=0"}
			var asha harness.Caller
			var mu sync.Mutex
			answered := map[string]string{} // the action of each request that was answered, by its id
			updates := map[int]int{}        // answered changes by patient
			for kill := range kills {
				s := program.Start(t, dir, env)
				if kill == 0 {
					asha = s.Register(t, "asha")
					for range writers {
						s.CreatePatient(t, asha, "Arjun")
					}
				}
				var load sync.WaitGroup
				for w := range writers {
					load.Go(func() {
						for i := 0; ; i++ {
							patient := w + 1
							document, action := fmt.Sprintf(`mutation { updatePatient(id: %d, input: {address: "%d %d"}) { id } }`, patient, kill, i), "UPDATE"
							switch i % 3 {
							case 1:
								document, action = `mutation { createPatient(input: {name: "New", phone: "9876543210", ageYears: 4, address: "Pune", gender: MALE}) { id } }`, "CREATE"
							case 2:
								document, action = fmt.Sprintf(`{ patient(id: %d) { name mappings { notes } } }`, patient), "READ"
							}
							body, _ := json.Marshal(map[string]string{"query": document})
							request, _ := http.NewRequest("POST", s.URL+"/graphql", strings.NewReader(string(body)))
							request.Header = http.Header{"Authorization": {asha.Bearer()}, "Content-Type": {"application/json"}}
							response, err := http.DefaultClient.Do(request)
							if err != nil {
								return // killed
							}
							reply, err := io.ReadAll(response.Body)
							response.Body.Close()
							if err != nil {
								return
							}
							if strings.Contains(string(reply), "errors") {
								continue // it was refused, and nothing happened
							}
							mu.Lock()
							answered[response.Header.Get("X-Request-Id")] = action
							if action == "UPDATE" {
								updates[patient]++
							}
							mu.Unlock()
						}
					})
				}
				time.Sleep(time.Duration(100+rand.IntN(200)) * time.Millisecond)
				s.Kill()
				load.Wait()
			}

			db := storetest.Open(t, url)
			logged := map[string]string{}
			rows, err := db.QueryContext(t.Context(), "SELECT request_id, action FROM access_events")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var id, action string
				if err := rows.Scan(&id, &action); err != nil {
					t.Fatal(err)
				}
				logged[id] = action
			}
			for id, action := range answered {
				if logged[id] != action {
					t.Errorf("the answer to %s has the event %q", action, logged[id])
				}
			}
			if len(answered) < 20*kills {
				t.Errorf("only %d requests were answered", len(answered))
			}
			count := func(query string, args ...any) (n int) {
				t.Helper()
				if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			about := "SELECT count(*) FROM access_events WHERE action = $1 AND CAST(patients AS text) = $2"
			for patient := 1; patient <= writers; patient++ {
				revised := count("SELECT count(*) FROM revisions WHERE patient_id = $1 AND kind = 'update'", patient)
				if events := count(about, "UPDATE", fmt.Sprintf("{%d}", patient)); events != revised || revised < updates[patient] {
					t.Errorf("patient %d: %d changes were answered, %d have events, and %d revisions", patient, updates[patient], events, revised)
				}
			}
			if events, made, revised := count("SELECT count(*) FROM access_events WHERE action = 'CREATE'"), count("SELECT count(*) FROM patients"), count("SELECT count(*) FROM revisions WHERE patient_id IS NOT NULL AND kind = 'create'"); events != made || made != revised {
				t.Errorf("%d patients were made, %d have events, and %d revisions", made, events, revised)
			}
			v, err := audit.Verify(t.Context(), db.DB, db.Dialect)
			if err != nil || v.Breaks != nil {
				t.Errorf("%+v, %v", v, err)
			}
			t.Logf("%d answers, %d events in %d batches of %d chains", len(answered), v.Events, v.Batches, v.Writers)
			code, stdout, stderr := program.Run(t, dir, env, "", "audit", "verify")
			if code != 0 || !strings.HasPrefix(stdout, "The access log is whole: ") {
				t.Errorf("audit verify: %d %s %s", code, stdout, stderr)
			}
			if _, err := db.Exec("UPDATE access_events SET operation = 'x' WHERE id = 3"); err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr = program.Run(t, dir, env, "", "audit", "verify")
			if code != 1 || !strings.Contains(stdout, "the hash of events to 3 does not fit") || !strings.Contains(stderr, "the access log is not whole") {
				t.Errorf("audit verify after tampering: %d %s %s", code, stdout, stderr)
			}
			code, stdout, stderr = program.Run(t, dir, env, "", "audit", "export", "--patient", "1", "--since", "2026-01-01")
			if code != 0 || strings.Count(stdout, "\n") < 20 || !strings.HasPrefix(stdout, `{"id":`) {
				t.Errorf("audit export: %d %.200s %s", code, stdout, stderr)
			}
		})
	}
}
