package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"caregraph/internal/dataset"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

// client sends REST anyRequest. What it knows by name stands for $name in paths,
// bodies, headers and answers.
type client struct {
	*api
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
	r, err := http.NewRequestWithContext(t.Context(), method, c.url+c.expand(path), strings.NewReader(c.expand(body)))
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
	if inside := insides.Find(anyToken.ReplaceAllLiteral(raw, nil)); inside != nil {
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

// bearer returns the header Authorization of the caller.
func (c caller) bearer() string { return "Bearer " + c.token }

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
		c := &client{newAPI(t, db), map[string]string{}}
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

// contract is a server with the records that the tables below are about: Asha
// owns the patient Arjun, Ben owns Bela. Bela is assigned to Dr. Shah; nobody
// else is assigned to anybody.
func contract(t testing.TB, db *store.DB) *client {
	t.Helper()
	c := &client{newAPI(t, db), map[string]string{}}
	asha, ben := c.register(t, "asha"), c.register(t, "ben")
	c.known["asha"], c.known["ben"] = asha.bearer(), ben.bearer()
	arjun, bela := c.createPatient(t, asha, "Arjun"), c.createPatient(t, ben, "Bela")
	rao, shah := c.createDoctor(t, asha, "Dr. Rao", "MCI-1"), c.createDoctor(t, ben, "Dr. Shah", "MCI-2")
	mapping := c.assign(t, ben, bela, shah)
	for name, id := range map[string]int{"arjun": arjun, "bela": bela, "rao": rao, "shah": shah, "mapping": mapping} {
		c.known[name] = strconv.Itoa(id)
	}
	return c
}

// stored returns what the database has of everything that anyRequest change.
func (c *client) stored(t testing.TB) string {
	t.Helper()
	var all string
	for _, table := range []string{"users", "doctors", "patients", "mappings"} {
		rows, err := c.db.QueryContext(t.Context(), "SELECT * FROM "+table+" ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			for i, column := range columns {
				if column != "last_login" {
					all += fmt.Sprint(column, "=", *values[i].(*any), " ")
				}
			}
			all += "\n"
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	return all
}

// Bodies that are right.
const (
	goodUser    = `{"username":"chandra","email":"chandra@example.com","password":"Aniket@123","phone":"9876500000","role":"patient"}`
	goodDoctor  = `{"name":"Dr. Iyer","email":"iyer@example.com","phone":"9876500001","specialization":"ENT","license_number":"MCI-7","experience_years":7,"address":"Pune","consultation_fee":"1500","availability":"Mon"}`
	goodPatient = `{"name":"Om","email":"om@example.com","phone":"9876500002","date_of_birth":"2001-01-31","address":"Pune","gender":"male","blood_group":"B+","emergency_contact":"Asha","medical_history":"None"}`
	goodMapping = `{"patient":$arjun,"doctor":$rao,"notes":"First visit"}`
)

// changed returns the body with the JSON value in place of that of the key; the
// key is left out without a value.
func changed(t testing.TB, body, key, value string) string {
	t.Helper()
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(strings.NewReplacer("$arjun", "1", "$rao", "1").Replace(body)), &members); err != nil {
		t.Fatal(err)
	}
	if delete(members, key); value != "" {
		members[key] = json.RawMessage(value)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(members); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Messages of the documented API.
const (
	isRequired = "This field is required."
	isBlank    = "This field may not be blank."
	isNull     = "This field may not be null."
	isNoText   = "Not a valid string."
	hasNUL     = "Null characters are not allowed."
	badEmail   = "Enter a valid email address."
	badDate    = "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."
	badNumber  = "A valid number is required."
	badInteger = "A valid integer is required."
	badPhone   = "Enter a valid 10-digit phone number."
)

func longer(n int) string { return fmt.Sprintf("Ensure this field has no more than %d characters.", n) }

// TestRESTFields checks every kind of mistake in every field: the answer names
// the field and nothing else, and nothing is stored.
func TestRESTFields(t *testing.T) {
	// text is a field of text: its limit in characters, or 0 if it is shorter by
	// its form, and whether it may be left out or blank.
	type text struct {
		path, body, field string
		limit             int
		optional, empty   bool
	}
	texts := []text{
		{"/api/auth/register/", goodUser, "username", 150, false, false},
		{"/api/auth/register/", goodUser, "email", 254, false, false},
		{"/api/auth/register/", goodUser, "password", 256, false, false},
		{"/api/auth/register/", goodUser, "phone", 0, true, false},
		{"/api/doctors/", goodDoctor, "name", 100, false, false},
		{"/api/doctors/", goodDoctor, "email", 254, false, false},
		{"/api/doctors/", goodDoctor, "phone", 0, true, false},
		{"/api/doctors/", goodDoctor, "specialization", 100, false, false},
		{"/api/doctors/", goodDoctor, "license_number", 50, false, false},
		{"/api/doctors/", goodDoctor, "address", 20_000, true, true},
		{"/api/doctors/", goodDoctor, "availability", 200, true, true},
		{"/api/patients/", goodPatient, "name", 100, false, false},
		{"/api/patients/", goodPatient, "email", 254, false, false},
		{"/api/patients/", goodPatient, "phone", 0, false, false},
		{"/api/patients/", goodPatient, "address", 20_000, false, false},
		{"/api/patients/", goodPatient, "emergency_contact", 20_000, true, true},
		{"/api/patients/", goodPatient, "medical_history", 20_000, true, true},
		{"/api/mappings/", goodMapping, "notes", 20_000, true, true},
	}
	// mistake is a field of any kind with a wrong value.
	type mistake struct{ path, body, field, value, message string }
	mistakes := []mistake{
		{"/api/auth/register/", goodUser, "username", `"a b"`, "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."},
		{"/api/auth/register/", goodUser, "username", `"asha"`, "A user with that username already exists."},
		{"/api/auth/register/", goodUser, "email", `"x"`, badEmail},
		{"/api/auth/register/", goodUser, "email", `7`, badEmail},
		{"/api/auth/register/", goodUser, "email", `" ASHA@example.com"`, "user with this email already exists."},
		{"/api/auth/register/", goodUser, "password", `"short"`, "This password is too short. It must contain at least 8 characters."},
		{"/api/auth/register/", goodUser, "password", `12345678`, "This password is entirely numeric."},
		{"/api/auth/register/", goodUser, "phone", `"12345"`, badPhone},
		{"/api/auth/register/", goodUser, "role", `"Doctor"`, `"Doctor" is not a valid choice.`},
		{"/api/auth/register/", goodUser, "role", `"admin"`, `"admin" is not a valid choice.`},
		{"/api/auth/register/", goodUser, "role", `""`, `"" is not a valid choice.`},
		{"/api/auth/register/", goodUser, "role", `null`, isNull},
		{"/api/auth/register/", goodUser, "role", ``, isRequired},
		{"/api/auth/register/", goodUser, "role", `7`, `"7" is not a valid choice.`},
		{"/api/auth/register/", goodUser, "role", `["doctor"]`, `"["doctor"]" is not a valid choice.`},
		{"/api/auth/login/", `{"email":"asha@example.com","password":"Aniket@123"}`, "email", ``, isRequired},
		{"/api/auth/login/", `{"email":"asha@example.com","password":"Aniket@123"}`, "email", `" "`, isBlank},
		{"/api/auth/login/", `{"email":"asha@example.com","password":"Aniket@123"}`, "email", `null`, isNull},
		{"/api/auth/login/", `{"email":"asha@example.com","password":"Aniket@123"}`, "email", `{}`, isNoText},
		{"/api/auth/login/", `{"email":"asha@example.com","password":"Aniket@123"}`, "password", ``, isRequired},
		{"/api/auth/login/", `{"email":"asha@example.com","password":"Aniket@123"}`, "password", `""`, isBlank},
		{"/api/auth/login/", `{"email":"asha@example.com","password":"Aniket@123"}`, "password", `false`, isNoText},
		{"/api/auth/token/refresh/", `{}`, "refresh", ``, isRequired},
		{"/api/auth/token/refresh/", `{}`, "refresh", `""`, isBlank},
		{"/api/auth/token/refresh/", `{}`, "refresh", `null`, isNull},
		{"/api/auth/token/refresh/", `{}`, "refresh", `[]`, isNoText},
		{"/api/doctors/", goodDoctor, "email", `"a@b"`, badEmail},
		{"/api/doctors/", goodDoctor, "license_number", `"mci-1"`, "doctor with this license number already exists."},
		{"/api/doctors/", goodDoctor, "license_number", `"ABC"`, "A license number has at least 3 characters and a digit."},
		{"/api/doctors/", goodDoctor, "experience_years", ``, isRequired},
		{"/api/doctors/", goodDoctor, "experience_years", `null`, isNull},
		{"/api/doctors/", goodDoctor, "experience_years", `""`, badInteger},
		{"/api/doctors/", goodDoctor, "experience_years", `"x"`, badInteger},
		{"/api/doctors/", goodDoctor, "experience_years", `7.5`, badInteger},
		{"/api/doctors/", goodDoctor, "experience_years", `true`, badInteger},
		{"/api/doctors/", goodDoctor, "experience_years", `[7]`, badInteger},
		{"/api/doctors/", goodDoctor, "experience_years", `9223372036854775808`, badInteger},
		{"/api/doctors/", goodDoctor, "experience_years", `1e300`, badInteger},
		{"/api/doctors/", goodDoctor, "experience_years", `"1e999999999"`, badInteger},
		{"/api/doctors/", goodDoctor, "experience_years", `"NaN"`, badInteger},
		{"/api/doctors/", goodDoctor, "experience_years", `-1`, "Experience years cannot be negative."},
		{"/api/doctors/", goodDoctor, "experience_years", `71`, "Experience years seems unrealistic."},
		{"/api/doctors/", goodDoctor, "experience_years", `9223372036854775807`, "Experience years seems unrealistic."},
		{"/api/doctors/", goodDoctor, "consultation_fee", ``, isRequired},
		{"/api/doctors/", goodDoctor, "consultation_fee", `null`, isNull},
		{"/api/doctors/", goodDoctor, "consultation_fee", `""`, badNumber},
		{"/api/doctors/", goodDoctor, "consultation_fee", `"free"`, badNumber},
		{"/api/doctors/", goodDoctor, "consultation_fee", `true`, badNumber},
		{"/api/doctors/", goodDoctor, "consultation_fee", `{}`, badNumber},
		{"/api/doctors/", goodDoctor, "consultation_fee", `"NaN"`, badNumber},
		{"/api/doctors/", goodDoctor, "consultation_fee", `"Infinity"`, badNumber},
		{"/api/doctors/", goodDoctor, "consultation_fee", `"1e999999999"`, badNumber},
		{"/api/doctors/", goodDoctor, "consultation_fee", `"-1e400"`, badNumber},
		{"/api/doctors/", goodDoctor, "consultation_fee", `9223372036854775808`, badNumber},
		{"/api/doctors/", goodDoctor, "consultation_fee", `1500.001`, "Ensure that there are no more than 2 decimal places."},
		{"/api/doctors/", goodDoctor, "consultation_fee", `"1e-3"`, "Ensure that there are no more than 2 decimal places."},
		{"/api/doctors/", goodDoctor, "consultation_fee", `-0.01`, "Consultation fee cannot be negative."},
		{"/api/doctors/", goodDoctor, "consultation_fee", `"100000.01"`, "Consultation fee seems unrealistic."},
		{"/api/doctors/", goodDoctor, "consultation_fee", `1e12`, "Consultation fee seems unrealistic."},
		{"/api/patients/", goodPatient, "phone", `12345`, badPhone},
		{"/api/patients/", goodPatient, "date_of_birth", ``, isRequired},
		{"/api/patients/", goodPatient, "date_of_birth", `null`, isNull},
		{"/api/patients/", goodPatient, "date_of_birth", `""`, badDate},
		{"/api/patients/", goodPatient, "date_of_birth", `"15-05-1990"`, badDate},
		{"/api/patients/", goodPatient, "date_of_birth", `"1990-02-30"`, badDate},
		{"/api/patients/", goodPatient, "date_of_birth", `19900515`, badDate},
		{"/api/patients/", goodPatient, "date_of_birth", `true`, badDate},
		{"/api/patients/", goodPatient, "date_of_birth", `"1990-05-15\u0000"`, badDate},
		{"/api/patients/", goodPatient, "date_of_birth", `"2999-01-01"`, "Date of birth cannot be in the future."},
		{"/api/patients/", goodPatient, "date_of_birth", `"1879-12-31"`, "Date of birth cannot be before 1880."},
		{"/api/patients/", goodPatient, "gender", ``, isRequired},
		{"/api/patients/", goodPatient, "gender", `null`, isNull},
		{"/api/patients/", goodPatient, "gender", `"MALE"`, `"MALE" is not a valid choice.`},
		{"/api/patients/", goodPatient, "gender", `"<m&\"\u0000é>"`, `"<m&"` + "\x00" + `é>" is not a valid choice.`},
		{"/api/patients/", goodPatient, "blood_group", `"B_POSITIVE"`, `"B_POSITIVE" is not a valid choice.`},
		{"/api/patients/", goodPatient, "blood_group", `""`, `"" is not a valid choice.`},
		{"/api/patients/", goodPatient, "blood_group", `true`, `"true" is not a valid choice.`},
		{"/api/mappings/", goodMapping, "patient", ``, isRequired},
		{"/api/mappings/", goodMapping, "patient", `null`, isNull},
		{"/api/mappings/", goodMapping, "patient", `99`, `Invalid pk "99" - object does not exist.`},
		{"/api/mappings/", goodMapping, "patient", `"99"`, `Invalid pk "99" - object does not exist.`},
		{"/api/mappings/", goodMapping, "patient", `0`, `Invalid pk "0" - object does not exist.`},
		{"/api/mappings/", goodMapping, "patient", `-1`, `Invalid pk "-1" - object does not exist.`},
		{"/api/mappings/", goodMapping, "patient", `2`, `Invalid pk "2" - object does not exist.`}, // Bela is Ben's
		{"/api/mappings/", goodMapping, "patient", `9223372036854775807`, `Invalid pk "9223372036854775807" - object does not exist.`},
		{"/api/mappings/", goodMapping, "patient", `"x"`, "Incorrect type. Expected pk value, received str."},
		{"/api/mappings/", goodMapping, "patient", `1.5`, "Incorrect type. Expected pk value, received float."},
		{"/api/mappings/", goodMapping, "patient", `true`, "Incorrect type. Expected pk value, received bool."},
		{"/api/mappings/", goodMapping, "patient", `{}`, "Incorrect type. Expected pk value, received dict."},
		{"/api/mappings/", goodMapping, "patient", `[]`, "Incorrect type. Expected pk value, received list."},
		{"/api/mappings/", goodMapping, "doctor", ``, isRequired},
		{"/api/mappings/", goodMapping, "doctor", `99`, `Invalid pk "99" - object does not exist.`},
		{"/api/mappings/", goodMapping, "doctor", `9223372036854775808`, "Incorrect type. Expected pk value, received int."},
	}
	for _, f := range texts {
		add := func(value, message string) {
			mistakes = append(mistakes, mistake{f.path, f.body, f.field, value, message})
		}
		add(`[]`, isNoText)
		add(`{"a":"b"}`, isNoText)
		add(`true`, isNoText)
		switch {
		case f.limit > 0:
			add(`"`+strings.Repeat("é", f.limit+1)+`"`, longer(f.limit))
			add(`"abc1@example.com\u0000"`, hasNUL)
		default:
			add(`"98765\u000043210"`, badPhone)
		}
		if !f.optional {
			add(``, isRequired)
			add(`null`, isNull)
		}
		if !f.empty {
			add(`""`, isBlank)
			add(`" \t\n"`, isBlank)
		}
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := contract(t, db)
		before := c.stored(t)
		for _, m := range mistakes {
			want, err := compact(map[string][]string{m.field: {m.message}})
			if err != nil {
				t.Fatal(err)
			}
			c.check(t, exchange{"create", "POST " + m.path, "$asha", changed(t, m.body, m.field, m.value), 400, want, ""})
			id := map[string]string{"/api/doctors/": "$rao", "/api/patients/": "$arjun"}[m.path]
			taken := strings.Contains(m.value, "mci-1") // the doctor's own
			if id == "" || m.value == "" || taken {
				continue
			}
			for _, method := range []string{"PUT ", "PATCH "} {
				c.check(t, exchange{"update", method + m.path + id + "/", "$asha", `{"` + m.field + `":` + m.value + `}`, 400, want, ""})
			}
		}
		if after := c.stored(t); after != before {
			t.Errorf("stored:\n%s\nwas\n%s", after, before)
		}
	})
}

// compact returns v as JSON in raw UTF-8.
func compact(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSpace(b.String()), err
}

// TestRESTErrors checks the rest of the documented table of errors, and that
// nothing is stored.
func TestRESTErrors(t *testing.T) {
	const (
		notFound    = `{"detail":"Not found."}`
		required    = `["This field is required."]`
		credentials = `{"detail":"Authentication credentials were not provided."}`
		malformed   = `{"detail":"Authorization header must contain two space-delimited values","code":"bad_authorization_header"}`
		badToken    = `{"detail":"Given token not valid for any token type","code":"token_not_valid","messages":[{"token_class":"AccessToken","token_type":"access","message":"Token is invalid or expired"}]}`
		wrongType   = `{"detail":"Given token not valid for any token type","code":"token_not_valid","messages":[{"token_class":"AccessToken","token_type":"access","message":"Token has wrong type"}]}`
		noAccount   = `{"detail":"No active account found with the given credentials"}`
		badRefresh  = `{"detail":"Token is invalid or expired","code":"token_not_valid"}`
	)
	tests := []exchange{
		// Every invalid field at once: of shape, of a rule, and taken.
		{"all missing", "POST /api/auth/register/", "", `{}`, 400, `{"email":` + required + `,"password":` + required + `,"role":` + required + `,"username":` + required + `}`, ""},
		{"all missing", "POST /api/auth/login/", "", `{}`, 400, `{"email":` + required + `,"password":` + required + `}`, ""},
		{"all missing", "POST /api/doctors/", "$asha", `{}`, 400, `{"consultation_fee":` + required + `,"email":` + required + `,"experience_years":` + required + `,"license_number":` + required + `,"name":` + required + `,"specialization":` + required + `}`, ""},
		{"all missing", "POST /api/patients/", "$asha", `{}`, 400, `{"address":` + required + `,"date_of_birth":` + required + `,"email":` + required + `,"gender":` + required + `,"name":` + required + `,"phone":` + required + `}`, ""},
		{"all missing", "POST /api/mappings/", "$asha", `{}`, 400, `{"doctor":` + required + `,"patient":` + required + `}`, ""},
		{"no body", "POST /api/mappings/", "$asha", ``, 400, `{"doctor":` + required + `,"patient":` + required + `}`, ""},
		{
			"all wrong", "POST /api/auth/register/", "", `{"username":"asha","email":"ASHA@example.com","password":"1","phone":"5","role":"x"}`, 400,
			`{"email":["user with this email already exists."],"password":["This password is too short. It must contain at least 8 characters."],"phone":["` + badPhone + `"],"role":["\"x\" is not a valid choice."],"username":["A user with that username already exists."]}`, "",
		},
		{
			"all wrong", "POST /api/doctors/", "$asha", `{"name":[],"email":"x","phone":"","specialization":null,"license_number":"MCI-1","experience_years":-1,"consultation_fee":1.001,"address":7,"availability":true}`, 400,
			`{"availability":["` + isNoText + `"],"consultation_fee":["Ensure that there are no more than 2 decimal places."],"email":["` + badEmail + `"],"experience_years":["Experience years cannot be negative."],"name":["` + isNoText + `"],"phone":["` + isBlank + `"],"specialization":["` + isNull + `"]}`, "",
		},
		{
			"all wrong", "PUT /api/patients/$arjun/", "$asha", `{"name":" ","email":"x","phone":null,"date_of_birth":"x","address":[],"gender":"x","blood_group":"C+","emergency_contact":{},"medical_history":false}`, 400,
			`{"address":["` + isNoText + `"],"blood_group":["\"C+\" is not a valid choice."],"date_of_birth":["` + badDate + `"],"email":["` + badEmail + `"],"emergency_contact":["` + isNoText + `"],"gender":["\"x\" is not a valid choice."],"medical_history":["` + isNoText + `"],"name":["` + isBlank + `"],"phone":["` + isNull + `"]}`, "",
		},
		{"both unknown", "POST /api/mappings/", "$asha", `{"patient":98,"doctor":99}`, 400, `{"doctor":["Invalid pk \"99\" - object does not exist."],"patient":["Invalid pk \"98\" - object does not exist."]}`, ""},
		{"one unknown, one wrong", "POST /api/mappings/", "$asha", `{"patient":98,"doctor":"x","notes":[]}`, 400, `{"doctor":["Incorrect type. Expected pk value, received str."],"notes":["` + isNoText + `"],"patient":["Invalid pk \"98\" - object does not exist."]}`, ""},
		{"a foreign patient", "POST /api/mappings/", "$asha", `{"patient":$bela,"doctor":$rao}`, 400, `{"patient":["Invalid pk \"$bela\" - object does not exist."]}`, ""},
		{"already assigned", "POST /api/mappings/", "$ben", `{"patient":$bela,"doctor":$shah}`, 400, `{"non_field_errors":["This patient is already assigned to this doctor."]}`, ""},
		{"username, email and phone taken", "POST /api/auth/register/", "", `{"username":"asha","email":"ben@example.com","password":"Aniket@123","role":"doctor"}`, 400, `{"email":["user with this email already exists."],"username":["A user with that username already exists."]}`, ""},
		{"taken by an update", "PUT /api/doctors/$rao/", "$asha", `{"license_number":"mci-2"}`, 400, `{"license_number":["doctor with this license number already exists."]}`, ""},

		// Bodies that are none.
		{"an array", "POST /api/patients/", "$asha", `[]`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`, ""},
		{"a text", "POST /api/patients/", "$asha", `"x"`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got str."]}`, ""},
		{"an integer", "PUT /api/patients/$arjun/", "$asha", `7`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got int."]}`, ""},
		{"a fraction", "PATCH /api/doctors/$rao/", "$asha", `7.5`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got float."]}`, ""},
		{"true", "POST /api/auth/login/", "", `true`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got bool."]}`, ""},
		{"null", "POST /api/mappings/", "$asha", `null`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got NoneType."]}`, ""},
		{"unparsable", "POST /api/auth/register/", "", `{"username":`, 400, `{"detail":"JSON parse error - invalid at position 12"}`, ""},

		// Records that do not exist, or are another user's.
		{"unknown", "GET /api/doctors/99/", "$asha", "", 404, notFound, ""},
		{"unknown", "PUT /api/doctors/99/", "$asha", `{"name":"X"}`, 404, notFound, ""},
		{"unknown", "DELETE /api/doctors/99/", "$asha", "", 404, notFound, ""},
		{"unknown", "GET /api/patients/99/", "$asha", "", 404, notFound, ""},
		{"unknown", "DELETE /api/patients/99/", "$asha", "", 404, notFound, ""},
		{"unknown", "GET /api/mappings/99/", "$asha", "", 404, notFound, ""},
		{"unknown", "DELETE /api/mappings/99/", "$asha", "", 404, notFound, ""},
		{"foreign", "GET /api/patients/$bela/", "$asha", "", 404, notFound, ""},
		{"foreign", "PUT /api/patients/$bela/", "$asha", `{"name":"X"}`, 404, notFound, ""},
		{"foreign, and a wrong body", "PUT /api/patients/$bela/", "$asha", `{"name":[]}`, 400, `{"name":["` + isNoText + `"]}`, ""},
		{"unknown, and a wrong body", "PUT /api/patients/99/", "$asha", `{"name":[]}`, 400, `{"name":["` + isNoText + `"]}`, ""},
		{"foreign", "PATCH /api/patients/$bela/", "$asha", `{"name":"X"}`, 404, notFound, ""},
		{"foreign", "DELETE /api/patients/$bela/", "$asha", "", 404, notFound, ""},
		{"foreign", "GET /api/mappings/$bela/", "$asha", "", 404, notFound, ""},
		{"foreign", "DELETE /api/mappings/$mapping/", "$asha", "", 404, notFound, ""},
		{"no number", "GET /api/doctors/x/", "$asha", "", 404, notFound, ""},
		{"no number", "PUT /api/doctors/1.0/", "$asha", `{"name":"X"}`, 404, notFound, ""},
		{"no number", "GET /api/patients/+1/", "$asha", "", 404, notFound, ""},
		{"no number", "DELETE /api/patients/1x", "$asha", "", 404, notFound, ""},
		{"no number", "GET /api/mappings/$$/", "$asha", "", 404, notFound, ""},
		{"negative", "GET /api/patients/-1/", "$asha", "", 404, notFound, ""},
		{"2^63", "GET /api/patients/9223372036854775808/", "$asha", "", 404, notFound, ""},
		{"2^63-1", "GET /api/patients/9223372036854775807/", "$asha", "", 404, notFound, ""},
		{"NUL", "GET /api/patients/%00/", "$asha", "", 404, notFound, ""},
		{"no such path", "GET /api/nurses/", "$asha", "", 404, notFound, ""},
		{"no such path", "GET /api/patients/1/doctors/", "", "", 404, notFound, ""},
		{"assigned to others", "DELETE /api/doctors/$shah/", "$asha", "", 409, `{"detail":"This doctor is assigned to other users' patients."}`, ""},

		// Tokens.
		{"no token", "GET /api/doctors/", "", "", 401, credentials, ""},
		{"no token", "GET /api/patients/$arjun/", "", "", 401, credentials, ""},
		{"another scheme", "GET /api/patients/", "Basic eDp5", "", 401, credentials, ""},
		{"the word in another case", "GET /api/patients/", "bearer x", "", 401, credentials, ""},
		{"one value", "GET /api/patients/", "Bearer", "", 401, malformed, ""},
		{"three values", "GET /api/patients/", "$asha x", "", 401, malformed, ""},
		{"a bad token", "GET /api/patients/", "Bearer x", "", 401, badToken, ""},
		{"an altered token", "GET /api/patients/", "${asha}x", "", 401, badToken, ""},
		{"an expired token", "GET /api/patients/", "Bearer $expired", "", 401, badToken, ""},
		{"a refresh token", "GET /api/patients/", "Bearer $refresh", "", 401, wrongType, ""},
		{"a user who is gone", "GET /api/patients/", "Bearer $gone", "", 401, `{"detail":"User not found","code":"user_not_found"}`, ""},
		{"a user who is inactive", "GET /api/patients/", "Bearer $inactive", "", 401, `{"detail":"User is inactive","code":"user_inactive"}`, ""},
		{"the token before the method", "DELETE /api/patients/", "", "", 401, credentials, ""},
		{"the token before the id", "GET /api/patients/x/", "Bearer x", "", 401, badToken, ""},
		{"the token before the body", "POST /api/patients/", "", `{`, 401, credentials, ""},
		{"the method before the body", "PUT /api/patients/", "$asha", `{`, 405, `{"detail":"Method \"PUT\" not allowed."}`, ""},
		{"a bad token where none is needed", "POST /api/auth/register/", "Bearer x", `{"username":"asha"}`, 400, `{"email":` + required + `,"password":` + required + `,"role":` + required + `,"username":["A user with that username already exists."]}`, ""},
		{"a malformed header where none is needed", "POST /api/auth/login/", "Bearer", `{"email":"Asha@Example.com ","password":" Aniket@123\n"}`, 200, `{"refresh":"$token","access":"$token","user":{"id":1,"email":"asha@example.com","role":"doctor"}}`, ""},
		{"an expired token where none is needed", "POST /api/auth/token/refresh/", "Bearer $expired", `{"refresh":"$refresh"}`, 200, `{"access":"$token"}`, ""},

		// Sign-ins that are refused.
		{"wrong password", "POST /api/auth/login/", "", `{"email":"asha@example.com","password":"aniket@123"}`, 401, noAccount, ""},
		{"unknown email", "POST /api/auth/login/", "", `{"email":"nobody@example.com","password":"Aniket@123"}`, 401, noAccount, ""},
		{"inactive account", "POST /api/auth/login/", "", `{"email":"dev@example.com","password":"Aniket@123"}`, 401, noAccount, ""},
		{"NUL in the email", "POST /api/auth/login/", "", `{"email":"asha@example.com\u0000","password":"Aniket@123"}`, 401, noAccount, ""},
		{"NUL in the password", "POST /api/auth/login/", "", `{"email":"asha@example.com","password":"Aniket@123\u0000"}`, 401, noAccount, ""},
		{"bad refresh token", "POST /api/auth/token/refresh/", "", `{"refresh":"x\u0000"}`, 401, badRefresh, ""},
		{"access token for a refresh token", "POST /api/auth/token/refresh/", "", `{"refresh":"$expired"}`, 401, badRefresh, ""},
		{"expired refresh token", "POST /api/auth/token/refresh/", "", `{"refresh":"$ended"}`, 401, badRefresh, ""},
		{"refresh token of a user who is gone", "POST /api/auth/token/refresh/", "", `{"refresh":"$goneRefresh"}`, 401, badRefresh, ""},
		{"refresh token of an inactive user", "POST /api/auth/token/refresh/", "", `{"refresh":"$inactiveRefresh"}`, 401, badRefresh, ""},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := contract(t, db)
		for _, name := range []string{"eve", "dev"} {
			c.register(t, name)
		}
		gone, inactive := c.login(t, "eve@example.com"), c.login(t, "dev@example.com")
		c.known["gone"], c.known["goneRefresh"], c.known["inactive"], c.known["inactiveRefresh"] = gone.Access, gone.Refresh, inactive.Access, inactive.Refresh
		c.known["refresh"] = c.login(t, "asha@example.com").Refresh
		c.known["expired"], c.known["ended"] = c.expired(t, "access"), c.expired(t, "refresh")
		for _, statement := range []string{"DELETE FROM sessions WHERE user_id = 3", "DELETE FROM users WHERE id = 3", "UPDATE users SET is_active = false WHERE id = 4"} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		before := c.stored(t)
		for _, e := range tests {
			c.check(t, e)
		}
		if after := c.stored(t); after != before {
			t.Errorf("stored:\n%s\nwas\n%s", after, before)
		}
	})
}

// expired returns a token of the kind for the first user that has ended.
func (c *client) expired(t testing.TB, kind string) string {
	t.Helper()
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"token_type": kind, "user_id": 1, "jti": strings.Repeat("0", 32), "iat": now.Add(-2 * time.Hour).Unix(), "exp": now.Add(-time.Hour).Unix(),
	}).SignedString(c.cfg.key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestRESTInput checks what is read of bodies that are right.
func TestRESTInput(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := contract(t, db)
		n := 0
		for _, tt := range []struct{ path, body, field, value, want string }{
			{"/api/doctors/", goodDoctor, "consultation_fee", `"1500"`, `"1500.00"`},
			{"/api/doctors/", goodDoctor, "consultation_fee", `1500`, `"1500.00"`},
			{"/api/doctors/", goodDoctor, "consultation_fee", `1500.00`, `"1500.00"`},
			{"/api/doctors/", goodDoctor, "consultation_fee", `1500.5`, `"1500.50"`},
			{"/api/doctors/", goodDoctor, "consultation_fee", `" 1500.50000 "`, `"1500.50"`},
			{"/api/doctors/", goodDoctor, "consultation_fee", `1.5e3`, `"1500.00"`},
			{"/api/doctors/", goodDoctor, "consultation_fee", `-0`, `"0.00"`},
			{"/api/doctors/", goodDoctor, "consultation_fee", `100000`, `"100000.00"`},
			{"/api/doctors/", goodDoctor, "experience_years", `"7"`, `7`},
			{"/api/doctors/", goodDoctor, "experience_years", `7`, `7`},
			{"/api/doctors/", goodDoctor, "experience_years", `7.0`, `7`},
			{"/api/doctors/", goodDoctor, "experience_years", `" 7.00 "`, `7`},
			{"/api/doctors/", goodDoctor, "experience_years", `-0`, `0`},
			{"/api/doctors/", goodDoctor, "experience_years", `70`, `70`},
			{"/api/doctors/", goodDoctor, "name", `7`, `"7"`},
			{"/api/doctors/", goodDoctor, "name", `9223372036854775808`, `"9223372036854775808"`},
			{"/api/doctors/", goodDoctor, "name", `" Dr. \"<O'Neil>\" & \\ \ud83d\ude00 आशा "`, `"Dr. \"<O'Neil>\" & \\ 😀 आशा"`},
			{"/api/doctors/", goodDoctor, "phone", `9876543210`, `"9876543210"`},
			{"/api/doctors/", goodDoctor, "phone", `"+91 98765-43210"`, `"9876543210"`},
			{"/api/doctors/", goodDoctor, "phone", `null`, `null`},
			{"/api/doctors/", goodDoctor, "phone", ``, `null`},
			{"/api/doctors/", goodDoctor, "address", ``, `null`},
			{"/api/doctors/", goodDoctor, "address", `""`, `""`},
			{"/api/doctors/", goodDoctor, "address", `"line\nline\ttab\u2028\u001f"`, `"line\nline\ttab` + "\u2028" + `\u001F"`},
			{"/api/doctors/", goodDoctor, "availability", `null`, `null`},
			{"/api/doctors/", goodDoctor, "email", `" Iyer@Example.com "`, `"iyer@example.com"`},
			{"/api/patients/", goodPatient, "gender", `"other"`, `"other"`},
			{"/api/patients/", goodPatient, "blood_group", `"AB-"`, `"AB-"`},
			{"/api/patients/", goodPatient, "blood_group", `null`, `null`},
			{"/api/patients/", goodPatient, "blood_group", ``, `null`},
			{"/api/patients/", goodPatient, "emergency_contact", `9876543210`, `"9876543210"`},
			{"/api/patients/", goodPatient, "medical_history", `"\",\"id\":\"9\",\"gender\":\"MALE\",\"created_by\":{\"email\":\"x\"}"`, `"\",\"id\":\"9\",\"gender\":\"MALE\",\"created_by\":{\"email\":\"x\"}"`},
			{"/api/patients/", goodPatient, "medical_history", `"` + strings.Repeat("आ", 20_000) + `"`, `"` + strings.Repeat("आ", 20_000) + `"`},
			{"/api/patients/", goodPatient, "id", `99`, ``},
			{"/api/patients/", goodPatient, "created_by", `"ben@example.com"`, `"asha@example.com"`},
			{"/api/patients/", goodPatient, "is_admin", `[{"x":null}]`, ``},
		} {
			n++
			body := changed(t, tt.body, tt.field, tt.value)
			if tt.path == "/api/doctors/" {
				body = changed(t, body, "license_number", fmt.Sprintf(`"L-%d"`, n))
			}
			got := c.ask(t, "POST", tt.path, "$asha", "", body)
			var members map[string]json.RawMessage
			if err := json.Unmarshal(got.raw, &members); err != nil || got.status != http.StatusCreated {
				t.Errorf("%s: %d %s", tt.value, got.status, got.raw)
				continue
			}
			if tt.field == "id" {
				if string(members["id"]) == tt.value {
					t.Error("the caller chose the id")
				}
			} else if string(members[tt.field]) != tt.want {
				t.Errorf("%s %s: got %s, want %s", tt.field, tt.value, members[tt.field], tt.want)
			}
			path := tt.path + string(members["id"])
			if again := c.ask(t, "GET", path, "$asha", "", ""); again.status != 200 || !bytes.Equal(again.raw, got.raw) {
				t.Errorf("%s: read %d %s, was made %s", path, again.status, again.raw, got.raw)
			}
		}
		// What an update does not name stays; null clears what is optional.
		before := c.ask(t, "GET", "/api/doctors/$rao/", "$asha", "", "")
		for _, body := range []string{`{}`, `{"unknown":1}`} {
			for _, method := range []string{"PUT", "PATCH"} {
				if got := c.ask(t, method, "/api/doctors/$rao/", "$asha", "", body); got.status != 200 || got.body != before.body {
					t.Errorf("%s %s: %d %s, want %s", method, body, got.status, got.body, before.body)
				}
			}
		}
		c.ask(t, "PUT", "/api/doctors/$rao/", "$asha", "", `{"phone":"9876543210","address":"Pune"}`)
		got := c.ask(t, "PATCH", "/api/doctors/$rao/", "$asha", "", `{"phone":null,"address":null}`)
		if got.status != 200 || got.body != before.body {
			t.Errorf("clear: %d %s, want %s", got.status, got.body, before.body)
		}
		// An account without a phone; a password with space around it.
		c.check(t, exchange{"register", "POST /api/auth/register/", "", `{"username":" chandra ","email":" Chandra@Example.com ","password":"  Pass word 9 \n","role":"patient","phone":null,"is_staff":true}`, 201, `{"user":{"id":3,"username":"chandra","email":"chandra@example.com","phone":null,"role":"patient"},"message":"User registered successfully","tokens":{"refresh":"$token","access":"$token"}}`, ""})
		for _, password := range []string{`Pass word 9`, ` Pass word 9`, `Pass word 9\t `} {
			c.check(t, exchange{"login", "POST /api/auth/login/", "", `{"email":"  CHANDRA@example.com ","password":"` + password + `"}`, 200, `{"refresh":"$token","access":"$token","user":{"id":3,"email":"chandra@example.com","role":"patient"}}`, ""})
		}
		testForms(t, c)
	})
}

// testForms checks that forms are read as JSON is.
func testForms(t *testing.T, c *client) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for name, value := range map[string]string{"name": "आशा & Co", "experience_years": "7.0", "consultation_fee": "1500"} {
		if err := form.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	boundary := form.FormDataContentType()
	whole := b.String()
	const urlencoded = "application/x-www-form-urlencoded"
	want := strings.NewReplacer("$rao", c.known["rao"]).Replace(`{"id":$rao,"name":"आशा & Co","email":"doctor@example.com","phone":null,"specialization":"Cardiology","license_number":"MCI-1","experience_years":7,"address":null,"consultation_fee":"1500.00","availability":null,"created_at":"$time","updated_at":"$time"}`)
	for _, tt := range []struct {
		method, media, body string
		status              int
		want                string
	}{
		{"PUT", boundary, whole, 200, want},
		{"PATCH", boundary, whole, 200, want},
		{"PUT", urlencoded, "name=%E0%A4%86%E0%A4%B6%E0%A4%BE+%26+Co&experience_years=7&consultation_fee=1500.00&unknown=1", 200, want},
		{"PATCH", urlencoded + "; charset=UTF-8", "name=x&name=%E0%A4%86%E0%A4%B6%E0%A4%BE%20%26%20Co", 200, want},
		{"PUT", urlencoded, "name=&email=x&experience_years=", 400, `{"email":["` + badEmail + `"],"experience_years":["` + badInteger + `"],"name":["` + isBlank + `"]}`},
		{"PUT", urlencoded, "name=%FF", 400, `{"name":["` + isNoText + `"]}`},
		{"PUT", urlencoded, "name=a%00b", 400, `{"name":["` + hasNUL + `"]}`},
		{"PUT", urlencoded, "name=%", 400, `{"detail":"The body could not be read."}`},
		{"PUT", boundary, whole[:len(whole)/2], 400, `{"detail":"The body could not be read."}`},
		{"PUT", boundary, strings.Replace(whole, `name="name"`, `name="name"; filename="a.txt"`, 1), 400, `{"detail":"Files are not accepted."}`},
		{"PUT", "multipart/form-data", whole, 400, `{"detail":"The body could not be read."}`},
		{"PUT", "text/plain", "name=x", 415, `{"detail":"Unsupported media type \"text/plain\" in request."}`},
		{"PUT", "application/xml", "<name/>", 415, `{"detail":"Unsupported media type \"application/xml\" in request."}`},
		{"PUT", "application/json; charset=utf-16", "{}", 415, `{"detail":"Unsupported media type \"application/json; charset=utf-16\" in request."}`},
	} {
		if got := c.ask(t, tt.method, "/api/doctors/$rao/", "$asha", tt.media, tt.body); got.status != tt.status || got.body != tt.want {
			t.Errorf("%s %s %q:\ngot  %d %s\nwant %d %s", tt.method, tt.media, tt.body, got.status, got.body, tt.status, tt.want)
		}
	}
	if got := c.ask(t, "POST", "/api/auth/login/", "", urlencoded, "email=asha%40example.com&password=Aniket%40123"); got.status != 200 {
		t.Errorf("sign in by a form: %d %s", got.status, got.body)
	}
}

// TestRESTMethods checks every method on every path, with the trailing slash
// and without: the same answer, never a redirect.
func TestRESTMethods(t *testing.T) {
	paths := []struct {
		path, allow string
		public      bool
	}{
		{"/api/auth/register", "POST, OPTIONS", true},
		{"/api/auth/login", "POST, OPTIONS", true},
		{"/api/auth/token/refresh", "POST, OPTIONS", true},
		{"/api/doctors", "GET, HEAD, POST, OPTIONS", false},
		{"/api/doctors/$rao", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS", false},
		{"/api/patients", "GET, HEAD, POST, OPTIONS", false},
		{"/api/patients/$arjun", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS", false},
		{"/api/mappings", "GET, HEAD, POST, OPTIONS", false},
		{"/api/mappings/$arjun", "GET, HEAD, DELETE, OPTIONS", false},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := contract(t, db)
		before := c.stored(t)
		for _, p := range paths {
			for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} {
				var answers []answer
				for _, path := range []string{p.path, p.path + "/"} {
					body := "["
					if method == "DELETE" && strings.Contains(p.allow, "DELETE") {
						path = strings.NewReplacer("$rao", "99", "$arjun", "99").Replace(path)
					}
					if method == "GET" || method == "HEAD" || method == "OPTIONS" {
						body = ""
					}
					got := c.ask(t, method, path, "$asha", "", body)
					want := http.StatusMethodNotAllowed
					switch allowed := slices.Contains(strings.Split(p.allow, ", "), method); {
					case method == "OPTIONS":
						want = http.StatusNoContent
					case allowed && method == "DELETE":
						want = http.StatusNotFound
					case allowed && body == "":
						want = http.StatusOK
					case allowed:
						want = http.StatusBadRequest
					}
					if got.status != want {
						t.Errorf("%s %s: got %d %s, want %d", method, path, got.status, got.body, want)
					}
					if allow := got.header.Get("Allow"); (want == 405 || want == 204) && allow != p.allow || want != 405 && want != 204 && allow != "" {
						t.Errorf("%s %s: Allow is %q, want %q", method, path, allow, p.allow)
					}
					if want == 405 && method != "HEAD" && got.body != `{"detail":"Method \"`+method+`\" not allowed."}` {
						t.Errorf("%s %s: %s", method, path, got.body)
					}
					if (method == "HEAD" || method == "OPTIONS") && len(got.raw) > 0 {
						t.Errorf("%s %s: a body: %s", method, path, got.raw)
					}
					answers = append(answers, got)
					// Without a token it is 401, whatever the method.
					bare := c.ask(t, method, path, "", "text/plain", body)
					if open := p.public || method == "OPTIONS"; !open && bare.status != http.StatusUnauthorized {
						t.Errorf("%s %s without a token: %d", method, path, bare.status)
					}
				}
				if !bytes.Equal(answers[0].raw, answers[1].raw) {
					t.Errorf("%s %s: %s without the slash, %s with it", method, p.path, answers[0].raw, answers[1].raw)
				}
			}
		}
		if after := c.stored(t); after != before {
			t.Errorf("stored:\n%s\nwas\n%s", after, before)
		}
	})
}

// TestRESTBadBodies checks that no body makes the server fail, and that none of
// these is stored.
func TestRESTBadBodies(t *testing.T) {
	spoil := func(body string) []string {
		first, rest, _ := strings.Cut(body, ":")
		return []string{
			``, ` `, `{`, `}`, `[`, `nul`, `{"a"}`, `{"a":}`, `'a'`, "\x00", "\xef\xbb\xbf{}",
			body[:len(body)-1], body + body, body[:len(body)-1] + ",}",
			first + `:"` + strings.Repeat("x", 1<<20) + `",` + rest,
			strings.Repeat(" ", 1<<20) + body,
			strings.Repeat(`{"a":`, 100_000) + `1` + strings.Repeat(`}`, 100_000),
			strings.Repeat(`[`, 500_000), strings.Repeat(`{"a":`, 200_000),
			`{"x":` + strings.Repeat(`[`, 40) + strings.Repeat(`]`, 40) + `,` + body[1:],
			first + ":\"\xff\xfe\"}", first + ":\"\xed\xa0\x80\"}", first + `:"\ud800"}`, first + `:"\udc00\ud800"}`, first + ":\"\x00\"}", first + `:"\u0000"}`,
			body[:len(body)-1] + `,` + body[1:],
			`{"x":{"a":1,"a":1},` + body[1:],
			first + `:1e400}`, first + `:-1e400}`, first + `:1e9999999999}`, first + `:NaN}`, first + `:Infinity}`, first + `:0x1}`, first + `:1_0}`, first + `:+1}`,
			`{"x":1e400,` + body[1:],
			`{"` + strings.Repeat("k", 1000) + `":` + strings.Repeat("9", 1<<19) + `e9}`,
		}
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := contract(t, db)
		before := c.stored(t)
		for request, body := range map[string]string{
			"POST /api/auth/register/": goodUser, "POST /api/auth/login": `{"email":"asha@example.com","password":"Aniket@123"}`,
			"POST /api/auth/token/refresh/": `{"refresh":"x"}`, "POST /api/doctors": goodDoctor, "PUT /api/doctors/$rao/": goodDoctor,
			"POST /api/patients/": goodPatient, "PATCH /api/patients/$arjun/": goodPatient, "POST /api/mappings/": goodMapping,
		} {
			method, path, _ := strings.Cut(request, " ")
			for i, bad := range spoil(c.expand(body)) {
				got := c.ask(t, method, path, "$asha", "application/json", bad)
				if got.status < 400 || got.status > 499 || got.header.Get("Content-Type") != "application/json" {
					t.Errorf("%s, body %d, %.60q: %d %.200s", request, i, bad, got.status, got.body)
				}
				if want := len(bad) > 1<<20; want != (got.status == http.StatusRequestEntityTooLarge) {
					t.Errorf("%s, body %d of %d bytes: %d %.200s", request, i, len(bad), got.status, got.body)
				}
			}
		}
		if after := c.stored(t); after != before {
			t.Errorf("stored:\n%s\nwas\n%s", after, before)
		}
		if log := c.log.String(); strings.Contains(log, `"level":"ERROR"`) {
			t.Errorf("the log has errors: %.2000s", log)
		}
	})
}

// TestRESTLists checks ?limit=, ?offset= and where the header Link leads.
func TestRESTLists(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := &client{newAPI(t, db), map[string]string{}}
		asha := c.register(t, "asha")
		c.known["asha"] = asha.bearer()
		for i := range 5 {
			c.createPatient(t, asha, "Patient "+strconv.Itoa(i))
		}
		badLimit, badOffset := `{"limit":["`+badInteger+`"]}`, `{"offset":["`+badInteger+`"]}`
		for _, tt := range []struct {
			path, want, link string
			status           int
		}{
			{"/api/patients/", "54321", "", 200},
			{"/api/patients/?limit=", "54321", "", 200},
			{"/api/patients/?limit=2", "54", `</api/patients/?limit=2&offset=2>; rel="next"`, 200},
			{"/api/patients?limit=2", "54", `</api/patients?limit=2&offset=2>; rel="next"`, 200},
			{"/api/patients/?limit=2&offset=2", "32", `</api/patients/?limit=2&offset=4>; rel="next"`, 200},
			{"/api/patients/?limit=2&offset=3", "21", "", 200},
			{"/api/patients/?offset=4", "1", "", 200},
			{"/api/patients/?offset=5", "", "", 200},
			{"/api/patients/?offset=2147483647&limit=2147483647", "", "", 200},
			{"/api/patients/?limit=5", "54321", "", 200},
			{"/api/patients/?limit=1001", "54321", "", 200},
			{"/api/patients/?limit=0", "", "", 200},
			{"/api/patients/?limit=-1", badLimit, "", 400},
			{"/api/patients/?limit=x", badLimit, "", 400},
			{"/api/patients/?limit=1.0", badLimit, "", 400},
			{"/api/patients/?limit=9223372036854775808", badLimit, "", 400},
			{"/api/patients/?offset=x", badOffset, "", 400},
			{"/api/patients/?limit=x&offset=x", `{"limit":["` + badInteger + `"],"offset":["` + badInteger + `"]}`, "", 400},
			{"/api/patients/?page=7", "54321", "", 200},
		} {
			got := c.ask(t, "GET", tt.path, "$asha", "", "")
			text := got.body
			if got.status == http.StatusOK {
				text = ""
				for _, id := range ids(t, got.raw) {
					text += strconv.Itoa(id)
				}
			}
			if link := got.header.Get("Link"); got.status != tt.status || text != tt.want || link != tt.link {
				t.Errorf("%s: got %d %s with Link %q, want %d %s with %q", tt.path, got.status, text, link, tt.status, tt.want, tt.link)
			}
			head := c.ask(t, "HEAD", tt.path, "$asha", "", "")
			if head.status != got.status || head.header.Get("Link") != tt.link || len(head.raw) > 0 {
				t.Errorf("HEAD %s: %d with Link %q", tt.path, head.status, head.header.Get("Link"))
			}
		}
	})
}

// ids returns the ids of a list in its order.
func ids(t testing.TB, list []byte) []int {
	t.Helper()
	var rows []struct{ ID int }
	if err := json.Unmarshal(list, &rows); err != nil {
		t.Fatalf("%v in %.200s", err, list)
	}
	all := make([]int, len(rows))
	for i, row := range rows {
		all[i] = row.ID
	}
	return all
}

// TestRESTStatements checks that a list takes as many statements for 50 records
// as for 10, and a single record few.
func TestRESTStatements(t *testing.T) {
	tests := []struct {
		request, body string
		most          int64 // sign-in check included
	}{
		{"GET /api/patients/", "", 5},
		{"GET /api/mappings/", "", 5},
		{"GET /api/mappings/?limit=10", "", 5},
		{"GET /api/mappings/1/", "", 6},
		{"GET /api/doctors/", "", 3},
		{"GET /api/patients/1/", "", 3},
		{"GET /api/doctors/1/", "", 3},
		{"PUT /api/patients/1/", `{"name":"Asha"}`, 7},
		{"PUT /api/doctors/1/", `{"name":"Dr. Rao"}`, 6},
		{"DELETE /api/mappings/1/", "", 6},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := &client{newAPI(t, db), map[string]string{}}
		asha := c.register(t, "asha")
		c.known["asha"] = asha.bearer()
		for d := range 10 {
			c.createDoctor(t, asha, fmt.Sprintf("Doctor %d", d), fmt.Sprintf("MCI-%d", d))
		}
		counts := map[string]int64{}
		patients := 0
		for _, size := range []int{10, 50} {
			c.grow(t, asha, patients, size)
			patients = size
			for _, tt := range tests {
				method, path, _ := strings.Cut(tt.request, " ")
				before := c.statements.Load()
				got := c.ask(t, method, path, "$asha", "", tt.body)
				count := c.statements.Load() - before
				if got.status >= 300 {
					t.Fatalf("%s: %d %s", tt.request, got.status, got.body)
				}
				if count > tt.most {
					t.Errorf("%s with %d patients took %d statements, want at most %d", tt.request, size, count, tt.most)
				}
				if known, ok := counts[tt.request]; ok && known != count {
					t.Errorf("%s took %d statements with 10 patients, %d with %d", tt.request, known, count, size)
				}
				counts[tt.request] = count
			}
			if rows := ids(t, c.ask(t, "GET", "/api/patients/", "$asha", "", "").raw); len(rows) != size {
				t.Errorf("%d rows, want %d", len(rows), size)
			}
		}
		t.Log(counts)
	})
}

// TestRESTStream reads 100,000 patients of one owner as one array, and in the
// parts that Link leads to: each once, newest first, in bounded memory.
func TestRESTStream(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 100,000 patients")
	}
	const rows, bound = 100_000, 64 << 20
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if err := dataset.Fill(t.Context(), db, dataset.Size{Users: 1, Patients: rows, Doctors: 1}); err != nil {
			t.Fatal(err)
		}
		a := newAPI(t, db)
		token := a.signIn(t, dataset.Email(1), dataset.Password)
		list := func(path string) (all []int, link string, peak uint64) {
			r, err := http.NewRequestWithContext(t.Context(), "GET", a.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token)
			response, err := direct.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			d := json.NewDecoder(response.Body)
			if _, err := d.Token(); err != nil || response.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d %v", path, response.StatusCode, err)
			}
			var memory runtime.MemStats
			for d.More() {
				var row struct{ ID int }
				if err := d.Decode(&row); err != nil {
					t.Fatal(err)
				}
				if all = append(all, row.ID); len(all)%500 == 0 {
					runtime.ReadMemStats(&memory)
					peak = max(peak, memory.HeapInuse+memory.StackInuse)
				}
			}
			if _, err := d.Token(); err != nil {
				t.Fatal(err)
			}
			link, _, _ = strings.Cut(strings.TrimPrefix(response.Header.Get("Link"), "<"), ">")
			return all, link, peak
		}
		verify := func(all []int, from int) {
			t.Helper()
			for i, id := range all {
				if id != from-i {
					t.Fatalf("row %d is %d, want %d", i, id, from-i)
				}
			}
		}
		runtime.GC()
		var idle runtime.MemStats
		runtime.ReadMemStats(&idle)
		all, link, peak := list("/api/patients/?limit=100000")
		if len(all) != rows || link != "" {
			t.Fatalf("%d rows, Link %q", len(all), link)
		}
		verify(all, rows)
		grown := int64(peak) - int64(idle.HeapInuse+idle.StackInuse)
		t.Logf("%d rows; the heap grew by %.1f MiB at most", rows, float64(grown)/(1<<20))
		if grown > bound {
			t.Errorf("the heap grew by %d MiB", grown>>20)
		}
		for _, part := range []struct {
			path       string
			from, rows int
			link       string
		}{
			{"/api/patients/", 0, 10_000, "/api/patients/?limit=10000&offset=10000"},
			{"/api/patients/?limit=10000&offset=10000", 10_000, 10_000, "/api/patients/?limit=10000&offset=20000"},
			{"/api/patients/?offset=85000", 85_000, 10_000, "/api/patients/?limit=10000&offset=95000"},
			{"/api/patients/?limit=10000&offset=95000", 95_000, 5_000, ""},
			{"/api/patients/?limit=1500&offset=98500", 98_500, 1_500, ""},
			{"/api/patients/?limit=1500&offset=98499", 98_499, 1_500, "/api/patients/?limit=1500&offset=99999"},
		} {
			all, link, _ := list(part.path)
			if len(all) != part.rows || link != part.link {
				t.Errorf("%s: %d rows, Link %q; want %d and %q", part.path, len(all), link, part.rows, part.link)
			}
			verify(all, rows-part.from)
		}
	})
}

// TestRESTRaces checks that of two identical creations at once one is stored
// and the other is refused.
func TestRESTRaces(t *testing.T) {
	const rounds = 50
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := contract(t, db)
		race := func(path, body string, refusals ...string) {
			t.Helper()
			results := together(2, func(int) string {
				got := c.ask(t, "POST", path, "$asha", "", body)
				if got.status == http.StatusCreated {
					return "201"
				}
				return strconv.Itoa(got.status) + " " + got.body
			})
			slices.Sort(results)
			if results[0] != "201" || !slices.Contains(refusals, results[1]) {
				t.Errorf("%s: %q", path, results)
			}
		}
		const username, email = `"username":["A user with that username already exists."]`, `"email":["user with this email already exists."]`
		for i := range rounds {
			race("/api/auth/register/", fmt.Sprintf(`{"username":"user%d","email":"user%d@example.com","password":"Aniket@123","role":"patient"}`, i, i),
				"400 {"+username+"}", "400 {"+email+"}", "400 {"+email+","+username+"}")
			race("/api/doctors/", changed(t, goodDoctor, "license_number", fmt.Sprintf(`"L-%d"`, i)),
				`400 {"license_number":["doctor with this license number already exists."]}`)
			c.known["new"] = strconv.Itoa(c.createPatient(t, caller{token: strings.TrimPrefix(c.known["asha"], "Bearer ")}, "New"))
			race("/api/mappings/", `{"patient":$new,"doctor":$rao}`, `400 {"non_field_errors":["This patient is already assigned to this doctor."]}`)
		}
		for table, want := range map[string]int{"users": rounds + 2, "doctors": rounds + 2, "mappings": rounds + 1} {
			var got int
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %d rows (%v), want %d", table, got, err, want)
			}
		}
		if log := c.log.String(); strings.Contains(log, `"level":"ERROR"`) {
			t.Errorf("the log has errors: %.2000s", log)
		}
	})
}
