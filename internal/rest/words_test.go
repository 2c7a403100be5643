package rest

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestWords checks how fields and values are written.
func TestWords(t *testing.T) {
	for field, want := range map[string]string{
		"name": "name", "dateOfBirth": "date_of_birth", "licenseNumber": "license_number", "patientId": "patient", "doctorId": "doctor",
		"createdBy": "created_by", "id": "id", "": "",
	} {
		if got := Key(field); got != want {
			t.Errorf("%s is %s, want %s", field, got, want)
		}
	}
	for name, want := range map[string]string{"MALE": "male", "A_POSITIVE": "A+", "AB_NEGATIVE": "AB-", "DOCTOR": "doctor"} {
		if got := Literal(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// FuzzKey checks that a field has one name, which has no capitals.
func FuzzKey(f *testing.F) {
	for _, seed := range []string{"", "name", "dateOfBirth", "patientId", "Id", "IdId", "aB", "ÀB", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		got := Key(field)
		if strings.ContainsAny(got, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			t.Errorf("%q is %q", field, got)
		}
		if again := Key(got); again != got {
			t.Errorf("%q is %q and then %q", field, got, again)
		}
	})
}

// FuzzLiterals checks that the words of GraphQL are replaced where they stand
// for an id, an enum or an object of one member, and that every text stays,
// whatever it holds.
func FuzzLiterals(f *testing.F) {
	for _, seed := range []string{
		"", "Arjun", `"`, `\`, `\"`, `","id":"7"`, `{"id":"1"}`, `"gender":"MALE"`, `:"`, "\u2028\u0000<&>", "आशा", `\\",\"blood_group\":\"A_POSITIVE\"`, "id", "patient",
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, name, history string) {
		if !utf8.ValidString(name) || !utf8.ValidString(history) {
			return // no JSON
		}
		n, h := string(encode(name)), string(encode(history))
		src := `[{"id":"12","name":` + n + `,"gender":"FEMALE","blood_group":null,"medical_history":` + h + `,"created_by":{"email":` + n + `}},` +
			`{"patient":{"id":"12"},"doctor":{"id":"7"},"patient_details":{"id":"12","name":` + n + `,"blood_group":"AB_NEGATIVE"},"notes":` + h + `,"is_active":true,"role":"DOCTOR"}]`
		want := `[{"id":12,"name":` + n + `,"gender":"female","blood_group":null,"medical_history":` + h + `,"created_by":` + n + `},` +
			`{"patient":12,"doctor":7,"patient_details":{"id":12,"name":` + n + `,"blood_group":"AB-"},"notes":` + h + `,"is_active":true,"role":"doctor"}]`
		if got := string(literals([]byte(src))); got != want || !json.Valid([]byte(got)) {
			t.Errorf("%s became %s, want %s", src, got, want)
		}
	})
}
