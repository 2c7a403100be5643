package harness

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Session is a sign-in: its tokens and the id of its session.
type Session struct{ Access, Refresh, ID string }

// Session signs in over GraphQL.
func (a *API) Session(t testing.TB, email, password string) Session {
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
	a.Read(t, Caller{}, `mutation($email: String!, $password: String!) { login(input: {email: $email, password: $password}) { access refresh user { sessions { id } } } }`,
		map[string]any{"email": email, "password": password}, &in)
	ids := in.Data.Login.User.Sessions
	newest := slices.MaxFunc(ids, func(a, b struct{ ID string }) int {
		return len(a.ID)*1000 - len(b.ID)*1000 + strings.Compare(a.ID, b.ID)
	})
	return Session{in.Data.Login.Access, in.Data.Login.Refresh, newest.ID}
}

// Works tells whether both doors take an access token. They must agree, and a
// refusal must be 401 and UNAUTHENTICATED.
func (a *API) Works(t testing.TB, access string) bool {
	t.Helper()
	rest, reply := a.Send(t, "GET", "/api/patients/", access, "")
	graphql, answer := a.Send(t, "POST", "/graphql", access, `{"query":"{ viewer { id } }"}`)
	switch {
	case rest == http.StatusOK && graphql == http.StatusOK && Failures(t, answer) == nil:
		return true
	case rest == http.StatusUnauthorized && graphql == http.StatusUnauthorized && slices.Equal(Failures(t, answer), []string{Unauthenticated}):
		return false
	}
	t.Fatalf("REST answers %d %s, GraphQL %d %s", rest, reply, graphql, answer)
	return false
}

// Refresh returns what a refresh token is answered with over GraphQL; nothing
// if it is refused, which REST must do too.
func (a *API) Refresh(t testing.TB, token string) (access, refresh string) {
	t.Helper()
	reply := a.Query(t, Caller{}, `mutation($token: String!) { refreshToken(refresh: $token) { access refresh } }`, map[string]any{"token": token})
	var in struct {
		Data struct {
			RefreshToken struct{ Access, Refresh string }
		}
	}
	if err := json.Unmarshal([]byte(reply), &in); err != nil {
		t.Fatal(err)
	}
	if in.Data.RefreshToken.Access == "" {
		if codes := Failures(t, reply); !slices.Equal(codes, []string{Unauthenticated}) {
			t.Errorf("GraphQL refuses a refresh with %s", reply)
		}
		status, reply := a.Send(t, "POST", "/api/auth/token/refresh/", "", fmt.Sprintf(`{"refresh":%q}`, token))
		if want := `{"detail":"Token is invalid or expired","code":"token_not_valid"}`; status != http.StatusUnauthorized || reply != want {
			t.Errorf("REST refuses a refresh with %d %s, want 401 %s", status, reply, want)
		}
	}
	return in.Data.RefreshToken.Access, in.Data.RefreshToken.Refresh
}
