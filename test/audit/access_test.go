package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// world is a server whose access log is looked at.
//
// Asha has the patients Arjun (1), Bela (2) and Chirag (3), and assigned Dr. Rao (1), whose
// account is Rohan, to Arjun (mapping 1) and Bela (2), and Dr. Shah (2) to Bela (3). Arjun is
// the account of Arjun. Om has the patient Omkar (4). Sita has none, and Tara is staff.
type world struct {
	*harness.API
	callers map[string]harness.Caller
	seen    int // the last event that was looked at
}

func newWorld(t testing.TB, a *harness.API) *world {
	t.Helper()
	w := &world{API: a, callers: map[string]harness.Caller{"anonymous": {}}}
	for _, name := range strings.Fields("asha rohan om sita") {
		w.callers[name] = a.Register(t, name)
	}
	w.callers["arjun"] = a.RegisterAs(t, "arjun", "patient")
	w.callers["tara"] = a.Staff(t, "tara")
	for _, of := range []struct{ caller, patient string }{{"asha", "Arjun"}, {"asha", "Bela"}, {"asha", "Chirag"}, {"om", "Omkar"}} {
		a.CreatePatient(t, w.callers[of.caller], of.patient)
	}
	asha := w.callers["asha"]
	rao, shah := a.CreateDoctor(t, asha, "Dr. Rao", "R-1"), a.CreateDoctor(t, asha, "Dr. Shah", "S-1")
	a.Assign(t, asha, 1, rao)
	a.Assign(t, asha, 2, rao)
	a.Assign(t, asha, 2, shah)
	_, code := a.Invite(t, asha, "inviteDoctor(doctorId: $id)", rao)
	a.Accept(t, w.callers["rohan"], code)
	_, code = a.Invite(t, asha, "invitePatient(patientId: $id)", 1)
	a.Accept(t, w.callers["arjun"], code)
	w.events(t)
	return w
}

// events returns what was logged since it was called before: action, user, way and door, the
// operation, and the patients.
func (w *world) events(t testing.TB) []string {
	t.Helper()
	rows, err := w.DB.QueryContext(t.Context(), `SELECT e.id, e.action, coalesce(u.username, '-'), coalesce(e.seen_as, '-'), e.door, e.operation, CASE WHEN e.subject IS NULL THEN CAST(e.patients AS text) ELSE e.subject END
		FROM access_events e LEFT JOIN users u ON u.id = e.user_id WHERE e.id > $1 ORDER BY e.id`, w.seen)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var action, user, way, door, operation, patients string
		if err := rows.Scan(&w.seen, &action, &user, &way, &door, &operation, &patients); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %s %s %s %s %s", action, user, way, door, operation, patients))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// looks are requests and the events that they leave, by caller; "@" stands for the caller.
// Whoever is not named leaves none. A request over REST begins with its method.
var looks = []struct {
	request, body string
	want          map[string]string
}{
	{"{ patient(id: 1) { name } }", "", map[string]string{
		"asha": "READ @ CLINIC GRAPHQL patient {1}", "rohan": "READ @ TREATING GRAPHQL patient {1}", "arjun": "READ @ SELF GRAPHQL patient {1}", "tara": "READ @ STAFF GRAPHQL patient {1}",
		"sita om": "DENIED @ - GRAPHQL patient {1}",
	}},
	{"query Chart { patient(id: 1) { id } }", "", map[string]string{
		"asha": "READ @ CLINIC GRAPHQL Chart {1}", "rohan": "READ @ TREATING GRAPHQL Chart {1}", "arjun": "READ @ SELF GRAPHQL Chart {1}", "tara": "READ @ STAFF GRAPHQL Chart {1}",
		"sita om": "DENIED @ - GRAPHQL Chart {1}",
	}},
	{"{ patient(id: 987654321) { name } }", "", map[string]string{"asha rohan arjun tara sita om": "DENIED @ - GRAPHQL patient {987654321}"}},
	{"{ a: patient(id: 2) { name } b: patient(id: 4) { name } }", "", map[string]string{
		"asha": "DENIED @ - GRAPHQL patient {2,4}; READ @ CLINIC GRAPHQL patient {2}", "om": "DENIED @ - GRAPHQL patient {2,4}; READ @ CLINIC GRAPHQL patient {4}",
		"rohan": "DENIED @ - GRAPHQL patient {2,4}; READ @ TREATING GRAPHQL patient {2}", "tara": "READ @ STAFF GRAPHQL patient {2,4}",
		"arjun sita": "DENIED @ - GRAPHQL patient {2,4}",
	}},
	{"{ patients { totalCount } }", "", nil},
	{"{ patients(first: 0) { totalCount pageInfo { hasNextPage endCursor } nodes { name } } }", "", nil},
	{"{ specializationStats { activePatientCount } doctors { nodes { name patients { totalCount } mappings { totalCount } } } }", "", nil},
	{"{ patients(filter: {search: \"nobody\"}) { totalCount nodes { name } } }", "", nil},
	{"{ patients(orderBy: {field: NAME}, first: 2) { totalCount nodes { name } } }", "", map[string]string{
		"asha": "LIST @ CLINIC GRAPHQL patients {1,2}", "rohan": "LIST @ TREATING GRAPHQL patients {1,2}", "arjun": "LIST @ SELF GRAPHQL patients {1}",
		"om": "LIST @ CLINIC GRAPHQL patients {4}", "tara": "LIST @ STAFF GRAPHQL patients {1,2}",
	}},
	{"{ patients(orderBy: {field: NAME}, first: 3) { pageInfo { endCursor } } }", "", map[string]string{
		"asha": "LIST @ CLINIC GRAPHQL patients {1,3}", "rohan": "LIST @ TREATING GRAPHQL patients {1,2}", "arjun": "LIST @ SELF GRAPHQL patients {1}",
		"om": "LIST @ CLINIC GRAPHQL patients {4}", "tara": "LIST @ STAFF GRAPHQL patients {1,3}",
	}},
	{"{ patients(orderBy: {field: NAME}, first: 1) { edges { cursor } } }", "", map[string]string{
		"asha": "LIST @ CLINIC GRAPHQL patients {1}", "rohan": "LIST @ TREATING GRAPHQL patients {1}", "arjun": "LIST @ SELF GRAPHQL patients {1}",
		"om": "LIST @ CLINIC GRAPHQL patients {4}", "tara": "LIST @ STAFF GRAPHQL patients {1}",
	}},
	{"{ mappings { nodes { isActive } } }", "", map[string]string{
		"asha": "LIST @ CLINIC GRAPHQL mappings {1,2}", "rohan": "LIST @ TREATING GRAPHQL mappings {1,2}", "arjun": "LIST @ SELF GRAPHQL mappings {1}", "tara": "LIST @ STAFF GRAPHQL mappings {1,2}",
	}},
	{"{ mapping(id: 3) { notes patient { name } } }", "", map[string]string{
		"asha": "READ @ CLINIC GRAPHQL mapping {2}", "rohan": "READ @ TREATING GRAPHQL mapping {2}", "tara": "READ @ STAFF GRAPHQL mapping {2}",
		"arjun om sita": "DENIED @ - GRAPHQL mapping {}",
	}},
	{"{ doctor(id: 1) { name patients(first: 1, orderBy: {field: NAME}) { nodes { name doctors { name patients { nodes { name } } } } } } }", "", map[string]string{
		"asha": "LIST @ CLINIC GRAPHQL doctor {1,2}", "rohan": "LIST @ TREATING GRAPHQL doctor {1,2}", "arjun": "LIST @ SELF GRAPHQL doctor {1}", "tara": "LIST @ STAFF GRAPHQL doctor {1,2}",
	}},
	{"{ patient(id: 1) { name doctors { patients { nodes { name } } } } }", "", map[string]string{
		"asha": "READ @ CLINIC GRAPHQL patient {1}; LIST @ CLINIC GRAPHQL patient {2}", "rohan": "READ @ TREATING GRAPHQL patient {1}; LIST @ TREATING GRAPHQL patient {2}",
		"arjun": "READ @ SELF GRAPHQL patient {1}", "tara": "READ @ STAFF GRAPHQL patient {1}; LIST @ STAFF GRAPHQL patient {2}",
		"sita om": "DENIED @ - GRAPHQL patient {1}",
	}},
	{"{ possibleDuplicates(name: \"Bela\") { reasons } }", "", map[string]string{
		"asha": "LIST @ CLINIC GRAPHQL possibleDuplicates {2}", "rohan": "LIST @ TREATING GRAPHQL possibleDuplicates {2}", "tara": "LIST @ STAFF GRAPHQL possibleDuplicates {2}",
	}},
	{"{ viewer { records { name } clinic { members { nodes { username } } } } }", "", map[string]string{"arjun": "LIST @ SELF GRAPHQL viewer {1}"}},
	{"{ viewer { username activity(first: 0) { totalCount } } }", "", map[string]string{"asha rohan arjun om sita tara": "LIST @ - GRAPHQL viewer {}"}},
	{"{ accessLog(first: 0, filter: {patientId: 2}) { totalCount } }", "", map[string]string{"asha rohan arjun om sita": "LIST @ - GRAPHQL accessLog {}", "tara": "LIST @ - GRAPHQL accessLog {2}"}},
	{"{ patient(id: 3) { accessLog { totalCount } } }", "", map[string]string{
		"asha": "READ @ CLINIC GRAPHQL patient {3}", "tara": "READ @ STAFF GRAPHQL patient {3}", "rohan arjun om sita": "DENIED @ - GRAPHQL patient {3}",
	}},
	{"GET /api/patients/1/", "", map[string]string{
		"asha": "READ @ CLINIC REST Patient {1}", "rohan": "READ @ TREATING REST Patient {1}", "arjun": "READ @ SELF REST Patient {1}", "tara": "READ @ STAFF REST Patient {1}",
		"sita om": "DENIED @ - REST Patient {1}",
	}},
	{"GET /api/patients/?limit=1&offset=1", "", map[string]string{
		"asha": "LIST @ CLINIC REST Patients {2}", "rohan": "LIST @ TREATING REST Patients {1}", "tara": "LIST @ STAFF REST Patients {3}",
	}},
	{"GET /api/mappings/", "", map[string]string{
		"asha": "LIST @ CLINIC REST Mappings {1,2}", "rohan": "LIST @ TREATING REST Mappings {1,2}", "arjun": "LIST @ SELF REST Mappings {1}", "tara": "LIST @ STAFF REST Mappings {1,2}",
	}},
	{"GET /api/mappings/2/", "", map[string]string{
		"asha": "READ @ CLINIC REST MappingsOfPatient {2}", "rohan": "READ @ TREATING REST MappingsOfPatient {2}", "tara": "READ @ STAFF REST MappingsOfPatient {2}",
		"arjun om sita": "DENIED @ - REST MappingsOfPatient {2}",
	}},
	{"GET /api/doctors/", "", nil},
	{"GET /api/doctors/1/", "", nil},

	{"mutation { updatePatient(id: 1, input: {bloodGroup: A_POSITIVE}) { name mappings { notes } } }", "", map[string]string{
		"asha": "UPDATE @ CLINIC GRAPHQL updatePatient {1}", "rohan": "UPDATE @ TREATING GRAPHQL updatePatient {1}", "tara": "UPDATE @ STAFF GRAPHQL updatePatient {1}",
		"arjun om sita": "DENIED @ - GRAPHQL updatePatient {1}",
	}},
	{"mutation { updatePatient(id: 1, input: {phone: \"987654321$n\"}) { doctors { patients { nodes { name } } } } }", "", map[string]string{
		"asha": "UPDATE @ CLINIC GRAPHQL updatePatient {1}; LIST @ CLINIC GRAPHQL updatePatient {2}", "arjun": "UPDATE @ SELF GRAPHQL updatePatient {1}",
		"tara":          "UPDATE @ STAFF GRAPHQL updatePatient {1}; LIST @ STAFF GRAPHQL updatePatient {2}",
		"rohan om sita": "DENIED @ - GRAPHQL updatePatient {1}",
	}},
	{"mutation { updatePatient(id: 1, input: {name: \"\"}) { name } }", "", map[string]string{"rohan arjun": "DENIED @ - GRAPHQL updatePatient {1}"}},
	{"mutation { updatePatient(id: 1, input: {}, expectedVersion: 77) { name } }", "", map[string]string{"asha rohan arjun om sita tara": "DENIED @ - GRAPHQL updatePatient {1}"}},
	{"mutation { updateMapping(id: 1, notes: \"Rest\") { id } }", "", map[string]string{
		"asha": "UPDATE @ CLINIC GRAPHQL updateMapping {1}", "rohan": "UPDATE @ TREATING GRAPHQL updateMapping {1}", "tara": "UPDATE @ STAFF GRAPHQL updateMapping {1}",
		"arjun om sita": "DENIED @ - GRAPHQL updateMapping {}",
	}},
	{"mutation { updateDoctor(id: 2, input: {name: \"Dr. S\"}) { name } }", "", map[string]string{"asha rohan arjun om sita tara": "UPDATE @ - GRAPHQL updateDoctor Doctor 2"}},
	{"PATCH /api/patients/2/", `{"blood_group":"B+"}`, map[string]string{
		"asha": "UPDATE @ CLINIC REST UpdatePatient {2}", "rohan": "UPDATE @ TREATING REST UpdatePatient {2}", "tara": "UPDATE @ STAFF REST UpdatePatient {2}",
		"arjun om sita": "DENIED @ - REST UpdatePatient {2}",
	}},
	{"PATCH /api/doctors/2/", `{"name":7,"email":"x"}`, nil},
	{"PUT /api/doctors/2/", `{"name":"Dr. S"}`, map[string]string{"asha rohan arjun om sita tara": "UPDATE @ - REST UpdateDoctor Doctor 2"}},
	{"mutation { a: assignDoctor(input: {patientId: 3, doctorId: 1}) { id } b: unassignDoctor(id: 3) { id } }", "", map[string]string{
		"asha":                "ASSIGN @ CLINIC GRAPHQL assignDoctor unassignDoctor {3}; UNASSIGN @ CLINIC GRAPHQL assignDoctor unassignDoctor {2}",
		"om sita rohan arjun": "DENIED @ - GRAPHQL assignDoctor unassignDoctor {3}",
	}},
	{"mutation { unassignDoctor(id: 3) { id } }", "", map[string]string{ // it has ended
		"asha": "READ @ CLINIC GRAPHQL unassignDoctor {2}", "rohan": "READ @ TREATING GRAPHQL unassignDoctor {2}", "tara": "READ @ STAFF GRAPHQL unassignDoctor {2}",
		"arjun om sita": "DENIED @ - GRAPHQL unassignDoctor {}",
	}},
}

// TestEvents checks that every request leaves exactly the events that it should.
func TestEvents(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		for _, row := range looks {
			for n, caller := range strings.Fields("anonymous sita om arjun rohan asha tara") {
				request, want := strings.ReplaceAll(row.request, "$n", fmt.Sprint(n)), ""
				for callers, events := range row.want {
					if slices.Contains(strings.Fields(callers), caller) {
						want = strings.ReplaceAll(events, "@", caller)
					}
				}
				var reply string
				if method, path, rest := strings.Cut(request, " /"); rest {
					_, reply = w.Send(t, method, "/"+path, w.callers[caller].Token, row.body)
				} else {
					reply = w.Query(t, w.callers[caller], request, nil)
				}
				got := w.events(t)
				if strings.Join(got, "; ") != want {
					t.Errorf("%s: %s %s\ngot  %s\nwant %s\nfor  %.300s", caller, row.request, row.body, strings.Join(got, "; "), want, reply)
				}
			}
		}
	})
}

// steps are changes, one after the other, by whom, and what they leave.
var steps = []struct{ caller, request, body, want string }{
	{"anonymous", `mutation { register(input: {username: "new", email: "new@example.com", password: "Aniket@123", role: DOCTOR}) { access } }`, "", "SIGN_IN new - GRAPHQL register {}"},
	{"anonymous", `mutation { register(input: {username: "new", email: "new@example.com", password: "Aniket@123", role: DOCTOR}) { access } }`, "", ""},
	{"anonymous", `mutation { login(input: {email: "asha@example.com", password: "wrong"}) { access } }`, "", "SIGN_IN_FAILED - - GRAPHQL login {}"},
	{"anonymous", `mutation { login(input: {email: "nobody@example.com", password: "wrong"}) { access } }`, "", "SIGN_IN_FAILED - - GRAPHQL login {}"},
	{"anonymous", `mutation { login(input: {email: "asha@example.com", password: "Aniket@123"}) { user { patients(first: 1) { nodes { name } } } } }`, "", "SIGN_IN asha - GRAPHQL login {}; LIST asha CLINIC GRAPHQL login {3}"},
	{"anonymous", "POST /api/auth/login/", `{"email":"asha@example.com","password":"wrong"}`, "SIGN_IN_FAILED - - REST Login {}"},
	{"anonymous", "POST /api/auth/login/", `{"email":"arjun@example.com","password":"Aniket@123"}`, "SIGN_IN arjun - REST Login {}"},
	{"anonymous", "POST /api/auth/register/", `{"username":"n2","email":"n2@example.com","password":"Aniket@123","role":"doctor"}`, "SIGN_IN n2 - REST Register {}"},
	{"anonymous", "POST /api/patients/", `{}`, ""},
	{"asha", `mutation { createPatient(input: {name: "Devi", phone: "9876543210", ageYears: 40, address: "Pune", gender: FEMALE}) { name } }`, "", "CREATE asha CLINIC GRAPHQL createPatient {5}"},
	{"asha", `mutation { createPatient(input: {name: "", phone: "9876543210", ageYears: 40, address: "Pune", gender: FEMALE}) { name } }`, "", ""},
	{"tara", "POST /api/patients/", `{"name":"Esha","phone":"9876543210","date_of_birth":"1990-05-15","address":"Pune","gender":"female"}`, "CREATE tara CLINIC REST CreatePatient {6}"},
	{"asha", `mutation { a: createPatient(input: {name: "Farah", phone: "9876543210", ageYears: 40, address: "Pune", gender: FEMALE}) { name } b: updatePatient(id: 4, input: {name: "x"}) { name } }`, "", "DENIED asha - GRAPHQL createPatient updatePatient {4}"},
	{"asha", `mutation { createDoctor(input: {name: "Dr. New", email: "n@example.com", specialization: "ENT", licenseNumber: "N-1", experienceYears: 1, consultationFee: "1"}) { name } }`, "", "CREATE asha - GRAPHQL createDoctor Doctor 3"},
	{"asha", `mutation { createDoctor(input: {name: "Dr. New", email: "n@example.com", specialization: "ENT", licenseNumber: "N-1", experienceYears: 1, consultationFee: "1"}) { name } }`, "", ""},
	{"asha", "POST /api/mappings/", `{"patient":3,"doctor":2}`, "ASSIGN asha CLINIC REST AssignDoctor {3}"},
	{"asha", "POST /api/mappings/", `{"patient":4,"doctor":2}`, "DENIED asha - REST AssignDoctor {4}"},
	{"tara", "POST /api/mappings/", `{"patient":4,"doctor":2}`, "ASSIGN tara STAFF REST AssignDoctor {4}"},
	{"asha", "DELETE /api/mappings/3/", "", "UNASSIGN asha CLINIC REST UnassignDoctor {2}"},
	{"asha", "DELETE /api/doctors/2/", "", ""},
	{"tara", "DELETE /api/doctors/2/", "", "DELETE tara - REST DeleteDoctor Doctor 2; UNASSIGN tara STAFF REST DeleteDoctor {3,4}"},
	{"asha", `mutation { deletePatient(id: 2) }`, "", "DELETE asha CLINIC GRAPHQL deletePatient {2}"},
	{"asha", `mutation { deletePatient(id: 2) }`, "", "DENIED asha - GRAPHQL deletePatient {2}"},
	{"asha", "DELETE /api/patients/5/", "", "DELETE asha CLINIC REST DeletePatient {5}"},
	{"asha", `mutation { removeAccount(patientId: 1) }`, "", "UPDATE asha CLINIC GRAPHQL removeAccount {1}"},
	{"sita", `mutation { removeAccount(patientId: 1) }`, "", "DENIED sita - GRAPHQL removeAccount {1}"},
	{"asha", `mutation { invitePatient(patientId: 1) { code } }`, "", ""},
	{"tara", `mutation { updateUser(id: 4, input: {isStaff: false}) { username } }`, "", "UPDATE tara - GRAPHQL updateUser User 4"},
	{"asha", `mutation { updateUser(id: 4, input: {isStaff: false}) { username } }`, "", "DENIED asha - GRAPHQL updateUser {}"},
	{"asha", `mutation { changePassword(input: {currentPassword: "wrong", newPassword: "Aniket@1234"}) { access } }`, "", "SIGN_IN_FAILED asha - GRAPHQL changePassword {}"},
	{"asha", `mutation { logout }`, "", "SIGN_OUT asha - GRAPHQL logout {}"},
	{"asha", `{ patient(id: 1) { name } }`, "", ""},
	{"om", `mutation { changePassword(input: {currentPassword: "Aniket@123", newPassword: "Aniket@1234"}) { access } }`, "", "SIGN_IN om - GRAPHQL changePassword {}"},
}

// TestChanges checks what changes and sign-ins leave, done or refused.
func TestChanges(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		for _, s := range steps {
			var reply string
			if method, path, rest := strings.Cut(s.request, " /"); rest && !strings.HasPrefix(s.request, "mutation") {
				_, reply = w.Send(t, method, "/"+path, w.callers[s.caller].Token, s.body)
			} else {
				reply = w.Query(t, w.callers[s.caller], s.request, nil)
			}
			if got := strings.Join(w.events(t), "; "); got != s.want {
				t.Errorf("%s: %s %s\ngot  %s\nwant %s\nfor  %.300s", s.caller, s.request, s.body, got, s.want, reply)
			}
		}
	})
}

// TestMoves checks that who moves to another clinic leaves events about the records that
// come along, and who opens an invitation about the patient whom it names.
func TestMoves(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		expect := func(want string) {
			t.Helper()
			if got := strings.Join(w.events(t), "; "); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		w.Join(t, w.callers["om"], w.callers["asha"], "MEMBER")
		expect("UPDATE om - GRAPHQL acceptInvitation User 3; UPDATE om CLINIC GRAPHQL acceptInvitation {4}")
		_, code := w.Invite(t, w.callers["asha"], "invitePatient(patientId: $id)", 3)
		w.Must(t, w.callers["sita"], `query($code: String!) { invitation(code: $code) { patientName } }`, map[string]any{"code": code})
		expect("READ sita - GRAPHQL invitation {3}")
		w.Must(t, w.callers["sita"], `mutation($code: String!) { acceptInvitation(code: $code) { records { name } } }`, map[string]any{"code": code})
		expect("UPDATE sita SELF GRAPHQL acceptInvitation {3}")
		for mutation, want := range map[string]string{
			`updateMember(userId: 3, role: ADMIN) { id }`: "UPDATE asha - GRAPHQL updateMember User 3",
			`inviteMember(role: MEMBER) { code }`:         "",
			`removeAccount(doctorId: 1)`:                  "UPDATE asha - GRAPHQL removeAccount User 2",
		} {
			w.Must(t, w.callers["asha"], "mutation { "+mutation+" }", nil)
			expect(want)
		}
		_, code = w.Invite(t, w.callers["asha"], "inviteDoctor(doctorId: $id)", 1)
		w.Must(t, w.callers["rohan"], `mutation($code: String!) { acceptInvitation(code: $code) { id } }`, map[string]any{"code": code})
		expect("UPDATE rohan - GRAPHQL acceptInvitation User 2")
		w.Must(t, w.callers["asha"], `mutation { removeMember(userId: 3) }`, nil)
		expect("UPDATE asha - GRAPHQL removeMember User 3")
		_, code = w.Invite(t, w.callers["asha"], "invitePatient(patientId: $id)", 2)
		w.Must(t, w.callers["rohan"], `mutation($code: String!) { acceptInvitation(code: $code) { id } }`, map[string]any{"code": code})
		expect("UPDATE rohan TREATING GRAPHQL acceptInvitation {2}") // which is stronger than SELF
		w.Query(t, w.callers["sita"], `mutation { acceptInvitation(code: "0000") { id } }`, nil)
		expect("DENIED sita - GRAPHQL acceptInvitation {}")
	})
}
