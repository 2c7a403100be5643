package doors_test

import (
	"encoding/json"
	"slices"
	"testing"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestInputErrors checks what is told of an input that cannot be read: what was
// expected, of which field, and for each value.
func TestInputErrors(t *testing.T) {
	const (
		create  = `mutation($input: CreatePatientInput!) { createPatient(input: $input) { name } }`
		search  = `query($filter: PatientFilter) { patients(filter: $filter) { totalCount } }`
		page    = `query($n: Int) { patients(first: $n) { totalCount } }`
		nested  = `query($n: Int) { doctors { nodes { patients(first: $n) { totalCount } } } }`
		one     = `query($id: ID!) { patient(id: $id) { name } }`
		between = `query($at: DateTime) { patients(filter: {createdAfter: $at}) { totalCount } }`
		patient = `"name":"அருண்","email":"n@example.com","phone":"9876543210","address":"P"`
	)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		a.CreateDoctor(t, asha, "Dr. Rao", "R-1")
		for _, tt := range []struct {
			document, variables string
			want                []string // "code:field: message", or the answer
		}{
			{create, `{"input":{` + patient + `,"dateOfBirth":"2001-01-31","gender":"male"}}`, []string{`BAD_USER_INPUT:gender: Expected a value of Gender, found "male". The values are MALE, FEMALE, OTHER.`}},
			{create, `{"input":{` + patient + `,"dateOfBirth":"2001-01-31","gender":null}}`, []string{`BAD_USER_INPUT:gender: Expected Gender!, found null.`}},
			{create, `{"input":{` + patient + `,"dateOfBirth":"2001-01-31","gender":7}}`, []string{`BAD_USER_INPUT:gender: Expected a value of Gender, found 7. The values are MALE, FEMALE, OTHER.`}},
			{create, `{"input":{` + patient + `,"dateOfBirth":"2001-01-31","gender":"MALE","medicalHistory":{"a":1}}}`, []string{`BAD_USER_INPUT:medicalHistory: Expected String, found an object.`}},
			{create, `{"input":{` + patient + `,"dateOfBirth":"2001-01-31","sex":"MALE","bloodGroup":["O"]}}`, []string{
				`BAD_USER_INPUT:bloodGroup: Expected a value of BloodGroup, found a list. The values are A_POSITIVE, A_NEGATIVE, B_POSITIVE, B_NEGATIVE, AB_POSITIVE, AB_NEGATIVE, O_POSITIVE, O_NEGATIVE.`,
				`BAD_USER_INPUT:gender: The field gender of CreatePatientInput is required.`,
				`BAD_USER_INPUT:sex: CreatePatientInput has no field sex.`,
			}},
			{create, `{}`, []string{`BAD_USER_INPUT:input: The variable $input of type CreatePatientInput! is required.`}},
			{create, `{"input":null}`, []string{`BAD_USER_INPUT:input: Expected CreatePatientInput!, found null.`}},
			{create, `{"input":[]}`, []string{`BAD_USER_INPUT:input: Expected an object of CreatePatientInput, found a list.`}},
			{search, `{"filter":{"gender":["MALE","x"]}}`, []string{`BAD_USER_INPUT:gender: Expected a value of Gender, found "x". The values are MALE, FEMALE, OTHER.`}},
			{search, `{"filter":{"gender":[null]}}`, []string{`BAD_USER_INPUT:gender: Expected Gender!, found null.`}},
			{search, `{"filter":{"gender":"MALE"}}`, []string{`{"data":{"patients":{"totalCount":0}}}`}},
			{search, `{"filter":{"assigned":"yes"}}`, []string{`BAD_USER_INPUT:assigned: Expected Boolean, found "yes".`}},
			{page, `{"n":5.0}`, []string{`{"data":{"patients":{"totalCount":0}}}`}},
			{page, `{"n":5e0}`, []string{`{"data":{"patients":{"totalCount":0}}}`}},
			{page, `{"n":5.5}`, []string{`BAD_USER_INPUT:n: Expected Int, found 5.5.`}},
			{page, `{"n":9007199254740993.0}`, []string{`BAD_USER_INPUT:n: Expected Int, found 9007199254740993.0.`}},
			{page, `{"n":true}`, []string{`BAD_USER_INPUT:n: Expected Int, found true.`}},
			{nested, `{"n":5.0}`, []string{`{"data":{"doctors":{"nodes":[{"patients":{"totalCount":0}}]}}}`}},
			{one, `{"id":"x"}`, []string{`BAD_USER_INPUT:id: An id is a whole number, such as "12".`}},
			{one, `{"id":1.5}`, []string{`BAD_USER_INPUT:id: An id is a whole number, such as "12".`}},
			{one, `{"id":1.0}`, []string{`NOT_FOUND: Not found.`}},
			{one, `{"id":1,"other":2}`, []string{`NOT_FOUND: Not found.`}},
			{between, `{"at":"2026-01-31T18:30:00+0000"}`, []string{`{"data":{"patients":{"totalCount":0}}}`}},
			{between, `{"at":"2026-01-31t18:30:00.123456z"}`, []string{`{"data":{"patients":{"totalCount":0}}}`}},
			{between, `{"at":"2026-02-01T00:00:00+05:30"}`, []string{`{"data":{"patients":{"totalCount":0}}}`}},
			{between, `{"at":"2026-01-31T18:30:00"}`, []string{`BAD_USER_INPUT:createdAfter: An instant needs its offset from UTC at its end, such as Z or +05:30.`}},
			{between, `{"at":"yesterday"}`, []string{`BAD_USER_INPUT:createdAfter: Expected an instant, such as 2026-01-31T18:30:00Z or 2026-02-01T00:00:00+05:30.`}},
			{between, `{"at":7}`, []string{`BAD_USER_INPUT:createdAfter: Expected an instant, such as 2026-01-31T18:30:00Z or 2026-02-01T00:00:00+05:30.`}},
			{`query A { viewer { id } } query B { viewer { id } }`, `{}`, []string{`BAD_USER_INPUT: The document has several operations. Name the one to run in operationName.`}},
			{`{ patient(id: "x") { name } }`, `{}`, []string{`BAD_USER_INPUT:id: An id is a whole number, such as "12".`}},
		} {
			query, err := json.Marshal(tt.document)
			if err != nil {
				t.Fatal(err)
			}
			status, reply := a.Send(t, "POST", "/graphql", asha.Token, `{"query":`+string(query)+`,"variables":`+tt.variables+`}`)
			if got := told(t, reply); status != 200 || !slices.Equal(got, tt.want) {
				t.Errorf("%s %s: got %d %q, want %q", tt.document, tt.variables, status, got, tt.want)
			}
		}
	})
}

// told returns what the answer tells of each failure, sorted, or the answer itself
// if nothing failed.
func told(t *testing.T, reply string) []string {
	t.Helper()
	var answer struct {
		Errors []struct {
			Message    string
			Extensions struct{ Code, Field string }
		}
	}
	if err := json.Unmarshal([]byte(reply), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Errors == nil {
		return []string{reply}
	}
	var texts []string
	for _, e := range answer.Errors {
		about := e.Extensions.Code
		if e.Extensions.Field != "" {
			about += ":" + e.Extensions.Field
		}
		texts = append(texts, about+": "+e.Message)
	}
	slices.Sort(texts)
	return texts
}
