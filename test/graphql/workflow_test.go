package graphql_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestWorkflow runs the documented workflow from registration to the second
// assignment, and then every operation of the dashboards. Both databases
// answer the same.
func TestWorkflow(t *testing.T) {
	var transcripts [][]string
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		status, reply := a.Send(t, "POST", "/api/auth/register/", "", `{
    "username": "aniket",
    "email": "aniket@example.com",
    "password": "Aniket@123",
    "role": "patient"
}`)
		if want := `{"user":{"id":1,"username":"aniket","email":"aniket@example.com","phone":null,"role":"patient"},"message":"User registered successfully","tokens":{"refresh":"`; status != http.StatusCreated || !strings.HasPrefix(reply, want) {
			t.Fatalf("register: %d %s", status, reply)
		}
		aniket := harness.Caller{ID: 1, Email: "aniket@example.com", Token: a.Login(t, "Aniket@Example.com").Access}

		var transcript []string
		ids := map[string]any{}
		do := func(name, document, want string) {
			t.Helper()
			a.Expect(t, name, aniket, document, ids, want)
			transcript = append(transcript, want)
		}
		do("a patient without emergency contact", `mutation { createPatient(input: {
			name: "Vikram Singh", email: "vikram.singh@example.com", phone: "9123456780", dateOfBirth: "1985-03-15", gender: MALE, bloodGroup: B_POSITIVE, address: "Delhi", medicalHistory: "Hypertension"
		}) { id name email phone dateOfBirth gender bloodGroup address emergencyContact medicalHistory createdBy { email } } }`,
			`{"data":{"createPatient":{"id":"1","name":"Vikram Singh","email":"vikram.singh@example.com","phone":"9123456780","dateOfBirth":"1985-03-15","gender":"MALE","bloodGroup":"B_POSITIVE","address":"Delhi","emergencyContact":null,"medicalHistory":"Hypertension","createdBy":{"email":"aniket@example.com"}}}}`)
		do("a doctor without phone, address and availability", `mutation { createDoctor(input: {
			name: "Dr. Arjun Sharma", email: "arjun.sharma@example.com", specialization: "Cardiology", licenseNumber: "MCI-12345", experienceYears: 15, consultationFee: "1500.00"
		}) { id name phone specialization licenseNumber experienceYears consultationFee address availability } }`,
			`{"data":{"createDoctor":{"id":"1","name":"Dr. Arjun Sharma","phone":null,"specialization":"Cardiology","licenseNumber":"MCI-12345","experienceYears":15,"consultationFee":"1500.00","address":null,"availability":null}}}`)
		do("assign", `mutation { assignDoctor(input: {patientId: 1, doctorId: 1, notes: "Blood pressure, every month"}) { id notes isActive endedAt patient { name } doctor { name patients { totalCount } } } }`,
			`{"data":{"assignDoctor":{"id":"1","notes":"Blood pressure, every month","isActive":true,"endedAt":null,"patient":{"name":"Vikram Singh"},"doctor":{"name":"Dr. Arjun Sharma","patients":{"totalCount":1}}}}}`)
		do("unassign", `mutation { unassignDoctor(id: 1) { id isActive notes patient { doctors { name } } } }`,
			`{"data":{"unassignDoctor":{"id":"1","isActive":false,"notes":"Blood pressure, every month","patient":{"doctors":[]}}}}`)
		ended := a.Must(t, aniket, `{ mapping(id: 1) { endedAt updatedAt assignedDate } }`, nil)
		do("unassign again", `mutation { unassignDoctor(id: 1) { id isActive } }`, `{"data":{"unassignDoctor":{"id":"1","isActive":false}}}`)
		if again := a.Must(t, aniket, `{ mapping(id: 1) { endedAt updatedAt assignedDate } }`, nil); again != ended || strings.Contains(ended, `"endedAt":null`) {
			t.Errorf("after the second unassignment %s, before %s", again, ended)
		}
		do("assign again", `mutation { assignDoctor(input: {patientId: 1, doctorId: 1, notes: "Again"}) { id isActive } }`, `{"data":{"assignDoctor":{"id":"2","isActive":true}}}`)
		do("history", `{ patient(id: 1) { doctors { name } mappings { id isActive notes } } }`,
			`{"data":{"patient":{"doctors":[{"name":"Dr. Arjun Sharma"}],"mappings":[{"id":"2","isActive":true,"notes":"Again"},{"id":"1","isActive":false,"notes":"Blood pressure, every month"}]}}}`)

		for i := range 12 {
			id := a.CreatePatient(t, aniket, fmt.Sprint("Rohan ", i%5))
			if i%3 == 0 {
				a.Assign(t, aniket, id, 1)
			}
		}
		priya := a.CreatePatient(t, aniket, "Priya Agarwal")
		a.CreateDoctor(t, aniket, "Dr. Kavya Reddy", "MCI-12346")
		for _, op := range []struct {
			name      string
			variables map[string]any
		}{
			{"MyPatientsWithDoctors", map[string]any{"first": 5}},
			{"PatientChart", map[string]any{"id": 1}},
			{"DoctorCaseload", map[string]any{"doctorId": 1, "first": 3, "search": "rohan"}},
			{"DoctorDirectory", map[string]any{"maxFee": 1500, "minYears": 3, "specialization": []string{"Cardiology"}}},
			{"PatientSearch", map[string]any{"q": "ROHAN"}},
			{"Overview", nil},
			{"AssignDoctor", map[string]any{"input": map[string]any{"patientId": strconv.Itoa(priya), "doctorId": "2", "notes": "Regular check-up"}}},
		} {
			transcript = append(transcript, normal(a.Must(t, aniket, harness.Operation(t, op.name), op.variables)))
		}
		transcripts = append(transcripts, transcript)
		a.Expect(t, "assign twice", aniket, `mutation { assignDoctor(input: {patientId: 1, doctorId: 1}) { id } }`, nil, harness.Conflict)
	})
	for i := 1; i < len(transcripts); i++ {
		if !slices.Equal(transcripts[i], transcripts[0]) {
			t.Errorf("the databases answer differently:\n%s\n\n%s", strings.Join(transcripts[0], "\n"), strings.Join(transcripts[i], "\n"))
		}
	}
}

var (
	instants = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z`)
	cursors  = regexp.MustCompile(`"([cC]ursor|startCursor|endCursor)":"[^"]+"`)
)

// normal returns the reply without what differs from run to run.
func normal(reply string) string {
	return cursors.ReplaceAllString(instants.ReplaceAllString(reply, "<instant>"), `"$1":"<cursor>"`)
}

// TestParallelAssignments checks that of many assignments of one pair at once
// one succeeds and the others are conflicts.
func TestParallelAssignments(t *testing.T) {
	const attempts = 200
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		ids := map[string]any{"patient": a.CreatePatient(t, asha, "Arjun"), "doctor": a.CreateDoctor(t, asha, "Dr. Rao", "R-1")}
		outcomes := map[string]int{}
		for _, reply := range harness.Together(attempts, func(int) string {
			return a.Query(t, asha, `mutation($patient: ID!, $doctor: ID!) { assignDoctor(input: {patientId: $patient, doctorId: $doctor}) { id } }`, ids)
		}) {
			outcomes[strings.Join(harness.Failures(t, reply), " ")]++
		}
		if outcomes[""] != 1 || outcomes[harness.Conflict] != attempts-1 {
			t.Errorf("outcomes %v, want 1 success and %d conflicts", outcomes, attempts-1)
		}
		a.Expect(t, "count", asha, `{ mappings { totalCount } active: mappings(filter: {active: true}) { totalCount } }`, nil,
			`{"data":{"mappings":{"totalCount":1},"active":{"totalCount":1}}}`)
	})
}

// orderKeys are what a record is ordered by, as text that sorts alike.
var orderKeys = map[string]func(harness.Record) string{
	"CREATED_AT":       func(r harness.Record) string { return r.CreatedAt },
	"UPDATED_AT":       func(r harness.Record) string { return r.UpdatedAt },
	"ASSIGNED_DATE":    func(r harness.Record) string { return r.AssignedDate },
	"NAME":             func(r harness.Record) string { return strings.ToLower(r.Name) },
	"DATE_OF_BIRTH":    func(r harness.Record) string { return r.DateOfBirth },
	"EXPERIENCE_YEARS": func(r harness.Record) string { return fmt.Sprintf("%03d", r.ExperienceYears) },
	"CONSULTATION_FEE": func(r harness.Record) string { return fmt.Sprintf("%12s", r.ConsultationFee) },
}

// TestPagination checks that walking any list in any ordering, from either
// end, filtered or not, meets every record once and in order.
func TestPagination(t *testing.T) {
	const rows = 57
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, ben := a.Register(t, "asha"), a.Register(t, "ben")
		main := a.Fill(t, asha, rows, "A")
		a.Fill(t, ben, 5, "B")
		foreign := a.CreatePatient(t, ben, "Name n0")
		a.Assign(t, ben, foreign, main)

		var all struct {
			Data struct {
				Patients, Doctors, Mappings struct{ Nodes []harness.Record }
			}
		}
		a.Read(t, asha, `{
			patients(first: 100) { nodes { id name gender dateOfBirth createdAt updatedAt mappings(active: true) { id } } }
			doctors(first: 100) { nodes { id name experienceYears consultationFee createdAt } }
			mappings(first: 100) { nodes { id isActive assignedDate createdAt patient { id } } }
		}`, nil, &all)
		patients, doctors, mappings := all.Data.Patients.Nodes, all.Data.Doctors.Nodes, all.Data.Mappings.Nodes
		if len(patients) != rows || len(mappings) != rows {
			t.Fatalf("%d patients and %d mappings, want %d", len(patients), len(mappings), rows)
		}
		assigned := filtered(patients, func(r harness.Record) bool { return len(r.Mappings) > 0 })
		male := func(r harness.Record) bool { return r.Gender == "MALE" }

		zero := func(r harness.Record) bool { return strings.EqualFold(r.Name, "Name n0") }

		patientOrders := []string{"CREATED_AT", "UPDATED_AT", "NAME", "DATE_OF_BIRTH"}
		for _, list := range []struct {
			name, parent, field, filter string
			orders                      []string
			want                        []harness.Record
		}{
			{"patients", "", "patients", "", patientOrders, patients},
			{"patients filtered", "", "patients", "filter: {gender: [MALE], assigned: true}", patientOrders, filtered(assigned, male)},
			{"patients found", "", "patients", `filter: {search: "ame n0"}`, patientOrders, filtered(patients, zero)},
			{"doctors", "", "doctors", "", []string{"NAME", "EXPERIENCE_YEARS", "CONSULTATION_FEE", "CREATED_AT"}, doctors},
			{
				"doctors filtered", "", "doctors", "filter: {minExperienceYears: 3, search: \"dr.\"}",
				[]string{"NAME", "EXPERIENCE_YEARS", "CONSULTATION_FEE", "CREATED_AT"},
				filtered(doctors, func(r harness.Record) bool { return r.ExperienceYears >= 3 }),
			},
			{"mappings", "", "mappings", "", []string{"ASSIGNED_DATE", "CREATED_AT"}, mappings},
			{"mappings filtered", "", "mappings", "filter: {active: true}", []string{"ASSIGNED_DATE", "CREATED_AT"}, filtered(mappings, func(r harness.Record) bool { return r.IsActive })},
			{"viewer's patients", "viewer", "patients", "", patientOrders, patients},
			{"a doctor's patients", "doctor", "patients", "", patientOrders, assigned},
			{"a doctor's patients filtered", "doctor", "patients", "filter: {gender: [MALE]}", patientOrders, filtered(assigned, male)},
			{"a doctor's patients found", "doctor", "patients", `filter: {search: "ame n0"}`, patientOrders, filtered(assigned, zero)},
			{"a doctor's mappings", "doctor", "mappings", "", []string{"ASSIGNED_DATE", "CREATED_AT"}, mappings},
			{"a doctor's mappings filtered", "doctor", "mappings", "filter: {active: false}", []string{"ASSIGNED_DATE", "CREATED_AT"}, filtered(mappings, func(r harness.Record) bool { return !r.IsActive })},
		} {
			for _, order := range list.orders {
				for _, direction := range []string{"ASC", "DESC"} {
					t.Run(list.name+" "+order+" "+direction, func(t *testing.T) {
						want := sorted(list.want, orderKeys[order], direction == "DESC")
						arguments := fmt.Sprintf("orderBy: {field: %s, direction: %s} %s", order, direction, list.filter)
						page := func(size int, forward bool, at *string) harness.Connection {
							return a.Page(t, asha, list.parent, main, list.field, arguments, size, forward, at)
						}
						if len(want) < 10 || len(want) == rows && list.filter != "" {
							t.Fatalf("%d records prove little", len(want))
						}
						walk(t, page, want, 13, true)
						walk(t, page, want, 19, false)
					})
				}
			}
		}
	})
}

func filtered(records []harness.Record, keep func(harness.Record) bool) []harness.Record {
	return slices.DeleteFunc(slices.Clone(records), func(r harness.Record) bool { return !keep(r) })
}

// sorted returns the ids of the records in the order of key and id.
func sorted(records []harness.Record, key func(harness.Record) string, desc bool) []string {
	records = slices.Clone(records)
	slices.SortFunc(records, func(a, b harness.Record) int {
		if c := strings.Compare(key(a), key(b)); c != 0 {
			return c
		}
		return len(a.ID)*1000 + strings.Compare(a.ID, b.ID) - len(b.ID)*1000
	})
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = r.ID
	}
	if desc {
		slices.Reverse(ids)
	}
	return ids
}

// walk reads a list page after page, from the front or from the back.
func walk(t *testing.T, page func(size int, forward bool, at *string) harness.Connection, want []string, size int, forward bool) {
	t.Helper()
	var got []string
	var at *string
	for range len(want) + 2 {
		c := page(size, forward, at)
		if c.TotalCount != len(want) {
			t.Fatalf("totalCount is %d, want %d", c.TotalCount, len(want))
		}
		var ids []string
		for _, e := range c.Edges {
			ids = append(ids, e.Node.ID)
		}
		if len(ids) == 0 {
			t.Fatalf("an empty page after %d of %d", len(got), len(want))
		}
		first, last := c.Edges[0].Cursor, c.Edges[len(ids)-1].Cursor
		if c.PageInfo.StartCursor == nil || *c.PageInfo.StartCursor != first || c.PageInfo.EndCursor == nil || *c.PageInfo.EndCursor != last {
			t.Error("startCursor and endCursor are not those of the first and the last edge")
		}
		more, came, next := c.PageInfo.HasNextPage, c.PageInfo.HasPreviousPage, last
		got = append(got, ids...)
		if !forward {
			got = append(ids, got[:len(got)-len(ids)]...)
			more, came, next = came, more, first
		}
		if came != (at != nil) || more != (len(got) < len(want)) {
			t.Errorf("after %d of %d: hasNextPage %t, hasPreviousPage %t", len(got), len(want), c.PageInfo.HasNextPage, c.PageInfo.HasPreviousPage)
		}
		if at = &next; !more {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("forward %t by %d:\ngot  %v\nwant %v", forward, size, got, want)
	}
}

// TestCount checks that totalCount is exact whatever stands beside it.
func TestCount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		rao := a.CreateDoctor(t, asha, "Dr. Rao", "R-1")
		for i := range 25 {
			a.Assign(t, asha, a.CreatePatient(t, asha, fmt.Sprint("Patient n", i)), rao)
		}
		const empty = `"nodes":[],"edges":[],"pageInfo":{"hasNextPage":false,"hasPreviousPage":false,"startCursor":null,"endCursor":null}`
		for _, tt := range []struct{ name, document, want string }{
			{"alone", `{ patients { totalCount } }`, `{"data":{"patients":{"totalCount":25}}}`},
			{"beside a page", `{ patients(last: 1, filter: {search: "n2 patient"}) { totalCount nodes { name } } }`, `{"data":{"patients":{"totalCount":6,"nodes":[{"name":"Patient n2"}]}}}`},
			{"default page", `{ patients { pageInfo { hasNextPage } totalCount } }`, `{"data":{"patients":{"pageInfo":{"hasNextPage":true},"totalCount":25}}}`},
			{"first: 0", `{ patients(first: 0) { totalCount nodes { id } } }`, `{"data":{"patients":{"totalCount":25,"nodes":[]}}}`},
			{"last: 0", `{ doctors { nodes { patients(last: 0) { totalCount edges { cursor } } mappings(first: 0) { totalCount } } } }`, `{"data":{"doctors":{"nodes":[{"patients":{"totalCount":25,"edges":[]},"mappings":{"totalCount":25}}]}}}`},
			{
				"none match", `{ patients(filter: {search: "nobody"}) { totalCount nodes { id } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`,
				`{"data":{"patients":{"totalCount":0,` + empty + `}}}`,
			},
			{"an empty list of values matches none", `{ patients(filter: {gender: []}) { totalCount } }`, `{"data":{"patients":{"totalCount":0}}}`},
			{"too many", `{ patients(first: 101) { totalCount } }`, "BAD_USER_INPUT:first"},
			{"negative", `{ patients(last: -1) { totalCount } }`, "BAD_USER_INPUT:last"},
			{"both", `{ patients(first: 1, last: 1) { totalCount } }`, "BAD_USER_INPUT:last"},
			{"too many inside", `{ doctors { nodes { patients(first: 101) { totalCount } } } }`, "BAD_USER_INPUT:first"},
		} {
			a.Expect(t, tt.name, asha, tt.document, nil, tt.want)
		}
	})
}

// TestForgedCursors checks that a cursor holds for its ordering only and that
// none can be made up.
func TestForgedCursors(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		a.CreatePatient(t, asha, "Arjun")
		a.CreatePatient(t, asha, "Bela")
		rao := a.CreateDoctor(t, asha, "Dr. Rao", "R-1")
		c := a.Page(t, asha, "", 0, "patients", "", 1, true, nil)
		cursor := c.Edges[0].Cursor

		accepted := `query($at: Cursor) { patients(after: $at) { nodes { name } } }`
		a.Expect(t, "its own ordering", asha, accepted, map[string]any{"at": cursor}, `{"data":{"patients":{"nodes":[{"name":"Arjun"}]}}}`)
		a.Must(t, asha, `query($at: Cursor) { viewer { patients(after: $at, orderBy: {field: CREATED_AT, direction: DESC}) { totalCount } } }`, map[string]any{"at": cursor})
		for _, document := range []string{
			`query($at: Cursor) { patients(after: $at, orderBy: {field: CREATED_AT}) { totalCount } }`,
			`query($at: Cursor) { patients(after: $at, orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount } }`,
			`query($at: Cursor) { patients(after: $at, orderBy: {field: NAME}) { nodes { id } } }`,
			`query($at: Cursor) { doctors(after: $at) { nodes { id } } }`,
			`query($at: Cursor) { doctors(after: $at, orderBy: {field: CREATED_AT, direction: DESC}) { nodes { id } } }`,
			`query($at: Cursor) { mappings(after: $at) { nodes { id } } }`,
			`query($at: Cursor) { mappings(after: $at, orderBy: {field: CREATED_AT, direction: DESC}) { nodes { id } } }`,
			fmt.Sprintf(`query($at: Cursor) { doctor(id: %d) { mappings(after: $at) { nodes { id } } } }`, rao),
		} {
			a.Expect(t, document, asha, document, map[string]any{"at": cursor}, "BAD_USER_INPUT:after")
			a.Expect(t, document, asha, strings.ReplaceAll(document, "after:", "before:"), map[string]any{"at": cursor}, "BAD_USER_INPUT:before")
		}

		forged := []string{"", "AAAA", "null", "1", strings.Repeat("A", len(cursor)), strings.Repeat("A", 10_000), cursor + "A", cursor + "=", " " + cursor, cursor + "\n", "\x00", "Ärzte"}
		for i := range cursor {
			forged = append(forged, cursor[:i])
			altered := byte('A')
			if cursor[i] == 'A' {
				altered = 'B'
			}
			forged = append(forged, cursor[:i]+string(altered)+cursor[i+1:])
		}
		random := rand.New(rand.NewPCG(1, 2))
		for range 50 {
			text := make([]byte, random.IntN(100))
			for i := range text {
				text[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[random.IntN(64)]
			}
			forged = append(forged, string(text))
		}
		for i, at := range forged {
			name := []string{"after", "before"}[i%2]
			a.Expect(t, fmt.Sprintf("%q", at), asha, "query($at: Cursor) { patients("+name+": $at) { totalCount } }", map[string]any{"at": at}, "BAD_USER_INPUT:"+name)
		}
	})
}

// TestAliases checks that one edge can be asked for several times with other
// arguments, also where nodes and edges show the same records.
func TestAliases(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		arjun, bela := a.CreatePatient(t, asha, "Arjun"), a.CreatePatient(t, asha, "Bela")
		rao, shah := a.CreateDoctor(t, asha, "Dr. Rao", "R-1"), a.CreateDoctor(t, asha, "Dr. Shah", "S-1")
		ended := a.Assign(t, asha, arjun, rao)
		a.Must(t, asha, `mutation($id: ID!) { unassignDoctor(id: $id) { id } }`, map[string]any{"id": ended})
		a.Assign(t, asha, arjun, shah)
		a.Assign(t, asha, bela, shah)
		for _, tt := range []struct{ name, document, want string }{
			{
				"lists with other arguments", `{ doctors(filter: {search: "shah"}) { nodes {
					first: patients(first: 1, orderBy: {field: NAME}) { totalCount nodes { name } }
					last: patients(last: 1, orderBy: {field: NAME}) { totalCount nodes { name } }
					bela: patients(filter: {search: "bela"}) { totalCount nodes { name } }
					none: patients(first: 0) { totalCount }
				} } }`,
				`{"data":{"doctors":{"nodes":[{"first":{"totalCount":2,"nodes":[{"name":"Arjun"}]},"last":{"totalCount":2,"nodes":[{"name":"Bela"}]},"bela":{"totalCount":1,"nodes":[{"name":"Bela"}]},"none":{"totalCount":2}}]}}}`,
			},
			{
				"one edge", `{ patients(filter: {search: "arjun"}) { nodes { all: mappings { doctor { name } } on: mappings(active: true) { doctor { name } } off: mappings(active: false) { doctor { name } } } } }`,
				`{"data":{"patients":{"nodes":[{"all":[{"doctor":{"name":"Dr. Shah"}},{"doctor":{"name":"Dr. Rao"}}],"on":[{"doctor":{"name":"Dr. Shah"}}],"off":[{"doctor":{"name":"Dr. Rao"}}]}]}}}`,
			},
			{
				"nodes beside edges", `{ patients(filter: {search: "arjun"}) {
					nodes { x: mappings(active: true) { doctor { name } } } edges { node { x: mappings(active: false) { doctor { licenseNumber } } } }
					again: edges { node { x: doctors { name } } other: node { x: createdBy { username } } } more: nodes { x: name }
				} }`,
				`{"data":{"patients":{"nodes":[{"x":[{"doctor":{"name":"Dr. Shah"}}]}],"edges":[{"node":{"x":[{"doctor":{"licenseNumber":"R-1"}}]}}],"again":[{"node":{"x":[{"name":"Dr. Shah"}]},"other":{"x":{"username":"asha"}}}],"more":[{"x":"Arjun"}]}}}`,
			},
			{
				"fragments", `query { patients(filter: {search: "arjun"}) { ...A ...B } } fragment A on PatientConnection { nodes { name mappings(active: true) { isActive } } } fragment B on PatientConnection { nodes { phone mappings(active: true) { doctor { name } } } }`,
				`{"data":{"patients":{"nodes":[{"name":"Arjun","mappings":[{"isActive":true,"doctor":{"name":"Dr. Shah"}}],"phone":"9876543210"}]}}}`,
			},
			{
				"directives", `query($no: Boolean! = false) { patients(filter: {search: "arjun"}) { nodes { name @skip(if: true) doctors @include(if: $no) { name } phone } } }`,
				`{"data":{"patients":{"nodes":[{"phone":"9876543210"}]}}}`,
			},
			{
				"records of before, with other edges and columns", fmt.Sprintf(`{ patient(id: %d) {
					doctors { name patients(filter: {search: "bela"}) { totalCount } } mappings { doctor { name patients { totalCount } } }
					on: mappings(active: true) { doctor { name licenseNumber patient: patients(last: 1, orderBy: {field: NAME}) { nodes { name createdBy { username } } } } }
				} }`, arjun),
				`{"data":{"patient":{"doctors":[{"name":"Dr. Shah","patients":{"totalCount":1}}],"mappings":[{"doctor":{"name":"Dr. Shah","patients":{"totalCount":2}}},{"doctor":{"name":"Dr. Rao","patients":{"totalCount":0}}}],"on":[{"doctor":{"name":"Dr. Shah","licenseNumber":"S-1","patient":{"nodes":[{"name":"Bela","createdBy":{"username":"asha"}}]}}}]}}}`,
			},
			{
				"records that others read at the same time", fmt.Sprintf(`query { a: patient(id: %[1]d) { ...Doctors } b: patient(id: %[1]d) { ...Mappings } c: patient(id: %[2]d) { ...Doctors } d: patient(id: %[2]d) { ...Mappings } }
					fragment Doctors on Patient { doctors { name patients(first: 0) { totalCount } } }
					fragment Mappings on Patient { mappings(active: true) { doctor { name mappings(first: 0) { totalCount } } } }`, arjun, bela),
				`{"data":{"a":{"doctors":[{"name":"Dr. Shah","patients":{"totalCount":2}}]},"b":{"mappings":[{"doctor":{"name":"Dr. Shah","mappings":{"totalCount":2}}}]},"c":{"doctors":[{"name":"Dr. Shah","patients":{"totalCount":2}}]},"d":{"mappings":[{"doctor":{"name":"Dr. Shah","mappings":{"totalCount":2}}}]}}}`,
			},
			{
				"result of a mutation", fmt.Sprintf(`mutation { updatePatient(id: %d, input: {}) { a: mappings(active: true) { isActive } b: mappings(active: false) { isActive } doctors { name } } }`, arjun),
				`{"data":{"updatePatient":{"a":[{"isActive":true}],"b":[{"isActive":false}],"doctors":[{"name":"Dr. Shah"}]}}}`,
			},
		} {
			a.Expect(t, tt.name, asha, tt.document, nil, tt.want)
		}
	})
}

// TestMutationIsOneTransaction checks that an operation whose last field fails
// stores nothing.
func TestMutationIsOneTransaction(t *testing.T) {
	const doctor = `createDoctor(input: {name: "Dr. Rao", email: "r@example.com", specialization: "X", licenseNumber: "R-1", experienceYears: 1, consultationFee: 1}) { id }`
	const patient = `createPatient(input: {name: "Arjun", email: "a@example.com", phone: "9876543210", dateOfBirth: "2001-01-31", address: "Pune", gender: MALE}) { id }`
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		for _, tt := range []struct{ document, want string }{
			{`mutation { ` + patient + ` assignDoctor(input: {patientId: 1, doctorId: 9}) { id } }`, harness.NotFound + ":doctorId"},
			{`mutation { a: ` + doctor + ` b: ` + doctor + ` }`, harness.Conflict + ":licenseNumber"},
			{`mutation { ` + doctor + ` deletePatient(id: 99) }`, harness.NotFound},
			{`mutation { ` + patient + ` register(input: {username: "ben", email: "bad", password: "Aniket@123", role: PATIENT}) { access } }`, "TOO_COMPLEX"},
			{`mutation { register(input: {username: "ben", email: "ben@example.com", password: "Aniket@123", role: PATIENT}) { access } ` + patient + ` deletePatient(id: 99) }`, "TOO_COMPLEX"},
		} {
			a.Expect(t, tt.document, asha, tt.document, nil, tt.want)
			for _, table := range []string{"patients", "doctors", "mappings", "users"} {
				want := 0
				if table == "users" {
					want = 1
				}
				if n := a.Count(t, table); n != want {
					t.Errorf("%s left %d rows in %s, want %d", tt.document, n, table, want)
				}
			}
		}
		a.Must(t, asha, `mutation { `+doctor+` `+patient+` }`, nil)
		if a.Count(t, "patients") != 1 || a.Count(t, "doctors") != 1 {
			t.Error("an operation without a failure did not store both records")
		}
	})
}

// TestSearch checks that search takes every script without regard to case, and
// its text for nothing but text.
func TestSearch(t *testing.T) {
	names := []string{"अर्जुन शर्मा", "\u092b\u093c\u093e\u0924\u093f\u092e\u093e", "ΑΛΈΞΑΝΔΡΟΣ", "Jörg Straße", "100% Real", "under_score", `back\slash`, "O'Brien", `quo"te`}
	tests := []struct {
		search string
		want   []string
	}{
		{"अर्जुन", names[:1]},
		{"शर्मा", names[:1]},
		{"\u095e\u093e\u0924\u093f\u092e\u093e", names[1:2]}, // composed otherwise
		{"αλέξανδρος", names[2:3]},
		{"STRASSE", names[3:4]},
		{"straße", names[3:4]},
		{"JÖRG", names[3:4]},
		{"jo\u0308rg", names[3:4]},
		{"%", names[4:5]},
		{"0% r", names[4:5]},
		{"_", names[5:6]},
		{`\`, names[6:7]},
		{`\_`, nil},
		{"%%", nil},
		{"'", nil}, // which is left out of names
		{"o'b", names[7:8]},
		{"OBRI", names[7:8]},
		{`"`, names[8:9]},
		{"U%E", nil},
		{"  real  ", names[4:5]},
		{"", names},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		for i, name := range names {
			patient := a.CreatePatient(t, asha, name)
			a.Assign(t, asha, patient, a.CreateDoctor(t, asha, name, fmt.Sprint("R-", i)))
		}
		for _, tt := range tests {
			var in struct {
				Data struct {
					Patients, Doctors struct{ Nodes []struct{ Name string } }
					Mappings          struct {
						Nodes []struct{ Patient struct{ Name string } }
					}
				}
			}
			a.Read(t, asha, `query($q: String) {
				patients(filter: {search: $q}, orderBy: {field: CREATED_AT}) { nodes { name } }
				doctors(filter: {search: $q}, orderBy: {field: CREATED_AT}) { nodes { name } }
				mappings(filter: {search: $q}, orderBy: {field: CREATED_AT}) { nodes { patient { name } } }
			}`, map[string]any{"q": tt.search}, &in)
			var patients, doctors, mappings []string
			for _, n := range in.Data.Patients.Nodes {
				patients = append(patients, n.Name)
			}
			for _, n := range in.Data.Doctors.Nodes {
				doctors = append(doctors, n.Name)
			}
			for _, n := range in.Data.Mappings.Nodes {
				mappings = append(mappings, n.Patient.Name)
			}
			if !slices.Equal(patients, tt.want) || !slices.Equal(doctors, tt.want) || !slices.Equal(mappings, tt.want) {
				t.Errorf("%q finds the patients %q, the doctors %q and the assignments of %q, want %q", tt.search, patients, doctors, mappings, tt.want)
			}
		}
		a.Expect(t, "phone", asha, `{ patients(filter: {search: "+91 98765 43210"}, first: 0) { totalCount } }`, nil, fmt.Sprintf(`{"data":{"patients":{"totalCount":%d}}}`, len(names)))
		a.Expect(t, "email", asha, `{ patients(filter: {search: "FAMILY@"}, first: 0) { totalCount } }`, nil, fmt.Sprintf(`{"data":{"patients":{"totalCount":%d}}}`, len(names)))
		a.Expect(t, "specialization", asha, `{ doctors(filter: {search: "CARDIO"}, first: 0) { totalCount } }`, nil, fmt.Sprintf(`{"data":{"doctors":{"totalCount":%d}}}`, len(names)))
	})
}

// TestUpdates checks what an update changes: what is given, and no more.
func TestUpdates(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		patient := a.Create(t, asha, `mutation { result: createPatient(input: {
			name: "Arjun", email: "A@Example.com", phone: "+91 98765-43210", dateOfBirth: "1990-05-15", address: "Pune", gender: MALE,
			bloodGroup: AB_NEGATIVE, emergencyContact: "Ravi", medicalHistory: ""
		}) { id } }`, nil)
		doctor := a.Create(t, asha, `mutation { result: createDoctor(input: {
			name: "  Dr. Rao ", email: "R@Example.com", phone: "09876543210", specialization: "Neurology", licenseNumber: " mci/12-a ", experienceYears: 0,
			consultationFee: 0, address: "Delhi", availability: "Mon"
		}) { id } }`, nil)
		mapping := a.Assign(t, asha, patient, doctor)
		ids := map[string]any{"patient": patient, "doctor": doctor, "mapping": mapping}
		a.Must(t, asha, `mutation($mapping: ID!) { updateMapping(id: $mapping, notes: "kept") { id } }`, ids)
		const patientFields = ` { name email phone dateOfBirth address gender bloodGroup emergencyContact medicalHistory } }`
		const doctorFields = ` { name email phone specialization licenseNumber experienceYears consultationFee address availability } }`
		for _, tt := range []struct{ name, document, want string }{
			{
				"as created", `query($patient: ID!) { patient(id: $patient)` + patientFields,
				`{"data":{"patient":{"name":"Arjun","email":"a@example.com","phone":"9876543210","dateOfBirth":"1990-05-15","address":"Pune","gender":"MALE","bloodGroup":"AB_NEGATIVE","emergencyContact":"Ravi","medicalHistory":""}}}`,
			},
			{
				"nothing given", `mutation($patient: ID!) { updatePatient(id: $patient, input: {})` + patientFields,
				`{"data":{"updatePatient":{"name":"Arjun","email":"a@example.com","phone":"9876543210","dateOfBirth":"1990-05-15","address":"Pune","gender":"MALE","bloodGroup":"AB_NEGATIVE","emergencyContact":"Ravi","medicalHistory":""}}}`,
			},
			{
				"some given", `mutation($patient: ID!) { updatePatient(id: $patient, input: {bloodGroup: null, medicalHistory: null, phone: "0091 (98765) 43219", gender: OTHER})` + patientFields,
				`{"data":{"updatePatient":{"name":"Arjun","email":"a@example.com","phone":"9876543219","dateOfBirth":"1990-05-15","address":"Pune","gender":"OTHER","bloodGroup":null,"emergencyContact":"Ravi","medicalHistory":null}}}`,
			},
			{
				"doctor as created", `query($doctor: ID!) { doctor(id: $doctor)` + doctorFields,
				`{"data":{"doctor":{"name":"Dr. Rao","email":"r@example.com","phone":"9876543210","specialization":"Neurology","licenseNumber":"MCI/12-A","experienceYears":0,"consultationFee":"0.00","address":"Delhi","availability":"Mon"}}}`,
			},
			{
				"doctor, some given", `mutation($doctor: ID!) { updateDoctor(id: $doctor, input: {phone: null, address: null, availability: null, consultationFee: "100000.00", licenseNumber: "mci-7"})` + doctorFields,
				`{"data":{"updateDoctor":{"name":"Dr. Rao","email":"r@example.com","phone":null,"specialization":"Neurology","licenseNumber":"MCI-7","experienceYears":0,"consultationFee":"100000.00","address":null,"availability":null}}}`,
			},
			{"notes left out", `mutation($mapping: ID!) { updateMapping(id: $mapping) { notes } }`, `{"data":{"updateMapping":{"notes":"kept"}}}`},
			{"notes by a variable that is left out", `mutation($mapping: ID!, $notes: String) { updateMapping(id: $mapping, notes: $notes) { notes } }`, `{"data":{"updateMapping":{"notes":"kept"}}}`},
			{"notes null", `mutation($mapping: ID!) { updateMapping(id: $mapping, notes: null) { notes } }`, `{"data":{"updateMapping":{"notes":null}}}`},
		} {
			a.Expect(t, tt.name, asha, tt.document, ids, tt.want)
		}
		a.Expect(t, "null on what is required", asha, `mutation($patient: ID!) { updatePatient(id: $patient, input: {name: null, email: null, phone: null, dateOfBirth: null, address: null, gender: null, bloodGroup: null}) { id } }`, ids,
			"BAD_USER_INPUT:name", "BAD_USER_INPUT:phone", "BAD_USER_INPUT:dateOfBirth", "BAD_USER_INPUT:address", "BAD_USER_INPUT:gender")
		a.Expect(t, "null and invalid", asha, `mutation($doctor: ID!) { updateDoctor(id: $doctor, input: {name: null, email: "x", specialization: null, licenseNumber: null, experienceYears: null, consultationFee: null, phone: "1"}) { id } }`, ids,
			"BAD_USER_INPUT:name", "BAD_USER_INPUT:specialization", "BAD_USER_INPUT:licenseNumber", "BAD_USER_INPUT:experienceYears", "BAD_USER_INPUT:consultationFee", "BAD_USER_INPUT:email", "BAD_USER_INPUT:phone")
		a.CreateDoctor(t, asha, "Dr. Shah", "S-1")
		a.Expect(t, "license of another", asha, `mutation($doctor: ID!) { updateDoctor(id: $doctor, input: {licenseNumber: "s-1"}) { id } }`, ids, harness.Conflict+":licenseNumber")
		a.Expect(t, "own license", asha, `mutation($doctor: ID!) { updateDoctor(id: $doctor, input: {licenseNumber: "mci-7"}) { licenseNumber } }`, ids, `{"data":{"updateDoctor":{"licenseNumber":"MCI-7"}}}`)
	})
}

// TestValues checks what the values of records are read as, and which are
// refused; a refusal names the field.
func TestValues(t *testing.T) {
	now := harness.Today()
	day := func(years, days int) string { return now.AddDate(-years, 0, days).Format(time.DateOnly) }
	long := func(n int) string { return strings.Repeat("अ", n) }
	refused := func(field string) string { return "BAD_USER_INPUT:" + field }
	patientTests := []struct {
		field string
		value any
		want  string // as it is read back, or the failure
	}{
		{"name", "  Arjun ", "Arjun"},
		{"name", long(100), long(100)},
		{"name", long(101), refused("name")},
		{"name", " \t ", refused("name")},
		{"email", " Arjun@Example.COM ", "arjun@example.com"},
		{"email", "अर्जुन@example.com", "अर्जुन@example.com"},
		{"email", "arjun", refused("email")},
		{"email", "arjun@example", refused("email")},
		{"email", "Arjun <arjun@example.com>", refused("email")},
		{"email", strings.Repeat("a", 243) + "@example.com", refused("email")},
		{"phone", "+91 98765 43210", "9876543210"},
		{"phone", "09876543210", "9876543210"},
		{"phone", "98765-43210", "9876543210"},
		{"phone", "919876543210", "9876543210"},
		{"phone", "0091-9876543210", "9876543210"},
		{"phone", "987654321", refused("phone")},
		{"phone", "98765432101", refused("phone")},
		{"phone", "+1 9876543210", "+19876543210"},
		{"phone", "+1 98765432101", refused("phone")},
		{"phone", "९८७६५४३२१०", "9876543210"},
		{"phone", "", refused("phone")},
		{"dateOfBirth", "2024-02-29", "2024-02-29"},
		{"dateOfBirth", "1880-01-01", "1880-01-01"},
		{"dateOfBirth", day(0, 0), day(0, 0)},
		{"dateOfBirth", day(0, 1), refused("dateOfBirth")},
		{"dateOfBirth", "1879-12-31", refused("dateOfBirth")},
		{"dateOfBirth", "2024-02-30", refused("dateOfBirth")},
		{"dateOfBirth", "2023-02-29", refused("dateOfBirth")},
		{"dateOfBirth", "15-05-1990", refused("dateOfBirth")},
		{"dateOfBirth", "1990-5-15", "1990-05-15"},
		{"dateOfBirth", "1990-05-15T00:00:00Z", refused("dateOfBirth")},
		{"dateOfBirth", "", refused("dateOfBirth")},
		{"dateOfBirth", 19900515, refused("dateOfBirth")},
		{"address", "", refused("address")},
		{"address", long(20_000), long(20_000)},
		{"address", long(20_001), refused("address")},
		{"medicalHistory", long(20_001), refused("medicalHistory")},
		{"emergencyContact", long(20_001), refused("emergencyContact")},
	}
	doctorTests := []struct {
		field string
		value any
		want  string
	}{
		{"consultationFee", "0.1", "0.10"},
		{"consultationFee", 1500, "1500.00"},
		{"consultationFee", json.Number("1500.00"), "1500.00"},
		{"consultationFee", "1500.00", "1500.00"},
		{"consultationFee", "1e3", "1000.00"},
		{"consultationFee", json.Number("0.07"), "0.07"},
		{"consultationFee", json.Number("99999.99"), "99999.99"},
		{"consultationFee", "100000", "100000.00"},
		{"consultationFee", "-0", "0.00"},
		{"consultationFee", json.Number("0.005"), refused("consultationFee")},
		{"consultationFee", "0.005", refused("consultationFee")},
		{"consultationFee", "100000.01", refused("consultationFee")},
		{"consultationFee", "-0.01", refused("consultationFee")},
		{"consultationFee", "1,500", refused("consultationFee")},
		{"consultationFee", "NaN", refused("consultationFee")},
		{"consultationFee", "Infinity", refused("consultationFee")},
		{"consultationFee", "1e400", refused("consultationFee")},
		{"consultationFee", "0x1ep1", refused("consultationFee")},
		{"consultationFee", strings.Repeat("9", 400), refused("consultationFee")},
		{"consultationFee", "", refused("consultationFee")},
		{"consultationFee", true, refused("consultationFee")},
		{"experienceYears", 70, "70"},
		{"experienceYears", 71, refused("experienceYears")},
		{"experienceYears", -1, refused("experienceYears")},
		{"licenseNumber", " mci 12/a-b ", "MCI 12/A-B"},
		{"licenseNumber", "MCI", refused("licenseNumber")},
		{"licenseNumber", "M1", refused("licenseNumber")},
		{"licenseNumber", "MCI_1", refused("licenseNumber")},
		{"licenseNumber", strings.Repeat("1", 51), refused("licenseNumber")},
		{"specialization", "", refused("specialization")},
		{"specialization", long(101), refused("specialization")},
		{"availability", long(200), long(200)},
		{"availability", long(201), refused("availability")},
		{"phone", "12", refused("phone")},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		patient := map[string]any{"name": "Arjun", "email": "a@example.com", "phone": "9876543210", "dateOfBirth": "1990-05-15", "address": "Pune", "gender": "MALE"}
		check := func(mutation, input string, values map[string]any, field string, value any, want string) {
			t.Helper()
			values[field] = value
			document := fmt.Sprintf("mutation($input: %s!) { result: %s(input: $input) { value: %s } }", input, mutation, field)
			reply := a.Query(t, asha, document, map[string]any{"input": values})
			var in struct {
				Data struct{ Result struct{ Value any } }
			}
			if strings.HasPrefix(want, "BAD_USER_INPUT") {
				if got := harness.Failures(t, reply); !slices.Equal(got, []string{want}) {
					t.Errorf("%s %.40v: got %.300s, want %s", field, value, reply, want)
				}
			} else if err := json.Unmarshal([]byte(reply), &in); err != nil || fmt.Sprint(in.Data.Result.Value) != want {
				t.Errorf("%s %.40v: got %.300s, want %.300s", field, value, reply, want)
			}
		}
		for _, tt := range patientTests {
			values := map[string]any{}
			for k, v := range patient {
				values[k] = v
			}
			check("createPatient", "CreatePatientInput", values, tt.field, tt.value, tt.want)
		}
		for i, tt := range doctorTests {
			check("createDoctor", "CreateDoctorInput", map[string]any{
				"name": "Dr. Rao", "email": "r@example.com", "specialization": "X", "licenseNumber": fmt.Sprint("R-", i), "experienceYears": 1, "consultationFee": 1,
			}, tt.field, tt.value, tt.want)
		}
		a.Expect(t, "numbers written in the document", asha, `mutation { a: createDoctor(input: {name: "Dr.", email: "r@example.com", specialization: "X", licenseNumber: "L-1", experienceYears: 1, consultationFee: 1500.10}) { consultationFee }
			b: createDoctor(input: {name: "Dr.", email: "r@example.com", specialization: "X", licenseNumber: "L-2", experienceYears: 1, consultationFee: 1e3}) { consultationFee } }`, nil,
			`{"data":{"a":{"consultationFee":"1500.10"},"b":{"consultationFee":"1000.00"}}}`)
		a.Expect(t, "all at once", asha, `mutation { createPatient(input: {name: "", email: "x", phone: "1", dateOfBirth: "2024-02-30", address: "", gender: MALE, bloodGroup: null}) { id } }`, nil,
			refused("address"), refused("dateOfBirth"), refused("email"), refused("name"), refused("phone"))
		a.Expect(t, "all of a doctor at once", asha, `mutation { createDoctor(input: {name: "", email: "x", phone: "1", specialization: "", licenseNumber: "!", experienceYears: 71, consultationFee: 0.005}) { id } }`, nil,
			refused("consultationFee"), refused("email"), refused("experienceYears"), refused("licenseNumber"), refused("name"), refused("phone"), refused("specialization"))
		for _, tt := range []struct {
			birth string
			want  int
		}{{day(30, 0), 30}, {day(30, 1), 29}, {day(30, -1), 30}, {day(0, 0), 0}} {
			values := map[string]any{"dateOfBirth": tt.birth}
			for k, v := range patient {
				if k != "dateOfBirth" {
					values[k] = v
				}
			}
			a.Expect(t, "age of "+tt.birth, asha, `mutation($input: CreatePatientInput!) { createPatient(input: $input) { age } }`, map[string]any{"input": values},
				fmt.Sprintf(`{"data":{"createPatient":{"age":%d}}}`, tt.want))
		}
	})
}

// TestErrorLocations checks that an error tells which field of the document it
// is about, however deep that is. Its path is that of the root field, which is
// null.
func TestErrorLocations(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		arjun := a.CreatePatient(t, asha, "Arjun")
		for _, tt := range []struct{ document, field, path string }{
			{`{ patients(after: "bad") { totalCount } }`, "patients(after", "patients"},
			{`{ viewer { username patients(after: "bad") { totalCount } } }`, "patients(after", "viewer"},
			{`{ viewer { patients { totalCount } old: patients(after: "bad") { totalCount } } }`, "old: patients", "viewer"},
			{`query($id: ID!) { me: patient(id: $id) { createdBy { id patients(after: "bad") { nodes { id } } } } }`, "patients(after", "me"},
			{`mutation($id: ID!) { updatePatient(id: $id, input: {}) { createdBy { patients(after: "bad") { totalCount } } } }`, "patients(after", "updatePatient"},
		} {
			reply := a.Query(t, asha, tt.document, map[string]any{"id": arjun})
			want := fmt.Sprintf(`"path":[%q],"locations":[{"line":1,"column":%d}],"extensions":{"code":"BAD_USER_INPUT","field":"after"}}]`, tt.path, strings.Index(tt.document, tt.field)+1)
			if !strings.Contains(reply, want) {
				t.Errorf("%s: got %s, want %s", tt.document, reply, want)
			}
		}
	})
}
