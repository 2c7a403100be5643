package doors_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"caregraph/internal/command"
	"caregraph/internal/server"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// guards are the headers of every answer.
var guards = map[string]string{
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "no-referrer",
	"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cache-Control":                "no-store",
}

// guarded checks the headers of an answer.
func guarded(t *testing.T, name string, answered http.Header) {
	t.Helper()
	for header, want := range guards {
		if got := answered.Get(header); got != want {
			t.Errorf("%s: %s is %q, want %q", name, header, got, want)
		}
	}
	if len(answered.Get("X-Request-Id")) < 20 {
		t.Errorf("%s: X-Request-Id is %q", name, answered.Get("X-Request-Id"))
	}
	if answered.Get("Server") != "" || answered.Get("X-Powered-By") != "" {
		t.Errorf("%s: the server tells what it is", name)
	}
	if answered.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%s: another origin may read the answer", name)
	}
}

// TestSecurityHeaders checks that every answer of every door has the headers
// that keep a browser from misusing it, and that no page of another origin may
// change anything.
func TestSecurityHeaders(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t, "sqlite3"))
	a := harness.New(t, db)
	asha := a.Register(t, "asha")
	const mutation = `mutation { createDoctor(input: {name: "Dr. Rao", email: "r@example.com", specialization: "X", licenseNumber: "R-1", experienceYears: 1, consultationFee: "1"}) { id } }`
	asJSON := fmt.Sprintf(`{"query":%q}`, mutation)
	const form, multi, evil = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "https://evil.example"
	for _, tt := range []struct {
		name, method, path, token, media, body string
		status                                 int
	}{
		{"query", "POST", "/graphql", asha.Token, harness.PlainJSON, `{"query":"{ viewer { id } }"}`, 200},
		{"query by get", "GET", "/graphql?query={viewer{id}}", asha.Token, "", "", 200},
		{"query without a token", "POST", "/graphql", "", harness.PlainJSON, `{"query":"{ viewer { id } }"}`, 200},
		{"bad token", "POST", "/graphql", "x", harness.PlainJSON, `{"query":"{ viewer { id } }"}`, 401},
		{"refused document", "POST", "/graphql", asha.Token, harness.PlainJSON, `{"query":"{"}`, 200},
		{"bad JSON", "POST", "/graphql", asha.Token, harness.PlainJSON, `{`, 400},
		{"mutation by get", "GET", "/graphql?query=mutation{deletePatient(id:1)}", asha.Token, "", "", 405},
		{"mutation by a form", "POST", "/graphql", asha.Token, form, "query=" + mutation, 415},
		{"mutation by a multipart form", "POST", "/graphql", asha.Token, multi, "--x\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n" + mutation + "\r\n--x--\r\n", 415},
		{"mutation by a form of text", "POST", "/graphql", asha.Token, "text/plain", asJSON, 415},
		{"mutation without a type", "POST", "/graphql", asha.Token, "", asJSON, 415},
		{"mutation as application/graphql", "POST", "/graphql", asha.Token, "application/graphql", mutation, 415},
		{"put", "PUT", "/graphql", asha.Token, harness.PlainJSON, asJSON, 405},
		{"options", "OPTIONS", "/graphql", "", "", "", 405},
		{"list", "GET", "/api/patients/", asha.Token, "", "", 200},
		{"list without a token", "GET", "/api/patients/", "", "", "", 401},
		{"no such record", "GET", "/api/patients/99/", asha.Token, "", "", 404},
		{"no such route", "GET", "/api/nowhere/", asha.Token, "", "", 404},
		{"no such method", "TRACE", "/api/patients/", asha.Token, "", "", 405},
		{"bad body", "POST", "/api/patients/", asha.Token, harness.PlainJSON, `{`, 400},
		{"bad type", "POST", "/api/patients/", asha.Token, "text/plain", `{}`, 415},
		{"bad sign-in", "POST", "/api/auth/login/", "", harness.PlainJSON, `{"email":"x@example.com","password":"x"}`, 401},
		{"options of REST", "OPTIONS", "/api/patients/", "", "", "", 204},
		{"health", "GET", "/health/", "", "", "", 200},
		{"ready", "GET", "/readyz", "", "", "", 200},
		{"contract", "GET", "/openapi.json", "", "", "", 200},
		{"nowhere", "GET", "/nowhere", "", "", "", 404},
		{"no page", "GET", "/playground", "", "", "", 404},
		{"another method", "DELETE", "/health/", "", "", "", 405},
		{"redirect", "GET", "//graphql", "", "", "", 307},
	} {
		for _, origin := range []string{"", evil} {
			r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
			for header, value := range map[string]string{"Content-Type": tt.media, "Origin": origin} {
				if value != "" {
					r.Header.Set(header, value)
				}
			}
			if tt.token != "" {
				r.Header.Set("Authorization", "Bearer "+tt.token)
			}
			w := httptest.NewRecorder()
			server.Handler(db, a.Cfg, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Errorf("%s: got %d %.300s, want %d", tt.name, w.Code, w.Body, tt.status)
			}
			guarded(t, tt.name, w.Header())
		}
	}
	if n := a.Count(t, "doctors"); n != 0 {
		t.Errorf("%d doctors were made", n)
	}
	for _, path := range []string{"/graphql", "/api/patients/", "/api/auth/login/"} { // what a browser asks before it sends JSON
		header := http.Header{"Origin": {evil}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"content-type"}}
		_, answered, _ := a.Do(t, "OPTIONS", path, header, "")
		guarded(t, "preflight of "+path, answered)
	}
}

// TestPanicIsGuarded checks the answer to a panic outside of the doors, which
// has nothing of its cause.
func TestPanicIsGuarded(t *testing.T) {
	a := harness.New(t, storetest.Open(t, storetest.URL(t, "sqlite3")))
	r := httptest.NewRequest("POST", "/graphql", failing{})
	r.Header.Set("Content-Type", harness.PlainJSON)
	w, log := httptest.NewRecorder(), &harness.Journal{}
	server.Handler(a.DB, a.Cfg, slog.New(slog.NewJSONHandler(log, nil))).ServeHTTP(w, r)
	id := w.Header().Get("X-Request-Id")
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), id) || strings.Contains(w.Body.String(), "Arjun") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	guarded(t, "panic", w.Header())
	if text := log.String(); !strings.Contains(text, id) || strings.Contains(text, "Arjun") {
		t.Errorf("the log has %s", text)
	}
}

// failing is a body whose reader panics.
type failing struct{}

func (failing) Read([]byte) (int, error) { panic("Arjun") }

// TestErrorsAreBounded checks that a refused request is answered with at most 5
// errors, each with a text of at most 300 bytes.
func TestErrorsAreBounded(t *testing.T) {
	for _, explore := range []bool{false, true} {
		a := harness.New(t, storetest.Open(t, storetest.URL(t, "sqlite3")), func(c *server.Config) { c.Playground = new(explore) })
		asha := a.Register(t, "asha")
		long := strings.Repeat("x", 9_000)
		for _, tt := range []struct {
			name, document string
			variables      map[string]any
		}{
			{"many errors", "{ viewer {" + harness.Each(90, " f#") + "} }", nil},
			{"a long field", "{ " + long + " }", nil},
			{"a long argument", "{ viewer(" + long + ": 1) { id } }", nil},
			{"a long type", "{ ... on " + long + " { id } }", nil},
			{"a long fragment", "{ ..." + long + " }", nil},
			{"a long variable", "query($" + long + ": Int!) { patients(first: $" + long + ") { totalCount } }", nil},
			{"a long variable of a type that is not", "query($a: " + long + ") { patients(first: $a) { totalCount } }", nil},
			{"a long text", `{ patients(first: "` + long + `") { totalCount } }`, nil},
			{"a long number", `{ patients(first: ` + strings.Repeat("9", 9_000) + `) { totalCount } }`, nil},
			{"a long text without an end", `{ patients(first: "` + long, nil},
			{"letters of 3 bytes", `{ patients(first: "` + strings.Repeat("आ", 3_000) + `") { totalCount } }`, nil},
			{"a long value", "query($a: Int) { patients(first: $a) { totalCount } }", map[string]any{"a": long}},
			{"a long key", "query($a: PatientFilter) { patients(filter: $a) { totalCount } }", map[string]any{"a": map[string]any{long: 1}}},
			{"a long enumeration", "query($a: PatientFilter) { patients(filter: $a) { totalCount } }", map[string]any{"a": map[string]any{"gender": long}}},
			{"a long operation", "query A { viewer { id } } query " + long + " { viewer { id } }", nil},
			{"a long directive", "{ viewer { id @" + long + " } }", nil},
		} {
			reply := a.Query(t, asha, tt.document, tt.variables)
			var in struct {
				Errors []struct{ Message string }
			}
			if err := json.Unmarshal([]byte(reply), &in); err != nil || len(in.Errors) == 0 || len(in.Errors) > 5 || strings.Contains(reply, `"data"`) {
				t.Errorf("%s: %v, %d errors: %.500s", tt.name, err, len(in.Errors), reply)
			}
			for _, e := range in.Errors {
				if len(e.Message) > 300 {
					t.Errorf("%s: %d bytes of %.400s", tt.name, len(e.Message), e.Message)
				}
			}
			if len(reply) > 5*600 {
				t.Errorf("%s: %d bytes of %.500s", tt.name, len(reply), reply)
			}
		}
	}
}

// TestRateLimit checks that a caller who asks for too much has to wait, at both
// doors, and that nobody else has.
func TestRateLimit(t *testing.T) {
	a := harness.New(t, storetest.Open(t, storetest.URL(t, "sqlite3")), func(c *server.Config) { c.RateLimit = 2 })
	asha, ben := a.Staff(t, "asha"), a.Staff(t, "ben")
	ask := func(c harness.Caller, document string) (int, http.Header, string) {
		header := http.Header{"Content-Type": {harness.PlainJSON}, "Authorization": {"Bearer " + c.Token}}
		return a.Do(t, "POST", "/graphql", header, fmt.Sprintf(`{"query":%q}`, document))
	}
	list := func(c harness.Caller) (int, http.Header, string) {
		return a.Do(t, "GET", "/api/patients/", http.Header{"Authorization": {"Bearer " + c.Token}}, "")
	}
	number := func(h http.Header, name string) int {
		n, err := strconv.Atoi(h.Get(name))
		if err != nil {
			t.Fatalf("%s is %q", name, h.Get(name))
		}
		return n
	}
	const burst = 2 * 4 // seconds
	status, answered, _ := ask(asha, "{ viewer { id } }")
	if left := number(answered, "RateLimit-Remaining"); status != 200 || number(answered, "RateLimit-Limit") != burst || left < burst-2 || left > burst-1 || number(answered, "RateLimit-Reset") > 2 {
		t.Errorf("got %d %v", status, answered)
	}
	// An operation that may return 4,000 objects counts as 8 more.
	status, answered, reply := ask(asha, "{ doctors(first: 40) { nodes { patients(first: 100) { nodes { id } } } } }")
	if status != http.StatusTooManyRequests || harness.Code(reply) != "RATE_LIMITED" || number(answered, "Retry-After") < 1 {
		t.Errorf("a costly operation: got %d %v %s", status, answered, reply)
	}
	until := func(send func(harness.Caller) (int, http.Header, string), c harness.Caller) (n int, status int, answered http.Header, reply string) {
		for n = range 200 {
			if status, answered, reply = send(c); status != http.StatusOK {
				break
			}
		}
		return n, status, answered, reply
	}
	n, status, answered, reply := until(func(c harness.Caller) (int, http.Header, string) { return ask(c, "{ viewer { id } }") }, asha)
	if status != http.StatusTooManyRequests || harness.Code(reply) != "RATE_LIMITED" || number(answered, "Retry-After") != 1 || number(answered, "RateLimit-Remaining") != 0 {
		t.Errorf("GraphQL, after %d: got %d %v %s", n, status, answered, reply)
	}
	n, status, answered, reply = until(list, asha)
	if status != http.StatusTooManyRequests || number(answered, "Retry-After") != 1 || number(answered, "RateLimit-Remaining") != 0 || !strings.Contains(reply, `"detail"`) {
		t.Errorf("REST, after %d: got %d %v %s", n, status, answered, reply)
	}
	guarded(t, "429", answered)
	if status, _, _ := list(ben); status != http.StatusOK {
		t.Errorf("another caller: got %d", status)
	}
	if n, status, _, _ := until(list, ben); n < burst-2 || status != http.StatusTooManyRequests {
		t.Errorf("REST: %d after %d requests, want the burst of %d first", status, n, burst)
	}
	if status, _ := a.Send(t, "GET", "/health/", "", ""); status != http.StatusOK {
		t.Errorf("health: %d", status)
	}
	wait := time.NewTimer(time.Duration(number(answered, "Retry-After")) * time.Second)
	<-wait.C
	if status, _, reply := list(asha); status != http.StatusOK {
		t.Errorf("after the wait: %d %s", status, reply)
	}

	free := harness.New(t, storetest.Open(t, storetest.URL(t, "sqlite3")))
	chandra := free.Staff(t, "chandra")
	for range 50 {
		_, answered, _ = free.Do(t, "GET", "/api/patients/", http.Header{"Authorization": {"Bearer " + chandra.Token}}, "")
	}
	if status, _ := free.Send(t, "GET", "/api/patients/", chandra.Token, ""); status != http.StatusOK || answered.Get("RateLimit-Limit") != "" {
		t.Errorf("without a limit: got %d %v", status, answered)
	}
}

// stuck is the answer to a client that does not read it.
type stuck struct {
	*httptest.ResponseRecorder
	reached chan struct{}
	release chan struct{}
}

func (s stuck) Write(b []byte) (int, error) {
	s.reached <- struct{}{}
	<-s.release
	return s.ResponseRecorder.Write(b)
}

// TestConcurrency checks that a server that is busy with as many requests as it
// may be refuses others at once, at both doors, and recovers.
func TestConcurrency(t *testing.T) {
	const most = 3
	db := storetest.Open(t, storetest.URL(t, "sqlite3"))
	asha := harness.New(t, db).Register(t, "asha")
	for _, tt := range []struct {
		name        string
		concurrency int
		want        int
	}{{"MAX_CONCURRENCY=3", most, http.StatusServiceUnavailable}, {"MAX_CONCURRENCY=0", 0, http.StatusOK}} {
		cfg := harness.New(t, db, func(c *server.Config) { c.MaxConcurrency = tt.concurrency }).Cfg
		handler := server.Handler(db, cfg, slog.New(slog.DiscardHandler))
		doors := []*http.Request{
			httptest.NewRequest("POST", "/graphql", nil),
			httptest.NewRequest("GET", "/api/patients/", nil),
		}
		serve := func(door int, w http.ResponseWriter) {
			r := doors[door].Clone(t.Context())
			r.Header = http.Header{"Content-Type": {harness.PlainJSON}, "Authorization": {"Bearer " + asha.Token}}
			r.Body = io.NopCloser(strings.NewReader(`{"query":"{ viewer { id } }"}`))
			handler.ServeHTTP(w, r)
		}
		reached, release := make(chan struct{}), make(chan struct{})
		var held sync.WaitGroup
		for i := range most {
			held.Go(func() {
				w := stuck{httptest.NewRecorder(), reached, release}
				serve(i%len(doors), w)
				if w.Code != http.StatusOK {
					t.Errorf("%s: what was let in got %d %s", tt.name, w.Code, w.Body)
				}
			})
			<-reached
		}
		for door, r := range doors {
			w, start := httptest.NewRecorder(), time.Now()
			serve(door, w)
			t.Logf("%s, %s: %d in %s", tt.name, r.URL, w.Code, time.Since(start))
			if shed := tt.want != http.StatusOK; w.Code != tt.want || shed && w.Header().Get("Retry-After") != "1" || shed && door == 0 && harness.Code(w.Body.String()) != "UNAVAILABLE" {
				t.Errorf("%s, %s: got %d %v %s", tt.name, r.URL, w.Code, w.Header(), w.Body)
			}
			guarded(t, r.URL.Path, w.Header())
		}
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, httptest.NewRequest("GET", "/health/", nil)); w.Code != http.StatusOK {
			t.Errorf("%s, health: %d", tt.name, w.Code)
		}
		close(release)
		go func() { // more than one Write is stuck
			for range reached {
			}
		}()
		held.Wait()
		close(reached)
		for door := range doors {
			w := httptest.NewRecorder()
			if serve(door, w); w.Code != http.StatusOK {
				t.Errorf("%s, afterwards: %d %s", tt.name, w.Code, w.Body)
			}
		}
	}
}

// TestUnguarded checks that the server says at its start which limits are off,
// and nothing if none is.
func TestUnguarded(t *testing.T) {
	with := func(variables ...string) []string {
		c, err := command.Config(func(name string) string {
			for _, v := range append([]string{"DATABASE_URL=sqlite::memory:"}, variables...) {
				if value, ok := strings.CutPrefix(v, name+"="); ok {
					return value
				}
			}
			return ""
		})
		if err != nil {
			t.Fatal(err)
		}
		return c.Unguarded()
	}
	if said := with(); len(said) > 0 {
		t.Errorf("the standard: %q", said)
	}
	limits := []string{
		"LOGIN_LIMIT", "RATE_LIMIT", "MAX_CONCURRENCY", "MAX_COST", "MAX_DEPTH", "MAX_FIELDS", "MAX_ROOT_FIELDS", "MAX_ALIASES",
		"MAX_DIRECTIVES", "MAX_TOKENS", "MAX_DOCUMENT", "MAX_VARIABLES", "MAX_LIST",
	}
	for _, name := range limits {
		said := with(name + "=0")
		if len(said) != 1 || !strings.Contains(said[0], name+" is off") {
			t.Errorf("%s=0: %q", name, said)
		}
	}
	if said := with("ADDR=0.0.0.0:443"); !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, "TLS") }) {
		t.Errorf("without TLS: %q", said)
	}
}
