package clinic_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

const acceptInvitation = `mutation($code: String!) { acceptInvitation(code: $code) { id } }`

// insist executes a document, and again as a client does that is told to: a busy machine
// may have refused it.
func insist(t testing.TB, a *harness.API, c harness.Caller, document string, variables map[string]any) (reply string) {
	t.Helper()
	for range 20 {
		if reply = a.Query(t, c, document, variables); !strings.Contains(reply, `"UNAVAILABLE"`) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return reply
}

// TestOneWins checks that of 200 users who accept one invitation at once one succeeds.
func TestOneWins(t *testing.T) {
	const users = 200
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		patient, doctor := a.CreatePatient(t, asha, "Arjun"), a.CreateDoctor(t, asha, "Dr. Rao", "R-1")
		callers := make([]harness.Caller, users)
		harness.Together(8, func(worker int) string {
			for i := worker; i < users; i += 8 {
				callers[i] = a.Register(t, fmt.Sprint("user", i))
			}
			return ""
		})
		_, asDoctor := a.Invite(t, asha, "inviteDoctor(doctorId: $id)", doctor)
		_, asPatient := a.Invite(t, asha, "invitePatient(patientId: $id)", patient)
		var in struct {
			Data struct{ Result struct{ Code string } }
		}
		a.Read(t, asha, "mutation { result: inviteMember(role: MEMBER) { code } }", nil, &in)
		for _, code := range []string{asDoctor, asPatient, in.Data.Result.Code} {
			replies := harness.Together(users, func(i int) string { return insist(t, a, callers[i], acceptInvitation, map[string]any{"code": code}) })
			won := 0
			for _, reply := range replies {
				switch {
				case !strings.Contains(reply, "errors"):
					won++
				case !slices.Equal(harness.Failures(t, reply), []string{harness.NotFound}):
					t.Errorf("got %s", reply)
				}
			}
			if won != 1 {
				t.Errorf("%d users accepted one invitation", won)
			}
		}
		var practices, accounts, members int
		err := db.QueryRow("SELECT (SELECT count(*) FROM practices), (SELECT count(*) FROM patients WHERE account_id IS NOT NULL), (SELECT count(*) FROM users WHERE clinic_role = 'member')").Scan(&practices, &accounts, &members)
		if err != nil || practices != 1 || accounts != 1 || members != 1 {
			t.Errorf("there are %d practices, %d accounts and %d members (%v)", practices, accounts, members, err)
		}
	})
}

// TestJoinWhileOthersWrite checks that what is acknowledged stays with those who see it,
// while a user moves to another clinic: alone, with the records, from several windows; and
// from colleagues, without them. Nothing is left without a clinic.
func TestJoinWhileOthersWrite(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, ben := a.Register(t, "asha"), a.Register(t, "ben")
		rao := a.CreateDoctor(t, asha, "Dr. Rao", "R-1")
		for round := range 8 {
			alone := round%2 == 0
			mover := a.Register(t, fmt.Sprint("mover", round))
			writers := []harness.Caller{asha, mover, mover, mover}
			if !alone {
				a.Join(t, mover, ben, "ADMIN")
				writers = append(writers, ben, ben)
			}
			var in struct {
				Data struct{ Result struct{ Code string } }
			}
			a.Read(t, asha, "mutation { result: inviteMember(role: ADMIN) { code } }", nil, &in)

			var mu sync.Mutex
			acknowledged := map[int][]string{} // by user, the names of patients
			moved := make(chan struct{})
			replies := harness.Together(len(writers)+1, func(i int) string {
				if i == len(writers) {
					defer close(moved)
					return insist(t, a, mover, acceptInvitation, map[string]any{"code": in.Data.Result.Code})
				}
				for n, after := 0, 0; after < 3; n++ {
					name := fmt.Sprintf("Arjun r%dw%dn%d", round, i, n)
					reply := insist(t, a, writers[i], fmt.Sprintf(`mutation { result: createPatient(input: {name: %q, phone: "9876543210", ageYears: 3, address: "Pune", gender: OTHER}) { id } }`, name), nil)
					var in struct {
						Data struct{ Result struct{ ID string } }
					}
					if err := json.Unmarshal([]byte(reply), &in); err != nil {
						return err.Error()
					}
					if in.Data.Result.ID == "" {
						if got := harness.Failures(t, reply); !slices.Equal(got, []string{harness.Conflict}) {
							return reply
						}
					} else {
						mu.Lock()
						acknowledged[writers[i].ID] = append(acknowledged[writers[i].ID], name)
						mu.Unlock()
						reply = insist(t, a, writers[i], `mutation($p: ID!, $d: ID!) { assignDoctor(input: {patientId: $p, doctorId: $d}) { id } }`, map[string]any{"p": in.Data.Result.ID, "d": rao})
						if got := harness.Failures(t, reply); got != nil && !slices.Equal(got, []string{"NOT_FOUND:patientId"}) {
							return reply
						}
					}
					select {
					case <-moved:
						after++
					default:
					}
				}
				return ""
			})
			if got := replies[len(writers)]; strings.Contains(got, "errors") {
				t.Fatalf("round %d: %s", round, got)
			}
			for i, failure := range replies[:len(writers)] {
				if failure != "" {
					t.Errorf("round %d: writer %d: %s", round, i, failure)
				}
			}
			sees := func(c harness.Caller, name string) bool {
				return strings.Contains(a.Query(t, c, `query($name: String!) { patients(first: 1, filter: {search: $name}) { nodes { name } } }`, map[string]any{"name": name}), name)
			}
			for by, names := range acknowledged {
				for _, name := range names {
					switch {
					case by == asha.ID && !sees(asha, name), by == ben.ID && !sees(ben, name),
						by == mover.ID && alone && !sees(mover, name),
						by == mover.ID && !alone && !sees(mover, name) && !sees(ben, name): // before or after the move
						t.Errorf("round %d: nobody sees %s any more", round, name)
					}
				}
			}
			var strays int
			err := db.QueryRow(`SELECT (SELECT count(*) FROM patients p WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.clinic_id = p.clinic_id))
				+ (SELECT count(*) FROM mappings m JOIN patients p ON p.id = m.patient_id WHERE m.clinic_id <> p.clinic_id)`).Scan(&strays)
			if err != nil || strays != 0 {
				t.Errorf("round %d: %d records are in no clinic or in another than their patient's (%v)", round, strays, err)
			}
		}
	})
}

// TestAdminsAtOnce checks that admins who remove each other, demote themselves or leave at
// once never leave members without an admin.
func TestAdminsAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, ben, chitra := a.Register(t, "asha"), a.Register(t, "ben"), a.Register(t, "chitra")
		for round := range 12 {
			admins := []harness.Caller{asha, ben, chitra}
			for _, c := range admins { // everybody alone again
				a.Query(t, c, `mutation { leaveClinic { id } }`, nil)
			}
			for _, c := range admins {
				a.Query(t, c, `mutation { leaveClinic { id } }`, nil)
			}
			a.Join(t, ben, asha, "ADMIN")
			a.Join(t, chitra, asha, "MEMBER")
			documents := []string{
				[]string{`mutation($ben: ID!) { removeMember(userId: $ben) }`, `mutation { leaveClinic { id } }`, `mutation($asha: ID!) { updateMember(userId: $asha, role: MEMBER) { id } }`}[round%3],
				[]string{`mutation($asha: ID!) { removeMember(userId: $asha) }`, `mutation { leaveClinic { id } }`, `mutation($ben: ID!) { updateMember(userId: $ben, role: MEMBER) { id } }`}[round/3%3],
			}
			replies := harness.Together(2, func(i int) string {
				variables := map[string]any{}
				for name, id := range map[string]int{"asha": asha.ID, "ben": ben.ID} {
					if strings.Contains(documents[i], "$"+name) {
						variables[name] = id
					}
				}
				return a.Query(t, admins[i], documents[i], variables)
			})
			for i, reply := range replies {
				for _, code := range harness.Failures(t, reply) {
					if code != harness.Conflict && code != harness.Forbidden && code != harness.NotFound {
						t.Errorf("%s: %s", documents[i], reply)
					}
				}
			}
			var without int
			err := db.QueryRow(`SELECT count(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM users a WHERE a.clinic_id = u.clinic_id AND a.clinic_role = 'admin')`).Scan(&without)
			if err != nil || without != 0 {
				t.Errorf("%d members have no admin (%v) after %v", without, err, replies)
			}
		}
	})
}

// TestRemoveWhileMoving checks that an admin who removes the only other member, and moves
// to another clinic at once, leaves no records behind that nobody sees.
func TestRemoveWhileMoving(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		for round := range 10 {
			om, sita := a.Register(t, fmt.Sprint("om", round)), a.Register(t, fmt.Sprint("sita", round))
			a.CreatePatient(t, om, "Omkar")
			a.Join(t, sita, om, "MEMBER")
			var in struct {
				Data struct{ Result struct{ Code string } }
			}
			a.Read(t, asha, "mutation { result: inviteMember(role: MEMBER) { code } }", nil, &in)
			harness.Together(2, func(i int) string {
				if i == round%2 {
					return a.Query(t, om, acceptInvitation, map[string]any{"code": in.Data.Result.Code})
				}
				return a.Query(t, om, `mutation($id: ID!) { removeMember(userId: $id) }`, map[string]any{"id": sita.ID})
			})
			var strays int
			if err := db.QueryRow("SELECT count(*) FROM patients p WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.clinic_id = p.clinic_id)").Scan(&strays); err != nil || strays != 0 {
				t.Fatalf("round %d: %d patients are in a clinic without members (%v)", round, strays, err)
			}
		}
	})
}

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

// TestRightsEndAtOnce checks that the next request, to another server, does not see what
// was taken, also in the middle of a walk through pages.
func TestRightsEndAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		other := harness.New(t, db)
		page := `query($after: Cursor) { patients(first: 1, after: $after, orderBy: {field: NAME}) { totalCount pageInfo { endCursor } nodes { name } } }`
		for _, tt := range []struct{ by, mutation, of string }{
			{"asha", `mutation($mRao: ID!) { unassignDoctor(id: $mRao) { id } }`, "rohan"},
			{"asha", `mutation($dRao: ID!) { removeAccount(doctorId: $dRao) }`, "rohan"},
			{"rohan", `mutation($dRao: ID!, $city: ID!) { removeAccount(doctorId: $dRao, clinicId: $city) }`, "rohan"},
			{"chitra", `mutation($pArjun: ID!) { removeAccount(patientId: $pArjun) }`, "arjun"},
			{"chitra", `mutation($pArjun: ID!) { deletePatient(id: $pArjun) }`, "arjun"},
			{"asha", `mutation($chitra: ID!) { removeMember(userId: $chitra) }`, "chitra"},
			{"chitra", `mutation { leaveClinic { id } }`, "chitra"},
		} {
			var in struct {
				Data struct {
					Patients struct {
						TotalCount int
						PageInfo   struct{ EndCursor string }
					}
				}
			}
			w.Read(t, w.callers[tt.of], page, nil, &in)
			if in.Data.Patients.TotalCount == 0 {
				t.Fatalf("%s sees nothing before", tt.of)
			}
			w.Must(t, w.callers[tt.by], tt.mutation, w.variables(tt.mutation))
			for _, variables := range []map[string]any{nil, {"after": in.Data.Patients.PageInfo.EndCursor}} {
				other.Expect(t, tt.mutation, w.callers[tt.of], page, variables, `{"data":{"patients":{"totalCount":0,"pageInfo":{"endCursor":null},"nodes":[]}}}`)
			}
			other.Expect(t, tt.mutation, w.callers[tt.of], `query($pArjun: ID!) { patient(id: $pArjun) { name } }`, map[string]any{"pArjun": w.ids["pArjun"]}, harness.NotFound)
			w.reset(t)
		}
	})
}

// TestRoleOfAccount checks that the account of a doctor treats nobody while the user is of
// another role, and that a deleted doctor's account is gone.
func TestRoleOfAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		for _, tt := range []struct {
			role string
			sees int
		}{{"PATIENT", 0}, {"DOCTOR", 1}} {
			w.Must(t, w.callers["tara"], `mutation($rohan: ID!) { updateUser(id: $rohan, input: {role: `+tt.role+`}) { id } }`, map[string]any{"rohan": w.ids["rohan"]})
			rohan := harness.Caller{Token: w.Login(t, "rohan@example.com").Access}
			w.Expect(t, tt.role, rohan, `{ patients { totalCount } }`, nil, fmt.Sprintf(`{"data":{"patients":{"totalCount":%d}}}`, tt.sees))
		}
		w.Must(t, w.callers["asha"], `mutation($dShah: ID!) { deleteDoctor(id: $dShah) }`, map[string]any{"dShah": w.ids["dShah"]})
		w.Expect(t, "after the doctor was deleted", w.callers["sunil"], `{ viewer { practices { id } } }`, nil, `{"data":{"viewer":{"practices":[]}}}`)
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
			if n := a.Statements.Load() - before; n != 2 { // the sign-in check and one look
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
