package graphql_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"caregraph/internal/server"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// audits is how many audits of a server the npm package graphql-http has.
const audits = 61

// TestAudits checks that the server keeps the GraphQL-over-HTTP specification,
// with all that it says a server must, should and may do. Without Node it is
// skipped, but with CI=true that fails.
func TestAudits(t *testing.T) {
	missing := t.Skip
	if os.Getenv("CI") == "true" {
		missing = t.Fatal
	}
	if _, err := exec.LookPath("npm"); err != nil {
		missing("Node is not installed")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "audit"))); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--prefer-offline")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		missing("the audits cannot be installed: ", err, "\n", string(out))
	}
	// Four audits send variables to the introspection field __type.
	a := harness.New(t, storetest.Open(t, storetest.URL(t, "sqlite3")), func(c *server.Config) { c.Playground = new(true) })
	audit := exec.CommandContext(t.Context(), "node", "audit.mjs")
	audit.Dir = dir
	audit.Env = append(os.Environ(), "URL="+a.URL+"/graphql", "AUTHORIZATION=Bearer "+a.Register(t, "asha").Token)
	var failed strings.Builder
	audit.Stderr = &failed
	out, err := audit.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, failed.String())
	}
	passed := 0
	for line := range bytes.Lines(out) {
		var result struct {
			ID, Name, Reason string
			Passed           bool
		}
		if err := json.Unmarshal(line, &result); err != nil {
			t.Fatal(err)
		}
		if !result.Passed {
			t.Errorf("%s: %s: %s", result.ID, result.Name, result.Reason)
			continue
		}
		t.Logf("%s: %s: passed", result.ID, result.Name)
		passed++
	}
	if passed != audits {
		t.Errorf("%d audits passed, want %d", passed, audits)
	}
}
