package store_test

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

// journal is a log that a test reads while others write.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// TestMigrateTells checks what a migration says while a transaction holds its table,
// and that the writes of others wait no longer than it waits for a lock at a time.
// HOLD says for how long the table is held, 7 seconds if it is not set.
func TestMigrateTells(t *testing.T) {
	hold := 7 * time.Second
	if text := os.Getenv("HOLD"); text != "" {
		var err error
		if hold, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	for name, script := range map[string]string{
		"in a transaction": "-- locks: patients\nALTER TABLE patients ADD ward text;",
		"beside requests":  "CREATE INDEX CONCURRENTLY patient_email ON patients (email)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := storetest.URL(t, dialect.Postgres)
			db, log := storetest.Open(t, url), &journal{}
			db.SetMigrations(with(t, script))
			holder, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer holder.Close()
			var process int
			if err := holder.QueryRowContext(t.Context(), "SET application_name = 'night report'; SELECT pg_backend_pid()").Scan(&process); err != nil {
				t.Fatal(err)
			}
			tx, err := holder.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			if _, err := tx.Exec("UPDATE patients SET name = 'secret'"); err != nil {
				t.Fatal(err)
			}
			migrated := make(chan error, 1)
			go func() {
				_, err := db.Migrate(context.Background(), slog.New(slog.NewTextHandler(log, nil)))
				migrated <- err
			}()
			longest := time.Duration(0)
			for begin := time.Now(); time.Since(begin) < hold; time.Sleep(20 * time.Millisecond) {
				sent := time.Now()
				if _, err := db.Exec("UPDATE patients SET name = 'x' WHERE id = -1"); err != nil {
					t.Error(err)
				}
				longest = max(longest, time.Since(sent))
			}
			select {
			case err := <-migrated:
				t.Fatalf("the migration did not wait: %v", err)
			default:
			}
			t.Logf("a write waited for %s at most; the log:\n%s", longest, log)
			// Three tries of two locks may stand in the queue one after another.
			if longest > 1500*time.Millisecond {
				t.Errorf("a write waited for %s", longest)
			}
			lines := strings.Count(log.String(), "process="+strconv.Itoa(process))
			if want := int(hold/(3*time.Second)) - 1; lines < max(want, 1) || !strings.Contains(log.String(), `application="night report"`) || strings.Contains(log.String(), "secret") {
				t.Errorf("%d lines about process %d, want %d or more:\n%s", lines, process, want, log)
			}
			if err := tx.Commit(); err != nil {
				t.Error(err)
			}
			if err := <-migrated; err != nil {
				t.Error(err)
			}
			if err := db.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestMigrateConcurrently checks that servers that start together build an index
// once, and that one which was left half built is built anew.
func TestMigrateConcurrently(t *testing.T) {
	url := storetest.URL(t, dialect.Postgres)
	files := with(t, "CREATE INDEX CONCURRENTLY patient_email ON patients (email)")
	first := storetest.Open(t, url)
	// What a build leaves that was cut short.
	if _, err := first.Exec("CREATE INDEX patient_email ON patients (phone)"); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Exec("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'patient_email'::regclass"); err != nil {
		t.Fatal(err)
	}
	var servers [4]struct {
		applied []string
		err     error
	}
	var opened [len(servers)]*store.DB // before the first has the migration, which is not known to Open
	for i := range servers {
		opened[i] = storetest.Open(t, url)
		opened[i].SetMigrations(files)
	}
	var all sync.WaitGroup
	for i, db := range opened {
		all.Go(func() {
			servers[i].applied, servers[i].err = db.Migrate(t.Context(), slog.New(slog.DiscardHandler))
		})
	}
	all.Wait()
	var applied []string
	for _, s := range servers {
		if s.err != nil {
			t.Error(s.err)
		}
		applied = append(applied, s.applied...)
	}
	if !slices.Equal(applied, []string{added}) {
		t.Errorf("applied %q, want it once", applied)
	}
	var definition string
	err := first.QueryRow("SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indexrelid = 'patient_email'::regclass AND indisvalid").Scan(&definition)
	if err != nil || !strings.Contains(definition, "(email)") {
		t.Errorf("the index is %q: %v", definition, err)
	}
}

// added is the name of the migration that with adds.
const added = "migrations/postgres/9999_added.sql"

// with returns the migrations of PostgreSQL and one more.
func with(t *testing.T, script string) fs.FS {
	t.Helper()
	files := fstest.MapFS{added: {Data: []byte(script)}}
	names, err := fs.Glob(os.DirFS("."), "migrations/postgres/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	return files
}
