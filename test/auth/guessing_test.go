package auth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"caregraph/internal/request"
	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// behindProxy configures a server that limits sign-ins, behind a proxy
// on this machine.
func behindProxy(c *server.Config) {
	c.LoginLimit = 5
	c.TrustedProxies = request.Proxies{netip.MustParsePrefix("127.0.0.0/8")}
}

// TestGuessing checks what a guesser sees at both doors: the same for a known
// and an unknown account, and that no spelling and no second server helps.
func TestGuessing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a, other := harness.New(t, db, behindProxy), harness.New(t, db, behindProxy)
		asha := a.Register(t, "asha")
		for i, email := range []string{asha.Email, "nobody@example.com"} {
			away := fmt.Sprint("203.0.113.", i)
			for n, spelling := range []string{email, strings.ToUpper(email), " " + email, email, email} {
				server := []*harness.API{a, other}[n%2]
				if status, wait := server.Guess(t, away, spelling, "wrong"); status != http.StatusUnauthorized || wait != "" {
					t.Fatalf("failure %d: %d, Retry-After %q", n+1, status, wait)
				}
			}
			for _, server := range []*harness.API{a, other} {
				for _, try := range []string{harness.Password, "wrong"} {
					if status, wait := server.Guess(t, away, email, try); status != http.StatusTooManyRequests || wait != "2" && wait != "1" {
						t.Errorf("during the wait: %d, Retry-After %q", status, wait)
					}
				}
				body, err := json.Marshal(map[string]string{"query": fmt.Sprintf(`mutation { login(input: {email: %q, password: %q}) { access } }`, email, harness.Password)})
				if err != nil {
					t.Fatal(err)
				}
				_, _, reply := server.Do(t, "POST", "/graphql", http.Header{"Content-Type": {"application/json"}, "X-Forwarded-For": {away}}, string(body))
				if !strings.Contains(reply, `"code":"RATE_LIMITED","retryAfter":`) || strings.Contains(reply, "eyJ") {
					t.Errorf("GraphQL answers %s", reply)
				}
			}
			if status, _ := a.Guess(t, away+", 198.51.100.9", asha.Email, harness.Password); status != http.StatusOK {
				t.Errorf("another address: %d", status)
			}
			if status, _ := a.Guess(t, "192.0.2.77, "+away, email, harness.Password); status != http.StatusTooManyRequests {
				t.Errorf("an address that the client made up: %d", status)
			}
		}
	})
}

// TestForwardedFor checks that without TRUSTED_PROXIES the header changes
// nothing: its sender waits under its own address.
func TestForwardedFor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db, func(c *server.Config) { c.LoginLimit = 5 })
		asha := a.Register(t, "asha")
		for i := range 5 {
			a.Guess(t, fmt.Sprint("203.0.113.", i), asha.Email, "wrong")
		}
		if status, _ := a.Guess(t, "192.0.2.1", asha.Email, harness.Password); status != http.StatusTooManyRequests {
			t.Errorf("got %d, want 429", status)
		}
	})
}

// TestChangePasswordGuessing checks that the bearer of a stolen token cannot
// guess the password by changing it.
func TestChangePasswordGuessing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db, behindProxy)
		asha := a.Register(t, "asha")
		change := `mutation($current: String!) { changePassword(input: {currentPassword: $current, newPassword: "Another@456"}) { access } }`
		for range 5 {
			a.Expect(t, "wrong", asha, change, map[string]any{"current": "wrong"}, "BAD_USER_INPUT:currentPassword")
		}
		a.Expect(t, "right, while it must wait", asha, change, map[string]any{"current": harness.Password}, "RATE_LIMITED")
		if status, _ := a.Guess(t, "127.0.0.1", asha.Email, harness.Password); status != http.StatusTooManyRequests {
			t.Errorf("a sign-in meanwhile: %d, want 429", status)
		}
	})
}

// TestSensitiveAlone checks that a mutation that guesses or is costly stands
// alone in its operation, whatever it is called and wherever it is written.
func TestSensitiveAlone(t *testing.T) {
	a := harness.New(t, storetest.Open(t, storetest.URL(t, "sqlite3")), behindProxy)
	asha := a.Register(t, "asha")
	fields := map[string]string{
		"login":          `login(input: {email: "asha@example.com", password: "wrong"}) { access }`,
		"register":       `register(input: {username: "x", email: "x@example.com", password: "Aniket@123", role: PATIENT}) { access }`,
		"refreshToken":   `refreshToken(refresh: "x") { access }`,
		"changePassword": `changePassword(input: {currentPassword: "wrong", newPassword: "Another@456"}) { access }`,
	}
	for name, field := range fields {
		for shape, document := range map[string]string{
			"aliases":              `mutation { a: FIELD b: FIELD }`,
			"twice":                `mutation { FIELD FIELD }`,
			"fragment":             `mutation { ...f ...f } fragment f on Mutation { FIELD a: FIELD }`,
			"fragment and field":   `mutation { ...f a: FIELD } fragment f on Mutation { FIELD }`,
			"fragment in fragment": `mutation { ...g } fragment g on Mutation { ...f x: __typename } fragment f on Mutation { FIELD }`,
			"inline fragments":     `mutation { ... { a: FIELD } ... on Mutation { b: FIELD } }`,
			"skipped":              `mutation { a: FIELD ... @skip(if: false) { b: FIELD } }`,
			"beside another":       `mutation { logout a: FIELD }`,
			"beside its type":      `mutation { __typename a: FIELD }`,
			"named operation":      `query Q { viewer { id } } mutation M { a: FIELD b: FIELD }`,
		} {
			body, err := json.Marshal(map[string]any{"query": strings.ReplaceAll(document, "FIELD", field), "operationName": map[bool]any{true: "M"}[shape == "named operation"]})
			if err != nil {
				t.Fatal(err)
			}
			_, reply := a.Send(t, "POST", "/graphql", asha.Token, string(body))
			if codes := harness.Failures(t, reply); !slices.Equal(codes, []string{"TOO_COMPLEX"}) {
				t.Errorf("%s, %s: %s", name, shape, reply)
			}
		}
	}
	var counted int
	if err := a.DB.QueryRow("SELECT count(*) FROM guesses").Scan(&counted); err != nil || counted != 0 {
		t.Errorf("%d counts (%v), want none: nothing was looked at", counted, err)
	}
}

// TestSignInsLeaveRoom checks, on the program as it is run, that 64 sign-ins at
// once take less than 200 MiB, that other requests are answered meanwhile, and
// that the memory is given back soon. Its memory limit is the one without a cgroup's.
func TestSignInsLeaveRoom(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory is read from /proc")
	}
	s := harness.Build(t).Start(t, t.TempDir(), []string{"RATE_LIMIT=0", "GOMEMLIMIT=224MiB", "SECRET_KEY=" + strings.Repeat("k", server.MinKey)})
	asha := s.Register(t, "asha")
	other := func(n int) (p99 time.Duration) {
		var took []time.Duration
		for range n {
			start := time.Now()
			s.Must(t, asha, `{ viewer { id } }`, nil)
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		return took[len(took)*99/100]
	}
	other(200)
	before := s.Memory(t)["VmRSS"]
	quiet := other(1000)
	var signing sync.WaitGroup
	for range 64 {
		signing.Go(func() { // who is told to try again, on a machine that does much else, does
			body := fmt.Sprintf(`{"email":%q,"password":%q}`, asha.Email, harness.Password)
			status, reply := s.Send(t, "POST", "/api/auth/login/", "", body)
			for range 4 {
				if status == http.StatusServiceUnavailable {
					status, reply = s.Send(t, "POST", "/api/auth/login/", "", body)
				}
			}
			if status != http.StatusOK {
				t.Errorf("log in: %d %s", status, reply)
			}
		})
	}
	busy := other(1000)
	signing.Wait()
	peak := s.Memory(t)["VmHWM"]
	if peak-before > 200<<10 {
		t.Errorf("64 sign-ins at once took %d KiB above %d", peak-before, before)
	}
	deadline := time.Now().Add(15 * time.Second)
	// The pages of the program itself grow with what is linked, and the system takes them back
	// when it likes.
	own := func() int { return s.Memory(t)["RssAnon"] }
	after := own()
	for after > 32<<10 && time.Now().Before(deadline) {
		time.Sleep(200 * time.Millisecond)
		after = own()
	}
	if after > 32<<10 {
		t.Errorf("%d KiB of its own are left 15 s later, want under 32 MiB", after)
	}
	t.Logf("memory in KiB: %d before, %d at most, %d of its own after; p99 of other requests: %s quiet, %s meanwhile", before, peak, after, quiet, busy)
	if busy > max(4*quiet, 100*time.Millisecond) {
		t.Errorf("the p99 of other requests was %s, and %s during the sign-ins", quiet, busy)
	}
}
