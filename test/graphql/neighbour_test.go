package graphql_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"caregraph/internal/rest"
	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// callLimit is how long a call lasts at most on a network that swallows
// everything.
const callLimit = 8 * time.Second

// proxy is the network between a server and its database. Both may be used
// while it misbehaves.
type proxy struct {
	url string // of the database, through the proxy

	hole sync.RWMutex // locked while nothing passes; who sends sees no error

	left atomic.Int64 // messages to the database until the answer of one is lost
	cut  bool         // the connection ends then; else it stays silent
	lost atomic.Bool  // an answer was
}

// newProxy puts a proxy before the database of the URL, until the test ends.
func newProxy(t *testing.T, database string) *proxy {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{}
	target := u.Host
	u.Host = listener.Addr().String()
	p.url = u.String()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.connect(ctx, client, target) })
		}
	})
	t.Cleanup(func() {
		cancel()
		listener.Close()
		running.Wait()
	})
	return p
}

// connect passes on what a client and the database send each other.
func (p *proxy) connect(ctx context.Context, client net.Conn, target string) {
	defer client.Close()
	database, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer database.Close()
	defer context.AfterFunc(ctx, func() {
		client.Close()
		database.Close()
	})()
	var silent atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer client.Close()
		p.pass(database, func(b []byte) error {
			if !silent.Load() {
				_, err := client.Write(b)
				return err
			}
			p.lost.Store(true)
			if p.cut {
				return io.EOF
			}
			return nil
		})
	}()
	p.pass(client, func(b []byte) error {
		if p.left.Add(-1) == 0 {
			silent.Store(true)
		}
		_, err := database.Write(b)
		return err
	})
	database.Close()
	<-done
}

// pass reads until the end, and sends what it reads unless there is a hole.
func (p *proxy) pass(from io.Reader, send func([]byte) error) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.hole.RLock()
		err = send(buffer[:n])
		p.hole.RUnlock()
		if err != nil {
			return
		}
	}
}

// newPatient is a request that stores a patient with this name.
func newPatient(name string) (method, path, body string) {
	document := `mutation($name: String!) { createPatient(input: {
		name: $name, email: "family@example.com", phone: "9876543210", dateOfBirth: "1990-05-15", address: "12 MG Road, Pune", gender: FEMALE
	}) { id } }`
	text, _ := json.Marshal(map[string]any{"query": document, "variables": map[string]any{"name": name}})
	return "POST", "/graphql", string(text)
}

// newPatientREST is newPatient over the other door.
func newPatientREST(name string) (method, path, body string) {
	return "POST", "/api/patients/", fmt.Sprintf(`{"name":%q,"email":"family@example.com","phone":"9876543210","date_of_birth":"1990-05-15","address":"12 MG Road, Pune","gender":"female"}`, name)
}

// newUser is a request that registers a user with this name.
func newUser(name string) (method, path, body string) {
	return "POST", "/api/auth/register/", fmt.Sprintf(`{"username":%q,"email":%q,"password":%q,"role":"doctor"}`, name, name+"@example.com", harness.Password)
}

// count returns how many rows of a table have each name.
func count(t testing.TB, db *store.DB, table, column string) map[string]int {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT "+column+", count(*) FROM "+table+" GROUP BY 1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	counts := map[string]int{}
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		counts[name] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return counts
}

// TestLostAnswers checks that whichever answer of PostgreSQL to a write gets
// lost, the write is stored at most once, and the client is told that it was,
// that it was not, or that nobody knows.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	const messages = 18 // more than any of the writes has
	database := storetest.URL(t, dialect.Postgres)
	db := storetest.Open(t, database)
	asha := harness.New(t, db).Register(t, "asha")
	type attempt struct {
		name, table, column string
		request             func(string) (string, string, string)
		message             int
		cut                 bool
	}
	var attempts []attempt
	for i := range messages {
		for _, cut := range []bool{true, false} {
			attempts = append(attempts,
				attempt{fmt.Sprintf("graphql-%d-%t", i+1, cut), "patients", "name", newPatient, i + 1, cut},
				attempt{fmt.Sprintf("rest-%d-%t", i+1, cut), "patients", "name", newPatientREST, i + 1, cut})
		}
		attempts = append(attempts, attempt{fmt.Sprintf("register%d", i+1), "users", "username", newUser, i + 1, true})
	}
	servers := make([]*harness.API, len(attempts))
	networks := make([]*proxy, len(attempts))
	for i, at := range attempts {
		networks[i] = newProxy(t, database)
		own, err := store.Open(networks[i].url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { own.Close() })
		servers[i] = harness.New(t, own)
		servers[i].Must(t, asha, `{ viewer { id } }`, nil)
		networks[i].cut = at.cut
		networks[i].left.Store(int64(at.message))
	}
	outcomes := make([]harness.Outcome, len(attempts))
	harness.Together(len(attempts), func(i int) string {
		method, path, body := attempts[i].request(attempts[i].name)
		outcomes[i] = servers[i].Try(t, asha, method, path, body)
		return ""
	})
	stored := map[string]map[string]int{"patients": count(t, db, "patients", "name"), "users": count(t, db, "users", "username")}
	unknown, whole := 0, 0
	for i, at := range attempts {
		o, n := outcomes[i], stored[at.table][at.name]
		switch {
		case n > 1,
			o.Succeeded() && n != 1,
			!o.Succeeded() && !o.Unavailable(),
			!o.Succeeded() && !o.Unknown() && n != 0:
			t.Errorf("%s: %d rows, and the client was told %s", at.name, n, o)
		case o.Took > callLimit+2*time.Second: // all at once on a busy machine
			t.Errorf("%s took %s", at.name, o.Took)
		}
		if o.Unknown() {
			unknown++
		}
		if !networks[i].lost.Load() {
			whole++
		}
	}
	t.Logf("of %d writes %d had no answer lost, and %d are unknown", len(attempts), whole, unknown)
	if unknown < 5 || whole < 5 {
		t.Error("which proves little")
	}
}

// TestBlackHole checks that when the network swallows everything without a
// word, every call of more clients than there are connections fails within 8
// seconds, the server says that it is not ready, and work goes on when the
// network is back.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	network := newProxy(t, storetest.URL(t, dialect.Postgres))
	a := harness.New(t, storetest.Open(t, network.url))
	asha := a.Register(t, "asha")
	harness.Together(12, func(i int) string { return a.Query(t, asha, `{ patients { totalCount } }`, nil) })

	var names []string
	wave := func(n int, limit time.Duration) {
		t.Helper()
		first := len(names)
		for i := range n {
			names = append(names, fmt.Sprint("Patient ", first+i))
		}
		outcomes := make([]harness.Outcome, n)
		harness.Together(n, func(i int) string {
			method, path, body := "GET", "/readyz", ""
			switch i % 5 {
			case 0:
				method, path, body = newPatient(names[first+i])
			case 1:
				method, path, body = newPatientREST(names[first+i])
			case 2:
				method, path, body = "POST", "/graphql", `{"query":"{ patients { nodes { name } } }"}`
			case 3:
				path = "/api/patients/"
			}
			outcomes[i] = a.Try(t, asha, method, path, body)
			return ""
		})
		for i, o := range outcomes {
			if !o.Unavailable() && (i%5 != 4 || o.Status != http.StatusServiceUnavailable) || o.Took > limit {
				t.Errorf("call %d: %s", i, o)
			}
		}
		slowest := slices.MaxFunc(outcomes, func(a, b harness.Outcome) int { return int(a.Took - b.Took) })
		t.Logf("%d calls, the slowest took %s", n, slowest.Took.Round(time.Millisecond))
	}
	network.hole.Lock()
	wave(60, callLimit)
	wave(60, 2*time.Second) // by now nobody waits for what will not come
	network.hole.Unlock()

	back := time.Now()
	for a.Try(t, asha, "GET", "/readyz", "").Status != http.StatusOK {
		if time.Since(back) > callLimit {
			t.Fatal("not ready after the network is back")
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("ready %s after the network is back", time.Since(back).Round(time.Millisecond))
	a.CreatePatient(t, asha, "Last")
	for name, n := range count(t, a.DB, "patients", "name") {
		if n != 1 {
			t.Errorf("%d patients are named %s", n, name)
		}
	}
}

// TestBusyPool checks that callers who get no connection, because others keep
// all of them, are told so in time.
func TestBusyPool(t *testing.T) {
	t.Parallel()
	a := harness.New(t, storetest.Open(t, storetest.URL(t, dialect.Postgres)))
	asha := a.Register(t, "asha")
	for range a.DB.Stats().MaxOpenConnections {
		busy, err := a.DB.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer busy.Close()
	}
	harness.Together(30, func(i int) string {
		method, path, body := newPatient("Arjun")
		if i%2 == 0 {
			method, path, body = "GET", "/api/patients/", ""
		}
		if o := a.Try(t, asha, method, path, body); !o.Unavailable() || o.Took > callLimit {
			t.Errorf("call %d: %s", i, o)
		}
		return ""
	})
}

// TestRestart checks that PostgreSQL can be stopped and started under a load of
// writers: they fail as long as it is away and at most 2 seconds longer, always
// as UNAVAILABLE; what was acknowledged is there, and nothing is there twice.
func TestRestart(t *testing.T) {
	t.Parallel()
	const writers = 12
	postgres := storetest.Own(t)
	a := harness.New(t, storetest.Open(t, postgres.URL("template")))
	asha := a.Register(t, "asha")

	var mu sync.Mutex
	acknowledged := map[string]bool{}
	var failed []time.Time
	var stop atomic.Bool
	var running sync.WaitGroup
	for w := range writers {
		running.Go(func() {
			for i := 0; !stop.Load(); i++ {
				name := fmt.Sprintf("Writer %d, patient %d", w, i)
				request := newPatient
				if i%2 == 1 {
					request = newPatientREST
				}
				method, path, body := request(name)
				o := a.Try(t, asha, method, path, body)
				if !o.Succeeded() && !o.Unavailable() {
					t.Errorf("%s: %s", name, o)
				}
				mu.Lock()
				if o.Succeeded() {
					acknowledged[name] = true
				} else {
					failed = append(failed, time.Now())
				}
				mu.Unlock()
			}
		})
	}
	var up []time.Time
	for range 2 {
		time.Sleep(700 * time.Millisecond)
		postgres.Stop()
		time.Sleep(300 * time.Millisecond)
		if err := postgres.Start(); err != nil {
			t.Error(err)
			break
		}
		up = append(up, time.Now())
		time.Sleep(2500 * time.Millisecond)
	}
	stop.Store(true)
	running.Wait()

	var longest time.Duration
	for _, at := range failed {
		for i, u := range up {
			if at.After(u) && (i+1 == len(up) || at.Before(u.Add(2500*time.Millisecond))) {
				longest = max(longest, at.Sub(u))
			}
		}
	}
	t.Logf("%d writes acknowledged, %d failed, the last %s after PostgreSQL was up", len(acknowledged), len(failed), longest.Round(time.Millisecond))
	if longest > 2*time.Second {
		t.Errorf("a write failed %s after PostgreSQL was up", longest)
	}
	if len(acknowledged) < 50 || len(failed) == 0 {
		t.Errorf("%d writes acknowledged and %d failed prove little", len(acknowledged), len(failed))
	}
	stored := count(t, a.DB, "patients", "name")
	for name, n := range stored {
		if n != 1 {
			t.Errorf("%s is stored %d times", name, n)
		}
	}
	for name := range acknowledged {
		if stored[name] == 0 {
			t.Errorf("%s was acknowledged, and is not stored", name)
		}
	}
}

// TestSQLiteInTrouble checks that a database file that is locked or cannot grow
// is told as UNAVAILABLE, that reading goes on, and writing after the end of
// the trouble; what was acknowledged is there.
func TestSQLiteInTrouble(t *testing.T) {
	t.Parallel()
	file := storetest.URL(t, dialect.SQLite)
	a := harness.New(t, storetest.Open(t, file))
	asha := a.Register(t, "asha")
	total := func(want int) {
		t.Helper()
		a.Expect(t, "read", asha, `{ patients { totalCount } }`, nil, fmt.Sprintf(`{"data":{"patients":{"totalCount":%d}}}`, want))
	}
	write := func(name string) harness.Outcome {
		method, path, body := newPatient(name)
		return a.Try(t, asha, method, path, body)
	}

	other, err := sql.Open("sqlite", "file:"+store.Path(file)+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	lock, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if o := write("Locked"); !o.Unavailable() || o.Unknown() || o.Took > callLimit {
		t.Errorf("on a locked database: %s", o)
	}
	total(0)
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	if o := write("Unlocked"); !o.Succeeded() {
		t.Errorf("after the lock: %s", o)
	}

	a.DB.SetMaxOpenConns(1)                                                               // the pragma is one connection's
	if _, err := a.DB.ExecContext(t.Context(), "PRAGMA max_page_count = 1"); err != nil { // as many as there are
		t.Fatal(err)
	}
	stored := 1
	for stored < 1000 {
		o := write(fmt.Sprint("Patient ", stored))
		if !o.Succeeded() {
			if !o.Unavailable() || o.Unknown() {
				t.Errorf("on a full disk: %s", o)
			}
			break
		}
		stored++
	}
	total(stored)
	if _, err := a.DB.ExecContext(t.Context(), "PRAGMA max_page_count = 100000"); err != nil {
		t.Fatal(err)
	}
	if o := write("Room again"); !o.Succeeded() {
		t.Errorf("after there is room again: %s", o)
	}
	total(stored + 1)
}

// sqlDriver is what ent may call of a driver.
type sqlDriver interface {
	dialect.Driver
	BeginTx(context.Context, *entsql.TxOptions) (dialect.Tx, error)
}

// strict is a driver that tells of statements outside a transaction that may
// change something.
type strict struct {
	sqlDriver
	transactions *atomic.Int64
	tell         func(query string)
}

var reading = regexp.MustCompile(`(?i)^\s*SELECT\b`)

func (d strict) check(query string) {
	if !reading.MatchString(query) {
		d.tell(query)
	}
}

func (d strict) Exec(ctx context.Context, query string, args, v any) error {
	d.tell(query)
	return errors.New("outside a transaction: " + query)
}

func (d strict) Query(ctx context.Context, query string, args, v any) error {
	d.check(query)
	return d.sqlDriver.Query(ctx, query, args, v)
}

func (d strict) Tx(ctx context.Context) (dialect.Tx, error) {
	d.transactions.Add(1)
	return d.sqlDriver.Tx(ctx)
}

func (d strict) BeginTx(ctx context.Context, o *entsql.TxOptions) (dialect.Tx, error) {
	d.transactions.Add(1)
	return d.sqlDriver.BeginTx(ctx, o)
}

// TestWritesInTransactions checks that every mutation and every REST write
// changes the database in a transaction: database/sql repeats a statement
// outside of one whose answer got lost.
func TestWritesInTransactions(t *testing.T) {
	schema := harness.Schema(t)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		var transactions atomic.Int64
		db.Wrap = func(d dialect.Driver) dialect.Driver {
			return strict{d.(sqlDriver), &transactions, func(query string) { t.Errorf("outside a transaction: %s", query) }}
		}
		server := httptest.NewServer(server.Handler(db, a.Cfg, slog.New(slog.NewJSONHandler(a.Log, harness.Timeless))))
		defer server.Close()
		a.URL = server.URL

		asha := a.Staff(t, "asha")
		of := map[string]any{"refresh": a.Login(t, asha.Email).Refresh}
		if schema.Types["User"].Fields.ForName("sessions") != nil {
			var in struct {
				Data struct {
					Viewer struct{ Sessions []struct{ ID string } }
				}
			}
			a.Read(t, asha, `{ viewer { sessions { id } } }`, nil, &in)
			of["session"] = in.Data.Viewer.Sessions[0].ID
		}
		var carl harness.Caller
		known := map[string]bool{}
		for _, m := range []struct{ name, document string }{
			{"register", `mutation { register(input: {username: "ben", email: "ben@example.com", password: "Aniket@123", role: DOCTOR}) { access } }`},
			{"updateUser", `mutation { updateUser(id: 2, input: {role: PATIENT, isActive: false}) { id } }`},
			{"login", `mutation { login(input: {email: "asha@example.com", password: "Aniket@123"}) { access } }`},
			{"refreshToken", `mutation($refresh: String!) { refreshToken(refresh: $refresh) { access } }`},
			{"createPatient", `mutation { createPatient(input: {name: "Arjun", email: "family@example.com", phone: "9876543210", dateOfBirth: "1990-05-15", address: "Pune", gender: MALE}) { id } }`},
			{"updatePatient", `mutation { updatePatient(id: 1, input: {name: "Arjun Rao"}) { id } }`},
			{"revertPatient", `mutation { revertPatient(id: 1, revision: 1) { id } }`},
			{"createPatient", `mutation { createPatient(input: {name: "Arjun", phone: "9876543210", dateOfBirth: "1990-05-15", address: "Pune", gender: MALE}) { id } }`},
			{"mergePatients", `mutation { mergePatients(keepId: 1, duplicateId: 2) { id } }`},
			{"createDoctor", `mutation { createDoctor(input: {name: "Dr. Rao", email: "rao@example.com", specialization: "Cardiology", licenseNumber: "R-1", experienceYears: 7, consultationFee: "1500"}) { id } }`},
			{"updateDoctor", `mutation { updateDoctor(id: 1, input: {name: "Dr. Arjun Rao"}) { id } }`},
			{"assignDoctor", `mutation { assignDoctor(input: {patientId: 1, doctorId: 1}) { id } }`},
			{"updateMapping", `mutation { updateMapping(id: 1, notes: "Every month") { id } }`},
			{"unassignDoctor", `mutation { unassignDoctor(id: 1) { id } }`},
			{"updateClinic", `mutation { updateClinic(name: "City Clinic") { id } }`},
			{"inviteMember", `mutation { result: inviteMember(role: ADMIN) { code invitation { id } } }`},
			{"updateMember", `mutation($member: ID!) { updateMember(userId: $member, role: MEMBER) { id } }`},
			{"removeMember", `mutation($member: ID!) { removeMember(userId: $member) }`},
			{"inviteMember", `mutation { result: inviteMember(role: ADMIN) { code invitation { id } } }`},
			{"leaveClinic", `mutation { leaveClinic { id } }`},
			{"inviteDoctor", `mutation { result: inviteDoctor(doctorId: 1) { code invitation { id } } }`},
			{"revokeInvitation", `mutation($invitation: ID!) { revokeInvitation(id: $invitation) }`},
			{"invitePatient", `mutation { result: invitePatient(patientId: 1) { code invitation { id } } }`},
			{"acceptInvitation", `mutation($code: String!) { acceptInvitation(code: $code) { id } }`},
			{"removeAccount", `mutation { removeAccount(patientId: 1) }`},
			{"deletePatient", `mutation { deletePatient(id: 1) }`},
			{"restorePatient", `mutation { restorePatient(id: 1) { id } }`},
			{"erasePatient", `mutation { erasePatient(id: 1, reason: "Asked for") { patientId } }`},
			{"deleteDoctor", `mutation { deleteDoctor(id: 1) }`},
			{"restoreDoctor", `mutation { restoreDoctor(id: 1) { id } }`},
			{"endSession", `mutation($session: ID!) { endSession(id: $session) }`},
			{"logout", `mutation { logout }`},
			{"changePassword", `mutation { changePassword(input: {currentPassword: "Aniket@123", newPassword: "Monsoon-4711"}) { access } }`},
		} {
			if known[m.name] = true; schema.Mutation.Fields.ForName(m.name) == nil {
				continue
			}
			asha.Token = a.Login(t, asha.Email).Access
			before := transactions.Load()
			variables := map[string]any{}
			for name, value := range of {
				if strings.Contains(m.document, "$"+name) {
					variables[name] = value
				}
			}
			reply := a.Must(t, asha, m.document, variables)
			var in struct {
				Data struct {
					Result struct {
						Code       string
						Invitation struct{ ID string }
					}
				}
			}
			if json.Unmarshal([]byte(reply), &in); in.Data.Result.Code != "" {
				of["code"], of["invitation"] = in.Data.Result.Code, in.Data.Result.Invitation.ID
			}
			if m.name == "inviteMember" {
				if carl.ID == 0 {
					carl = a.Register(t, "carl")
				}
				a.Accept(t, carl, in.Data.Result.Code)
				of["member"] = carl.ID
			}
			if transactions.Load() == before && m.name != "refreshToken" {
				t.Errorf("%s had no transaction", m.name)
			}
		}
		for _, f := range schema.Mutation.Fields {
			if !known[f.Name] {
				t.Errorf("the mutation %s is not tried", f.Name)
			}
		}

		diya := a.Register(t, "diya")
		of["refresh"] = a.Login(t, diya.Email).Refresh
		tried := map[string]bool{}
		for _, r := range []struct{ method, path, id, body string }{
			{"POST", "/api/auth/register", "", `{"username":"esha","email":"esha@example.com","password":"Aniket@123","role":"doctor"}`},
			{"POST", "/api/auth/login", "", `{"email":"diya@example.com","password":"Aniket@123"}`},
			{"POST", "/api/auth/token/refresh", "", fmt.Sprintf(`{"refresh":%q}`, of["refresh"])},
			{"POST", "/api/patients", "", `{"name":"Kabir","email":"family@example.com","phone":"9876543210","date_of_birth":"1990-05-15","address":"Pune","gender":"male"}`},
			{"PUT", "/api/patients/{id}", "3", `{"name":"Kabir","email":"family@example.com","phone":"9876543210","date_of_birth":"1990-05-16","address":"Pune","gender":"male"}`},
			{"PATCH", "/api/patients/{id}", "3", `{"name":"Kabir Rao"}`},
			{"POST", "/api/doctors", "", `{"name":"Dr. Iyer","email":"iyer@example.com","specialization":"Cardiology","license_number":"R-2","experience_years":7,"consultation_fee":"1500.00"}`},
			{"PUT", "/api/doctors/{id}", "2", `{"name":"Dr. Iyer","email":"iyer@example.com","specialization":"Cardiology","license_number":"R-2","experience_years":8,"consultation_fee":"1500.00"}`},
			{"PATCH", "/api/doctors/{id}", "2", `{"experience_years":9}`},
			{"POST", "/api/mappings", "", `{"patient":3,"doctor":2}`},
			{"DELETE", "/api/mappings/{id}", "2", ""},
			{"DELETE", "/api/patients/{id}", "3", ""},
			{"DELETE", "/api/doctors/{id}", "2", ""},
		} {
			tried[r.method+" "+r.path] = true
			before := transactions.Load()
			status, reply := a.Send(t, r.method, strings.Replace(r.path, "{id}", r.id, 1)+"/", diya.Token, r.body)
			if status >= 300 || transactions.Load() == before && r.path != "/api/auth/token/refresh" {
				t.Errorf("%s %s: %d %s after %d transactions", r.method, r.path, status, reply, transactions.Load()-before)
			}
		}
		endpoints := rest.Endpoints()
		for _, e := range endpoints {
			if e.Method != "GET" && !tried[e.Method+" "+e.Path] {
				t.Errorf("%s %s is not tried", e.Method, e.Path)
			}
		}
	})
}
