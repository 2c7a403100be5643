package doors_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestText checks at both doors how text is stored: what comes back as it went in,
// what is written in its usual form, and what is refused.
func TestText(t *testing.T) {
	const oneLine = "Line breaks and control characters are not allowed."
	const onePhone = "Enter one phone number, without an extension. A second one fits in the emergency contact of a patient, or in the address of a doctor."
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		for _, tt := range []struct{ field, given, want, refused string }{
			// As they went in: letters, joiners that tell letters apart, digits in a text.
			{"name", "अरुण शर्मा", "अरुण शर्मा", ""},
			{"name", "கார்த்திக் சுப்பிரமணியம்", "கார்த்திக் சுப்பிரமணியம்", ""},
			{"name", "فاطمة الزهراء", "فاطمة الزهراء", ""},
			{"name", "রক্\u200cষা", "রক্\u200cষা", ""},
			{"name", "ക്\u200dഷ നന്\u200d", "ക്\u200dഷ നന്\u200d", ""},
			{"name", "میرا خان\u200cها", "میرا خان\u200cها", ""},
			{"name", "O'Brien-Rao, M.D. (२)", "O'Brien-Rao, M.D. (२)", ""},
			// In the usual form.
			{"name", "Zoe\u0308", "Zoë", ""},
			{"name", "\u0928\u093c", "\u0929", ""},
			{"name", "\u0958", "\u0915\u093c", ""}, // which NFC takes apart
			{"name", "\u00a0\u3000 Asha\u2003\u0085", "Asha", ""},
			{"name", "A\u200bsh\u202ea\ufeff\u2060", "Asha", ""},
			{"name", "\u200f \u200b फ़ातिमा", "फ़ातिमा", ""},
			{"phone", "+९१ ९८७६५ ४३२१०", "9876543210", ""},
			{"phone", "٠٩٨٧٦٥٤٣٢١٠", "9876543210", ""},
			{"phone", "\u202d98765 43210\u202c", "9876543210", ""},
			{"phone", "+977 9841234567", "+9779841234567", ""},
			{"phone", "+971501234567", "+971501234567", ""},
			{"phone", "+44 20 7946 0958", "+442079460958", ""},
			{"phone", "+1 555 123 4567", "+15551234567", ""},
			{"phone", "098765४3210", "9876543210", ""},
			{"phone", "091-98765-43210", "9876543210", ""},
			{"phone", "tel:9876543210", "9876543210", ""},
			{"phone", "1800 123 4567", "18001234567", ""},
			{"email", " Asha@Example.COM\u200b", "asha@example.com", ""},
			{"dateOfBirth", "1990-5-7", "1990-05-07", ""},
			{"dateOfBirth", " १९९०-०५-१५ ", "1990-05-15", ""},
			// Lines stay where there may be some, and everything is composed.
			{"address", "12 MG Road\nPune\tकोटा\u200b 4e\u0301", "12 MG Road\nPune\tकोटा\u200b 4é", ""},
			{"medicalHistory", "\u202eabc\u202c\r\nसामान्य", "\u202eabc\u202c\r\nसामान्य", ""},
			// Refused.
			{"name", "Asha\nRao", "", oneLine},
			{"name", "Asha\u2028Rao", "", oneLine},
			{"name", "Asha\tRao", "", oneLine},
			{"name", "Asha\x1b[2J", "", oneLine},
			{"name", "\u200b\u2060", "", "This field may not be blank."},
			{"name", "\u200d\u200c", "", "This field may not be blank."},
			{"phone", "9876543210/9876543211", "", onePhone},
			{"phone", "9876543210 ext 5", "", onePhone},
			{"phone", "0000000000", "", "Enter a valid 10-digit phone number."},
			{"phone", "98765\n43210", "", "Enter a valid 10-digit phone number."},
			{"phone", "९८७६५ ४३२१", "", "Enter a valid 10-digit phone number."},
			{"email", "a\n@example.com", "", oneLine},
			{"dateOfBirth", "1990-5-32", "", "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."},
			{"dateOfBirth", "90-5-7", "", "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."},
		} {
			input := map[string]any{"name": "N", "email": "n@example.com", "phone": "9876543210", "dateOfBirth": "2001-01-31", "address": "P", "gender": "MALE"}
			input[tt.field] = tt.given
			reply := a.Query(t, asha, `mutation($input: CreatePatientInput!) { createPatient(input: $input) { `+tt.field+` } }`, map[string]any{"input": input})
			want := "BAD_USER_INPUT:" + tt.field + ": " + tt.refused
			if tt.refused == "" {
				want = fmt.Sprintf(`{"data":{"createPatient":{"%s":%s}}}`, tt.field, quoted(t, tt.want))
			}
			if got := told(t, reply); len(got) != 1 || got[0] != want {
				t.Errorf("GraphQL, %s %+q: got %+q, want %+q", tt.field, tt.given, got, want)
			}

			key := map[string]string{"dateOfBirth": "date_of_birth", "medicalHistory": "medical_history"}[tt.field]
			if key == "" {
				key = tt.field
			}
			body := map[string]any{"name": "N", "email": "n@example.com", "phone": "9876543210", "date_of_birth": "2001-01-31", "address": "P", "gender": "male"}
			body[key] = tt.given
			form := url.Values{}
			for name, value := range body {
				form.Set(name, value.(string))
			}
			want = `"` + key + `":` + quoted(t, tt.want)
			status := http.StatusCreated
			if tt.refused != "" {
				status, want = http.StatusBadRequest, `{"`+key+`":["`+tt.refused+`"]}`
			}
			for media, text := range map[string]string{harness.PlainJSON: quoted(t, body), "application/x-www-form-urlencoded": form.Encode()} {
				got, _, reply := a.Do(t, "POST", "/api/patients/", http.Header{"Authorization": {"Bearer " + asha.Token}, "Content-Type": {media}}, text)
				if got != status || !strings.Contains(reply, want) {
					t.Errorf("REST, %s, %s %+q: got %d %s, want %s", media, tt.field, tt.given, got, reply, want)
				}
			}
		}
		if found := a.Query(t, asha, `{ a: patients(filter: {search: "कार"}) { totalCount } b: patients(filter: {search: "zo\u00cb"}) { totalCount } c: patients(filter: {search: "ZOE\u0308\u200b"}) { totalCount } }`, nil); found != `{"data":{"a":{"totalCount":0},"b":{"totalCount":3},"c":{"totalCount":3}}}` {
			t.Error(found)
		}
		a.Must(t, asha, `mutation { createDoctor(input: {name: "Rao", email: "rao@example.com", specialization: "Pe\u0301diatrie", licenseNumber: "R-1", experienceYears: 1, consultationFee: 1}) { id } }`, nil)
		if found := a.Query(t, asha, `{ a: doctors(filter: {specialization: ["Pe\u0301diatrie\u200b"]}) { totalCount } b: doctors(filter: {specialization: ["P\u00e9diatrie"]}) { totalCount } }`, nil); found != `{"data":{"a":{"totalCount":1},"b":{"totalCount":1}}}` {
			t.Error(found)
		}
	})
}

// TestForms checks what the REST API takes as the original did: what a form leaves
// empty, and numbers in the digits of any script.
func TestForms(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		const patient = "name=Om&email=om@example.com&phone=9876543210&date_of_birth=2001-1-31&address=P&gender=male"
		const doctor = "name=Rao&email=rao@example.com&specialization=Cardiology&license_number=R-7"
		for _, tt := range []struct {
			path, form string
			status     int
			want       string
		}{
			{"/api/patients/", patient + "&blood_group=", 201, `"blood_group":null`},
			{"/api/patients/", patient + "&blood_group=%20", 201, `"blood_group":null`},
			{"/api/patients/", patient + "&blood_group=B%2B", 201, `"blood_group":"B+"`},
			{"/api/patients/", patient + "&gender=", 400, `{"gender":["\"\" is not a valid choice."]}`},
			{"/api/patients/", patient + "&phone=", 400, `{"phone":["This field may not be blank."]}`},
			{"/api/auth/register/", "username=om&email=om@example.com&password=Aniket@123&role=doctor&phone=", 201, `"phone":null`},
			{"/api/auth/register/", "username=uma&email=uma@example.com&password=Aniket@123&role=doctor&phone=+", 201, `"phone":null`},
			{"/api/auth/register/", "username=ira&email=ira@example.com&password=Aniket@123&role=&phone=", 400, `{"role":["\"\" is not a valid choice."]}`},
			{"/api/doctors/", doctor + "&experience_years=" + url.QueryEscape(" १२ ") + "&consultation_fee=" + url.QueryEscape("१५००.५०"), 201, `"experience_years":12,"address":null,"consultation_fee":"1500.50"`},
			{"/api/doctors/", strings.Replace(doctor, "R-7", "R-8", 1) + "&experience_years=" + url.QueryEscape("٧") + "&consultation_fee=" + url.QueryEscape("௫௦௦"), 201, `"experience_years":7,"address":null,"consultation_fee":"500.00"`},
			{"/api/doctors/", strings.Replace(doctor, "R-7", "R-9", 1) + "&experience_years=1&consultation_fee=1&availability=Mon%0ATue", 400, `{"availability":["Line breaks and control characters are not allowed."]}`},
			{"/api/doctors/", strings.Replace(doctor, "R-7", "R-9", 1) + "&experience_years=1&consultation_fee=1&availability=", 201, `"availability":""`},
			{"/api/doctors/", strings.Replace(doctor, "R-7", "R-10", 1) + "&experience_years=" + url.QueryEscape("½") + "&consultation_fee=1", 400, `{"experience_years":["A valid integer is required."]}`},
		} {
			status, _, reply := a.Do(t, "POST", tt.path, http.Header{"Authorization": {"Bearer " + asha.Token}, "Content-Type": {"application/x-www-form-urlencoded"}}, tt.form)
			if status != tt.status || !strings.Contains(reply, tt.want) {
				t.Errorf("%s %s: got %d %s, want %d %s", tt.path, tt.form, status, reply, tt.status, tt.want)
			}
		}
	})
}

// TestUsernames checks that two usernames that look alike are the same one, at both
// doors, and that those of before are put in their form by a migration.
func TestUsernames(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		register := func(username, email string) string {
			return a.Query(t, harness.Caller{}, `mutation($input: RegisterInput!) { register(input: $input) { user { username } } }`,
				map[string]any{"input": map[string]any{"username": username, "email": email, "password": harness.Password, "role": "DOCTOR"}})
		}
		for i, tt := range []struct{ given, want string }{
			{"ﬁne", "fine"},
			{"ｍｉｒａ２", "mira2"},
			{"Zoe\u0308", "Zoë"},
			{"अरुण\u200b", "अरुण"},
		} {
			if reply := register(tt.given, fmt.Sprintf("u%d@example.com", i)); reply != `{"data":{"register":{"user":{"username":`+quoted(t, tt.want)+`}}}}` {
				t.Errorf("%+q: got %s", tt.given, reply)
			}
			for _, again := range []string{tt.given, tt.want} {
				if got := told(t, register(again, "other@example.com")); len(got) != 1 || got[0] != "CONFLICT:username: A user with that username already exists." {
					t.Errorf("%+q again: got %q", again, got)
				}
				body := quoted(t, map[string]any{"username": again, "email": "other@example.com", "password": harness.Password, "role": "doctor"})
				if status, reply := a.Send(t, "POST", "/api/auth/register/", "", body); status != 400 || reply != `{"username":["A user with that username already exists."]}` {
					t.Errorf("%+q again: got %d %s", again, status, reply)
				}
			}
		}
		for email, before := range map[string]string{"u0@example.com": "ﬀ", "u1@example.com": "Zoe\u0308"} { // as another one has it
			if _, err := db.ExecContext(t.Context(), "UPDATE users SET username = $1 WHERE email = $2", before, email); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.Migrate(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		for email, want := range map[string]string{"u0@example.com": "ff", "u1@example.com": "Zoe\u0308", "u2@example.com": "Zoë"} {
			var username string
			if err := db.QueryRowContext(t.Context(), "SELECT username FROM users WHERE email = $1", email).Scan(&username); err != nil || username != want {
				t.Errorf("%s: got %q %v, want %q", email, username, err, want)
			}
		}
	})
}

// quoted returns v as JSON.
func quoted(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
