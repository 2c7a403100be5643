package clinic_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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
