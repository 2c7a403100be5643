package process_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"entgo.io/ent/dialect"

	"caregraph/internal/audit"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// signs is the key of the servers of a test.
var signs = "SECRET_KEY=" + strings.Repeat("k", 32)

// eachKind runs a test on both databases, with what makes URLs of empty ones.
func eachKind(t *testing.T, f func(t *testing.T, kind string, empty func() string)) {
	t.Run("sqlite", func(t *testing.T) {
		f(t, dialect.SQLite, func() string { return "sqlite:" + filepath.Join(t.TempDir(), "care.db") })
	})
	t.Run("postgres", func(t *testing.T) {
		url, made := storetest.Postgres(t), 0
		f(t, dialect.Postgres, func() string {
			made++
			name := fmt.Sprintf("empty_%s_%d", strings.ToLower(strings.Split(t.Name(), "/")[0]), made)
			storetest.Exec(t, url("postgres"), "CREATE DATABASE "+name)
			t.Cleanup(func() { storetest.Exec(t, url("postgres"), "DROP DATABASE "+name+" WITH (FORCE)") })
			return url(name)
		})
	})
}

// writing makes n clients of the server record patients until stop, and returns how many
// names were answered so far.
type writing struct {
	mu       sync.Mutex
	answered []string
	stopped  chan struct{}
	clients  sync.WaitGroup
}

func write(s *harness.Server, c harness.Caller, n int) *writing {
	w := &writing{stopped: make(chan struct{})}
	for client := range n {
		w.clients.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-w.stopped:
					return
				default:
				}
				name := fmt.Sprintf("Patient %d %d", client, i)
				body, _ := json.Marshal(map[string]any{
					"query":     `mutation($name: String!) { createPatient(input: {name: $name, phone: "9876543210", ageYears: 4, address: "Pune", gender: MALE}) { id } }`,
					"variables": map[string]any{"name": name},
				})
				request, _ := http.NewRequest("POST", s.URL+"/graphql", bytes.NewReader(body))
				request.Header = http.Header{"Authorization": {c.Bearer()}, "Content-Type": {"application/json"}}
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					return
				}
				reply, _ := io.ReadAll(response.Body)
				response.Body.Close()
				if strings.HasPrefix(string(reply), `{"data":{"createPatient":{"id":`) {
					w.mu.Lock()
					w.answered = append(w.answered, name)
					w.mu.Unlock()
				}
			}
		})
	}
	return w
}

func (w *writing) now() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.answered)
}

func (w *writing) stop() {
	close(w.stopped)
	w.clients.Wait()
}

// whole checks that nothing in the database is damaged: its own checks and the access log.
func whole(t *testing.T, db *store.DB) {
	t.Helper()
	if db.Dialect == dialect.SQLite {
		var said string
		if err := db.QueryRow("PRAGMA integrity_check").Scan(&said); err != nil || said != "ok" {
			t.Errorf("integrity_check: %s %v", said, err)
		}
		var lost int
		if err := db.QueryRow("SELECT count(*) FROM pragma_foreign_key_check").Scan(&lost); err != nil || lost > 0 {
			t.Errorf("foreign_key_check: %d %v", lost, err)
		}
	} else {
		var checked int
		if _, err := db.Exec("CREATE EXTENSION IF NOT EXISTS amcheck"); err != nil {
			t.Error(err)
		}
		if err := db.QueryRow(`SELECT count(bt_index_check(i.indexrelid, true)::text) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
			WHERE a.amname = 'btree' AND i.indisvalid AND c.relnamespace = 'public'::regnamespace`).Scan(&checked); err != nil || checked < 10 {
			t.Errorf("amcheck: %d %v", checked, err)
		}
	}
	v, err := audit.Verify(t.Context(), db.DB, db.Dialect)
	if err != nil || v.Breaks != nil {
		t.Errorf("the access log: %+v, %v", v, err)
	}
}

// TestBackup backs a server up while eight clients write, restores the file into an empty
// database, and uses that.
func TestBackup(t *testing.T) {
	program := harness.Build(t)
	eachKind(t, func(t *testing.T, kind string, empty func() string) {
		dir, url := t.TempDir(), empty()
		env := append(os.Environ(), "DATABASE_URL="+url, signs, "RATE_LIMIT=0")
		s := program.Start(t, dir, env)
		asha := s.Register(t, "asha")
		w := write(s, asha, 8)
		harness.Eventually(t, "60 patients", func() bool { return len(w.now()) >= 60 })
		file := filepath.Join(dir, "care.backup")
		before := w.now()
		code, stdout, stderr := program.Run(t, dir, env, "", "backup", file)
		during := len(w.now()) - len(before)
		w.stop()
		if code != 0 || !strings.HasPrefix(stdout, "The backup is in ") || !strings.Contains(stdout, "SECRET_KEY") {
			t.Fatalf("backup: %d %s %s", code, stdout, stderr)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the backup: %v %v", info, err)
		}
		if parts, _ := filepath.Glob(file + ".*"); parts != nil {
			t.Errorf("left: %v", parts)
		}
		late := s.Register(t, "late") // after the backup, with a sign-in of an id that will be free
		s.Stop(t)

		restored := empty()
		env = append(os.Environ(), "DATABASE_URL="+restored, signs, "RATE_LIMIT=0")
		code, stdout, stderr = program.Run(t, dir, env, "", "restore", file)
		if code != 0 || !strings.Contains(stdout, "restored") {
			t.Fatalf("restore: %d %s %s", code, stdout, stderr)
		}
		again := program.Start(t, dir, env)
		for name, token := range map[string]string{"of before the backup": asha.Token, "of after the backup": late.Token} {
			if again.Works(t, token) {
				t.Errorf("a sign-in %s works", name)
			}
		}
		ben := again.Register(t, "ben") // the first one, with the id of late
		asha.Token = again.Login(t, "asha@example.com").Access
		if again.Works(t, late.Token) {
			t.Error("a token of after the backup stands for who came after the restore")
		}
		again.CreatePatient(t, ben, "Arjun")
		again.CreatePatient(t, asha, "Arjun")
		again.CreateDoctor(t, asha, "Dr. Rao", "MCI-1")
		db := storetest.Open(t, restored)
		var kept []string
		rows, err := db.QueryContext(t.Context(), "SELECT name FROM patients")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			kept = append(kept, name)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		for _, name := range before {
			if !slices.Contains(kept, name) {
				t.Errorf("%s was answered before the backup began, and is lost", name)
			}
		}
		whole(t, db)
		again.Stop(t)
		t.Logf("%d answered before the backup, %d during it, %d kept", len(before), during, len(kept)-2)
	})
}

// TestBackupRefused checks what neither command does, and that it leaves all as it was.
func TestBackupRefused(t *testing.T) {
	program := harness.Build(t)
	eachKind(t, func(t *testing.T, kind string, empty func() string) {
		dir, url := t.TempDir(), empty()
		path := func(name string) string { return filepath.Join(dir, name) }
		run := func(database string, args ...string) (int, string) {
			t.Helper()
			code, stdout, stderr := program.Run(t, dir, append(os.Environ(), "DATABASE_URL="+database, signs), "", args...)
			return code, stdout + stderr
		}
		if code, said := run(url, "backup", path("nothing")); code != 1 || !strings.Contains(said, "there is no") {
			t.Errorf("a backup of no database: %d %s", code, said)
		}
		if code, said := run(url, "seed"); code != 0 {
			t.Fatal(said)
		}
		if code, said := run(url, "backup", path("good")); code != 0 {
			t.Fatal(said)
		}
		good, err := os.ReadFile(path("good"))
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{
			"rubbish": []byte(strings.Repeat("no backup", 1000)), "nil": nil, "half": good[:len(good)*6/10],
			"head": good[:100], "broken": append(slices.Clone(good[:len(good)/2]), bytes.Repeat([]byte{0xa5}, len(good)-len(good)/2)...),
		} {
			if err := os.WriteFile(path(name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		storetest.Open(t, url).Exec("INSERT INTO migrations (name) VALUES ($1)", "migrations/"+kind+"/9999_future.sql")
		if code, said := run(url, "backup", path("newer")); code != 0 {
			t.Errorf("a backup of a newer database: %d %s", code, said)
		}
		away := "sqlite:" + path("nowhere/care.db")
		if kind == dialect.Postgres {
			away = "postgres://u:hidden@127.0.0.1:1/x?sslmode=disable"
		}
		other := "postgres://u:hidden@127.0.0.1:1/x?sslmode=disable"
		if kind == dialect.Postgres {
			other = "sqlite:" + path("other.db")
		}
		target := empty()
		for _, tt := range []struct {
			name, url string
			args      []string
			want      string
		}{
			{"onto a file", url, []string{"backup", path("good")}, "nothing is overwritten"},
			{"into no folder", url, []string{"backup", path("no/where")}, "no such file or directory"},
			{"of a database that is away", away, []string{"backup", path("never")}, "there is no backup: "},
			{"of memory", "sqlite::memory:", []string{"backup", path("never")}, "in memory"},
			{"into a database with records", url, []string{"restore", path("good")}, "nothing is overwritten"},
			{"no file", target, []string{"restore", path("never")}, "no such file"},
			{"rubbish", target, []string{"restore", path("rubbish")}, "is no backup"},
			{"an empty file", target, []string{"restore", path("nil")}, "is no backup"},
			{"a truncated file", target, []string{"restore", path("half")}, "damaged"},
			{"the head of a file", target, []string{"restore", path("head")}, "damaged"},
			{"a broken file", target, []string{"restore", path("broken")}, "damaged"},
			{"a newer version", target, []string{"restore", path("newer")}, "newer version"},
			{"the other kind", other, []string{"restore", path("good")}, "is a backup of "},
			{"into a database that is away", away, []string{"restore", path("good")}, ""},
			{"serve a newer version", url, []string{"serve"}, "the database cannot be used: it is of a newer version of Caregraph"},
			{"migrate a newer version", url, []string{"migrate"}, "9999_future.sql"},
		} {
			if code, said := run(tt.url, tt.args...); code != 1 || !strings.Contains(said, tt.want) || strings.Contains(said, "hidden") || strings.Contains(said, "goroutine") {
				t.Errorf("%s: %d %s, want %q", tt.name, code, said, tt.want)
			}
		}
		if kind == dialect.Postgres {
			secret := strings.Replace(url, "postgres@", "postgres:hidden@", 1) + "&search_path=public&statement_timeout=60000"
			for _, command := range []string{"backup", "restore"} {
				code, _, said := program.Run(t, dir, []string{"PATH=", "DATABASE_URL=" + secret}, "", command, path("good"+map[string]string{"backup": "2"}[command]))
				if code != 1 || !strings.Contains(said, "is not on PATH") || !strings.Contains(said, "--dbname=") || strings.Contains(said, "hidden") {
					t.Errorf("%s without PostgreSQL's programs: %d %s", command, code, said)
				}
			}
			if code, said := run(secret, "backup", path("parameters")); code != 0 {
				t.Errorf("with parameters of lib/pq: %d %s", code, said)
			}
		} else {
			if err := os.WriteFile(strings.TrimPrefix(target, "sqlite:")+"-wal", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if code, said := run(target, "restore", path("good")); code != 1 || !strings.Contains(said, "-wal is there already") {
				t.Errorf("beside what another database left: %d %s", code, said)
			}
			os.Remove(strings.TrimPrefix(target, "sqlite:") + "-wal")
		}
		if now, err := os.ReadFile(path("good")); err != nil || !bytes.Equal(now, good) {
			t.Error("the backup was changed")
		}
		if code, said := run(target, "restore", path("good")); code != 0 {
			t.Errorf("the target is not as it was: %d %s", code, said)
		}
		whole(t, storetest.Open(t, target))
		if left, _ := filepath.Glob(path("*.part*")); left != nil {
			t.Errorf("left: %v", left)
		}
	})
}
