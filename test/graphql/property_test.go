package graphql_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// model is what the server must know: who owns which patient, and who is
// assigned. A record that a user does not own must not exist for it.
type model struct {
	t        *rapid.T
	tb       testing.TB // that requests belong to
	a        *harness.API
	users    []harness.Caller
	patients map[int]modelPatient
	doctors  map[int]string
	mappings map[int]modelMapping
	gone     []int // patients that were deleted
	named    int
}

type modelPatient struct {
	owner int // in users
	name  string
}

type modelMapping struct {
	patient, doctor int
	active          bool
}

// visible returns the ids of the patients of a user, in order.
func (m *model) visible(user int) []int {
	var ids []int
	for id, p := range m.patients {
		if p.owner == user {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// assigned returns the patients of a user that are assigned to a doctor now.
func (m *model) assigned(user, doctor int) []int {
	var ids []int
	for _, x := range m.mappings {
		if p, ok := m.patients[x.patient]; ok && x.active && p.owner == user && (doctor == 0 || x.doctor == doctor) && !slices.Contains(ids, x.patient) {
			ids = append(ids, x.patient)
		}
	}
	slices.Sort(ids)
	return ids
}

// mappingsOf returns the mappings of a user's patients, in order.
func (m *model) mappingsOf(user int, active bool) []int {
	var ids []int
	for id, x := range m.mappings {
		if p, ok := m.patients[x.patient]; ok && p.owner == user && (x.active || !active) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (m *model) name(kind string) string {
	m.named++
	return fmt.Sprintf("%s %d", kind, m.named)
}

// pick draws one of the ids of a kind, whosesoever, or one that does not exist.
func pick[V any](m *model, what string, of map[int]V) int {
	ids := append(slices.Sorted(maps.Keys(of)), 987654321)
	if what == "patient" {
		ids = append(ids, m.gone...)
	}
	return rapid.SampledFrom(ids).Draw(m.t, what)
}

func (m *model) user() int { return rapid.IntRange(0, len(m.users)-1).Draw(m.t, "user") }

// graphql executes a document as the user and returns its data, or the codes of
// its failures.
func (m *model) graphql(user int, document string, variables map[string]any) (data map[string]any, codes []string) {
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		m.t.Fatal(err)
	}
	_, reply := m.a.Send(m.tb, "POST", "/graphql", m.users[user].Token, string(body))
	var in struct {
		Data map[string]any
	}
	if err := json.Unmarshal([]byte(reply), &in); err != nil {
		m.t.Fatal(err)
	}
	return in.Data, harness.Failures(m.tb, reply)
}

// change executes a mutation that is done exactly if it is allowed, and returns
// the id of its result.
func (m *model) change(user int, document string, variables map[string]any, allowed bool, refusals ...string) int {
	data, codes := m.graphql(user, document, variables)
	if !allowed {
		if !slices.Equal(codes, refusals) {
			m.t.Fatalf("user %d: %s %v: got %v %v, want %v", user, document, variables, data, codes, refusals)
		}
		return 0
	}
	if codes != nil {
		m.t.Fatalf("user %d: %s %v: %v", user, document, variables, codes)
	}
	result := data["result"]
	if object, ok := result.(map[string]any); ok {
		result = object["id"]
	}
	id, err := strconv.Atoi(fmt.Sprint(result))
	if err != nil {
		m.t.Fatal(err)
	}
	return id
}

// owns tells whether the patient is one of the user's.
func (m *model) owns(user, patient int) bool {
	p, ok := m.patients[patient]
	return ok && p.owner == user
}

// remove takes a patient away, with its mappings.
func (m *model) remove(patient int) {
	delete(m.patients, patient)
	m.gone = append(m.gone, patient)
	maps.DeleteFunc(m.mappings, func(_ int, x modelMapping) bool { return x.patient == patient })
}

// actions are what users do, over GraphQL and REST.
func (m *model) actions() map[string]func(*rapid.T) {
	actions := map[string]func(){
		"create patient": func() {
			user, name := m.user(), m.name("Patient")
			id := m.change(user, `mutation($name: String!) { result: createPatient(input: {name: $name, email: "family@example.com", phone: "9876543210",
				dateOfBirth: "1990-05-15", address: "Pune", gender: FEMALE}) { id } }`, map[string]any{"name": name}, true)
			m.patients[id] = modelPatient{user, name}
		},
		"create patient by REST": func() {
			user, name := m.user(), m.name("Patient")
			status, reply := m.a.Send(m.tb, "POST", "/api/patients/", m.users[user].Token, fmt.Sprintf(`{"name":%q,"email":"family@example.com",
				"phone":"9876543210","date_of_birth":"1990-05-15","address":"Pune","gender":"female"}`, name))
			var in struct{ ID int }
			if err := json.Unmarshal([]byte(reply), &in); err != nil || status != http.StatusCreated {
				m.t.Fatalf("%d %s", status, reply)
			}
			m.patients[in.ID] = modelPatient{user, name}
		},
		"update patient": func() {
			user, id, name := m.user(), pick(m, "patient", m.patients), m.name("Patient")
			m.change(user, `mutation($id: ID!, $name: String!) { result: updatePatient(id: $id, input: {name: $name}) { id } }`, map[string]any{"id": id, "name": name}, m.owns(user, id), harness.NotFound)
			if m.owns(user, id) {
				m.patients[id] = modelPatient{user, name}
			}
		},
		"update patient by REST": func() {
			user, id, name := m.user(), pick(m, "patient", m.patients), m.name("Patient")
			m.rest(user, "PATCH", fmt.Sprintf("/api/patients/%d/", id), fmt.Sprintf(`{"name":%q}`, name), m.owns(user, id), http.StatusOK, http.StatusNotFound)
			if m.owns(user, id) {
				m.patients[id] = modelPatient{user, name}
			}
		},
		"delete patient": func() {
			user, id := m.user(), pick(m, "patient", m.patients)
			own := m.owns(user, id)
			m.change(user, `mutation($id: ID!) { result: deletePatient(id: $id) }`, map[string]any{"id": id}, own, harness.NotFound)
			if own {
				m.remove(id)
			}
		},
		"delete patient by REST": func() {
			user, id := m.user(), pick(m, "patient", m.patients)
			own := m.owns(user, id)
			m.rest(user, "DELETE", fmt.Sprintf("/api/patients/%d/", id), "", own, http.StatusNoContent, http.StatusNotFound)
			if own {
				m.remove(id)
			}
		},
		"create doctor": func() {
			user, name := m.user(), m.name("Dr")
			id := m.change(user, `mutation($name: String!, $license: String!) { result: createDoctor(input: {name: $name, email: "d@example.com", specialization: "Cardiology",
				licenseNumber: $license, experienceYears: 7, consultationFee: "1500"}) { id } }`, map[string]any{"name": name, "license": fmt.Sprint("L-", m.named)}, true)
			m.doctors[id] = name
		},
		"update doctor": func() {
			user, id, name := m.user(), pick(m, "doctor", m.doctors), m.name("Dr")
			_, known := m.doctors[id]
			m.change(user, `mutation($id: ID!, $name: String!) { result: updateDoctor(id: $id, input: {name: $name}) { id } }`, map[string]any{"id": id, "name": name}, known, harness.NotFound)
			if known {
				m.doctors[id] = name
			}
		},
		"delete doctor": func() {
			user, id := m.user(), pick(m, "doctor", m.doctors)
			_, known := m.doctors[id]
			free := true
			for _, x := range m.mappings {
				free = free && !(x.doctor == id && x.active && m.patients[x.patient].owner != user)
			}
			m.change(user, `mutation($id: ID!) { result: deleteDoctor(id: $id) }`, map[string]any{"id": id}, known && free, map[bool]string{true: harness.Conflict, false: harness.NotFound}[known])
			if known && free {
				delete(m.doctors, id)
				for n, x := range m.mappings {
					if x.doctor == id {
						x.active = false
						m.mappings[n] = x
					}
				}
			}
		},
		"assign": func() {
			user, patient, doctor := m.user(), pick(m, "patient", m.patients), pick(m, "doctor", m.doctors)
			_, known := m.doctors[doctor]
			var refusals []string
			if !known {
				refusals = append(refusals, harness.NotFound+":doctorId")
			}
			if !m.owns(user, patient) {
				refusals = append(refusals, harness.NotFoundPatient)
			}
			if slices.Contains(m.assigned(user, doctor), patient) {
				refusals = append(refusals, harness.Conflict)
			}
			id := m.change(user, `mutation($patient: ID!, $doctor: ID!) { result: assignDoctor(input: {patientId: $patient, doctorId: $doctor}) { id } }`,
				map[string]any{"patient": patient, "doctor": doctor}, refusals == nil, refusals...)
			if id != 0 {
				m.mappings[id] = modelMapping{patient, doctor, true}
			}
		},
		"unassign": func() {
			user, id := m.user(), pick(m, "mapping", m.mappings)
			x, known := m.mappings[id]
			own := known && m.owns(user, x.patient)
			m.change(user, `mutation($id: ID!) { result: unassignDoctor(id: $id) { id } }`, map[string]any{"id": id}, own, harness.NotFound)
			if own {
				x.active = false
				m.mappings[id] = x
			}
		},
		"note": func() {
			user, id := m.user(), pick(m, "mapping", m.mappings)
			x, known := m.mappings[id]
			m.change(user, `mutation($id: ID!) { result: updateMapping(id: $id, notes: "seen") { id } }`, map[string]any{"id": id}, known && m.owns(user, x.patient), harness.NotFound)
		},
		"read": func() {
			user, id := m.user(), pick(m, "patient", m.patients)
			data, codes := m.graphql(user, `query($id: ID!) { patient(id: $id) { name createdBy { email } } }`, map[string]any{"id": id})
			m.rest(user, "GET", fmt.Sprintf("/api/patients/%d/", id), "", m.owns(user, id), http.StatusOK, http.StatusNotFound)
			m.rest(user, "GET", fmt.Sprintf("/api/mappings/%d/", id), "", m.owns(user, id), http.StatusOK, http.StatusNotFound)
			if !m.owns(user, id) {
				if !slices.Equal(codes, []string{harness.NotFound}) {
					m.t.Fatalf("user %d reads patient %d: %v %v", user, id, data, codes)
				}
				return
			}
			want := map[string]any{"patient": map[string]any{"name": m.patients[id].name, "createdBy": map[string]any{"email": m.users[user].Email}}}
			m.same("a patient", data, want)
		},
	}
	wrapped := map[string]func(*rapid.T){"": func(t *rapid.T) { m.t = t; m.look() }}
	for name, action := range actions {
		wrapped[name] = func(t *rapid.T) { m.t = t; action() }
	}
	return wrapped
}

// rest sends a request that is done exactly if it is allowed.
func (m *model) rest(user int, method, path, body string, allowed bool, done, refused int) {
	want := refused
	if allowed {
		want = done
	}
	if status, reply := m.a.Send(m.tb, method, path, m.users[user].Token, body); status != want {
		m.t.Fatalf("user %d: %s %s: %d %s, want %d", user, method, path, status, reply, want)
	}
}

// same fails unless got and want are the same JSON.
func (m *model) same(what string, got, want any) {
	g, err := json.Marshal(got)
	w, errWant := json.Marshal(want)
	if err != nil || errWant != nil || string(g) != string(w) {
		m.t.Fatalf("%s:\ngot  %s\nwant %s", what, g, w)
	}
}

// look compares all that each user can see, along every road, with the model.
func (m *model) look() {
	for user, c := range m.users {
		data, codes := m.graphql(user, `{
			patients(first: 100) { totalCount nodes { id name mappings { id } doctors { id } } }
			assigned: patients(first: 100, filter: {assigned: true}) { totalCount nodes { id } }
			search: patients(first: 100, filter: {search: "Patient"}) { totalCount }
			mappings(first: 100) { totalCount nodes { id patient { id } } }
			active: mappings(first: 0, filter: {active: true}) { totalCount }
			doctors(first: 100) { nodes { id patients(first: 20) { totalCount nodes { id } } mappings(first: 0) { totalCount } } }
			viewer { id patients(first: 0) { totalCount } }
		}`, nil)
		if codes != nil {
			m.t.Fatalf("user %d looks: %v", user, codes)
		}
		own, assigned := m.visible(user), m.assigned(user, 0)
		m.same("patients", idsOf(data["patients"]), own)
		for _, n := range nodes(data["patients"]) {
			id := idOf(n)
			if n["name"] != m.patients[id].name {
				m.t.Fatalf("patient %d of user %d is called %v, want %s", id, user, n["name"], m.patients[id].name)
			}
			history, now := 0, 0
			for _, x := range m.mappings {
				if x.patient == id {
					history++
				}
				if x.patient == id && x.active {
					now++
				}
			}
			m.same("edges of a patient", []int{len(n["mappings"].([]any)), len(n["doctors"].([]any))}, []int{history, now})
		}
		m.same("assigned", idsOf(data["assigned"]), assigned)
		m.same("mappings", idsOf(data["mappings"]), m.mappingsOf(user, false))
		for _, n := range nodes(data["mappings"]) {
			if !m.owns(user, idOf(n["patient"].(map[string]any))) {
				m.t.Fatalf("user %d sees mapping %v", user, n)
			}
		}
		m.same("counts", []any{total(data["patients"]), total(data["assigned"]), total(data["search"]), total(data["mappings"]), total(data["active"])},
			[]int{len(own), len(assigned), len(own), len(m.mappingsOf(user, false)), len(m.mappingsOf(user, true))})
		m.same("the directory", idsOf(data["doctors"]), slices.Sorted(maps.Keys(m.doctors)))
		for _, n := range nodes(data["doctors"]) {
			id, history := idOf(n), 0
			for _, x := range m.mappings {
				if x.doctor == id && m.owns(user, x.patient) {
					history++
				}
			}
			m.same("patients of a doctor", idsOf(n["patients"]), m.assigned(user, id))
			m.same("counts of a doctor", []any{total(n["patients"]), total(n["mappings"])}, []int{len(m.assigned(user, id)), history})
		}
		for path, want := range map[string][]int{"/api/patients/": own, "/api/mappings/": m.mappingsOf(user, true)} {
			_, reply := m.a.Send(m.tb, "GET", path, c.Token, "")
			var rows []struct{ ID int }
			if err := json.Unmarshal([]byte(reply), &rows); err != nil {
				m.t.Fatal(err)
			}
			got := []int{}
			for _, r := range rows {
				got = append(got, r.ID)
			}
			slices.Sort(got)
			m.same(path, got, append([]int{}, want...))
		}
	}
}

func nodes(connection any) []map[string]any {
	var all []map[string]any
	for _, n := range connection.(map[string]any)["nodes"].([]any) {
		all = append(all, n.(map[string]any))
	}
	return all
}

func idOf(node map[string]any) int {
	id, _ := strconv.Atoi(node["id"].(string))
	return id
}

// idsOf returns the ids of a connection's nodes, in order.
func idsOf(connection any) []int {
	var all []int
	for _, n := range nodes(connection) {
		all = append(all, idOf(n))
	}
	slices.Sort(all)
	return all
}

func total(connection any) any { return connection.(map[string]any)["totalCount"] }

// TestNobodySeesOrChangesForeignRecords does anything that three users may try,
// in any order, over both doors, and compares what each of them sees after
// every step with a model. More sequences: -rapid.checks=500.
func TestNobodySeesOrChangesForeignRecords(t *testing.T) {
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		checks.Value.Set("12")
		defer checks.Value.Set(checks.DefValue)
	}
	if file := flag.Lookup("rapid.nofailfile"); file.Value.String() == file.DefValue {
		file.Value.Set("true") // what failed is in the output
		defer file.Value.Set(file.DefValue)
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		users := []harness.Caller{a.Register(t, "asha"), a.Register(t, "ben"), a.Register(t, "chandra")}
		rapid.Check(t, func(r *rapid.T) {
			for _, table := range []string{"mappings", "patients", "doctors"} {
				if _, err := db.Exec("DELETE FROM " + table); err != nil {
					r.Fatal(err)
				}
			}
			m := &model{t: r, tb: t, a: a, users: users, patients: map[int]modelPatient{}, doctors: map[int]string{}, mappings: map[int]modelMapping{}}
			r.Repeat(m.actions())
		})
	})
}
