package house_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"caregraph/test/harness"
)

// The last file that was released before indexes were built beside requests.
const lastWithIndexes = "0004_search.sql"

var (
	createsTable = regexp.MustCompile(`(?im)^\s*CREATE TABLE (?:IF NOT EXISTS )?"?(\w+)`)
	createsIndex = regexp.MustCompile(`(?im)^\s*CREATE (?:UNIQUE )?INDEX (?:IF NOT EXISTS )?"?\w+"? ON "?(\w+)`)
	concurrently = regexp.MustCompile(`(?i)\bCONCURRENTLY\b`)
	oneStatement = regexp.MustCompile(`^CREATE (?:UNIQUE )?INDEX CONCURRENTLY \w+ ON [^;]+;?\s*$`)
)

// blocks tells what of a migration for PostgreSQL keeps requests waiting while an
// index is built, or would not run as it is meant.
func blocks(script string) (complaints []string) {
	var created []string
	for _, table := range createsTable.FindAllStringSubmatch(script, -1) {
		created = append(created, table[1])
	}
	for _, index := range createsIndex.FindAllStringSubmatch(script, -1) {
		if !slices.Contains(created, index[1]) {
			complaints = append(complaints, "an index on "+index[1]+", which may have rows: build it CONCURRENTLY, in a file of its own")
		}
	}
	if concurrently.MatchString(script) && !oneStatement.MatchString(script) {
		complaints = append(complaints, "CONCURRENTLY beside something else: the file must be that one statement")
	}
	return complaints
}

// TestIndexesBesideRequests checks that no migration for PostgreSQL builds an
// index while requests wait for it.
func TestIndexesBesideRequests(t *testing.T) {
	for _, c := range []struct {
		script     string
		complaints int
	}{
		{"CREATE TABLE visits (id bigint);\nCREATE INDEX visit_id ON visits (id);", 0},
		{"CREATE INDEX CONCURRENTLY visit_id ON visits (id);\n", 0},
		{"CREATE UNIQUE INDEX CONCURRENTLY visit_id ON visits (id) WHERE deleted_at IS NULL", 0},
		{"ALTER TABLE visits ADD COLUMN note text;", 0},
		{"CREATE INDEX visit_id ON visits (id);", 1},
		{"-- locks: visits\ncreate unique index \"visit_id\" on \"visits\" (id);", 1},
		{"CREATE TABLE notes (id bigint);\nCREATE INDEX note_id ON notes (id);\nCREATE INDEX visit_id ON visits (id);", 1},
		{"-- A visit is found by its day.\nCREATE INDEX CONCURRENTLY visit_day ON visits (day);", 1},
		{"CREATE INDEX CONCURRENTLY visit_day ON visits (day);\nCREATE INDEX CONCURRENTLY visit_id ON visits (id);", 1},
	} {
		if got := blocks(c.script); len(got) != c.complaints {
			t.Errorf("%q: got complaints %q, want %d", c.script, got, c.complaints)
		}
	}

	files, err := filepath.Glob(harness.Path("internal/store/migrations/postgres/*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if name := filepath.Base(file); name > lastWithIndexes {
			for _, complaint := range blocks(string(script)) {
				t.Errorf("%s: %s", name, complaint)
			}
		}
	}
}
