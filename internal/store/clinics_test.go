package store_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
)

// TestClinics checks that every user of before there were clinics gets one, with all of
// the user's records, and that ids, times and sign-ins stay as they are. On PostgreSQL an
// older server goes on adding rows meanwhile, and afterwards.
func TestClinics(t *testing.T) {
	for kind, last := range map[string]string{dialect.SQLite: "0004_find.sql", dialect.Postgres: "0011_name_indexes.sql"} {
		t.Run(kind, func(t *testing.T) {
			db, do := older(t, kind, last)
			const at = "'2026-01-02 03:04:05.678901+00:00'"
			user := func(id int, name string) {
				do(`INSERT INTO users (id, username, username_key, email, role, password_hash, is_active, is_staff, date_joined)
					VALUES ($1, $2, 'key', $3, 'doctor', 'x', true, false, `+at+`)`, id, name, fmt.Sprintf("%d@example.com", id))
			}
			// patient adds a patient with one mapping in one transaction, as an older server may.
			patient := func(id, owner int) {
				tx, err := db.BeginTx(t.Context(), nil)
				if err != nil {
					t.Error(err)
					return
				}
				defer tx.Rollback()
				for _, statement := range []string{
					`INSERT INTO patients (id, created_by_id, name, name_key, phone, date_of_birth, address, gender, created_at, updated_at)
						VALUES ($1, $2, 'Arjun', 'arjun', '9876543210', '1990-05-15', 'Pune', 'male', ` + at + `, ` + at + `)`,
					`INSERT INTO mappings (id, patient_id, doctor_id, owner_id, created_by_id, notes, is_active, assigned_date, created_at, updated_at)
						VALUES ($1, $1, 1, $2, 1, 'kept', true, ` + at + `, ` + at + `, ` + at + `)`,
				} {
					if _, err := tx.ExecContext(t.Context(), statement, id, owner); err != nil {
						t.Error(err)
						return
					}
				}
				if err := tx.Commit(); err != nil {
					t.Error(err)
				}
			}
			do("INSERT INTO doctors (id, name, name_key, email, specialization, specialization_key, license_number, experience_years, consultation_fee, created_at, updated_at) VALUES (1, 'Rao', 'rao', 'r@example.com', 'ENT', 'ent', 'MH-1', 1, 1, " + at + ", " + at + ")")
			const users, patients = 1100, 1300
			longest := strings.Repeat("\u0905", 150)
			for id := 1; id <= users; id++ {
				user(id, fmt.Sprintf("user%d", id))
			}
			do("UPDATE users SET username = $1 WHERE id = 7", longest)
			for id := 1; id <= patients; id++ {
				patient(id, id%users+1)
			}
			do("UPDATE patients SET deleted_at = " + at + " WHERE id = 5")
			do("INSERT INTO sessions (user_id, role, staff, user_agent, address, refresh_id, created_at, last_used_at, expires_at) VALUES (3, 'doctor', false, '', '::1', '0123456789abcdef0123456789abcdef', " + at + ", " + at + ", " + at + ")")
			do("DELETE FROM mappings WHERE id = 1300; DELETE FROM patients WHERE id = 1300")
			do("ANALYZE") // as autovacuum has done where a server has run for a day

			added := 0
			var others sync.WaitGroup
			done := make(chan struct{})
			if kind == dialect.Postgres {
				others.Go(func() {
					for id := 2000; ; id++ {
						select {
						case <-done:
							return
						default:
							user(id, fmt.Sprintf("user%d", id))
							patient(2*id, id)
							patient(2*id+1, id%users+1)
							added += 2
							time.Sleep(time.Millisecond)
						}
					}
				})
			}
			if _, err := db.Migrate(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			close(done)
			others.Wait()
			if kind == dialect.Postgres {
				user(1500, "ben")
				patient(1500, 1500)
				added++
				if added < 3 {
					t.Error("no server of an older version wrote meanwhile")
				}
			}

			count := func(query string, want int) {
				t.Helper()
				var n int
				if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil || n != want {
					t.Errorf("%s: %d (%v), want %d", query, n, err, want)
				}
			}
			count("SELECT count(*) FROM users u WHERE (SELECT count(*) FROM users o WHERE o.clinic_id = u.clinic_id) <> 1 OR u.clinic_role <> 'admin'", 0)
			count("SELECT count(*) FROM users u JOIN clinics c ON c.id = u.clinic_id WHERE c.name <> substr(u.username, 1, 100)", 0)
			count("SELECT count(*) FROM patients p JOIN users u ON u.id = p.created_by_id AND u.clinic_id = p.clinic_id", patients-1+added)
			count("SELECT count(*) FROM mappings m JOIN patients p ON p.id = m.patient_id AND p.clinic_id = m.clinic_id WHERE m.notes = 'kept'", patients-1+added)
			count("SELECT count(*) FROM patients WHERE deleted_at IS NOT NULL AND id = 5", 1)
			count("SELECT count(*) FROM sessions WHERE user_id = 3 AND id = 1", 1)
			count("SELECT length(c.name) FROM clinics c JOIN users u ON u.clinic_id = c.id WHERE u.id = 7", 100)
			made := "SELECT count(*) FROM revisions r JOIN %ss t ON t.id = r.%[1]s_id WHERE r.version = 1 AND t.version = 1 AND r.kind = 'create' AND r.at = t.created_at AND r.diff = '{}' AND r.actor_id "
			count(fmt.Sprintf(made, "patient")+"= t.created_by_id", patients-1+added)
			count(fmt.Sprintf(made, "mapping")+"= t.created_by_id", patients-1+added)
			count(fmt.Sprintf(made, "doctor")+"IS NULL", 1)
			count("SELECT count(*) FROM revisions", 2*(patients-1+added)+1)
			var created time.Time
			if err := db.QueryRowContext(t.Context(), "SELECT c.created_at FROM clinics c JOIN users u ON u.clinic_id = c.id WHERE u.id = 9").Scan(&created); err != nil || created.UTC().Format(time.RFC3339Nano) != "2026-01-02T03:04:05.678901Z" {
				t.Errorf("a clinic was made at %s (%v)", created, err)
			}
			if kind == dialect.SQLite {
				do("INSERT INTO clinics (name, created_at) VALUES ('new', " + at + ")")
				count("SELECT max(id) FROM clinics", users+1)
				count("SELECT seq FROM sqlite_sequence WHERE name = 'patients'", patients)
				count("SELECT count(*) FROM pragma_foreign_key_check", 0)
			}
		})
	}
}
