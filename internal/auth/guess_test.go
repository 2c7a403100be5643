package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"caregraph/ent/user"
	"caregraph/internal/fault"
	"caregraph/internal/request"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// signing is two servers on one database, with one clock, and one user.
type signing struct {
	*clock
	servers [2]*Service
}

const (
	owner   = "asha@example.com"
	correct = "Aniket@123"
)

func newSigning(t *testing.T, db *store.DB) *signing {
	t.Helper()
	s := &signing{clock: &clock{now: time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)}}
	for i := range s.servers {
		s.servers[i] = New(db.Client(), Options{Key: []byte(strings.Repeat("k", 32)), Access: time.Hour, Refresh: 2 * time.Hour, Limit: 5})
		s.servers[i].now = s.read
	}
	for _, name := range []string{"asha", "ben"} {
		_, err := s.servers[0].CreateUser(t.Context(), Registration{Username: name, Email: name + "@example.com", Password: correct, Role: user.RoleDoctor})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// from returns the context of a request from the address.
func from(t testing.TB, address string) (ctx context.Context) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(address), 4711).String()
	request.Identify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() }), nil, nil, nil, nil).ServeHTTP(httptest.NewRecorder(), r)
	return ctx
}

// try signs in, on one server and then the other, and returns the kind of
// failure, if any, and for how long the caller must wait.
func (s *signing) try(t testing.TB, address, email, password string) (fault.Kind, time.Duration) {
	t.Helper()
	_, err := s.servers[0].Login(from(t, address), email, password)
	s.servers[0], s.servers[1] = s.servers[1], s.servers[0]
	if err == nil {
		return "", 0
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatal(err)
	}
	return f.Kind, f.RetryAfter
}

// expect fails unless a try ends as told.
func (s *signing) expect(t testing.TB, what, address, email, password string, kind fault.Kind, wait time.Duration) {
	t.Helper()
	if k, w := s.try(t, address, email, password); k != kind || w != wait {
		t.Fatalf("%s: got %q and %s to wait, want %q and %s", what, k, w, kind, wait)
	}
}

const home, away = "192.0.2.1", "198.51.100.7"

// TestPairWaits checks that two servers count the failures of an account from
// an address together, however the email is spelled, that the waits double from
// 2 seconds to 15 minutes and end by themselves, that a known and an unknown
// account read the same, and that nobody else waits.
func TestPairWaits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for _, email := range []string{owner, "nobody@example.com"} {
			t.Run(email, func(t *testing.T) {
				s := newSigning(t, storetest.Open(t, storetest.URL(t, db.Dialect)))
				spellings := []string{email, strings.ToUpper(email), " " + email + "\t", email, email}
				for i, spelling := range spellings {
					s.expect(t, fmt.Sprint("failure ", i+1), away, spelling, "wrong", fault.Unauthenticated, 0)
				}
				wait := 2 * time.Second
				for i := range 12 {
					s.expect(t, fmt.Sprint("wait ", i), away, email, correct, fault.RateLimited, wait)
					s.expect(t, "another account", away, "ben@example.com", correct, "", 0)
					if email == owner {
						s.expect(t, "another address", home, email, correct, "", 0)
					}
					s.move(wait - time.Microsecond)
					s.expect(t, "before the end", away, email, "wrong", fault.RateLimited, time.Microsecond)
					s.move(time.Microsecond)
					s.expect(t, "at the end", away, email, "wrong", fault.Unauthenticated, 0)
					wait = min(2*wait, 15*time.Minute)
				}
				s.move(wait)
				if email == owner {
					s.expect(t, "after the lock", away, email, correct, "", 0)
				}
			})
		}
	})
}

// TestSuccessResetsPair checks that a right password forgets the failures of
// the pair, and that an hour does.
func TestSuccessResetsPair(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newSigning(t, db)
		for range 3 {
			for range 4 {
				s.expect(t, "failure", home, owner, "wrong", fault.Unauthenticated, 0)
			}
			s.expect(t, "right", home, owner, correct, "", 0)
		}
		for range 3 {
			for range 4 {
				s.expect(t, "failure", home, owner, "wrong", fault.Unauthenticated, 0)
			}
			s.move(forgotten + time.Second)
		}
		if err := s.servers[0].Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := s.servers[0].client.Guess.Query().Count(unrestricted(t.Context())); n != 0 || err != nil {
			t.Errorf("%d counts are left after they are forgotten (%v)", n, err)
		}
	})
}

// TestAccountAndAddressWait checks that 50 failures of an account from anywhere
// lock it, and 100 from an address lock that, which for IPv6 is its network.
func TestAccountAndAddressWait(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newSigning(t, db)
		for i := range 50 {
			s.expect(t, "failure", fmt.Sprintf("203.0.113.%d", i/5), owner, "wrong", fault.Unauthenticated, 0)
		}
		s.expect(t, "the account", home, owner, correct, fault.RateLimited, 2*time.Second)
		s.expect(t, "another account", home, "ben@example.com", correct, "", 0)
		s.move(2 * time.Second)
		s.expect(t, "the account after its wait", home, owner, correct, "", 0)

		for i := range 100 {
			s.expect(t, "failure", fmt.Sprintf("2001:db8::%x", i), fmt.Sprintf("nobody%d@example.com", i), "wrong", fault.Unauthenticated, 0)
		}
		s.expect(t, "the network", "2001:db8::ffff:1", "ben@example.com", correct, fault.RateLimited, 2*time.Second)
		s.expect(t, "another network", "2001:db8:0:1::1", "ben@example.com", correct, "", 0)
		s.move(2 * time.Second)
		s.expect(t, "the network after its wait", "2001:db8::1", "ben@example.com", correct, "", 0)

		rows, err := db.Query("SELECT id FROM guesses")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil || len(id) != 32 || strings.Contains(id, "example") {
				t.Errorf("a count is kept as %q (%v)", id, err)
			}
		}
	})
}

// TestBurst checks that of guesses that come at once no more are looked at than
// the limit and one for each processor, and that right passwords at once are
// all taken.
func TestBurst(t *testing.T) {
	const burst = 64
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newSigning(t, db)
		at := func(password string) map[fault.Kind]int {
			var mu sync.Mutex
			kinds := map[fault.Kind]int{}
			var running sync.WaitGroup
			for range burst {
				running.Go(func() {
					_, err := s.servers[0].Login(from(t, home), owner, password)
					f, _ := errors.AsType[*fault.Error](err)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil:
						kinds[""]++
					case f == nil:
						t.Error(err)
					default:
						kinds[f.Kind]++
					}
				})
			}
			running.Wait()
			return kinds
		}
		if kinds := at(correct); kinds[""] != burst {
			t.Errorf("of %d right passwords at once: %v", burst, kinds)
		}
		kinds := at("wrong")
		if looked := kinds[fault.Unauthenticated]; looked < 5 || looked > 5+runtime.NumCPU() || looked+kinds[fault.RateLimited] != burst {
			t.Errorf("of %d guesses at once: %v", burst, kinds)
		}
		t.Log(kinds)
	})
}

// TestRefusalsTakeTheSameTime checks that the answer to an unknown account, a
// wrong password and an account that is not active takes the same time, by the
// medians of tries that take turns.
func TestRefusalsTakeTheSameTime(t *testing.T) {
	tries := 25
	s := newSigning(t, storetest.Open(t, storetest.URL(t, "sqlite3")))
	s.servers[0].limit = 1_000_000
	err := s.servers[0].client.User.Update().Where(user.Username("ben")).SetIsActive(false).Exec(unrestricted(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, email, password string }{
		{"unknown", "nobody@example.com", correct}, {"wrong", owner, "wrong"}, {"inactive", "ben@example.com", correct},
	}
	took := map[string][]time.Duration{}
	for range tries {
		for _, c := range cases {
			start := time.Now()
			_, err := s.servers[0].Login(from(t, home), c.email, c.password)
			took[c.name] = append(took[c.name], time.Since(start))
			if !errors.Is(err, errCredentials) {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
	}
	var medians []time.Duration
	for _, c := range cases {
		slices.Sort(took[c.name])
		medians = append(medians, took[c.name][tries/2])
	}
	t.Log(medians)
	if least, most := slices.Min(medians), slices.Max(medians); most > least*3/2 {
		t.Errorf("the medians of unknown, wrong and inactive are %v", medians)
	}
}

// TestRehearsalsDoNotStopSignIns checks that registrations whose input is
// rehearsed, each in a transaction, and sign-ins do not wait for each other.
func TestRehearsalsDoNotStopSignIns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newSigning(t, db)
		undone := errors.New("undone")
		rehearse := func(i int) {
			err := store.InTx(from(t, away), s.servers[0].client, func(ctx context.Context) error {
				name := fmt.Sprint("new", i)
				if _, err := s.servers[0].Register(ctx, Registration{Username: name, Email: name + "@example.com", Password: correct, Role: user.RolePatient}); err != nil {
					return err
				}
				return undone
			})
			if !errors.Is(err, undone) {
				t.Errorf("rehearsal: %v", err)
			}
		}
		signIns := func(name string, beside func(i int)) time.Duration {
			var running sync.WaitGroup
			start := time.Now()
			for i := range 24 {
				running.Go(func() { beside(i) })
				running.Go(func() {
					if _, err := s.servers[1].Login(from(t, home), fmt.Sprintf("%s%d@example.com", name, i), "wrong"); !errors.Is(err, errCredentials) {
						t.Errorf("sign-in: %v", err)
					}
				})
			}
			running.Wait()
			return time.Since(start)
		}
		alone := signIns("somebody", func(int) {})
		// SQLite waits 5 seconds for a lock.
		if took := signIns("nobody", rehearse); took > alone+5*time.Second {
			t.Errorf("they took %s, without rehearsals %s", took, alone)
		}
	})
}
