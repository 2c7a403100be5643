package audit_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"

	tables "caregraph/ent/migrate"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// versioned are the mutations that may be meant for a version of a record.
var versioned = []struct{ kind, document string }{
	{"patient", `mutation($id: ID!, $version: Int) { updatePatient(id: $id, input: {name: "Bela"}, expectedVersion: $version) { version } }`},
	{"doctor", `mutation($id: ID!, $version: Int) { updateDoctor(id: $id, input: {name: "Dr. Bela"}, expectedVersion: $version) { version } }`},
	{"mapping", `mutation($id: ID!, $version: Int) { updateMapping(id: $id, notes: "Bela", expectedVersion: $version) { version } }`},
	{"mapping", `mutation($id: ID!, $version: Int) { unassignDoctor(id: $id, expectedVersion: $version) { version } }`},
	{"patient", `mutation($id: ID!, $version: Int) { deletePatient(id: $id, expectedVersion: $version) }`},
	{"doctor", `mutation($id: ID!, $version: Int) { deleteDoctor(id: $id, expectedVersion: $version) }`},
}

// currentVersion returns what a reply of GraphQL tells of a stale version: code and version.
func currentVersion(t testing.TB, reply string) string {
	t.Helper()
	var in struct {
		Errors []struct {
			Extensions struct {
				Code           string
				CurrentVersion int
			}
		}
	}
	if err := json.Unmarshal([]byte(reply), &in); err != nil || len(in.Errors) != 1 {
		return reply
	}
	return fmt.Sprint(in.Errors[0].Extensions.Code, " ", in.Errors[0].Extensions.CurrentVersion)
}

// TestExpectedVersion checks that a change that is meant for another version than the
// current one changes nothing, and tells which it is; and that it tells strangers nothing.
func TestExpectedVersion(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, ben := a.Register(t, "asha"), a.Register(t, "ben")
		for i, v := range versioned {
			patient, doctor := a.CreatePatient(t, asha, "Arjun"), a.CreateDoctor(t, asha, "Dr. Rao", fmt.Sprint("R-", i))
			id := map[string]int{"patient": patient, "doctor": doctor, "mapping": a.Assign(t, asha, patient, doctor)}[v.kind]
			for _, wrong := range []int{0, 2, -1, 1 << 30} {
				if got := currentVersion(t, a.Query(t, asha, v.document, map[string]any{"id": id, "version": wrong})); got != "CONFLICT 1" {
					t.Errorf("%s for version %d: %s", v.document, wrong, got)
				}
			}
			if v.kind != "doctor" {
				for _, version := range []int{1, 2} {
					a.Expect(t, "a stranger", ben, v.document, map[string]any{"id": id, "version": version}, harness.NotFound)
				}
			}
			if got := history(t, a, asha, v.kind, id); got != "1 CREATE asha" {
				t.Errorf("after what was refused: %s", got)
			}
			a.Must(t, asha, v.document, map[string]any{"id": id, "version": 1})
			again := currentVersion(t, a.Query(t, asha, v.document, map[string]any{"id": id, "version": 1}))
			if want := "CONFLICT 2"; again != want && (!strings.Contains(v.document, "delete") || again != "NOT_FOUND 0") {
				t.Errorf("%s again: %s", v.document, again)
			}
		}
	})
}

// TestOneVersionWins checks that of 200 changes of one version at once one succeeds, and
// every other one is told.
func TestOneVersionWins(t *testing.T) {
	const writers = 200
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		patient := a.CreatePatient(t, asha, "Arjun")
		won := 0
		for i, got := range harness.Together(writers, func(i int) string {
			for range 100 {
				reply := a.Query(t, asha, `mutation($id: ID!, $name: String!) { updatePatient(id: $id, input: {name: $name}, expectedVersion: 1) { version name } }`,
					map[string]any{"id": patient, "name": fmt.Sprint("Writer ", i)})
				if !strings.Contains(reply, `"UNAVAILABLE"`) { // a busy machine; nothing was changed
					return reply
				}
				time.Sleep(50 * time.Millisecond)
			}
			return "busy"
		}) {
			switch {
			case got == fmt.Sprintf(`{"data":{"updatePatient":{"version":2,"name":"Writer %d"}}}`, i):
				won++
			case currentVersion(t, got) != "CONFLICT 2":
				t.Errorf("writer %d: %s", i, got)
			}
		}
		if won != 1 || strings.Count(history(t, a, asha, "patient", patient), "\n") != 1 {
			t.Errorf("%d writers won", won)
		}
	})
}

// TestConditionalREST checks the tags of items: 304, 412, and what other routes do.
func TestConditionalREST(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		patient, doctor := a.CreatePatient(t, asha, "Arjun"), a.CreateDoctor(t, asha, "Dr. Rao", "R-1")
		mapping := a.Assign(t, asha, patient, doctor)
		whole := `{"name":"Bela","phone":"9876543210","date_of_birth":"1990-05-15","address":"Pune","gender":"female"}`
		for _, row := range []struct {
			request, body, header, value string
			status                       int
			tag                          string
		}{
			{"GET /api/patients/$patient/", "", "", "", 200, `"1"`},
			{"GET /api/patients/$patient/", "", "If-None-Match", `"1"`, 304, `"1"`},
			{"GET /api/patients/$patient/", "", "If-None-Match", `"7", W/"1"`, 304, `"1"`},
			{"GET /api/patients/$patient/", "", "If-None-Match", `*`, 304, `"1"`},
			{"GET /api/patients/$patient/", "", "If-None-Match", `"2"`, 200, `"1"`},
			{"GET /api/patients/$patient/", "", "If-None-Match", `1`, 200, `"1"`},
			{"GET /api/patients/987654321/", "", "If-None-Match", `*`, 404, ""},
			{"GET /api/patients/", "", "If-None-Match", `*`, 200, ""},
			{"PATCH /api/patients/$patient/", `{"name":"Bela"}`, "If-Match", `"2"`, 412, `"1"`},
			{"PATCH /api/patients/$patient/", `{"name":"Bela"}`, "If-Match", `W/"1"`, 412, `"1"`},
			{"PATCH /api/patients/$patient/", `{"name":"Bela"}`, "If-Match", `1`, 412, `"1"`},
			{"PATCH /api/patients/$patient/", `{"name":"Bela"}`, "If-Match", `"x"`, 412, `"1"`},
			{"PATCH /api/patients/$patient/", `{"name":"Bela"}`, "If-Match", ``, 412, `"1"`},
			{"PATCH /api/patients/$patient/", `{"name":"Bela"}`, "If-Match", `, ,`, 412, `"1"`},
			{"PATCH /api/patients/$patient/", `{"name":"Bela"}`, "If-Match", `"99999999999999999999"`, 412, `"1"`},
			{"PATCH /api/patients/$patient/", `{"name":""}`, "If-Match", `"1"`, 400, ""},
			{"PATCH /api/patients/987654321/", `{"name":"Bela"}`, "If-Match", `"1"`, 404, ""},
			{"PATCH /api/patients/$patient/", `{"name":"Bela"}`, "If-Match", `"1"`, 200, `"2"`},
			{"PATCH /api/patients/$patient/", `{"name":"Bela"}`, "If-Match", `*`, 200, `"2"`},
			{"PATCH /api/patients/$patient/", `{"name":"Arjun"}`, "If-Match", `"9", "2", "1"`, 200, `"3"`},
			{"PUT /api/patients/$patient/", whole, "If-Match", `"2"`, 412, `"3"`},
			{"PUT /api/patients/$patient/", whole, "If-Match", `"3"`, 200, ""},
			{"PUT /api/patients/$patient/", whole, "", "", 200, ""},
			{"GET /api/doctors/$doctor/", "", "If-None-Match", `"1"`, 304, `"1"`},
			{"PATCH /api/doctors/$doctor/", `{"name":"Dr. Shah"}`, "If-Match", `"4"`, 412, `"1"`},
			{"DELETE /api/doctors/$doctor/", "", "If-Match", `"4"`, 412, `"1"`},
			{"DELETE /api/mappings/$mapping/", "", "If-Match", `"4"`, 412, `"1"`},
			{"DELETE /api/mappings/$mapping/", "", "If-Match", `"1"`, 204, ""},
			{"DELETE /api/doctors/$doctor/", "", "If-Match", `"1"`, 204, ""},
			{"DELETE /api/patients/$patient/", "", "If-Match", `"3"`, 412, `"4"`},
			{"DELETE /api/patients/$patient/", "", "If-Match", `"4"`, 204, ""},
			{"POST /api/patients/", whole, "If-Match", `"4"`, 201, `"1"`},
		} {
			method, path, _ := strings.Cut(strings.NewReplacer("$patient", fmt.Sprint(patient), "$doctor", fmt.Sprint(doctor), "$mapping", fmt.Sprint(mapping)).Replace(row.request), " ")
			header := http.Header{"Authorization": {asha.Bearer()}, "Content-Type": {"application/json"}}
			if row.header != "" {
				header.Set(row.header, row.value)
			}
			status, answered, reply := a.Do(t, method, path, header, row.body)
			if status != row.status || answered.Get("ETag") != row.tag {
				t.Errorf("%s with %s %s: %d %s %s, want %d %s", row.request, row.header, row.value, status, answered.Get("ETag"), reply, row.status, row.tag)
			}
			if strings.Contains(reply, "etag") || status == 304 && reply != "" || status == 412 && !strings.HasPrefix(reply, `{"detail":"`) {
				t.Errorf("%s with %s %s: %s", row.request, row.header, row.value, reply)
			}
		}
	})
}

// TestEveryColumnIsKept checks that the triggers know every column of the records, but for
// those that follow from others or tell of the version itself.
func TestEveryColumnIsKept(t *testing.T) {
	derived := strings.Fields("id version updated_at updated_by_id deleted_at name_key name_sound specialization_key mappings.clinic_id")
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		a.Register(t, "ben")
		patient, doctor := a.CreatePatient(t, asha, "Arjun"), a.CreateDoctor(t, asha, "Dr. Rao", "R-1")
		a.CreateDoctor(t, asha, "Dr. Shah", "S-1")
		a.CreatePatient(t, asha, "Bela")
		mapping := a.Assign(t, asha, patient, doctor)
		for _, of := range []struct {
			table  *schema.Table
			column string
			id     int
		}{{tables.PatientsTable, "patient_id", patient}, {tables.DoctorsTable, "doctor_id", doctor}, {tables.MappingsTable, "mapping_id", mapping}} {
			for _, c := range of.table.Columns {
				value := map[field.Type]string{field.TypeInt: "2", field.TypeInt64: "2", field.TypeBool: "NOT " + c.Name, field.TypeTime: "'2026-01-02 03:04:05+00:00'", field.TypeEnum: "'male'"}[c.Type]
				switch {
				case c.Name == "blood_group":
					value = "'A+'"
				case c.Name == "date_of_birth":
					value = "'1999-01-02'"
				case value == "":
					value = "'x'"
				}
				set := c.Name + " = " + value
				if c.Name == "is_active" || c.Name == "ended_at" { // which go together
					set = "is_active = false, ended_at = updated_at"
				}
				tx, err := db.BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := tx.ExecContext(t.Context(), fmt.Sprintf("UPDATE %s SET %s WHERE id = %d", of.table.Name, set, of.id)); err != nil && c.Name != "id" {
					t.Errorf("%s.%s: %v", of.table.Name, c.Name, err)
				}
				diff := ""
				tx.QueryRowContext(t.Context(), fmt.Sprintf("SELECT diff FROM revisions WHERE %s = %d AND version = 2", of.column, of.id)).Scan(&diff)
				tx.Rollback()
				kept := strings.Contains(diff, `"`+c.Name+`":`) || strings.Contains(diff, `"`+c.Name+`" :`)
				if ignored := slices.Contains(derived, c.Name) || slices.Contains(derived, of.table.Name+"."+c.Name); kept == ignored {
					t.Errorf("a change of %s.%s is kept: %t (%s)", of.table.Name, c.Name, kept, diff)
				}
			}
		}
	})
}
