package packed_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"caregraph/internal/command"
	"caregraph/test/harness"
)

// settings returns the names of all settings, as the program lists them.
func settings(t *testing.T) []string {
	t.Helper()
	var tables strings.Builder
	if err := command.Run(t.Context(), []string{"settings", "--markdown"}, func(string) string { return "" }, os.Stdin, &tables, os.Stderr); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)`").FindAllStringSubmatch(tables.String(), -1) {
		names = append(names, row[1])
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(harness.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// object is a mapping of a YAML document.
type object = map[string]any

// documents returns the documents of a YAML file.
func documents(t *testing.T, name string) []object {
	t.Helper()
	var all []object
	for d := yaml.NewDecoder(strings.NewReader(read(t, name))); ; {
		var one object
		err := d.Decode(&one)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, one)
	}
}

// each calls f with every mapping inside value.
func each(value any, f func(object)) {
	switch v := value.(type) {
	case object:
		f(v)
		for _, inside := range v {
			each(inside, f)
		}
	case []any:
		for _, inside := range v {
			each(inside, f)
		}
	}
}

// TestFiles checks that every YAML file can be read, and that what all files set are
// settings of the program, what they ask for its paths, and what they call its commands.
func TestFiles(t *testing.T) {
	known := settings(t)
	if !slices.Contains(known, "DATABASE_URL") {
		t.Fatalf("the settings are %q", known)
	}
	found := map[string]int{}
	uses := func(where, setting string) {
		found[where]++
		if !slices.Contains(known, setting) {
			t.Errorf("%s sets %s, which is no setting", where, setting)
		}
	}
	for _, file := range []struct{ name, pattern string }{
		{"Dockerfile", `(?m)^ENV (\w+)=`},
		{"deploy/systemd/caregraph.env", `(?m)^#?([A-Z]\w+)=`},
		{"deploy/systemd/postgresql.conf", `(?m)^Environment=(\w+)=`},
	} {
		for _, setting := range regexp.MustCompile(file.pattern).FindAllStringSubmatch(read(t, file.name), -1) {
			uses(file.name, setting[1])
		}
	}
	for _, service := range documents(t, "deploy/compose.yaml")[0]["services"].(object) {
		if s := service.(object); s["image"] == "caregraph" {
			for setting := range s["environment"].(object) {
				uses("deploy/compose.yaml", setting)
			}
		}
	}
	err := filepath.WalkDir(harness.Path("deploy/kubernetes"), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		for _, d := range documents(t, "deploy/kubernetes/"+entry.Name()) {
			if d["kind"] == nil || d["apiVersion"] == nil {
				t.Errorf("%s has no kind or apiVersion: %v", entry.Name(), d)
			}
			if d["kind"] == "ConfigMap" {
				for setting := range d["data"].(object) {
					uses(entry.Name(), setting)
				}
			}
			each(d, func(o object) {
				containers, _ := o["containers"].([]any)
				for _, c := range containers {
					for _, e := range c.(object)["env"].([]any) {
						uses(entry.Name(), e.(object)["name"].(string))
					}
					if may := c.(object)["securityContext"].(object); may["readOnlyRootFilesystem"] != true || may["allowPrivilegeEscalation"] != false {
						t.Errorf("%s: a container may %v", entry.Name(), may)
					}
				}
				if probe, ok := o["httpGet"].(object); ok {
					found["probes"]++
					if probe["path"] != "/health/" && probe["path"] != "/readyz" {
						t.Errorf("%s asks for %v", entry.Name(), probe["path"])
					}
				}
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, least := range map[string]int{
		"Dockerfile": 1, "deploy/systemd/caregraph.env": 3, "deploy/systemd/postgresql.conf": 2, "deploy/compose.yaml": 10,
		"deployment.yaml": 6, "migrate.yaml": 1, "probes": 3,
	} {
		if found[where] < least {
			t.Errorf("%s: found %d, want %d at least", where, found[where], least)
		}
	}
	if targets := documents(t, "deploy/prometheus/prometheus.yml"); len(targets) != 1 || targets[0]["scrape_configs"] == nil {
		t.Errorf("Prometheus reads %v", targets)
	}
	for _, content := range documents(t, "deploy/nfpm.yaml")[0]["contents"].([]any) {
		if source := content.(object)["src"].(string); source != "${BINARY}" {
			read(t, source)
		}
	}
}

// TestHAProxy lets HAProxy check its file.
func TestHAProxy(t *testing.T) {
	if out, err := exec.CommandContext(t.Context(), harness.Installed(t, "haproxy"), "-c", "-f", harness.Path("deploy/haproxy.cfg")).CombinedOutput(); err != nil || bytes.Contains(out, []byte("WARNING")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestUnit lets systemd check the unit and its addition for PostgreSQL, and the settings
// that close it in.
func TestUnit(t *testing.T) {
	program := harness.Installed(t, "systemd-analyze")
	dir := t.TempDir()
	unit := filepath.Join(dir, "caregraph.service")
	// It wants to see the program.
	text := strings.ReplaceAll(read(t, "deploy/systemd/caregraph.service"), "/usr/bin/caregraph", os.Args[0])
	if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	more := filepath.Join(dir, "caregraph.service.d")
	if err := os.Mkdir(more, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(more, "postgresql.conf"), []byte(read(t, "deploy/systemd/postgresql.conf")), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify", "--man=no", unit}, {"security", "--offline=true", "--threshold=20", unit}} {
		out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
		if err != nil || strings.Contains(string(out), unit) {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
}
