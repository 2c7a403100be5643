package auth_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestSessionsEnd checks that the tokens of a session are refused as soon as it
// ends, in whatever way, by both doors of two servers on one database; and that
// other sessions go on.
func TestSessionsEnd(t *testing.T) {
	change := func(column, value string) func(*testing.T, *harness.API, harness.Session, harness.Caller) {
		return func(t *testing.T, a *harness.API, _ harness.Session, c harness.Caller) {
			if _, err := a.DB.Exec(fmt.Sprintf("UPDATE users SET %s = %s WHERE id = %d", column, value, c.ID)); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name       string
		end        func(t *testing.T, a *harness.API, first harness.Session, c harness.Caller)
		second     bool // whether the user's other session goes on
		signsAgain bool // whether the user can sign in with the old password
	}{
		{"logout", func(t *testing.T, a *harness.API, first harness.Session, _ harness.Caller) {
			a.Must(t, harness.Caller{Token: first.Access}, `mutation { logout }`, nil)
		}, true, true},
		{"logout everywhere", func(t *testing.T, a *harness.API, first harness.Session, _ harness.Caller) {
			a.Must(t, harness.Caller{Token: first.Access}, `mutation { logout(everywhere: true) }`, nil)
		}, false, true},
		{"endSession of the other", func(t *testing.T, a *harness.API, first harness.Session, c harness.Caller) {
			a.Must(t, c, `mutation($id: ID!) { endSession(id: $id) }`, map[string]any{"id": first.ID})
		}, true, true},
		{"endSession of itself", func(t *testing.T, a *harness.API, first harness.Session, _ harness.Caller) {
			a.Must(t, harness.Caller{Token: first.Access}, `mutation($id: ID!) { endSession(id: $id) }`, map[string]any{"id": first.ID})
		}, true, true},
		{"changePassword", func(t *testing.T, a *harness.API, _ harness.Session, c harness.Caller) {
			var in struct {
				Data struct{ ChangePassword struct{ Access string } }
			}
			a.Read(t, c, `mutation($old: String!) { changePassword(input: {currentPassword: $old, newPassword: "Another@456"}) { access } }`, map[string]any{"old": harness.Password}, &in)
			if !a.Works(t, in.Data.ChangePassword.Access) {
				t.Error("the new session does not work")
			}
		}, false, false},
		{"deactivation", change("is_active", "false"), false, false},
		{"role", change("role", "'patient'"), false, true},
		{"staff", change("is_staff", "true"), false, true},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		other := harness.New(t, db)
		ben := a.Register(t, "ben")
		for i, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				asha := a.Register(t, fmt.Sprint("asha", i))
				first, second := a.Session(t, asha.Email, harness.Password), a.Session(t, asha.Email, harness.Password)
				asha.Token = second.Access
				if !a.Works(t, first.Access) || !other.Works(t, first.Access) || !other.Works(t, second.Access) {
					t.Fatal("a session that has not ended is refused")
				}
				tt.end(t, a, first, asha)
				for n, server := range []*harness.API{a, other} {
					if server.Works(t, first.Access) {
						t.Errorf("server %d takes the access token", n+1)
					}
					if access, _ := server.Refresh(t, first.Refresh); access != "" {
						t.Errorf("server %d takes the refresh token", n+1)
					}
					if got := server.Works(t, second.Access); got != tt.second {
						t.Errorf("server %d takes the access token of the other session: %t, want %t", n+1, got, tt.second)
					}
					if access, _ := server.Refresh(t, second.Refresh); (access != "") != tt.second {
						t.Errorf("server %d takes the refresh token of the other session: %t, want %t", n+1, access != "", tt.second)
					}
					if !server.Works(t, ben.Token) {
						t.Errorf("server %d refuses another user", n+1)
					}
				}
				status, _ := a.Send(t, "POST", "/api/auth/login/", "", fmt.Sprintf(`{"email":%q,"password":%q}`, asha.Email, harness.Password))
				if (status == http.StatusOK) != tt.signsAgain {
					t.Errorf("signing in again is %d, want success: %t", status, tt.signsAgain)
				}
			})
		}
	})
}

// TestSessionList checks that viewer.sessions has the viewer's own live
// sessions, and that a foreign session can be neither seen nor ended.
func TestSessionList(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, ben, chandra := a.Register(t, "asha"), a.Register(t, "ben"), a.Staff(t, "chandra")
		first, second, expired := a.Session(t, asha.Email, harness.Password), a.Session(t, asha.Email, harness.Password), a.Session(t, asha.Email, harness.Password)
		a.Must(t, harness.Caller{Token: second.Access}, `mutation { logout }`, nil)
		if _, err := db.Exec("UPDATE sessions SET expires_at = '2020-01-01 00:00:00+00:00' WHERE id = " + expired.ID); err != nil {
			t.Fatal(err)
		}
		if a.Works(t, expired.Access) {
			t.Error("an expired session is taken")
		}
		if access, _ := a.Refresh(t, expired.Refresh); access != "" {
			t.Error("an expired session is refreshed")
		}
		var in struct {
			Data struct {
				Viewer struct {
					Sessions []struct {
						ID                 string
						Current            bool
						UserAgent, Address string
					}
				}
			}
		}
		a.Read(t, harness.Caller{Token: first.Access}, `{ viewer { sessions { id current userAgent address createdAt lastUsedAt expiresAt } } }`, nil, &in)
		if n := len(in.Data.Viewer.Sessions); n != 2 {
			t.Fatalf("the list has %d sessions, want 2", n)
		}
		for _, s := range in.Data.Viewer.Sessions {
			if s.Current != (s.ID == first.ID) || s.Address != "127.0.0.1" || s.UserAgent == "" {
				t.Errorf("the list has %+v; the current one is %s", s, first.ID)
			}
		}
		for name, c := range map[string]harness.Caller{"stranger": ben, "staff": chandra} {
			a.Expect(t, name, c, `mutation($id: ID!) { endSession(id: $id) }`, map[string]any{"id": first.ID}, harness.NotFound)
			a.Expect(t, name, c, `query { viewer { sessions { current } } }`, nil, `{"data":{"viewer":{"sessions":[{"current":true}]}}}`)
		}
		a.Expect(t, "in the answer to a sign-in", harness.Caller{}, `mutation($in: LoginInput!) { login(input: $in) { user { sessions { current } } } }`,
			map[string]any{"in": map[string]any{"email": ben.Email, "password": harness.Password}}, `{"data":{"login":{"user":{"sessions":[{"current":true},{"current":false}]}}}}`)
		for _, ended := range []string{second.ID, expired.ID} {
			a.Expect(t, "ended before", harness.Caller{Token: first.Access}, `mutation($id: ID!) { endSession(id: $id) }`, map[string]any{"id": ended}, harness.NotFound)
		}
		patient := a.CreatePatient(t, asha, "Arjun")
		a.Expect(t, "of another user", chandra, `query($id: ID!) { patient(id: $id) { createdBy { username sessions { id } } } }`, map[string]any{"id": patient},
			`{"data":{"patient":{"createdBy":{"username":"asha","sessions":[]}}}}`)
		if !a.Works(t, first.Access) {
			t.Error("the session was ended by somebody else")
		}
	})
}

// TestRefreshStays checks that a refresh token is good again and again by
// default, also for requests at once.
func TestRefreshStays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		s := a.Session(t, asha.Email, harness.Password)
		for _, got := range harness.Together(8, func(int) string { _, refresh := a.Refresh(t, s.Refresh); return refresh }) {
			if got != s.Refresh {
				t.Errorf("the refresh token is replaced by %q", got)
			}
		}
	})
}

// TestRotation checks that with ROTATE_REFRESH_TOKENS a refresh token is good
// once: requests at once get the same new one, and later use ends the session.
func TestRotation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db, func(c *server.Config) { c.RotateRefreshTokens = true })
		still := harness.New(t, db)
		asha := a.Register(t, "asha")
		first, second := a.Session(t, asha.Email, harness.Password), a.Session(t, asha.Email, harness.Password)
		next := harness.Together(8, func(int) string { _, refresh := a.Refresh(t, first.Refresh); return refresh })
		if next[0] == "" || next[0] == first.Refresh || len(slices.Compact(next)) != 1 {
			t.Fatalf("requests at once got the refresh tokens %q", next)
		}
		time.Sleep(1100 * time.Millisecond) // tokens have whole seconds
		if _, again := a.Refresh(t, first.Refresh); again != next[0] {
			t.Errorf("a request a second later got the refresh token %q, want %q", again, next[0])
		}
		access, last := a.Refresh(t, next[0])
		if !a.Works(t, access) || !a.Works(t, first.Access) || last == next[0] {
			t.Error("the session does not go on")
		}
		if access, _ := still.Refresh(t, first.Refresh); access != "" {
			t.Error("a server that does not rotate takes a token that is spent")
		}
		for name, token := range map[string]string{"access": access, "first access": first.Access} {
			if a.Works(t, token) {
				t.Errorf("reuse of a spent token leaves the %s token good", name)
			}
		}
		if access, _ := a.Refresh(t, last); access != "" {
			t.Error("reuse of a spent token leaves the newest refresh token good")
		}

		_, next[0] = a.Refresh(t, second.Refresh)
		if _, err := db.Exec("UPDATE sessions SET rotated_at = '2020-01-01 00:00:00+00:00' WHERE id = " + second.ID); err != nil {
			t.Fatal(err)
		}
		if !a.Works(t, second.Access) {
			t.Error("the session ended before a token was used twice")
		}
		if access, _ := a.Refresh(t, second.Refresh); access != "" || a.Works(t, second.Access) {
			t.Error("reuse after the grace does not end the session")
		}
	})
}

// TestSignInShowsUserTwice checks that each place that shows the user who signs
// in has its own edges.
func TestSignInShowsUserTwice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha := a.Register(t, "asha")
		for _, name := range []string{"Arjun", "Bela", "Chandra"} {
			a.CreatePatient(t, asha, name)
		}
		got := a.Query(t, harness.Caller{}, `mutation($input: LoginInput!) { login(input: $input) {
			a: user { patients(first: 1, orderBy: {field: NAME}) { nodes { name } } }
			b: user { patients(first: 3, filter: {search: "chan"}) { totalCount nodes { name } } }
		} }`, map[string]any{"input": map[string]any{"email": asha.Email, "password": harness.Password}})
		want := `{"data":{"login":{"a":{"patients":{"nodes":[{"name":"Arjun"}]}},"b":{"patients":{"totalCount":1,"nodes":[{"name":"Chandra"}]}}}}}`
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}
