package rest

import (
	"bytes"
	_ "embed"
)

//go:embed documents.graphql
var documents string

// Endpoint is a route of the REST API.
type Endpoint struct {
	Method, Path string
	Operation    string // in documents.graphql
	Status       int    // of success
	Public       bool   // needs no token, and ignores one
	List         bool   // the result is a connection, answered as a whole array
}

// Endpoints returns the whole REST surface.
func Endpoints() []Endpoint { return routes }

var routes = []Endpoint{
	{"POST", "/api/auth/register", "Register", 201, true, false},
	{"POST", "/api/auth/login", "Login", 200, true, false},
	{"POST", "/api/auth/token/refresh", "Refresh", 200, true, false},

	{"GET", "/api/doctors", "Doctors", 200, false, true},
	{"POST", "/api/doctors", "CreateDoctor", 201, false, false},
	{"GET", "/api/doctors/{id}", "Doctor", 200, false, false},
	{"PUT", "/api/doctors/{id}", "UpdateDoctor", 200, false, false},
	{"PATCH", "/api/doctors/{id}", "UpdateDoctor", 200, false, false},
	{"DELETE", "/api/doctors/{id}", "DeleteDoctor", 204, false, false},

	{"GET", "/api/patients", "Patients", 200, false, true},
	{"POST", "/api/patients", "CreatePatient", 201, false, false},
	{"GET", "/api/patients/{id}", "Patient", 200, false, false},
	{"PUT", "/api/patients/{id}", "UpdatePatient", 200, false, false},
	{"PATCH", "/api/patients/{id}", "UpdatePatient", 200, false, false},
	{"DELETE", "/api/patients/{id}", "DeletePatient", 204, false, false},

	{"GET", "/api/mappings", "Mappings", 200, false, true},
	{"POST", "/api/mappings", "AssignDoctor", 201, false, false},
	{"GET", "/api/mappings/{id}", "MappingsOfPatient", 200, false, true},
	{"DELETE", "/api/mappings/{id}", "UnassignDoctor", 204, false, false},
}

// registered returns the answer to a registration, which has another shape than
// the result of its document.
func registered(result []byte) []byte {
	welcome := `,"message":"User registered successfully","tokens":{"refresh":`
	return append(bytes.Replace(result, []byte(`,"refresh":`), []byte(welcome), 1), '}')
}
