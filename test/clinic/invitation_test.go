package clinic_test

import (
	"fmt"
	"strings"
	"testing"

	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestInvitationsOfFormerAdmins checks that a code is good only as long as its author may
// write it.
func TestInvitationsOfFormerAdmins(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, ben, tara := a.Register(t, "asha"), a.Register(t, "ben"), a.Staff(t, "tara")
		rao := a.CreateDoctor(t, asha, "Dr. Rao", "R-1")
		for i, tt := range []struct {
			by       harness.Caller
			mutation string
			doctors  bool // whether the code for a doctor's account stays good
		}{
			{asha, `mutation($id: ID!) { updateMember(userId: $id, role: MEMBER) { id } }`, true},
			{asha, `mutation($id: ID!) { removeMember(userId: $id) }`, false},
			{tara, `mutation($id: ID!) { updateUser(id: $id, input: {isActive: false}) { id } }`, false},
		} {
			chitra := a.Register(t, fmt.Sprint("chitra", i))
			a.Join(t, chitra, asha, "ADMIN")
			var in struct {
				Data struct{ Result struct{ Code string } }
			}
			a.Read(t, chitra, "mutation { result: inviteMember(role: ADMIN) { code } }", nil, &in)
			_, doctor := a.Invite(t, chitra, "inviteDoctor(doctorId: $id)", rao)
			a.Must(t, tt.by, tt.mutation, map[string]any{"id": chitra.ID})
			if _, err := db.Exec("UPDATE invitations SET ended_at = NULL WHERE accepted_by_id IS NULL"); err != nil { // as if it was written a moment later
				t.Fatal(err)
			}
			a.Expect(t, tt.mutation, ben, acceptInvitation, map[string]any{"code": in.Data.Result.Code}, harness.NotFound)
			if reply := a.Query(t, ben, acceptInvitation, map[string]any{"code": doctor}); strings.Contains(reply, "errors") == tt.doctors {
				t.Errorf("%s: %s", tt.mutation, reply)
			}
			if _, err := db.Exec("DELETE FROM practices"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestInvitations checks what becomes of codes: however they are typed they are good
// once; wrong, used, revoked and expired ones read alike; and guesses are limited.
func TestInvitations(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, ben := a.Register(t, "asha"), a.Register(t, "ben")
		rao := a.CreateDoctor(t, asha, "Dr. Rao", "R-1")
		a.CreatePatient(t, ben, "Bela")
		a.CreatePatient(t, ben, "Bina")
		look := `query($code: String!) { invitation(code: $code) { clinicName role doctorName patientName patientsBrought patientsLeft } }`
		var in struct {
			Data struct{ Result struct{ Code string } }
		}
		a.Read(t, asha, "mutation { result: inviteMember(role: MEMBER) { code } }", nil, &in)
		code := in.Data.Result.Code
		if len(code) != 19 || strings.ContainsAny(code, "ILOUilou") {
			t.Errorf("the code is %s", code)
		}
		confused := strings.NewReplacer("-", " ", "1", "l", "0", "o").Replace(strings.ToLower(code))
		for _, typed := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), " " + confused + " "} {
			a.Expect(t, typed, ben, look, map[string]any{"code": typed}, `{"data":{"invitation":{"clinicName":"asha","role":"MEMBER","doctorName":null,"patientName":null,"patientsBrought":2,"patientsLeft":0}}}`)
		}
		var stored string
		if err := db.QueryRow("SELECT code_hash FROM invitations").Scan(&stored); err != nil || strings.Contains(stored, strings.ReplaceAll(code, "-", "")) {
			t.Errorf("stored is %s (%v)", stored, err)
		}

		revoked, revokedCode := a.Invite(t, asha, "inviteDoctor(doctorId: $id)", rao)
		a.Must(t, asha, `mutation($id: ID!) { revokeInvitation(id: $id) }`, map[string]any{"id": revoked})
		expired, expiredCode := a.Invite(t, asha, "inviteDoctor(doctorId: $id)", rao)
		if _, err := db.Exec("UPDATE invitations SET expires_at = created_at WHERE id = $1", expired); err != nil {
			t.Fatal(err)
		}
		_, usedCode := a.Invite(t, asha, "inviteDoctor(doctorId: $id)", rao)
		a.Accept(t, asha, usedCode)
		wrong := a.Query(t, ben, acceptInvitation, map[string]any{"code": "0000-0000-0000-0000"})
		unknown := a.Query(t, ben, look, map[string]any{"code": "0000-0000-0000-0000"})
		for _, code := range []string{revokedCode, expiredCode, usedCode, "", strings.Repeat("0", 10_000), "\u0000", "नमस्ते"} {
			before := a.Statements.Load()
			if got := a.Query(t, ben, acceptInvitation, map[string]any{"code": code}); got != wrong || !strings.Contains(got, "NOT_FOUND") {
				t.Errorf("%.30s reads %s, a wrong one %s", code, got, wrong)
			}
			if n := a.Statements.Load() - before; n != 3 { // the sign-in check, one look, and the access log
				t.Errorf("%.30s took %d statements", code, n)
			}
			if got := a.Query(t, ben, look, map[string]any{"code": code}); got != unknown {
				t.Errorf("%.30s reads %s, a wrong one %s", code, got, unknown)
			}
		}
		a.Expect(t, "two in one request", ben, `query($code: String!) { a: invitation(code: $code) { clinicName } b: invitation(code: $code) { clinicName } }`, map[string]any{"code": code}, "TOO_COMPLEX")
		a.Expect(t, "a doctor's, as somebody else", a.RegisterAs(t, "chitra", "patient"), acceptInvitation, map[string]any{"code": func() string {
			_, code := a.Invite(t, ben, "inviteDoctor(doctorId: $id)", rao)
			return code
		}()}, harness.Forbidden)
		a.Accept(t, ben, confused)
		a.Expect(t, "again", ben, acceptInvitation, map[string]any{"code": code}, harness.NotFound)
		a.Expect(t, "with everything", asha, `{ patients(orderBy: {field: NAME}) { nodes { name } } }`, nil, `{"data":{"patients":{"nodes":[{"name":"Bela"},{"name":"Bina"}]}}}`)
	})
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db, func(c *server.Config) { c.LoginLimit = 3 })
		asha, ben := a.Register(t, "asha"), a.Register(t, "ben")
		var in struct {
			Data struct{ Result struct{ Code string } }
		}
		a.Read(t, asha, "mutation { result: inviteMember(role: MEMBER) { code } }", nil, &in)
		look := `query($code: String!) { invitation(code: $code) { clinicName } }`
		for i := range 3 {
			a.Expect(t, "a guess", ben, look, map[string]any{"code": fmt.Sprint("000", i)}, harness.NotFound)
			if i < 2 {
				a.Expect(t, "a right one between", ben, look, map[string]any{"code": in.Data.Result.Code}, `{"data":{"invitation":{"clinicName":"asha"}}}`)
			}
		}
		a.Expect(t, "too many", ben, look, map[string]any{"code": in.Data.Result.Code}, "RATE_LIMITED")
		a.Expect(t, "too many", ben, acceptInvitation, map[string]any{"code": in.Data.Result.Code}, "RATE_LIMITED")
		a.Expect(t, "somebody else", asha, look, map[string]any{"code": in.Data.Result.Code}, `{"data":{"invitation":{"clinicName":"asha"}}}`)
	})
}
