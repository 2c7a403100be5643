package doors_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestCompression checks that large answers of both doors are compressed for
// those who accept it, that small ones are not, and that what is read is the
// same.
func TestCompression(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		a.CreateDoctor(t, asha, "Rao", "MCI-1")
		for i := range 100 {
			a.CreatePatient(t, asha, fmt.Sprintf("Patient %d", i))
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
			plain, _ := a.Fetch(t, asha, tt.method, tt.path, tt.body, "")
			body, encoding := a.Fetch(t, asha, tt.method, tt.path, tt.body, tt.accept)
			if encoding != tt.encoding {
				t.Errorf("%s: Content-Encoding %q, want %q", tt.name, encoding, tt.encoding)
			}
			if body != plain {
				t.Errorf("%s: got %.300s, want %.300s", tt.name, body, plain)
			}
		}
	})
}

// TestLargeBodyCloses checks that a connection is closed whose body is too
// large, so that the rest of it is not read.
func TestLargeBodyCloses(t *testing.T) {
	a := harness.New(t, storetest.Open(t, storetest.URL(t, "sqlite3")))
	asha := a.Register(t, "asha")
	for _, path := range []string{"/graphql", "/api/patients/"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", a.URL+path, strings.NewReader(`{"query":"`+strings.Repeat("x", 1<<20)+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+asha.Token)
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
