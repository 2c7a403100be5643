package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

// Outcomes of a call that is refused.
const (
	unauthenticated = "UNAUTHENTICATED"
	forbidden       = "FORBIDDEN"
	notFound        = "NOT_FOUND"
	notFoundPatient = "NOT_FOUND:patientId"
	conflict        = "CONFLICT"
)

// access is the access matrix: what each caller gets for each field that holds
// or changes records. An outcome is the whole data of the reply, with $patient,
// $doctor and $mapping for their ids, or the only failure.
//
// Asha owns the patient Arjun, and is the owner; Ben, the stranger, owns Bela.
// Both patients are assigned to Dr. Rao (Neurology), and Bela to Dr. Shah
// (Cardiology) as well. Devi is nobody's.
var access = []struct {
	field, document                   string
	anonymous, owner, stranger, staff string
}{
	{
		"User.sessions", `{ viewer { sessions { current } } }`, unauthenticated,
		`{"viewer":{"sessions":[{"current":false},{"current":true}]}}`,
		`{"viewer":{"sessions":[{"current":true}]}}`,
		`{"viewer":{"sessions":[{"current":true}]}}`,
	},
	{
		"Query.viewer", `{ viewer { username isStaff } }`, unauthenticated,
		`{"viewer":{"username":"asha","isStaff":false}}`,
		`{"viewer":{"username":"ben","isStaff":false}}`,
		`{"viewer":{"username":"chandra","isStaff":true}}`,
	},
	{
		"Query.user", `query($user: ID!) { user(id: $user) { username email isStaff } }`, unauthenticated,
		notFound, notFound, `{"user":{"username":"devi","email":"devi@example.com","isStaff":false}}`,
	},
	{
		"Query.users", `{ users(orderBy: {field: USERNAME}) { totalCount nodes { username } } }`, unauthenticated,
		`{"users":{"totalCount":1,"nodes":[{"username":"asha"}]}}`,
		`{"users":{"totalCount":1,"nodes":[{"username":"ben"}]}}`,
		`{"users":{"totalCount":4,"nodes":[{"username":"asha"},{"username":"ben"},{"username":"chandra"},{"username":"devi"}]}}`,
	},
	{
		"UserConnection.nodes", `{ users { nodes { username patients { totalCount nodes { name } } } } }`, unauthenticated,
		`{"users":{"nodes":[{"username":"asha","patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]}}]}}`,
		`{"users":{"nodes":[{"username":"ben","patients":{"totalCount":1,"nodes":[{"name":"Bela"}]}}]}}`,
		`{"users":{"nodes":[{"username":"devi","patients":{"totalCount":0,"nodes":[]}},{"username":"chandra","patients":{"totalCount":0,"nodes":[]}},` +
			`{"username":"ben","patients":{"totalCount":1,"nodes":[{"name":"Bela"}]}},{"username":"asha","patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]}}]}}`,
	},
	{
		"UserConnection.edges", `{ users(first: 2) { edges { __typename } } }`, unauthenticated,
		`{"users":{"edges":[{"__typename":"UserEdge"}]}}`,
		`{"users":{"edges":[{"__typename":"UserEdge"}]}}`,
		`{"users":{"edges":[{"__typename":"UserEdge"},{"__typename":"UserEdge"}]}}`,
	},
	{
		"UserConnection.pageInfo", `{ users(first: 1) { pageInfo { hasNextPage hasPreviousPage } } }`, unauthenticated,
		`{"users":{"pageInfo":{"hasNextPage":false,"hasPreviousPage":false}}}`,
		`{"users":{"pageInfo":{"hasNextPage":false,"hasPreviousPage":false}}}`,
		`{"users":{"pageInfo":{"hasNextPage":true,"hasPreviousPage":false}}}`,
	},
	{
		"UserEdge.node", `{ users(first: 1, orderBy: {field: EMAIL}) { edges { node { email sessions { current } } } } }`, unauthenticated,
		`{"users":{"edges":[{"node":{"email":"asha@example.com","sessions":[{"current":false},{"current":true}]}}]}}`,
		`{"users":{"edges":[{"node":{"email":"ben@example.com","sessions":[{"current":true}]}}]}}`,
		`{"users":{"edges":[{"node":{"email":"asha@example.com","sessions":[]}}]}}`,
	},
	{
		"Mutation.updateUser", `mutation($user: ID!) { updateUser(id: $user, input: {role: PATIENT}) { username role isActive isStaff } }`, unauthenticated,
		forbidden, forbidden, `{"updateUser":{"username":"devi","role":"PATIENT","isActive":true,"isStaff":false}}`,
	},
	{
		"Query.patient", `query($patient: ID!) { patient(id: $patient) { name age phone email medicalHistory } }`, unauthenticated,
		`{"patient":{"name":"Arjun","age":$age,"phone":"9876543210","email":"family@example.com","medicalHistory":null}}`, notFound,
		`{"patient":{"name":"Arjun","age":$age,"phone":"9876543210","email":"family@example.com","medicalHistory":null}}`,
	},
	{
		"Query.patients", `{ patients { totalCount nodes { name } } }`, unauthenticated,
		`{"patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]}}`,
		`{"patients":{"totalCount":1,"nodes":[{"name":"Bela"}]}}`,
		`{"patients":{"totalCount":2,"nodes":[{"name":"Arjun"},{"name":"Bela"}]}}`,
	},
	{
		"PatientConnection.nodes", `{ patients(orderBy: {field: NAME}) { nodes { name } } }`, unauthenticated,
		`{"patients":{"nodes":[{"name":"Arjun"}]}}`,
		`{"patients":{"nodes":[{"name":"Bela"}]}}`,
		`{"patients":{"nodes":[{"name":"Arjun"},{"name":"Bela"}]}}`,
	},
	{
		"PatientConnection.edges", `{ patients { edges { __typename } } }`, unauthenticated,
		`{"patients":{"edges":[{"__typename":"PatientEdge"}]}}`,
		`{"patients":{"edges":[{"__typename":"PatientEdge"}]}}`,
		`{"patients":{"edges":[{"__typename":"PatientEdge"},{"__typename":"PatientEdge"}]}}`,
	},
	{
		"PatientConnection.pageInfo", `{ patients(first: 1) { pageInfo { hasNextPage hasPreviousPage } } }`, unauthenticated,
		`{"patients":{"pageInfo":{"hasNextPage":false,"hasPreviousPage":false}}}`,
		`{"patients":{"pageInfo":{"hasNextPage":false,"hasPreviousPage":false}}}`,
		`{"patients":{"pageInfo":{"hasNextPage":true,"hasPreviousPage":false}}}`,
	},
	{
		"PatientEdge.node", `{ patients { edges { node { name } } } }`, unauthenticated,
		`{"patients":{"edges":[{"node":{"name":"Arjun"}}]}}`,
		`{"patients":{"edges":[{"node":{"name":"Bela"}}]}}`,
		`{"patients":{"edges":[{"node":{"name":"Arjun"}},{"node":{"name":"Bela"}}]}}`,
	},
	{
		"Query.doctor", `query($doctor: ID!) { doctor(id: $doctor) { name specialization } }`, unauthenticated,
		`{"doctor":{"name":"Dr. Rao","specialization":"Neurology"}}`,
		`{"doctor":{"name":"Dr. Rao","specialization":"Neurology"}}`,
		`{"doctor":{"name":"Dr. Rao","specialization":"Neurology"}}`,
	},
	{
		"Query.doctors", `{ doctors { totalCount nodes { name } } }`, unauthenticated,
		`{"doctors":{"totalCount":2,"nodes":[{"name":"Dr. Rao"},{"name":"Dr. Shah"}]}}`,
		`{"doctors":{"totalCount":2,"nodes":[{"name":"Dr. Rao"},{"name":"Dr. Shah"}]}}`,
		`{"doctors":{"totalCount":2,"nodes":[{"name":"Dr. Rao"},{"name":"Dr. Shah"}]}}`,
	},
	{
		"DoctorConnection.nodes", `{ doctors { nodes { name patients { totalCount } } } }`, unauthenticated,
		`{"doctors":{"nodes":[{"name":"Dr. Rao","patients":{"totalCount":1}},{"name":"Dr. Shah","patients":{"totalCount":0}}]}}`,
		`{"doctors":{"nodes":[{"name":"Dr. Rao","patients":{"totalCount":1}},{"name":"Dr. Shah","patients":{"totalCount":1}}]}}`,
		`{"doctors":{"nodes":[{"name":"Dr. Rao","patients":{"totalCount":2}},{"name":"Dr. Shah","patients":{"totalCount":1}}]}}`,
	},
	{
		"DoctorConnection.edges", `{ doctors(first: 1) { edges { __typename } } }`, unauthenticated,
		`{"doctors":{"edges":[{"__typename":"DoctorEdge"}]}}`,
		`{"doctors":{"edges":[{"__typename":"DoctorEdge"}]}}`,
		`{"doctors":{"edges":[{"__typename":"DoctorEdge"}]}}`,
	},
	{
		"DoctorConnection.pageInfo", `{ doctors(last: 1) { pageInfo { hasNextPage hasPreviousPage } } }`, unauthenticated,
		`{"doctors":{"pageInfo":{"hasNextPage":false,"hasPreviousPage":true}}}`,
		`{"doctors":{"pageInfo":{"hasNextPage":false,"hasPreviousPage":true}}}`,
		`{"doctors":{"pageInfo":{"hasNextPage":false,"hasPreviousPage":true}}}`,
	},
	{
		"DoctorEdge.node", `{ doctors(first: 1) { edges { node { mappings { totalCount } } } } }`, unauthenticated,
		`{"doctors":{"edges":[{"node":{"mappings":{"totalCount":1}}}]}}`,
		`{"doctors":{"edges":[{"node":{"mappings":{"totalCount":1}}}]}}`,
		`{"doctors":{"edges":[{"node":{"mappings":{"totalCount":2}}}]}}`,
	},
	{
		"Query.mapping", `query($mapping: ID!) { mapping(id: $mapping) { isActive notes } }`, unauthenticated,
		`{"mapping":{"isActive":true,"notes":null}}`, notFound,
		`{"mapping":{"isActive":true,"notes":null}}`,
	},
	{
		"Query.mappings", `{ mappings { totalCount nodes { patient { name } } } }`, unauthenticated,
		`{"mappings":{"totalCount":1,"nodes":[{"patient":{"name":"Arjun"}}]}}`,
		`{"mappings":{"totalCount":2,"nodes":[{"patient":{"name":"Bela"}},{"patient":{"name":"Bela"}}]}}`,
		`{"mappings":{"totalCount":3,"nodes":[{"patient":{"name":"Bela"}},{"patient":{"name":"Arjun"}},{"patient":{"name":"Bela"}}]}}`,
	},
	{
		"MappingConnection.nodes", `{ mappings { nodes { doctor { name } } } }`, unauthenticated,
		`{"mappings":{"nodes":[{"doctor":{"name":"Dr. Rao"}}]}}`,
		`{"mappings":{"nodes":[{"doctor":{"name":"Dr. Rao"}},{"doctor":{"name":"Dr. Shah"}}]}}`,
		`{"mappings":{"nodes":[{"doctor":{"name":"Dr. Rao"}},{"doctor":{"name":"Dr. Rao"}},{"doctor":{"name":"Dr. Shah"}}]}}`,
	},
	{
		"MappingConnection.edges", `{ mappings(filter: {search: "rao"}) { edges { __typename } } }`, unauthenticated,
		`{"mappings":{"edges":[{"__typename":"MappingEdge"}]}}`,
		`{"mappings":{"edges":[{"__typename":"MappingEdge"}]}}`,
		`{"mappings":{"edges":[{"__typename":"MappingEdge"},{"__typename":"MappingEdge"}]}}`,
	},
	{
		"MappingConnection.pageInfo", `{ mappings(first: 2) { pageInfo { hasNextPage } } }`, unauthenticated,
		`{"mappings":{"pageInfo":{"hasNextPage":false}}}`,
		`{"mappings":{"pageInfo":{"hasNextPage":false}}}`,
		`{"mappings":{"pageInfo":{"hasNextPage":true}}}`,
	},
	{
		"MappingEdge.node", `{ mappings(first: 1) { edges { node { createdBy { username } } } } }`, unauthenticated,
		`{"mappings":{"edges":[{"node":{"createdBy":{"username":"asha"}}}]}}`,
		`{"mappings":{"edges":[{"node":{"createdBy":{"username":"ben"}}}]}}`,
		`{"mappings":{"edges":[{"node":{"createdBy":{"username":"ben"}}}]}}`,
	},
	{
		"Query.specializationStats", `{ specializationStats { specialization doctorCount activePatientCount } }`, unauthenticated,
		`{"specializationStats":[{"specialization":"Cardiology","doctorCount":1,"activePatientCount":0},{"specialization":"Neurology","doctorCount":1,"activePatientCount":1}]}`,
		`{"specializationStats":[{"specialization":"Cardiology","doctorCount":1,"activePatientCount":1},{"specialization":"Neurology","doctorCount":1,"activePatientCount":1}]}`,
		`{"specializationStats":[{"specialization":"Cardiology","doctorCount":1,"activePatientCount":1},{"specialization":"Neurology","doctorCount":1,"activePatientCount":2}]}`,
	},
	{
		"User.patients", `{ viewer { patients { totalCount nodes { name } } } }`, unauthenticated,
		`{"viewer":{"patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]}}}`,
		`{"viewer":{"patients":{"totalCount":1,"nodes":[{"name":"Bela"}]}}}`,
		`{"viewer":{"patients":{"totalCount":0,"nodes":[]}}}`,
	},
	{
		"Patient.createdBy", `query($patient: ID!) { patient(id: $patient) { createdBy { username } } }`, unauthenticated,
		`{"patient":{"createdBy":{"username":"asha"}}}`, notFound,
		`{"patient":{"createdBy":{"username":"asha"}}}`,
	},
	{
		"Patient.mappings", `query($patient: ID!) { patient(id: $patient) { mappings { isActive doctor { name } } } }`, unauthenticated,
		`{"patient":{"mappings":[{"isActive":true,"doctor":{"name":"Dr. Rao"}}]}}`, notFound,
		`{"patient":{"mappings":[{"isActive":true,"doctor":{"name":"Dr. Rao"}}]}}`,
	},
	{
		"Patient.doctors", `query($patient: ID!) { patient(id: $patient) { doctors { name } } }`, unauthenticated,
		`{"patient":{"doctors":[{"name":"Dr. Rao"}]}}`, notFound,
		`{"patient":{"doctors":[{"name":"Dr. Rao"}]}}`,
	},
	{
		"Doctor.patients", `query($doctor: ID!) { doctor(id: $doctor) { patients { totalCount nodes { name } } } }`, unauthenticated,
		`{"doctor":{"patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]}}}`,
		`{"doctor":{"patients":{"totalCount":1,"nodes":[{"name":"Bela"}]}}}`,
		`{"doctor":{"patients":{"totalCount":2,"nodes":[{"name":"Arjun"},{"name":"Bela"}]}}}`,
	},
	{
		"Doctor.mappings", `query($doctor: ID!) { doctor(id: $doctor) { mappings { totalCount nodes { patient { name } } } } }`, unauthenticated,
		`{"doctor":{"mappings":{"totalCount":1,"nodes":[{"patient":{"name":"Arjun"}}]}}}`,
		`{"doctor":{"mappings":{"totalCount":1,"nodes":[{"patient":{"name":"Bela"}}]}}}`,
		`{"doctor":{"mappings":{"totalCount":2,"nodes":[{"patient":{"name":"Bela"}},{"patient":{"name":"Arjun"}}]}}}`,
	},
	{
		"Mapping.patient", `query($mapping: ID!) { mapping(id: $mapping) { patient { name createdBy { email } } } }`, unauthenticated,
		`{"mapping":{"patient":{"name":"Arjun","createdBy":{"email":"asha@example.com"}}}}`, notFound,
		`{"mapping":{"patient":{"name":"Arjun","createdBy":{"email":"asha@example.com"}}}}`,
	},
	{
		"Mapping.doctor", `query($mapping: ID!) { mapping(id: $mapping) { doctor { name patients { totalCount } } } }`, unauthenticated,
		`{"mapping":{"doctor":{"name":"Dr. Rao","patients":{"totalCount":1}}}}`, notFound,
		`{"mapping":{"doctor":{"name":"Dr. Rao","patients":{"totalCount":2}}}}`,
	},
	{
		"Mapping.createdBy", `query($mapping: ID!) { mapping(id: $mapping) { createdBy { username patients { totalCount } } } }`, unauthenticated,
		`{"mapping":{"createdBy":{"username":"asha","patients":{"totalCount":1}}}}`, notFound,
		`{"mapping":{"createdBy":{"username":"asha","patients":{"totalCount":1}}}}`,
	},
	{
		"Mutation.register", `mutation($name: String!, $email: String!) { register(input: {username: $name, email: $email, password: "Aniket@123", role: PATIENT}) { user { isStaff role } } }`,
		`{"register":{"user":{"isStaff":false,"role":"PATIENT"}}}`,
		`{"register":{"user":{"isStaff":false,"role":"PATIENT"}}}`,
		`{"register":{"user":{"isStaff":false,"role":"PATIENT"}}}`,
		`{"register":{"user":{"isStaff":false,"role":"PATIENT"}}}`,
	},
	{
		"Mutation.login", `mutation { login(input: {email: "Asha@Example.com", password: "Aniket@123"}) { __typename } }`,
		`{"login":{"__typename":"AuthPayload"}}`, `{"login":{"__typename":"AuthPayload"}}`,
		`{"login":{"__typename":"AuthPayload"}}`, `{"login":{"__typename":"AuthPayload"}}`,
	},
	{
		"AuthPayload.user", `mutation { login(input: {email: "asha@example.com", password: "Aniket@123"}) { user { username patients { totalCount nodes { name } } } } }`,
		`{"login":{"user":{"username":"asha","patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]}}}}`,
		`{"login":{"user":{"username":"asha","patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]}}}}`,
		`{"login":{"user":{"username":"asha","patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]}}}}`,
		`{"login":{"user":{"username":"asha","patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]}}}}`,
	},
	{
		"Mutation.refreshToken", `mutation($refresh: String!) { refreshToken(refresh: $refresh) { user { username } } }`,
		`{"refreshToken":{"user":{"username":"asha"}}}`, `{"refreshToken":{"user":{"username":"asha"}}}`,
		`{"refreshToken":{"user":{"username":"asha"}}}`, `{"refreshToken":{"user":{"username":"asha"}}}`,
	},
	{
		"Mutation.createPatient", `mutation { createPatient(input: {name: "New", email: "n@example.com", phone: "9876543210", dateOfBirth: "2001-01-31", address: "Pune", gender: OTHER}) { name createdBy { username } } }`, unauthenticated,
		`{"createPatient":{"name":"New","createdBy":{"username":"asha"}}}`,
		`{"createPatient":{"name":"New","createdBy":{"username":"ben"}}}`,
		`{"createPatient":{"name":"New","createdBy":{"username":"chandra"}}}`,
	},
	{
		"Mutation.updatePatient", `mutation($patient: ID!) { updatePatient(id: $patient, input: {name: "Arjuna"}) { name createdBy { username } } }`, unauthenticated,
		`{"updatePatient":{"name":"Arjuna","createdBy":{"username":"asha"}}}`, notFound,
		`{"updatePatient":{"name":"Arjuna","createdBy":{"username":"asha"}}}`,
	},
	{
		"Mutation.deletePatient", `mutation($patient: ID!) { deletePatient(id: $patient) }`, unauthenticated,
		`{"deletePatient":"$patient"}`, notFound, `{"deletePatient":"$patient"}`,
	},
	{
		"Mutation.createDoctor", `mutation { createDoctor(input: {name: "Dr. New", email: "n@example.com", specialization: "Oncology", licenseNumber: "NEW-1", experienceYears: 1, consultationFee: 100}) { name mappings { totalCount } } }`, unauthenticated,
		`{"createDoctor":{"name":"Dr. New","mappings":{"totalCount":0}}}`, `{"createDoctor":{"name":"Dr. New","mappings":{"totalCount":0}}}`,
		`{"createDoctor":{"name":"Dr. New","mappings":{"totalCount":0}}}`,
	},
	{
		"Mutation.updateDoctor", `mutation($doctor: ID!) { updateDoctor(id: $doctor, input: {availability: "Mon"}) { availability patients { totalCount } } }`, unauthenticated,
		`{"updateDoctor":{"availability":"Mon","patients":{"totalCount":1}}}`,
		`{"updateDoctor":{"availability":"Mon","patients":{"totalCount":1}}}`,
		`{"updateDoctor":{"availability":"Mon","patients":{"totalCount":2}}}`,
	},
	{
		"Mutation.deleteDoctor", `mutation($doctor: ID!) { deleteDoctor(id: $doctor) }`, unauthenticated,
		conflict, conflict, `{"deleteDoctor":"$doctor"}`,
	},
	{
		"Mutation.assignDoctor", `mutation($patient: ID!, $shah: ID!) { assignDoctor(input: {patientId: $patient, doctorId: $shah}) { patient { name } createdBy { username } } }`, unauthenticated,
		`{"assignDoctor":{"patient":{"name":"Arjun"},"createdBy":{"username":"asha"}}}`, notFoundPatient,
		`{"assignDoctor":{"patient":{"name":"Arjun"},"createdBy":{"username":"chandra"}}}`,
	},
	{
		"Mutation.assignDoctor", `mutation($patient: ID!, $doctor: ID!) { assignDoctor(input: {patientId: $patient, doctorId: $doctor}) { id } }`, unauthenticated,
		conflict, notFoundPatient, conflict,
	},
	{
		"Mutation.updateMapping", `mutation($mapping: ID!) { updateMapping(id: $mapping, notes: "x") { notes patient { name } } }`, unauthenticated,
		`{"updateMapping":{"notes":"x","patient":{"name":"Arjun"}}}`, notFound, `{"updateMapping":{"notes":"x","patient":{"name":"Arjun"}}}`,
	},
	{
		"Mutation.unassignDoctor", `mutation($mapping: ID!) { unassignDoctor(id: $mapping) { isActive createdBy { username } } }`, unauthenticated,
		`{"unassignDoctor":{"isActive":false,"createdBy":{"username":"asha"}}}`, notFound,
		`{"unassignDoctor":{"isActive":false,"createdBy":{"username":"asha"}}}`,
	},
	{
		"Mutation.endSession", `mutation($session: ID!) { endSession(id: $session) }`, unauthenticated,
		`{"endSession":"$session"}`, notFound, notFound,
	},
	{
		"Mutation.changePassword", `mutation { changePassword(input: {currentPassword: "` + password + `", newPassword: "` + password + `"}) { user { username } } }`, unauthenticated,
		`{"changePassword":{"user":{"username":"asha"}}}`, `{"changePassword":{"user":{"username":"ben"}}}`, `{"changePassword":{"user":{"username":"chandra"}}}`,
	},
	{
		"Mutation.logout", `mutation { logout }`, unauthenticated, `{"logout":true}`, `{"logout":true}`, `{"logout":true}`,
	},
}

// TestAccess runs the access matrix. What a stranger is refused reads the same,
// byte for byte, as for an id that does not exist.
func TestAccess(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db)
		asha, ben, chandra := a.register(t, "asha"), a.register(t, "ben"), a.staff(t, "chandra")
		devi := a.register(t, "devi")
		bela, shah := a.createPatient(t, ben, "Bela"), a.createDoctor(t, ben, "Dr. Shah", "S-1")
		a.assign(t, ben, bela, shah)
		refresh := a.login(t, asha.email).Refresh
		session := a.sessions(t, asha)[0]

		var variables map[string]any
		written := true
		for i, row := range access {
			for _, caller := range []struct {
				role string
				caller
				want string
			}{
				{"anonymous", caller{}, row.anonymous},
				{"owner", asha, row.owner},
				{"stranger", ben, row.stranger},
				{"staff", chandra, row.staff},
			} {
				t.Run(fmt.Sprint(row.field, " ", i, " ", caller.role), func(t *testing.T) {
					if written {
						a.clean(t, chandra)
						arjun := a.createPatient(t, asha, "Arjun")
						rao := a.create(t, asha, `mutation { result: createDoctor(input: {
							name: "Dr. Rao", email: "rao@example.com", specialization: "Neurology", licenseNumber: "R-1", experienceYears: 9, consultationFee: 900
						}) { id } }`, nil)
						variables = map[string]any{"patient": arjun, "doctor": rao, "shah": shah, "mapping": a.assign(t, asha, arjun, rao), "refresh": refresh, "session": session, "user": devi.id}
						a.assign(t, ben, bela, rao)
					}
					written = strings.HasPrefix(row.document, "mutation")
					variables["name"] = fmt.Sprint("new", caller.role)
					variables["email"] = fmt.Sprint("new", caller.role, "@example.com")

					reply := a.query(t, caller.caller, row.document, variables)
					if row.field == "Mutation.logout" || row.field == "Mutation.changePassword" {
						asha.token, ben.token, chandra.token = a.login(t, asha.email).Access, a.login(t, ben.email).Access, a.login(t, chandra.email).Access
					}
					want := a.expected(t, caller.want, variables)
					if want == caller.want && !strings.HasPrefix(want, "{") {
						if got := failures(t, reply); !slices.Equal(got, []string{want}) || strings.Contains(reply, "Arjun") {
							t.Errorf("got %s, want only %s", reply, want)
						}
					} else if reply != want {
						t.Errorf("got  %s\nwant %s", reply, want)
					}
					if caller.role != "stranger" || !strings.HasPrefix(caller.want, notFound) && caller.want != forbidden {
						return
					}
					absent := map[string]any{"patient": 987654321, "mapping": 987654321, "session": 987654321, "user": 987654321, "doctor": variables["doctor"], "shah": shah}
					same := a.query(t, caller.caller, row.document, absent)
					for _, name := range []string{"patient", "mapping", "session"} {
						reply = strings.ReplaceAll(reply, fmt.Sprintf("%q", fmt.Sprint(variables[name])), `"987654321"`)
					}
					if reply != same {
						t.Errorf("a foreign record reads %s, none reads %s", reply, same)
					}
				})
			}
		}
		for _, planted := range []string{"Arjun", "Bela", "example.com", "9876543210", password, refresh, asha.token} {
			if strings.Contains(a.log.String(), planted) {
				t.Errorf("the log has %q", planted)
			}
		}
	})
}

// sessions returns the ids of the caller's sessions, last used first.
func (a *api) sessions(t testing.TB, c caller) []string {
	t.Helper()
	var in struct {
		Data struct {
			Viewer struct{ Sessions []struct{ ID string } }
		}
	}
	reply := a.query(t, c, `{ viewer { sessions { id } } }`, nil)
	if err := json.Unmarshal([]byte(reply), &in); err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(in.Data.Viewer.Sessions))
	for i, s := range in.Data.Viewer.Sessions {
		ids[i] = s.ID
	}
	return ids
}

// TestAccessMatrixIsWhole checks that the access matrix has a row for every
// query, every mutation and every field that holds objects, and that the row
// asks for it.
func TestAccessMatrixIsWhole(t *testing.T) {
	sdl, err := os.ReadFile("schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(sdl)})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, row := range access {
		doc, errs := gqlparser.LoadQueryWithRules(schema, row.document, nil)
		if errs != nil {
			t.Errorf("%s: %v", row.field, errs)
			continue
		}
		rows[row.field] = true
		if !asks(doc.Operations[0].SelectionSet, row.field) {
			t.Errorf("the row of %s does not ask for it", row.field)
		}
	}
	for _, definition := range schema.Types {
		if definition.Kind != ast.Object || definition.BuiltIn {
			continue
		}
		root := definition == schema.Query || definition == schema.Mutation || definition == schema.Subscription
		for _, f := range definition.Fields {
			if strings.HasPrefix(f.Name, "__") || !root && schema.Types[f.Type.Name()].Kind != ast.Object {
				continue
			}
			if name := definition.Name + "." + f.Name; !rows[name] {
				t.Errorf("the access matrix has no row for %s", name)
			}
		}
	}
}

func asks(set ast.SelectionSet, field string) bool {
	return slices.ContainsFunc(set, func(s ast.Selection) bool {
		f := s.(*ast.Field)
		return f.ObjectDefinition.Name+"."+f.Name == field || asks(f.SelectionSet, field)
	})
}

// expected returns the reply with this data, or a failure as it is.
func (a *api) expected(t testing.TB, data string, variables map[string]any) string {
	t.Helper()
	if !strings.HasPrefix(data, "{") {
		return data
	}
	for _, name := range []string{"patient", "doctor", "mapping", "session"} {
		data = strings.ReplaceAll(data, "$"+name, fmt.Sprint(variables[name]))
	}
	if strings.Contains(data, "$age") {
		now := today()
		age := now.Year() - 1990
		if now.Format("01-02") < "05-15" {
			age--
		}
		data = strings.ReplaceAll(data, "$age", strconv.Itoa(age))
	}
	return `{"data":` + data + `}`
}

// clean deletes every patient but Bela, every doctor but Dr. Shah, and what
// they were assigned, as staff.
func (a *api) clean(t testing.TB, staff caller) {
	t.Helper()
	var in struct {
		Data struct {
			Patients, Doctors struct{ Nodes []struct{ ID, Name string } }
		}
	}
	a.read(t, staff, `{ patients(first: 100) { nodes { id name } } doctors(first: 100) { nodes { id name } } }`, nil, &in)
	for _, p := range in.Data.Patients.Nodes {
		if p.Name != "Bela" {
			a.must(t, staff, `mutation($id: ID!) { deletePatient(id: $id) }`, map[string]any{"id": p.ID})
		}
	}
	for _, d := range in.Data.Doctors.Nodes {
		if d.Name != "Dr. Shah" {
			a.must(t, staff, `mutation($id: ID!) { deleteDoctor(id: $id) }`, map[string]any{"id": d.ID})
		}
	}
	// Past assignments to deleted doctors stay with Bela; they are not part of the matrix.
	if _, err := a.db.Exec("DELETE FROM mappings WHERE doctor_id IN (SELECT id FROM doctors WHERE deleted_at IS NOT NULL)"); err != nil {
		t.Fatal(err)
	}
}

// strangersQuestions are what Ben may ask to find out about Asha's records:
// every list, filter, edge and statistic, with her names and the ids that her
// records have or would have.
var strangersQuestions = []string{
	`{ patients { totalCount nodes { id name createdBy { id } mappings { id } doctors { id } } } }`,
	`{ patients(orderBy: {field: NAME}) { edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`,
	`{ patients(filter: {search: "Arjun"}) { totalCount nodes { name } } }`,
	`{ patients(filter: {search: "9876543210"}) { totalCount nodes { name } } }`,
	`{ patients(filter: {search: "family@"}) { totalCount nodes { name } } }`,
	`{ yes: patients(filter: {assigned: true}) { totalCount nodes { name } } no: patients(filter: {assigned: false}) { totalCount nodes { name } } }`,
	`query($shah: ID!) { patients(filter: {doctorId: $shah}) { totalCount nodes { name } } }`,
	`query($rao: ID!) { patients(filter: {doctorId: $rao}) { totalCount nodes { name } } }`,
	`{ patients(filter: {gender: [FEMALE], bornAfter: "1900-01-01", createdAfter: "2000-01-01T00:00:00Z"}, first: 0) { totalCount } }`,
	`{ doctors { totalCount nodes { id name patients { totalCount nodes { name } } mappings { totalCount nodes { id } } } } }`,
	`{ doctors { nodes { patients(filter: {search: "Arjun"}) { totalCount } mappings(filter: {search: "Arjun"}) { totalCount } } } }`,
	`{ doctors { nodes { patients(filter: {assigned: false}) { totalCount } mappings(filter: {active: false}) { totalCount } } } }`,
	`{ doctors(filter: {search: "Shah"}) { nodes { mappings(first: 0) { totalCount } patients(first: 0) { totalCount } } } }`,
	`query($shah: ID!) { doctor(id: $shah) { mappings { totalCount edges { cursor } } patients(orderBy: {field: NAME}) { totalCount edges { node { name } } } } }`,
	`query($patient: ID!) { mappings(filter: {patientId: $patient}) { totalCount nodes { id } } }`,
	`query($patient: ID!) { doctors { nodes { mappings(filter: {patientId: $patient}) { totalCount nodes { id } } } } }`,
	`query($shah: ID!) { mappings(filter: {doctorId: $shah}) { totalCount nodes { id } } }`,
	`{ mappings(filter: {search: "Arjun"}) { totalCount nodes { id } } }`,
	`{ mappings(filter: {search: "Shah"}) { totalCount nodes { id } } }`,
	`{ active: mappings(filter: {active: true}) { totalCount nodes { id } } ended: mappings(filter: {active: false, assignedAfter: "2000-01-01T00:00:00Z"}) { totalCount } }`,
	`{ specializationStats { specialization doctorCount activePatientCount averageConsultationFee } }`,
	`{ viewer { id patients { totalCount nodes { name } } } }`,
	`{ users { totalCount nodes { id username patients { totalCount nodes { name } } } } }`,
	`{ users(filter: {search: "asha"}) { totalCount edges { cursor } pageInfo { hasNextPage } } }`,
	`{ staff: users(filter: {isStaff: true}) { totalCount } inactive: users(filter: {isActive: false}) { totalCount } }`,
	`query($patient: ID!) { patient(id: $patient) { id } }`,
	`query($mapping: ID!) { mapping(id: $mapping) { id patient { name } } }`,
	`mutation($patient: ID!) { updatePatient(id: $patient, input: {name: "X"}) { id } }`,
	`mutation($patient: ID!) { updatePatient(id: $patient, input: {name: "", phone: "1"}) { id } }`,
	`mutation($patient: ID!) { deletePatient(id: $patient) }`,
	`mutation($patient: ID!, $shah: ID!) { assignDoctor(input: {patientId: $patient, doctorId: $shah}) { id } }`,
	`mutation($patient: ID!) { assignDoctor(input: {patientId: $patient, doctorId: 987654321}) { id } }`,
	`mutation($mapping: ID!) { updateMapping(id: $mapping, notes: "X") { id } }`,
	`mutation($mapping: ID!) { unassignDoctor(id: $mapping) { id } }`,
}

// TestStrangerSeesNoDifference checks that nothing Ben can ask is answered
// otherwise, in a single byte, because of what Asha stored: before she stores
// anything, while her records are there, and after she ended and deleted some.
func TestStrangerSeesNoDifference(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db)
		asha, ben := a.register(t, "asha"), a.register(t, "ben")
		shah, rao := a.createDoctor(t, ben, "Dr. Shah", "S-1"), a.createDoctor(t, ben, "Dr. Rao", "R-1")
		bela, bina := a.createPatient(t, ben, "Bela"), a.createPatient(t, ben, "Bina")
		a.assign(t, ben, bela, shah)
		ended := a.assign(t, ben, bina, shah)
		a.must(t, ben, `mutation($id: ID!) { unassignDoctor(id: $id) { id } }`, map[string]any{"id": ended})

		variables := map[string]any{"shah": shah, "rao": rao, "patient": bina + 1, "mapping": ended + 1}
		ask := func() []string {
			replies := make([]string, len(strangersQuestions))
			for i, document := range strangersQuestions {
				replies[i] = a.query(t, ben, document, variables)
			}
			return replies
		}
		before := ask()
		compare := func(when string) {
			t.Helper()
			for i, reply := range ask() {
				if reply != before[i] {
					t.Errorf("%s, %s\nanswers %s\nbefore  %s", when, strangersQuestions[i], reply, before[i])
				}
			}
		}
		arjun, amit := a.createPatient(t, asha, "Arjun"), a.createPatient(t, asha, "Amit")
		mapping := a.assign(t, asha, arjun, shah)
		if arjun != variables["patient"] || mapping != variables["mapping"] {
			t.Fatal("Asha's records have other ids than those that Ben asks for")
		}
		a.assign(t, asha, arjun, rao)
		a.assign(t, asha, amit, shah)
		compare("with Asha's records")
		a.must(t, asha, `mutation($id: ID!) { unassignDoctor(id: $id) { id } }`, map[string]any{"id": mapping})
		compare("with an ended assignment of Asha's")
		a.must(t, asha, `mutation($id: ID!) { deletePatient(id: $id) }`, map[string]any{"id": arjun})
		compare("with a deleted patient of Asha's")

		var in struct {
			Data struct {
				Patients struct{ Nodes []struct{ Name string } }
			}
		}
		if a.read(t, asha, `{ patients { nodes { name } } }`, nil, &in); len(in.Data.Patients.Nodes) != 1 || in.Data.Patients.Nodes[0].Name != "Amit" {
			t.Errorf("Asha is left with %v, want Amit as he was", in.Data.Patients.Nodes)
		}
	})
}

// TestDeletedPatient checks that a deleted patient is gone from everything,
// with its mappings, for its owner and for staff.
func TestDeletedPatient(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db)
		asha, chandra := a.register(t, "asha"), a.staff(t, "chandra")
		rao := a.createDoctor(t, asha, "Dr. Rao", "R-1")
		arjun := a.createPatient(t, asha, "Arjun")
		ended, active := a.assign(t, asha, arjun, rao), 0
		a.must(t, asha, `mutation($id: ID!) { unassignDoctor(id: $id) { id } }`, map[string]any{"id": ended})
		active = a.assign(t, asha, arjun, rao)
		ids := map[string]any{"patient": arjun, "doctor": rao, "ended": ended, "active": active}
		want := fmt.Sprintf(`{"data":{"deletePatient":"%d"}}`, arjun)
		if got := a.query(t, asha, `mutation($patient: ID!) { deletePatient(id: $patient) }`, ids); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		const none = `{"data":{"patients":{"totalCount":0,"nodes":[]},"found":{"totalCount":0},"free":{"totalCount":0},"mappings":{"totalCount":0,"nodes":[]},` +
			`"doctor":{"patients":{"totalCount":0,"nodes":[]},"mappings":{"totalCount":0,"nodes":[]}},"specializationStats":[{"activePatientCount":0}],"viewer":{"patients":{"totalCount":0}}}}`
		tests := []struct{ name, document, want string }{
			{"lists", `query($doctor: ID!, $patient: ID!) {
				patients { totalCount nodes { id } } found: patients(filter: {search: "Arjun"}) { totalCount } free: patients(filter: {assigned: false}) { totalCount }
				mappings(filter: {patientId: $patient}) { totalCount nodes { id } }
				doctor(id: $doctor) { patients { totalCount nodes { id } } mappings { totalCount nodes { id } } }
				specializationStats { activePatientCount } viewer { patients { totalCount } }
			}`, none},
			{"patient", `query($patient: ID!) { patient(id: $patient) { id } }`, notFound},
			{"active mapping", `query($active: ID!) { mapping(id: $active) { id } }`, notFound},
			{"ended mapping", `query($ended: ID!) { mapping(id: $ended) { id } }`, notFound},
			{"update", `mutation($patient: ID!) { updatePatient(id: $patient, input: {name: "X"}) { id } }`, notFound},
			{"delete again", `mutation($patient: ID!) { deletePatient(id: $patient) }`, notFound},
			{"assign", `mutation($patient: ID!, $doctor: ID!) { assignDoctor(input: {patientId: $patient, doctorId: $doctor}) { id } }`, notFoundPatient},
			{"unassign", `mutation($active: ID!) { unassignDoctor(id: $active) { id } }`, notFound},
			{"notes", `mutation($ended: ID!) { updateMapping(id: $ended, notes: "x") { id } }`, notFound},
		}
		for _, c := range []caller{asha, chandra} {
			for _, tt := range tests {
				a.expect(t, tt.name, c, tt.document, ids, tt.want)
			}
		}
		a.expect(t, "a doctor without patients is deleted", asha, `mutation($doctor: ID!) { deleteDoctor(id: $doctor) }`, ids, fmt.Sprintf(`{"data":{"deleteDoctor":"%d"}}`, rao))
	})
}

// TestDeletedDoctor checks that a deleted doctor is gone from the directory and
// from care, that a mapping of the past shows it, and that its license number
// is free.
func TestDeletedDoctor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db)
		asha, ben, chandra := a.register(t, "asha"), a.register(t, "ben"), a.staff(t, "chandra")
		rao, arjun, bela := a.createDoctor(t, asha, "Dr. Rao", "R-1"), a.createPatient(t, asha, "Arjun"), a.createPatient(t, ben, "Bela")
		own := a.assign(t, asha, arjun, rao)
		other := a.assign(t, ben, bela, rao)
		ids := map[string]any{"doctor": rao, "patient": arjun, "own": own, "other": other}
		remove := `mutation($doctor: ID!) { deleteDoctor(id: $doctor) }`
		removed := fmt.Sprintf(`{"data":{"deleteDoctor":"%d"}}`, rao)

		a.expect(t, "with another user's patient", asha, remove, ids, conflict)
		a.expect(t, "after a refusal", ben, `query($other: ID!) { mapping(id: $other) { isActive doctor { name } } }`, ids,
			`{"data":{"mapping":{"isActive":true,"doctor":{"name":"Dr. Rao"}}}}`)
		a.must(t, ben, `mutation($other: ID!) { unassignDoctor(id: $other) { id } }`, ids)
		a.expect(t, "with own patients only", asha, remove, ids, removed)

		tests := []struct{ name, document, want string }{
			{"doctor", `query($doctor: ID!) { doctor(id: $doctor) { id } }`, notFound},
			{
				"lists", `query($doctor: ID!) { doctors { totalCount nodes { id } } found: doctors(filter: {search: "rao"}) { totalCount } specializationStats { doctorCount }
				patients(filter: {doctorId: $doctor}) { totalCount } assigned: patients(filter: {assigned: true}) { totalCount } active: mappings(filter: {active: true}) { totalCount } }`,
				`{"data":{"doctors":{"totalCount":0,"nodes":[]},"found":{"totalCount":0},"specializationStats":[],"patients":{"totalCount":0},"assigned":{"totalCount":0},"active":{"totalCount":0}}}`,
			},
			{
				"past", `query($own: ID!, $patient: ID!) { mapping(id: $own) { isActive doctor { name licenseNumber } } patient(id: $patient) { doctors { id } mappings { isActive doctor { name } } } }`,
				`{"data":{"mapping":{"isActive":false,"doctor":{"name":"Dr. Rao","licenseNumber":"R-1"}},"patient":{"doctors":[],"mappings":[{"isActive":false,"doctor":{"name":"Dr. Rao"}}]}}}`,
			},
			{"update", `mutation($doctor: ID!) { updateDoctor(id: $doctor, input: {name: "X"}) { id } }`, notFound},
			{"delete again", remove, notFound},
			{"assign", `mutation($patient: ID!, $doctor: ID!) { assignDoctor(input: {patientId: $patient, doctorId: $doctor}) { id } }`, notFound + ":doctorId"},
			{"unassign changes nothing", `mutation($own: ID!) { unassignDoctor(id: $own) { isActive doctor { name } } }`, `{"data":{"unassignDoctor":{"isActive":false,"doctor":{"name":"Dr. Rao"}}}}`},
		}
		for _, c := range []caller{asha, chandra} {
			for _, tt := range tests {
				a.expect(t, tt.name, c, tt.document, ids, tt.want)
			}
		}

		again := a.createDoctor(t, asha, "Dr. Rao", "r-1")
		a.assign(t, ben, bela, again)
		ids["doctor"] = again
		a.expect(t, "busy again", asha, remove, ids, conflict)
		a.expect(t, "staff", chandra, remove, ids, fmt.Sprintf(`{"data":{"deleteDoctor":"%d"}}`, again))
		a.expect(t, "ended by staff", ben, `{ mappings { nodes { isActive } } patients { nodes { doctors { id } } } }`, nil,
			`{"data":{"mappings":{"nodes":[{"isActive":false},{"isActive":false}]},"patients":{"nodes":[{"doctors":[]}]}}}`)
	})
}

// TestStaffAssigns checks that an assignment that staff makes of a user's
// patient is that user's, who can read who made it.
func TestStaffAssigns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db)
		asha, ben, chandra := a.register(t, "asha"), a.register(t, "ben"), a.staff(t, "chandra")
		mapping := a.assign(t, chandra, a.createPatient(t, asha, "Arjun"), a.createDoctor(t, asha, "Dr. Rao", "R-1"))
		ids := map[string]any{"id": mapping}
		read := `query($id: ID!) { mapping(id: $id) { createdBy { username email patients { totalCount } } patient { createdBy { username } } } mappings { totalCount } }`
		shown := `{"data":{"mapping":{"createdBy":{"username":"chandra","email":"chandra@example.com","patients":{"totalCount":0}},"patient":{"createdBy":{"username":"asha"}}},"mappings":{"totalCount":1}}}`
		a.expect(t, "owner", asha, read, ids, shown)
		a.expect(t, "staff", chandra, read, ids, shown)
		a.expect(t, "stranger", ben, `query($id: ID!) { mapping(id: $id) { createdBy { username } } }`, ids, notFound)
		a.expect(t, "stranger's count", ben, `{ mappings { totalCount } }`, nil, `{"data":{"mappings":{"totalCount":0}}}`)
		a.expect(t, "owner changes it", asha, `mutation($id: ID!) { updateMapping(id: $id, notes: "mine") { notes } unassignDoctor(id: $id) { isActive } }`, ids,
			`{"data":{"updateMapping":{"notes":"mine"},"unassignDoctor":{"isActive":false}}}`)
		var owner int
		if err := db.QueryRow("SELECT owner_id FROM mappings").Scan(&owner); err != nil || owner != asha.id {
			t.Errorf("the assignment belongs to %d (%v), want %d", owner, err, asha.id)
		}
	})
}

// TestAssignRacesWithDeletion checks that no assignment to a deleted patient
// or doctor stays active, whichever of two requests at once comes first.
func TestAssignRacesWithDeletion(t *testing.T) {
	const pairs = 40
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db)
		asha := a.register(t, "asha")
		outcomes := map[string]int{}
		for i := range pairs {
			ids := map[string]any{"patient": a.createPatient(t, asha, "Arjun"), "doctor": a.createDoctor(t, asha, "Dr. Rao", fmt.Sprint("R-", i))}
			remove := `mutation($patient: ID!) { deletePatient(id: $patient) }`
			if i%2 == 0 {
				remove = `mutation($doctor: ID!) { deleteDoctor(id: $doctor) }`
			}
			replies := together(2, func(i int) string {
				if i == 0 {
					return a.query(t, asha, remove, ids)
				}
				return a.query(t, asha, `mutation($patient: ID!, $doctor: ID!) { assignDoctor(input: {patientId: $patient, doctorId: $doctor}) { id } }`, ids)
			})
			if codes := failures(t, replies[0]); codes != nil {
				t.Errorf("deletion: %s", replies[0])
			}
			codes := failures(t, replies[1])
			if codes != nil && !strings.HasPrefix(codes[0], notFound) {
				t.Errorf("assignment: %s", replies[1])
			}
			outcomes[fmt.Sprint(codes)]++
		}
		var orphans int
		err := db.QueryRow(`SELECT count(*) FROM mappings m JOIN patients p ON p.id = m.patient_id JOIN doctors d ON d.id = m.doctor_id
			WHERE m.is_active AND (p.deleted_at IS NOT NULL OR d.deleted_at IS NOT NULL)`).Scan(&orphans)
		if err != nil || orphans != 0 {
			t.Errorf("%d active assignments of deleted records (%v), want none", orphans, err)
		}
		t.Log(outcomes)
	})
}
