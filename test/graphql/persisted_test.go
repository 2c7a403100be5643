package graphql_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"caregraph/internal/command"
	"caregraph/internal/graphqlhttp"
	"caregraph/internal/server"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestPersistedDocuments checks which documents are answered by their hash,
// and which are answered at all.
func TestPersistedDocuments(t *testing.T) {
	const known, other = `{ viewer { username } }`, `{ viewer { email } }`
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	trusted := map[string]string{hash(known): known}
	type send struct{ query, hash, want string }
	const answer, email, missing = `"username":"asha"`, `"email":"asha@example.com"`, "PersistedQueryNotFound"
	tests := []struct {
		name      string
		documents graphqlhttp.Documents
		sent      []send
	}{
		{"off", graphqlhttp.Documents{}, []send{{known, "", answer}, {other, "", email}, {"", hash(known), "BAD_USER_INPUT"}}},
		{"persisted", graphqlhttp.Documents{Persist: true}, []send{
			{"", hash(known), missing},
			{known, "", answer},
			{"", hash(known), missing},
			{other, hash(known), "BAD_USER_INPUT"},
			{"", hash(known), missing},
			{known, hash(known), answer},
			{"", hash(known), answer},
			{"", strings.ToUpper(hash(known)), missing},
			{"", "x", missing},
		}},
		{"trusted", graphqlhttp.Documents{Trusted: trusted}, []send{
			{known, "", answer},
			{"", hash(known), answer},
			{other, "", "FORBIDDEN"},
			{other, hash(other), "FORBIDDEN"},
			{"", hash(other), missing},
			{known + " ", "", "FORBIDDEN"},
			{`{ __typename }`, "", "FORBIDDEN"},
			{`mutation { logout }`, "", "FORBIDDEN"},
		}},
		{"trusted and persisted", graphqlhttp.Documents{Trusted: trusted, Persist: true}, []send{
			{other, hash(other), "FORBIDDEN"}, {"", hash(other), missing}, {"", hash(known), answer},
		}},
		{"logged", graphqlhttp.Documents{Trusted: trusted, LogOnly: true}, []send{{other, "", email}, {known, "", answer}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := harness.New(t, storetest.Open(t, storetest.URL(t, "sqlite3")), func(c *server.Config) {
				c.Trusted, c.PersistedQueries = tt.documents.Trusted, tt.documents.Persist
				if tt.documents.LogOnly {
					c.TrustedDocumentsMode = "log"
				}
			})
			asha := a.Register(t, "asha")
			for _, s := range tt.sent {
				body := map[string]any{}
				if s.query != "" {
					body["query"] = s.query
				}
				if s.hash != "" {
					body["extensions"] = map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": s.hash}}
				}
				text, err := json.Marshal(body)
				if err != nil {
					t.Fatal(err)
				}
				if _, reply := a.Send(t, "POST", "/graphql", asha.Token, string(text)); !strings.Contains(reply, s.want) {
					t.Errorf("%s %.8s: got %s, want %s", s.query, s.hash, reply, s.want)
				}
			}
			if status, reply := a.Send(t, "GET", "/api/patients/", asha.Token, ""); status != 200 || reply != "[]" {
				t.Errorf("REST: %d %s", status, reply)
			}
			if logged := strings.Contains(a.Log.String(), hash(other)); logged != tt.documents.LogOnly {
				t.Errorf("the log has the hash of the other document: %t", logged)
			}
		})
	}
}

// TestTrustedDocumentsFile checks what the file of TRUSTED_DOCUMENTS may be.
func TestTrustedDocumentsFile(t *testing.T) {
	sum := sha256.Sum256([]byte("{ viewer { id } }"))
	good := `{"` + hex.EncodeToString(sum[:]) + `": "{ viewer { id } }"}`
	file := filepath.Join(t.TempDir(), "documents.json")
	for text, ok := range map[string]bool{good: true, strings.Replace(good, "id", "email", 1): false, "[]": false, "{}": false, "{": false} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for mode, known := range map[string]bool{"": true, "log": true, "enforce": true, "off": false} {
			cfg, err := command.Config(func(name string) string {
				return map[string]string{"TRUSTED_DOCUMENTS": file, "TRUSTED_DOCUMENTS_MODE": mode, "DATABASE_URL": "sqlite::memory:"}[name]
			})
			if (err == nil) != (ok && known) || err == nil && (cfg.TrustedDocumentsMode == "log") != (mode == "log") {
				t.Errorf("%s in mode %q: %v", text, mode, err)
			}
		}
	}
}

// TestCost checks that the cost of an operation is told with DEBUG only, also
// of one that is refused for it.
func TestCost(t *testing.T) {
	const cheap, costly = `{ patients(first: 10) { nodes { doctors { id } } } }`, `{ doctors(first: 100) { nodes { patients(first: 100) { nodes { id } } } } }`
	for _, debug := range []bool{true, false} {
		a := harness.New(t, storetest.Open(t, storetest.URL(t, "sqlite3")), func(c *server.Config) { c.Debug = debug })
		asha := a.Register(t, "asha")
		for document, want := range map[string]string{cheap: `"extensions":{"cost":61}}`, costly: `"extensions":{"cost":10201}}`, `{ nothing }`: `"code":"BAD_USER_INPUT"}}]`} {
			if reply := a.Query(t, asha, document, nil); strings.Contains(reply, want) != (debug || document == `{ nothing }`) {
				t.Errorf("DEBUG %t: %s", debug, reply)
			}
		}
	}
}
