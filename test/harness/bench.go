package harness

import (
	"encoding/json"
	"fmt"
	"testing"
)

// SignIn returns a token of the user with this address and password.
func (a *API) SignIn(t testing.TB, email, password string) string {
	t.Helper()
	status, reply := a.Send(t, "POST", "/api/auth/login/", "", fmt.Sprintf(`{"email":%q,"password":%q}`, email, password))
	var in struct{ Access string }
	if err := json.Unmarshal([]byte(reply), &in); err != nil || in.Access == "" {
		t.Fatalf("sign in %s: %d %s", email, status, reply)
	}
	return in.Access
}
