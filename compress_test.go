package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

// TestCompression checks that large answers of both doors are compressed for
// those who accept it, that small ones are not, and that what is read is the
// same.
func TestCompression(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db)
		asha := a.register(t, "asha")
		a.createDoctor(t, asha, "Rao", "MCI-1")
		for i := range 100 {
			a.createPatient(t, asha, fmt.Sprintf("Patient %d", i))
		}
		for _, tt := range []struct {
			name, method, path, body, accept, encoding string
		}{
			{"large", "POST", "/graphql", `{"query":"{ patients(first: 100) { nodes { id name email phone address } } }"}`, "gzip", "gzip"},
			{"large list", "GET", "/api/patients/", "", "gzip, br", "gzip"},
			{"small", "POST", "/graphql", `{"query":"{ viewer { id } }"}`, "gzip", ""},
			{"not asked for", "POST", "/graphql", `{"query":"{ patients(first: 100) { nodes { id name email phone address } } }"}`, "", ""},
			{"refused", "GET", "/api/patients/", "", "gzip;q=0", ""},
		} {
			plain, _ := a.fetch(t, asha, tt.method, tt.path, tt.body, "")
			body, encoding := a.fetch(t, asha, tt.method, tt.path, tt.body, tt.accept)
			if encoding != tt.encoding {
				t.Errorf("%s: Content-Encoding %q, want %q", tt.name, encoding, tt.encoding)
			}
			if body != plain {
				t.Errorf("%s: got %.300s, want %.300s", tt.name, body, plain)
			}
		}
	})
}

// fetch returns the body of an answer, uncompressed, and how it was encoded.
func (a *api) fetch(t *testing.T, c caller, method, path, body, accept string) (text, encoding string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
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

// TestLargeBodyCloses checks that a connection is closed whose body is too
// large, so that the rest of it is not read.
func TestLargeBodyCloses(t *testing.T) {
	a := newAPI(t, storetest.Open(t, storetest.URL(t, "sqlite3")))
	asha := a.register(t, "asha")
	for _, path := range []string{"/graphql", "/api/patients/"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", a.url+path, strings.NewReader(`{"query":"`+strings.Repeat("x", 1<<20)+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+asha.token)
		r.Header.Set("Content-Type", "application/json")
		reply, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		reply.Body.Close()
		if reply.StatusCode != http.StatusRequestEntityTooLarge || !reply.Close {
			t.Errorf("%s: %d, closes %t, want 413 and a close", path, reply.StatusCode, reply.Close)
		}
	}
}
