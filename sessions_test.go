package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

// session is a sign-in: its tokens and the id of its session.
type session struct{ access, refresh, id string }

// session signs in over GraphQL.
func (a *api) session(t testing.TB, email, password string) session {
	t.Helper()
	var in struct {
		Data struct {
			Login struct {
				Access, Refresh string
				User            struct {
					Sessions []struct{ ID string }
				}
			}
		}
	}
	a.read(t, caller{}, `mutation($email: String!, $password: String!) { login(input: {email: $email, password: $password}) { access refresh user { sessions { id } } } }`,
		map[string]any{"email": email, "password": password}, &in)
	ids := in.Data.Login.User.Sessions
	newest := slices.MaxFunc(ids, func(a, b struct{ ID string }) int {
		return len(a.ID)*1000 - len(b.ID)*1000 + strings.Compare(a.ID, b.ID)
	})
	return session{in.Data.Login.Access, in.Data.Login.Refresh, newest.ID}
}

// works tells whether both doors take an access token. They must agree, and a
// refusal must be 401 and UNAUTHENTICATED.
func (a *api) works(t testing.TB, access string) bool {
	t.Helper()
	rest, reply := a.send(t, "GET", "/api/patients/", access, "")
	graphql, answer := a.send(t, "POST", "/graphql", access, `{"query":"{ viewer { id } }"}`)
	switch {
	case rest == http.StatusOK && graphql == http.StatusOK && failures(t, answer) == nil:
		return true
	case rest == http.StatusUnauthorized && graphql == http.StatusUnauthorized && slices.Equal(failures(t, answer), []string{unauthenticated}):
		return false
	}
	t.Fatalf("REST answers %d %s, GraphQL %d %s", rest, reply, graphql, answer)
	return false
}

// refresh returns what a refresh token is answered with over GraphQL; nothing
// if it is refused, which REST must do too.
func (a *api) refresh(t testing.TB, token string) (access, refresh string) {
	t.Helper()
	reply := a.query(t, caller{}, `mutation($token: String!) { refreshToken(refresh: $token) { access refresh } }`, map[string]any{"token": token})
	var in struct {
		Data struct {
			RefreshToken struct{ Access, Refresh string }
		}
	}
	if err := json.Unmarshal([]byte(reply), &in); err != nil {
		t.Fatal(err)
	}
	if in.Data.RefreshToken.Access == "" {
		if codes := failures(t, reply); !slices.Equal(codes, []string{unauthenticated}) {
			t.Errorf("GraphQL refuses a refresh with %s", reply)
		}
		status, reply := a.send(t, "POST", "/api/auth/token/refresh/", "", fmt.Sprintf(`{"refresh":%q}`, token))
		if want := `{"detail":"Token is invalid or expired","code":"token_not_valid"}`; status != http.StatusUnauthorized || reply != want {
			t.Errorf("REST refuses a refresh with %d %s, want 401 %s", status, reply, want)
		}
	}
	return in.Data.RefreshToken.Access, in.Data.RefreshToken.Refresh
}

// TestSessionsEnd checks that the tokens of a session are refused as soon as it
// ends, in whatever way, by both doors of two servers on one database; and that
// other sessions go on.
func TestSessionsEnd(t *testing.T) {
	change := func(column, value string) func(*testing.T, *api, session, caller) {
		return func(t *testing.T, a *api, _ session, c caller) {
			if _, err := a.db.Exec(fmt.Sprintf("UPDATE users SET %s = %s WHERE id = %d", column, value, c.id)); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name       string
		end        func(t *testing.T, a *api, first session, c caller)
		second     bool // whether the user's other session goes on
		signsAgain bool // whether the user can sign in with the old password
	}{
		{"logout", func(t *testing.T, a *api, first session, _ caller) {
			a.must(t, caller{token: first.access}, `mutation { logout }`, nil)
		}, true, true},
		{"logout everywhere", func(t *testing.T, a *api, first session, _ caller) {
			a.must(t, caller{token: first.access}, `mutation { logout(everywhere: true) }`, nil)
		}, false, true},
		{"endSession of the other", func(t *testing.T, a *api, first session, c caller) {
			a.must(t, c, `mutation($id: ID!) { endSession(id: $id) }`, map[string]any{"id": first.id})
		}, true, true},
		{"endSession of itself", func(t *testing.T, a *api, first session, _ caller) {
			a.must(t, caller{token: first.access}, `mutation($id: ID!) { endSession(id: $id) }`, map[string]any{"id": first.id})
		}, true, true},
		{"changePassword", func(t *testing.T, a *api, _ session, c caller) {
			var in struct {
				Data struct{ ChangePassword struct{ Access string } }
			}
			a.read(t, c, `mutation($old: String!) { changePassword(input: {currentPassword: $old, newPassword: "Another@456"}) { access } }`, map[string]any{"old": password}, &in)
			if !a.works(t, in.Data.ChangePassword.Access) {
				t.Error("the new session does not work")
			}
		}, false, false},
		{"deactivation", change("is_active", "false"), false, false},
		{"role", change("role", "'patient'"), false, true},
		{"staff", change("is_staff", "true"), false, true},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db)
		other := newAPI(t, db)
		ben := a.register(t, "ben")
		for i, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				asha := a.register(t, fmt.Sprint("asha", i))
				first, second := a.session(t, asha.email, password), a.session(t, asha.email, password)
				asha.token = second.access
				if !a.works(t, first.access) || !other.works(t, first.access) || !other.works(t, second.access) {
					t.Fatal("a session that has not ended is refused")
				}
				tt.end(t, a, first, asha)
				for n, server := range []*api{a, other} {
					if server.works(t, first.access) {
						t.Errorf("server %d takes the access token", n+1)
					}
					if access, _ := server.refresh(t, first.refresh); access != "" {
						t.Errorf("server %d takes the refresh token", n+1)
					}
					if got := server.works(t, second.access); got != tt.second {
						t.Errorf("server %d takes the access token of the other session: %t, want %t", n+1, got, tt.second)
					}
					if access, _ := server.refresh(t, second.refresh); (access != "") != tt.second {
						t.Errorf("server %d takes the refresh token of the other session: %t, want %t", n+1, access != "", tt.second)
					}
					if !server.works(t, ben.token) {
						t.Errorf("server %d refuses another user", n+1)
					}
				}
				status, _ := a.send(t, "POST", "/api/auth/login/", "", fmt.Sprintf(`{"email":%q,"password":%q}`, asha.email, password))
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
		a := newAPI(t, db)
		asha, ben, chandra := a.register(t, "asha"), a.register(t, "ben"), a.staff(t, "chandra")
		first, second, expired := a.session(t, asha.email, password), a.session(t, asha.email, password), a.session(t, asha.email, password)
		a.must(t, caller{token: second.access}, `mutation { logout }`, nil)
		if _, err := db.Exec("UPDATE sessions SET expires_at = '2020-01-01 00:00:00+00:00' WHERE id = " + expired.id); err != nil {
			t.Fatal(err)
		}
		if a.works(t, expired.access) {
			t.Error("an expired session is taken")
		}
		if access, _ := a.refresh(t, expired.refresh); access != "" {
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
		a.read(t, caller{token: first.access}, `{ viewer { sessions { id current userAgent address createdAt lastUsedAt expiresAt } } }`, nil, &in)
		if n := len(in.Data.Viewer.Sessions); n != 2 {
			t.Fatalf("the list has %d sessions, want 2", n)
		}
		for _, s := range in.Data.Viewer.Sessions {
			if s.Current != (s.ID == first.id) || s.Address != "127.0.0.1" || s.UserAgent == "" {
				t.Errorf("the list has %+v; the current one is %s", s, first.id)
			}
		}
		for name, c := range map[string]caller{"stranger": ben, "staff": chandra} {
			a.expect(t, name, c, `mutation($id: ID!) { endSession(id: $id) }`, map[string]any{"id": first.id}, notFound)
			a.expect(t, name, c, `query { viewer { sessions { current } } }`, nil, `{"data":{"viewer":{"sessions":[{"current":true}]}}}`)
		}
		a.expect(t, "in the answer to a sign-in", caller{}, `mutation($in: LoginInput!) { login(input: $in) { user { sessions { current } } } }`,
			map[string]any{"in": map[string]any{"email": ben.email, "password": password}}, `{"data":{"login":{"user":{"sessions":[{"current":true},{"current":false}]}}}}`)
		for _, ended := range []string{second.id, expired.id} {
			a.expect(t, "ended before", caller{token: first.access}, `mutation($id: ID!) { endSession(id: $id) }`, map[string]any{"id": ended}, notFound)
		}
		patient := a.createPatient(t, asha, "Arjun")
		a.expect(t, "of another user", chandra, `query($id: ID!) { patient(id: $id) { createdBy { username sessions { id } } } }`, map[string]any{"id": patient},
			`{"data":{"patient":{"createdBy":{"username":"asha","sessions":[]}}}}`)
		if !a.works(t, first.access) {
			t.Error("the session was ended by somebody else")
		}
	})
}

// TestRefreshStays checks that a refresh token is good again and again by
// default, also for requests at once.
func TestRefreshStays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db)
		asha := a.register(t, "asha")
		s := a.session(t, asha.email, password)
		for _, got := range together(8, func(int) string { _, refresh := a.refresh(t, s.refresh); return refresh }) {
			if got != s.refresh {
				t.Errorf("the refresh token is replaced by %q", got)
			}
		}
	})
}

// TestRotation checks that with ROTATE_REFRESH_TOKENS a refresh token is good
// once: requests at once get the same new one, and later use ends the session.
func TestRotation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db, func(c *config) { c.rotate = true })
		still := newAPI(t, db)
		asha := a.register(t, "asha")
		first, second := a.session(t, asha.email, password), a.session(t, asha.email, password)
		next := together(8, func(int) string { _, refresh := a.refresh(t, first.refresh); return refresh })
		if next[0] == "" || next[0] == first.refresh || len(slices.Compact(next)) != 1 {
			t.Fatalf("requests at once got the refresh tokens %q", next)
		}
		time.Sleep(1100 * time.Millisecond) // tokens have whole seconds
		if _, again := a.refresh(t, first.refresh); again != next[0] {
			t.Errorf("a request a second later got the refresh token %q, want %q", again, next[0])
		}
		access, last := a.refresh(t, next[0])
		if !a.works(t, access) || !a.works(t, first.access) || last == next[0] {
			t.Error("the session does not go on")
		}
		if access, _ := still.refresh(t, first.refresh); access != "" {
			t.Error("a server that does not rotate takes a token that is spent")
		}
		for name, token := range map[string]string{"access": access, "first access": first.access} {
			if a.works(t, token) {
				t.Errorf("reuse of a spent token leaves the %s token good", name)
			}
		}
		if access, _ := a.refresh(t, last); access != "" {
			t.Error("reuse of a spent token leaves the newest refresh token good")
		}

		_, next[0] = a.refresh(t, second.refresh)
		if _, err := db.Exec("UPDATE sessions SET rotated_at = '2020-01-01 00:00:00+00:00' WHERE id = " + second.id); err != nil {
			t.Fatal(err)
		}
		if !a.works(t, second.access) {
			t.Error("the session ended before a token was used twice")
		}
		if access, _ := a.refresh(t, second.refresh); access != "" || a.works(t, second.access) {
			t.Error("reuse after the grace does not end the session")
		}
	})
}

// TestSignInShowsUserTwice checks that each place that shows the user who signs
// in has its own edges.
func TestSignInShowsUserTwice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db)
		asha := a.register(t, "asha")
		for _, name := range []string{"Arjun", "Bela", "Chandra"} {
			a.createPatient(t, asha, name)
		}
		got := a.query(t, caller{}, `mutation($input: LoginInput!) { login(input: $input) {
			a: user { patients(first: 1, orderBy: {field: NAME}) { nodes { name } } }
			b: user { patients(first: 3, filter: {search: "chan"}) { totalCount nodes { name } } }
		} }`, map[string]any{"input": map[string]any{"email": asha.email, "password": password}})
		want := `{"data":{"login":{"a":{"patients":{"nodes":[{"name":"Arjun"}]}},"b":{"patients":{"totalCount":1,"nodes":[{"name":"Chandra"}]}}}}}`
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}
