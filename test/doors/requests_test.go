package doors_test

import (
	"net/http"
	"strings"
	"testing"

	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestAuthorizationHeader checks at both doors which forms of the header are
// taken, and what those are told whose header has another form.
func TestAuthorizationHeader(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		token := a.Register(t, "asha").Token
		const form = "Send the access token in the form: Authorization: Bearer TOKEN"
		for _, tt := range []struct {
			header          string
			status          int
			graphQL, rest   string // fragments of the answers
			graphQLAnswered int
		}{
			{"Bearer " + token, 200, `{"data":{"viewer":{"username":"asha"}}}`, `[]`, 200},
			{"bearer " + token, 200, `{"data":{"viewer":{"username":"asha"}}}`, `[]`, 200},
			{"BEARER   " + token, 200, `{"data":{"viewer":{"username":"asha"}}}`, `[]`, 200},
			{"", 401, "Authentication credentials were not provided.", `{"detail":"Authentication credentials were not provided."}`, 200},
			{token, 401, form, `{"detail":"` + form + `","code":"bad_authorization_header"}`, 401},
			{"Token " + token, 401, form, `{"detail":"` + form + `","code":"bad_authorization_header"}`, 401},
			{"Basic YXNoYTphc2hh", 401, form, `{"detail":"` + form + `","code":"bad_authorization_header"}`, 401},
			{"Bearer", 401, form, `{"detail":"Authorization header must contain two space-delimited values","code":"bad_authorization_header"}`, 401},
			{"bearer a b", 401, form, `{"detail":"Authorization header must contain two space-delimited values","code":"bad_authorization_header"}`, 401},
		} {
			header := http.Header{"Content-Type": {harness.PlainJSON}}
			if tt.header != "" {
				header.Set("Authorization", tt.header)
			}
			status, answered, reply := a.Do(t, "POST", "/graphql", header, `{"query":"{ viewer { username } }"}`)
			if status != tt.graphQLAnswered || !strings.Contains(reply, tt.graphQL) || (status == 401) != (answered.Get("WWW-Authenticate") != "") {
				t.Errorf("GraphQL, %.12q: got %d %v %s", tt.header, status, answered, reply)
			}
			status, answered, reply = a.Do(t, "GET", "/api/patients/", header, "")
			if status != tt.status || reply != tt.rest || (status == 401) != (answered.Get("WWW-Authenticate") != "") {
				t.Errorf("REST, %.12q: got %d %v %s", tt.header, status, answered, reply)
			}
			// A sign-in ignores the header.
			if status, _, reply := a.Do(t, "POST", "/api/auth/login/", header, `{"email":"asha@example.com","password":"`+harness.Password+`"}`); status != 200 {
				t.Errorf("sign-in, %.12q: got %d %s", tt.header, status, reply)
			}
		}
	})
}

// TestByteOrderMark checks that one mark before a JSON body is ignored, and that
// nothing else is.
func TestByteOrderMark(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		header := http.Header{"Content-Type": {harness.PlainJSON}, "Authorization": {"Bearer " + asha.Token}}
		for body, want := range map[string]int{
			"\uFEFF": 200, "": 200, "\uFEFF\uFEFF": 400, " \uFEFF": 400, "\xff\xfe": 400,
		} {
			if status, _, reply := a.Do(t, "POST", "/graphql", header, body+`{"query":"{ viewer { username } }"}`); status != want {
				t.Errorf("GraphQL after %q: got %d %s", body, status, reply)
			}
			sign := body + `{"email":"asha@example.com","password":"` + harness.Password + `"}`
			if status, _, reply := a.Do(t, "POST", "/api/auth/login/", header, sign); status != want {
				t.Errorf("REST after %q: got %d %s", body, status, reply)
			}
		}
	})
}

// TestPaths checks what answers at and below the addresses of the doors, with
// Playground and without.
func TestPaths(t *testing.T) {
	const html = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for _, playground := range []bool{true, false} {
		a := harness.New(t, storetest.Open(t, storetest.URL(t, "sqlite3")), func(c *server.Config) { c.Playground = &playground })
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		for _, tt := range []struct {
			method, path, accept string
			with, without        int
			kind                 string
		}{
			{"GET", "/graphql", html, 302, 400, ""},
			{"GET", "/graphql/", html, 302, 400, ""},
			{"GET", "/graphql", "*/*", 400, 400, "application/json"},
			{"GET", "/graphql", "application/json", 400, 400, "application/json"},
			{"GET", "/graphql?query={__typename}", html, 200, 200, "application/json"},
			{"GET", "/graphql/?query={__typename}", "*/*", 200, 200, "application/json"},
			{"HEAD", "/graphql", html, 400, 400, "application/json"},
			{"POST", "/graphql/", html, 415, 415, ""},
			{"GET", "/graphql/nothing", "*/*", 404, 404, "application/json"},
			{"POST", "/graphql/nothing/more", html, 404, 404, "application/json"},
			{"GET", "/api", "*/*", 404, 404, "application/json"},
			{"GET", "/api/", "*/*", 404, 404, "application/json"},
			{"POST", "/api/nothing", html, 404, 404, "application/json"},
			{"GET", "/playground", html, 200, 404, ""},
		} {
			r, err := http.NewRequestWithContext(t.Context(), tt.method, a.URL+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Accept", tt.accept)
			response, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			want := tt.without
			if playground {
				want = tt.with
			}
			if response.StatusCode != want || !strings.HasPrefix(response.Header.Get("Content-Type"), tt.kind) {
				t.Errorf("playground %t: %s %s for %q: got %d %s", playground, tt.method, tt.path, tt.accept, response.StatusCode, response.Header.Get("Content-Type"))
			}
			if want == 302 && (response.Header.Get("Location") != "/playground" || !strings.Contains(strings.Join(response.Header.Values("Vary"), ","), "Accept")) {
				t.Errorf("%s: sent to %q, %v", tt.path, response.Header.Get("Location"), response.Header)
			}
		}
	}
}
