package rest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// contract is a server with the records that the tables below are about: Asha
// owns the patient Arjun, Ben owns Bela. Bela is assigned to Dr. Shah; nobody
// else is assigned to anybody.
func contract(t testing.TB, db *store.DB) *client {
	t.Helper()
	c := &client{harness.New(t, db), map[string]string{}}
	asha, ben := c.Register(t, "asha"), c.Register(t, "ben")
	c.known["asha"], c.known["ben"] = asha.Bearer(), ben.Bearer()
	arjun, bela := c.CreatePatient(t, asha, "Arjun"), c.CreatePatient(t, ben, "Bela")
	rao, shah := c.CreateDoctor(t, asha, "Dr. Rao", "MCI-1"), c.CreateDoctor(t, ben, "Dr. Shah", "MCI-2")
	mapping := c.Assign(t, ben, bela, shah)
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
		rows, err := c.DB.QueryContext(t.Context(), "SELECT * FROM "+table+" ORDER BY id")
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
		{"/api/auth/register/", goodUser, "phone", 0, true, true},
		{"/api/doctors/", goodDoctor, "name", 100, false, false},
		{"/api/doctors/", goodDoctor, "email", 254, false, false},
		{"/api/doctors/", goodDoctor, "phone", 0, true, false},
		{"/api/doctors/", goodDoctor, "specialization", 100, false, false},
		{"/api/doctors/", goodDoctor, "license_number", 50, false, false},
		{"/api/doctors/", goodDoctor, "address", 20_000, true, true},
		{"/api/doctors/", goodDoctor, "availability", 200, true, true},
		{"/api/patients/", goodPatient, "name", 100, false, false},
		{"/api/patients/", goodPatient, "email", 254, true, true},
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
		{"/api/patients/", goodPatient, "blood_group", `"C"`, `"C" is not a valid choice.`},
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
		{"all missing", "POST /api/patients/", "$asha", `{}`, 400, `{"address":` + required + `,"date_of_birth":` + required + `,"gender":` + required + `,"name":` + required + `,"phone":` + required + `}`, ""},
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
		{"another scheme", "GET /api/patients/", "Basic eDp5", "", 401, `{"detail":"Send the access token in the form: Authorization: Bearer TOKEN","code":"bad_authorization_header"}`, ""},
		{"the word in another case", "GET /api/patients/", "bearer x", "", 401, badToken, ""},
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
			c.Register(t, name)
		}
		gone, inactive := c.Login(t, "eve@example.com"), c.Login(t, "dev@example.com")
		c.known["gone"], c.known["goneRefresh"], c.known["inactive"], c.known["inactiveRefresh"] = gone.Access, gone.Refresh, inactive.Access, inactive.Refresh
		c.known["refresh"] = c.Login(t, "asha@example.com").Refresh
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
	}).SignedString(c.Cfg.Key)
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
			``, ` `, `{`, `}`, `[`, `nul`, `{"a"}`, `{"a":}`, `'a'`, "\x00", "\xef\xbb\xbf\xef\xbb\xbf{}",
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
		if log := c.Log.String(); strings.Contains(log, `"level":"ERROR"`) {
			t.Errorf("the log has errors: %.2000s", log)
		}
	})
}
