package live_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/server"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestShared subscribes colleagues to the same, and checks that each is told, that the access
// log has an event of each who was shown a patient, and that more of them cost no statement.
func TestShared(t *testing.T) {
	each(t, func(t *testing.T, a *harness.API) {
		asha := a.Register(t, "asha")
		colleagues := []harness.Caller{asha}
		for i := range 9 {
			c := a.Register(t, fmt.Sprint("colleague", i))
			a.Join(t, c, asha, "MEMBER")
			colleagues = append(colleagues, c)
		}
		watcher := a.Register(t, "watcher")
		a.Join(t, watcher, asha, "MEMBER")
		const shown = `subscription Shown { patientChanged { kind id patient { name doctors { name } } } }`
		blind := a.Follow(t, watcher, `subscription Blind { patientChanged { kind id } }`, nil)
		patient := a.CreatePatient(t, asha, "Arjun")
		blind.Next(t)
		var sockets []*harness.Socket
		statements, changes := map[int]int64{}, 0
		change := func() {
			changes++
			before := a.Statements.Load()
			a.Must(t, asha, `mutation($id: ID!, $n: String!) { updatePatient(id: $id, input: {address: $n}) { id } }`, map[string]any{"id": patient, "n": fmt.Sprint(changes, " Lake Road")})
			for _, s := range append(slices.Clone(sockets), blind) {
				if m := s.Next(t); !strings.Contains(string(m.Payload), "UPDATED") {
					t.Fatalf("%s", m.Payload)
				}
			}
			statements[len(sockets)] = a.Statements.Load() - before
		}
		for i, c := range colleagues {
			sockets = append(sockets, a.Follow(t, c, shown, nil))
			if i == 1 { // an admin and a member: two rights
				change()
				change() // what is known by heart is
			}
		}
		if _, err := a.DB.ExecContext(t.Context(), "DELETE FROM access_events"); err != nil {
			t.Fatal(err)
		}
		change()
		change()
		if a.DB.Dialect == dialect.Postgres && statements[10] != statements[2] { // SQLite is asked who calls
			t.Errorf("%d statements for ten, %d for two", statements[10], statements[2])
		}
		var told, users, blinds int
		err := a.DB.QueryRowContext(t.Context(), `SELECT count(*), count(DISTINCT user_id) FROM access_events WHERE operation = 'Shown' AND action = 'READ' AND seen_as = 'CLINIC' AND door = 'GRAPHQL' AND CAST(patients AS text) = $1`, fmt.Sprintf("{%d}", patient)).Scan(&told, &users)
		if err != nil || told != 20 || users != 10 {
			t.Errorf("%d events of %d users (%v)", told, users, err)
		}
		if err := a.DB.QueryRowContext(t.Context(), `SELECT count(*) FROM access_events WHERE operation = 'Blind'`).Scan(&blinds); err != nil || blinds != 0 {
			t.Errorf("%d events of who is shown nothing (%v)", blinds, err)
		}
	})
}

// TestPersonal subscribes colleagues to what each sees another part of: it is not shared.
func TestPersonal(t *testing.T) {
	each(t, func(t *testing.T, a *harness.API) {
		asha, ben := a.Register(t, "asha"), a.Register(t, "ben")
		a.Join(t, ben, asha, "MEMBER")
		if _, err := a.DB.ExecContext(t.Context(), "UPDATE users SET phone = '9000000001' WHERE id = $1", asha.ID); err != nil {
			t.Fatal(err)
		}
		const who = `subscription { patientChanged { patient { ...by } } } fragment by on Patient { createdBy { phone sessions { id } } }`
		sockets := []*harness.Socket{a.Follow(t, asha, who, nil), a.Follow(t, ben, who, nil)}
		a.CreatePatient(t, asha, "Arjun")
		for i, s := range sockets {
			m := s.Next(t)
			if own := strings.Contains(string(m.Payload), "9000000001") && !strings.Contains(string(m.Payload), `"sessions":[]`); own != (i == 0) {
				t.Errorf("%d is told %s", i, m.Payload)
			}
		}
	})
}

// TestSlow lets a client read nothing while a lot changes: it is told to ask again, nobody else
// waits for it, and one who never reads again is cut off.
func TestSlow(t *testing.T) {
	each(t, func(t *testing.T, a *harness.API) {
		asha := a.Register(t, "asha")
		const patients = 150
		ids := []int{a.CreatePatient(t, asha, "Patient")}
		for id := ids[0] + 1; len(ids) < patients; id++ {
			if _, err := a.DB.ExecContext(t.Context(), `INSERT INTO patients (id, created_by_id, clinic_id, name, name_key, phone, date_of_birth, address, gender, created_at, updated_at)
				SELECT CAST($1 AS bigint), created_by_id, clinic_id, name, name_key, phone, date_of_birth, address, gender, created_at, updated_at FROM patients WHERE id = $2`, id, ids[0]); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		large := strings.Repeat("x", 2000)
		document := "subscription { patientChanged { kind id patient {"
		for i := range 50 {
			document += fmt.Sprintf(" a%d: medicalHistory", i)
		}
		document += " } } }"
		slow, err := a.Dial(t, nil, "graphql-transport-ws")
		if err != nil {
			t.Fatal(err)
		}
		slow.Send(t, map[string]any{"type": "connection_init", "payload": map[string]any{"Authorization": asha.Bearer()}})
		if _, _, err := slow.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		slow.Subscribe(t, "1", document, nil)
		slow.Subscribe(t, "begun", "{ __typename }", nil)
		for range 2 {
			if _, _, err := slow.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		quick := a.Follow(t, asha, document, nil)
		waits := time.Duration(0)
		for i, id := range ids {
			a.Must(t, asha, `mutation($id: ID!, $h: String!) { updatePatient(id: $id, input: {medicalHistory: $h}) { id } }`, map[string]any{"id": id, "h": large})
			if i%10 < 9 {
				continue
			}
			begin := time.Now()
			for m := quick.Next(t); !strings.Contains(string(m.Payload), fmt.Sprintf(`"id":"%d"`, id)); m = quick.Next(t) {
			}
			waits = max(waits, time.Since(begin))
		}
		t.Logf("the other waited %s at most", waits)
		time.Sleep(time.Second) // until it is told to ask again
		slow.Receive()
		var all []told
		for {
			m := slow.Next(t)
			kind := "UPDATED"
			if strings.Contains(string(m.Payload), "RESYNC") {
				kind = "RESYNC"
			}
			if all = append(all, told{Kind: kind}); kind == "RESYNC" {
				break
			}
		}
		if len(all) > patients-20 {
			t.Errorf("%d of %d were sent to who did not read", len(all), patients)
		}
		a.Must(t, asha, `mutation($id: ID!) { updatePatient(id: $id, input: {medicalHistory: "y"}) { id } }`, map[string]any{"id": ids[0]})
		for m := slow.Next(t); !strings.Contains(string(m.Payload), `"y"`); m = slow.Next(t) {
		}
	}, func(cfg *server.Config) { cfg.RateLimit = 0 })
}

// TestMissed makes the listener of PostgreSQL lose its connection while records change: who
// subscribes is told to ask again.
func TestMissed(t *testing.T) {
	a := harness.NewLive(t, storetest.URL(t, dialect.Postgres))
	asha := a.Register(t, "asha")
	s := a.Follow(t, asha, subscriptions["patientChanged"], nil)
	for round := range 3 {
		harness.Eventually(t, "there is a listener to end", func() bool {
			var ended int
			if err := a.DB.QueryRowContext(t.Context(), "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'NOTIFY caregraph_beat%'").Scan(&ended); err != nil {
				t.Fatal(err)
			}
			return ended > 0
		})
		id := a.CreatePatient(t, asha, "Arjun")
		for {
			k := read(t, s.Next(t))
			if k.Kind == "RESYNC" {
				break
			}
			if k.ID != fmt.Sprint(id) {
				t.Fatalf("round %d: %+v", round, k)
			}
		}
		id = a.CreatePatient(t, asha, "Bela")
		for k := read(t, s.Next(t)); k.ID != fmt.Sprint(id); k = read(t, s.Next(t)) {
			if k.Kind == "RESYNC" { // in place of what has just been made: it was told twice
				id = a.CreatePatient(t, asha, "Bela")
			}
		}
		for len(s.Messages) > 0 { // what is of this round
			s.Next(t)
		}
	}
}

// TestTwoServers changes records through one server: who subscribes on another of the same
// database is told.
func TestTwoServers(t *testing.T) {
	for _, kind := range []string{dialect.SQLite, dialect.Postgres} {
		t.Run(kind, func(t *testing.T) {
			url := storetest.URL(t, kind)
			here, there := harness.NewLive(t, url), harness.NewLive(t, url)
			asha := here.Register(t, "asha")
			s := there.Follow(t, asha, subscriptions["patientChanged"], nil)
			for i := range 20 {
				id := here.CreatePatient(t, asha, fmt.Sprint("Patient ", i))
				for k := read(t, s.Next(t)); k != (told{"CREATED", fmt.Sprint(id), fmt.Sprint("Patient ", i)}); k = read(t, s.Next(t)) {
				}
			}
			here.Must(t, asha, `mutation { logout }`, nil)
			if code := s.Code(t); code != 4401 {
				t.Errorf("ends with %d after the sign-out", code)
			}
		})
	}
}
