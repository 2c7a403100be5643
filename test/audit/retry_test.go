package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// keyed sends a request with an Idempotency-Key, and returns the status, whether the answer
// was told before, and the answer.
func keyed(t testing.TB, a *harness.API, c harness.Caller, key, method, path, body string) (status int, again bool, reply string) {
	t.Helper()
	status, header, reply := a.Do(t, method, path, http.Header{"Authorization": {c.Bearer()}, "Content-Type": {"application/json"}, "Idempotency-Key": {key}}, body)
	return status, header.Get("Idempotency-Replayed") == "true", reply
}

func graphqlBody(document string) string {
	body, err := json.Marshal(map[string]any{"query": document})
	if err != nil {
		panic(err)
	}
	return string(body)
}

func newPatient(name string) string {
	return graphqlBody(fmt.Sprintf(`mutation { createPatient(input: {name: %q, phone: "9876543210", ageYears: 40, address: "Pune", gender: FEMALE}) { id name } }`, name))
}

const newPatientREST = `{"name":"Chirag","phone":"9876543210","date_of_birth":"1990-05-15","address":"Pune","gender":"male"}`

// TestRetry checks that a change that is sent again with its key happens once, on any
// server, and what else a key may meet.
func TestRetry(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		other := harness.New(t, db) // another server
		asha, ben := a.Register(t, "asha"), a.Register(t, "ben")
		type answer struct {
			status int
			again  bool
			reply  string
		}
		send := func(on *harness.API, c harness.Caller, key, method, path, body string) answer {
			status, again, reply := keyed(t, on, c, key, method, path, body)
			return answer{status, again, reply}
		}
		first := send(a, asha, "one", "POST", "/graphql", newPatient("Arjun"))
		if first != (answer{200, false, `{"data":{"createPatient":{"id":"1","name":"Arjun"}}}`}) {
			t.Fatalf("%+v", first)
		}
		a.Must(t, asha, `mutation { updatePatient(id: 1, input: {name: "Bela"}) { id } }`, nil)
		for _, on := range []*harness.API{a, other} {
			for _, key := range []string{"one", `"one"`} {
				if got := send(on, asha, key, "POST", "/graphql", newPatient("Arjun")); got != (answer{200, true, first.reply}) {
					t.Errorf("again with %s: %+v", key, got)
				}
			}
		}
		if got := send(other, asha, "one", "POST", "/graphql", newPatient("Bela")); got.again || !slices.Equal(harness.Failures(t, got.reply), []string{"BAD_USER_INPUT:idempotencyKey"}) {
			t.Errorf("another body: %+v", got)
		}
		if got := send(a, ben, "one", "POST", "/graphql", newPatient("Arjun")); got != (answer{200, false, `{"data":{"createPatient":{"id":"2","name":"Arjun"}}}`}) {
			t.Errorf("another user: %+v", got)
		}
		if got := send(a, asha, "two", "POST", "/graphql", newPatient("")); got.again || !slices.Equal(harness.Failures(t, got.reply), []string{"BAD_USER_INPUT:name"}) {
			t.Errorf("a mistake: %+v", got)
		}
		if got := send(a, asha, "two", "POST", "/graphql", newPatient("Devi")); got != (answer{200, false, `{"data":{"createPatient":{"id":"3","name":"Devi"}}}`}) {
			t.Errorf("the mistake corrected: %+v", got)
		}
		if got := send(a, asha, "one", "POST", "/graphql", graphqlBody(`{ patient(id: 1) { name } }`)); got != (answer{200, false, `{"data":{"patient":{"name":"Bela"}}}`}) {
			t.Errorf("a query: %+v", got)
		}

		made := send(a, asha, "three", "POST", "/api/patients/", newPatientREST)
		if made.status != 201 || made.again {
			t.Fatalf("%+v", made)
		}
		if got := send(other, asha, "three", "POST", "/api/patients/", newPatientREST); got != (answer{201, true, made.reply}) {
			t.Errorf("REST again: %+v", got)
		}
		if got := send(a, asha, "three", "POST", "/api/patients/", strings.Replace(newPatientREST, "Pune", "Delhi", 1)); got.status != 422 || !strings.HasPrefix(got.reply, `{"detail":"`) {
			t.Errorf("REST with another body: %+v", got)
		}
		if got := send(a, asha, "four", "DELETE", "/api/patients/3/", ""); got != (answer{204, false, ""}) {
			t.Errorf("%+v", got)
		}
		if got := send(a, asha, "four", "DELETE", "/api/patients/3/", ""); got != (answer{204, true, ""}) {
			t.Errorf("a deletion again: %+v", got)
		}
		if got := send(a, harness.Caller{}, "one", "POST", "/graphql", newPatient("Arjun")); !slices.Equal(harness.Failures(t, got.reply), []string{harness.Unauthenticated}) {
			t.Errorf("anonymous: %+v", got)
		}

		for _, bad := range []string{strings.Repeat("k", 201), "", `""`, "a b", "नमस्ते", "tab\there"} {
			before := a.Count(t, "patients")
			if got := send(a, asha, bad, "POST", "/graphql", newPatient("Esha")); !slices.Equal(harness.Failures(t, got.reply), []string{"BAD_USER_INPUT:idempotencyKey"}) {
				t.Errorf("the key %q: %+v", bad, got)
			}
			if got := send(a, asha, bad, "POST", "/api/patients/", newPatientREST); got.status != 400 || !strings.HasPrefix(got.reply, `{"detail":"`) {
				t.Errorf("REST with the key %q: %+v", bad, got)
			}
			if after := a.Count(t, "patients"); after != before {
				t.Errorf("the key %q: %d patients, then %d", bad, before, after)
			}
		}
		if got := send(a, asha, strings.Repeat("k", 200), "POST", "/graphql", newPatient("Esha")); got.status != 200 || strings.Contains(got.reply, "errors") {
			t.Errorf("a long key: %+v", got)
		}

		rows, err := db.Query("SELECT answer FROM replays")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		n := 0
		for ; rows.Next(); n++ {
			var kept []byte
			if err := rows.Scan(&kept); err != nil || bytes.Contains(kept, []byte("createPatient")) || bytes.Contains(kept, []byte("Arjun")) {
				t.Errorf("%q can be read (%v)", kept, err)
			}
		}
		if err := rows.Err(); err != nil || n != 6 {
			t.Errorf("%d answers are kept (%v)", n, err)
		}
		exec(t, db.DB, "UPDATE replays SET created_at = '"+time.Now().UTC().Add(-25*time.Hour).Format("2006-01-02 15:04:05.000000+00:00")+"'")
		if got := send(a, asha, "one", "POST", "/graphql", newPatient("Farah")); got.again || !strings.Contains(got.reply, "Farah") {
			t.Errorf("a day later: %+v", got)
		}
	})
}

// TestRetriesAtOnce checks that of 200 requests with one key at once one changes something,
// and that every one gets its answer, at the latest when it asks again as it is told to.
func TestRetriesAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		servers := []*harness.API{harness.New(t, db), harness.New(t, db)}
		asha := servers[0].Register(t, "asha")
		replies := harness.Together(200, func(i int) string {
			for range 200 {
				_, _, reply := keyed(t, servers[i%2], asha, "one", "POST", "/graphql", newPatient("Arjun"))
				if !strings.Contains(reply, `"code":"CONFLICT","retryAfter":1`) && !strings.Contains(reply, `"UNAVAILABLE"`) {
					return reply
				}
				time.Sleep(20 * time.Millisecond)
			}
			return "never"
		})
		for _, reply := range replies {
			if reply != `{"data":{"createPatient":{"id":"1","name":"Arjun"}}}` {
				t.Fatalf("got %s", reply)
			}
		}
		if n := servers[0].Count(t, "patients"); n != 1 {
			t.Errorf("there are %d patients", n)
		}
	})
}

// TestRetryIsLogged checks that an answer that is told again leaves an event.
func TestRetryIsLogged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		for _, want := range []string{"CREATE asha CLINIC REST CreatePatient {5}", "READ asha - REST CreatePatient {5}"} {
			if status, _, reply := keyed(t, w.API, w.callers["asha"], "one", "POST", "/api/patients/", newPatientREST); status != 201 {
				t.Fatal(status, reply)
			}
			if got := strings.Join(w.events(t), "; "); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}
