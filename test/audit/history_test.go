package audit_test

import (
	"fmt"
	"strings"
	"testing"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// change is one of a history.
type change struct {
	Version int
	Kind    string
	Actor   *struct{ Username string }
	Changes []struct{ Field, Before, After string }
	At      string
}

// String describes a change in one line: kind actor: field before after, …
func (c change) String() string {
	line := fmt.Sprintf("%d %s nobody", c.Version, c.Kind)
	if c.Actor != nil {
		line = fmt.Sprintf("%d %s %s", c.Version, c.Kind, c.Actor.Username)
	}
	for _, f := range c.Changes {
		line += fmt.Sprintf("; %s %s %s", f.Field, f.Before, f.After)
	}
	return line
}

// history returns the changes of a record, the newest first, one a line.
func history(t testing.TB, a *harness.API, c harness.Caller, kind string, id int) string {
	t.Helper()
	var in struct {
		Data struct {
			Record struct {
				Version   int
				UpdatedAt string
				History   struct {
					TotalCount int
					Nodes      []change
				}
			}
		}
	}
	a.Read(t, c, `query($id: ID!) { record: `+kind+`(id: $id) { version updatedAt history(first: 100) { totalCount nodes { version kind at actor { username } changes { field before after } } } } }`, map[string]any{"id": id}, &in)
	r := in.Data.Record
	lines := make([]string, len(r.History.Nodes))
	for i, c := range r.History.Nodes {
		lines[i] = c.String()
	}
	if r.History.TotalCount != len(lines) || len(lines) == 0 || r.History.Nodes[0].Version != r.Version {
		t.Errorf("version %d, and a history of %d: %s", r.Version, r.History.TotalCount, lines)
	} else if newest := r.History.Nodes[0]; newest.Kind != "CREATE" && newest.At != r.UpdatedAt {
		t.Errorf("changed at %s, and updated at %s", newest.At, r.UpdatedAt)
	}
	return strings.Join(lines, "\n")
}

// TestHistory checks what is kept of each kind of change, also of those that another
// program makes in the database.
func TestHistory(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, chitra := a.Register(t, "asha"), a.Register(t, "chitra")
		a.Join(t, chitra, asha, "MEMBER")
		patient, doctor := a.CreatePatient(t, asha, "Arjun"), a.CreateDoctor(t, asha, "Dr. Rao", "R-1")
		mapping := a.Assign(t, chitra, patient, doctor)
		exec := func(statement string, id int) {
			t.Helper()
			if _, err := db.ExecContext(t.Context(), statement, id); err != nil {
				t.Fatal(err)
			}
		}
		steps := []struct {
			by       harness.Caller
			document string // or a statement, if it is nobody's
			kind     string
			id       int
			want     string // of the newest change
		}{
			{chitra, `mutation($id: ID!) { result: updatePatient(id: $id, input: {name: "Arjun \"Raja\" राव", gender: MALE, bloodGroup: AB_NEGATIVE}) { id } }`, "patient", patient, `2 UPDATE chitra; bloodGroup null "AB_NEGATIVE"; gender "FEMALE" "MALE"; name "Arjun" "Arjun \"Raja\" राव"`},
			{asha, `mutation($id: ID!) { result: updatePatient(id: $id, input: {name: "Arjun \"Raja\" राव"}) { id } }`, "patient", patient, `2 UPDATE chitra; bloodGroup null "AB_NEGATIVE"; gender "FEMALE" "MALE"; name "Arjun" "Arjun \"Raja\" राव"`},
			{asha, `mutation($id: ID!) { result: updatePatient(id: $id, input: {}) { id } }`, "patient", patient, `2 UPDATE chitra; bloodGroup null "AB_NEGATIVE"; gender "FEMALE" "MALE"; name "Arjun" "Arjun \"Raja\" राव"`},
			{asha, `mutation($id: ID!) { result: updatePatient(id: $id, input: {ageYears: 40, medicalHistory: "", bloodGroup: null}) { id } }`, "patient", patient, fmt.Sprintf(`3 UPDATE asha; birthDateEstimated false true; bloodGroup "AB_NEGATIVE" null; dateOfBirth "1990-05-15" "%d-01-01"; medicalHistory null ""`, harness.Today().Year()-40)},
			{harness.Caller{}, `UPDATE patients SET phone = '9000000001', name_key = 'x' WHERE id = $1`, "patient", patient, `4 UPDATE nobody; phone "9876543210" "9000000001"`},
			{harness.Caller{}, `UPDATE patients SET name_key = 'y', name_sound = 'z' WHERE id = $1`, "patient", patient, `4 UPDATE nobody; phone "9876543210" "9000000001"`},
			{harness.Caller{}, `UPDATE patients SET phone = phone WHERE id = $1`, "patient", patient, `4 UPDATE nobody; phone "9876543210" "9000000001"`},
			{harness.Caller{}, `UPDATE patients SET version = 1 WHERE id = $1`, "patient", patient, `4 UPDATE nobody; phone "9876543210" "9000000001"`},
			{harness.Caller{}, `UPDATE patients SET deleted_at = updated_at WHERE id = $1`, "", 0, ""},
			{harness.Caller{}, `UPDATE patients SET deleted_at = NULL WHERE id = $1`, "patient", patient, `6 RESTORE nobody`},
			{asha, `mutation($id: ID!) { result: updatePatient(id: $id, input: {phone: "9876543210"}) { id } }`, "patient", patient, `7 UPDATE asha; phone "9000000001" "9876543210"`},

			{chitra, `mutation($id: ID!) { result: updateDoctor(id: $id, input: {consultationFee: "1500.50", experienceYears: 20, licenseNumber: "R-2"}) { id } }`, "doctor", doctor, `2 UPDATE chitra; consultationFee "1500.00" "1500.50"; experienceYears 7 20; licenseNumber "R-1" "R-2"`},
			{harness.Caller{}, `UPDATE doctors SET consultation_fee = 5 WHERE id = $1`, "doctor", doctor, `3 UPDATE nobody; consultationFee "1500.50" "0.05"`},

			{asha, `mutation($id: ID!) { result: updateMapping(id: $id, notes: "Every month") { id } }`, "mapping", mapping, `2 UPDATE asha; notes null "Every month"`},
			{harness.Caller{}, `UPDATE mappings SET assigned_date = '2026-01-02 03:04:05.25+00:00' WHERE id = $1`, "mapping", mapping, ""},
			{asha, `mutation($id: ID!) { result: unassignDoctor(id: $id) { id } }`, "mapping", mapping, ""},
		}
		var before string
		for _, s := range steps {
			if s.by.Token != "" {
				a.Must(t, s.by, s.document, map[string]any{"id": s.id})
			} else {
				exec(s.document, max(s.id, patient))
			}
			if s.kind == "" {
				continue
			}
			all := history(t, a, asha, s.kind, s.id)
			newest, _, _ := strings.Cut(all, "\n")
			if s.want != "" && newest != s.want {
				t.Errorf("%s\ngot  %s\nwant %s", s.document, newest, s.want)
			}
			if s.want != "" && strings.HasPrefix(before, s.want) && before != all {
				t.Errorf("%s\nchanged the history\n%s\nto\n%s", s.document, before, all)
			}
			before = all
		}
		removed := a.CreatePatient(t, asha, "Bela")
		exec("DELETE FROM patients WHERE id = $1", removed)
		var kind, diff string
		var version int
		err := db.QueryRow("SELECT version, kind, diff FROM revisions WHERE patient_id = $1 ORDER BY version DESC LIMIT 1", removed).Scan(&version, &kind, &diff)
		if err != nil || version != 2 || kind != "delete" || !strings.Contains(strings.ReplaceAll(diff, " ", ""), `"name":["Bela",null]`) {
			t.Errorf("of what was removed from the database there is %d %s %s (%v)", version, kind, diff, err)
		}
		exec(`INSERT INTO patients (id, name, name_key, phone, date_of_birth, address, gender, clinic_id, created_by_id, created_at, updated_at)
			SELECT id, name, name_key, phone, date_of_birth, address, gender, clinic_id, created_by_id, created_at, updated_at FROM patients WHERE id = $1 ON CONFLICT (id) DO NOTHING`, patient)
		if all := history(t, a, asha, "patient", patient); strings.Count(all, "CREATE") != 1 {
			t.Errorf("what was not inserted is in the history\n%s", all)
		}
		want := `1 CREATE chitra`
		all := strings.Split(history(t, a, asha, "mapping", mapping), "\n")
		if len(all) != 4 || all[3] != want || !strings.HasPrefix(all[0], `4 UPDATE asha; endedAt null "2`) || !strings.HasSuffix(all[0], `Z"; isActive true false`) || !strings.HasPrefix(all[1], `3 UPDATE nobody; assignedDate "2`) || !strings.HasSuffix(all[1], `"2026-01-02T03:04:05.250000Z"`) {
			t.Errorf("the history of the assignment is\n%s", strings.Join(all, "\n"))
		}
	})
}
