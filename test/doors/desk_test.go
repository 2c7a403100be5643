package doors_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestWhatADeskDoesNotKnow checks at both doors that a patient needs no e-mail address,
// and an age in place of a date of birth.
func TestWhatADeskDoesNotKnow(t *testing.T) {
	const bothText, ageText, required, null = "Give the date of birth or the age, not both.", "An age is 0 to 130 years.", "This field is required.", "This field may not be null."
	year := harness.Today().Year()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		for _, tt := range []struct {
			given           map[string]any // in GraphQL's words
			want            string         // e-mail, day, estimated, age
			refused, reason string
		}{
			{map[string]any{"dateOfBirth": "1990-05-15"}, fmt.Sprintf("<nil> 1990-05-15 false %d", age(1990, 5, 15)), "", ""},
			{map[string]any{"dateOfBirth": "1990-05-15", "email": nil}, fmt.Sprintf("<nil> 1990-05-15 false %d", age(1990, 5, 15)), "", ""},
			{map[string]any{"dateOfBirth": "1990-05-15", "email": "A@Example.com", "ageYears": nil}, fmt.Sprintf("a@example.com 1990-05-15 false %d", age(1990, 5, 15)), "", ""},
			{map[string]any{"ageYears": 45}, fmt.Sprintf("<nil> %d-01-01 true 45", year-45), "", ""},
			{map[string]any{"ageYears": 0, "dateOfBirth": nil}, fmt.Sprintf("<nil> %d-01-01 true 0", year), "", ""},
			{map[string]any{"ageYears": 130}, fmt.Sprintf("<nil> %d-01-01 true 130", year-130), "", ""},
			{map[string]any{"ageYears": 131}, "", "ageYears", ageText},
			{map[string]any{"ageYears": -1}, "", "ageYears", ageText},
			{map[string]any{"ageYears": 45, "dateOfBirth": "1990-05-15"}, "", "ageYears", bothText},
			{map[string]any{}, "", "dateOfBirth", required},
			{map[string]any{"dateOfBirth": nil}, "", "dateOfBirth", null},
		} {
			input := map[string]any{"name": "N", "phone": "9876543210", "address": "P", "gender": "MALE"}
			for name, value := range tt.given {
				input[name] = value
			}
			reply := a.Query(t, asha, "mutation($input: CreatePatientInput!) { createPatient(input: $input) { email dateOfBirth birthDateEstimated age } }", map[string]any{"input": input})
			var answer struct {
				Data struct {
					CreatePatient struct {
						Email              *string
						DateOfBirth        string
						BirthDateEstimated bool
						Age                int
					}
				}
			}
			if err := json.Unmarshal([]byte(reply), &answer); err != nil {
				t.Fatal(err)
			}
			p := answer.Data.CreatePatient
			got := fmt.Sprintf("%s %s %t %d", text(p.Email), p.DateOfBirth, p.BirthDateEstimated, p.Age)
			if failures := harness.Failures(t, reply); tt.refused != "" && (len(failures) != 1 || failures[0] != "BAD_USER_INPUT:"+tt.refused || !strings.Contains(reply, tt.reason)) || tt.refused == "" && got != tt.want {
				t.Errorf("GraphQL, %v: got %s, want %s%s", tt.given, reply, tt.want, tt.refused)
			}

			body := map[string]any{"name": "N", "phone": "9876543210", "address": "P", "gender": "male"}
			for name, value := range tt.given {
				body[restNames[name]] = value
			}
			sent, _ := json.Marshal(body)
			_, reply = a.Send(t, "POST", "/api/patients/", asha.Token, string(sent))
			var record struct {
				Email     *string
				Born      string `json:"date_of_birth"`
				Estimated bool   `json:"birth_date_estimated"`
			}
			json.Unmarshal([]byte(reply), &record) // else it is a refusal
			switch want := fmt.Sprintf(`{"%s":["%s"]}`, restNames[tt.refused], tt.reason); {
			case tt.refused != "" && reply != want:
				t.Errorf("REST, %s: got %s, want %s", sent, reply, want)
			case tt.refused == "" && (!strings.HasPrefix(tt.want, fmt.Sprintf("%s %s %t ", text(record.Email), record.Born, record.Estimated)) || strings.Contains(reply, "birth_date_estimated") != record.Estimated):
				t.Errorf("REST, %s: got %s, want %s", sent, reply, tt.want)
			}
		}

		// A form sends what was left empty.
		status, reply := a.Send(t, "POST", "/api/patients/", asha.Token, `{"name":"N","phone":"9876543210","address":"P","gender":"male","date_of_birth":"1990-05-15","age_years":"","email":" "}`)
		if status != 201 || !strings.Contains(reply, `"email":null,"phone":"9876543210","date_of_birth":"1990-05-15","address"`) {
			t.Errorf("what was left empty: %d %s", status, reply)
		}

		id := a.CreatePatient(t, asha, "Arjun")
		for _, tt := range []struct{ input, want string }{
			{`ageYears: 30`, fmt.Sprintf(`{"data":{"updatePatient":{"email":"family@example.com","dateOfBirth":"%d-01-01","birthDateEstimated":true}}}`, year-30)},
			{fmt.Sprintf(`dateOfBirth: "%d-01-01"`, year-30), fmt.Sprintf(`{"data":{"updatePatient":{"email":"family@example.com","dateOfBirth":"%d-01-01","birthDateEstimated":true}}}`, year-30)}, // as it is
			{`email: null`, fmt.Sprintf(`{"data":{"updatePatient":{"email":null,"dateOfBirth":"%d-01-01","birthDateEstimated":true}}}`, year-30)},
			{`dateOfBirth: "1996-02-29"`, `{"data":{"updatePatient":{"email":null,"dateOfBirth":"1996-02-29","birthDateEstimated":false}}}`},
			{`name: "Arjun", ageYears: null`, `{"data":{"updatePatient":{"email":null,"dateOfBirth":"1996-02-29","birthDateEstimated":false}}}`},
			{`dateOfBirth: null`, "BAD_USER_INPUT:dateOfBirth"},
			{`ageYears: 200`, "BAD_USER_INPUT:ageYears"},
			{`ageYears: 20, dateOfBirth: "1996-02-29"`, "BAD_USER_INPUT:ageYears"},
		} {
			a.Expect(t, tt.input, asha, fmt.Sprintf("mutation { updatePatient(id: %d, input: {%s}) { email dateOfBirth birthDateEstimated } }", id, tt.input), nil, tt.want)
		}
	})
}

// TestEstimatedYears checks that a range of days takes an estimated date as any day of
// its year.
func TestEstimatedYears(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		year := harness.Today().Year() - 40
		a.Must(t, asha, `mutation { createPatient(input: {name: "N", phone: "9876543210", address: "P", gender: MALE, ageYears: 40}) { id } }`, nil)
		for _, tt := range []struct {
			filter string
			want   int
		}{
			{fmt.Sprintf(`bornAfter: "%d-12-31"`, year-1), 1},
			{fmt.Sprintf(`bornAfter: "%d-01-01"`, year), 1},
			{fmt.Sprintf(`bornAfter: "%d-12-30"`, year), 1},
			{fmt.Sprintf(`bornAfter: "%d-12-31"`, year), 0},
			{fmt.Sprintf(`bornBefore: "%d-01-01"`, year), 0},
			{fmt.Sprintf(`bornBefore: "%d-01-02"`, year), 1},
			{fmt.Sprintf(`bornBefore: "%d-01-01"`, year+1), 1},
			{fmt.Sprintf(`bornAfter: "%d-06-01", bornBefore: "%[1]d-06-30"`, year), 1},
		} {
			a.Expect(t, tt.filter, asha, "{ patients(filter: {"+tt.filter+"}) { totalCount } }", nil, fmt.Sprintf(`{"data":{"patients":{"totalCount":%d}}}`, tt.want))
		}
	})
}

var restNames = map[string]string{"email": "email", "dateOfBirth": "date_of_birth", "ageYears": "age_years"}

func text(s *string) string {
	if s == nil {
		return "<nil>"
	}
	return *s
}

// age returns the completed years since the day, in India.
func age(year, month, day int) int {
	today := harness.Today()
	years := today.Year() - year
	if int(today.Month()) < month || int(today.Month()) == month && today.Day() < day {
		years--
	}
	return years
}
