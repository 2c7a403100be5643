package main

import (
	"fmt"
	"strings"
	"testing"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
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
		{"MyPatientsWithDoctors", map[string]any{"first": 100}, 5, 6},
		{"PatientChart", map[string]any{"id": 1}, 5, 5},
		{"DoctorCaseload", map[string]any{"doctorId": 1, "first": 100}, 4, 5},
		{"DoctorDirectory", map[string]any{"first": 100}, 3, 3},
		{"DoctorDirectory", map[string]any{"first": 5}, 4, 4},
		{"PatientSearch", map[string]any{"q": "patient", "first": 100}, 3, 3},
		{"Overview", nil, 8, 8},
		{deep, nil, 9, 10},
		{deepChange, nil, 10, 11},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db, func(c *config) { c.limits.Cost = 0 })
		asha := a.register(t, "asha")
		for d := range 10 {
			a.createDoctor(t, asha, fmt.Sprintf("Doctor %d", d), fmt.Sprintf("MCI-%d", d))
		}
		patients := 0
		for _, size := range []int{10, 1000} {
			a.grow(t, asha, patients, size)
			patients = size
			for _, tt := range tests {
				before := a.statements.Load()
				document := tt.operation
				if !strings.Contains(document, "{") {
					document = operation(t, document)
				}
				reply := a.query(t, asha, document, tt.variables)
				count := a.statements.Load() - before
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

// grow adds patients until there are n, each with two of ten doctors.
func (a *api) grow(t testing.TB, owner caller, from, n int) {
	t.Helper()
	for i := from; i < n; i += 10 {
		var document strings.Builder
		document.WriteString("mutation {")
		for j := i; j < i+10; j++ {
			fmt.Fprintf(&document, `p%d: createPatient(input: {name: "Patient %d", email: "p%d@example.com", phone: "9876543210", dateOfBirth: "1990-05-15", address: "Pune", gender: FEMALE}) { id }`, j, j, j)
			fmt.Fprintf(&document, `a%d: assignDoctor(input: {patientId: %d, doctorId: %d}) { id }`, j, j+1, j%10+1)
			fmt.Fprintf(&document, `b%d: assignDoctor(input: {patientId: %d, doctorId: %d}) { id }`, j, j+1, (j+3)%10+1)
		}
		document.WriteString("}")
		if reply := a.query(t, owner, document.String(), nil); strings.Contains(reply, `"errors"`) {
			t.Fatal(reply)
		}
	}
}
