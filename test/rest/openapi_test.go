package rest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestOpenAPI checks the description of the REST API against real answers: each
// described operation is called with good input and with none, and the status
// and body must be described.
func TestOpenAPI(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		_, text := a.Send(t, "GET", "/openapi.json", "", "")
		description, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource("openapi.json", description); err != nil {
			t.Fatal(err)
		}
		patient, doctor := a.CreatePatient(t, asha, "Arjun"), a.CreateDoctor(t, asha, "Kavya", "MCI-1")
		person := `"name":"Arjun","email":"arjun@example.com","phone":"9876543210","address":"Pune"`
		bodies := map[string]string{
			"Register":      `{"username":"ben","email":"ben@example.com","password":"Aniket@123","role":"patient"}`,
			"Login":         `{"email":"asha@example.com","password":"Aniket@123"}`,
			"Refresh":       `{"refresh":"` + a.RefreshToken(t, asha) + `"}`,
			"CreatePatient": `{` + person + `,"date_of_birth":"1990-05-15","gender":"female","blood_group":"B+"}`,
			"UpdatePatient": `{"name":"Arjun Rao"}`,
			"CreateDoctor":  `{` + person + `,"specialization":"ENT","license_number":"MCI-2","experience_years":7,"consultation_fee":"1500.00"}`,
			"UpdateDoctor":  `{"consultation_fee":1200}`,
			"AssignDoctor":  fmt.Sprintf(`{"patient":%d,"doctor":%d}`, patient, doctor),
		}
		var api struct {
			Paths map[string]map[string]struct {
				OperationID string
				Security    *[]any
				Responses   map[string]any
			}
		}
		if err := json.Unmarshal([]byte(text), &api); err != nil {
			t.Fatal(err)
		}
		for _, method := range []string{"post", "get", "put", "patch", "delete"} { // so that lists have rows
			for path, operations := range api.Paths {
				o, ok := operations[method]
				if !ok {
					continue
				}
				name := strings.TrimSuffix(o.OperationID, "ByPut")
				id := patient
				if strings.Contains(path, "doctors") {
					id = doctor
				}
				url := strings.ReplaceAll(path, "{id}", strconv.Itoa(id))
				token := asha.Token
				if o.Security != nil {
					token = ""
				}
				for _, call := range []struct{ url, token, body string }{
					{url, token, bodies[name]},
					{url, token, "{}"},
					{url, "", bodies[name]},
					{strings.ReplaceAll(path, "{id}", "999"), token, bodies[name]},
				} {
					status, reply := a.Send(t, strings.ToUpper(method), call.url, call.token, call.body)
					if o.Responses[strconv.Itoa(status)] == nil {
						t.Errorf("%s %s answered %d, which is not described", method, path, status)
						continue
					}
					if status == http.StatusNoContent {
						continue
					}
					pointer := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(path)
					schema, err := compiler.Compile("openapi.json#/paths/" + pointer + "/" + method + "/responses/" + strconv.Itoa(status) + "/content/application~1json/schema")
					if err != nil {
						t.Fatal(err)
					}
					value, err := jsonschema.UnmarshalJSON(strings.NewReader(reply))
					if err != nil {
						t.Fatal(err)
					}
					if err := schema.Validate(value); err != nil {
						t.Errorf("%s %s: %d %s: %v", method, path, status, reply, err)
					}
				}
			}
		}
	})
}

// TestSwagger checks that the pages that show the description need no other
// host.
func TestSwagger(t *testing.T) {
	a := harness.New(t, storetest.Open(t, storetest.URL(t, "sqlite3")))
	for _, path := range []string{"/swagger/", "/swagger/swagger-ui.css", "/swagger/swagger-ui-bundle.js"} {
		status, page := a.Send(t, "GET", path, "", "")
		if status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
		if path == "/swagger/" && (strings.Contains(page, `="http`) || strings.Contains(page, `="//`)) {
			t.Errorf("the page names another host")
		}
	}
}

// TestCrossOrigin checks whose pages may use the API.
func TestCrossOrigin(t *testing.T) {
	tests := []struct {
		allowed []server.Origin
		origin  string
		want    string // Access-Control-Allow-Origin
	}{
		{nil, "https://clinic.example", ""},
		{[]server.Origin{"https://clinic.example"}, "https://clinic.example", "https://clinic.example"},
		{[]server.Origin{"https://clinic.example"}, "https://clinic.example.evil.example", ""},
		{[]server.Origin{"https://clinic.example"}, "null", ""},
		{[]server.Origin{"*"}, "https://clinic.example", "*"},
	}
	for _, tt := range tests {
		a := harness.New(t, storetest.Open(t, storetest.URL(t, dialect.SQLite)), func(c *server.Config) { c.AllowedOrigins = tt.allowed })
		for _, method := range []string{"OPTIONS", "GET"} {
			r := httptest.NewRequest(method, "/api/patients/", bytes.NewReader(nil))
			r.Header.Set("Origin", tt.origin)
			if method == "OPTIONS" {
				r.Header.Set("Access-Control-Request-Method", "PATCH")
				r.Header.Set("Access-Control-Request-Headers", "authorization")
			}
			w := httptest.NewRecorder()
			server.Handler(a.DB, a.Cfg, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != tt.want {
				t.Errorf("%v, %s from %s: got %q, want %q", tt.allowed, method, tt.origin, got, tt.want)
			}
		}
	}
}
