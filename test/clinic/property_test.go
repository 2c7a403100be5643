package clinic_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// model is what the server must know, as simply as it can be said.
type model struct {
	t        *rapid.T
	tb       testing.TB // that requests belong to
	a        *harness.API
	users    []*modelUser
	doctors  []int
	clinics  int // that were made
	patients map[int]*modelPatient
	mappings map[int]*modelMapping
	accounts map[account]*modelUser
	written  []*modelInvitation
}

type modelUser struct {
	harness.Caller
	name   string
	doctor bool // by role
	clinic int
	admin  bool
}

type modelPatient struct {
	clinic  int
	account *modelUser
}

type modelMapping struct {
	patient, doctor int
	active          bool
}

// account is a doctor's account in a clinic.
type account struct{ clinic, doctor int }

type modelInvitation struct {
	id      int
	code    string
	by      *modelUser
	clinic  int
	role    string
	doctor  int
	patient int
	ended   bool
}

func (m *model) colleagues(u *modelUser) (list []*modelUser) {
	for _, other := range m.users {
		if other != u && other.clinic == u.clinic {
			list = append(list, other)
		}
	}
	return list
}

// seenAs returns how the user sees the patient, or nothing.
func (m *model) seenAs(u *modelUser, id int) string {
	p := m.patients[id]
	if p == nil {
		return ""
	}
	if p.clinic == u.clinic {
		return "CLINIC"
	}
	for _, x := range m.mappings {
		if x.patient == id && x.active && u.doctor && m.accounts[account{p.clinic, x.doctor}] == u {
			return "TREATING"
		}
	}
	if p.account == u {
		return "SELF"
	}
	return ""
}

// send executes a document with a field result, and returns what it has or the codes of
// its failures.
func (m *model) send(u *modelUser, document string, variables map[string]any) (result any, failures string) {
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		m.t.Fatal(err)
	}
	_, reply := m.a.Send(m.tb, "POST", "/graphql", u.Token, string(body))
	var in struct{ Data struct{ Result any } }
	if err := json.Unmarshal([]byte(reply), &in); err != nil {
		m.t.Fatal(err)
	}
	return in.Data.Result, strings.Join(harness.Failures(m.tb, reply), " ")
}

// try executes a mutation, which must fail so, or succeed if want is empty.
func (m *model) try(u *modelUser, want, document string, variables map[string]any) (result any, done bool) {
	result, got := m.send(u, document, variables)
	if got != want {
		m.t.Fatalf("%s: %s %v: got %v %q, want %q", u.name, document, variables, result, got, want)
	}
	return result, got == ""
}

func id(m *model, result any) int {
	object, _ := result.(map[string]any)
	n, err := strconv.Atoi(fmt.Sprint(object["id"]))
	if err != nil {
		m.t.Fatalf("no id in %v", result)
	}
	return n
}

func (m *model) user() *modelUser {
	return m.users[rapid.IntRange(0, len(m.users)-1).Draw(m.t, "user")]
}
func (m *model) doctor() int { return rapid.SampledFrom(m.doctors).Draw(m.t, "doctor") }
func (m *model) patient() int {
	return rapid.SampledFrom(append(slices.Sorted(maps.Keys(m.patients)), 987654321)).Draw(m.t, "patient")
}

// moveOut puts a member into a new clinic.
func (m *model) moveOut(u *modelUser) {
	m.cutOff(u)
	m.clinics++
	u.clinic, u.admin = m.clinics, true
}

func (m *model) cutOff(u *modelUser) {
	for _, i := range m.written {
		i.ended = i.ended || i.by == u && i.clinic == u.clinic
	}
	maps.DeleteFunc(m.accounts, func(a account, of *modelUser) bool { return of == u && a.clinic == u.clinic })
}

// lastAdmin tells whether members would be left without an admin.
func (m *model) lastAdmin(u *modelUser) bool {
	colleagues := m.colleagues(u)
	return u.admin && len(colleagues) > 0 && !slices.ContainsFunc(colleagues, func(o *modelUser) bool { return o.admin })
}

func (m *model) invite(i *modelInvitation, want, mutation string, variables map[string]any) {
	result, done := m.try(i.by, want, mutation, variables)
	if done {
		made := result.(map[string]any)
		i.code, i.id, i.clinic = made["code"].(string), id(m, made["invitation"]), i.by.clinic
		m.written = append(m.written, i)
	}
}

// can returns the failure of somebody who may not do what the clinic may with a patient.
func (m *model) can(u *modelUser, patient int, field string) string {
	switch m.seenAs(u, patient) {
	case "CLINIC":
		return ""
	case "":
		return strings.TrimSuffix("NOT_FOUND:"+field, ":")
	}
	return strings.TrimSuffix("FORBIDDEN:"+field, ":")
}

func (m *model) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"createPatient": func(*rapid.T) {
			u := m.user()
			result, _ := m.try(u, "", `mutation { result: createPatient(input: {name: "Arjun", phone: "9876543210", ageYears: 3, address: "Pune", gender: OTHER}) { id } }`, nil)
			m.patients[id(m, result)] = &modelPatient{clinic: u.clinic}
		},
		"deletePatient": func(*rapid.T) {
			u, p := m.user(), m.patient()
			if _, done := m.try(u, m.can(u, p, ""), `mutation($p: ID!) { result: deletePatient(id: $p) }`, map[string]any{"p": p}); done {
				delete(m.patients, p)
				maps.DeleteFunc(m.mappings, func(_ int, x *modelMapping) bool { return x.patient == p })
				for _, i := range m.written {
					i.ended = i.ended || i.patient == p
				}
			}
		},
		"assign": func(*rapid.T) {
			u, p, d := m.user(), m.patient(), m.doctor()
			want := m.can(u, p, "patientId")
			for _, x := range m.mappings {
				if want == "" && x.active && x.patient == p && x.doctor == d {
					want = "CONFLICT"
				}
			}
			if result, done := m.try(u, want, `mutation($p: ID!, $d: ID!) { result: assignDoctor(input: {patientId: $p, doctorId: $d, notes: "x"}) { id } }`, map[string]any{"p": p, "d": d}); done {
				m.mappings[id(m, result)] = &modelMapping{p, d, true}
			}
		},
		"unassign": func(*rapid.T) {
			if len(m.mappings) == 0 {
				return
			}
			u, of := m.user(), rapid.SampledFrom(slices.Sorted(maps.Keys(m.mappings))).Draw(m.t, "mapping")
			want := m.can(u, m.mappings[of].patient, "")
			if want == harness.Forbidden && !m.mappings[of].active {
				want = "" // which changes nothing
			}
			if _, done := m.try(u, want, `mutation($m: ID!) { result: unassignDoctor(id: $m) { id } }`, map[string]any{"m": of}); done {
				m.mappings[of].active = false
			}
		},
		"inviteMember": func(*rapid.T) {
			u, role := m.user(), rapid.SampledFrom([]string{"ADMIN", "MEMBER"}).Draw(m.t, "role")
			want := harness.Forbidden
			if u.admin {
				want = ""
			}
			m.invite(&modelInvitation{by: u, role: role}, want, `mutation($role: ClinicRole!) { result: inviteMember(role: $role) { code invitation { id } } }`, map[string]any{"role": role})
		},
		"inviteDoctor": func(*rapid.T) {
			u, d := m.user(), m.doctor()
			want := ""
			if m.accounts[account{u.clinic, d}] != nil {
				want = harness.Conflict
			}
			m.invite(&modelInvitation{by: u, doctor: d}, want, `mutation($d: ID!) { result: inviteDoctor(doctorId: $d) { code invitation { id } } }`, map[string]any{"d": d})
		},
		"invitePatient": func(*rapid.T) {
			u, p := m.user(), m.patient()
			want := m.can(u, p, "patientId")
			if want == "" && m.patients[p].account != nil {
				want = harness.Conflict
			}
			m.invite(&modelInvitation{by: u, patient: p}, want, `mutation($p: ID!) { result: invitePatient(patientId: $p) { code invitation { id } } }`, map[string]any{"p": p})
		},
		"accept": m.accept,
		"revoke": func(*rapid.T) {
			if len(m.written) == 0 {
				return
			}
			u, i := m.user(), m.written[rapid.IntRange(0, len(m.written)-1).Draw(m.t, "invitation")]
			want := harness.NotFound
			if !i.ended && i.clinic == u.clinic {
				want = ""
			}
			if _, done := m.try(u, want, `mutation($id: ID!) { result: revokeInvitation(id: $id) }`, map[string]any{"id": i.id}); done {
				i.ended = true
			}
		},
		"removeMember": func(*rapid.T) {
			u, other := m.user(), m.user()
			want := ""
			switch {
			case u == other:
				want = "BAD_USER_INPUT:userId"
			case !u.admin:
				want = harness.Forbidden
			case u.clinic != other.clinic:
				want = harness.NotFound
			}
			if _, done := m.try(u, want, `mutation($id: ID!) { result: removeMember(userId: $id) }`, map[string]any{"id": other.ID}); done {
				m.moveOut(other)
			}
		},
		"updateMember": func(*rapid.T) {
			u, other, role := m.user(), m.user(), rapid.SampledFrom([]string{"ADMIN", "MEMBER"}).Draw(m.t, "role")
			want := ""
			switch {
			case !u.admin:
				want = harness.Forbidden
			case u == other && role == "MEMBER" && (m.lastAdmin(u) || len(m.colleagues(u)) == 0):
				want = harness.Conflict
			case u.clinic != other.clinic:
				want = harness.NotFound
			}
			if _, done := m.try(u, want, `mutation($id: ID!, $role: ClinicRole!) { result: updateMember(userId: $id, role: $role) { id } }`, map[string]any{"id": other.ID, "role": role}); done {
				other.admin = role == "ADMIN"
				for _, i := range m.written {
					i.ended = i.ended || i.by == other && i.role != "" && !other.admin
				}
			}
		},
		"leave": func(*rapid.T) {
			u := m.user()
			want := ""
			if len(m.colleagues(u)) == 0 || m.lastAdmin(u) {
				want = harness.Conflict
			}
			if _, done := m.try(u, want, `mutation { result: leaveClinic { id } }`, nil); done {
				m.moveOut(u)
			}
		},
		"removeDoctorAccount": func(*rapid.T) {
			u, d := m.user(), m.doctor()
			want := harness.NotFound
			if m.accounts[account{u.clinic, d}] != nil {
				want = ""
			}
			if _, done := m.try(u, want, `mutation($d: ID!) { result: removeAccount(doctorId: $d) }`, map[string]any{"d": d}); done {
				delete(m.accounts, account{u.clinic, d})
			}
		},
		"removePatientAccount": func(*rapid.T) {
			u, p := m.user(), m.patient()
			want := m.can(u, p, "accountId")
			switch {
			case m.patients[p] != nil && m.patients[p].account == u:
				want = ""
			case want == "" && m.patients[p].account == nil:
				want = harness.NotFound
			}
			if want == "NOT_FOUND:accountId" {
				want = harness.NotFound
			}
			if _, done := m.try(u, want, `mutation($p: ID!) { result: removeAccount(patientId: $p) }`, map[string]any{"p": p}); done {
				m.patients[p].account = nil
			}
		},
		"": m.compare,
	}
}

// accept accepts any invitation that was ever written.
func (m *model) accept(*rapid.T) {
	if len(m.written) == 0 {
		return
	}
	u, i := m.user(), m.written[rapid.IntRange(0, len(m.written)-1).Draw(m.t, "invitation")]
	want := ""
	switch p := m.patients[i.patient]; {
	case i.ended:
		want = harness.NotFound
	case i.doctor != 0 && !u.doctor:
		want = harness.Forbidden
	case i.doctor != 0 && m.accounts[account{i.clinic, i.doctor}] != nil, p != nil && p.account != nil:
		want = harness.Conflict
	case i.role != "" && (i.clinic == u.clinic || m.lastAdmin(u)):
		want = harness.Conflict
	}
	if _, done := m.try(u, want, `mutation($code: String!) { result: acceptInvitation(code: $code) { id } }`, map[string]any{"code": i.code}); !done {
		return
	}
	i.ended = true
	switch {
	case i.doctor != 0:
		m.accounts[account{i.clinic, i.doctor}] = u
	case i.patient != 0:
		m.patients[i.patient].account = u
	default:
		m.join(u, i)
	}
}

func (m *model) join(u *modelUser, i *modelInvitation) {
	from := u.clinic
	if len(m.colleagues(u)) > 0 {
		m.cutOff(u)
	} else {
		for _, p := range m.patients {
			if p.clinic == from {
				p.clinic = i.clinic
			}
		}
		maps.DeleteFunc(m.accounts, func(a account, _ *modelUser) bool { return a.clinic == from })
		for _, other := range m.written {
			other.ended = other.ended || other.clinic == from
		}
	}
	u.clinic, u.admin = i.clinic, i.role == "ADMIN"
}

// compare asks the API what everybody sees.
func (m *model) compare(*rapid.T) {
	for _, u := range m.users {
		var want []string
		for _, p := range slices.Sorted(maps.Keys(m.patients)) {
			way := m.seenAs(u, p)
			if way == "" {
				continue
			}
			line := fmt.Sprintf("%d %s", p, way)
			for _, of := range slices.Sorted(maps.Keys(m.mappings)) {
				if x := m.mappings[of]; x.patient == p {
					line += fmt.Sprintf(" %d %t %t", of, x.active, way != "SELF")
				}
			}
			want = append(want, line)
		}
		members := []string{u.name}
		for _, other := range m.colleagues(u) {
			members = append(members, other.name)
		}
		slices.Sort(members)

		body, _ := json.Marshal(map[string]any{"query": `{ patients(first: 100) { totalCount nodes { id seenAs mappings { id isActive notes } } }
			mappings(first: 0) { totalCount } viewer { clinic { members { nodes { username } } } } }`})
		_, reply := m.a.Send(m.tb, "POST", "/graphql", u.Token, string(body))
		var in struct {
			Data struct {
				Patients struct {
					TotalCount int
					Nodes      []struct {
						ID, SeenAs string
						Mappings   []struct {
							ID       string
							IsActive bool
							Notes    *string
						}
					}
				}
				Mappings struct{ TotalCount int }
				Viewer   struct {
					Clinic struct {
						Members struct{ Nodes []struct{ Username string } }
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(reply), &in); err != nil {
			m.t.Fatal(err)
		}
		got, mappings := []string{}, 0
		slices.SortFunc(in.Data.Patients.Nodes, func(a, b struct {
			ID, SeenAs string
			Mappings   []struct {
				ID       string
				IsActive bool
				Notes    *string
			}
		},
		) int {
			return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
		})
		for _, p := range in.Data.Patients.Nodes {
			line := p.ID + " " + p.SeenAs
			slices.Reverse(p.Mappings) // the newest come first
			for _, x := range p.Mappings {
				line += fmt.Sprintf(" %s %t %t", x.ID, x.IsActive, x.Notes != nil)
				mappings++
			}
			got = append(got, line)
		}
		var with []string
		for _, n := range in.Data.Viewer.Clinic.Members.Nodes {
			with = append(with, n.Username)
		}
		slices.Sort(with)
		if !slices.Equal(got, want) || in.Data.Patients.TotalCount != len(want) || in.Data.Mappings.TotalCount != mappings || !slices.Equal(with, members) {
			m.t.Fatalf("%s sees %q of %d with %d mappings, and the members %q; want %q and %q\n%s", u.name, got, in.Data.Patients.TotalCount, in.Data.Mappings.TotalCount, with, want, members, reply)
		}
	}
}

// TestModel compares what everybody sees after random invitations, assignments and
// removals with a naive model. More sequences: -rapid.checks=500.
func TestModel(t *testing.T) {
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		checks.Value.Set("8")
		defer checks.Value.Set(checks.DefValue)
	}
	if file := flag.Lookup("rapid.nofailfile"); file.Value.String() == file.DefValue {
		file.Value.Set("true") // what failed is in the output
		defer file.Value.Set(file.DefValue)
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := &world{API: harness.New(t, db)}
		var users []modelUser
		for i, name := range []string{"asha", "ben", "chitra", "devi", "esha"} {
			role := []string{"doctor", "patient"}[i%3/2]
			users = append(users, modelUser{w.RegisterAs(t, name, role), name, role == "doctor", i + 1, true})
		}
		doctors := []int{w.CreateDoctor(t, users[0].Caller, "Dr. Rao", "R-1"), w.CreateDoctor(t, users[0].Caller, "Dr. Shah", "S-1")}
		w.Keep(t)
		rapid.Check(t, func(r *rapid.T) {
			w.Reset(t)
			m := &model{t: r, tb: t, a: w.API, doctors: doctors, clinics: len(users), patients: map[int]*modelPatient{}, mappings: map[int]*modelMapping{}, accounts: map[account]*modelUser{}}
			for _, u := range users {
				m.users = append(m.users, &u)
			}
			r.Repeat(m.actions())
		})
	})
}
