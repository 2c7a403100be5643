package sample

import (
	"testing"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// TestGenerate checks the rows of a small data set, and that the database goes on
// with ids of its own.
func TestGenerate(t *testing.T) {
	size := Size{Users: 7, Patients: 210, Doctors: 30, Mappings: 611}
	checks := []struct {
		name, count string
		want        int
	}{
		{"users", "SELECT count(*) FROM users", size.Users},
		{"doctors", "SELECT count(*) FROM doctors", size.Doctors},
		{"patients", "SELECT count(*) FROM patients", size.Patients},
		{"mappings", "SELECT count(*) FROM mappings", size.Mappings},
		{"patients of a user", "SELECT count(*) FROM patients WHERE created_by_id = 3", size.Patients / size.Users},
		{"users whose own doctor has none of their patients", "SELECT count(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM mappings m WHERE m.doctor_id = u.id AND m.clinic_id = u.id)", 0},
		{"doctors of a user", "SELECT count(DISTINCT doctor_id) FROM mappings WHERE clinic_id = 3", circle},
		{"foreign clinics", "SELECT count(*) FROM mappings m JOIN patients p ON p.id = m.patient_id WHERE p.clinic_id <> m.clinic_id", 0},
		{"mappings in the future", "SELECT count(*) FROM mappings WHERE assigned_date > CURRENT_TIMESTAMP OR ended_at > CURRENT_TIMESTAMP", 0},
		{"names that are not folded", "SELECT count(*) FROM patients WHERE name_key <> lower(name)", 0},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if err := Generate(t.Context(), db, size); err != nil {
			t.Fatal(err)
		}
		for _, c := range checks {
			var got int
			if err := db.QueryRowContext(t.Context(), c.count).Scan(&got); err != nil || got != c.want {
				t.Errorf("%s: got %d (%v), want %d", c.name, got, err, c.want)
			}
		}
		var ended int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM mappings WHERE NOT is_active").Scan(&ended); err != nil || ended < 30 || ended > 100 {
			t.Errorf("%d of %d mappings have ended (%v), want about a tenth", ended, size.Mappings, err)
		}
		var id int
		again := "INSERT INTO mappings (created_at, updated_at, assigned_date, is_active, ended_at, doctor_id, patient_id, clinic_id, created_by_id) SELECT created_at, updated_at, assigned_date, false, assigned_date, doctor_id, patient_id, clinic_id, created_by_id FROM mappings WHERE id = 1 RETURNING id"
		if err := db.QueryRowContext(t.Context(), again).Scan(&id); err != nil || id != size.Mappings+1 {
			t.Errorf("the next mapping is %d (%v), want %d", id, err, size.Mappings+1)
		}
	})
}

// TestGenerateTooMany checks that a size without enough pairs is refused.
func TestGenerateTooMany(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if err := Generate(t.Context(), db, Size{Users: 1, Patients: 2, Doctors: 3, Mappings: 7}); err == nil {
			t.Error("7 mappings of 2 patients and 3 doctors were made")
		}
	})
}
