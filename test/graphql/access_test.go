package graphql_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
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
		"User.sessions", `{ viewer { sessions { current } } }`, harness.Unauthenticated,
		`{"viewer":{"sessions":[{"current":false},{"current":true}]}}`,
		`{"viewer":{"sessions":[{"current":true}]}}`,
		`{"viewer":{"sessions":[{"current":true}]}}`,
	},
	{
		"Query.viewer", `{ viewer { username isStaff } }`, harness.Unauthenticated,
		`{"viewer":{"username":"asha","isStaff":false}}`,
		`{"viewer":{"username":"ben","isStaff":false}}`,
		`{"viewer":{"username":"chandra","isStaff":true}}`,
	},
	{
		"Query.user", `query($user: ID!) { user(id: $user) { username email isStaff } }`, harness.Unauthenticated,
		harness.NotFound, harness.NotFound, `{"user":{"username":"devi","email":"devi@example.com","isStaff":false}}`,
	},
	{
		"Query.users", `{ users(orderBy: {field: USERNAME}) { totalCount nodes { username } } }`, harness.Unauthenticated,
		`{"users":{"totalCount":1,"nodes":[{"username":"asha"}]}}`,
		`{"users":{"totalCount":1,"nodes":[{"username":"ben"}]}}`,
		`{"users":{"totalCount":4,"nodes":[{"username":"asha"},{"username":"ben"},{"username":"chandra"},{"username":"devi"}]}}`,
	},
	{
		"UserConnection.nodes", `{ users { nodes { username patients { totalCount nodes { name } } } } }`, harness.Unauthenticated,
		`{"users":{"nodes":[{"username":"asha","patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]}}]}}`,
		`{"users":{"nodes":[{"username":"ben","patients":{"totalCount":1,"nodes":[{"name":"Bela"}]}}]}}`,
		`{"users":{"nodes":[{"username":"devi","patients":{"totalCount":0,"nodes":[]}},{"username":"chandra","patients":{"totalCount":0,"nodes":[]}},` +
			`{"username":"ben","patients":{"totalCount":1,"nodes":[{"name":"Bela"}]}},{"username":"asha","patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]}}]}}`,
	},
	{
		"UserConnection.edges", `{ users(first: 2) { edges { __typename } } }`, harness.Unauthenticated,
		`{"users":{"edges":[{"__typename":"UserEdge"}]}}`,
		`{"users":{"edges":[{"__typename":"UserEdge"}]}}`,
		`{"users":{"edges":[{"__typename":"UserEdge"},{"__typename":"UserEdge"}]}}`,
	},
	{
		"UserConnection.pageInfo", `{ users(first: 1) { pageInfo { hasNextPage hasPreviousPage } } }`, harness.Unauthenticated,
		`{"users":{"pageInfo":{"hasNextPage":false,"hasPreviousPage":false}}}`,
		`{"users":{"pageInfo":{"hasNextPage":false,"hasPreviousPage":false}}}`,
		`{"users":{"pageInfo":{"hasNextPage":true,"hasPreviousPage":false}}}`,
	},
	{
		"UserEdge.node", `{ users(first: 1, orderBy: {field: EMAIL}) { edges { node { email sessions { current } } } } }`, harness.Unauthenticated,
		`{"users":{"edges":[{"node":{"email":"asha@example.com","sessions":[{"current":false},{"current":true}]}}]}}`,
		`{"users":{"edges":[{"node":{"email":"ben@example.com","sessions":[{"current":true}]}}]}}`,
		`{"users":{"edges":[{"node":{"email":"asha@example.com","sessions":[]}}]}}`,
	},
	{
		"Mutation.updateUser", `mutation($user: ID!) { updateUser(id: $user, input: {role: PATIENT}) { username role isActive isStaff } }`, harness.Unauthenticated,
		harness.Forbidden, harness.Forbidden, `{"updateUser":{"username":"devi","role":"PATIENT","isActive":true,"isStaff":false}}`,
	},
	{
		"Query.patient", `query($patient: ID!) { patient(id: $patient) { name age phone email medicalHistory } }`, harness.Unauthenticated,
		`{"patient":{"name":"Arjun","age":$age,"phone":"9876543210","email":"family@example.com","medicalHistory":null}}`, harness.NotFound,
		`{"patient":{"name":"Arjun","age":$age,"phone":"9876543210","email":"family@example.com","medicalHistory":null}}`,
	},
	{
		"Query.patients", `{ patients { totalCount nodes { name } } }`, harness.Unauthenticated,
		`{"patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]}}`,
		`{"patients":{"totalCount":1,"nodes":[{"name":"Bela"}]}}`,
		`{"patients":{"totalCount":2,"nodes":[{"name":"Arjun"},{"name":"Bela"}]}}`,
	},
	{
		"PatientConnection.nodes", `{ patients(orderBy: {field: NAME}) { nodes { name } } }`, harness.Unauthenticated,
		`{"patients":{"nodes":[{"name":"Arjun"}]}}`,
		`{"patients":{"nodes":[{"name":"Bela"}]}}`,
		`{"patients":{"nodes":[{"name":"Arjun"},{"name":"Bela"}]}}`,
	},
	{
		"PatientConnection.edges", `{ patients { edges { __typename } } }`, harness.Unauthenticated,
		`{"patients":{"edges":[{"__typename":"PatientEdge"}]}}`,
		`{"patients":{"edges":[{"__typename":"PatientEdge"}]}}`,
		`{"patients":{"edges":[{"__typename":"PatientEdge"},{"__typename":"PatientEdge"}]}}`,
	},
	{
		"PatientConnection.pageInfo", `{ patients(first: 1) { pageInfo { hasNextPage hasPreviousPage } } }`, harness.Unauthenticated,
		`{"patients":{"pageInfo":{"hasNextPage":false,"hasPreviousPage":false}}}`,
		`{"patients":{"pageInfo":{"hasNextPage":false,"hasPreviousPage":false}}}`,
		`{"patients":{"pageInfo":{"hasNextPage":true,"hasPreviousPage":false}}}`,
	},
	{
		"PatientEdge.node", `{ patients { edges { node { name } } } }`, harness.Unauthenticated,
		`{"patients":{"edges":[{"node":{"name":"Arjun"}}]}}`,
		`{"patients":{"edges":[{"node":{"name":"Bela"}}]}}`,
		`{"patients":{"edges":[{"node":{"name":"Arjun"}},{"node":{"name":"Bela"}}]}}`,
	},
	{
		"Query.possibleDuplicates", `{ possibleDuplicates(name: "Arjun", phone: "9876543210") { reasons patient { name } } }`, harness.Unauthenticated,
		`{"possibleDuplicates":[{"reasons":["SAME_PHONE","SAME_NAME"],"patient":{"name":"Arjun"}}]}`,
		`{"possibleDuplicates":[{"reasons":["SAME_PHONE"],"patient":{"name":"Bela"}}]}`,
		`{"possibleDuplicates":[{"reasons":["SAME_PHONE","SAME_NAME"],"patient":{"name":"Arjun"}},{"reasons":["SAME_PHONE"],"patient":{"name":"Bela"}}]}`,
	},
	{
		"PossibleDuplicate.patient", `{ possibleDuplicates(name: "Bela") { patient { name mappings { doctor { name } } } } }`, harness.Unauthenticated,
		`{"possibleDuplicates":[]}`,
		`{"possibleDuplicates":[{"patient":{"name":"Bela","mappings":[{"doctor":{"name":"Dr. Rao"}},{"doctor":{"name":"Dr. Shah"}}]}}]}`,
		`{"possibleDuplicates":[{"patient":{"name":"Bela","mappings":[{"doctor":{"name":"Dr. Rao"}},{"doctor":{"name":"Dr. Shah"}}]}}]}`,
	},
	{
		"Query.doctor", `query($doctor: ID!) { doctor(id: $doctor) { name specialization } }`, harness.Unauthenticated,
		`{"doctor":{"name":"Dr. Rao","specialization":"Neurology"}}`,
		`{"doctor":{"name":"Dr. Rao","specialization":"Neurology"}}`,
		`{"doctor":{"name":"Dr. Rao","specialization":"Neurology"}}`,
	},
	{
		"Query.doctors", `{ doctors { totalCount nodes { name } } }`, harness.Unauthenticated,
		`{"doctors":{"totalCount":2,"nodes":[{"name":"Dr. Rao"},{"name":"Dr. Shah"}]}}`,
		`{"doctors":{"totalCount":2,"nodes":[{"name":"Dr. Rao"},{"name":"Dr. Shah"}]}}`,
		`{"doctors":{"totalCount":2,"nodes":[{"name":"Dr. Rao"},{"name":"Dr. Shah"}]}}`,
	},
	{
		"DoctorConnection.nodes", `{ doctors { nodes { name patients { totalCount } } } }`, harness.Unauthenticated,
		`{"doctors":{"nodes":[{"name":"Dr. Rao","patients":{"totalCount":1}},{"name":"Dr. Shah","patients":{"totalCount":0}}]}}`,
		`{"doctors":{"nodes":[{"name":"Dr. Rao","patients":{"totalCount":1}},{"name":"Dr. Shah","patients":{"totalCount":1}}]}}`,
		`{"doctors":{"nodes":[{"name":"Dr. Rao","patients":{"totalCount":2}},{"name":"Dr. Shah","patients":{"totalCount":1}}]}}`,
	},
	{
		"DoctorConnection.edges", `{ doctors(first: 1) { edges { __typename } } }`, harness.Unauthenticated,
		`{"doctors":{"edges":[{"__typename":"DoctorEdge"}]}}`,
		`{"doctors":{"edges":[{"__typename":"DoctorEdge"}]}}`,
		`{"doctors":{"edges":[{"__typename":"DoctorEdge"}]}}`,
	},
	{
		"DoctorConnection.pageInfo", `{ doctors(last: 1) { pageInfo { hasNextPage hasPreviousPage } } }`, harness.Unauthenticated,
		`{"doctors":{"pageInfo":{"hasNextPage":false,"hasPreviousPage":true}}}`,
		`{"doctors":{"pageInfo":{"hasNextPage":false,"hasPreviousPage":true}}}`,
		`{"doctors":{"pageInfo":{"hasNextPage":false,"hasPreviousPage":true}}}`,
	},
	{
		"DoctorEdge.node", `{ doctors(first: 1) { edges { node { mappings { totalCount } } } } }`, harness.Unauthenticated,
		`{"doctors":{"edges":[{"node":{"mappings":{"totalCount":1}}}]}}`,
		`{"doctors":{"edges":[{"node":{"mappings":{"totalCount":1}}}]}}`,
		`{"doctors":{"edges":[{"node":{"mappings":{"totalCount":2}}}]}}`,
	},
	{
		"Query.mapping", `query($mapping: ID!) { mapping(id: $mapping) { isActive notes } }`, harness.Unauthenticated,
		`{"mapping":{"isActive":true,"notes":null}}`, harness.NotFound,
		`{"mapping":{"isActive":true,"notes":null}}`,
	},
	{
		"Query.mappings", `{ mappings { totalCount nodes { patient { name } } } }`, harness.Unauthenticated,
		`{"mappings":{"totalCount":1,"nodes":[{"patient":{"name":"Arjun"}}]}}`,
		`{"mappings":{"totalCount":2,"nodes":[{"patient":{"name":"Bela"}},{"patient":{"name":"Bela"}}]}}`,
		`{"mappings":{"totalCount":3,"nodes":[{"patient":{"name":"Bela"}},{"patient":{"name":"Arjun"}},{"patient":{"name":"Bela"}}]}}`,
	},
	{
		"MappingConnection.nodes", `{ mappings { nodes { doctor { name } } } }`, harness.Unauthenticated,
		`{"mappings":{"nodes":[{"doctor":{"name":"Dr. Rao"}}]}}`,
		`{"mappings":{"nodes":[{"doctor":{"name":"Dr. Rao"}},{"doctor":{"name":"Dr. Shah"}}]}}`,
		`{"mappings":{"nodes":[{"doctor":{"name":"Dr. Rao"}},{"doctor":{"name":"Dr. Rao"}},{"doctor":{"name":"Dr. Shah"}}]}}`,
	},
	{
		"MappingConnection.edges", `{ mappings(filter: {search: "rao"}) { edges { __typename } } }`, harness.Unauthenticated,
		`{"mappings":{"edges":[{"__typename":"MappingEdge"}]}}`,
		`{"mappings":{"edges":[{"__typename":"MappingEdge"}]}}`,
		`{"mappings":{"edges":[{"__typename":"MappingEdge"},{"__typename":"MappingEdge"}]}}`,
	},
	{
		"MappingConnection.pageInfo", `{ mappings(first: 2) { pageInfo { hasNextPage } } }`, harness.Unauthenticated,
		`{"mappings":{"pageInfo":{"hasNextPage":false}}}`,
		`{"mappings":{"pageInfo":{"hasNextPage":false}}}`,
		`{"mappings":{"pageInfo":{"hasNextPage":true}}}`,
	},
	{
		"MappingEdge.node", `{ mappings(first: 1) { edges { node { createdBy { username } } } } }`, harness.Unauthenticated,
		`{"mappings":{"edges":[{"node":{"createdBy":{"username":"asha"}}}]}}`,
		`{"mappings":{"edges":[{"node":{"createdBy":{"username":"ben"}}}]}}`,
		`{"mappings":{"edges":[{"node":{"createdBy":{"username":"ben"}}}]}}`,
	},
	{
		"Query.specializationStats", `{ specializationStats { specialization doctorCount activePatientCount } }`, harness.Unauthenticated,
		`{"specializationStats":[{"specialization":"Cardiology","doctorCount":1,"activePatientCount":0},{"specialization":"Neurology","doctorCount":1,"activePatientCount":1}]}`,
		`{"specializationStats":[{"specialization":"Cardiology","doctorCount":1,"activePatientCount":1},{"specialization":"Neurology","doctorCount":1,"activePatientCount":1}]}`,
		`{"specializationStats":[{"specialization":"Cardiology","doctorCount":1,"activePatientCount":1},{"specialization":"Neurology","doctorCount":1,"activePatientCount":2}]}`,
	},
	{
		"User.patients", `{ viewer { patients { totalCount nodes { name } } } }`, harness.Unauthenticated,
		`{"viewer":{"patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]}}}`,
		`{"viewer":{"patients":{"totalCount":1,"nodes":[{"name":"Bela"}]}}}`,
		`{"viewer":{"patients":{"totalCount":0,"nodes":[]}}}`,
	},
	{
		"Patient.createdBy", `query($patient: ID!) { patient(id: $patient) { createdBy { username } } }`, harness.Unauthenticated,
		`{"patient":{"createdBy":{"username":"asha"}}}`, harness.NotFound,
		`{"patient":{"createdBy":{"username":"asha"}}}`,
	},
	{
		"Patient.mappings", `query($patient: ID!) { patient(id: $patient) { mappings { isActive doctor { name } } } }`, harness.Unauthenticated,
		`{"patient":{"mappings":[{"isActive":true,"doctor":{"name":"Dr. Rao"}}]}}`, harness.NotFound,
		`{"patient":{"mappings":[{"isActive":true,"doctor":{"name":"Dr. Rao"}}]}}`,
	},
	{
		"Patient.doctors", `query($patient: ID!) { patient(id: $patient) { doctors { name } } }`, harness.Unauthenticated,
		`{"patient":{"doctors":[{"name":"Dr. Rao"}]}}`, harness.NotFound,
		`{"patient":{"doctors":[{"name":"Dr. Rao"}]}}`,
	},
	{
		"Doctor.patients", `query($doctor: ID!) { doctor(id: $doctor) { patients { totalCount nodes { name } } } }`, harness.Unauthenticated,
		`{"doctor":{"patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]}}}`,
		`{"doctor":{"patients":{"totalCount":1,"nodes":[{"name":"Bela"}]}}}`,
		`{"doctor":{"patients":{"totalCount":2,"nodes":[{"name":"Arjun"},{"name":"Bela"}]}}}`,
	},
	{
		"Doctor.mappings", `query($doctor: ID!) { doctor(id: $doctor) { mappings { totalCount nodes { patient { name } } } } }`, harness.Unauthenticated,
		`{"doctor":{"mappings":{"totalCount":1,"nodes":[{"patient":{"name":"Arjun"}}]}}}`,
		`{"doctor":{"mappings":{"totalCount":1,"nodes":[{"patient":{"name":"Bela"}}]}}}`,
		`{"doctor":{"mappings":{"totalCount":2,"nodes":[{"patient":{"name":"Bela"}},{"patient":{"name":"Arjun"}}]}}}`,
	},
	{
		"Mapping.patient", `query($mapping: ID!) { mapping(id: $mapping) { patient { name createdBy { email } } } }`, harness.Unauthenticated,
		`{"mapping":{"patient":{"name":"Arjun","createdBy":{"email":"asha@example.com"}}}}`, harness.NotFound,
		`{"mapping":{"patient":{"name":"Arjun","createdBy":{"email":"asha@example.com"}}}}`,
	},
	{
		"Mapping.doctor", `query($mapping: ID!) { mapping(id: $mapping) { doctor { name patients { totalCount } } } }`, harness.Unauthenticated,
		`{"mapping":{"doctor":{"name":"Dr. Rao","patients":{"totalCount":1}}}}`, harness.NotFound,
		`{"mapping":{"doctor":{"name":"Dr. Rao","patients":{"totalCount":2}}}}`,
	},
	{
		"Mapping.createdBy", `query($mapping: ID!) { mapping(id: $mapping) { createdBy { username patients { totalCount } } } }`, harness.Unauthenticated,
		`{"mapping":{"createdBy":{"username":"asha","patients":{"totalCount":1}}}}`, harness.NotFound,
		`{"mapping":{"createdBy":{"username":"asha","patients":{"totalCount":1}}}}`,
	},
	{
		"Patient.history", `query($patient: ID!) { patient(id: $patient) { history { totalCount } } }`, harness.Unauthenticated,
		`{"patient":{"history":{"totalCount":1}}}`, harness.NotFound,
		`{"patient":{"history":{"totalCount":1}}}`,
	},
	{
		"RevisionConnection.nodes", `query($patient: ID!) { patient(id: $patient) { history { nodes { kind } } } }`, harness.Unauthenticated,
		`{"patient":{"history":{"nodes":[{"kind":"CREATE"}]}}}`, harness.NotFound,
		`{"patient":{"history":{"nodes":[{"kind":"CREATE"}]}}}`,
	},
	{
		"RevisionConnection.edges", `query($patient: ID!) { patient(id: $patient) { history { edges { node { version } } } } }`, harness.Unauthenticated,
		`{"patient":{"history":{"edges":[{"node":{"version":1}}]}}}`, harness.NotFound,
		`{"patient":{"history":{"edges":[{"node":{"version":1}}]}}}`,
	},
	{
		"RevisionEdge.node", `query($patient: ID!) { patient(id: $patient) { history { edges { node { version } } } } }`, harness.Unauthenticated,
		`{"patient":{"history":{"edges":[{"node":{"version":1}}]}}}`, harness.NotFound,
		`{"patient":{"history":{"edges":[{"node":{"version":1}}]}}}`,
	},
	{
		"RevisionConnection.pageInfo", `query($patient: ID!) { patient(id: $patient) { history { pageInfo { hasNextPage } } } }`, harness.Unauthenticated,
		`{"patient":{"history":{"pageInfo":{"hasNextPage":false}}}}`, harness.NotFound,
		`{"patient":{"history":{"pageInfo":{"hasNextPage":false}}}}`,
	},
	{
		"Revision.actor", `query($patient: ID!) { patient(id: $patient) { history { nodes { actor { username } } } } }`, harness.Unauthenticated,
		`{"patient":{"history":{"nodes":[{"actor":{"username":"asha"}}]}}}`, harness.NotFound,
		`{"patient":{"history":{"nodes":[{"actor":{"username":"asha"}}]}}}`,
	},
	{
		"Revision.changes", `query($patient: ID!) { patient(id: $patient) { history { nodes { changes { field } } } } }`, harness.Unauthenticated,
		`{"patient":{"history":{"nodes":[{"changes":[]}]}}}`, harness.NotFound,
		`{"patient":{"history":{"nodes":[{"changes":[]}]}}}`,
	},
	{
		"Mapping.history", `query($mapping: ID!) { mapping(id: $mapping) { history { nodes { kind actor { username } } } } }`, harness.Unauthenticated,
		`{"mapping":{"history":{"nodes":[{"kind":"CREATE","actor":{"username":"asha"}}]}}}`, harness.NotFound,
		`{"mapping":{"history":{"nodes":[{"kind":"CREATE","actor":{"username":"asha"}}]}}}`,
	},
	{
		"Doctor.history", `query($doctor: ID!) { doctor(id: $doctor) { history { nodes { kind actor { username } } } } }`, harness.Unauthenticated,
		`{"doctor":{"history":{"nodes":[{"kind":"CREATE","actor":{"username":"asha"}}]}}}`, `{"doctor":{"history":{"nodes":[{"kind":"CREATE","actor":null}]}}}`,
		`{"doctor":{"history":{"nodes":[{"kind":"CREATE","actor":{"username":"asha"}}]}}}`,
	},
	{
		"Patient.accessLog", `query($patient: ID!) { patient(id: $patient) { accessLog(userId: 1, actions: [CREATE], first: 1) { nodes { action seenAs door operation } } } }`, harness.Unauthenticated,
		`{"patient":{"accessLog":{"nodes":[{"action":"CREATE","seenAs":"CLINIC","door":"GRAPHQL","operation":"createPatient"}]}}}`, harness.NotFound,
		`{"patient":{"accessLog":{"nodes":[{"action":"CREATE","seenAs":"CLINIC","door":"GRAPHQL","operation":"createPatient"}]}}}`,
	},
	{
		"AccessEventConnection.nodes", `query($patient: ID!) { patient(id: $patient) { accessLog(userId: 1, actions: [CREATE], first: 1) { nodes { action } } } }`, harness.Unauthenticated,
		`{"patient":{"accessLog":{"nodes":[{"action":"CREATE"}]}}}`, harness.NotFound,
		`{"patient":{"accessLog":{"nodes":[{"action":"CREATE"}]}}}`,
	},
	{
		"AccessEventConnection.edges", `query($patient: ID!) { patient(id: $patient) { accessLog(userId: 1, actions: [CREATE], first: 1) { edges { node { action } } } } }`, harness.Unauthenticated,
		`{"patient":{"accessLog":{"edges":[{"node":{"action":"CREATE"}}]}}}`, harness.NotFound,
		`{"patient":{"accessLog":{"edges":[{"node":{"action":"CREATE"}}]}}}`,
	},
	{
		"AccessEventEdge.node", `query($patient: ID!) { patient(id: $patient) { accessLog(userId: 1, actions: [CREATE], first: 1) { edges { node { action } } } } }`, harness.Unauthenticated,
		`{"patient":{"accessLog":{"edges":[{"node":{"action":"CREATE"}}]}}}`, harness.NotFound,
		`{"patient":{"accessLog":{"edges":[{"node":{"action":"CREATE"}}]}}}`,
	},
	{
		"AccessEventConnection.pageInfo", `query($patient: ID!) { patient(id: $patient) { accessLog(userId: 1, actions: [CREATE], first: 1) { pageInfo { hasPreviousPage } } } }`, harness.Unauthenticated,
		`{"patient":{"accessLog":{"pageInfo":{"hasPreviousPage":false}}}}`, harness.NotFound,
		`{"patient":{"accessLog":{"pageInfo":{"hasPreviousPage":false}}}}`,
	},
	{
		"AccessEvent.actor", `query($patient: ID!) { patient(id: $patient) { accessLog(userId: 1, actions: [CREATE], first: 1) { nodes { actor { username } } } } }`, harness.Unauthenticated,
		`{"patient":{"accessLog":{"nodes":[{"actor":{"username":"asha"}}]}}}`, harness.NotFound,
		`{"patient":{"accessLog":{"nodes":[{"actor":{"username":"asha"}}]}}}`,
	},
	{
		"User.activity", `{ viewer { activity(first: 1) { nodes { actor { username } } } } }`, harness.Unauthenticated,
		`{"viewer":{"activity":{"nodes":[{"actor":{"username":"asha"}}]}}}`, `{"viewer":{"activity":{"nodes":[{"actor":{"username":"ben"}}]}}}`,
		`{"viewer":{"activity":{"nodes":[{"actor":{"username":"chandra"}}]}}}`,
	},
	{
		"Query.accessLog", `query($patient: ID!) { accessLog(first: 1, filter: {actions: [CREATE], patientId: $patient}) { nodes { action actor { username } } } }`, harness.Unauthenticated,
		`{"accessLog":{"nodes":[{"action":"CREATE","actor":{"username":"asha"}}]}}`, `{"accessLog":{"nodes":[]}}`,
		`{"accessLog":{"nodes":[{"action":"CREATE","actor":{"username":"asha"}}]}}`,
	},
	{
		"Query.deletedPatients", `{ deletedPatients(first: 1) { pageInfo { hasPreviousPage } } }`, harness.Unauthenticated,
		`{"deletedPatients":{"pageInfo":{"hasPreviousPage":false}}}`, `{"deletedPatients":{"pageInfo":{"hasPreviousPage":false}}}`,
		`{"deletedPatients":{"pageInfo":{"hasPreviousPage":false}}}`,
	},
	{
		"Query.deletedDoctors", `{ deletedDoctors(first: 1) { pageInfo { hasPreviousPage } } }`, harness.Unauthenticated,
		`{"deletedDoctors":{"pageInfo":{"hasPreviousPage":false}}}`, `{"deletedDoctors":{"pageInfo":{"hasPreviousPage":false}}}`,
		`{"deletedDoctors":{"pageInfo":{"hasPreviousPage":false}}}`,
	},
	{
		"Mutation.restorePatient", `mutation($patient: ID!) { restorePatient(id: $patient) { name } }`, harness.Unauthenticated,
		harness.NotFound, harness.NotFound,
		harness.NotFound,
	},
	{
		"Mutation.restoreDoctor", `mutation($doctor: ID!) { restoreDoctor(id: $doctor) { name } }`, harness.Unauthenticated,
		harness.NotFound, harness.NotFound,
		harness.NotFound,
	},
	{
		"Mutation.mergePatients", `mutation($patient: ID!) { mergePatients(keepId: 987654320, duplicateId: $patient) { name } }`, harness.Unauthenticated,
		harness.NotFound + ":keepId", harness.NotFound + ":keepId " + harness.NotFound + ":duplicateId",
		harness.NotFound + ":keepId",
	},
	{
		"Mutation.erasePatient", `mutation($patient: ID!) { erasePatient(id: $patient, reason: "Asked for") { patientId } }`, harness.Unauthenticated,
		harness.Forbidden, harness.Forbidden,
		`{"erasePatient":{"patientId":"$patient"}}`,
	},
	{
		"PatientErasure.items", `mutation($patient: ID!) { erasePatient(id: $patient, reason: "Asked for") { reason items { part left } } }`, harness.Unauthenticated,
		harness.Forbidden, harness.Forbidden,
		`{"erasePatient":{"reason":"Asked for","items":[{"part":"RECORDS","left":0},{"part":"SEARCH_KEYS","left":0},{"part":"HISTORY","left":0},{"part":"NOTES","left":0}]}}`,
	},
	{
		"Mutation.revertPatient", `mutation($patient: ID!) { revertPatient(id: $patient, revision: 987654321) { name } }`, harness.Unauthenticated,
		harness.NotFound + ":revision", harness.NotFound,
		harness.NotFound + ":revision",
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
		"Mutation.createPatient", `mutation { createPatient(input: {name: "New", email: "n@example.com", phone: "9876543210", dateOfBirth: "2001-01-31", address: "Pune", gender: OTHER}) { name createdBy { username } } }`, harness.Unauthenticated,
		`{"createPatient":{"name":"New","createdBy":{"username":"asha"}}}`,
		`{"createPatient":{"name":"New","createdBy":{"username":"ben"}}}`,
		`{"createPatient":{"name":"New","createdBy":{"username":"chandra"}}}`,
	},
	{
		"Mutation.updatePatient", `mutation($patient: ID!) { updatePatient(id: $patient, input: {name: "Arjuna"}) { name createdBy { username } } }`, harness.Unauthenticated,
		`{"updatePatient":{"name":"Arjuna","createdBy":{"username":"asha"}}}`, harness.NotFound,
		`{"updatePatient":{"name":"Arjuna","createdBy":{"username":"asha"}}}`,
	},
	{
		"Mutation.deletePatient", `mutation($patient: ID!) { deletePatient(id: $patient) }`, harness.Unauthenticated,
		`{"deletePatient":"$patient"}`, harness.NotFound, `{"deletePatient":"$patient"}`,
	},
	{
		"Mutation.createDoctor", `mutation { createDoctor(input: {name: "Dr. New", email: "n@example.com", specialization: "Oncology", licenseNumber: "NEW-1", experienceYears: 1, consultationFee: 100}) { name mappings { totalCount } } }`, harness.Unauthenticated,
		`{"createDoctor":{"name":"Dr. New","mappings":{"totalCount":0}}}`, `{"createDoctor":{"name":"Dr. New","mappings":{"totalCount":0}}}`,
		`{"createDoctor":{"name":"Dr. New","mappings":{"totalCount":0}}}`,
	},
	{
		"Mutation.updateDoctor", `mutation($doctor: ID!) { updateDoctor(id: $doctor, input: {availability: "Mon"}) { availability patients { totalCount } } }`, harness.Unauthenticated,
		`{"updateDoctor":{"availability":"Mon","patients":{"totalCount":1}}}`,
		`{"updateDoctor":{"availability":"Mon","patients":{"totalCount":1}}}`,
		`{"updateDoctor":{"availability":"Mon","patients":{"totalCount":2}}}`,
	},
	{
		"Mutation.deleteDoctor", `mutation($doctor: ID!) { deleteDoctor(id: $doctor) }`, harness.Unauthenticated,
		harness.Conflict, harness.Conflict, `{"deleteDoctor":"$doctor"}`,
	},
	{
		"Mutation.assignDoctor", `mutation($patient: ID!, $shah: ID!) { assignDoctor(input: {patientId: $patient, doctorId: $shah}) { patient { name } createdBy { username } } }`, harness.Unauthenticated,
		`{"assignDoctor":{"patient":{"name":"Arjun"},"createdBy":{"username":"asha"}}}`, harness.NotFoundPatient,
		`{"assignDoctor":{"patient":{"name":"Arjun"},"createdBy":{"username":"chandra"}}}`,
	},
	{
		"Mutation.assignDoctor", `mutation($patient: ID!, $doctor: ID!) { assignDoctor(input: {patientId: $patient, doctorId: $doctor}) { id } }`, harness.Unauthenticated,
		harness.Conflict, harness.NotFoundPatient, harness.Conflict,
	},
	{
		"Mutation.updateMapping", `mutation($mapping: ID!) { updateMapping(id: $mapping, notes: "x") { notes patient { name } } }`, harness.Unauthenticated,
		`{"updateMapping":{"notes":"x","patient":{"name":"Arjun"}}}`, harness.NotFound, `{"updateMapping":{"notes":"x","patient":{"name":"Arjun"}}}`,
	},
	{
		"Mutation.unassignDoctor", `mutation($mapping: ID!) { unassignDoctor(id: $mapping) { isActive createdBy { username } } }`, harness.Unauthenticated,
		`{"unassignDoctor":{"isActive":false,"createdBy":{"username":"asha"}}}`, harness.NotFound,
		`{"unassignDoctor":{"isActive":false,"createdBy":{"username":"asha"}}}`,
	},
	{
		"Mutation.endSession", `mutation($session: ID!) { endSession(id: $session) }`, harness.Unauthenticated,
		`{"endSession":"$session"}`, harness.NotFound, harness.NotFound,
	},
	{
		"Mutation.changePassword", `mutation { changePassword(input: {currentPassword: "` + harness.Password + `", newPassword: "` + harness.Password + `"}) { user { username } } }`, harness.Unauthenticated,
		`{"changePassword":{"user":{"username":"asha"}}}`, `{"changePassword":{"user":{"username":"ben"}}}`, `{"changePassword":{"user":{"username":"chandra"}}}`,
	},
	{
		"User.clinic", `{ viewer { clinicRole clinic { name } } }`, harness.Unauthenticated,
		`{"viewer":{"clinicRole":"ADMIN","clinic":{"name":"asha"}}}`,
		`{"viewer":{"clinicRole":"ADMIN","clinic":{"name":"ben"}}}`,
		`{"viewer":{"clinicRole":"ADMIN","clinic":{"name":"chandra"}}}`,
	},
	{
		"Clinic.members", `query($patient: ID!) { patient(id: $patient) { clinic { members { totalCount nodes { username } } } } }`, harness.Unauthenticated,
		`{"patient":{"clinic":{"members":{"totalCount":1,"nodes":[{"username":"asha"}]}}}}`, harness.NotFound,
		`{"patient":{"clinic":{"members":{"totalCount":1,"nodes":[{"username":"asha"}]}}}}`,
	},
	{
		"Patient.clinic", `query($patient: ID!) { patient(id: $patient) { seenAs clinic { name } } }`, harness.Unauthenticated,
		`{"patient":{"seenAs":"CLINIC","clinic":{"name":"asha"}}}`, harness.NotFound,
		`{"patient":{"seenAs":"STAFF","clinic":{"name":"asha"}}}`,
	},
	{
		"Patient.account", `query($patient: ID!) { patient(id: $patient) { account { username } } }`, harness.Unauthenticated,
		`{"patient":{"account":null}}`, harness.NotFound, `{"patient":{"account":null}}`,
	},
	{
		"Doctor.account", `query($doctor: ID!) { doctor(id: $doctor) { account { username } } }`, harness.Unauthenticated,
		`{"doctor":{"account":null}}`, `{"doctor":{"account":null}}`, `{"doctor":{"account":null}}`,
	},
	{
		"User.practices", `{ viewer { practices { doctor { name } } } }`, harness.Unauthenticated,
		`{"viewer":{"practices":[]}}`, `{"viewer":{"practices":[]}}`, `{"viewer":{"practices":[]}}`,
	},
	{
		"Practice.doctor", `{ viewer { practices { doctor { name } } } }`, harness.Unauthenticated,
		`{"viewer":{"practices":[]}}`, `{"viewer":{"practices":[]}}`, `{"viewer":{"practices":[]}}`,
	},
	{
		"Practice.clinic", `{ viewer { practices { clinic { name } } } }`, harness.Unauthenticated,
		`{"viewer":{"practices":[]}}`, `{"viewer":{"practices":[]}}`, `{"viewer":{"practices":[]}}`,
	},
	{
		"User.records", `{ viewer { records { name } } }`, harness.Unauthenticated,
		`{"viewer":{"records":[]}}`, `{"viewer":{"records":[]}}`, `{"viewer":{"records":[]}}`,
	},
	{
		"Query.invitation", `query($code: String!) { invitation(code: $code) { clinicName role doctorName patientName patientsBrought patientsLeft } }`, harness.Unauthenticated,
		`{"invitation":{"clinicName":"asha","role":null,"doctorName":null,"patientName":"Arjun","patientsBrought":0,"patientsLeft":0}}`,
		`{"invitation":{"clinicName":"asha","role":null,"doctorName":null,"patientName":"Arjun","patientsBrought":0,"patientsLeft":0}}`,
		`{"invitation":{"clinicName":"asha","role":null,"doctorName":null,"patientName":"Arjun","patientsBrought":0,"patientsLeft":0}}`,
	},
	{
		"Clinic.invitations", `{ viewer { clinic { invitations { role } } } }`, harness.Unauthenticated,
		`{"viewer":{"clinic":{"invitations":[{"role":null}]}}}`, `{"viewer":{"clinic":{"invitations":[]}}}`, `{"viewer":{"clinic":{"invitations":[]}}}`,
	},
	{
		"Invitation.doctor", `{ viewer { clinic { invitations { doctor { name } } } } }`, harness.Unauthenticated,
		`{"viewer":{"clinic":{"invitations":[{"doctor":null}]}}}`, `{"viewer":{"clinic":{"invitations":[]}}}`, `{"viewer":{"clinic":{"invitations":[]}}}`,
	},
	{
		"Invitation.patient", `{ viewer { clinic { invitations { patient { name } } } } }`, harness.Unauthenticated,
		`{"viewer":{"clinic":{"invitations":[{"patient":{"name":"Arjun"}}]}}}`, `{"viewer":{"clinic":{"invitations":[]}}}`, `{"viewer":{"clinic":{"invitations":[]}}}`,
	},
	{
		"Invitation.createdBy", `{ viewer { clinic { invitations { createdBy { username } } } } }`, harness.Unauthenticated,
		`{"viewer":{"clinic":{"invitations":[{"createdBy":{"username":"asha"}}]}}}`, `{"viewer":{"clinic":{"invitations":[]}}}`, `{"viewer":{"clinic":{"invitations":[]}}}`,
	},
	{
		"Mutation.acceptInvitation", `mutation($code: String!) { acceptInvitation(code: $code) { username records { name } } }`, harness.Unauthenticated,
		`{"acceptInvitation":{"username":"asha","records":[{"name":"Arjun"}]}}`,
		`{"acceptInvitation":{"username":"ben","records":[{"name":"Arjun"}]}}`,
		`{"acceptInvitation":{"username":"chandra","records":[{"name":"Arjun"}]}}`,
	},
	{
		"Mutation.revokeInvitation", `mutation($invitation: ID!) { revokeInvitation(id: $invitation) }`, harness.Unauthenticated,
		`{"revokeInvitation":"$invitation"}`, harness.NotFound, `{"revokeInvitation":"$invitation"}`,
	},
	{
		"Mutation.invitePatient", `mutation($patient: ID!) { invitePatient(patientId: $patient) { invitation { patient { name } } } }`, harness.Unauthenticated,
		`{"invitePatient":{"invitation":{"patient":{"name":"Arjun"}}}}`, harness.NotFoundPatient,
		`{"invitePatient":{"invitation":{"patient":{"name":"Arjun"}}}}`,
	},
	{
		"Mutation.inviteDoctor", `mutation($doctor: ID!) { inviteDoctor(doctorId: $doctor) { invitation { doctor { name } } } }`, harness.Unauthenticated,
		`{"inviteDoctor":{"invitation":{"doctor":{"name":"Dr. Rao"}}}}`, `{"inviteDoctor":{"invitation":{"doctor":{"name":"Dr. Rao"}}}}`,
		`{"inviteDoctor":{"invitation":{"doctor":{"name":"Dr. Rao"}}}}`,
	},
	{
		"Mutation.inviteMember", `mutation { inviteMember(role: MEMBER) { invitation { role createdBy { username } } } }`, harness.Unauthenticated,
		`{"inviteMember":{"invitation":{"role":"MEMBER","createdBy":{"username":"asha"}}}}`,
		`{"inviteMember":{"invitation":{"role":"MEMBER","createdBy":{"username":"ben"}}}}`,
		`{"inviteMember":{"invitation":{"role":"MEMBER","createdBy":{"username":"chandra"}}}}`,
	},
	{
		"NewInvitation.invitation", `mutation { inviteMember(role: ADMIN) { invitation { role } } }`, harness.Unauthenticated,
		`{"inviteMember":{"invitation":{"role":"ADMIN"}}}`, `{"inviteMember":{"invitation":{"role":"ADMIN"}}}`, `{"inviteMember":{"invitation":{"role":"ADMIN"}}}`,
	},
	{
		"Mutation.updateClinic", `mutation { updateClinic(name: "City Clinic") { name members { nodes { username } } } }`, harness.Unauthenticated,
		`{"updateClinic":{"name":"City Clinic","members":{"nodes":[{"username":"asha"}]}}}`,
		`{"updateClinic":{"name":"City Clinic","members":{"nodes":[{"username":"ben"}]}}}`,
		`{"updateClinic":{"name":"City Clinic","members":{"nodes":[{"username":"chandra"}]}}}`,
	},
	{
		"Mutation.updateMember", `mutation($user: ID!) { updateMember(userId: $user, role: MEMBER) { username } }`, harness.Unauthenticated,
		harness.NotFound, harness.NotFound, harness.NotFound,
	},
	{
		"Mutation.removeMember", `mutation($user: ID!) { removeMember(userId: $user) }`, harness.Unauthenticated,
		harness.NotFound, harness.NotFound, harness.NotFound,
	},
	{
		"Mutation.removeAccount", `mutation($patient: ID!) { removeAccount(patientId: $patient) }`, harness.Unauthenticated,
		harness.NotFound, harness.NotFound, harness.NotFound,
	},
	{
		"Mutation.leaveClinic", `mutation { leaveClinic { username } }`, harness.Unauthenticated,
		harness.Conflict, harness.Conflict, harness.Conflict,
	},
	{
		"Mutation.logout", `mutation { logout }`, harness.Unauthenticated, `{"logout":true}`, `{"logout":true}`, `{"logout":true}`,
	},
}

// TestAccess runs the access matrix. What a stranger is refused reads the same,
// byte for byte, as for an id that does not exist.
func TestAccess(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, ben, chandra := a.Register(t, "asha"), a.Register(t, "ben"), a.Staff(t, "chandra")
		devi := a.Register(t, "devi")
		bela, shah := a.CreatePatient(t, ben, "Bela"), a.CreateDoctor(t, ben, "Dr. Shah", "S-1")
		a.Assign(t, ben, bela, shah)
		refresh := a.Login(t, asha.Email).Refresh
		session := a.Sessions(t, asha)[0]

		var variables map[string]any
		written := true
		for i, row := range access {
			for _, caller := range []struct {
				role string
				harness.Caller
				want string
			}{
				{"anonymous", harness.Caller{}, row.anonymous},
				{"owner", asha, row.owner},
				{"stranger", ben, row.stranger},
				{"staff", chandra, row.staff},
			} {
				t.Run(fmt.Sprint(row.field, " ", i, " ", caller.role), func(t *testing.T) {
					if written {
						a.Clean(t, chandra)
						arjun := a.CreatePatient(t, asha, "Arjun")
						rao := a.Create(t, asha, `mutation { result: createDoctor(input: {
							name: "Dr. Rao", email: "rao@example.com", specialization: "Neurology", licenseNumber: "R-1", experienceYears: 9, consultationFee: 900
						}) { id } }`, nil)
						variables = map[string]any{"patient": arjun, "doctor": rao, "shah": shah, "mapping": a.Assign(t, asha, arjun, rao), "refresh": refresh, "session": session, "user": devi.ID}
						a.Assign(t, ben, bela, rao)
						variables["invitation"], variables["code"] = a.Invite(t, asha, "invitePatient(patientId: $id)", arjun)
					}
					written = strings.HasPrefix(row.document, "mutation")
					variables["name"] = fmt.Sprint("new", caller.role)
					variables["email"] = fmt.Sprint("new", caller.role, "@example.com")

					reply := a.Query(t, caller.Caller, row.document, variables)
					if row.field == "Mutation.logout" || row.field == "Mutation.changePassword" {
						asha.Token, ben.Token, chandra.Token = a.Login(t, asha.Email).Access, a.Login(t, ben.Email).Access, a.Login(t, chandra.Email).Access
					}
					want := a.Expected(t, caller.want, variables)
					if want == caller.want && !strings.HasPrefix(want, "{") {
						if got := harness.Failures(t, reply); !slices.Equal(got, strings.Fields(want)) || strings.Contains(reply, "Arjun") {
							t.Errorf("got %s, want only %s", reply, want)
						}
					} else if reply != want {
						t.Errorf("got  %s\nwant %s", reply, want)
					}
					if caller.role != "stranger" || !strings.HasPrefix(caller.want, harness.NotFound) && caller.want != harness.Forbidden {
						return
					}
					absent := map[string]any{"patient": 987654321, "mapping": 987654321, "session": 987654321, "user": 987654321, "invitation": 987654321, "doctor": variables["doctor"], "shah": shah}
					same := a.Query(t, caller.Caller, row.document, absent)
					for _, name := range []string{"patient", "mapping", "session", "invitation"} {
						reply = strings.ReplaceAll(reply, fmt.Sprintf("%q", fmt.Sprint(variables[name])), `"987654321"`)
					}
					if reply != same {
						t.Errorf("a foreign record reads %s, none reads %s", reply, same)
					}
				})
			}
		}
		for _, planted := range []string{"Arjun", "Bela", "example.com", "9876543210", harness.Password, refresh, asha.Token} {
			if strings.Contains(a.Log.String(), planted) {
				t.Errorf("the log has %q", planted)
			}
		}
	})
}

// TestAccessMatrixIsWhole checks that the access matrix has a row for every
// query, every mutation and every field that holds objects, and that the row
// asks for it.
func TestAccessMatrixIsWhole(t *testing.T) {
	schema := harness.Schema(t)
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
	told := map[string]bool{"Subscription": true} // which test/live tests
	for _, f := range schema.Subscription.Fields {
		told[f.Type.Name()] = true
	}
	for _, definition := range schema.Types {
		if definition.Kind != ast.Object || definition.BuiltIn || told[definition.Name] {
			continue
		}
		root := definition == schema.Query || definition == schema.Mutation
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
		a := harness.New(t, db)
		asha, ben := a.Register(t, "asha"), a.Register(t, "ben")
		shah, rao := a.CreateDoctor(t, ben, "Dr. Shah", "S-1"), a.CreateDoctor(t, ben, "Dr. Rao", "R-1")
		bela, bina := a.CreatePatient(t, ben, "Bela"), a.CreatePatient(t, ben, "Bina")
		a.Assign(t, ben, bela, shah)
		ended := a.Assign(t, ben, bina, shah)
		a.Must(t, ben, `mutation($id: ID!) { unassignDoctor(id: $id) { id } }`, map[string]any{"id": ended})

		variables := map[string]any{"shah": shah, "rao": rao, "patient": bina + 1, "mapping": ended + 1}
		ask := func() []string {
			replies := make([]string, len(strangersQuestions))
			for i, document := range strangersQuestions {
				replies[i] = a.Query(t, ben, document, variables)
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
		arjun, amit := a.CreatePatient(t, asha, "Arjun"), a.CreatePatient(t, asha, "Amit")
		mapping := a.Assign(t, asha, arjun, shah)
		if arjun != variables["patient"] || mapping != variables["mapping"] {
			t.Fatal("Asha's records have other ids than those that Ben asks for")
		}
		a.Assign(t, asha, arjun, rao)
		a.Assign(t, asha, amit, shah)
		compare("with Asha's records")
		a.Must(t, asha, `mutation($id: ID!) { unassignDoctor(id: $id) { id } }`, map[string]any{"id": mapping})
		compare("with an ended assignment of Asha's")
		a.Must(t, asha, `mutation($id: ID!) { deletePatient(id: $id) }`, map[string]any{"id": arjun})
		compare("with a deleted patient of Asha's")

		var in struct {
			Data struct {
				Patients struct{ Nodes []struct{ Name string } }
			}
		}
		if a.Read(t, asha, `{ patients { nodes { name } } }`, nil, &in); len(in.Data.Patients.Nodes) != 1 || in.Data.Patients.Nodes[0].Name != "Amit" {
			t.Errorf("Asha is left with %v, want Amit as he was", in.Data.Patients.Nodes)
		}
	})
}

// TestDeletedPatient checks that a deleted patient is gone from everything,
// with its mappings, for its owner and for staff.
func TestDeletedPatient(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, chandra := a.Register(t, "asha"), a.Staff(t, "chandra")
		rao := a.CreateDoctor(t, asha, "Dr. Rao", "R-1")
		arjun := a.CreatePatient(t, asha, "Arjun")
		ended, active := a.Assign(t, asha, arjun, rao), 0
		a.Must(t, asha, `mutation($id: ID!) { unassignDoctor(id: $id) { id } }`, map[string]any{"id": ended})
		active = a.Assign(t, asha, arjun, rao)
		ids := map[string]any{"patient": arjun, "doctor": rao, "ended": ended, "active": active}
		want := fmt.Sprintf(`{"data":{"deletePatient":"%d"}}`, arjun)
		if got := a.Query(t, asha, `mutation($patient: ID!) { deletePatient(id: $patient) }`, ids); got != want {
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
			{"patient", `query($patient: ID!) { patient(id: $patient) { id } }`, harness.NotFound},
			{"active mapping", `query($active: ID!) { mapping(id: $active) { id } }`, harness.NotFound},
			{"ended mapping", `query($ended: ID!) { mapping(id: $ended) { id } }`, harness.NotFound},
			{"update", `mutation($patient: ID!) { updatePatient(id: $patient, input: {name: "X"}) { id } }`, harness.NotFound},
			{"delete again", `mutation($patient: ID!) { deletePatient(id: $patient) }`, harness.NotFound},
			{"assign", `mutation($patient: ID!, $doctor: ID!) { assignDoctor(input: {patientId: $patient, doctorId: $doctor}) { id } }`, harness.NotFoundPatient},
			{"unassign", `mutation($active: ID!) { unassignDoctor(id: $active) { id } }`, harness.NotFound},
			{"notes", `mutation($ended: ID!) { updateMapping(id: $ended, notes: "x") { id } }`, harness.NotFound},
		}
		for _, c := range []harness.Caller{asha, chandra} {
			for _, tt := range tests {
				a.Expect(t, tt.name, c, tt.document, ids, tt.want)
			}
		}
		a.Expect(t, "a doctor without patients is deleted", asha, `mutation($doctor: ID!) { deleteDoctor(id: $doctor) }`, ids, fmt.Sprintf(`{"data":{"deleteDoctor":"%d"}}`, rao))
	})
}

// TestDeletedDoctor checks that a deleted doctor is gone from the directory and
// from care, that a mapping of the past shows it, and that its license number
// is free.
func TestDeletedDoctor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, ben, chandra := a.Register(t, "asha"), a.Register(t, "ben"), a.Staff(t, "chandra")
		rao, arjun, bela := a.CreateDoctor(t, asha, "Dr. Rao", "R-1"), a.CreatePatient(t, asha, "Arjun"), a.CreatePatient(t, ben, "Bela")
		own := a.Assign(t, asha, arjun, rao)
		other := a.Assign(t, ben, bela, rao)
		ids := map[string]any{"doctor": rao, "patient": arjun, "own": own, "other": other}
		remove := `mutation($doctor: ID!) { deleteDoctor(id: $doctor) }`
		removed := fmt.Sprintf(`{"data":{"deleteDoctor":"%d"}}`, rao)

		a.Expect(t, "with another user's patient", asha, remove, ids, harness.Conflict)
		a.Expect(t, "after a refusal", ben, `query($other: ID!) { mapping(id: $other) { isActive doctor { name } } }`, ids,
			`{"data":{"mapping":{"isActive":true,"doctor":{"name":"Dr. Rao"}}}}`)
		a.Must(t, ben, `mutation($other: ID!) { unassignDoctor(id: $other) { id } }`, ids)
		a.Expect(t, "with own patients only", asha, remove, ids, removed)

		tests := []struct{ name, document, want string }{
			{"doctor", `query($doctor: ID!) { doctor(id: $doctor) { id } }`, harness.NotFound},
			{
				"lists", `query($doctor: ID!) { doctors { totalCount nodes { id } } found: doctors(filter: {search: "rao"}) { totalCount } specializationStats { doctorCount }
				patients(filter: {doctorId: $doctor}) { totalCount } assigned: patients(filter: {assigned: true}) { totalCount } active: mappings(filter: {active: true}) { totalCount } }`,
				`{"data":{"doctors":{"totalCount":0,"nodes":[]},"found":{"totalCount":0},"specializationStats":[],"patients":{"totalCount":0},"assigned":{"totalCount":0},"active":{"totalCount":0}}}`,
			},
			{
				"past", `query($own: ID!, $patient: ID!) { mapping(id: $own) { isActive doctor { name licenseNumber } } patient(id: $patient) { doctors { id } mappings { isActive doctor { name } } } }`,
				`{"data":{"mapping":{"isActive":false,"doctor":{"name":"Dr. Rao","licenseNumber":"R-1"}},"patient":{"doctors":[],"mappings":[{"isActive":false,"doctor":{"name":"Dr. Rao"}}]}}}`,
			},
			{"update", `mutation($doctor: ID!) { updateDoctor(id: $doctor, input: {name: "X"}) { id } }`, harness.NotFound},
			{"delete again", remove, harness.NotFound},
			{"assign", `mutation($patient: ID!, $doctor: ID!) { assignDoctor(input: {patientId: $patient, doctorId: $doctor}) { id } }`, harness.NotFound + ":doctorId"},
			{"unassign changes nothing", `mutation($own: ID!) { unassignDoctor(id: $own) { isActive doctor { name } } }`, `{"data":{"unassignDoctor":{"isActive":false,"doctor":{"name":"Dr. Rao"}}}}`},
		}
		for _, c := range []harness.Caller{asha, chandra} {
			for _, tt := range tests {
				a.Expect(t, tt.name, c, tt.document, ids, tt.want)
			}
		}

		again := a.CreateDoctor(t, asha, "Dr. Rao", "r-1")
		a.Assign(t, ben, bela, again)
		ids["doctor"] = again
		a.Expect(t, "busy again", asha, remove, ids, harness.Conflict)
		a.Expect(t, "staff", chandra, remove, ids, fmt.Sprintf(`{"data":{"deleteDoctor":"%d"}}`, again))
		a.Expect(t, "ended by staff", ben, `{ mappings { nodes { isActive } } patients { nodes { doctors { id } } } }`, nil,
			`{"data":{"mappings":{"nodes":[{"isActive":false},{"isActive":false}]},"patients":{"nodes":[{"doctors":[]}]}}}`)
	})
}

// TestStaffAssigns checks that an assignment that staff makes of a user's
// patient is that user's, who can read who made it.
func TestStaffAssigns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, ben, chandra := a.Register(t, "asha"), a.Register(t, "ben"), a.Staff(t, "chandra")
		mapping := a.Assign(t, chandra, a.CreatePatient(t, asha, "Arjun"), a.CreateDoctor(t, asha, "Dr. Rao", "R-1"))
		ids := map[string]any{"id": mapping}
		read := `query($id: ID!) { mapping(id: $id) { createdBy { username email patients { totalCount } } patient { createdBy { username } } } mappings { totalCount } }`
		shown := `{"data":{"mapping":{"createdBy":{"username":"chandra","email":"chandra@example.com","patients":{"totalCount":0}},"patient":{"createdBy":{"username":"asha"}}},"mappings":{"totalCount":1}}}`
		a.Expect(t, "owner", asha, read, ids, shown)
		a.Expect(t, "staff", chandra, read, ids, shown)
		a.Expect(t, "stranger", ben, `query($id: ID!) { mapping(id: $id) { createdBy { username } } }`, ids, harness.NotFound)
		a.Expect(t, "stranger's count", ben, `{ mappings { totalCount } }`, nil, `{"data":{"mappings":{"totalCount":0}}}`)
		a.Expect(t, "owner changes it", asha, `mutation($id: ID!) { updateMapping(id: $id, notes: "mine") { notes } unassignDoctor(id: $id) { isActive } }`, ids,
			`{"data":{"updateMapping":{"notes":"mine"},"unassignDoctor":{"isActive":false}}}`)
		var same bool
		if err := db.QueryRow("SELECT m.clinic_id = u.clinic_id FROM mappings m, users u WHERE u.id = $1", asha.ID).Scan(&same); err != nil || !same {
			t.Errorf("the assignment does not belong to the clinic of the patient (%v)", err)
		}
	})
}

// TestAssignRacesWithDeletion checks that no assignment to a deleted patient
// or doctor stays active, whichever of two requests at once comes first.
func TestAssignRacesWithDeletion(t *testing.T) {
	const pairs = 40
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		outcomes := map[string]int{}
		for i := range pairs {
			ids := map[string]any{"patient": a.CreatePatient(t, asha, "Arjun"), "doctor": a.CreateDoctor(t, asha, "Dr. Rao", fmt.Sprint("R-", i))}
			remove := `mutation($patient: ID!) { deletePatient(id: $patient) }`
			if i%2 == 0 {
				remove = `mutation($doctor: ID!) { deleteDoctor(id: $doctor) }`
			}
			replies := harness.Together(2, func(i int) string {
				if i == 0 {
					return a.Query(t, asha, remove, ids)
				}
				return a.Query(t, asha, `mutation($patient: ID!, $doctor: ID!) { assignDoctor(input: {patientId: $patient, doctorId: $doctor}) { id } }`, ids)
			})
			if codes := harness.Failures(t, replies[0]); codes != nil {
				t.Errorf("deletion: %s", replies[0])
			}
			codes := harness.Failures(t, replies[1])
			if codes != nil && !strings.HasPrefix(codes[0], harness.NotFound) {
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
