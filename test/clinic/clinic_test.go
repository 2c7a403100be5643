// Package clinic_test tests who sees and changes what: members of a clinic, the accounts
// of its doctors and patients, and everybody else.
package clinic_test

import (
	"strings"
	"testing"

	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// world is a server with everybody who may want to see a record.
//
// Asha is the admin of a clinic, Chitra a member, and Ravi was one. Its patients are
// Arjun, Bela, Chirag, whom Chitra recorded, and Devi, whom Ravi recorded. Dr. Rao is
// assigned to Arjun, and Dr. Shah was; the clinic made Rohan and Sunil their accounts. The
// account of Arjun is Arjun, and that of Bela and Chirag is their mother Bina. There is an
// invitation for the account of Devi. Om is alone in a clinic with the patient Omkar, to
// whom Dr. Rao is assigned, and made Esha the account of Dr. Rao. Sita is a stranger, and
// Tara is staff.
type world struct {
	*harness.API
	callers map[string]harness.Caller
	ids     map[string]any
	code    string // of the invitation
}

// everybody are the callers in the order in which tests ask them.
var everybody = strings.Fields("asha chitra ravi rohan sunil esha arjun bina om sita tara anonymous")

func newWorld(t testing.TB, a *harness.API) *world {
	t.Helper()
	w := &world{API: a, callers: map[string]harness.Caller{"anonymous": {}}, ids: map[string]any{}}
	for _, name := range everybody[:10] {
		role := "doctor"
		if name == "arjun" || name == "bina" {
			role = "patient"
		}
		w.callers[name] = a.RegisterAs(t, name, role)
		w.ids[name] = w.callers[name].ID
	}
	w.callers["tara"] = a.Staff(t, "tara")
	c := w.callers
	a.Must(t, c["asha"], `mutation { updateClinic(name: "City") { id } }`, nil)
	for _, name := range []string{"chitra", "ravi"} {
		a.Join(t, c[name], c["asha"], "MEMBER")
	}
	for _, of := range []struct{ caller, patient string }{{"asha", "Arjun"}, {"asha", "Bela"}, {"chitra", "Chirag"}, {"ravi", "Devi"}, {"om", "Omkar"}} {
		w.ids["p"+of.patient] = a.CreatePatient(t, c[of.caller], of.patient)
	}
	a.Must(t, c["asha"], `mutation($id: ID!) { removeMember(userId: $id) }`, map[string]any{"id": c["ravi"].ID})
	rao, shah := a.CreateDoctor(t, c["asha"], "Dr. Rao", "R-1"), a.CreateDoctor(t, c["asha"], "Dr. Shah", "S-1")
	w.ids["dRao"], w.ids["dShah"] = rao, shah
	for _, of := range []struct {
		caller, mapping, patient string
		doctor                   int
	}{{"asha", "mRao", "pArjun", rao}, {"asha", "mShah", "pArjun", shah}, {"om", "mOm", "pOmkar", rao}} {
		id := a.Assign(t, c[of.caller], w.ids[of.patient].(int), of.doctor)
		a.Must(t, c[of.caller], `mutation($id: ID!, $notes: String) { updateMapping(id: $id, notes: $notes) { id } }`, map[string]any{"id": id, "notes": "Notes of " + of.mapping})
		w.ids[of.mapping] = id
	}
	a.Must(t, c["asha"], `mutation($id: ID!) { unassignDoctor(id: $id) { id } }`, map[string]any{"id": w.ids["mShah"]})
	for _, of := range []struct {
		caller, account, mutation string
		id                        any
	}{
		{"asha", "rohan", "inviteDoctor(doctorId: $id)", rao},
		{"chitra", "sunil", "inviteDoctor(doctorId: $id)", shah},
		{"om", "esha", "inviteDoctor(doctorId: $id)", rao},
		{"chitra", "arjun", "invitePatient(patientId: $id)", w.ids["pArjun"]},
		{"asha", "bina", "invitePatient(patientId: $id)", w.ids["pBela"]},
		{"asha", "bina", "invitePatient(patientId: $id)", w.ids["pChirag"]},
	} {
		_, code := a.Invite(t, c[of.caller], of.mutation, of.id.(int))
		a.Accept(t, c[of.account], code)
	}
	w.ids["invitation"], w.code = a.Invite(t, c["asha"], "invitePatient(patientId: $id)", w.ids["pDevi"].(int))
	var in struct {
		Data struct {
			Viewer struct{ Clinic struct{ ID string } }
		}
	}
	a.Read(t, c["asha"], `{ viewer { clinic { id } } }`, nil, &in)
	w.ids["city"] = in.Data.Viewer.Clinic.ID
	w.exec(t, "UPDATE users SET phone = '9123456780' WHERE username = 'asha'")
	w.Keep(t)
	return w
}

func (w *world) exec(t testing.TB, statement string) {
	t.Helper()
	if _, err := w.DB.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// variables returns those that the document declares.
func (w *world) variables(document string) map[string]any {
	variables := map[string]any{}
	for name, id := range w.ids {
		if strings.Contains(document, "$"+name+":") {
			variables[name] = id
		}
	}
	if strings.Contains(document, "$code:") {
		variables["code"] = w.code
	}
	return variables
}
