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
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/ent/user"
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
	log        *bytes.Buffer
}

// password is that of every user of a test.
const password = "Aniket@123"

// newAPI serves the database until the test ends.
func newAPI(t testing.TB, db *store.DB) *api {
	t.Helper()
	a := &api{db: db, log: &bytes.Buffer{}, cfg: config{
		key: []byte(strings.Repeat("k", minKey)), access: time.Hour, refresh: 2 * time.Hour,
	}}
	db.Wrap = func(d dialect.Driver) dialect.Driver {
		return dialect.DebugWithContext(d, func(_ context.Context, v ...any) {
			if line := fmt.Sprint(v...); strings.Contains(line, "query=") {
				a.statements.Add(1)
			}
		})
	}
	server := httptest.NewServer(newHandler(db, a.cfg, slog.New(slog.NewJSONHandler(a.log, nil))))
	t.Cleanup(server.Close)
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
	authn := auth.New(a.db.Client(), a.cfg.key, time.Hour, time.Hour)
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
	request, err := http.NewRequestWithContext(t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

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
