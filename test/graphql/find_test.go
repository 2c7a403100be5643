package graphql_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestFind checks who is found by what is typed: by parts of words in any order, in
// any case, with or without accents, by phone numbers in any form; and, in another
// list, by how a name sounds.
func TestFind(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		c, stranger := a.Register(t, "asha"), a.Register(t, "stranger")
		people := []struct{ name, phone, email string }{
			{"José Álvarez", "9000000001", "jose@example.com"},
			{"Renée D'Souza", "9000000002", "o'souza@example.com"},
			{"Mary-Jane O’Neill", "9000000003", "mary-jane@example.com"},
			{"Łukasz", "9000000004", ""},
			{"Søren", "9000000005", ""},
			{"İpek IŞIK", "9000000006", ""},
			{"ÖZGÜR", "9000000007", ""},
			{"Ｆｕｌｌｗｉｄｔｈ", "9000000008", ""},
			{"Straße", "9000000009", ""},
			{"राजेश कुमार", "9000000010", ""},
			{"ராஜேஷ்", "9000000011", ""},
			{"محمد علي", "9000000012", ""},
			{"100%", "9000000013", ""},
			{"A_B", "9000000014", ""},
			{"Lakshmi Devi", "98765 43210", ""},
			{"Zoë\u200b Ray", "+977 9841234567", ""},
			{"Ram", "022-2345 6789", ""},
			{"Rom", "1800 123 4567", ""},
			{"?!", "9000000019", ""},
			{"Anand - Kumar", "98123 45678", ""},
			{"O ' Neill, Jr", "9000000021", ""},
			{"Ward 12 34", "9000000022", ""},
			{"100 200", "9000000023", ""},
		}
		stored := make([]string, len(people))
		for i, p := range people {
			input := map[string]any{"name": p.name, "phone": p.phone, "ageYears": 40, "address": "x", "gender": "OTHER"}
			if p.email != "" {
				input["email"] = p.email
			}
			var created struct {
				Data struct{ CreatePatient struct{ Name string } }
			}
			a.Read(t, c, "mutation($input: CreatePatientInput!) { createPatient(input: $input) { name } }", map[string]any{"input": input}, &created)
			stored[i] = created.Data.CreatePatient.Name
		}
		find := func(c harness.Caller, filter map[string]any) string {
			t.Helper()
			var answer struct{ Data struct{ Patients found } }
			a.Read(t, c, "query($filter: PatientFilter) { patients(first: 100, filter: $filter, orderBy: {field: CREATED_AT}) { nodes { name } } }", map[string]any{"filter": filter}, &answer)
			return names(answer.Data.Patients)
		}
		for _, tt := range []struct{ typed, want string }{
			{"jose", "José Álvarez"},
			{"alvarez", "José Álvarez"},
			{"alvarez jose", "José Álvarez"},
			{"  ÁLVAREZ\u00a0\u2003JOS ", "José Álvarez"},
			{"jose example.com", "José Álvarez"},
			{"jose souza", ""},
			{"renee", "Renée D'Souza"},
			{"d'souza", "Renée D'Souza"},
			{"D’SOUZA", "Renée D'Souza"},
			{"dsouza", "Renée D'Souza"},
			{"o'souza@example.com", "Renée D'Souza"},
			{"o'neill", "Mary-Jane O’Neill"},
			{"oneill", "Mary-Jane O’Neill"},
			{"mary jane", "Mary-Jane O’Neill"},
			{"mary-jane@example.com", "Mary-Jane O’Neill"},
			{"lukasz", "Łukasz"},
			{"soren", "Søren"},
			{"ipek", "İpek IŞIK"},
			{"isik", "İpek IŞIK"},
			{"ışık", "İpek IŞIK"},
			{"ozgur", "ÖZGÜR"},
			{"full", "Ｆｕｌｌｗｉｄｔｈ"},
			{"strasse", "Straße"},
			{"STRASSE", "Straße"},
			{"राजेश कुमार", "राजेश कुमार"},
			{"कुमार राजेश", "राजेश कुमार"},
			{"राजश", ""},
			{"ராஜேஷ்", "ராஜேஷ்"},
			{"محمد علي", "محمد علي"},
			{"100%", "100%"},
			{"%", "100%"},
			{"A_B", "A_B"},
			{"_", "A_B"},
			{"zoe\u200d ray", "Zoë Ray"},
			{"laxmi", ""},
			{"9876543210", "Lakshmi Devi"},
			{"+91 98765 43210", "Lakshmi Devi"},
			{"098765-43210", "Lakshmi Devi"},
			{"091-98765-43210", "Lakshmi Devi"},
			{"tel:9876543210", "Lakshmi Devi"},
			{"९८७६५४३२१०", "Lakshmi Devi"},
			{"98765 432", "Lakshmi Devi"},
			{"+91 98765", "Lakshmi Devi"},
			{"3210", "Lakshmi Devi"},
			{"३२१०", "Lakshmi Devi"},
			{"devi 3210", "Lakshmi Devi"},
			{"devi +919876543210", "Lakshmi Devi"},
			{"devi 3211", ""},
			{"+91 98765 43210 devi", "Lakshmi Devi"},
			{"devi, 098765 43210", "Lakshmi Devi"},
			{"tel: 98765 43210", "Lakshmi Devi"},
			{"anand, kumar", "Anand - Kumar"},
			{"45678 , anand", "Anand - Kumar"},
			{"0012", "محمد علي; Rom"},
			{"+9198", ""},
			{"00919", ""},
			{"9841234567", "Zoë Ray"},
			{"00977 9841234567", "Zoë Ray"},
			{"+977 98412", "Zoë Ray"},
			{"022 2345 6789", "Ram"},
			{"1800-123-4567", "Rom"},
			{"---", ""},
			{"-", "Mary-Jane O’Neill"}, // in the e-mail address
			{"'", "Renée D'Souza"},     // in the e-mail address
			{"?", "?!"},
			{"\u0301", ""},
			{strings.Repeat("\u0301", 200), ""},
			{"ﷺ", ""},
			{"ǰose", "José Álvarez"},
		} {
			if got := find(c, map[string]any{"search": tt.typed}); got != tt.want {
				t.Errorf("%q finds %q, want %q", tt.typed, got, tt.want)
			}
			if got := find(stranger, map[string]any{"search": tt.typed}); got != "" {
				t.Errorf("%q shows a stranger %q", tt.typed, got)
			}
		}
		// Whatever the name, it is found by itself and its words, in any case and composition.
		for _, name := range stored {
			forms := append([]string{name, strings.ToUpper(name), strings.ToLower(name), norm.NFD.String(name)}, strings.Fields(name)...)
			for _, typed := range forms {
				if typed == "-" || typed == "'" { // no word
					continue
				}
				if got := find(c, map[string]any{"search": typed}); !slices.Contains(strings.Split(got, "; "), name) {
					t.Errorf("%q does not find %q, but %q", typed, name, got)
				}
			}
		}
		for _, tt := range []struct{ typed, want string }{
			{"laxmi", "Lakshmi Devi"},
			{"लक्ष्मी", "Lakshmi Devi"},
			{"devi laxmi", "Lakshmi Devi"},
			{"laxmi ram", ""},
			{"lax", ""},
			{"Rajesh", "राजेश कुमार; ராஜேஷ்"},
			{"rajes kumaar", "राजेश कुमार"},
			{"mohammed", "محمد علي"},
			{"ram", "Ram"},
			{"rom", "Rom"},
			{"jose", "José Álvarez"},
			{"neil", "O ' Neill, Jr"},
			{"", ""},
			{"?", ""},
			{"%", ""},
			{"'", ""},
			{"\u200b", ""},
			{strings.Repeat("\u0301", 200), ""},
		} {
			if got := find(c, map[string]any{"soundsLike": tt.typed}); got != tt.want {
				t.Errorf("%q sounds like %q, want %q", tt.typed, got, tt.want)
			}
			if got := find(stranger, map[string]any{"soundsLike": tt.typed}); got != "" {
				t.Errorf("%q shows a stranger %q", tt.typed, got)
			}
		}
		long := "Sri Venkata Satya Sai Rama Krishna Anjaneya Siva Naga Prasad Rao"
		a.CreatePatient(t, c, long)
		for _, by := range []string{"search", "soundsLike"} {
			if got := find(c, map[string]any{by: long}); got != long {
				t.Errorf("by %s a name of eleven words finds %q", by, got)
			}
		}
		if got := find(c, map[string]any{"soundsLike": "rajesh", "search": "कुमार"}); got != "राजेश कुमार" {
			t.Errorf("both conditions find %q", got)
		}
		for _, by := range []string{"search", "soundsLike"} {
			a.Expect(t, "too long, "+by, c, "query($filter: PatientFilter) { patients(filter: $filter) { nodes { id } } }", map[string]any{"filter": map[string]any{by: strings.Repeat("a", 201)}}, "BAD_USER_INPUT:"+by)
		}
	})
}

// TestFindGrown checks that names whose keys are much longer than the names, beside the
// longest e-mail address, are stored and found.
func TestFindGrown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		c := a.Register(t, "asha")
		var squares, rare, other []rune // of which each folds to several letters, and which do not compress
		for i := range rune(240) {
			squares, rare, other = append(squares, '㌀'+i*37%88), append(rare, 0x20000+i*97), append(other, 0x2a700+i*13)
		}
		email := string(other) + "@example.com"
		for _, name := range []string{strings.Repeat("ﷺ", 100), strings.Repeat("ǰ", 100), string(squares[:100]), string(rare[:100])} {
			a.Must(t, c, "mutation($name: String!, $email: String) { createPatient(input: {name: $name, email: $email, phone: \"9876543210\", address: \"x\", gender: OTHER, ageYears: 3}) { id } }",
				map[string]any{"name": name, "email": email})
			var answer struct {
				Data struct{ Patients struct{ TotalCount int } }
			}
			a.Read(t, c, "query($q: String!) { patients(filter: {search: $q}) { totalCount } }", map[string]any{"q": string([]rune(name)[:20])}, &answer)
			if answer.Data.Patients.TotalCount != 1 {
				t.Errorf("%.40q finds %d patients", name, answer.Data.Patients.TotalCount)
			}
		}
	})
}

// TestFindDoctors checks that doctors are found as patients are.
func TestFindDoctors(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		c := a.Register(t, "asha")
		for i, name := range []string{"Dr. Renée D'Souza", "Dr. Lakshmi Iyer", "डॉ. राजेश शर्मा"} {
			a.Must(t, c, "mutation($input: CreateDoctorInput!) { createDoctor(input: $input) { id } }", map[string]any{"input": map[string]any{
				"name": name, "email": fmt.Sprintf("d%d@example.com", i), "phone": fmt.Sprintf("98765 4321%d", i), "specialization": "Cardiology", "licenseNumber": fmt.Sprintf("MH-%d", i), "experienceYears": 1, "consultationFee": "1.00",
			}})
		}
		for _, tt := range []struct{ by, typed, want string }{
			{"search", "souza renee", "Dr. Renée D'Souza"},
			{"search", "cardio renee", "Dr. Renée D'Souza"},
			{"search", "+91 98765 43211", "Dr. Lakshmi Iyer"},
			{"search", "d2@example.com", "डॉ. राजेश शर्मा"},
			{"search", "laxmi", ""},
			{"soundsLike", "laxmi", "Dr. Lakshmi Iyer"},
			{"soundsLike", "rajesh sharma", "डॉ. राजेश शर्मा"},
			{"soundsLike", "-", ""},
		} {
			var answer struct{ Data struct{ Doctors found } }
			a.Read(t, c, "query($filter: DoctorFilter) { doctors(filter: $filter) { nodes { name } } }", map[string]any{"filter": map[string]any{tt.by: tt.typed}}, &answer)
			if got := names(answer.Data.Doctors); got != tt.want {
				t.Errorf("%s %q finds %q, want %q", tt.by, tt.typed, got, tt.want)
			}
		}
	})
}

// TestPossibleDuplicates checks who is told before a patient is recorded a second time,
// why, and in which order.
func TestPossibleDuplicates(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		c, stranger, staff := a.Register(t, "asha"), a.Register(t, "stranger"), a.Staff(t, "boss")
		add := func(name, phone, email, birth string) {
			t.Helper()
			a.Must(t, c, "mutation($name: String!, $phone: String!, $email: String) { createPatient(input: {name: $name, phone: $phone, email: $email, address: \"x\", gender: OTHER, "+birth+"}) { id } }",
				map[string]any{"name": name, "phone": phone, "email": optional(email)})
		}
		add("Lakshmi Devi", "9876543210", "family@example.com", `dateOfBirth: "1980-05-03"`)
		add("Ravi Devi", "9876543210", "family@example.com", `dateOfBirth: "1978-01-02"`)
		add("José D'Souza", "9876500001", "", `dateOfBirth: "1990-12-31"`)
		add("Kumar Rajesh", "9876500002", "", "ageYears: 45")
		add("Rajesh Kumar Sharma", "9876500003", "", `dateOfBirth: "2001-01-31"`)
		add("राजेश कुमार", "9876500004", "", `dateOfBirth: "2010-10-10"`)
		year := harness.Today().Year() - 45
		for _, tt := range []struct{ why, arguments, want string }{
			{
				"the very same", `name: "lakshmi devi", phone: "+91 98765 43210", email: "Family@Example.com", dateOfBirth: "1980-05-03"`,
				"Lakshmi Devi: SAME_PHONE SAME_EMAIL SAME_NAME SAME_BIRTH_DATE; Ravi Devi: SAME_PHONE SAME_EMAIL",
			},
			{"in another spelling", `name: "Laxmi Devi", phone: "9876599999", dateOfBirth: "1980-05-03"`, "Lakshmi Devi: SIMILAR_NAME SAME_BIRTH_DATE"},
			{"in another script", `name: "लक्ष्मी"`, "Lakshmi Devi: SIMILAR_NAME"},
			{"another of the family", `name: "Asha Devi", phone: "098765 43210", dateOfBirth: "2015-01-01"`, "Ravi Devi: SAME_PHONE; Lakshmi Devi: SAME_PHONE"},
			{"by accents", `name: "jose dsouza"`, "José D'Souza: SAME_NAME"},
			{"the name first, then the day", `name: "Rajesh Kumar", dateOfBirth: "2010-10-10"`, "राजेश कुमार: SIMILAR_NAME SAME_BIRTH_DATE; Rajesh Kumar Sharma: SIMILAR_NAME; Kumar Rajesh: SIMILAR_NAME"},
			{"an estimated year, by a day of it", fmt.Sprintf(`name: "Rajesh Kumar", first: 1, dateOfBirth: "%d-07-07"`, year), "Kumar Rajesh: SIMILAR_NAME SAME_BIRTH_DATE"},
			{"an estimated year, by the age a year later", `name: "Rajesh Kumar", first: 1, ageYears: 46`, "Kumar Rajesh: SIMILAR_NAME SAME_BIRTH_DATE"},
			{"an exact day, by the age", fmt.Sprintf(`name: "Lakshmi", ageYears: %d`, harness.Today().Year()-1980), "Lakshmi Devi: SIMILAR_NAME SAME_BIRTH_DATE"},
			{"an exact day, by another of its year", `name: "Lakshmi", dateOfBirth: "1980-06-06"`, "Lakshmi Devi: SIMILAR_NAME"},
			{"another age", `name: "Rajesh Kumar", first: 1, ageYears: 30`, "राजेश कुमार: SIMILAR_NAME"},
			{"the day alone", `name: "", dateOfBirth: "1980-05-03"`, ""},
			{"nothing", `name: ""`, ""},
			{"no letter", `name: "?'", phone: "", email: " "`, ""},
			{"what LIKE has a meaning for", `name: "%", phone: "%", email: "_"`, ""},
			{"no phone number, but a part of one", `name: "x", phone: "98765"`, ""},
			{"none asked for", `name: "Lakshmi", first: 0`, ""},
		} {
			if got := duplicates(t, a, c, tt.arguments); got != tt.want {
				t.Errorf("%s: got %q, want %q", tt.why, got, tt.want)
			}
			if got := duplicates(t, a, staff, tt.arguments); got != tt.want {
				t.Errorf("%s, staff: got %q, want %q", tt.why, got, tt.want)
			}
			if got := duplicates(t, a, stranger, tt.arguments); got != "" {
				t.Errorf("%s: a stranger sees %q", tt.why, got)
			}
		}
		for range 12 {
			add("Twin", "9876500099", "", "ageYears: 1")
		}
		if got := duplicates(t, a, c, `name: "Twin"`); strings.Count(got, "Twin") != 10 {
			t.Errorf("got %q, want ten", got)
		}
		if got := duplicates(t, a, c, `name: "Twin", phone: "9876500004", first: 5`); !strings.HasPrefix(got, "राजेश कुमार: SAME_PHONE; Twin") {
			t.Errorf("namesakes hide who has the phone number: %q", got)
		}
		for arguments, field := range map[string]string{
			`name: "x", first: 11`: "first", `name: "x", first: -1`: "first", `name: "x", dateOfBirth: "x"`: "dateOfBirth", `name: "x", ageYears: -1`: "ageYears", `name: "x", ageYears: 131`: "ageYears",
			`name: "` + strings.Repeat("x", 201) + `"`: "name", `name: "x", phone: "` + strings.Repeat("9", 4000) + `"`: "phone", `name: "x", email: "` + strings.Repeat("x", 201) + `"`: "email",
		} {
			a.Expect(t, arguments, c, "{ possibleDuplicates("+arguments+") { reasons } }", nil, "BAD_USER_INPUT:"+field)
		}
	})
}

type found struct{ Nodes []struct{ Name string } }

func names(f found) string {
	list := make([]string, len(f.Nodes))
	for i, n := range f.Nodes {
		list[i] = n.Name
	}
	return strings.Join(list, "; ")
}

// optional is null if the text is empty.
func optional(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// duplicates returns the names of possible duplicates with the reasons.
func duplicates(t *testing.T, a *harness.API, c harness.Caller, arguments string) string {
	t.Helper()
	var answer struct {
		Data struct {
			PossibleDuplicates []struct {
				Patient struct{ Name string }
				Reasons []string
			}
		}
	}
	a.Read(t, c, "{ possibleDuplicates("+arguments+") { patient { name } reasons } }", nil, &answer)
	list := make([]string, len(answer.Data.PossibleDuplicates))
	for i, d := range answer.Data.PossibleDuplicates {
		list[i] = d.Patient.Name + ": " + strings.Join(d.Reasons, " ")
	}
	return strings.Join(list, "; ")
}
