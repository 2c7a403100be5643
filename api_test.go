package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/ent/user"
	"caregraph/graph"
	"caregraph/internal/auth"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// api is a server on a real database, and what tests ask of it over HTTP.
type api struct {
	url        string
	db         *store.DB
	cfg        config
	statements atomic.Int64 // executed since the start
	log        *journal
}

// journal keeps what the server logs. It may be read while the server writes.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// password is that of every user of a test.
const password = "Aniket@123"

// timeless leaves the time out of the log: its digits are sometimes those of a
// phone number that is looked for.
var timeless = &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}}

// newAPI serves the database until the test ends, with a configuration that
// may be changed. What the server then has logged must tell nothing of those
// who used it.
func newAPI(t testing.TB, db *store.DB, changes ...func(*config)) *api {
	t.Helper()
	a := &api{db: db, log: &journal{}, cfg: config{
		key: []byte(strings.Repeat("k", minKey)), access: time.Hour, refresh: 2 * time.Hour, limits: graph.DefaultLimits,
	}}
	for _, change := range changes {
		change(&a.cfg)
	}
	db.Wrap = func(d dialect.Driver) dialect.Driver {
		return dialect.DebugWithContext(d, func(_ context.Context, v ...any) {
			if line := fmt.Sprint(v...); strings.Contains(line, "query=") {
				a.statements.Add(1)
			}
		})
	}
	server := httptest.NewServer(newHandler(db, a.cfg, slog.New(slog.NewJSONHandler(a.log, timeless))))
	t.Cleanup(func() {
		server.Close()
		for _, planted := range []string{"example.com", password, "98765", "Arjun", "eyJ"} {
			if log := a.log.String(); strings.Contains(log, planted) {
				t.Errorf("the log has %q: %.2000s", planted, log)
			}
		}
	})
	a.url = server.URL
	return a
}

// caller is somebody who sends requests; anonymous without a token.
type caller struct {
	id    int
	email string
	token string
}

// register makes a user with this name and signs it in.
func (a *api) register(t testing.TB, name string) caller {
	t.Helper()
	body := fmt.Sprintf(`{"username":%q,"email":%q,"password":%q,"role":"doctor"}`, name, name+"@example.com", password)
	status, reply := a.send(t, "POST", "/api/auth/register/", "", body)
	var in struct {
		User   struct{ ID int }
		Tokens struct{ Access string }
	}
	if err := json.Unmarshal([]byte(reply), &in); err != nil || status != http.StatusCreated {
		t.Fatalf("register %s: %d %s", name, status, reply)
	}
	return caller{in.User.ID, name + "@example.com", in.Tokens.Access}
}

// staff makes a staff user with this name and signs it in.
func (a *api) staff(t testing.TB, name string) caller {
	t.Helper()
	authn := auth.New(a.db.Client(), a.cfg.auth())
	_, err := authn.CreateUser(t.Context(), auth.Registration{
		Username: name, Email: name + "@example.com", Password: password, Role: user.RoleDoctor, Staff: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	session, err := authn.Login(t.Context(), name+"@example.com", password)
	if err != nil {
		t.Fatal(err)
	}
	return caller{session.User.ID, session.User.Email, session.Access}
}

// send sends a request with a JSON body, if any, and returns the answer.
func (a *api) send(t testing.TB, method, path, token, body string) (status int, reply string) {
	t.Helper()
	header := http.Header{}
	if body != "" {
		header.Set("Content-Type", "application/json")
	}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	status, _, reply = a.do(t, method, path, header, body)
	return status, reply
}

// do sends a request and returns the answer, which must not have anything of
// the inside of the server.
func (a *api) do(t testing.TB, method, path string, header http.Header, body string) (status int, answered http.Header, reply string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	failed := response.StatusCode >= http.StatusBadRequest || bytes.HasPrefix(text, []byte(`{"errors"`))
	if !failed || path != "/graphql" && !strings.HasPrefix(path, "/api/") {
		return response.StatusCode, response.Header, string(text)
	}
	if inside := insides.Find(random.ReplaceAll(text, nil)); inside != nil {
		t.Errorf("the answer to %s %s has %q: %.1000s", method, path, inside, text)
	}
	return response.StatusCode, response.Header, string(text)
}

// random matches what is random in an answer, and so can read like anything.
var random = regexp.MustCompile(`"request_?[iI]d":"[^"]*"|eyJ[\w-]+\.[\w-]+\.[\w-]+`)

// insides matches what no answer may have: text of a database, of Go, of ent.
var insides = regexp.MustCompile(`(?i)\bpq:|\bent[:./]|\bsql|_key\b|constraint|relation "|goroutine|\.go\b|(?-i:json\.[A-Z])|interface ?\{|map\[string|strconv|runtime error|invalid syntax|privacy|caregraph/|panic|nil pointer|float64|int64`)

// query executes a GraphQL document with variables, which may be nil.
func (a *api) query(t testing.TB, c caller, document string, variables map[string]any) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	_, reply := a.send(t, "POST", "/graphql", c.token, string(body))
	return reply
}

// must executes a GraphQL document that must succeed, and returns the reply.
func (a *api) must(t testing.TB, c caller, document string, variables map[string]any) string {
	t.Helper()
	reply := a.query(t, c, document, variables)
	if strings.Contains(reply, `"errors"`) {
		t.Fatalf("%s: %s", document, reply)
	}
	return reply
}

// expect executes a GraphQL document. want is the whole reply, or else all its
// failures as failures tells them.
func (a *api) expect(t testing.TB, name string, c caller, document string, variables map[string]any, want ...string) {
	t.Helper()
	reply := a.query(t, c, document, variables)
	if strings.HasPrefix(want[0], "{") {
		if reply != want[0] {
			t.Errorf("%s:\ngot  %s\nwant %s", name, reply, want[0])
		}
		return
	}
	if got := failures(t, reply); !slices.Equal(got, want) {
		t.Errorf("%s: got %s, want the failures %q", name, reply, want)
	}
}

// read is must; the reply goes into a struct.
func (a *api) read(t testing.TB, c caller, document string, variables map[string]any, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.must(t, c, document, variables)), into); err != nil {
		t.Fatal(err)
	}
}

// login signs in over REST.
func (a *api) login(t testing.TB, email string) (tokens struct{ Access, Refresh string }) {
	t.Helper()
	status, reply := a.send(t, "POST", "/api/auth/login/", "", fmt.Sprintf(`{"email":%q,"password":%q}`, email, password))
	if err := json.Unmarshal([]byte(reply), &tokens); err != nil || status != http.StatusOK {
		t.Fatalf("log in: %d %s", status, reply)
	}
	return tokens
}

// today is the date in India.
func today() time.Time { return time.Now().In(time.FixedZone("IST", 5*60*60+30*60)) }

// create executes a mutation that must succeed, and returns the id of what its
// field result made.
func (a *api) create(t testing.TB, c caller, document string, variables map[string]any) int {
	t.Helper()
	reply := a.query(t, c, document, variables)
	var in struct {
		Data struct{ Result struct{ ID string } }
	}
	if err := json.Unmarshal([]byte(reply), &in); err != nil {
		t.Fatalf("%v in %s", err, reply)
	}
	id, err := strconv.Atoi(in.Data.Result.ID)
	if err != nil {
		t.Fatalf("no id in %s", reply)
	}
	return id
}

func (a *api) createPatient(t testing.TB, c caller, name string) int {
	t.Helper()
	return a.create(t, c, `mutation($name: String!) { result: createPatient(input: {
		name: $name, email: "family@example.com", phone: "9876543210", dateOfBirth: "1990-05-15", address: "12 MG Road, Pune", gender: FEMALE
	}) { id } }`, map[string]any{"name": name})
}

func (a *api) createDoctor(t testing.TB, c caller, name, license string) int {
	t.Helper()
	return a.create(t, c, `mutation($name: String!, $license: String!) { result: createDoctor(input: {
		name: $name, email: "doctor@example.com", specialization: "Cardiology", licenseNumber: $license, experienceYears: 7, consultationFee: "1500"
	}) { id } }`, map[string]any{"name": name, "license": license})
}

func (a *api) assign(t testing.TB, c caller, patient, doctor int) int {
	t.Helper()
	return a.create(t, c, `mutation($patient: ID!, $doctor: ID!) { result: assignDoctor(input: {patientId: $patient, doctorId: $doctor}) { id } }`,
		map[string]any{"patient": patient, "doctor": doctor})
}

// operation returns a document that dashboards send.
func operation(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "operations", name+".graphql"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// failures returns the code of each error of a GraphQL reply, followed by a
// colon and the field at fault if one is.
func failures(t testing.TB, reply string) []string {
	t.Helper()
	var in struct {
		Errors []struct{ Extensions struct{ Code, Field string } }
	}
	if err := json.Unmarshal([]byte(reply), &in); err != nil {
		t.Fatalf("%v in %s", err, reply)
	}
	var codes []string
	for _, e := range in.Errors {
		code := e.Extensions.Code
		if e.Extensions.Field != "" {
			code += ":" + e.Extensions.Field
		}
		codes = append(codes, code)
	}
	return codes
}

// together calls f n times at once and returns what each call did.
func together(n int, f func(i int) string) []string {
	results := make([]string, n)
	start := make(chan struct{})
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			<-start
			results[i] = f(i)
		})
	}
	close(start)
	running.Wait()
	return results
}
