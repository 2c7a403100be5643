// Package clients_test runs the code of docs/clients.md.
package clients_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// drives lists, for each client of the document, the blocks with which drive.mjs uses it.
var drives = map[string][]string{
	"fetch":  {"session.js", "live.js", "fetch.js"},
	"apollo": {"session.js", "live.js", "socket.js", "node.js", "apollo.js"},
	"urql":   {"session.js", "live.js", "socket.js", "node.js", "urql.js"},
	"relay":  {"session.js", "live.js", "socket.js", "node.js", "documents.js", "relay.config.json", "relay.js"},
}

// compiles lists the blocks from which graphql-codegen makes types.
var compiles = []string{"codegen.js", "apollo.js"}

// TestClients runs every block of docs/clients.md with the packages that it names, as it is, against a server.
func TestClients(t *testing.T) {
	ready(t)
	blocks, commands, installed := document(t)
	driven := slices.Clone(compiles)
	for _, files := range drives {
		driven = append(driven, files...)
	}
	for name := range blocks {
		if !slices.Contains(driven, name) {
			t.Errorf("the test does not drive %s", name)
		}
	}
	for _, name := range installed {
		if packages(t)[name] == "" {
			t.Errorf("package.json has no %s", name)
		}
	}
	for _, program := range []string{"graphql-codegen", "relay-compiler"} {
		if commands[program] == "" {
			t.Fatalf("the document does not run %s", program)
		}
	}

	t.Run("types", func(t *testing.T) {
		dir := folder(t, blocks, compiles)
		run(t, dir, "sh", "-c", commands["graphql-codegen"])
		types, err := os.ReadFile(filepath.Join(dir, "gql", "graphql.ts"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"export type PatientsQuery = ", "export type AddPatientMutationVariables = ", "endCursor?: string | null"} {
			if !strings.Contains(string(types), want) {
				t.Errorf("the types have no %s", want)
			}
		}
	})

	program := harness.Build(t)
	secret := strings.Repeat("k", 32)
	for _, kind := range []string{dialect.SQLite, dialect.Postgres} {
		for client, files := range drives {
			t.Run(kind+"/"+client, func(t *testing.T) {
				url, dir := storetest.URL(t, kind), folder(t, blocks, files)
				if client == "relay" {
					run(t, dir, "sh", "-c", commands["relay-compiler"])
				}
				s := program.Start(t, t.TempDir(), []string{"DATABASE_URL=" + url, "SECRET_KEY=" + secret, "ROTATE_REFRESH_TOKENS=true"})
				asha, ben := s.Register(t, "asha"), s.Register(t, "ben")
				s.Join(t, ben, asha, "MEMBER")
				names := []string{"Arjun", "Bela", "Chitra", "Dev", "Esha"}
				for i, name := range names {
					doctor := s.CreateDoctor(t, asha, "Doctor of "+name, fmt.Sprintf("L-%d", i))
					s.Assign(t, asha, s.CreatePatient(t, asha, name), doctor)
				}
				task, err := json.Marshal(map[string]any{
					"client": client, "url": s.URL, "secret": secret, "email": asha.Email, "password": harness.Password, "colleague": ben.Token, "names": names,
				})
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				told := run(t, dir, "node", "drive.mjs", string(task))
				select {
				case <-s.Exited:
					t.Error("the client kept something open after it had stopped")
				default:
				}
				t.Logf("%s in %s", strings.TrimSpace(told), time.Since(begin).Round(time.Millisecond))
			})
		}
	}
}

// ready skips the test where Node or the packages are missing; with CI=true it fails.
func ready(t *testing.T) {
	t.Helper()
	missing := t.Skip
	if os.Getenv("CI") == "true" {
		missing = t.Fatal
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing("Node is not on PATH")
	}
	for name := range packages(t) {
		if _, err := os.Stat(filepath.Join("node_modules", filepath.FromSlash(name))); err != nil {
			missing("run npm ci --prefix test/clients: there is no " + name)
		}
	}
}

// packages returns the packages of package.json with their versions.
func packages(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("package.json")
	if err != nil {
		t.Fatal(err)
	}
	var needs struct{ DevDependencies map[string]string }
	if err := json.Unmarshal(text, &needs); err != nil {
		t.Fatal(err)
	}
	return needs.DevDependencies
}

var (
	code = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")
	file = regexp.MustCompile(`^// (\S+)\n`)

	installs = regexp.MustCompile(`(?m)^npm install ([^#\n]*).*\n`)
	runs     = regexp.MustCompile(`(?m)^npx (\S+)`)
)

// document returns the files that docs/clients.md has, its commands by the name of what they
// run, and the packages that it installs.
func document(t *testing.T) (blocks, commands map[string]string, installed []string) {
	t.Helper()
	text, err := os.ReadFile(harness.Path("docs/clients.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks, commands = map[string]string{}, map[string]string{}
	for _, block := range code.FindAllStringSubmatch(string(text), -1) {
		switch language, body := block[1], block[2]; language {
		case "js":
			name := file.FindStringSubmatch(body)
			if name == nil || blocks[name[1]] != "" {
				t.Fatalf("a block has no name of its own: %.80s", body)
			}
			blocks[name[1]] = body
		case "json":
			blocks["relay.config.json"] = body
		case "sh":
			for _, line := range installs.FindAllStringSubmatch(body, -1) {
				installed = append(installed, strings.Fields(strings.TrimPrefix(line[1], "--save-dev "))...)
			}
			body = installs.ReplaceAllString(body, "")
			if program := runs.FindStringSubmatch(body); program != nil {
				commands[program[1]] = body
			}
		default:
			t.Errorf("nothing runs a block of %s", language)
		}
	}
	return blocks, commands, installed
}

// folder returns a folder with these blocks as files, the schema, and the packages.
func folder(t *testing.T, blocks map[string]string, names []string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if blocks[name] == "" {
			t.Fatalf("the document has no %s", name)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(blocks[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{"schema.graphqls": "schema.graphql", "test/clients/package.json": "package.json", "test/clients/drive.mjs": "drive.mjs"} {
		text, err := os.ReadFile(harness.Path(from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	modules, err := filepath.Abs("node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// run runs a program in the folder, and returns what it prints.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, args, err, out)
	}
	return string(out)
}
