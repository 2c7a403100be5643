package harness

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Record is a row of any list, with what lists are ordered and filtered by.
type Record struct {
	ID, Name, Username, Email, Gender, DateOfBirth, CreatedAt, UpdatedAt, AssignedDate, ConsultationFee string
	ExperienceYears                                                                                     int
	IsActive                                                                                            bool
	Patient                                                                                             struct{ ID string }
	Mappings                                                                                            []struct{ ID string } // active ones of a patient
}

// Connection is a page of a list.
type Connection struct {
	TotalCount int
	PageInfo   struct {
		HasNextPage, HasPreviousPage bool
		StartCursor, EndCursor       *string
	}
	Edges []struct {
		Cursor string
		Node   Record
	}
}

// Fill adds n patients and doctors with many ties, all patients assigned to
// one doctor, whose id it returns; two in three assignments go on.
func (a *API) Fill(t testing.TB, owner Caller, n int, license string) int {
	t.Helper()
	main := a.CreateDoctor(t, owner, "Dr. Name 0", license+"-MAIN1")
	for i := range n {
		variables := map[string]any{
			"doctor": main, "name": []string{"Name n0", "name n0", "Name n1", "NAME n2", "name n3"}[i%5], "birth": fmt.Sprintf("19%02d-01-31", 50+i%4),
			"gender": []string{"MALE", "FEMALE"}[i%2], "years": i % 6, "fee": i % 3 * 950, "license": fmt.Sprint(license, 100+i),
		}
		patient := a.Create(t, owner, `mutation($name: String!, $birth: Date!, $gender: Gender!) { result: createPatient(input: {
			name: $name, email: "p@example.com", phone: "9876543210", dateOfBirth: $birth, address: "Pune", gender: $gender
		}) { id } }`, variables)
		a.Create(t, owner, `mutation($name: String!, $years: Int!, $fee: Rupees!, $license: String!) { result: createDoctor(input: {
			name: "Dr.", email: "d@example.com", specialization: $name, licenseNumber: $license, experienceYears: $years, consultationFee: $fee
		}) { id } }`, variables)
		mapping := a.Assign(t, owner, patient, main)
		if i%3 == 0 {
			a.Must(t, owner, `mutation($id: ID!) { unassignDoctor(id: $id) { id } }`, map[string]any{"id": mapping})
		}
	}
	for _, column := range []string{"patients.created_at", "patients.updated_at", "doctors.created_at", "mappings.created_at", "mappings.assigned_date"} {
		table, column, _ := strings.Cut(column, ".")
		for i := range 6 {
			instant := time.Date(2025, 1, 31, 10, 30, i, 123456000, time.UTC)
			if _, err := a.DB.Exec("UPDATE "+table+" SET "+column+" = $1 WHERE id % 6 = $2", instant, i); err != nil {
				t.Fatal(err)
			}
		}
	}
	return main
}

// Page reads a page of a list, which may be inside the viewer or a doctor.
func (a *API) Page(t testing.TB, c Caller, parent string, doctor int, field, arguments string, size int, forward bool, at *string) Connection {
	t.Helper()
	window := "first: $size, after: $at"
	if !forward {
		window = "last: $size, before: $at"
	}
	document := fmt.Sprintf("list: %s(%s %s) { totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { id } } }", field, window, arguments)
	switch parent {
	case "viewer":
		document = "parent: viewer {" + document + "}"
	case "doctor":
		document = fmt.Sprintf("parent: doctor(id: %d) { %s }", doctor, document)
	}
	var in struct {
		Data struct {
			List   Connection
			Parent struct{ List Connection }
		}
	}
	a.Read(t, c, "query($size: Int, $at: Cursor) {"+document+"}", map[string]any{"size": size, "at": at}, &in)
	if parent != "" {
		return in.Data.Parent.List
	}
	return in.Data.List
}

// Count returns the number of rows of a table.
func (a *API) Count(t testing.TB, table string) int {
	t.Helper()
	var n int
	if err := a.DB.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
