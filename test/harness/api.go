// Package harness is what the tests over HTTP share: a server on a database of
// its own, callers, and the program as a process.
package harness

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
	"caregraph/internal/auth"
	"caregraph/internal/command"
	"caregraph/internal/server"
	"caregraph/internal/store"
)

// API is a server on a real database, and what tests ask of it over HTTP.
type API struct {
	URL        string
	DB         *store.DB
	Cfg        server.Config
	Statements atomic.Int64 // executed since the start
	Log        *Journal
}

// Journal keeps what the server logs. It may be read while the server writes.
type Journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *Journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *Journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// Path returns the path of a file of the project, such as schema.graphqls, for
// the tests of a package in test/.
func Path(name string) string { return filepath.Join("..", "..", filepath.FromSlash(name)) }

// Password is that of every user of a test.
const Password = "Aniket@123"

// Timeless leaves the time out of the log: its digits are sometimes those of a
// phone number that is looked for.
var Timeless = &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}}

// New serves the database until the test ends, with a configuration that
// may be changed. What the server then has logged must tell nothing of those
// who used it.
func New(t testing.TB, db *store.DB, changes ...func(*server.Config)) *API {
	t.Helper()
	return serve(t, db, func(cfg server.Config, log *slog.Logger) http.Handler { return server.Handler(db, cfg, log) }, changes)
}

// serve serves the database by a handler that is made of the configuration.
func serve(t testing.TB, db *store.DB, handler func(server.Config, *slog.Logger) http.Handler, changes []func(*server.Config)) *API {
	t.Helper()
	cfg, err := command.Config(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	cfg.Key, cfg.AccessTokenLifetime, cfg.RefreshTokenLifetime = []byte(strings.Repeat("k", server.MinKey)), time.Hour, 2*time.Hour
	cfg.LoginLimit, cfg.RateLimit, cfg.MaxConcurrency = 0, 0, 0
	a := &API{DB: db, Log: &Journal{}, Cfg: cfg}
	for _, change := range changes {
		change(&a.Cfg)
	}
	db.Wrap = func(d dialect.Driver) dialect.Driver {
		return dialect.DebugWithContext(d, func(_ context.Context, v ...any) {
			if line := fmt.Sprint(v...); strings.Contains(line, "query=") {
				a.Statements.Add(1)
			}
		})
	}
	h := httptest.NewServer(handler(a.Cfg, slog.New(slog.NewJSONHandler(a.Log, Timeless))))
	t.Cleanup(func() {
		h.Close()
		for _, planted := range []string{"example.com", Password, "98765", "Arjun", "eyJ"} {
			if log := a.Log.String(); strings.Contains(log, planted) {
				t.Errorf("the log has %q: %.2000s", planted, log)
			}
		}
	})
	a.URL = h.URL
	return a
}

// Caller is somebody who sends requests; anonymous without a token.
type Caller struct {
	ID    int
	Email string
	Token string
}

// Register makes a user with this name, of role doctor, and signs it in.
func (a *API) Register(t testing.TB, name string) Caller {
	t.Helper()
	return a.RegisterAs(t, name, "doctor")
}

// RegisterAs makes a user with this name and role, and signs it in.
func (a *API) RegisterAs(t testing.TB, name, role string) Caller {
	t.Helper()
	body := fmt.Sprintf(`{"username":%q,"email":%q,"password":%q,"role":%q}`, name, name+"@example.com", Password, role)
	status, reply := a.Send(t, "POST", "/api/auth/register/", "", body)
	var in struct {
		User   struct{ ID int }
		Tokens struct{ Access string }
	}
	if err := json.Unmarshal([]byte(reply), &in); err != nil || status != http.StatusCreated {
		t.Fatalf("register %s: %d %s", name, status, reply)
	}
	return Caller{in.User.ID, name + "@example.com", in.Tokens.Access}
}

// Staff makes a staff user with this name and signs it in.
func (a *API) Staff(t testing.TB, name string) Caller {
	t.Helper()
	authn := auth.New(a.DB.Client(), a.Cfg.Auth())
	_, err := authn.CreateUser(t.Context(), auth.Registration{
		Username: name, Email: name + "@example.com", Password: Password, Role: user.RoleDoctor, Staff: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	session, err := authn.Login(t.Context(), name+"@example.com", Password)
	if err != nil {
		t.Fatal(err)
	}
	return Caller{session.User.ID, session.User.Email, session.Access}
}

// Send sends a request with a JSON body, if any, and returns the answer.
func (a *API) Send(t testing.TB, method, path, token, body string) (status int, reply string) {
	t.Helper()
	header := http.Header{}
	if body != "" {
		header.Set("Content-Type", "application/json")
	}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	status, _, reply = a.Do(t, method, path, header, body)
	return status, reply
}

// Do sends a request and returns the answer, which must not have anything of
// the inside of the server.
func (a *API) Do(t testing.TB, method, path string, header http.Header, body string) (status int, answered http.Header, reply string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, a.URL+path, strings.NewReader(body))
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
	if !failed || !strings.HasPrefix(path, "/graphql") && !strings.HasPrefix(path, "/api/") {
		return response.StatusCode, response.Header, string(text)
	}
	if inside := Insides.Find(random.ReplaceAll(text, nil)); inside != nil {
		t.Errorf("the answer to %s %s has %q: %.1000s", method, path, inside, text)
	}
	return response.StatusCode, response.Header, string(text)
}

// random matches what is random in an answer, and so can read like anything.
var random = regexp.MustCompile(`"request_?[iI]d":"[^"]*"|eyJ[\w-]+\.[\w-]+\.[\w-]+`)

// Insides matches what no answer may have: text of a database, of Go, of ent.
var Insides = regexp.MustCompile(`(?i)\bpq:|\bent[:./]|\bsql|_key\b|constraint|relation "|goroutine|\.go\b|(?-i:json\.[A-Z])|interface ?\{|map\[string|strconv|runtime error|invalid syntax|privacy|caregraph/|panic|nil pointer|float64|int64`)

// Query executes a GraphQL document with variables, which may be nil.
func (a *API) Query(t testing.TB, c Caller, document string, variables map[string]any) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	_, reply := a.Send(t, "POST", "/graphql", c.Token, string(body))
	return reply
}

// Must executes a GraphQL document that must succeed, and returns the reply.
func (a *API) Must(t testing.TB, c Caller, document string, variables map[string]any) string {
	t.Helper()
	reply := a.Query(t, c, document, variables)
	if strings.Contains(reply, `"errors"`) {
		t.Fatalf("%s: %s", document, reply)
	}
	return reply
}

// Expect executes a GraphQL document. want is the whole reply, or else all its
// failures as Failures tells them.
func (a *API) Expect(t testing.TB, name string, c Caller, document string, variables map[string]any, want ...string) {
	t.Helper()
	reply := a.Query(t, c, document, variables)
	if strings.HasPrefix(want[0], "{") {
		if reply != want[0] {
			t.Errorf("%s:\ngot  %s\nwant %s", name, reply, want[0])
		}
		return
	}
	if got := Failures(t, reply); !slices.Equal(got, want) {
		t.Errorf("%s: got %s, want the failures %q", name, reply, want)
	}
}

// Read is Must; the reply goes into a struct.
func (a *API) Read(t testing.TB, c Caller, document string, variables map[string]any, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.Must(t, c, document, variables)), into); err != nil {
		t.Fatal(err)
	}
}

// Login signs in over REST.
func (a *API) Login(t testing.TB, email string) (tokens struct{ Access, Refresh string }) {
	t.Helper()
	status, reply := a.Send(t, "POST", "/api/auth/login/", "", fmt.Sprintf(`{"email":%q,"password":%q}`, email, Password))
	if err := json.Unmarshal([]byte(reply), &tokens); err != nil || status != http.StatusOK {
		t.Fatalf("log in: %d %s", status, reply)
	}
	return tokens
}

// Today is the date in India.
func Today() time.Time { return time.Now().In(time.FixedZone("IST", 5*60*60+30*60)) }

// Create executes a mutation that must succeed, and returns the id of what its
// field result made.
func (a *API) Create(t testing.TB, c Caller, document string, variables map[string]any) int {
	t.Helper()
	reply := a.Query(t, c, document, variables)
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

func (a *API) CreatePatient(t testing.TB, c Caller, name string) int {
	t.Helper()
	return a.Create(t, c, `mutation($name: String!) { result: createPatient(input: {
		name: $name, email: "family@example.com", phone: "9876543210", dateOfBirth: "1990-05-15", address: "12 MG Road, Pune", gender: FEMALE
	}) { id } }`, map[string]any{"name": name})
}

func (a *API) CreateDoctor(t testing.TB, c Caller, name, license string) int {
	t.Helper()
	return a.Create(t, c, `mutation($name: String!, $license: String!) { result: createDoctor(input: {
		name: $name, email: "doctor@example.com", specialization: "Cardiology", licenseNumber: $license, experienceYears: 7, consultationFee: "1500"
	}) { id } }`, map[string]any{"name": name, "license": license})
}

func (a *API) Assign(t testing.TB, c Caller, patient, doctor int) int {
	t.Helper()
	return a.Create(t, c, `mutation($patient: ID!, $doctor: ID!) { result: assignDoctor(input: {patientId: $patient, doctorId: $doctor}) { id } }`,
		map[string]any{"patient": patient, "doctor": doctor})
}

// Operation returns a document that dashboards send.
func Operation(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(Path("test/harness/testdata/operations/" + name + ".graphql"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Failures returns the code of each error of a GraphQL reply, followed by a
// colon and the field at fault if one is.
func Failures(t testing.TB, reply string) []string {
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

// Together calls f n times at once and returns what each call did.
func Together(n int, f func(i int) string) []string {
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
