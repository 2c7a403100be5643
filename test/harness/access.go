package harness

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// Outcomes of a call that is refused.
const (
	Unauthenticated = "UNAUTHENTICATED"
	Forbidden       = "FORBIDDEN"
	NotFound        = "NOT_FOUND"
	NotFoundPatient = "NOT_FOUND:patientId"
	Conflict        = "CONFLICT"
)

// Sessions returns the ids of the caller's sessions, last used first.
func (a *API) Sessions(t testing.TB, c Caller) []string {
	t.Helper()
	var in struct {
		Data struct {
			Viewer struct{ Sessions []struct{ ID string } }
		}
	}
	reply := a.Query(t, c, `{ viewer { sessions { id } } }`, nil)
	if err := json.Unmarshal([]byte(reply), &in); err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(in.Data.Viewer.Sessions))
	for i, s := range in.Data.Viewer.Sessions {
		ids[i] = s.ID
	}
	return ids
}

// Expected returns the reply with this data, or a failure as it is.
func (a *API) Expected(t testing.TB, data string, variables map[string]any) string {
	t.Helper()
	if !strings.HasPrefix(data, "{") {
		return data
	}
	for _, name := range []string{"patient", "doctor", "mapping", "session", "invitation"} {
		data = strings.ReplaceAll(data, "$"+name, fmt.Sprint(variables[name]))
	}
	if strings.Contains(data, "$age") {
		now := Today()
		age := now.Year() - 1990
		if now.Format("01-02") < "05-15" {
			age--
		}
		data = strings.ReplaceAll(data, "$age", strconv.Itoa(age))
	}
	return `{"data":` + data + `}`
}

// Clean deletes every patient but Bela, every doctor but Dr. Shah, and what
// they were assigned, as staff.
func (a *API) Clean(t testing.TB, staff Caller) {
	t.Helper()
	var in struct {
		Data struct {
			Patients, Doctors struct{ Nodes []struct{ ID, Name string } }
		}
	}
	a.Read(t, staff, `{ patients(first: 100) { nodes { id name } } doctors(first: 100) { nodes { id name } } }`, nil, &in)
	for _, p := range in.Data.Patients.Nodes {
		if p.Name != "Bela" {
			a.Must(t, staff, `mutation($id: ID!) { deletePatient(id: $id) }`, map[string]any{"id": p.ID})
		}
	}
	for _, d := range in.Data.Doctors.Nodes {
		if d.Name != "Dr. Shah" {
			a.Must(t, staff, `mutation($id: ID!) { deleteDoctor(id: $id) }`, map[string]any{"id": d.ID})
		}
	}
	// Past assignments to deleted doctors stay with Bela; they are not part of the matrix.
	if _, err := a.DB.Exec("DELETE FROM mappings WHERE doctor_id IN (SELECT id FROM doctors WHERE deleted_at IS NOT NULL)"); err != nil {
		t.Fatal(err)
	}
}
