package process_test

import (
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// whoever asks who is signed in.
const whoever = `{ viewer { username } }`

// other is how long another server may take until it knows that a right has ended.
const other = time.Second

// rights are a clinic on two servers, which both remember for whom tokens stand.
type rights struct {
	*testing.T
	db          *sql.DB
	here, there *harness.Server
	asha, tara  harness.Caller // an admin, and staff
	doctor      int
	users       int
}

// newRights starts two servers on the database, which may have more settings.
func newRights(t *testing.T, database string, more ...string) *rights {
	program, dir := harness.Build(t), t.TempDir()
	env := []string{"DATABASE_URL=" + database, "SECRET_KEY=" + strings.Repeat("k", 32), "RATE_LIMIT=0", "LOGIN_LIMIT=0"}
	r := &rights{T: t, db: storetest.Open(t, database).DB}
	env = append(env, more...)
	r.here, r.there = program.Start(t, dir, env), program.Start(t, dir, env)
	r.asha, r.tara = r.here.Register(t, "asha"), r.here.Register(t, "tara")
	r.exec("UPDATE users SET is_staff = true WHERE username = 'tara'")
	r.tara.Token = r.here.Login(t, r.tara.Email).Access
	r.doctor = r.here.CreateDoctor(t, r.asha, "Dr. Rao", "R-1")
	return r
}

func (r *rights) exec(statement string, args ...any) {
	r.Helper()
	if _, err := r.db.ExecContext(r.Context(), statement, args...); err != nil {
		r.Fatalf("%s: %v", statement, err)
	}
}

// outcome is what a request ends with.
func (r *rights) outcome(s *harness.Server, c harness.Caller, document string) string {
	r.Helper()
	if failures := harness.Failures(r.T, s.Query(r.T, c, document, nil)); len(failures) > 0 {
		return failures[0]
	}
	return "there"
}

// user is somebody new, with what is theirs to lose.
func (r *rights) user(also func(u harness.Caller)) harness.Caller {
	r.Helper()
	r.users++
	u := r.here.Register(r.T, fmt.Sprint("user", r.users))
	if also != nil {
		also(u)
	}
	return u
}

// remembered asks both servers until they remember for whom the token stands.
func (r *rights) remembered(u harness.Caller, document string) {
	r.Helper()
	for _, s := range []*harness.Server{r.here, r.there} {
		for range 3 {
			if got := r.outcome(s, u, document); got != "there" {
				r.Fatalf("before: %s", got)
			}
		}
	}
}

// remembers waits until both servers remember for whom tokens stand: one goes on to stand for
// somebody whose sign-in ends without being announced.
func (r *rights) remembers() {
	r.Helper()
	for _, s := range []*harness.Server{r.here, r.there} {
		harness.Eventually(r.T, "it is remembered", func() bool {
			u := r.user(nil)
			r.remembered(u, whoever)
			r.exec("ALTER TABLE sessions DISABLE TRIGGER announce_change")
			r.exec("UPDATE sessions SET ended_at = now() WHERE user_id = $1", u.ID)
			r.exec("ALTER TABLE sessions ENABLE TRIGGER announce_change")
			return r.outcome(s, u, whoever) == "there"
		})
	}
}

// ends checks that a right that ended at an instant is lost on the server, to every request
// that begins a second later.
func (r *rights) ends(s *harness.Server, u harness.Caller, document, lost string, ended time.Time) {
	r.Helper()
	for {
		began := time.Now()
		got := r.outcome(s, u, document)
		if got == lost {
			return
		}
		if began.Sub(ended) > other {
			r.Fatalf("after %s on another server: %s", began.Sub(ended), got)
		}
	}
}

// patients is a subscription that shows what a right shows.
const patients = `subscription { patientChanged { kind id patient { name } } }`

// followed is a right that ends while its user subscribes on a server.
type followed struct {
	server *harness.Server
	socket *harness.Socket
}

// follow subscribes a user on both servers.
func (r *rights) follow(u harness.Caller) []followed {
	r.Helper()
	var all []followed
	for _, s := range []*harness.Server{r.here, r.there} {
		all = append(all, followed{s, s.Follow(r.T, u, patients, nil)})
	}
	return all
}

// signedOff checks that the sockets of a sign-in that ended at an instant close within a second.
func (r *rights) signedOff(all []followed, ended time.Time) {
	r.Helper()
	for _, f := range all {
		if code := f.socket.Code(r.T); code != 4401 || time.Since(ended) > other {
			r.Errorf("a socket ends with %d after %s", code, time.Since(ended))
		}
	}
}

// unseen checks that who lost the right to see a patient at an instant is not shown what it
// becomes: at once on the same server, after a second on the other. It would have been told
// before a patient of the user's own is.
func (r *rights) unseen(u harness.Caller, all []followed, patient int, ended time.Time) {
	r.Helper()
	for i, f := range all {
		if i > 0 {
			time.Sleep(time.Until(ended.Add(other)))
		}
		r.exec("UPDATE patients SET name = 'Bela the second' WHERE id = $1", patient)
		for last := r.here.CreatePatient(r.T, u, "Own"); ; {
			m := f.socket.Next(r.T)
			if strings.Contains(string(m.Payload), "second") {
				r.Errorf("server %d still tells %s", i+1, m.Payload)
			}
			if strings.Contains(string(m.Payload), fmt.Sprintf(`"id":"%d"`, last)) {
				break
			}
		}
	}
}

// deaf ends the connections over which the servers listen.
func (r *rights) deaf() {
	r.Helper()
	const listeners = "FROM pg_stat_activity WHERE query LIKE 'NOTIFY caregraph_beat%'"
	r.exec("SELECT pg_terminate_backend(pid) " + listeners)
	for n := 1; n > 0; {
		if err := r.db.QueryRow("SELECT count(*) " + listeners).Scan(&n); err != nil {
			r.Fatal(err)
		}
	}
}

// TestRightsEnd ends sign-ins and rights in every way: it holds at once on the server where
// it happened, and within a second on another.
func TestRightsEnd(t *testing.T) {
	r := newRights(t, storetest.URL(t, dialect.Postgres))
	must := func(c harness.Caller, format string, args ...any) {
		r.Helper()
		r.here.Must(t, c, "mutation { "+fmt.Sprintf(format, args...)+" }", nil)
	}
	again := func(u harness.Caller) harness.Caller {
		return harness.Caller{Email: u.Email, Token: r.here.Login(t, u.Email).Access}
	}
	var patient int
	record := func() string { return fmt.Sprintf(`{ patient(id: %d) { name } }`, patient) }
	account := func(mutation string, id func() int) func(harness.Caller) {
		return func(u harness.Caller) {
			patient = r.here.CreatePatient(t, r.asha, "Bela")
			r.here.Assign(t, r.asha, patient, r.doctor)
			_, code := r.here.Invite(t, r.asha, mutation, id())
			r.here.Accept(t, u, code)
		}
	}
	ofDoctor := account("inviteDoctor(doctorId: $id)", func() int { return r.doctor })
	ofPatient := account("invitePatient(patientId: $id)", func() int { return patient })
	member := func(u harness.Caller) {
		patient = r.here.CreatePatient(t, r.asha, "Bela")
		r.here.Join(t, u, r.asha, "MEMBER")
	}
	for _, way := range []struct {
		name  string
		has   func(harness.Caller) // what the user gets first
		lost  string               // how a request ends afterwards
		end   func(u harness.Caller)
		other bool // it happens on no server
	}{
		{"signed out", nil, harness.Unauthenticated, func(u harness.Caller) { must(u, `logout`) }, false},
		{"signed out everywhere", nil, harness.Unauthenticated, func(u harness.Caller) { must(again(u), `logout(everywhere: true)`) }, false},
		{"one sign-in ended", nil, harness.Unauthenticated, func(u harness.Caller) {
			must(again(u), `endSession(id: %s)`, r.here.Sessions(t, u)[1])
		}, false},
		{"another password", nil, harness.Unauthenticated, func(u harness.Caller) {
			must(again(u), `changePassword(input: {currentPassword: "`+harness.Password+`", newPassword: "Monsoon-4711"}) { access }`)
		}, false},
		{"deactivated", nil, harness.Unauthenticated, func(u harness.Caller) { must(r.tara, `updateUser(id: %d, input: {isActive: false}) { id }`, u.ID) }, false},
		{"another role", nil, harness.Unauthenticated, func(u harness.Caller) { must(r.tara, `updateUser(id: %d, input: {role: PATIENT}) { id }`, u.ID) }, false},
		{"made staff", nil, harness.Unauthenticated, func(u harness.Caller) { must(r.tara, `updateUser(id: %d, input: {isStaff: true}) { id }`, u.ID) }, false},
		{"removed from the clinic", member, harness.NotFound, func(u harness.Caller) { must(r.asha, `removeMember(userId: %d)`, u.ID) }, false},
		{"left the clinic", member, harness.NotFound, func(u harness.Caller) { must(u, `leaveClinic { id }`) }, false},
		{"no longer the account of the doctor", ofDoctor, harness.NotFound, func(harness.Caller) { must(r.asha, `removeAccount(doctorId: %d)`, r.doctor) }, false},
		{"the assignment ended", ofDoctor, harness.NotFound, func(u harness.Caller) {
			var mapping int
			if err := r.db.QueryRow("SELECT id FROM mappings WHERE patient_id = $1", patient).Scan(&mapping); err != nil {
				t.Fatal(err)
			}
			must(r.asha, `unassignDoctor(id: %d) { id } removeAccount(doctorId: %d)`, mapping, r.doctor)
		}, false},
		{"no longer the account of the patient", ofPatient, harness.NotFound, func(harness.Caller) { must(r.asha, `removeAccount(patientId: %d)`, patient) }, false},
		{"the patient deleted", ofPatient, harness.NotFound, func(harness.Caller) { must(r.asha, `deletePatient(id: %d)`, patient) }, false},
		{"the patient erased", ofPatient, harness.NotFound, func(harness.Caller) { must(r.tara, `erasePatient(id: %d, reason: "Asked for") { at }`, patient) }, false},
		{"the doctor deleted", ofDoctor, harness.NotFound, func(harness.Caller) {
			must(r.tara, `deleteDoctor(id: %d)`, r.doctor)
			r.doctor = r.here.CreateDoctor(t, r.asha, "Dr. Rao", fmt.Sprint("R-", r.users))
		}, false},
		{"ended by a statement", nil, harness.Unauthenticated, func(u harness.Caller) { r.exec("UPDATE sessions SET ended_at = now() WHERE user_id = $1", u.ID) }, true},
		{"expired", nil, harness.Unauthenticated, func(u harness.Caller) {
			r.exec("UPDATE sessions SET expires_at = now() - interval '1 minute' WHERE user_id = $1", u.ID)
		}, true},
		{"deleted by a statement", nil, harness.Unauthenticated, func(u harness.Caller) { r.exec("DELETE FROM sessions WHERE user_id = $1", u.ID) }, true},
		{"deactivated by a statement", nil, harness.Unauthenticated, func(u harness.Caller) { r.exec("UPDATE users SET is_active = false WHERE id = $1", u.ID) }, true},
		{"the account removed by a statement", ofPatient, harness.NotFound, func(harness.Caller) { r.exec("UPDATE patients SET account_id = NULL WHERE id = $1", patient) }, true},
		{"all sign-ins truncated", nil, harness.Unauthenticated, func(u harness.Caller) { r.exec("TRUNCATE sessions") }, true},
		{"rubbish announced", nil, harness.Unauthenticated, func(u harness.Caller) {
			for _, rubbish := range []string{"", "x", "User", "User x", "Patient 12", strings.Repeat("9", 7000)} {
				r.exec("SELECT pg_notify('caregraph', $1)", rubbish)
			}
			must(u, `logout`)
		}, false},
		{"the listeners ended", nil, harness.Unauthenticated, func(u harness.Caller) {
			r.deaf()
			must(u, `logout`)
		}, false},
		{"the listeners ended, and by a statement", nil, harness.Unauthenticated, func(u harness.Caller) {
			r.deaf()
			r.exec("UPDATE sessions SET ended_at = now() WHERE user_id = $1", u.ID)
		}, true},
	} {
		t.Run(way.name, func(t *testing.T) {
			if strings.HasPrefix(way.name, "signed out") || strings.HasPrefix(way.name, "the listeners") {
				r.remembers()
			}
			u := r.user(way.has)
			document := whoever
			if way.has != nil {
				document = record()
			}
			r.remembered(u, document)
			sockets := r.follow(u)
			way.end(u)
			ended := time.Now()
			if got := r.outcome(r.here, u, document); got != way.lost && !way.other {
				t.Errorf("at once on the same server: %s", got)
			}
			for _, s := range []*harness.Server{r.here, r.there} {
				r.ends(s, u, document, way.lost, ended)
			}
			if way.lost == harness.Unauthenticated {
				r.signedOff(sockets, ended)
			} else {
				r.unseen(u, sockets, patient, ended)
			}
			if strings.HasPrefix(way.name, "the listeners") { // what was remembered before is not any more
				r.remembers()
			}
			for range 5 {
				if a, b := r.outcome(r.here, u, document), r.outcome(r.there, u, document); a != way.lost || b != way.lost {
					t.Errorf("later: %s and %s", a, b)
				}
			}
		})
	}
	for _, s := range []*harness.Server{r.here, r.there} {
		if n := strings.Count(s.Stderr.String(), "makes no sense"); n != 1 {
			t.Errorf("rubbish was logged %d times:\n%s", n, s.Stderr)
		}
	}
}

// TestRightsEndUnheard ends sign-ins while the servers cannot hear of it: they ask the database
// again within a second, whatever keeps them from hearing.
func TestRightsEndUnheard(t *testing.T) {
	database := storetest.URL(t, dialect.Postgres)
	address, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	network := newNetwork(t, address.Host)
	address.Host = network.Addr().String()
	r := newRights(t, database, "DATABASE_LISTEN_URL="+address.String())
	r.remembers()
	r.signsOut("heard")
	network.delay.Store(int64(150 * time.Millisecond))
	r.signsOut("heard late")
	network.delay.Store(0)
	r.remembers()
	network.silent.Store(true) // everything that is sent is lost, and nobody tells
	r.signsOut("a silent network")
	time.Sleep(4 * time.Second) // they connect anew, in vain
	r.signsOut("a silent network for longer")
	network.silent.Store(false)
	r.signsOut("a network that is back")
}

// TestRightsEndElsewhere ends a sign-in while the servers listen to another database than theirs.
func TestRightsEndElsewhere(t *testing.T) {
	r := newRights(t, storetest.URL(t, dialect.Postgres), "DATABASE_LISTEN_URL="+storetest.URL(t, dialect.Postgres))
	r.signsOut("another database")
	for _, s := range []*harness.Server{r.here, r.there} {
		harness.Eventually(t, "it is told in the log", func() bool { return strings.Contains(s.Stderr.String(), "must be the same database") })
	}
}

// TestRightsEndRestart ends a sign-in while PostgreSQL comes back: what happens before the
// servers listen again is not forgotten.
func TestRightsEndRestart(t *testing.T) {
	own := storetest.Own(t)
	storetest.Exec(t, own.URL("postgres"), "CREATE DATABASE care TEMPLATE template")
	r := newRights(t, own.URL("care"))
	r.remembers()
	u := r.user(nil)
	r.remembered(u, whoever)
	own.Stop()
	time.Sleep(other)
	if got := r.outcome(r.there, u, whoever); got != "UNAVAILABLE" {
		t.Errorf("without PostgreSQL: %s", got)
	}
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, "PostgreSQL is back", func() bool {
		_, err := r.db.Exec("UPDATE sessions SET ended_at = now() WHERE user_id = $1", u.ID)
		return err == nil
	})
	for _, s := range []*harness.Server{r.here, r.there} {
		harness.Eventually(t, "the sign-in has ended", func() bool {
			got := r.outcome(s, u, whoever)
			if got == "there" {
				t.Fatal("what happened while nobody listened is forgotten")
			}
			return got == harness.Unauthenticated
		})
	}
	r.remembers()
	r.signsOut("PostgreSQL is back")
}

// signsOut checks that who signs out on one server is signed out on both.
func (r *rights) signsOut(when string) {
	r.Helper()
	u := r.user(nil)
	r.remembered(u, whoever)
	sockets := r.follow(u)
	r.here.Must(r.T, u, `mutation { logout }`, nil)
	ended := time.Now()
	if got := r.outcome(r.here, u, whoever); got != harness.Unauthenticated {
		r.Errorf("%s, on the same server: %s", when, got)
	}
	r.ends(r.there, u, whoever, harness.Unauthenticated, ended)
	if got := r.outcome(r.there, u, whoever); got != harness.Unauthenticated {
		r.Errorf("%s, later: %s", when, got)
	}
	r.signedOff(sockets, ended)
}

// network passes on what is sent, after a time, unless it is silent.
type network struct {
	net.Listener
	silent atomic.Bool
	delay  atomic.Int64 // of what is sent in one direction, in nanoseconds
}

func newNetwork(t *testing.T, to string) *network {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{Listener: listener}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				client.Close()
				continue
			}
			t.Cleanup(func() {
				client.Close()
				server.Close()
			})
			pass := func(to, from net.Conn) {
				defer to.Close()
				io.Copy(writer{to, n}, from)
			}
			go pass(server, client)
			go pass(client, server)
		}
	}()
	return n
}

type writer struct {
	net.Conn
	*network
}

func (w writer) Write(b []byte) (int, error) {
	if w.silent.Load() {
		return len(b), nil
	}
	time.Sleep(time.Duration(w.delay.Load()))
	return w.Conn.Write(b)
}
