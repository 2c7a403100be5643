package harness

import (
	"encoding/json"
	"testing"
)

func (a *API) RefreshToken(t *testing.T, c Caller) string {
	t.Helper()
	_, reply := a.Send(t, "POST", "/api/auth/login/", "", `{"email":"`+c.Email+`","password":"`+Password+`"}`)
	var in struct{ Refresh string }
	if err := json.Unmarshal([]byte(reply), &in); err != nil {
		t.Fatal(err)
	}
	return in.Refresh
}
