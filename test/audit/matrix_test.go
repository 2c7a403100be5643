package audit_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"caregraph/internal/rest"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// everything has every operation that dashboards send, every mutation and every route, and
// which events it leaves, by caller; "@" stands for the caller, and + for the id of what the
// request makes. Whoever is not named leaves none.
var everything = []struct {
	request, input string // a file of an operation with variables, a mutation, or a method and a path with a body
	want           map[string]string
}{
	{"AssignDoctor.graphql", `{"input":{"patientId":3,"doctorId":2}}`, map[string]string{
		"sita om arjun rohan": "DENIED @ - GRAPHQL AssignDoctor {3}",
		"asha":                "ASSIGN @ CLINIC GRAPHQL AssignDoctor {3}",
		"tara":                "ASSIGN @ STAFF GRAPHQL AssignDoctor {3}",
	}},
	{"DoctorCaseload.graphql", `{"doctorId":1}`, map[string]string{
		"arjun": "LIST @ SELF GRAPHQL DoctorCaseload {1}",
		"rohan": "LIST @ TREATING GRAPHQL DoctorCaseload {1,2}",
		"asha":  "LIST @ CLINIC GRAPHQL DoctorCaseload {1,2}",
		"tara":  "LIST @ STAFF GRAPHQL DoctorCaseload {1,2}",
	}},
	{"DoctorDirectory.graphql", `{}`, nil},
	{"MyPatientsWithDoctors.graphql", `{}`, map[string]string{
		"om":    "LIST @ CLINIC GRAPHQL MyPatientsWithDoctors {4}",
		"arjun": "LIST @ SELF GRAPHQL MyPatientsWithDoctors {1}",
		"rohan": "LIST @ TREATING GRAPHQL MyPatientsWithDoctors {1,2}",
		"asha":  "LIST @ CLINIC GRAPHQL MyPatientsWithDoctors {1,2,3}",
		"tara":  "LIST @ STAFF GRAPHQL MyPatientsWithDoctors {1,2,3,4}",
	}},
	{"Overview.graphql", `{}`, map[string]string{
		"arjun": "LIST @ SELF GRAPHQL Overview {1}",
		"rohan": "LIST @ TREATING GRAPHQL Overview {1,2}",
		"asha":  "LIST @ CLINIC GRAPHQL Overview {1,2}",
		"tara":  "LIST @ STAFF GRAPHQL Overview {1,2}",
	}},
	{"PatientChart.graphql", `{"id":1}`, map[string]string{
		"sita om": "DENIED @ - GRAPHQL PatientChart {1}",
		"arjun":   "READ @ SELF GRAPHQL PatientChart {1}",
		"rohan":   "READ @ TREATING GRAPHQL PatientChart {1}",
		"asha":    "READ @ CLINIC GRAPHQL PatientChart {1}",
		"tara":    "READ @ STAFF GRAPHQL PatientChart {1}",
	}},
	{"PatientSearch.graphql", `{"q":"bela"}`, map[string]string{
		"rohan": "LIST @ TREATING GRAPHQL PatientSearch {2}",
		"asha":  "LIST @ CLINIC GRAPHQL PatientSearch {2}",
		"tara":  "LIST @ STAFF GRAPHQL PatientSearch {2}",
	}},

	{`mutation { register(input: {username: "new", email: "new@example.com", password: "Aniket@123", role: PATIENT}) { user { patients { totalCount } } } }`, "", map[string]string{
		"anonymous sita om arjun rohan asha tara": "SIGN_IN new - GRAPHQL register {}",
	}},
	{`mutation { login(input: {email: "asha@example.com", password: "Aniket@123"}) { user { patients(first: 1) { nodes { name } } } } }`, "", map[string]string{
		"anonymous sita om arjun rohan tara": "SIGN_IN asha - GRAPHQL login {}; LIST asha CLINIC GRAPHQL login {3}",
		"asha":                               "SIGN_IN @ - GRAPHQL login {}; LIST @ CLINIC GRAPHQL login {3}",
	}},
	{`mutation { login(input: {email: "asha@example.com", password: "wrong"}) { access } }`, "", map[string]string{
		"anonymous":                     "SIGN_IN_FAILED - - GRAPHQL login {}",
		"sita om arjun rohan asha tara": "SIGN_IN_FAILED @ - GRAPHQL login {}",
	}},
	{`mutation { refreshToken(refresh: "$refresh") { user { patients(first: 1) { nodes { name } } } } }`, "", map[string]string{
		"om":   "LIST @ CLINIC GRAPHQL refreshToken {4}",
		"asha": "LIST @ CLINIC GRAPHQL refreshToken {3}",
	}},
	{`mutation { updateUser(id: 3, input: {role: PATIENT}) { id } }`, "", map[string]string{
		"sita om arjun rohan asha": "DENIED @ - GRAPHQL updateUser {}",
		"tara":                     "UPDATE @ - GRAPHQL updateUser User 3",
	}},
	{`mutation { createPatient(input: {name: "Esha", phone: "9876543210", ageYears: 40, address: "Pune", gender: FEMALE}) { name } }`, "", map[string]string{
		"sita om arjun rohan asha tara": "CREATE @ CLINIC GRAPHQL createPatient {+}",
	}},
	{`mutation { updatePatient(id: 1, input: {medicalHistory: "Asthma"}) { name } }`, "", map[string]string{
		"sita om arjun": "DENIED @ - GRAPHQL updatePatient {1}",
		"rohan":         "UPDATE @ TREATING GRAPHQL updatePatient {1}",
		"asha":          "UPDATE @ CLINIC GRAPHQL updatePatient {1}",
		"tara":          "UPDATE @ STAFF GRAPHQL updatePatient {1}",
	}},
	{`mutation { updatePatient(id: 1, input: {medicalHistory: "Asthma"}, expectedVersion: 77) { name } }`, "", map[string]string{
		"sita om arjun rohan asha tara": "DENIED @ - GRAPHQL updatePatient {1}",
	}},
	{`mutation { deletePatient(id: 1) }`, "", map[string]string{
		"sita om arjun rohan": "DENIED @ - GRAPHQL deletePatient {1}",
		"asha":                "DELETE @ CLINIC GRAPHQL deletePatient {1}",
		"tara":                "DELETE @ STAFF GRAPHQL deletePatient {1}",
	}},
	{`mutation { restorePatient(id: 5) { name } }`, "", map[string]string{
		"sita om arjun rohan": "DENIED @ - GRAPHQL restorePatient {5}",
		"asha":                "RESTORE @ CLINIC GRAPHQL restorePatient {5}",
		"tara":                "RESTORE @ STAFF GRAPHQL restorePatient {5}",
	}},
	{`mutation { mergePatients(keepId: 2, duplicateId: 1) { name } }`, "", map[string]string{
		"sita om arjun rohan": "DENIED @ - GRAPHQL mergePatients {1,2}",
		"asha":                "MERGE @ CLINIC GRAPHQL mergePatients {1,2}",
		"tara":                "MERGE @ STAFF GRAPHQL mergePatients {1,2}",
	}},
	{`mutation { erasePatient(id: 1, reason: "Asked for") { at } }`, "", map[string]string{
		"sita om arjun rohan asha": "DENIED @ - GRAPHQL erasePatient {1}",
		"tara":                     "ERASE @ STAFF GRAPHQL erasePatient {1}",
	}},
	{`mutation { revertPatient(id: 2, revision: $revision) { name } }`, "", map[string]string{
		"sita om arjun rohan": "DENIED @ - GRAPHQL revertPatient {2}",
		"asha":                "UPDATE @ CLINIC GRAPHQL revertPatient {2}",
		"tara":                "UPDATE @ STAFF GRAPHQL revertPatient {2}",
	}},
	{`mutation { createDoctor(input: {name: "Dr. New", email: "n@example.com", specialization: "ENT", licenseNumber: "N-1", experienceYears: 1, consultationFee: "1"}) { name } }`, "", map[string]string{
		"sita om arjun rohan asha tara": "CREATE @ - GRAPHQL createDoctor Doctor +",
	}},
	{`mutation { updateDoctor(id: 2, input: {name: "Dr. S"}) { name } }`, "", map[string]string{
		"sita om arjun rohan asha tara": "UPDATE @ - GRAPHQL updateDoctor Doctor 2",
	}},
	{`mutation { deleteDoctor(id: 2) }`, "", map[string]string{
		"asha": "DELETE @ - GRAPHQL deleteDoctor Doctor 2; UNASSIGN @ CLINIC GRAPHQL deleteDoctor {2}",
		"tara": "DELETE @ - GRAPHQL deleteDoctor Doctor 2; UNASSIGN @ STAFF GRAPHQL deleteDoctor {2}",
	}},
	{`mutation { restoreDoctor(id: 3) { name } }`, "", map[string]string{
		"sita om arjun rohan asha tara": "RESTORE @ - GRAPHQL restoreDoctor Doctor 3",
	}},
	{`mutation { assignDoctor(input: {patientId: 3, doctorId: 2}) { patient { name } } }`, "", map[string]string{
		"sita om arjun rohan": "DENIED @ - GRAPHQL assignDoctor {3}",
		"asha":                "ASSIGN @ CLINIC GRAPHQL assignDoctor {3}",
		"tara":                "ASSIGN @ STAFF GRAPHQL assignDoctor {3}",
	}},
	{`mutation { updateMapping(id: 1, notes: "Rest") { id } }`, "", map[string]string{
		"sita om arjun": "DENIED @ - GRAPHQL updateMapping {}",
		"rohan":         "UPDATE @ TREATING GRAPHQL updateMapping {1}",
		"asha":          "UPDATE @ CLINIC GRAPHQL updateMapping {1}",
		"tara":          "UPDATE @ STAFF GRAPHQL updateMapping {1}",
	}},
	{`mutation { unassignDoctor(id: 1) { id } }`, "", map[string]string{
		"sita om arjun rohan": "DENIED @ - GRAPHQL unassignDoctor {}",
		"asha":                "UNASSIGN @ CLINIC GRAPHQL unassignDoctor {1}",
		"tara":                "UNASSIGN @ STAFF GRAPHQL unassignDoctor {1}",
	}},
	{`mutation { logout }`, "", map[string]string{
		"sita om arjun rohan asha tara": "SIGN_OUT @ - GRAPHQL logout {}",
	}},
	{`mutation { changePassword(input: {currentPassword: "Aniket@123", newPassword: "Monsoon-4711"}) { access } }`, "", map[string]string{
		"sita om arjun rohan asha tara": "SIGN_IN @ - GRAPHQL changePassword {}",
	}},
	{`mutation { changePassword(input: {currentPassword: "wrong", newPassword: "Monsoon-4711"}) { access } }`, "", map[string]string{
		"sita om arjun rohan asha tara": "SIGN_IN_FAILED @ - GRAPHQL changePassword {}",
	}},
	{`mutation { endSession(id: $session) }`, "", map[string]string{
		"sita om arjun rohan asha tara": "SIGN_OUT @ - GRAPHQL endSession {}",
	}},
	{`mutation { updateClinic(name: "City") { name } }`, "", nil},
	{`mutation { inviteMember(role: MEMBER) { code } }`, "", nil},
	{`mutation { inviteDoctor(doctorId: 2) { code } }`, "", nil},
	{`mutation { invitePatient(patientId: 3) { invitation { patient { name } } } }`, "", map[string]string{
		"sita om arjun rohan": "DENIED @ - GRAPHQL invitePatient {3}",
		"asha":                "LIST @ CLINIC GRAPHQL invitePatient {3}",
		"tara":                "LIST @ STAFF GRAPHQL invitePatient {3}",
	}},
	{`mutation { revokeInvitation(id: $invitation) }`, "", map[string]string{
		"sita om arjun rohan": "DENIED @ - GRAPHQL revokeInvitation {}",
	}},
	{`mutation { acceptInvitation(code: "$code") { records { name } patients { totalCount } } }`, "", map[string]string{
		"sita om rohan": "UPDATE @ SELF GRAPHQL acceptInvitation {3}",
		"arjun":         "UPDATE @ SELF GRAPHQL acceptInvitation {3}; LIST @ SELF GRAPHQL acceptInvitation {1}",
		"asha":          "UPDATE @ CLINIC GRAPHQL acceptInvitation {3}",
		"tara":          "UPDATE @ STAFF GRAPHQL acceptInvitation {3}",
	}},
	{`mutation { updateMember(userId: 7, role: MEMBER) { id } }`, "", map[string]string{
		"sita om arjun rohan tara": "DENIED @ - GRAPHQL updateMember {}",
		"asha":                     "UPDATE @ - GRAPHQL updateMember User 7",
	}},
	{`mutation { removeMember(userId: 7) }`, "", map[string]string{
		"sita om arjun rohan tara": "DENIED @ - GRAPHQL removeMember {}",
		"asha":                     "UPDATE @ - GRAPHQL removeMember User 7",
	}},
	{`mutation { leaveClinic { id } }`, "", map[string]string{"asha": "UPDATE @ - GRAPHQL leaveClinic User 1"}}, // the others are alone
	{`mutation { removeAccount(patientId: 1) }`, "", map[string]string{
		"sita om rohan": "DENIED @ - GRAPHQL removeAccount {1}",
		"arjun":         "UPDATE @ SELF GRAPHQL removeAccount {1}",
		"asha":          "UPDATE @ CLINIC GRAPHQL removeAccount {1}",
		"tara":          "UPDATE @ STAFF GRAPHQL removeAccount {1}",
	}},
	{`mutation { removeAccount(doctorId: 1, clinicId: 1) }`, "", map[string]string{
		"sita om arjun":   "DENIED @ - GRAPHQL removeAccount {}",
		"rohan asha tara": "UPDATE @ - GRAPHQL removeAccount User 2",
	}},

	{"POST /api/auth/register", `{"username":"new","email":"new@example.com","password":"Aniket@123","role":"doctor"}`, map[string]string{
		"anonymous sita om arjun rohan asha tara": "SIGN_IN new - REST Register {}",
	}},
	{"POST /api/auth/login", `{"email":"asha@example.com","password":"Aniket@123"}`, map[string]string{
		"anonymous sita om arjun rohan tara": "SIGN_IN asha - REST Login {}",
		"asha":                               "SIGN_IN @ - REST Login {}",
	}},
	{"POST /api/auth/login", `{"email":"asha@example.com","password":"wrong"}`, map[string]string{
		"anonymous":                     "SIGN_IN_FAILED - - REST Login {}",
		"sita om arjun rohan asha tara": "SIGN_IN_FAILED @ - REST Login {}",
	}},
	{"POST /api/auth/token/refresh", `{"refresh":"$refresh"}`, nil},
	{"GET /api/doctors", "", nil},
	{"POST /api/doctors", `{"name":"Dr. New","email":"n@example.com","specialization":"ENT","license_number":"N-1","experience_years":1,"consultation_fee":"1.00"}`, map[string]string{
		"sita om arjun rohan asha tara": "CREATE @ - REST CreateDoctor Doctor +",
	}},
	{"GET /api/doctors/2", "", nil},
	{"PUT /api/doctors/2", `{"name":"Dr. S","email":"n@example.com","specialization":"ENT","license_number":"S-1","experience_years":1,"consultation_fee":"1.00"}`, map[string]string{
		"sita om arjun rohan asha tara": "UPDATE @ - REST UpdateDoctor Doctor 2",
	}},
	{"PATCH /api/doctors/2", `{"name":"Dr. S"}`, map[string]string{
		"sita om arjun rohan asha tara": "UPDATE @ - REST UpdateDoctor Doctor 2",
	}},
	{"DELETE /api/doctors/2", "", map[string]string{
		"asha": "DELETE @ - REST DeleteDoctor Doctor 2; UNASSIGN @ CLINIC REST DeleteDoctor {2}",
		"tara": "DELETE @ - REST DeleteDoctor Doctor 2; UNASSIGN @ STAFF REST DeleteDoctor {2}",
	}},
	{"GET /api/patients", "", map[string]string{
		"om":    "LIST @ CLINIC REST Patients {4}",
		"arjun": "LIST @ SELF REST Patients {1}",
		"rohan": "LIST @ TREATING REST Patients {1,2}",
		"asha":  "LIST @ CLINIC REST Patients {1,2,3}",
		"tara":  "LIST @ STAFF REST Patients {1,2,3,4}",
	}},
	{"POST /api/patients", `{"name":"Esha","phone":"9876543210","date_of_birth":"1990-05-15","address":"Pune","gender":"female"}`, map[string]string{
		"sita om arjun rohan asha tara": "CREATE @ CLINIC REST CreatePatient {+}",
	}},
	{"GET /api/patients/1", "", map[string]string{
		"sita om": "DENIED @ - REST Patient {1}",
		"arjun":   "READ @ SELF REST Patient {1}",
		"rohan":   "READ @ TREATING REST Patient {1}",
		"asha":    "READ @ CLINIC REST Patient {1}",
		"tara":    "READ @ STAFF REST Patient {1}",
	}},
	{"PUT /api/patients/1", `{"name":"Arjun","email":"family@example.com","phone":"9876543211","date_of_birth":"1990-05-15","address":"12 MG Road, Pune","gender":"female"}`, map[string]string{
		"sita om rohan": "DENIED @ - REST UpdatePatient {1}",
		"arjun":         "UPDATE @ SELF REST UpdatePatient {1}",
		"asha":          "UPDATE @ CLINIC REST UpdatePatient {1}",
		"tara":          "UPDATE @ STAFF REST UpdatePatient {1}",
	}},
	{"PATCH /api/patients/1", `{"blood_group":"A+"}`, map[string]string{
		"sita om arjun": "DENIED @ - REST UpdatePatient {1}",
		"rohan":         "UPDATE @ TREATING REST UpdatePatient {1}",
		"asha":          "UPDATE @ CLINIC REST UpdatePatient {1}",
		"tara":          "UPDATE @ STAFF REST UpdatePatient {1}",
	}},
	{"DELETE /api/patients/1", "", map[string]string{
		"sita om arjun rohan": "DENIED @ - REST DeletePatient {1}",
		"asha":                "DELETE @ CLINIC REST DeletePatient {1}",
		"tara":                "DELETE @ STAFF REST DeletePatient {1}",
	}},
	{"GET /api/mappings", "", map[string]string{
		"arjun": "LIST @ SELF REST Mappings {1}",
		"rohan": "LIST @ TREATING REST Mappings {1,2}",
		"asha":  "LIST @ CLINIC REST Mappings {1,2}",
		"tara":  "LIST @ STAFF REST Mappings {1,2}",
	}},
	{"POST /api/mappings", `{"patient":3,"doctor":2}`, map[string]string{
		"sita om arjun rohan": "DENIED @ - REST AssignDoctor {3}",
		"asha":                "ASSIGN @ CLINIC REST AssignDoctor {3}",
		"tara":                "ASSIGN @ STAFF REST AssignDoctor {3}",
	}},
	{"GET /api/mappings/2", "", map[string]string{
		"sita om arjun": "DENIED @ - REST MappingsOfPatient {2}",
		"rohan":         "READ @ TREATING REST MappingsOfPatient {2}",
		"asha":          "READ @ CLINIC REST MappingsOfPatient {2}",
		"tara":          "READ @ STAFF REST MappingsOfPatient {2}",
	}},
	{"DELETE /api/mappings/1", "", map[string]string{
		"sita om arjun rohan": "DENIED @ - REST UnassignDoctor {}",
		"asha":                "UNASSIGN @ CLINIC REST UnassignDoctor {1}",
		"tara":                "UNASSIGN @ STAFF REST UnassignDoctor {1}",
	}},
}

// made are ids of what a request made.
var made = regexp.MustCompile(`(Doctor |\{)(?:[6-9]|\d\d+)`)

// TestEverything checks that every operation, mutation and route leaves exactly the events
// that it should, whoever sends it.
func TestEverything(t *testing.T) {
	callers := strings.Fields("anonymous sita om arjun rohan asha tara")
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		asha := w.callers["asha"]
		w.Must(t, asha, `mutation { updatePatient(id: 2, input: {bloodGroup: A_POSITIVE}) { id } }`, nil)
		w.CreatePatient(t, asha, "Devi")
		for i := range 3 {
			w.CreateDoctor(t, asha, "Dr. Iyer", fmt.Sprint("I-", i))
		}
		w.Must(t, asha, `mutation { deletePatient(id: 5) deleteDoctor(id: 3) }`, nil)
		chitra := w.Register(t, "chitra")
		w.Join(t, chitra, asha, "ADMIN")
		invitation, code := w.Invite(t, asha, "invitePatient(patientId: $id)", 3)
		var revision int
		if err := db.QueryRow("SELECT id FROM revisions WHERE patient_id = 2 AND kind = 'create'").Scan(&revision); err != nil {
			t.Fatal(err)
		}
		refresh, sessions := map[string]string{}, map[string]string{}
		for _, caller := range callers[1:] {
			refresh[caller] = w.Login(t, w.callers[caller].Email).Refresh
			sessions[caller] = w.Sessions(t, w.callers[caller])[0]
		}
		w.Keep(t)
		w.events(t)
		for _, row := range everything {
			for _, caller := range callers {
				c := w.callers[caller]
				fill := strings.NewReplacer("$refresh", refresh[caller], "$session", sessions[caller], "$revision", fmt.Sprint(revision), "$invitation", fmt.Sprint(invitation), "$code", code).Replace
				want := ""
				for of, events := range row.want {
					if slices.Contains(strings.Fields(of), caller) {
						want = strings.ReplaceAll(events, "@", caller)
					}
				}
				var reply string
				switch method, path, _ := strings.Cut(row.request, " "); {
				case strings.HasSuffix(row.request, ".graphql"):
					document, err := os.ReadFile(harness.Path(filepath.Join("test/harness/testdata/operations", row.request)))
					if err != nil {
						t.Fatal(err)
					}
					var variables map[string]any
					if err := json.Unmarshal([]byte(row.input), &variables); err != nil {
						t.Fatal(err)
					}
					reply = w.Query(t, c, string(document), variables)
				case method == "mutation":
					reply = w.Query(t, c, fill(row.request), nil)
				default:
					_, reply = w.Send(t, method, path+"/", c.Token, fill(row.input))
				}
				if got := made.ReplaceAllString(strings.Join(w.events(t), "; "), "${1}+"); got != want {
					t.Errorf("%s: %s %s\ngot  %s\nwant %s\nfor  %.300s", caller, row.request, row.input, got, want, reply)
				}
				if method := row.request[:3]; method != "GET" {
					w.Reset(t)
				}
			}
		}
	})
}

// TestEverythingIsThere checks that no operation, mutation or route is left out of the table.
func TestEverythingIsThere(t *testing.T) {
	there := func(request string) bool {
		for _, row := range everything {
			if row.request == request || strings.HasPrefix(row.request, "mutation { "+request) {
				return true
			}
		}
		return false
	}
	files, err := filepath.Glob(harness.Path("test/harness/testdata/operations/*.graphql"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if !there(filepath.Base(file)) {
			t.Errorf("%s is left out", file)
		}
	}
	schema := harness.Schema(t)
	for _, f := range schema.Mutation.Fields {
		if !there(f.Name+"(") && !there(f.Name+" ") {
			t.Errorf("the mutation %s is left out", f.Name)
		}
	}
	for _, e := range rest.Endpoints() {
		found := slices.ContainsFunc(everything, func(row struct {
			request, input string
			want           map[string]string
		},
		) bool {
			return regexp.MustCompile("^" + strings.ReplaceAll(e.Method+" "+e.Path, "{id}", `\d+`) + "$").MatchString(row.request)
		})
		if !found {
			t.Errorf("%s %s is left out", e.Method, e.Path)
		}
	}
}
