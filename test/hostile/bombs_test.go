package hostile_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"caregraph/internal/server"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// Bounds of what a bomb may cost; what it does cost, on an idle machine, is a
// tenth of the time, and is logged.
const (
	bombTime   = 2 * time.Second
	bombMemory = 16 << 20 // bytes, allocated in all
)

// nest returns inner inside n layers.
func nest(n int, before, inner, after string) string {
	return strings.Repeat(before, n) + inner + strings.Repeat(after, n)
}

// bombs are requests that are small and ask for very much work.
func bombs() []struct{ name, document, variables, want string } {
	const complex, invalid = "TOO_COMPLEX", "BAD_USER_INPUT"
	chain := func(n int, on, body string) string { // fragments that spread the next, $
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "fragment F%d on %s {%s}", i, on, strings.ReplaceAll(body, "$", fmt.Sprint("...F", i+1)))
		}
		return b.String() + fmt.Sprintf("fragment F%d on %s { __typename }", n, on)
	}
	return []struct{ name, document, variables, want string }{
		{"61 aliases", "{" + harness.Each(61, " a#: viewer { id }") + "}", "", complex},
		{"aliases of pages", "{" + harness.Each(30, " a#: patients(first: 100) { nodes { id } }") + "}", "", ""},
		{"aliases of sign-ins", "mutation {" + harness.Each(30, ` a#: login(input: {email: "a@example.com", password: "x"}) { access }`) + "}", "", complex},
		{"10,000 times a field", "{ viewer {" + strings.Repeat(" id", 10_000) + "} }", "", complex},
		{"1,900 times a field", "{ viewer {" + strings.Repeat(" id", 1_900) + "} }", "", complex},
		{"600 times an object", "{ viewer {" + strings.Repeat(" a{id}", 480) + "} }", "", complex},
		{"450 differing aliases of one name", "{ viewer {" + harness.Each(450, " a:f#") + "} }", "", complex},
		{"a field with differing arguments", "{ viewer {" + harness.Each(320, " f(a:#)") + "} }", "", complex},
		{"a field with differing arguments in a fragment", "{ viewer { ...F } } fragment F on User {" + harness.Each(310, " f(a:#)") + "}", "", complex},
		{"a field with differing arguments in an unused fragment", "{ viewer { id } } fragment F on User {" + harness.Each(310, " f(a:#)") + "}", "", complex},
		{"a field with differing arguments in two fragments", "{ viewer { ...F ...G } } fragment F on User {" + harness.Each(150, " f(a:#)") + "} fragment G on User {" + harness.Each(150, " f(a:#)") + "}", "", complex},
		{"a field with differing arguments in inline fragments", "{ viewer {" + harness.Each(210, " ...{f(a:#)}") + "} }", "", complex},
		{"a field in 200 inline fragments in each other", "{ viewer {" + nest(200, "...{", strings.Repeat(" id", 500), "}") + "} }", "", complex},
		{"a field with a list of 99", "{ patients(filter: {search: [" + strings.Repeat("1 ", 99) + "]}) { totalCount }" + strings.Repeat(" viewer { id }", 25) + "}", "", invalid},
		{"100 operations of a fragment with a long argument", harness.Each(100, "query A#{...F}") + "fragment F on Query { viewer { f(a: [" + strings.Repeat("[1]", 99) + strings.Repeat("[1 1 1]", 1) + "]) } }", "", complex},
		{"2 of the same at 8 levels", "{" + tree(8) + "}", "", complex},
		{"12 of the same at 3 levels", "{" + strings.Repeat("viewer{"+strings.Repeat("patients{"+strings.Repeat("nodes ", 11)+"}", 11)+"}", 12) + "}", "", complex},
		{"cycle of one", "{ viewer { ...A } } fragment A on User { id ...A }", "", invalid},
		{"cycle of 100", "{ viewer { ...F0 } }" + harness.Each(99, "fragment F# on User { id ...N# }") + "fragment F99 on User { ...F0 }", "", invalid},
		{"every fragment in every other", "{ viewer { ...F0 } }" + harness.Each(25, "fragment F# on User {"+harness.Each(25, " ...F#")+"}"), "", invalid},
		{"2^60 spreads", "{ viewer { ...F0 } }" + chain(60, "User", " $ $ "), "", complex},
		{"2^60 fields", "{ viewer { ...F0 } }" + chain(60, "User", " a:id $ $ "), "", complex},
		{"2^60 spreads in inline fragments", "{ viewer { ...F0 } }" + chain(60, "User", " ...{$} ...{$} "), "", complex},
		{"a chain of 60 fragments", "{ viewer { ...F0 } }" + chain(60, "User", " id $ "), "", ""},
		{"500 deep", "{" + nest(500, "viewer{", "id", "}") + "}", "", complex},
		{"500 deep in inline fragments", "{ viewer {" + nest(500, "...{", "id", "}") + "} }", "", ""},
		{"900 lists in lists", "{ patients(filter: {search: " + nest(900, "[", "1", "]") + "}) { totalCount } }", "", ""},
		{"900 objects in objects", "{ patients(filter: " + nest(450, "{a:", "1", "}") + ") { totalCount } }", "", invalid},
		{"a list of 1,800", "{ patients(filter: {search: [" + strings.Repeat("1 ", 1_800) + "]}) { totalCount } }", "", complex},
		{"300 types in a variable", "query($a: " + nest(900, "[", "Int", "]") + ") { viewer { id } }", "", invalid},
		{"400 variables", "query(" + harness.Each(400, "$a#: Int ") + ") { viewer { id } }", "", invalid},
		{"a variable of a million numbers", "query($a: PatientFilter) { patients(filter: $a) { totalCount } }", `{"a":[` + strings.Repeat("1,", 500_000) + `1]}`, invalid},
		{"a variable of many objects", "query($a: PatientFilter) { patients(filter: $a) { totalCount } }", `{"a":[` + strings.Repeat("{},", 300_000) + `1]}`, invalid},
		{"a variable of 60,000 members", "query($a: PatientFilter) { patients(filter: $a) { totalCount } }", `{"a":{` + harness.Each(60_000, `"a#":1,`) + `"b":1}}`, invalid},
		{"a variable of 100,000 lists in lists", "query($a: PatientFilter) { patients(filter: $a) { totalCount } }", `{"a":` + nest(100_000, "[", "1", "]") + `}`, invalid},
		{"a variable of 9,000 lists in lists", "query($a: PatientFilter) { patients(filter: $a) { totalCount } }", `{"a":` + nest(9_000, "[", "1", "]") + `}`, invalid},
		{"a variable of 9,000 objects in objects", "query($a: PatientFilter) { patients(filter: $a) { totalCount } }", `{"a":` + nest(9_000, `{"a":`, "1", "}") + `}`, invalid},
		{"a long variable", "query($a: PatientFilter) { patients(filter: $a) { totalCount } }", `{"a":{"search":"` + strings.Repeat("x", 1_000_000) + `"}}`, complex},
		{"a variable of escapes", "query($a: PatientFilter) { patients(filter: $a) { totalCount } }", `{"a":{"search":"` + strings.Repeat(`\ud83d\ude00`, 80_000) + `"}}`, complex},
		{"a variable of backslashes", "query($a: PatientFilter) { patients(filter: $a) { totalCount } }", `{"a":{"search":"` + strings.Repeat(`\\`, 500_000) + `"}}`, complex},
		{"a long number", "query($a: Int) { patients(first: $a) { totalCount } }", `{"a":` + strings.Repeat("1", 30_000) + `}`, invalid},
		{"a long number in the document", "{ patients(first: " + strings.Repeat("1", 16_000) + ") { totalCount } }", "", invalid},
		{"a number of a large exponent", "query($a: Int) { patients(first: $a) { totalCount } }", `{"a":1e999999999}`, invalid},
		{"introspection of introspection", "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }", "", ""},
		{"60 times a field", "{ viewer {" + strings.Repeat(" id", 60) + "} }", "", ""},
		{"30 introspections", "{" + harness.Each(30, " a#: __schema { types { name fields { name args { name } type { name } } } }") + "}", "", complex},
		{"introspection of every type", "{ __schema { types { fields { type { fields { name type { name } } } } } } }", "", ""},
		{"introspection through possible types", "{ __schema { types { possibleTypes { possibleTypes { possibleTypes { name } } } } } }", "", ""},
		{"introspection through ofType", "{ __schema { types { fields { type {" + nest(500, "ofType{", "name", "}") + "} } } } }", "", ""},
		{"introspection by fragments", "{ __schema { types { ...F0 } } }" + chain(20, "__Type", " fields { type { $ } } "), "", ""},
		{"introspection by doubling", "{ __schema { types { ...F0 } } }" + chain(20, "__Type", " a: ofType { $ } b: ofType { $ } "), "", complex},
		{"900 directives on a field", "{ viewer { id" + strings.Repeat("@a", 900) + " } }", "", complex},
		{"900 directives on an operation", "query" + strings.Repeat("@a", 900) + "{ viewer { id } }", "", complex},
		{"900 directives on a fragment", "{ viewer { ...F } } fragment F on User" + strings.Repeat("@a", 900) + "{ id }", "", complex},
		{"900 directives on a variable", "query($a: Int" + strings.Repeat("@a", 900) + ") { patients(first: $a) { totalCount } }", "", complex},
		{"a directive on 90 fields", "{ viewer {" + harness.Each(90, " id @include(if: true)") + "} }", "", ""},
		{"200 arguments", "{ patients(" + harness.Each(400, "a#:1 ") + ") { totalCount } }", "", invalid},
		{"300 unknown fields", "{ viewer {" + harness.Each(900, " f#") + "} }", "", invalid},
		{"200 operations", harness.Each(200, "query A# { viewer { id } } "), "", ""},
		{"300 operations without a name", strings.Repeat("{ viewer { id } } ", 280), "", ""},
		{"140 operations of one fragment", harness.Each(140, "query A#{...F}") + "fragment F on Query { viewer {" + harness.Each(450, " id") + "} }", "", complex},
		{"140 operations of a fragment of differing fields", harness.Each(140, "query A#{...F}") + "fragment F on Query { viewer {" + harness.Each(450, " f#") + "} }", "", complex},
		{"150 unused fragments", "{ viewer { id } }" + harness.Each(280, "fragment F# on User { id }"), "", ""},
		{"escapes", `{ patients(filter: {search: "` + strings.Repeat(`\u0041`, 2_600) + `"}) { totalCount } }`, "", ""},
		{"bad escapes", `{ patients(filter: {search: "` + strings.Repeat(`\ud800`, 2_600) + `"}) { totalCount } }`, "", ""},
		{"characters of 4 bytes", `{ patients(filter: {search: "` + strings.Repeat("😀", 4_000) + `"}) { totalCount } }`, "", ""},
		{"a block string of lines", `{ patients(filter: {search: """` + strings.Repeat("\n ", 8_000) + `"""}) { totalCount } }`, "", ""},
		{"a block string of quotes", `{ patients(filter: {search: """` + strings.Repeat(`\"""`, 4_000) + `"""}) { totalCount } }`, "", ""},
		{"a block string without an end", `{ patients(filter: {search: """` + strings.Repeat(`"" `, 5_000), "", ""},
		{"a long comment", "{ viewer { id } } #" + strings.Repeat("x", 16_300), "", ""},
		{"8,000 comments", "{ viewer { id } } " + strings.Repeat("#\n", 8_000), "", ""},
		{"commas", "{ viewer { id } } " + strings.Repeat(",", 16_300), "", ""},
		{"a long name", "{ viewer { " + strings.Repeat("x", 16_300) + " } }", "", invalid},
		{"a long unknown type", "{ ... on " + strings.Repeat("x", 16_300) + " { id } }", "", invalid},
		{"1 MiB of document", "{ viewer { id } } " + strings.Repeat(" ", 1_000_000), "", complex},
		{"a document of line ends", strings.Repeat("\n", 16_000) + "}", "", invalid},
		{"open braces", strings.Repeat("{", 1_990), "", ""},
		{"open braces of fields", strings.Repeat("{a", 990), "", ""},
		{"open brackets", "{ a(b: " + strings.Repeat("[", 1_900), "", ""},
		{"open parentheses of types", "query($a: " + strings.Repeat("[", 1_900), "", ""},
	}
}

// tree returns a selection of two fields of the same name at each of n levels.
func tree(n int) string {
	if n == 0 {
		return "a"
	}
	return strings.Repeat("a{"+tree(n-1)+"}", 2)
}

// TestBombs checks that a request made to cost very much is refused, or
// answered, at the price of any other. The largest door is open: introspection
// is on.
func TestBombs(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t, "sqlite3"))
	a := harness.New(t, db, func(c *server.Config) { c.Playground = new(true) })
	asha := a.Register(t, "asha")
	handler := server.Handler(db, a.Cfg, slog.New(slog.DiscardHandler))
	for _, b := range bombs() {
		document, err := json.Marshal(b.document)
		if err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf(`{"query":%s}`, document)
		if b.variables != "" {
			body = fmt.Sprintf(`{"query":%s,"variables":%s}`, document, b.variables)
		}
		status, reply, took, allocated := explode(handler, "/graphql", asha.Token, body)
		t.Logf("%-60s %3d %8.2f ms %8.2f MiB %s", b.name, status, float64(took.Microseconds())/1000, float64(allocated)/(1<<20), harness.Code(reply))
		if took > bombTime || allocated > bombMemory {
			t.Errorf("%s: %s and %d bytes", b.name, took, allocated)
		}
		if status >= http.StatusInternalServerError || b.want != "" && harness.Code(reply) != b.want {
			t.Errorf("%s: got %d %.300s, want %s", b.name, status, reply, b.want)
		}
		if harness.Code(reply) != "" && len(reply) > 2048 {
			t.Errorf("%s: %d bytes of %.600s", b.name, len(reply), reply)
		}
	}
	for _, b := range []struct{ name, body string }{
		{"a list of a million numbers", `{"name":[` + strings.Repeat("1,", 520_000) + `1]}`},
		{"60,000 members", `{` + harness.Each(60_000, `"a#":1,`) + `"b":1}`},
		{"100,000 lists in lists", `{"name":` + nest(100_000, "[", "1", "]") + `}`},
		{"9,000 objects in objects", `{"name":` + nest(9_000, `{"a":`, "1", "}") + `}`},
		{"a long text", `{"name":"` + strings.Repeat("x", 1_040_000) + `"}`},
		{"escapes", `{"name":"` + strings.Repeat(`\ud83d\ude00`, 85_000) + `"}`},
		{"a long number", `{"name":` + strings.Repeat("1", 1_040_000) + `}`},
		{"spaces", `{"name":` + strings.Repeat(" ", 1_040_000) + `1}`},
	} {
		status, reply, took, allocated := explode(handler, "/api/patients/", asha.Token, b.body)
		t.Logf("%-60s %3d %8.2f ms %8.2f MiB", "REST: "+b.name, status, float64(took.Microseconds())/1000, float64(allocated)/(1<<20))
		if status != http.StatusBadRequest || took > bombTime || allocated > bombMemory {
			t.Errorf("REST: %s: %d, %s, %d bytes, %.300s", b.name, status, took, allocated, reply)
		}
	}
}

// explode sends a request to the handler and returns what answering it took;
// the least of three times, since a test is not alone on its machine.
func explode(handler http.Handler, path, token, body string) (status int, reply string, took time.Duration, allocated uint64) {
	took, allocated = time.Hour, 1<<63
	for i := range 3 { // a document that is new each time
		body := strings.Replace(body, `{"query":"`, `{"query":"`+strings.Repeat(",", i), 1)
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header = http.Header{"Content-Type": {harness.PlainJSON}, "Authorization": {"Bearer " + token}}
		w := httptest.NewRecorder()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		handler.ServeHTTP(w, r)
		took = min(took, time.Since(start))
		runtime.ReadMemStats(&after)
		allocated = min(allocated, after.TotalAlloc-before.TotalAlloc)
		status, reply = w.Code, w.Body.String()
	}
	return status, reply, took, allocated
}
