package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"caregraph/internal/scalar"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

// TestRekey checks that keys are computed anew beside requests, whenever it is stopped,
// and for what servers of older versions write meanwhile and afterwards.
func TestRekey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		do := func(statement string, args ...any) {
			t.Helper()
			if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
				t.Fatal(err)
			}
		}
		older := func(id int, name, key string) { // as an older server writes it
			do("INSERT INTO patients (id, clinic_id, created_by_id, name, name_key, email, phone, date_of_birth, address, gender, created_at, updated_at) VALUES ($1, 1, 1, $2, $3, 'a@example.com', '9876543210', '1990-01-01', 'x', 'other', $4, $4)",
				id, name, key, time.Now().UTC())
		}
		do("INSERT INTO clinics (id, name, created_at) VALUES (1, 'Zoë', $1)", time.Now().UTC())
		do("INSERT INTO users (id, username, email, role, clinic_id, password_hash, is_active, is_staff, date_joined) VALUES (1, 'Zoë', 'zoe@example.com', 'doctor', 1, 'x', true, false, $1)", time.Now().UTC())
		do("INSERT INTO doctors (name, name_key, email, specialization, specialization_key, license_number, experience_years, consultation_fee, created_at, updated_at) VALUES ('Dr. Łukasz', 'dr. łukasz', 'l@example.com', 'Médecine', 'médecine', 'MH-1', 1, 1, $1, $1)", time.Now().UTC())
		const patients = 1200
		for id := range patients {
			older(id+1, fmt.Sprintf("José D'Souza %d", id), fmt.Sprintf("josé d'souza %d", id))
		}
		stopped := 0
		for patience := time.Millisecond; ; patience *= 2 {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			_, err := db.Rekey(ctx)
			cancel()
			if err == nil {
				break
			}
			if deadline, _ := ctx.Deadline(); time.Now().Before(deadline) {
				t.Fatal(err)
			}
			stopped++
			do("UPDATE patients SET name = 'Renée', name_key = 'renée', updated_at = $1 WHERE id = $2", time.Now().UTC(), 10*stopped) // an older server
		}
		if stopped == 0 {
			t.Error("it was never stopped")
		}
		check := func(want int) {
			t.Helper()
			rows, err := db.QueryContext(t.Context(), `SELECT name, name_key, name_sound FROM patients UNION ALL SELECT name, name_key, name_sound FROM doctors
				UNION ALL SELECT specialization, specialization_key, '' FROM doctors UNION ALL SELECT username, username_key, '' FROM users`)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			n := 0
			for ; rows.Next(); n++ {
				var name, key, sound string
				if err := rows.Scan(&name, &key, &sound); err != nil {
					t.Fatal(err)
				}
				if key != scalar.Fold(name) || sound != scalar.SoundKey(name) && sound != "" {
					t.Errorf("%s has the keys %q and %q", name, key, sound)
				}
			}
			if n != want {
				t.Errorf("there are %d keys, want %d", n, want)
			}
			var unheard int
			if err := db.QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM patients WHERE name_sound = '') + (SELECT count(*) FROM doctors WHERE name_sound = '')").Scan(&unheard); err != nil || unheard != 0 {
				t.Errorf("%d names have no sound (%v)", unheard, err)
			}
		}
		check(patients + 3)

		older(patients+1, "Søren", "søren")
		do("UPDATE patients SET name = 'Ægir', name_key = 'ægir', updated_at = $1 WHERE id = 7", time.Now().UTC())
		if n, err := db.Rekey(t.Context()); n != 2 || err != nil {
			t.Errorf("%d rows were changed, want 2: %v", n, err)
		}
		check(patients + 4)
		if n, err := db.Rekey(t.Context()); n != 0 || err != nil {
			t.Errorf("%d rows were changed again: %v", n, err)
		}

		do("INSERT INTO rekeyed (version, checked_at) VALUES ($1, $2)", scalar.Keys+1, time.Now().UTC())
		older(patients+2, "Þór", "þór")
		if n, err := db.Rekey(t.Context()); n != 0 || err != nil {
			t.Errorf("%d rows of a newer server were changed: %v", n, err)
		}
	})
}
