package harness

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Fetch returns the body of an answer, uncompressed, and how it was encoded.
func (a *API) Fetch(t *testing.T, c Caller, method, path, body, accept string) (text, encoding string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, a.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.Token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept-Encoding", accept) // also the empty one keeps the client from asking itself
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	var from io.Reader = reply.Body
	if encoding = reply.Header.Get("Content-Encoding"); encoding == "gzip" {
		if from, err = gzip.NewReader(reply.Body); err != nil {
			t.Fatal(err)
		}
	}
	all, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return string(all), encoding
}
