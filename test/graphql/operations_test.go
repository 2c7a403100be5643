package graphql_test

import (
	"fmt"
	"strings"
	"testing"

	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// Operations that go two levels deeper than those of dashboards: each level
// takes one statement, and one for its count, behind lists and mutations too.
const (
	deep = `{
		patients(first: 100) { nodes { id name mappings(active: true) { id doctor { id name
			patients(first: 2, filter: {gender: [FEMALE]}, orderBy: {field: NAME}) { totalCount nodes { id name doctors { id name
				mappings(first: 1) { totalCount nodes { id createdBy { id email } } } } } } } } } }
	}`
	deepChange = `mutation {
		updatePatient(id: 1, input: {address: "Pune"}) { id name mappings(active: true) { id doctor { id name
			patients(first: 2, filter: {gender: [FEMALE]}, orderBy: {field: NAME}) { totalCount nodes { id name doctors { id name
				mappings(first: 1) { totalCount nodes { id createdBy { id email } } } } } } } } }
	}`
)

// TestStatements checks that what dashboards send takes few statements, and no
// more for 1,000 patients than for 10 but one for the totalCount of lists of
// which some go on after their page.
func TestStatements(t *testing.T) {
	tests := []struct {
		operation string
		variables map[string]any
		few, many int64 // statements for 10 and 1,000 patients, sign-in check included
	}{
		{"MyPatientsWithDoctors", map[string]any{"first": 100}, 6, 7},
		{"PatientChart", map[string]any{"id": 1}, 6, 6},
		{"DoctorCaseload", map[string]any{"doctorId": 1, "first": 100}, 5, 6},
		{"DoctorDirectory", map[string]any{"first": 100}, 3, 3},
		{"DoctorDirectory", map[string]any{"first": 5}, 4, 4},
		{"PatientSearch", map[string]any{"q": "patient", "first": 100}, 4, 4},
		{"Overview", nil, 9, 9},
		{deep, nil, 10, 11},
		{deepChange, nil, 11, 12},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db, func(c *server.Config) { c.Limits.Cost = 0 })
		asha := a.Register(t, "asha")
		for d := range 10 {
			a.CreateDoctor(t, asha, fmt.Sprintf("Doctor %d", d), fmt.Sprintf("MCI-%d", d))
		}
		patients := 0
		for _, size := range []int{10, 1000} {
			a.Grow(t, asha, patients, size)
			patients = size
			for _, tt := range tests {
				before := a.Statements.Load()
				document := tt.operation
				if !strings.Contains(document, "{") {
					document = harness.Operation(t, document)
				}
				reply := a.Query(t, asha, document, tt.variables)
				count := a.Statements.Load() - before
				if strings.Contains(reply, `"errors"`) {
					t.Fatalf("%s: %s", tt.operation, reply)
				}
				want := tt.few
				if size > 10 {
					want = tt.many
				}
				if count != want {
					t.Errorf("%s on %d patients took %d statements, want %d", tt.operation, size, count, want)
				}
			}
		}
	})
}
