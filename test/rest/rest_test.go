package rest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// client sends REST anyRequest. What it knows by name stands for $name in paths,
// bodies, headers and answers.
type client struct {
	*harness.API
	known map[string]string
}

func (c *client) expand(text string) string {
	return os.Expand(text, func(name string) string {
		if v, ok := c.known[name]; ok {
			return v
		}
		return "$" + name
	})
}

// answer is that of a REST request. In its body $time stands for each instant,
// $token for each token, and $request for the id of the request.
type answer struct {
	status int
	header http.Header
	body   string
	raw    []byte
}

var (
	anyInstant = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"`)
	anyToken   = regexp.MustCompile(`"eyJ[\w-]+\.[\w-]+\.[\w-]+"`)
	anyRequest = regexp.MustCompile(`"request_id":"[A-Z2-7]{26}"`)
)

// direct does not follow redirects: there are none.
var direct = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// ask sends a request. The media type of a body is JSON unless it is given.
func (c *client) ask(t testing.TB, method, path, authorization, media, body string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.URL+c.expand(path), strings.NewReader(c.expand(body)))
	if err != nil {
		t.Fatal(err)
	}
	if media == "" && body != "" {
		media = "application/json"
	}
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	if authorization != "" {
		r.Header.Set("Authorization", c.expand(authorization))
	}
	response, err := direct.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if inside := harness.Insides.Find(anyToken.ReplaceAllLiteral(raw, nil)); inside != nil {
		t.Errorf("the answer to %s %s has %q: %.1000s", method, path, inside, raw)
	}
	text := anyInstant.ReplaceAllLiteral(raw, []byte(`"$time"`))
	text = anyToken.ReplaceAllLiteral(text, []byte(`"$token"`))
	text = anyRequest.ReplaceAllLiteral(text, []byte(`"request_id":"$request"`))
	return answer{response.StatusCode, response.Header, string(text), raw}
}

// exchange is a request and the whole of its answer. The request is its method
// and path.
type exchange struct {
	name, request, authorization, body string
	status                             int
	want                               string
	save                               string // name of the id in the answer
}

// check makes the exchange, and compares status, body and headers.
func (c *client) check(t testing.TB, e exchange) answer {
	t.Helper()
	method, path, _ := strings.Cut(e.request, " ")
	got := c.ask(t, method, path, e.authorization, "", e.body)
	if e.save != "" {
		var in struct{ ID json.Number }
		if err := json.Unmarshal(got.raw, &in); err != nil || in.ID == "" {
			t.Fatalf("%s: %s: no id in %s", e.name, e.request, got.raw)
		}
		c.known[e.save] = in.ID.String()
	}
	if want := c.expand(e.want); got.status != e.status || got.body != want {
		t.Errorf("%s: %s %s:\ngot  %d %s\nwant %d %s", e.name, e.request, e.body[:min(len(e.body), 200)], got.status, got.body, e.status, want)
	}
	challenge, media := "", "application/json"
	if got.status == http.StatusUnauthorized {
		challenge = `Bearer realm="api"`
	}
	if got.status == http.StatusNoContent {
		media = ""
	}
	if h := got.header; h.Get("Content-Type") != media || h.Get("WWW-Authenticate") != challenge {
		t.Errorf("%s: %s: headers %v", e.name, e.request, h)
	}
	if allow := got.header.Get("Allow"); (allow != "") != (got.status == http.StatusMethodNotAllowed) {
		t.Errorf("%s: %s: Allow is %q", e.name, e.request, allow)
	}
	return got
}

// Records as the documented API shows them.
const (
	readmeDoctor = `{"id":$doctor,"name":"Dr. Sarah Wilson","email":"sarah.wilson@hospital.com","phone":"9876543211","specialization":"Cardiology",` +
		`"license_number":"MED12345","experience_years":10,"address":"456 Hospital Ave","consultation_fee":"500.00","availability":"Mon-Fri 9AM-5PM",` +
		`"created_at":"$time","updated_at":"$time"}`
	readmePatient = `{"id":$patient,"name":"Jane Smith","email":"jane@example.com","phone":"9876543212","date_of_birth":"1990-05-15","address":"123 Main St",` +
		`"gender":"female","blood_group":"A+","emergency_contact":"9876543213","medical_history":"No known allergies","created_by":"john@example.com",` +
		`"created_at":"$time","updated_at":"$time"}`
	readmeMapping = `{"id":$mapping,"patient":$patient,"doctor":$doctor,"patient_details":` + readmePatient + `,"doctor_details":` + readmeDoctor + `,` +
		`"notes":"Regular checkup","is_active":true,"assigned_date":"$time","created_by":"john@example.com","created_at":"$time","updated_at":"$time"}`
)

// TestREADME replays the documented API from top to bottom, and compares the
// whole of every answer.
func TestREADME(t *testing.T) {
	john := "Bearer $access"
	newPatient := strings.ReplaceAll(readmePatient, "Main St", "New St")
	renamed := strings.NewReplacer(`"Dr. Sarah Wilson"`, `"Dr. Sarah W. Wilson"`, `"500.00"`, `"750.50"`)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := &client{harness.New(t, db), map[string]string{}}
		c.check(t, exchange{
			"register", "POST /api/auth/register/", "",
			`{"username":"johndoe","email":"john@example.com","password":"SecurePass123!","phone":"9876543210","role":"patient"}`,
			201, `{"user":{"id":1,"username":"johndoe","email":"john@example.com","phone":"9876543210","role":"patient"},"message":"User registered successfully","tokens":{"refresh":"$token","access":"$token"}}`, "",
		})
		login := c.check(t, exchange{
			"login", "POST /api/auth/login/", "", `{"email":"john@example.com","password":"SecurePass123!"}`,
			200, `{"refresh":"$token","access":"$token","user":{"id":1,"email":"john@example.com","role":"patient"}}`, "",
		})
		var pair struct{ Refresh string }
		if err := json.Unmarshal(login.raw, &pair); err != nil {
			t.Fatal(err)
		}
		c.known["refresh"] = pair.Refresh
		refreshed := c.check(t, exchange{"refresh", "POST /api/auth/token/refresh/", "", `{"refresh":"$refresh"}`, 200, `{"access":"$token"}`, ""})
		var access struct{ Access string }
		if err := json.Unmarshal(refreshed.raw, &access); err != nil {
			t.Fatal(err)
		}
		c.known["access"] = access.Access
		for _, e := range []exchange{
			{"no doctors yet", "GET /api/doctors/", john, "", 200, `[]`, ""},
			{
				"create a doctor", "POST /api/doctors/", john,
				`{"name":"Dr. Sarah Wilson","email":"sarah.wilson@hospital.com","phone":"9876543211","specialization":"Cardiology","license_number":"MED12345","experience_years":10,"address":"456 Hospital Ave","consultation_fee":"500.00","availability":"Mon-Fri 9AM-5PM"}`,
				201, readmeDoctor, "doctor",
			},
			{
				"create a doctor with what is required", "POST /api/doctors/", john,
				`{"name":"Dr. Arun Rao","email":"arun@hospital.com","specialization":"Neurology","license_number":"med-9","experience_years":0,"consultation_fee":0}`,
				201, `{"id":$other,"name":"Dr. Arun Rao","email":"arun@hospital.com","phone":null,"specialization":"Neurology","license_number":"MED-9","experience_years":0,"address":null,"consultation_fee":"0.00","availability":null,"created_at":"$time","updated_at":"$time"}`, "other",
			},
			{"list doctors by name", "GET /api/doctors/", john, "", 200, `[{"id":$other,"name":"Dr. Arun Rao","email":"arun@hospital.com","phone":null,"specialization":"Neurology","license_number":"MED-9","experience_years":0,"address":null,"consultation_fee":"0.00","availability":null,"created_at":"$time","updated_at":"$time"},` + readmeDoctor + `]`, ""},
			{"read a doctor", "GET /api/doctors/$doctor/", john, "", 200, readmeDoctor, ""},
			{"put a doctor", "PUT /api/doctors/$doctor/", john, `{"name":"Dr. Sarah W. Wilson","consultation_fee":750.5}`, 200, renamed.Replace(readmeDoctor), ""},
			{"patch a doctor back", "PATCH /api/doctors/$doctor/", john, `{"name":"Dr. Sarah Wilson","consultation_fee":"500"}`, 200, readmeDoctor, ""},
			{"delete a doctor", "DELETE /api/doctors/$other/", john, "", 204, "", ""},
			{"read a deleted doctor", "GET /api/doctors/$other/", john, "", 404, `{"detail":"Not found."}`, ""},
			{"delete a deleted doctor", "DELETE /api/doctors/$other/", john, "", 404, `{"detail":"Not found."}`, ""},

			{"no patients yet", "GET /api/patients/", john, "", 200, `[]`, ""},
			{
				"create a patient", "POST /api/patients/", john,
				`{"name":"Jane Smith","email":"jane@example.com","phone":"9876543212","date_of_birth":"1990-05-15","address":"123 Main St","gender":"female","blood_group":"A+","emergency_contact":"9876543213","medical_history":"No known allergies"}`,
				201, readmePatient, "patient",
			},
			{
				"create a patient with what is required", "POST /api/patients/", john,
				`{"name":"Om","email":"om@example.com","phone":"+91 98765 43214","date_of_birth":"2001-01-31","address":"Pune","gender":"other"}`,
				201, `{"id":$om,"name":"Om","email":"om@example.com","phone":"9876543214","date_of_birth":"2001-01-31","address":"Pune","gender":"other","blood_group":null,"emergency_contact":null,"medical_history":null,"created_by":"john@example.com","created_at":"$time","updated_at":"$time"}`, "om",
			},
			{"list patients, newest first", "GET /api/patients/", john, "", 200, `[{"id":$om,"name":"Om","email":"om@example.com","phone":"9876543214","date_of_birth":"2001-01-31","address":"Pune","gender":"other","blood_group":null,"emergency_contact":null,"medical_history":null,"created_by":"john@example.com","created_at":"$time","updated_at":"$time"},` + readmePatient + `]`, ""},
			{"read a patient", "GET /api/patients/$patient/", john, "", 200, readmePatient, ""},
			{"put a patient", "PUT /api/patients/$patient/", john, `{"address":"123 New St"}`, 200, newPatient, ""},
			{"patch a patient back", "PATCH /api/patients/$patient/", john, `{"address":"123 Main St"}`, 200, readmePatient, ""},
			{"delete a patient", "DELETE /api/patients/$om/", john, "", 204, "", ""},
			{"read a deleted patient", "GET /api/patients/$om/", john, "", 404, `{"detail":"Not found."}`, ""},

			{"no mappings yet", "GET /api/mappings/", john, "", 200, `[]`, ""},
			{"assign", "POST /api/mappings/", john, `{"patient":$patient,"doctor":$doctor,"notes":"Regular checkup"}`, 201, readmeMapping, "mapping"},
			{"assign again", "POST /api/mappings/", john, `{"patient":$patient,"doctor":$doctor}`, 400, `{"non_field_errors":["This patient is already assigned to this doctor."]}`, ""},
			{"list mappings", "GET /api/mappings/", john, "", 200, `[` + readmeMapping + `]`, ""},
			{"mappings of a patient", "GET /api/mappings/$patient/", john, "", 200, `[` + readmeMapping + `]`, ""},
			{"mappings of a deleted patient", "GET /api/mappings/$om/", john, "", 404, `{"detail":"Not found."}`, ""},
			{"end", "DELETE /api/mappings/$mapping/", john, "", 204, "", ""},
			{"end again", "DELETE /api/mappings/$mapping/", john, "", 204, "", ""},
			{"no mappings any more", "GET /api/mappings/", john, "", 200, `[]`, ""},
			{"no mappings of the patient any more", "GET /api/mappings/$patient/", john, "", 200, `[]`, ""},
			{"assign a removed doctor", "POST /api/mappings/", john, `{"patient":"$patient","doctor":"$doctor","notes":"Regular checkup"}`, 201, readmeMapping, "mapping"},
			{"list mappings, without the ended one", "GET /api/mappings/", john, "", 200, `[` + readmeMapping + `]`, ""},
			{"delete the patient", "DELETE /api/patients/$patient/", john, "", 204, "", ""},
			{"no mappings of a deleted patient", "GET /api/mappings/", john, "", 200, `[]`, ""},
			{"end one that is gone", "DELETE /api/mappings/$mapping/", john, "", 404, `{"detail":"Not found."}`, ""},
		} {
			c.check(t, e)
		}
	})
}
