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

// TestStatements checks that what dashboards send takes few statements, and as
// many for 1,000 patients as for 10.
func TestStatements(t *testing.T) {
	tests := []struct {
		operation string
		variables map[string]any
		most      int64 // sign-in check included
	}{
		{"MyPatientsWithDoctors", map[string]any{"first": 100}, 6},
		{"PatientChart", map[string]any{"id": 1}, 6},
		{"DoctorCaseload", map[string]any{"doctorId": 1, "first": 100}, 5},
		{"DoctorDirectory", map[string]any{"first": 100}, 4},
		{"PatientSearch", map[string]any{"q": "patient", "first": 100}, 3},
		{"Overview", nil, 8},
		{deep, nil, 10},
		{deepChange, nil, 11},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db, func(c *config) { c.limits.Cost = 0 })
		asha := a.register(t, "asha")
		counts := map[string]int64{}
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
				if count > tt.most {
					t.Errorf("%s on %d patients took %d statements, want at most %d", tt.operation, size, count, tt.most)
				}
				if counts[tt.operation] == 0 {
					counts[tt.operation] = count
				}
				if counts[tt.operation] != count {
					t.Errorf("%s took %d statements on 10 patients and %d on %d", tt.operation, counts[tt.operation], count, size)
				}
			}
		}
		t.Log(counts)
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
