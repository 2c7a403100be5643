package rest

import (
	_ "embed"
	"encoding/json"
	"net/http"
)

//go:embed documents.graphql
var documents string

// route is one endpoint.
type route struct {
	method, path string
	operation    string // in documents.graphql
	status       int    // of success
	public       bool   // needs no token, and ignores one
	list         bool   // the result is a connection, answered as a whole array
	reply        func(result json.RawMessage) any
}

// routes is the whole REST surface.
var routes = []route{
	{"POST", "/api/auth/register", "Register", http.StatusCreated, true, false, registered},
	{"POST", "/api/auth/login", "Login", http.StatusOK, true, false, whole},
	{"POST", "/api/auth/token/refresh", "Refresh", http.StatusOK, true, false, whole},

	{"GET", "/api/doctors", "Doctors", http.StatusOK, false, true, whole},
	{"POST", "/api/doctors", "CreateDoctor", http.StatusCreated, false, false, whole},
	{"GET", "/api/doctors/{id}", "Doctor", http.StatusOK, false, false, whole},
	{"PUT", "/api/doctors/{id}", "UpdateDoctor", http.StatusOK, false, false, whole},
	{"PATCH", "/api/doctors/{id}", "UpdateDoctor", http.StatusOK, false, false, whole},
	{"DELETE", "/api/doctors/{id}", "DeleteDoctor", http.StatusNoContent, false, false, whole},

	{"GET", "/api/patients", "Patients", http.StatusOK, false, true, whole},
	{"POST", "/api/patients", "CreatePatient", http.StatusCreated, false, false, whole},
	{"GET", "/api/patients/{id}", "Patient", http.StatusOK, false, false, whole},
	{"PUT", "/api/patients/{id}", "UpdatePatient", http.StatusOK, false, false, whole},
	{"PATCH", "/api/patients/{id}", "UpdatePatient", http.StatusOK, false, false, whole},
	{"DELETE", "/api/patients/{id}", "DeletePatient", http.StatusNoContent, false, false, whole},

	{"GET", "/api/mappings", "Mappings", http.StatusOK, false, true, whole},
	{"POST", "/api/mappings", "AssignDoctor", http.StatusCreated, false, false, whole},
	{"GET", "/api/mappings/{id}", "MappingsOfPatient", http.StatusOK, false, true, whole},
	{"DELETE", "/api/mappings/{id}", "UnassignDoctor", http.StatusNoContent, false, false, whole},
}

func whole(result json.RawMessage) any { return result }

func registered(result json.RawMessage) any {
	type tokens struct {
		Refresh json.RawMessage `json:"refresh"`
		Access  json.RawMessage `json:"access"`
	}
	var in struct {
		User json.RawMessage
		tokens
	}
	mustUnmarshal(result, &in)
	return struct {
		User    json.RawMessage `json:"user"`
		Message string          `json:"message"`
		Tokens  tokens          `json:"tokens"`
	}{in.User, "User registered successfully", in.tokens}
}

// mustUnmarshal reads what a document of ours answered.
func mustUnmarshal(data []byte, into any) {
	if err := json.Unmarshal(data, into); err != nil {
		panic(err)
	}
}
