package graphql_test

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"entgo.io/ent/dialect"

	"caregraph/internal/sample"
	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// BenchmarkOperations measures what dashboards send, over HTTP, for a user who
// owns an average share of the data: 100 patients. The data is made once for
// each database. The client runs in the same process, so that time and
// allocations include it.
func BenchmarkOperations(b *testing.B) {
	for _, kind := range []struct {
		name, dialect string
		size          sample.Size
	}{
		{"sqlite", dialect.SQLite, sample.Tenth},
		{"postgres", dialect.Postgres, sample.Full},
	} {
		b.Run(kind.name, func(b *testing.B) {
			db := storetest.Open(b, storetest.URL(b, kind.dialect))
			if err := sample.Generate(b.Context(), db, kind.size); err != nil {
				b.Fatal(err)
			}
			benchmarkOperations(b, db, kind.size)
		})
	}
}

func benchmarkOperations(b *testing.B, db *store.DB, size sample.Size) {
	const user = 42 // signs in; the patient of this id is the user's, the doctor assigned
	a := harness.New(b, db)
	token := a.SignIn(b, sample.Email(user), sample.Password)
	counted := a.URL
	plain := *db
	plain.Wrap = nil // counting costs time
	server := httptest.NewServer(server.Handler(&plain, a.Cfg, slog.New(slog.DiscardHandler)))
	b.Cleanup(server.Close)

	others := unassigned(b, db, user)
	share := size.Patients / size.Users
	fixed := func(variables map[string]any) func(int) map[string]any {
		return func(int) map[string]any { return variables }
	}
	for _, bm := range []struct {
		operation string
		variables func(n int) map[string]any // of the nth request, counted from 0
	}{
		{"MyPatientsWithDoctors", fixed(map[string]any{"first": 50})},
		{"PatientChart", fixed(map[string]any{"id": user})},
		{"DoctorCaseload", fixed(map[string]any{"doctorId": user})},
		{"DoctorDirectory", fixed(map[string]any{"first": 100})},
		{"PatientSearch", fixed(map[string]any{"q": "sha"})},
		{"Overview", fixed(nil)},
		{"AssignDoctor", func(n int) map[string]any {
			patient, doctor := user+n%share*size.Users, others[n/share%len(others)]
			return map[string]any{"input": map[string]any{"patientId": patient, "doctorId": doctor, "notes": "Before surgery."}}
		}},
	} {
		b.Run(bm.operation, func(b *testing.B) {
			document := harness.Operation(b, bm.operation)
			n := 0
			send := func() {
				body, err := json.Marshal(map[string]any{"query": document, "variables": bm.variables(n)})
				if err != nil {
					b.Fatal(err)
				}
				n++
				if _, reply := a.Send(b, "POST", "/graphql", token, string(body)); strings.Contains(reply, `"errors"`) {
					b.Fatal(reply)
				}
			}
			a.URL = counted
			before := a.Statements.Load()
			send()
			statements := a.Statements.Load() - before
			a.URL = server.URL
			b.ReportAllocs()
			for b.Loop() {
				send()
			}
			b.ReportMetric(float64(statements), "statements/op")
			if _, err := db.ExecContext(b.Context(), "DELETE FROM mappings WHERE id > $1", size.Mappings); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// unassigned returns the doctors whom no patient of the user is assigned to.
func unassigned(b *testing.B, db *store.DB, user int) []int {
	b.Helper()
	rows, err := db.QueryContext(b.Context(), "SELECT id FROM doctors WHERE id NOT IN (SELECT doctor_id FROM mappings WHERE clinic_id = $1) ORDER BY id", user)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var doctors []int
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			b.Fatal(err)
		}
		doctors = append(doctors, id)
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return doctors
}
