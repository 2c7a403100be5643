package store_test

import (
	"context"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// TestOpenRefuses checks that a bad URL is refused at once, with a sentence
// that lists the good ones, and that no error shows a password.
func TestOpenRefuses(t *testing.T) {
	const forms = "DATABASE_URL must be sqlite:PATH, sqlite::memory:, or postgres://"
	tests := []struct{ name, url, want string }{
		{"nothing", "", forms},
		{"another database", "mysql://asha:hunter2@localhost/clinic", forms},
		{"a path alone", "caregraph.db", forms},
		{"SQLite without a path", "sqlite:", forms},
		{"the other form of lib/pq", "host=localhost user=asha password=hunter2", forms},
		{"upper case", "POSTGRES://asha:hunter2@localhost/clinic", forms},
		{"port", "postgres://asha:hunter2@localhost:port/clinic", forms},
		{"escape", "postgres://asha:hunter2%zz@localhost/clinic", forms},
		{"parameter", "postgres://asha:hunter2@localhost/clinic?sslmode=maybe", forms},
		{"no folder", "sqlite:" + filepath.Join(t.TempDir(), "none", "caregraph.db"), "cannot be used"},
		{"a folder", "sqlite:" + t.TempDir(), "cannot be used"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db, err := store.Open(tt.url)
			if err == nil {
				db.Close()
				t.Fatal("was opened")
			}
			if text := err.Error(); !strings.Contains(text, tt.want) || strings.Contains(text, "hunter2") {
				t.Errorf("got %q, want %q without the password", text, tt.want)
			}
		})
	}
}

// TestOpenAccepts checks that the documented forms are accepted; PostgreSQL is
// not connected to yet.
func TestOpenAccepts(t *testing.T) {
	tests := []struct{ url, kind string }{
		{"sqlite::memory:", dialect.SQLite},
		{"sqlite:" + filepath.Join(t.TempDir(), "a name with spaces, ? and #.db"), dialect.SQLite},
		{"postgres://asha:hunter2@localhost/clinic?sslmode=verify-full&application_name=caregraph", dialect.Postgres},
		{"postgresql://one:5432,two:5433/clinic?target_session_attrs=read-write", dialect.Postgres},
	}
	for _, tt := range tests {
		db, err := store.Open(tt.url)
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		if db.Dialect != tt.kind {
			t.Errorf("%s is %s, want %s", tt.url, db.Dialect, tt.kind)
		}
		db.Close()
	}
}

// TestMigrateBesideRequests checks that a migration that locks tables gets
// through, beside a vacuum and a request that was there before, and that the
// request does not wait for those who wait for the vacuum, nor fails as one of
// two that wait for each other.
func TestMigrateBesideRequests(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t, dialect.Postgres))
	const name = "migrations/postgres/0011_name_indexes.sql"
	if _, err := db.Exec("DELETE FROM migrations WHERE name = $1", name); err != nil {
		t.Fatal(err)
	}
	for index, table := range map[string]string{"doctor_name_key_id": "doctors", "patient_name_key_id": "patients", "patient_created_by_id_name_key_id": "patients"} {
		if _, err := db.Exec("CREATE INDEX " + index + " ON " + table + " (id)"); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(statement string) *sql.Tx {
		t.Helper()
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tx.Rollback() })
		if _, err := tx.Exec(statement); err != nil {
			t.Fatal(err)
		}
		return tx
	}
	waits := func(mode string) {
		t.Helper()
		waiting := false
		for deadline := time.Now().Add(10 * time.Second); !waiting && time.Now().Before(deadline); {
			if err := db.QueryRow("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'patients'::regclass AND mode = $1)", mode).Scan(&waiting); err != nil {
				t.Fatal(err)
			}
		}
		if !waiting {
			t.Errorf("nobody waits for patients in %s", mode)
		}
	}
	vacuum := begin("LOCK TABLE patients IN SHARE UPDATE EXCLUSIVE MODE")
	request := begin("SELECT count(*) FROM patients")
	var applied []string
	migrated := make(chan error)
	go func() {
		var err error
		applied, err = db.Migrate(context.Background(), slog.New(slog.DiscardHandler))
		migrated <- err
	}()
	waits("ShareUpdateExclusiveLock")
	begin("SET LOCAL lock_timeout = 1; SELECT count(*) FROM doctors; SELECT count(*) FROM patients").Rollback()
	if err := vacuum.Commit(); err != nil {
		t.Error(err)
	}
	waits("AccessExclusiveLock")
	time.Sleep(1200 * time.Millisecond) // past deadlock_timeout: of two that wait for each other this one would fail
	if _, err := request.Exec("SELECT count(*) FROM doctors"); err != nil {
		t.Error(err)
	}
	if err := request.Commit(); err != nil {
		t.Error(err)
	}
	if err := <-migrated; err != nil || !slices.Equal(applied, []string{name}) {
		t.Errorf("applied %v: %v", applied, err)
	}
}

// TestMigrateTogether checks that servers which start together on a fresh
// database take turns: each migration is applied once, and all are ready.
func TestMigrateTogether(t *testing.T) {
	const servers = 4
	for _, kind := range []string{dialect.SQLite, dialect.Postgres} {
		t.Run(kind, func(t *testing.T) {
			url := fresh(t, kind)
			var applied [servers][]string
			var errs [servers]error
			var all sync.WaitGroup
			for i := range servers {
				all.Go(func() {
					db, err := store.Open(url)
					if err != nil {
						errs[i] = err
						return
					}
					defer db.Close()
					if applied[i], errs[i] = db.Migrate(t.Context(), slog.New(slog.DiscardHandler)); errs[i] == nil {
						errs[i] = db.Ready(t.Context())
					}
				})
			}
			all.Wait()
			var names []string
			for i := range servers {
				if errs[i] != nil {
					t.Errorf("server %d: %v", i, errs[i])
				}
				names = append(names, applied[i]...)
			}
			want, err := filepath.Glob(filepath.Join("migrations", kind, "*.sql"))
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(names)
			if !slices.Equal(names, want) {
				t.Errorf("applied %q, want %q", names, want)
			}
		})
	}
}

// TestOlderUsers checks that the users of before 0003_users.sql, and those whom an
// older server adds after it, are found by the folded username, and have a username
// and an e-mail address in the form in which they are compared.
func TestOlderUsers(t *testing.T) {
	for _, kind := range []string{dialect.SQLite, dialect.Postgres} {
		t.Run(kind, func(t *testing.T) {
			db, do := older(t, kind, "0002_sessions.sql")
			add := func(names ...string) {
				for _, name := range names {
					do("INSERT INTO users (username, email, role, password_hash, is_active, is_staff, date_joined) VALUES ($1, $2, 'doctor', 'x', true, false, $3)", name, name+"@example.com", time.Now().UTC())
				}
			}
			users := func() (users []string) {
				if _, err := db.Migrate(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
					t.Fatal(err)
				}
				if _, err := db.Rekey(t.Context()); err != nil {
					t.Fatal(err)
				}
				rows, err := db.QueryContext(t.Context(), "SELECT username || ' ' || email || ' ' || username_key FROM users ORDER BY id")
				if err != nil {
					t.Fatal(err)
				}
				defer rows.Close()
				for rows.Next() {
					var user string
					if err := rows.Scan(&user); err != nil {
						t.Fatal(err)
					}
					users = append(users, user)
				}
				return users
			}
			add("Asha", "JO\u0308RG", "\u095e\u093e", "fine", "\ufb01ne")
			want := []string{
				"Asha Asha@example.com asha", "J\u00d6RG J\u00d6RG@example.com jorg", "\u092b\u093c\u093e \u092b\u093c\u093e@example.com \u092b\u093c\u093e",
				"fine fine@example.com fine", "\ufb01ne \ufb01ne@example.com fine", // its name is taken
			}
			if got := users(); !slices.Equal(got, want) {
				t.Errorf("the users are %+q, want %+q", got, want)
			}
			if kind == dialect.SQLite { // no older server runs beside a newer one
				return
			}
			add("Ben")
			if got := users(); !slices.Equal(got, append(want, "Ben Ben@example.com ben")) {
				t.Errorf("the users are %+q, want %+q and Ben", got, want)
			}
		})
	}
}

// TestOlderPatients checks that patients and their mappings of before a patient could
// lack an e-mail address stay as they are, with their ids.
func TestOlderPatients(t *testing.T) {
	for kind, last := range map[string]string{dialect.SQLite: "0003_users.sql", dialect.Postgres: "0004_search.sql"} {
		t.Run(kind, func(t *testing.T) {
			db, do := older(t, kind, last)
			do(`INSERT INTO users (id, username, email, role, password_hash, is_active, is_staff, date_joined) VALUES (1, 'asha', 'a@example.com', 'doctor', 'x', true, false, '2026-01-02 03:04:05+00:00');
				INSERT INTO doctors (id, name, name_key, email, specialization, specialization_key, license_number, experience_years, consultation_fee, created_at, updated_at) VALUES (1, 'Rao', 'rao', 'r@example.com', 'ENT', 'ent', 'MH-1', 1, 1, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00')`)
			for _, name := range []string{"Arjun", "Bela", "Chandra"} {
				do("INSERT INTO patients (created_by_id, name, name_key, email, phone, date_of_birth, address, gender, blood_group, created_at, updated_at) VALUES (1, '" + name + "', '" + strings.ToLower(name) + "', 'p@example.com', '9876543210', '1990-05-15', 'Pune', 'female', 'A+', '2026-01-02 03:04:05.678901+00:00', '2026-01-02 03:04:05+00:00')")
			}
			do("INSERT INTO mappings (patient_id, doctor_id, owner_id, created_by_id, notes, is_active, assigned_date, created_at, updated_at) VALUES (2, 1, 1, 1, 'kept', true, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00'); DELETE FROM patients WHERE id = 3")

			if _, err := db.Migrate(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			var got string
			err := db.QueryRowContext(t.Context(), `SELECT p.id || p.name || p.email || p.phone || p.gender || p.blood_group || m.id || m.notes FROM mappings m JOIN patients p ON p.id = m.patient_id`).Scan(&got)
			if want := "2Belap@example.com9876543210femaleA+1kept"; err != nil || got != want {
				t.Errorf("the mapping is %q (%v), want %q", got, err, want)
			}
			var created time.Time
			if err := db.QueryRowContext(t.Context(), "SELECT created_at FROM patients WHERE id = 1").Scan(&created); err != nil || created.UTC().Format(time.RFC3339Nano) != "2026-01-02T03:04:05.678901Z" {
				t.Errorf("a patient was made at %s (%v)", created, err)
			}
			do("INSERT INTO patients (clinic_id, created_by_id, name, name_key, phone, date_of_birth, address, gender, created_at, updated_at) VALUES (1, 1, 'Devi', 'devi', '9876543210', '1990-05-15', 'Pune', 'female', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00')")
			var newest, orphans int
			if err := db.QueryRowContext(t.Context(), "SELECT max(id) FROM patients").Scan(&newest); err != nil || newest != 4 {
				t.Errorf("the new patient has the id %d (%v), want 4", newest, err)
			}
			if _, err := db.ExecContext(t.Context(), "INSERT INTO mappings (patient_id, doctor_id, clinic_id, created_by_id, is_active, assigned_date, created_at, updated_at) VALUES (99, 1, 1, 1, true, '2026-01-02', '2026-01-02', '2026-01-02')"); err == nil {
				t.Error("a mapping may have a patient who is not there")
			}
			if kind == dialect.SQLite {
				if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pragma_foreign_key_check").Scan(&orphans); err != nil || orphans != 0 {
					t.Errorf("%d rows refer to nothing (%v)", orphans, err)
				}
			}
		})
	}
}

// older returns a database as a server of an older version left it, whose last migration
// was this one, and what runs a statement on it.
func older(t *testing.T, kind, last string) (db *store.DB, do func(statement string, args ...any)) {
	t.Helper()
	db, err := store.Open(fresh(t, kind))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	do = func(statement string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	do("CREATE TABLE migrations (name varchar(200) PRIMARY KEY)")
	files, err := filepath.Glob("migrations/" + kind + "/*.sql")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		if filepath.Base(path) > last {
			break
		}
		script, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		do(string(script))
		do("INSERT INTO migrations (name) VALUES ($1)", path)
	}
	return db, do
}

// TestNotReady checks that a database without tables is not ready.
func TestNotReady(t *testing.T) {
	for _, kind := range []string{dialect.SQLite, dialect.Postgres} {
		t.Run(kind, func(t *testing.T) {
			db, err := store.Open(fresh(t, kind))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if db.Ready(t.Context()) == nil {
				t.Error("is ready")
			}
		})
	}
}

// fresh returns the URL of a new database without tables.
func fresh(t *testing.T, kind string) string {
	t.Helper()
	if kind == dialect.SQLite {
		return storetest.URL(t, kind)
	}
	url := storetest.Postgres(t)
	storetest.Exec(t, url("postgres"), "CREATE DATABASE fresh")
	t.Cleanup(func() { storetest.Exec(t, url("postgres"), "DROP DATABASE fresh WITH (FORCE)") })
	return url("fresh")
}
