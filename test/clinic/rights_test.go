package clinic_test

import (
	"fmt"
	"testing"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestRightsEndAtOnce checks that the next request, to another server, does not see what
// was taken, also in the middle of a walk through pages.
func TestRightsEndAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		other := harness.New(t, db)
		page := `query($after: Cursor) { patients(first: 1, after: $after, orderBy: {field: NAME}) { totalCount pageInfo { endCursor } nodes { name } } }`
		for _, tt := range []struct{ by, mutation, of string }{
			{"asha", `mutation($mRao: ID!) { unassignDoctor(id: $mRao) { id } }`, "rohan"},
			{"asha", `mutation($dRao: ID!) { removeAccount(doctorId: $dRao) }`, "rohan"},
			{"rohan", `mutation($dRao: ID!, $city: ID!) { removeAccount(doctorId: $dRao, clinicId: $city) }`, "rohan"},
			{"chitra", `mutation($pArjun: ID!) { removeAccount(patientId: $pArjun) }`, "arjun"},
			{"chitra", `mutation($pArjun: ID!) { deletePatient(id: $pArjun) }`, "arjun"},
			{"asha", `mutation($chitra: ID!) { removeMember(userId: $chitra) }`, "chitra"},
			{"chitra", `mutation { leaveClinic { id } }`, "chitra"},
		} {
			var in struct {
				Data struct {
					Patients struct {
						TotalCount int
						PageInfo   struct{ EndCursor string }
					}
				}
			}
			w.Read(t, w.callers[tt.of], page, nil, &in)
			if in.Data.Patients.TotalCount == 0 {
				t.Fatalf("%s sees nothing before", tt.of)
			}
			w.Must(t, w.callers[tt.by], tt.mutation, w.variables(tt.mutation))
			for _, variables := range []map[string]any{nil, {"after": in.Data.Patients.PageInfo.EndCursor}} {
				other.Expect(t, tt.mutation, w.callers[tt.of], page, variables, `{"data":{"patients":{"totalCount":0,"pageInfo":{"endCursor":null},"nodes":[]}}}`)
			}
			other.Expect(t, tt.mutation, w.callers[tt.of], `query($pArjun: ID!) { patient(id: $pArjun) { name } }`, map[string]any{"pArjun": w.ids["pArjun"]}, harness.NotFound)
			w.Reset(t)
		}
	})
}

// TestRoleOfAccount checks that the account of a doctor treats nobody while the user is of
// another role, and that a deleted doctor's account is gone.
func TestRoleOfAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		for _, tt := range []struct {
			role string
			sees int
		}{{"PATIENT", 0}, {"DOCTOR", 1}} {
			w.Must(t, w.callers["tara"], `mutation($rohan: ID!) { updateUser(id: $rohan, input: {role: `+tt.role+`}) { id } }`, map[string]any{"rohan": w.ids["rohan"]})
			rohan := harness.Caller{Token: w.Login(t, "rohan@example.com").Access}
			w.Expect(t, tt.role, rohan, `{ patients { totalCount } }`, nil, fmt.Sprintf(`{"data":{"patients":{"totalCount":%d}}}`, tt.sees))
		}
		w.Must(t, w.callers["asha"], `mutation($dShah: ID!) { deleteDoctor(id: $dShah) }`, map[string]any{"dShah": w.ids["dShah"]})
		w.Expect(t, "after the doctor was deleted", w.callers["sunil"], `{ viewer { practices { id } } }`, nil, `{"data":{"viewer":{"practices":[]}}}`)
	})
}
