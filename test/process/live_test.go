package process_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// shownBy is what a client of test/clients/follow.mjs shows, and how it was told.
type shownBy struct {
	Patients                  map[string]struct{ Address string }
	Names                     map[string]bool
	Events, Resyncs, Connects int
	Delays                    []int // of changes that tell in the address when they were made; in milliseconds
	Errors                    []string
}

// followers are clients of the packages graphql-ws and graphql-sse.
type followers struct {
	in  io.Writer
	out *bufio.Scanner
}

// startFollowers subscribes callers to the URLs of servers over both, in this order.
func startFollowers(t *testing.T, servers []string, callers []harness.Caller) *followers {
	t.Helper()
	if _, err := os.Stat(harness.Path("test/clients/node_modules/graphql-ws")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("run npm ci --prefix test/clients")
		}
		t.Skip("npm ci --prefix test/clients has not been run")
	}
	var clients []map[string]string
	for _, s := range servers {
		for _, c := range callers {
			for _, transport := range []string{"ws", "sse"} {
				clients = append(clients, map[string]string{"url": s, "token": c.Token, "transport": transport})
			}
		}
	}
	text, err := json.Marshal(clients)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "follow.mjs", string(text))
	node.Dir, node.Stderr = harness.Path("test/clients"), os.Stderr
	in, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		node.Wait()
	})
	f := &followers{in, bufio.NewScanner(out)}
	f.out.Buffer(nil, 64<<20)
	return f
}

// show returns what the clients show now.
func (f *followers) show(t *testing.T) []shownBy {
	t.Helper()
	fmt.Fprintln(f.in)
	if !f.out.Scan() {
		t.Fatalf("the clients have ended: %v", f.out.Err())
	}
	var all []shownBy
	if err := json.Unmarshal(f.out.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestLive follows two clinics over two servers with the clients that front ends use, while
// 10,000 changes are made under load and PostgreSQL is restarted in their midst. In the end every
// client shows what is true, and none was shown anything of the other clinic.
func TestLive(t *testing.T) {
	const patients, changes, together, workers = 80, 10_000, 20, 8
	own := storetest.Own(t)
	storetest.Exec(t, own.URL("postgres"), "CREATE DATABASE care TEMPLATE template")
	r := newRights(t, own.URL("care"))
	ben := r.here.Register(t, "ben")
	callers, clinics := []harness.Caller{r.asha, ben}, []string{"Asha's", "Ben's"}
	ids := map[int][]int{}
	for c, caller := range callers {
		for range patients {
			ids[c] = append(ids[c], r.here.CreatePatient(t, caller, clinics[c]))
		}
	}
	servers := []*harness.Server{r.here, r.there}
	follow := startFollowers(t, []string{r.here.URL, r.there.URL}, callers)
	every := func(what string, ok func(client int, shown shownBy) bool) []shownBy {
		var all []shownBy
		harness.Eventually(t, what, func() bool {
			all = follow.show(t)
			for i, shown := range all {
				if !ok(i, shown) {
					time.Sleep(100 * time.Millisecond)
					return false
				}
			}
			return true
		})
		return all
	}
	clinic := func(client int) int { return client / 2 % 2 }
	every("everybody shows the patients", func(_ int, shown shownBy) bool { return len(shown.Patients) == patients })

	for i := range 200 { // one by one
		for c, caller := range callers {
			servers[i%2].Must(t, caller, `mutation($id: ID!, $at: String!) { updatePatient(id: $id, input: {address: $at}) { id } }`, map[string]any{"id": ids[c][i%patients], "at": fmt.Sprint("at ", time.Now().UnixMilli())})
		}
	}
	for i, shown := range every("everybody is told of each", func(_ int, shown shownBy) bool { return len(shown.Delays) >= 200 }) {
		slices.Sort(shown.Delays)
		t.Logf("client %d: told after %d ms, p99 %d, at most %d", i, shown.Delays[100], shown.Delays[197], shown.Delays[len(shown.Delays)-1])
	}

	// Clients at work send their changes again until they are answered.
	var done atomic.Int64
	var load sync.WaitGroup
	begin := time.Now()
	for worker := range workers {
		load.Go(func() {
			c, mine := worker%2, ids[worker%2][worker/2*together:]
			for i := worker; i < changes/together; i += workers {
				var document strings.Builder
				for k := range together {
					fmt.Fprintf(&document, "a%d: updatePatient(id: %d, input: {address: \"Lane %d %d\"}) { id } ", k, mine[k], i, k)
				}
				for t.Context().Err() == nil && !strings.Contains(servers[i/2%2].Query(t, callers[c], "mutation { "+document.String()+"}", nil), `"data":{"a0"`) {
					time.Sleep(50 * time.Millisecond)
				}
				done.Add(together)
			}
		})
	}
	harness.Eventually(t, "half of the changes are made", func() bool { return done.Load() > changes/2 })
	own.Stop()
	time.Sleep(500 * time.Millisecond)
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	load.Wait()
	t.Logf("%d changes in %s", done.Load(), time.Since(begin))

	truth := map[string]string{}
	rows, err := r.db.QueryContext(t.Context(), "SELECT id, address FROM patients")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, address string
		if err := rows.Scan(&id, &address); err != nil {
			t.Fatal(err)
		}
		truth[id] = address
	}
	for i, shown := range every("everybody shows what is true", func(_ int, shown shownBy) bool {
		for id, p := range shown.Patients {
			if truth[id] != p.Address {
				return false
			}
		}
		return len(shown.Patients) == patients
	}) {
		if len(shown.Names) != 1 || !shown.Names[clinics[clinic(i)]] {
			t.Errorf("client %d of %s was shown %v", i, clinics[clinic(i)], shown.Names)
		}
		if shown.Resyncs == 0 || len(shown.Errors) > 0 {
			t.Errorf("client %d: %d times to ask again, errors %v", i, shown.Resyncs, shown.Errors)
		}
		t.Logf("client %d: %d events, %d to ask again, connected %d times", i, shown.Events, shown.Resyncs, shown.Connects)
	}
}

// TestStopLive stops a server on which clients subscribe: WebSockets end with 1001, event
// streams end, and the server does, too.
func TestStopLive(t *testing.T) {
	program := harness.Build(t)
	for kind, url := range map[string]string{dialect.SQLite: "sqlite:" + filepath.Join(t.TempDir(), "care.db"), dialect.Postgres: storetest.URL(t, dialect.Postgres)} {
		t.Run(kind, func(t *testing.T) {
			s := program.Start(t, t.TempDir(), []string{"DATABASE_URL=" + url, "SECRET_KEY=" + strings.Repeat("k", 32)})
			asha := s.Register(t, "asha")
			socket, stream := s.Follow(t, asha, patients, nil), s.Stream(t, asha, patients, nil)
			silent, err := s.Dial(t, nil, "graphql-transport-ws") // who has not signed in
			if err != nil {
				t.Fatal(err)
			}
			silent.Receive()
			begin := time.Now()
			s.Stop(t)
			if code := socket.Code(t); code != 1001 {
				t.Errorf("a socket ends with %d", code)
			}
			if code := silent.Code(t); code != 1001 {
				t.Errorf("a socket of nobody ends with %d", code)
			}
			for range stream.Messages {
			}
			t.Logf("ended in %s", time.Since(begin))
		})
	}
}
