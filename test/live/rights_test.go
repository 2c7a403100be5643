package live_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"caregraph/internal/server"
	"caregraph/test/harness"
)

// TestSight changes what a viewer sees without changing a record that it saw: it is told to ask
// again, and then of what it sees now.
func TestSight(t *testing.T) {
	each(t, func(t *testing.T, a *harness.API) {
		asha, om := a.Register(t, "asha"), a.Register(t, "om")
		account := func(name string) (harness.Caller, int) {
			c := a.RegisterAs(t, name, "patient")
			id := a.CreatePatient(t, asha, "Arjun")
			_, code := a.Invite(t, asha, "invitePatient(patientId: $id)", id)
			a.Accept(t, c, code)
			return c, id
		}
		doctor := a.CreateDoctor(t, asha, "Dr. Rao", "R-1")
		resync := func(what string, s *harness.Socket) {
			t.Helper()
			for m := s.Next(t); !strings.Contains(string(m.Payload), "RESYNC"); m = s.Next(t) {
				if m.Type != "next" {
					t.Fatalf("%s: %+v", what, m)
				}
			}
		}
		told := func(what string, s *harness.Socket, id int) {
			t.Helper()
			a.Must(t, asha, `mutation($id: ID!, $address: String!) { updatePatient(id: $id, input: {address: $address}) { id } }`, map[string]any{"id": id, "address": "After " + what})
			for m := s.Next(t); !strings.Contains(string(m.Payload), fmt.Sprintf(`"id":"%d"`, id)); m = s.Next(t) {
				if m.Type != "next" {
					t.Fatalf("%s: %+v", what, m)
				}
			}
		}

		arjun, record := account("arjun")
		a.Must(t, asha, `mutation($id: ID!) { deletePatient(id: $id) }`, map[string]any{"id": record})
		s := a.Follow(t, arjun, subscriptions["patientChanged"], nil)
		a.Must(t, asha, `mutation($id: ID!) { restorePatient(id: $id) { id } }`, map[string]any{"id": record})
		told("a record is back", s, record)

		mira, first := account("mira")
		second := a.CreatePatient(t, asha, "Mira's child")
		_, code := a.Invite(t, asha, "invitePatient(patientId: $id)", second)
		a.Accept(t, mira, code)
		s = a.Follow(t, mira, subscriptions["patientChanged"], nil)
		a.Must(t, asha, `mutation($id: ID!) { removeAccount(patientId: $id) }`, map[string]any{"id": second})
		resync("one of two records is lost", s)
		told("one of two records is lost", s, first)

		rohan := a.Register(t, "rohan")
		_, code = a.Invite(t, asha, "inviteDoctor(doctorId: $id)", doctor)
		a.Accept(t, rohan, code)
		other := a.CreateDoctor(t, asha, "Dr. Shah", "S-1")
		treated := a.CreatePatient(t, asha, "Treated")
		a.Assign(t, asha, treated, other)
		s = a.Follow(t, rohan, subscriptions["patientChanged"], nil)
		_, code = a.Invite(t, asha, "inviteDoctor(doctorId: $id)", other)
		a.Accept(t, rohan, code)
		resync("the account of another doctor", s)
		told("the account of another doctor", s, treated)

		keep, duplicate := a.CreatePatient(t, asha, "Meera"), a.CreatePatient(t, asha, "Mira")
		a.Assign(t, asha, duplicate, doctor)
		const assignments = `subscription($id: ID) { mappingChanged(patientId: $id) { kind id } }`
		left, joined := a.Follow(t, asha, assignments, map[string]any{"id": duplicate}), a.Follow(t, asha, assignments, map[string]any{"id": keep})
		a.Assign(t, asha, keep, other)
		for !strings.Contains(string(joined.Next(t).Payload), "CREATED") { // what came before has been told
		}
		for len(left.Messages) > 0 {
			left.Next(t)
		}
		a.Must(t, asha, `mutation($keep: ID!, $duplicate: ID!) { mergePatients(keepId: $keep, duplicateId: $duplicate) { id } }`, map[string]any{"keep": keep, "duplicate": duplicate})
		left.Next(t)
		joined.Next(t)
		a.Must(t, asha, `mutation($id: ID!) { restorePatient(id: $id) { id } }`, map[string]any{"id": duplicate})
		joined.Next(t)

		moved := a.CreatePatient(t, om, "Moved")
		a.Assign(t, om, moved, doctor)
		s = a.Follow(t, asha, subscriptions["mappingChanged"], nil)
		a.Join(t, om, asha, "MEMBER")
		resync("a clinic with its assignments", s)
	})
}

// TestRemoved removes a member while hundreds of records change: nothing is told after that.
func TestRemoved(t *testing.T) {
	each(t, func(t *testing.T, a *harness.API) {
		asha, ben := a.Register(t, "asha"), a.Register(t, "ben")
		a.Join(t, ben, asha, "MEMBER")
		const patients = 400
		insert := `INSERT INTO patients (created_by_id, clinic_id, name, name_key, phone, date_of_birth, address, gender, created_at, updated_at)
			SELECT p.created_by_id, p.clinic_id, 'Arjun', 'arjun', p.phone, p.date_of_birth, p.address, p.gender, p.created_at, p.updated_at FROM patients p, numbers`
		a.CreatePatient(t, asha, "Arjun")
		numbers := fmt.Sprintf("WITH RECURSIVE numbers (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d) ", patients)
		if _, err := a.DB.ExecContext(t.Context(), numbers+insert); err != nil {
			t.Fatal(err)
		}
		s := a.Follow(t, ben, subscriptions["patientChanged"], nil)
		if _, err := a.DB.ExecContext(t.Context(), "UPDATE patients SET address = 'Mumbai'"); err != nil {
			t.Fatal(err)
		}
		s.Next(t)
		a.Must(t, asha, `mutation($id: ID!) { removeMember(userId: $id) }`, map[string]any{"id": ben.ID})
		removed, late := time.Now(), 0
		for m := s.Next(t); !strings.Contains(string(m.Payload), "RESYNC"); m = s.Next(t) {
			if time.Since(removed) > 50*time.Millisecond { // what was on its way has come
				late++
			}
		}
		if late > 0 {
			t.Errorf("%d patients are shown after the removal", late)
		}
	})
}

// TestSignedOut signs out while a lot waits to be sent to a client that reads slowly: nothing of
// it is sent, but what is on its way.
func TestSignedOut(t *testing.T) {
	each(t, func(t *testing.T, a *harness.API) {
		asha := a.Register(t, "asha")
		id := a.CreatePatient(t, asha, "Arjun")
		a.Must(t, asha, `mutation($id: ID!, $h: String!) { updatePatient(id: $id, input: {medicalHistory: $h}) { id } }`, map[string]any{"id": id, "h": strings.Repeat("x", 4000)})
		large := "query($id: ID!) { patient(id: $id) {"
		for i := range 50 {
			large += fmt.Sprintf(" a%d: medicalHistory", i)
		}
		large += " } }"
		s, err := a.Dial(t, nil, "graphql-transport-ws")
		if err != nil {
			t.Fatal(err)
		}
		s.SetReadLimit(4 << 20)
		s.Send(t, map[string]any{"type": "connection_init", "payload": map[string]any{"Authorization": asha.Bearer()}})
		for i := range 60 { // more than the network holds
			s.Subscribe(t, fmt.Sprint(i), large, map[string]any{"id": id})
		}
		time.Sleep(time.Second)
		a.Must(t, asha, `mutation { logout }`, nil)
		signedOut := time.Now()
		s.Receive()
		received := 0
		for m := range s.Messages {
			if time.Since(signedOut) > time.Second {
				t.Fatalf("%s is sent after %s", m.Type, time.Since(signedOut))
			}
			received++
		}
		if took := time.Since(signedOut); took > 2*time.Second || received > 100 {
			t.Errorf("the connection ended after %s and %d messages", took, received)
		}
	}, func(cfg *server.Config) { cfg.MaxConcurrency = 0 })
}
