package graphql_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestGraphQLRequests checks which HTTP requests are read as GraphQL, and how
// the others are refused.
func TestGraphQLRequests(t *testing.T) {
	const name = `{"query":"{ viewer { username } }"}`
	const asha = `{"data":{"viewer":{"username":"asha"}}}`
	get := func(pairs ...string) string {
		values := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			values.Add(pairs[i], pairs[i+1])
		}
		return "?" + values.Encode()
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		token := a.Register(t, "asha").Token
		for _, tt := range []struct {
			name, method, query, body, contentType, accept string
			status                                         int
			want                                           string // the reply, or a part of it
		}{
			{"post", "POST", "", name, harness.PlainJSON, "", 200, asha},
			{"utf-8 named", "POST", "", name, "Application/JSON; charset=UTF-8", "", 200, asha},
			{"null members", "POST", "", `{"query":"{ viewer { username } }","variables":null,"operationName":null,"extensions":null,"unknown":1}`, harness.PlainJSON, "", 200, asha},
			{"named operation", "POST", "", `{"query":"query A { viewer { username } } query B { viewer { email } }","operationName":"A"}`, harness.PlainJSON, "", 200, asha},
			{"get", "GET", get("query", "query A($n: Boolean!) { viewer { username email @skip(if: $n) } }", "operationName", "A", "variables", `{"n":true}`), "", "", "", 200, asha},
			{"accept graphql", "POST", "", name, harness.PlainJSON, harness.GraphqlJSON, 200, asha},
			{"accept anything", "POST", "", name, harness.PlainJSON, "*/*", 200, asha},
			{"a document that is refused", "POST", "", `{"query":"{ nothing }"}`, harness.PlainJSON, harness.PlainJSON, 200, `"code":"BAD_USER_INPUT"`},
			{"a document that is refused, accept graphql", "POST", "", `{"query":"{ nothing }"}`, harness.PlainJSON, harness.GraphqlJSON, 400, `"code":"BAD_USER_INPUT"`},
			{"a failure while it runs, accept graphql", "POST", "", `{"query":"{ patient(id: 9) { id } }"}`, harness.PlainJSON, harness.GraphqlJSON, 200, `"code":"NOT_FOUND"`},
			{"accept nothing of ours", "POST", "", name, harness.PlainJSON, "text/html", 406, `"code":"BAD_USER_INPUT"`},
			{"mutation by get", "GET", get("query", "mutation { deletePatient(id: 1) }"), "", "", "", 405, `"code":"BAD_USER_INPUT"`},
			{"sign-in by get", "GET", get("query", `mutation { login(input: {email: "asha@example.com", password: "Aniket@123"}) { access } }`), "", "", "", 405, `"code":"BAD_USER_INPUT"`},
			{"put", "PUT", "", name, harness.PlainJSON, "", 405, `"code":"BAD_USER_INPUT"`},
			{"get without a query", "GET", "", "", "", "", 400, `"code":"BAD_USER_INPUT"`},
			{"get with a query twice", "GET", get("query", "{ viewer { id } }", "query", "{ viewer { id } }"), "", "", "", 400, "given twice"},
			{"get with variables that are no object", "GET", get("query", "{ viewer { id } }", "variables", "[1]"), "", "", "", 400, "must be a JSON object"},
			{"get with a bad escape", "GET", "?query=%zz", "", "", "", 400, `"code":"BAD_USER_INPUT"`},
			{"truncated", "POST", "", `{"query":"{ viewer`, harness.PlainJSON, "", 400, `"code":"BAD_USER_INPUT"`},
			{"empty", "POST", "", " ", harness.PlainJSON, "", 400, `"code":"BAD_USER_INPUT"`},
			{"array", "POST", "", "[" + name + "]", harness.PlainJSON, "", 400, `"code":"BAD_USER_INPUT"`},
			{"null", "POST", "", "null", harness.PlainJSON, "", 400, `"code":"BAD_USER_INPUT"`},
			{"text", "POST", "", `"{ viewer { id } }"`, harness.PlainJSON, "", 400, `"code":"BAD_USER_INPUT"`},
			{"two values", "POST", "", name + name, harness.PlainJSON, "", 400, `"code":"BAD_USER_INPUT"`},
			{"no query", "POST", "", `{}`, harness.PlainJSON, "", 400, "query is required"},
			{"query null", "POST", "", `{"query":null}`, harness.PlainJSON, "", 400, "query is required"},
			{"query a number", "POST", "", `{"query":1}`, harness.PlainJSON, "", 400, `"code":"BAD_USER_INPUT"`},
			{"query a list", "POST", "", `{"query":["{ viewer { id } }"]}`, harness.PlainJSON, "", 400, `"code":"BAD_USER_INPUT"`},
			{"operationName a number", "POST", "", `{"query":"{ viewer { id } }","operationName":1}`, harness.PlainJSON, "", 400, `"code":"BAD_USER_INPUT"`},
			{"variables a list", "POST", "", `{"query":"{ viewer { id } }","variables":[]}`, harness.PlainJSON, "", 400, "variables must be an object"},
			{"variables a text", "POST", "", `{"query":"{ viewer { id } }","variables":"{}"}`, harness.PlainJSON, "", 400, "variables must be an object"},
			{"variables too deep", "POST", "", `{"query":"{ viewer { id } }","variables":{"a":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `}}`, harness.PlainJSON, "", 400, `"code":"BAD_USER_INPUT"`},
			{"no such operation", "POST", "", `{"query":"query A { viewer { id } }","operationName":"B"}`, harness.PlainJSON, "", 200, `"code":"BAD_USER_INPUT"`},
			{"two operations without a name", "POST", "", `{"query":"query A { viewer { id } } query B { viewer { id } }"}`, harness.PlainJSON, "", 200, `"code":"BAD_USER_INPUT"`},
			{"an unknown member of an input", "POST", "", `{"query":"mutation { updatePatient(id: 1, input: {owner: 1}) { id } }"}`, harness.PlainJSON, "", 200, `"code":"BAD_USER_INPUT"`},
			{"a wrong enum", "POST", "", `{"query":"{ patients(filter: {gender: [male]}) { totalCount } }"}`, harness.PlainJSON, "", 200, `"code":"BAD_USER_INPUT"`},
			{"a variable that is missing", "POST", "", `{"query":"query($id: ID!) { patient(id: $id) { id } }"}`, harness.PlainJSON, "", 200, `"code":"BAD_USER_INPUT"`},
			{"a variable of another type", "POST", "", `{"query":"query($n: Int) { patients(first: $n) { totalCount } }","variables":{"n":"many"}}`, harness.PlainJSON, "", 200, `"code":"BAD_USER_INPUT"`},
			{"a variable that is an object", "POST", "", `{"query":"query($id: ID!) { patient(id: $id) { id } }","variables":{"id":{"a":[1]}}}`, harness.PlainJSON, "", 200, `"code":"BAD_USER_INPUT"`},
			{"text/plain", "POST", "", name, "text/plain", "", 415, `"code":"BAD_USER_INPUT"`},
			{"form", "POST", "", "query=%7Bviewer%7Bid%7D%7D", "application/x-www-form-urlencoded", "", 415, `"code":"BAD_USER_INPUT"`},
			{"no content type", "POST", "", name, "", "", 415, `"code":"BAD_USER_INPUT"`},
			{"latin-1", "POST", "", name, "application/json; charset=iso-8859-1", "", 415, `"code":"BAD_USER_INPUT"`},
			{"1 MiB", "POST", "", name + strings.Repeat(" ", 1<<20-len(name)), harness.PlainJSON, "", 200, asha},
			{"1 MiB and a byte", "POST", "", name + strings.Repeat(" ", 1<<20-len(name)+1), harness.PlainJSON, "", 413, "larger than 1 MiB"},
		} {
			header := http.Header{"Authorization": {"Bearer " + token}}
			for name, value := range map[string]string{"Content-Type": tt.contentType, "Accept": tt.accept} {
				if value != "" {
					header.Set(name, value)
				}
			}
			status, answered, reply := a.Do(t, tt.method, "/graphql"+tt.query, header, tt.body)
			media := harness.PlainJSON
			if tt.accept == harness.GraphqlJSON {
				media = harness.GraphqlJSON
			}
			if status != tt.status || !strings.Contains(reply, tt.want) || answered.Get("Content-Type") != media+"; charset=utf-8" {
				t.Errorf("%s: got %d %s %.300s, want %d %s", tt.name, status, answered.Get("Content-Type"), reply, tt.status, tt.want)
			}
			if status == http.StatusMethodNotAllowed && answered.Get("Allow") == "" {
				t.Errorf("%s: no Allow", tt.name)
			}
		}
	})
}

// TestRunawayDocuments checks that a document that would cost much is refused,
// and quickly.
func TestRunawayDocuments(t *testing.T) {
	nested := func(n int, open, inner string) string {
		return strings.Repeat(open+"{", n) + inner + strings.Repeat("}", n)
	}
	doubling := func(n int, format string) string {
		var b strings.Builder
		b.WriteString("{ patients { nodes { ...F0 } } }")
		for i := range n {
			b.WriteString(fmt.Sprintf("fragment F%d on Patient {", i) + strings.ReplaceAll(format, "$", fmt.Sprint("...F", i+1)) + "}")
		}
		return b.String() + fmt.Sprintf("fragment F%d on Patient { id }", n)
	}
	a := harness.New(t, storetest.Open(t, storetest.URL(t, "sqlite3")))
	asha := a.Register(t, "asha")
	doctor := a.CreateDoctor(t, asha, "Dr. Rao", "R-1")
	for i := range 3 {
		a.Assign(t, asha, a.CreatePatient(t, asha, fmt.Sprint("Patient ", i)), doctor)
	}
	for _, tt := range []struct{ name, document, want string }{
		{"deep", "{" + nested(1000, "viewer", "id") + "}", "TOO_COMPLEX"},
		{"deep with fields that exist", "{ patients { nodes {" + nested(20, "mappings { patient ", "id }"+strings.Repeat("}", 0)) + "} } }", ""},
		{"many fields", "{" + strings.Repeat(" viewer { id }", 700) + "}", "TOO_COMPLEX"},
		{"long", "{ viewer { id } } #" + strings.Repeat("x", 17<<10), "TOO_COMPLEX"},
		{"many aliases of a page", "{" + strings.Repeat(" a: patients(first: 100) { nodes { id } }", 1) + func() (s string) {
			for i := range 60 {
				s += fmt.Sprintf(" a%d: patients(first: 100) { nodes { id } }", i)
			}
			return s
		}() + "}", "TOO_COMPLEX"},
		{"pages of pages", `{ doctors(first: 100) { nodes { patients(first: 100) { nodes { id } } } } }`, "TOO_COMPLEX"},
		{"pages of pages by a default", `query($n: Int = 100) { doctors(first: $n) { nodes { patients(first: $n) { nodes { id } } } } }`, "TOO_COMPLEX"},
		{"a fragment in itself", `{ viewer { ...A } } fragment A on User { ...A }`, "BAD_USER_INPUT"},
		{"fragments in each other", `{ viewer { ...A } } fragment A on User { patients { nodes { createdBy { ...B } } } } fragment B on User { ...A }`, "BAD_USER_INPUT"},
		{"2^30 spreads", doubling(30, "$ $"), ""},
		{"2^30 edges", doubling(30, "a: mappings { patient { $ } } b: mappings { patient { $ } }"), "TOO_COMPLEX"},
		{"2^30 edges to merge", doubling(30, "mappings { patient { $ } } mappings { patient { $ } }"), "TOO_COMPLEX"},
		{"2^30 inline fragments", doubling(30, "... on Patient { $ } ... on Patient { $ }"), ""},
		{"lists in lists", `{ patients(filter: {gender: ` + strings.Repeat("[", 900) + strings.Repeat("]", 900) + `}) { totalCount } }`, "BAD_USER_INPUT"},
		{"many values", `{ patients(filter: {gender: [` + strings.Repeat("MALE ", 101) + `]}) { totalCount } }`, "TOO_COMPLEX"},
		{"long search", `{ patients(filter: {search: "` + strings.Repeat("x", 201) + `"}) { totalCount } }`, "BAD_USER_INPUT:search"},
		{"introspection", `{ __schema { types { name } } }`, "BAD_USER_INPUT"},
		{"subscription", `subscription { viewer { id } }`, "BAD_USER_INPUT"},
	} {
		start := time.Now()
		reply := a.Query(t, asha, tt.document, nil)
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%s: the answer took %s", tt.name, took)
		}
		codes := harness.Failures(t, reply)
		if tt.want == "" && len(codes) > 0 && codes[0] != "TOO_COMPLEX" && codes[0] != "BAD_USER_INPUT" || tt.want != "" && (len(codes) == 0 || codes[0] != tt.want) {
			t.Errorf("%s: got %.400s, want %s", tt.name, reply, tt.want)
		}
		if tt.name == "introspection" && strings.Contains(reply, "AuthPayload") {
			t.Errorf("the schema is told: %.300s", reply)
		}
	}
	if names := a.Query(t, asha, `{ viewer { usernam } }`, nil); strings.Contains(names, "username") {
		t.Errorf("a field is suggested: %s", names)
	}
}

// introspection is the query of the tools that explore an API.
const introspection = `query IntrospectionQuery { __schema {
	queryType { name } mutationType { name } subscriptionType { name }
	types { ...FullType } directives { name description locations args { ...InputValue } }
} }
fragment FullType on __Type {
	kind name description
	fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
	inputFields { ...InputValue } interfaces { ...TypeRef } enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
	possibleTypes { ...TypeRef }
}
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }`

// TestExploring checks what PLAYGROUND=true opens: the page, introspection and
// suggestions; and that it is closed otherwise.
func TestExploring(t *testing.T) {
	open := harness.New(t, storetest.Open(t, storetest.URL(t, "sqlite3")), func(c *server.Config) { c.Playground = new(true) })
	if reply := open.Query(t, harness.Caller{}, introspection, nil); strings.Contains(reply, `"errors"`) || !strings.Contains(reply, "specializationStats") {
		t.Errorf("introspection: %.500s", reply)
	}
	if reply := open.Query(t, harness.Caller{}, `{ viewer { usernam } }`, nil); !strings.Contains(reply, "Did you mean") {
		t.Errorf("no suggestion in %s", reply)
	}
	if status, reply := open.Send(t, "GET", "/", "", ""); status != http.StatusOK || !strings.Contains(reply, "Caregraph") {
		t.Errorf("playground: %d %.300s", status, reply)
	}
	closed := harness.New(t, storetest.Open(t, storetest.URL(t, "sqlite3")))
	if status, _ := closed.Send(t, "GET", "/playground", "", ""); status != http.StatusNotFound {
		t.Errorf("playground without PLAYGROUND: %d", status)
	}
}

// TestHostileText checks that text which is none is refused in every field, on
// both databases alike, and leaves nothing behind.
func TestHostileText(t *testing.T) {
	patient := `{"name":"N","email":"n@example.com","phone":"9876543210","dateOfBirth":"2001-01-31","address":"P","gender":"MALE","emergencyContact":"E","medicalHistory":"M"}`
	doctor := `{"name":"N","email":"n@example.com","phone":"9876543210","specialization":"S","licenseNumber":"R-2","experienceYears":1,"consultationFee":1,"address":"A","availability":"M"}`
	var answers [][]string
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		mapping := a.Assign(t, asha, a.CreatePatient(t, asha, "Arjun"), a.CreateDoctor(t, asha, "Dr. Rao", "R-1"))
		before := map[string]int{}
		for _, table := range []string{"users", "patients", "doctors", "mappings"} {
			before[table] = a.Count(t, table)
		}
		var given []string
		post := func(name, document, variables string, want ...string) {
			t.Helper()
			query, _ := json.Marshal(document)
			_, reply := a.Send(t, "POST", "/graphql", asha.Token, `{"query":`+string(query)+`,"variables":`+variables+`}`)
			each := harness.Failures(t, reply)
			slices.Sort(each) // the fields of a query are read at once
			codes := strings.Join(each, " ")
			if len(want) > 0 && codes != want[0] {
				t.Errorf("%s: got %.300s, want %s", name, reply, want[0])
			}
			if strings.Contains(codes, "INTERNAL") || strings.Contains(codes, "UNAVAILABLE") {
				t.Errorf("%s: %.300s", name, reply)
			}
			given = append(given, name+" "+codes)
		}
		for _, in := range []struct{ document, base string }{
			{`mutation($input: CreatePatientInput!) { createPatient(input: $input) { id } }`, patient},
			{`mutation($input: UpdatePatientInput!) { updatePatient(id: 1, input: $input) { id } }`, patient},
			{`mutation($input: CreateDoctorInput!) { createDoctor(input: $input) { id } }`, doctor},
			{`mutation($input: UpdateDoctorInput!) { updateDoctor(id: 1, input: $input) { id } }`, doctor},
		} {
			var fields map[string]any
			if err := json.Unmarshal([]byte(in.base), &fields); err != nil {
				t.Fatal(err)
			}
			for field, value := range fields {
				text, ok := value.(string)
				if !ok || field == "gender" {
					continue
				}
				hostile := strings.Replace(in.base, fmt.Sprintf(`%q:%q`, field, text), fmt.Sprintf(`%q:"%s\u0000"`, field, text), 1)
				post(in.document+field, in.document, `{"input":`+hostile+`}`, "BAD_USER_INPUT:"+field)
			}
		}
		post("notes", `mutation($id: ID!, $n: String) { updateMapping(id: $id, notes: $n) { id } }`, fmt.Sprintf(`{"id":%d,"n":"a\u0000b"}`, mapping), "BAD_USER_INPUT:notes")
		post("username", `mutation($n: String!) { register(input: {username: $n, email: "b@example.com", password: "Aniket@123", role: PATIENT}) { access } }`, `{"n":"be\u0000n"}`, "BAD_USER_INPUT:username")
		post("email", `mutation($n: String!) { register(input: {username: "ben", email: $n, password: "Aniket@123", role: PATIENT}) { access } }`, `{"n":"b\u0000@example.com"}`, "BAD_USER_INPUT:email")
		post("phone", `mutation($n: String!) { register(input: {username: "ben", email: "b@example.com", phone: $n, password: "Aniket@123", role: PATIENT}) { access } }`, `{"n":"\u0000"}`, "BAD_USER_INPUT:phone")
		post("login", `mutation($n: String!) { login(input: {email: $n, password: "Aniket@123"}) { access } }`, `{"n":"b\u0000@example.com"}`, harness.Unauthenticated)
		post("login password", `mutation($n: String!) { login(input: {email: "asha@example.com", password: $n}) { access } }`, `{"n":"\u0000"}`, harness.Unauthenticated)
		post("refresh", `mutation($n: String!) { refreshToken(refresh: $n) { access } }`, `{"n":"\u0000"}`, harness.Unauthenticated)
		post("search users", `query($n: String!) { users(filter: {search: $n}) { totalCount } }`, `{"n":"A\u0000"}`, "BAD_USER_INPUT:search")
		post("search patients", `query($n: String!) { patients(filter: {search: $n}) { totalCount } }`, `{"n":"A\u0000"}`, "BAD_USER_INPUT:search")
		post("search doctors", `query($n: String!) { doctors(filter: {search: $n}) { totalCount } }`, `{"n":"\u0000"}`, "BAD_USER_INPUT:search")
		post("search mappings", `query($n: String!) { mappings(filter: {search: $n}) { totalCount } }`, `{"n":"A\u0000"}`, "BAD_USER_INPUT:search")
		post("specialization", `query($n: String!) { doctors(filter: {specialization: [$n]}) { totalCount } }`, `{"n":"\u0000"}`)
		for _, id := range []string{`""`, `"abc"`, `"1.5"`, `-1`, `0`, `9223372036854775807`, `"9223372036854775808"`, `"0x1"`, `"1 OR 1=1"`, `"\u0000"`, `"१"`, `true`} {
			post("id "+id, `query($n: ID!) { patient(id: $n) { id } }`, `{"n":`+id+`}`)
			post("user id "+id, `query($n: ID!) { user(id: $n) { id } }`, `{"n":`+id+`}`)
			post("update user id "+id, `mutation($n: ID!) { updateUser(id: $n, input: {isStaff: true}) { id } }`, `{"n":`+id+`}`)
			post("filter id "+id, `query($n: ID!) { patients(filter: {doctorId: $n}) { totalCount } }`, `{"n":`+id+`}`)
			post("delete id "+id, `mutation($n: ID!) { deleteDoctor(id: $n) }`, `{"n":`+id+`}`)
		}
		for _, n := range []string{"2147483648", "9223372036854775808", "1.5", `"7"`, "1e400", "-9223372036854775808"} {
			post("years "+n, `mutation($n: Int!) { updateDoctor(id: 1, input: {experienceYears: $n}) { id } }`, `{"n":`+n+`}`)
			post("filter years "+n, `query($n: Int!) { doctors(filter: {minExperienceYears: $n}) { totalCount } }`, `{"n":`+n+`}`)
			post("first "+n, `query($n: Int!) { doctors(first: $n) { totalCount } }`, `{"n":`+n+`}`)
		}
		for _, at := range []string{`"0001-01-01T00:00:00Z"`, `"9999-12-31T23:59:59Z"`, `"10000-01-01T00:00:00Z"`, `"2024-02-30T00:00:00Z"`, `"now"`, `1`, `"2025-01-31T10:30:00"`, `"2025-01-31T10:30:00+05:30"`, `"0000-01-01T00:00:00Z"`} {
			post("instant "+at, `query($n: DateTime!) { patients(filter: {createdAfter: $n}) { totalCount } mappings(filter: {assignedBefore: $n}) { totalCount } }`, `{"n":`+at+`}`)
		}
		for _, day := range []string{`"0001-01-01"`, `"9999-12-31"`, `"2024-02-30"`, `""`, `1`, `"\u0000"`} {
			post("day "+day, `query($n: Date!) { patients(filter: {bornAfter: $n}) { totalCount } }`, `{"n":`+day+`}`)
		}
		for _, fee := range []string{`"-1"`, `"1e12"`, `"9999999999999"`, `"99999999999999999999"`, `"0.005"`, `"x"`, `{}`} {
			post("fee "+fee, `query($n: Rupees!) { doctors(filter: {minConsultationFee: $n}) { totalCount } }`, `{"n":`+fee+`}`)
		}
		// What is no UTF-8 is refused or replaced, never stored.
		for _, raw := range []string{"\xff", "\xed\xa0\x80", `\ud800`} {
			query := `{"query":"mutation($n: String) { updateMapping(id: 1, notes: $n) { notes } }","variables":{"n":"a` + raw + `"}}`
			if _, reply := a.Send(t, "POST", "/graphql", asha.Token, query); strings.Contains(reply, "INTERNAL") {
				t.Errorf("%q: %s", raw, reply)
			}
		}
		if _, _, reply := a.Do(t, "GET", `/graphql?query=%7Bpatients(filter:%7Bsearch:%22%ff%22%7D)%7BtotalCount%7D%7D`, http.Header{"Authorization": {"Bearer " + asha.Token}}, ""); strings.Contains(reply, "INTERNAL") {
			t.Errorf("a URL that is no UTF-8: %s", reply)
		}
		for table, n := range before {
			if now := a.Count(t, table); now != n {
				t.Errorf("%s has %d rows, had %d", table, now, n)
			}
		}
		answers = append(answers, given)
	})
	for i := 1; i < len(answers); i++ {
		sets := [2]map[string]bool{{}, {}}
		for j, list := range [][]string{answers[0], answers[i]} {
			for _, answer := range list {
				sets[j][answer] = true
			}
		}
		for answer := range sets[0] {
			if !sets[1][answer] {
				t.Errorf("one database answers %q, another does not", answer)
			}
		}
	}
}

// TestTokens checks what each door answers to a token that is none.
func TestTokens(t *testing.T) {
	bad := func(message string) string {
		return `{"detail":"Given token not valid for any token type","code":"token_not_valid","messages":[{"token_class":"AccessToken","token_type":"access","message":"` + message + `"}]}`
	}
	invalid, wrongType := bad("Token is invalid or expired"), bad("Token has wrong type")
	const form = `{"detail":"Send the access token in the form: Authorization: Bearer TOKEN","code":"bad_authorization_header"}`
	const none = `{"detail":"Authentication credentials were not provided."}`
	const malformed = `{"detail":"Authorization header must contain two space-delimited values","code":"bad_authorization_header"}`
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, ben := a.Register(t, "asha"), a.Register(t, "ben")
		tokens := a.Login(t, asha.Email)
		if _, err := db.Exec("UPDATE users SET is_active = $1 WHERE id = $2", false, ben.ID); err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(tokens.Access, ".")
		now := time.Now()
		sign := func(method jwt.SigningMethod, key any, change func(jwt.MapClaims), header ...string) string {
			claims := jwt.MapClaims{"token_type": "access", "user_id": asha.ID, "jti": strings.Repeat("0", 32), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
			change(claims)
			token := jwt.NewWithClaims(method, claims)
			for _, name := range header {
				token.Header[name] = "x"
			}
			text, err := token.SignedString(key)
			if err != nil {
				t.Fatal(err)
			}
			return "Bearer " + text
		}
		same := func(jwt.MapClaims) {}
		without := func(name string) func(jwt.MapClaims) { return func(c jwt.MapClaims) { delete(c, name) } }
		key := a.Cfg.Key
		for _, tt := range []struct{ name, header, want string }{
			{"none", "", none},
			{"another scheme", "Token " + tokens.Access, form},
			{"basic", "Basic YTpi", form},
			{"scheme alone", "Bearer", malformed},
			{"two tokens", "Bearer " + tokens.Access + " " + tokens.Access, malformed},
			{"garbage", "Bearer x", invalid},
			{"no signature", "Bearer " + parts[0] + "." + parts[1] + ".", invalid},
			{"another's signature", "Bearer " + parts[0] + "." + parts[1] + "." + strings.Split(ben.Token, ".")[2], invalid},
			{"long", "Bearer " + strings.Repeat("x", 5000), invalid},
			{"refresh token", "Bearer " + tokens.Refresh, wrongType},
			{"another key", sign(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), same), invalid},
			{"another method", sign(jwt.SigningMethodHS512, key, same), invalid},
			{"no method", sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, same), invalid},
			{"another header", sign(jwt.SigningMethodHS256, key, same, "kid"), invalid},
			{"expired", sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["exp"] = now.Add(-time.Minute).Unix() }), invalid},
			{"issued in the future", sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["iat"] = now.Add(time.Hour).Unix() }), invalid},
			{"for ever", sign(jwt.SigningMethodHS256, key, without("exp")), invalid},
			{"without iat", sign(jwt.SigningMethodHS256, key, without("iat")), invalid},
			{"without jti", sign(jwt.SigningMethodHS256, key, without("jti")), invalid},
			{"without a type", sign(jwt.SigningMethodHS256, key, without("token_type")), invalid},
			{"without a user", sign(jwt.SigningMethodHS256, key, without("user_id")), invalid},
			{"user as text", sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["user_id"] = "1" }), invalid},
			{"inactive", "Bearer " + ben.Token, `{"detail":"User is inactive","code":"user_inactive"}`},
		} {
			header := http.Header{"Content-Type": {harness.PlainJSON}}
			if tt.header != "" {
				header.Set("Authorization", tt.header)
			}
			_, _, reply := a.Do(t, "POST", "/graphql", header, `{"query":"{ viewer { id } }"}`)
			if codes := harness.Failures(t, reply); len(codes) != 1 || codes[0] != harness.Unauthenticated {
				t.Errorf("%s, GraphQL: %s", tt.name, reply)
			}
			for _, path := range []string{"/api/patients/", "/api/doctors/1/"} {
				status, answered, reply := a.Do(t, "GET", path, header, "")
				if status != http.StatusUnauthorized || !sameJSON(reply, tt.want) || answered.Get("WWW-Authenticate") != `Bearer realm="api"` {
					t.Errorf("%s, %s: got %d %s, want %s", tt.name, path, status, reply, tt.want)
				}
			}
			if tt.want == invalid && tt.name != "garbage" {
				continue
			}
			// The three public endpoints do not look at the header.
			if status, _, reply := a.Do(t, "POST", "/api/auth/login/", header, `{"email":"asha@example.com","password":"`+harness.Password+`"}`); status != http.StatusOK {
				t.Errorf("%s, log in: %d %s", tt.name, status, reply)
			}
			// Nor does a sign-in by GraphQL.
			if _, _, reply := a.Do(t, "POST", "/graphql", header, `{"query":"mutation { login(input: {email: \"asha@example.com\", password: \"`+harness.Password+`\"}) { user { id } } }"}`); harness.Failures(t, reply) != nil {
				t.Errorf("%s, log in by GraphQL: %s", tt.name, reply)
			}
		}
		for _, header := range []string{"Bearer " + tokens.Access, "Bearer  " + asha.Token + " "} {
			if status, _, reply := a.Do(t, "GET", "/api/patients/", http.Header{"Authorization": {header}}, ""); status != http.StatusOK || reply != "[]" {
				t.Errorf("a good token: %d %s", status, reply)
			}
		}
		if status, reply := a.Send(t, "POST", "/api/auth/login/", "", `{"email":"ben@example.com","password":"`+harness.Password+`"}`); status != http.StatusUnauthorized || !sameJSON(reply, credentials) {
			t.Errorf("log in, inactive: %d %s", status, reply)
		}
	})
}

// credentials is the answer to every sign-in that is refused.
const credentials = `{"detail":"No active account found with the given credentials"}`

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

// TestRESTAuthInput checks the documented answer to every input of the public
// REST endpoints that is wrong.
func TestRESTAuthInput(t *testing.T) {
	const required, blank, null, notText = "This field is required.", "This field may not be blank.", "This field may not be null.", "Not a valid string."
	fields := func(pairs ...string) string {
		body := map[string][]string{}
		for i := 0; i < len(pairs); i += 2 {
			body[pairs[i]] = append(body[pairs[i]], pairs[i+1])
		}
		text, _ := json.Marshal(body)
		return string(text)
	}
	// user is a registration that would pass, but for the members given.
	user := func(members string) string {
		body := map[string]json.RawMessage{"username": []byte(`"ben"`), "email": []byte(`"ben@example.com"`), "password": []byte(`"Aniket@123"`), "role": []byte(`"patient"`)}
		var change map[string]json.RawMessage
		if err := json.Unmarshal([]byte(members), &change); err != nil {
			t.Fatal(err)
		}
		for name, value := range change {
			if body[name] = value; string(value) == `"-"` {
				delete(body, name)
			}
		}
		text, _ := json.Marshal(body)
		return string(text)
	}
	const register, login, refresh = "/api/auth/register/", "/api/auth/login/", "/api/auth/token/refresh/"
	const email, token = "Enter a valid email address.", `{"detail":"Token is invalid or expired","code":"token_not_valid"}`
	list := fields("non_field_errors", "Invalid data. Expected a dictionary, but got list.")
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		a.Register(t, "asha")
		if status, reply := a.Send(t, "POST", register, "", `{"username":"dev","email":"dev@example.com","phone":"9876543211","password":"Aniket@123","role":"doctor"}`); status != http.StatusCreated {
			t.Fatal(reply)
		}
		for _, tt := range []struct {
			name, path, body string
			status           int
			want             string
		}{
			{"nothing", register, `{}`, 400, fields("username", required, "email", required, "password", required, "role", required)},
			{"nulls", register, `{"username":null,"email":null,"password":null,"role":null,"phone":null}`, 400, fields("username", null, "email", null, "password", null, "role", null)},
			{"blanks", register, `{"username":" ","email":"","password":"  ","role":""}`, 400, fields("username", blank, "email", blank, "password", blank, "role", `"" is not a valid choice.`)},
			{"lists", register, user(`{"username":["a"],"email":{}}`), 400, fields("username", notText, "email", notText)},
			{"bad email", register, user(`{"email":"ben"}`), 400, fields("email", email)},
			{"bad role", register, user(`{"role":"PATIENT"}`), 400, fields("role", `"PATIENT" is not a valid choice.`)},
			{"staff", register, user(`{"role":"staff"}`), 400, fields("role", `"staff" is not a valid choice.`)},
			{"short password", register, user(`{"password":" Ani@12 "}`), 400, fields("password", "This password is too short. It must contain at least 8 characters.")},
			{"numeric password", register, user(`{"password":"8214560937"}`), 400, fields("password", "This password is entirely numeric.")},
			{"common password", register, user(`{"password":"Password1"}`), 400, fields("password", "This password is too common.")},
			{"email as password", register, user(`{"password":"BEN@example.com"}`), 400, fields("password", "The password is too similar to the username or email.")},
			{"long username", register, user(`{"username":"` + strings.Repeat("b", 151) + `"}`), 400, fields("username", "Ensure this field has no more than 150 characters.")},
			{"username with a space", register, user(`{"username":"be n"}`), 400, fields("username", "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.")},
			{"bad phone", register, user(`{"phone":"12345"}`), 400, fields("phone", "Enter a valid 10-digit phone number.")},
			{"taken username", register, user(`{"username":"asha"}`), 400, fields("username", "A user with that username already exists.")},
			{"taken email", register, user(`{"email":" ASHA@Example.com "}`), 400, fields("email", "user with this email already exists.")},
			{"taken phone", register, user(`{"phone":"+91 98765 43211"}`), 400, fields("phone", "user with this phone already exists.")},
			{"everything", register, `{"username":"asha","email":"x","password":"1","role":"x","phone":"1"}`, 400, fields(
				"username", "A user with that username already exists.", "email", email, "password", "This password is too short. It must contain at least 8 characters.",
				"role", `"x" is not a valid choice.`, "phone", "Enter a valid 10-digit phone number.")},
			{"array", register, `[]`, 400, list},
			{"array", login, `[{}]`, 400, list},
			{"null", login, `null`, 400, fields("non_field_errors", "Invalid data. Expected a dictionary, but got NoneType.")},
			{"text", refresh, `"x"`, 400, fields("non_field_errors", "Invalid data. Expected a dictionary, but got str.")},
			{"nothing", login, `{}`, 400, fields("email", required, "password", required)},
			{"null password", login, `{"email":"asha@example.com","password":null}`, 400, fields("password", null)},
			{"blank", login, `{"email":"","password":"x"}`, 400, fields("email", blank)},
			{"wrong password", login, `{"email":"asha@example.com","password":"Aniket@124"}`, 401, credentials},
			{"unknown email", login, `{"email":"nobody@example.com","password":"Aniket@123"}`, 401, credentials},
			{"no email", login, `{"email":"x","password":"Aniket@123"}`, 401, credentials},
			{"nothing", refresh, `{}`, 400, fields("refresh", required)},
			{"number", refresh, `{"refresh":["x"]}`, 400, fields("refresh", notText)},
			{"garbage", refresh, `{"refresh":"x"}`, 401, token},
			{"access token", refresh, `{"refresh":"` + a.Login(t, "asha@example.com").Access + `"}`, 401, token},
		} {
			status, answered, reply := a.Do(t, "POST", tt.path, http.Header{"Content-Type": {harness.PlainJSON}}, tt.body)
			if status != tt.status || !sameJSON(reply, tt.want) || answered.Get("Content-Type") != harness.PlainJSON {
				t.Errorf("%s %s: got %d %s %s\nwant %d %s", tt.path, tt.name, status, answered.Get("Content-Type"), reply, tt.status, tt.want)
			}
		}
		for _, path := range []string{register, login, refresh} {
			for _, tt := range []struct {
				name, method, contentType, body string
				status                          int
				want                            string
			}{
				{"truncated", "POST", harness.PlainJSON, `{"email":`, 400, `{"detail":"JSON parse error - `},
				{"empty", "POST", harness.PlainJSON, ` `, 400, `{"detail":"JSON parse error - `},
				{"two values", "POST", harness.PlainJSON, `{}{}`, 400, `{"detail":"JSON parse error - `},
				{"no UTF-8", "POST", harness.PlainJSON, "{\"email\":\"\xff\"}", 400, `{"detail":"JSON parse error - `},
				{"too deep", "POST", harness.PlainJSON, `{"email":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, 400, `{"detail":"JSON parse error - `},
				{"text", "POST", "text/plain", `{}`, 415, `{"detail":"Unsupported media type \"text/plain\" in request."}`},
				{"get", "GET", "", "", 405, `{"detail":"Method \"GET\" not allowed."}`},
				{"put", "PUT", harness.PlainJSON, `{}`, 405, `{"detail":"Method \"PUT\" not allowed."}`},
				{"1 MiB and a byte", "POST", harness.PlainJSON, `{"email":"` + strings.Repeat("x", 1<<20) + `"}`, 413, `{"detail":`},
				{"NUL", "POST", harness.PlainJSON, `{"email":"a\u0000@example.com","password":"Aniket@123","username":"a\u0000","role":"patient","refresh":"\u0000"}`, 0, ""},
				{"long", "POST", harness.PlainJSON, `{"email":"` + strings.Repeat("x", 100_000) + `@example.com","password":"` + strings.Repeat("x", 100_000) + `","username":"` + strings.Repeat("x", 100_000) + `","role":"patient","refresh":"` + strings.Repeat("x", 100_000) + `"}`, 0, ""},
			} {
				header := http.Header{}
				if tt.contentType != "" {
					header.Set("Content-Type", tt.contentType)
				}
				status, answered, reply := a.Do(t, tt.method, path, header, tt.body)
				if tt.status != 0 && (status != tt.status || !strings.HasPrefix(reply, tt.want)) || status >= 500 || status < 400 {
					t.Errorf("%s %s: got %d %.300s, want %d %s", path, tt.name, status, reply, tt.status, tt.want)
				}
				if status == http.StatusMethodNotAllowed && answered.Get("Allow") == "" {
					t.Errorf("%s %s: no Allow", path, tt.name)
				}
			}
		}
		if n := a.Count(t, "users"); n != 2 {
			t.Errorf("%d users, want 2", n)
		}
		for _, body := range []string{`{"email":" Asha@EXAMPLE.com ","password":" Aniket@123 "}`, `{"email":"asha@example.com","password":"Aniket@123","unknown":[1]}`} {
			if status, reply := a.Send(t, "POST", login, "", body); status != http.StatusOK {
				t.Errorf("%s: %d %s", body, status, reply)
			}
		}
	})
}

// TestParallelRegistrations checks that of identical registrations at once one
// succeeds and the others are told what is taken.
func TestParallelRegistrations(t *testing.T) {
	const attempts = 12
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		outcomes := map[string]int{}
		for _, reply := range harness.Together(attempts, func(int) string {
			status, reply := a.Send(t, "POST", "/api/auth/register/", "", `{"username":"asha","email":"asha@example.com","phone":"9876543210","password":"Aniket@123","role":"patient"}`)
			if status == http.StatusCreated {
				return "created"
			}
			return fmt.Sprint(status, " ", strings.Contains(reply, "already exists."))
		}) {
			outcomes[reply]++
		}
		if outcomes["created"] != 1 || outcomes["400 true"] != attempts-1 || a.Count(t, "users") != 1 {
			t.Errorf("outcomes %v and %d users, want one", outcomes, a.Count(t, "users"))
		}
	})
}

// TestDatabaseGoesAway checks that a database that is down is told as such at
// every door, and that work goes on when it is back.
func TestDatabaseGoesAway(t *testing.T) {
	postgres := storetest.Own(t)
	a := harness.New(t, storetest.Open(t, postgres.URL("template")))
	asha := a.Register(t, "asha")
	patient := a.CreatePatient(t, asha, "Arjun")
	if status, _ := a.Send(t, "GET", "/readyz", "", ""); status != http.StatusOK {
		t.Fatalf("readyz: %d", status)
	}
	for range 2 {
		postgres.Stop()
		if status, reply := a.Send(t, "GET", "/readyz", "", ""); status != http.StatusServiceUnavailable {
			t.Errorf("readyz while the database is down: %d %s", status, reply)
		}
		if status, _ := a.Send(t, "GET", "/health/", "", ""); status != http.StatusOK {
			t.Errorf("health while the database is down: %d", status)
		}
		for _, document := range []string{
			`{ viewer { id } }`, `{ patients { totalCount nodes { id } } }`, `{ specializationStats { doctorCount } }`, `mutation { deletePatient(id: 1) }`,
			`mutation { login(input: {email: "asha@example.com", password: "Aniket@123"}) { access } }`,
			`mutation { register(input: {username: "ben", email: "ben@example.com", password: "Aniket@123", role: PATIENT}) { access } }`,
		} {
			a.Expect(t, document, asha, document, nil, "UNAVAILABLE")
		}
		for _, r := range []struct{ method, path, body string }{
			{"POST", "/api/auth/login/", `{"email":"asha@example.com","password":"Aniket@123"}`},
			{"POST", "/api/auth/register/", `{"username":"ben","email":"ben@example.com","password":"Aniket@123","role":"patient"}`},
			{"GET", "/api/patients/", ""},
			{"DELETE", "/api/patients/1/", ""},
		} {
			status, answered, reply := a.Do(t, r.method, r.path, http.Header{"Authorization": {"Bearer " + asha.Token}, "Content-Type": {harness.PlainJSON}}, r.body)
			if status != http.StatusServiceUnavailable || !strings.Contains(reply, `"request_id":"`) || answered.Get("Retry-After") == "" {
				t.Errorf("%s %s: %d %s", r.method, r.path, status, reply)
			}
		}
		if err := postgres.Start(); err != nil {
			t.Fatal(err)
		}
		if status, reply := a.Send(t, "GET", "/readyz", "", ""); status != http.StatusOK {
			t.Errorf("readyz when the database is back: %d %s", status, reply)
		}
		a.Expect(t, "after the return", asha, `query($id: ID!) { patient(id: $id) { name } }`, map[string]any{"id": patient}, `{"data":{"patient":{"name":"Arjun"}}}`)
		a.Login(t, asha.Email)
	}
	if strings.Contains(a.Log.String(), os.TempDir()) {
		t.Errorf("the log has a path of this machine: %s", a.Log)
	}
}
