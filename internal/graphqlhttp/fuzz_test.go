package graphqlhttp

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
)

// FuzzTransport checks that a body and a URL are read within the contract, or
// refused as the caller's mistake.
func FuzzTransport(f *testing.F) {
	for _, media := range []string{"application/json", "application/json; charset=utf-8", "application/json; charset=utf-16", "text/plain", "", "application/json; x"} {
		f.Add(media, `{"query":"{ viewer { id } }","variables":{"a":1},"operationName":null}`, "query=%7B+viewer+%7B+id+%7D+%7D")
	}
	for _, body := range []string{"", "{}", "[]", "null", `{"query":1}`, `{"query":"x"}{}`, `{"query":"x","variables":[]}`, `{"query":"x","variables":1e999}`, "\xff", `{"query":"\ud800"}`} {
		f.Add("application/json", body, "query=x&variables="+strings.ReplaceAll(body, "\xff", "%FF"))
	}
	f.Add("application/json", "{}", "query=a&query=b")
	f.Add("application/json", "{}", "query=%zz")
	f.Fuzz(func(t *testing.T, media, body, query string) {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
		r.Header.Set("Content-Type", media)
		var byBody, byURL graphql.RawParams
		for _, read := range []struct {
			bad    *badRequest
			params *graphql.RawParams
		}{{readBody(httptest.NewRecorder(), r, &byBody), &byBody}, {readURL(query, &byURL), &byURL}} {
			if read.bad != nil {
				if read.bad.status < 400 || read.bad.status > 499 || strings.Contains(read.bad.message, "%!") {
					t.Errorf("refused with %v", *read.bad)
				}
				continue
			}
			if read.params.Query == "" {
				t.Error("a request without a document is read")
			}
			if _, err := json.Marshal(read.params.Variables); err != nil {
				t.Errorf("variables that are no JSON: %v", err)
			}
		}
	})
}

// FuzzNegotiate checks that the media type of an answer is one of the two, and
// one that the header names.
func FuzzNegotiate(f *testing.F) {
	for _, accept := range []string{
		"", "*/*", "application/*", "application/json", "application/graphql-response+json", "application/json;q=0", "text/html, */*;q=0.1",
		"application/graphql-response+json;q=0.9, application/json;q=0.8", "application/json;q=2", "application/json;q=NaN", ",,,", ";", "application/json; charset=latin1",
	} {
		f.Add(accept)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		media := negotiate([]string{accept})
		switch media {
		case "":
			return
		case mediaGraphQL, mediaJSON:
		default:
			t.Fatalf("%q is answered with %q", accept, media)
		}
		for _, part := range strings.Split(accept, ",") {
			if named, _, err := mime.ParseMediaType(part); err == nil && (named == media || named == "application/*" || named == "*/*") {
				return
			}
		}
		t.Errorf("%q is answered with %q, which it does not name", accept, media)
	})
}
