package process_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestFailover kills the primary under load, and promotes its synchronous standby two seconds
// later: requests fail only meanwhile, nothing that was acknowledged is lost, nothing happens
// twice, and the access log has no gap.
func TestFailover(t *testing.T) {
	const clients, away = 16, 2 * time.Second
	primary := storetest.Own(t)
	storetest.Exec(t, primary.URL("postgres"), "CREATE DATABASE care TEMPLATE template")
	standby := primary.Standby(t)
	program, dir := harness.Build(t), t.TempDir()
	env := []string{"DATABASE_URL=" + storetest.Pair(primary, standby, "care"), "SECRET_KEY=" + strings.Repeat("k", 32), "RATE_LIMIT=0"}
	s := program.Start(t, dir, env)
	asha := s.Register(t, "asha")

	var killed, promoted, first atomic.Int64 // when; in nanoseconds since the beginning
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	var load sync.WaitGroup
	var stop atomic.Bool
	begin := time.Now()
	early, late := 0, 0 // failures before there was no primary, and long after there was one again
	for client := range clients {
		load.Go(func() {
			for i := 0; !stop.Load(); i++ {
				name := fmt.Sprintf("Patient %d %d", client, i)
				sent := time.Since(begin)
				answer := s.Query(t, asha, `mutation($name: String!) { createPatient(input: {name: $name, phone: "9876543210", gender: MALE, dateOfBirth: "1990-05-15", address: "Pune"}) { name } }`, map[string]any{"name": name})
				ok := answer == fmt.Sprintf(`{"data":{"createPatient":{"name":%q}}}`, name)
				mu.Lock()
				switch again := promoted.Load(); {
				case ok:
					acknowledged[name] = true
					if again > 0 && int64(sent) > again {
						first.CompareAndSwap(0, int64(time.Since(begin)))
					}
				case !strings.Contains(answer, `"UNAVAILABLE"`):
					t.Errorf("%s: %s", name, answer)
				case killed.Load() == 0:
					early++
					t.Logf("before: %s", answer)
				case again > 0 && sent > time.Duration(again)+5*time.Second:
					late++
					t.Logf("after: %s", answer)
				}
				mu.Unlock()
				if !ok {
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	time.Sleep(2 * time.Second)
	killed.Store(int64(time.Since(begin)))
	primary.Kill(t)
	time.Sleep(away)
	standby.Promote(t)
	promoted.Store(int64(time.Since(begin)))
	harness.Eventually(t, "requests are answered again", func() bool { return first.Load() > 0 })
	time.Sleep(2 * time.Second)
	stop.Store(true)
	load.Wait()
	t.Logf("%d acknowledged; answered again %s after the promotion", len(acknowledged), time.Duration(first.Load()-promoted.Load()).Round(time.Millisecond))
	if early+late > 0 {
		t.Errorf("%d requests failed with a primary, %d long after the promotion", early, late)
	}

	db := storetest.Open(t, standby.URL("care"))
	rows, err := db.QueryContext(t.Context(), "SELECT name, count(*) FROM patients GROUP BY name")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	stored := map[string]int{}
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		stored[name] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for name := range acknowledged {
		if stored[name] != 1 {
			t.Errorf("%s was acknowledged, and is stored %d times", name, stored[name])
		}
	}
	for name, n := range stored {
		if n != 1 {
			t.Errorf("%s is stored %d times", name, n)
		}
	}
	if code, stdout, stderr := program.Run(t, dir, env, "", "audit", "verify"); code != 0 {
		t.Errorf("the access log: exit status %d, %s%s", code, stdout, stderr)
	}
	s.Stop(t)
}

// TestAway stops PostgreSQL for a while: requests fail at once instead of hanging, /readyz says so,
// and both are well again soon after it has started.
func TestAway(t *testing.T) {
	const away, soon = 5 * time.Second, 2 * time.Second
	own := storetest.Own(t)
	storetest.Exec(t, own.URL("postgres"), "CREATE DATABASE care TEMPLATE template")
	s := harness.Build(t).Start(t, t.TempDir(), []string{"DATABASE_URL=" + own.URL("care"), "SECRET_KEY=" + strings.Repeat("k", 32)})
	asha := s.Register(t, "asha")
	well := func() (time.Duration, bool) {
		begin := time.Now()
		answer := s.Query(t, asha, whoever, nil)
		status, _ := s.Send(t, "GET", "/readyz", "", "")
		if answer != `{"data":{"viewer":{"username":"asha"}}}` {
			if !strings.Contains(answer, `"UNAVAILABLE"`) {
				t.Errorf("the answer is %s", answer)
			}
			return time.Since(begin), false
		}
		return time.Since(begin), status == http.StatusOK
	}
	if _, ok := well(); !ok {
		t.Fatal("it is not well before")
	}
	own.Stop()
	for begin := time.Now(); time.Since(begin) < away; time.Sleep(100 * time.Millisecond) {
		if took, ok := well(); ok || took > 2*soon {
			t.Errorf("without PostgreSQL: well %t, after %s", ok, took)
		}
	}
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	harness.Eventually(t, "it is well again", func() bool { _, ok := well(); return ok })
	t.Logf("well again after %s", time.Since(begin).Round(time.Millisecond))
	s.Stop(t)
}
