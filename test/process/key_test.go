package process_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"entgo.io/ent/dialect"

	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// signed is what a client has that a server signed: tokens, a cursor, and a change that it may
// send again.
type signed struct {
	harness.Caller
	refresh, cursor, change string
}

// sign lets a client have all of it.
func sign(t *testing.T, s *harness.Server, name string) signed {
	t.Helper()
	c := signed{Caller: s.Register(t, name), change: "change-" + name}
	c.refresh = s.Login(t, c.Email).Refresh
	for i := range 3 {
		s.CreatePatient(t, c.Caller, fmt.Sprint(name, i))
	}
	var page struct {
		Data struct {
			Patients struct {
				PageInfo struct{ EndCursor string }
			}
		}
	}
	s.Read(t, c.Caller, `{ patients(first: 1) { pageInfo { endCursor } } }`, nil, &page)
	c.cursor = page.Data.Patients.PageInfo.EndCursor
	if again, status := c.send(t, s); status != http.StatusOK || again {
		t.Fatalf("a change: %d, told again %t", status, again)
	}
	return c
}

// send sends the change, and tells whether it had happened before.
func (c signed) send(t *testing.T, s *harness.Server) (again bool, status int) {
	t.Helper()
	status, answered, reply := s.Do(t, "POST", "/graphql", http.Header{
		"Authorization": {"Bearer " + c.Token}, "Content-Type": {"application/json"}, "Idempotency-Key": {c.change},
	}, `{"query":"mutation { createPatient(input: {name: \"Once\", phone: \"9876543210\", gender: MALE, dateOfBirth: \"1990-05-15\", address: \"Pune\"}) { name } }"}`)
	if status == http.StatusOK && !strings.Contains(reply, `"Once"`) && !strings.Contains(reply, `"CONFLICT"`) {
		t.Errorf("the change: %s", reply)
	}
	return answered.Get("Idempotency-Replayed") == "true", status
}

// good checks that all of it is good, or that nothing of it is.
func (c signed) good(t *testing.T, what string, s *harness.Server, want bool) {
	t.Helper()
	status, _ := s.Send(t, "POST", "/api/auth/token/refresh/", "", fmt.Sprintf(`{"refresh":%q}`, c.refresh))
	if (status == http.StatusOK) != want {
		t.Errorf("%s: a refresh: %d", what, status)
	}
	if again, status := c.send(t, s); again != want || (status == http.StatusOK) != want {
		t.Errorf("%s: a change that is sent again: %d, told again %t", what, status, again)
	}
	if want {
		s.Expect(t, what+": the next page", c.Caller, `query($after: Cursor) { patients(first: 1, after: $after) { totalCount } }`, map[string]any{"after": c.cursor}, `{"data":{"patients":{"totalCount":4}}}`)
	}
}

// TestKeys changes the key that servers sign with, as the command rotate-key says: nobody has to
// sign in again, unless that is what is wanted.
func TestKeys(t *testing.T) {
	program := harness.Build(t)

	t.Run("in its file", func(t *testing.T) {
		dir := t.TempDir()
		start := func() *harness.Server { return program.Start(t, dir, nil) }
		rotate := func(says string, args ...string) {
			t.Helper()
			code, stdout, stderr := program.Run(t, dir, nil, "", append([]string{"rotate-key"}, args...)...)
			if code != 0 || !strings.Contains(stdout, says) || stderr != "" {
				t.Errorf("rotate-key %v: exit status %d, %q, %q", args, code, stdout, stderr)
			}
			for _, name := range []string{"caregraph.key", "caregraph.key.previous"} {
				if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v", name, info.Mode())
				}
			}
		}
		if code, _, stderr := program.Run(t, dir, nil, "", "rotate-key"); code != 1 || !strings.Contains(stderr, "there is no key to change") {
			t.Errorf("before the first start: exit status %d, %q", code, stderr)
		}
		s := start()
		old := sign(t, s, "asha")
		s.Stop(t)
		rotate("Nobody has to sign in again")
		s = start()
		old.good(t, "after the key changed", s, true)
		next := sign(t, s, "bela")
		s.Stop(t)
		if code, _, stderr := program.Run(t, dir, nil, "", "rotate-key"); code != 1 || !strings.Contains(stderr, "--forget") {
			t.Errorf("another change at once: exit status %d, %q", code, stderr)
		}
		rotate("forgotten", "--forget")
		s = start()
		old.good(t, "of the key that is forgotten", s, false)
		next.good(t, "of the key that stays", s, true)
		s.Stop(t)
		rotate("everybody signs in again", "--at-once")
		s = start()
		next.good(t, "of the key that changed at once", s, false)
		s.Stop(t)
	})

	t.Run("on two servers", func(t *testing.T) {
		url := storetest.URL(t, dialect.Postgres)
		before, after := strings.Repeat("b", 32), strings.Repeat("a", 32)
		env := func(key, previous string) []string {
			env := []string{"DATABASE_URL=" + url, "SECRET_KEY=" + key}
			if previous != "" {
				env = append(env, "SECRET_KEY_PREVIOUS="+previous)
			}
			return env
		}
		code, stdout, _ := program.Run(t, t.TempDir(), env(before, ""), "", "rotate-key")
		if code != 0 || !strings.Contains(stdout, "set SECRET_KEY_PREVIOUS to the new key") || strings.Contains(stdout, before) {
			t.Errorf("exit status %d, %q", code, stdout)
		}
		if code, _, stderr := program.Run(t, t.TempDir(), env(before, "short"), ""); code != 1 || !strings.Contains(stderr, "SECRET_KEY_PREVIOUS is too short") || strings.Contains(stderr, "\"short\"") {
			t.Errorf("exit status %d, %q", code, stderr)
		}
		both := []*harness.Server{program.Start(t, t.TempDir(), env(before, "")), program.Start(t, t.TempDir(), env(before, ""))}
		all := []signed{sign(t, both[0], "asha")}
		for step, next := range [][2]string{{before, after}, {after, before}} {
			for i := range both {
				both[i].Stop(t)
				both[i] = program.Start(t, t.TempDir(), env(next[0], next[1]))
				all = append(all, sign(t, both[i], fmt.Sprintf("user%d%d", step, i)))
				for k, c := range all {
					for j, s := range both {
						c.good(t, fmt.Sprintf("step %d, server %d is changed: client %d at server %d", step+2, i, k, j), s, true)
					}
				}
			}
		}
		both[0].Stop(t)
		both[0] = program.Start(t, t.TempDir(), env(before, after)) // in the midst of the change
		for i := range 20 {
			twin := all[0]
			twin.change = fmt.Sprint("twin", i)
			var at sync.WaitGroup
			for _, s := range both {
				at.Go(func() { twin.send(t, s) })
			}
			at.Wait()
		}
		var page struct {
			Data struct{ Patients struct{ TotalCount int } }
		}
		both[0].Read(t, all[0].Caller, `{ patients { totalCount } }`, nil, &page)
		if got := page.Data.Patients.TotalCount; got != 4+20 {
			t.Errorf("20 changes that were sent to two servers at once made %d", got-4)
		}
		both[0].Stop(t)
		last := program.Start(t, t.TempDir(), env(after, ""))
		all[0].good(t, "after the old key is forgotten", last, false)
		all[len(all)-1].good(t, "of the new key", last, true)
	})
}
