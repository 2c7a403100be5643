package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// operation is something that is measured.
type operation struct {
	name     string
	document string
	writes   bool

	// variables of the nth request, of a user from 1 on.
	variables func(user, n int, b *bench) map[string]any

	// For one that writes: the members of the answer that are new each time,
	// with dots, and the statement that takes back what was written, with the
	// number of rows before.
	fresh []string
	undo  func(b *bench) string

	prepare string // a statement before the first request

	floors map[string]floor
}

// floor returns what answers the operation on the floor of the name, or nil.
func (op *operation) floor(name string) floor {
	if name == "open" {
		name = "hand"
	}
	return op.floors[name]
}

// operations are those of the dashboards, and single records.
var operations = []operation{
	{
		name: "MyPatientsWithDoctors", document: document("MyPatientsWithDoctors"),
		variables: first(50),
		floors:    map[string]floor{"hand": (*hand).myPatientsWithDoctors, "sql": built(sqlMyPatientsWithDoctors, "first")},
	},
	{
		name: "TreatingCaseload", document: strings.Replace(document("MyPatientsWithDoctors"), "patients(", "patients(filter: {seenAs: TREATING}, ", 1),
		variables: first(50),
		// Each user is the account of doctors with some 300 patients of other clinics.
		prepare: fmt.Sprintf(`INSERT INTO practices (created_at, clinic_id, doctor_id, user_id) SELECT now(), clinic_id, doctor_id, u FROM (
			SELECT u, clinic_id, doctor_id, sum(count(*)) OVER (PARTITION BY u ORDER BY doctor_id, clinic_id) AS patients
			FROM generate_series(1, %d) u JOIN mappings ON doctor_id BETWEEN 600 + 3 * u AND 602 + 3 * u AND is_active AND clinic_id <> u
			GROUP BY u, clinic_id, doctor_id) doctors WHERE patients <= 300; ANALYZE practices`, connections),
		undo: func(*bench) string { return "DELETE FROM practices" },
	},
	{
		name: "DoctorCaseload", document: document("DoctorCaseload"),
		variables: func(user, _ int, _ *bench) map[string]any { return map[string]any{"doctorId": user, "first": 50} },
		floors:    map[string]floor{"hand": (*hand).doctorCaseload, "sql": built(sqlDoctorCaseload, "doctorId", "first")},
	},
	{
		name: "PatientChart", document: document("PatientChart"),
		variables: ownPatient,
		floors:    map[string]floor{"hand": (*hand).patientChart, "sql": built(sqlPatientChart, "id")},
	},
	{
		name: "Overview", document: document("Overview"),
		variables: func(int, int, *bench) map[string]any { return nil },
		floors:    map[string]floor{"hand": (*hand).overview, "sql": built(sqlOverview)},
	},
	{
		name: "DoctorDirectory", document: document("DoctorDirectory"),
		variables: first(100),
		floors:    map[string]floor{"hand": (*hand).doctorDirectory, "sql": built(sqlDoctorDirectory, "first")},
	},
	{
		name: "PatientSearch", document: document("PatientSearch"),
		variables: func(int, int, *bench) map[string]any { return map[string]any{"q": "sha", "first": 10} },
		floors:    map[string]floor{"hand": (*hand).patientSearch, "sql": built(sqlPatientSearch, "q", "first")},
	},
	{
		name: "Patient", document: "query Patient($id: ID!) { patient(id: $id) { id name phone gender } }",
		variables: ownPatient,
		floors:    map[string]floor{"hand": (*hand).patient, "sql": built(sqlPatient, "id")},
	},
	{
		name: "AssignDoctor", document: document("AssignDoctor"), writes: true,
		variables: func(user, n int, b *bench) map[string]any {
			patient, doctor := b.unassigned(user, n)
			return map[string]any{"input": map[string]any{"patientId": patient, "doctorId": doctor, "notes": "Before surgery."}}
		},
		fresh:  []string{"data.assignDoctor.id", "data.assignDoctor.assignedDate"},
		undo:   func(b *bench) string { return fmt.Sprintf("DELETE FROM mappings WHERE id > %d", b.size.Mappings) },
		floors: map[string]floor{"hand": (*hand).assignDoctor},
	},
	{
		name: "UpdatePatient", document: "mutation UpdatePatient($id: ID!, $input: UpdatePatientInput!) { updatePatient(id: $id, input: $input) { id phone updatedAt } }", writes: true,
		variables: func(user, n int, _ *bench) map[string]any {
			return map[string]any{"id": user, "input": map[string]any{"phone": fmt.Sprintf("98765%05d", n%100_000)}}
		},
		fresh:  []string{"data.updatePatient.updatedAt"},
		undo:   func(*bench) string { return "UPDATE patients SET phone = '9876543210' WHERE phone LIKE '98765%'" },
		floors: map[string]floor{"hand": (*hand).updatePatient},
	},
	{
		name: "CreatePatient", document: "mutation CreatePatient($input: CreatePatientInput!) { createPatient(input: $input) { id name createdAt } }", writes: true,
		variables: func(int, int, *bench) map[string]any {
			return map[string]any{"input": map[string]any{
				"name": "Asha Rao", "email": "asha.rao@example.com", "phone": "+919876543210", "dateOfBirth": "1990-05-15",
				"address": "12 MG Road, Pune", "gender": "FEMALE", "medicalHistory": "Allergic to penicillin.",
			}}
		},
		fresh:  []string{"data.createPatient.id", "data.createPatient.createdAt"},
		undo:   func(b *bench) string { return fmt.Sprintf("DELETE FROM patients WHERE id > %d", b.size.Patients) },
		floors: map[string]floor{"hand": (*hand).createPatient},
	},
}

// document returns an operation of the dashboards, as the tests have it.
func document(name string) string {
	text, err := os.ReadFile(filepath.Join("test", "harness", "testdata", "operations", name+".graphql"))
	if err != nil {
		return "" // not in the project's folder, where the server cannot be built either
	}
	return string(text)
}

func first(rows int) func(int, int, *bench) map[string]any {
	return func(int, int, *bench) map[string]any { return map[string]any{"first": rows} }
}

// ownPatient asks for the patient of the user's own id, who is the user's.
func ownPatient(user, _ int, _ *bench) map[string]any { return map[string]any{"id": user} }

// unassigned returns a patient of the user and a doctor who is not assigned to
// the patient, others for every n. See dataset.Fill for who is assigned.
func (b *bench) unassigned(user, n int) (patient, doctor int) {
	share, step := b.size.Patients/b.size.Users, b.size.Doctors/20
	patient = user + n%share*b.size.Users
	nth := n / share % (b.size.Doctors - 20)
	block, rest := nth/(step-1), nth%(step-1)
	if rest >= (user-1)%step {
		rest++
	}
	return patient, block*step + rest + 1
}
