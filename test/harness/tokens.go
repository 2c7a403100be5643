package harness

import (
	"net/http"
	"slices"
	"testing"
)

// Refuses checks that both doors answer a forged access token as every other;
// REST tells if it is a refresh token.
func (a *API) Refuses(t testing.TB, name, token string, wrongType bool) {
	t.Helper()
	header := func() http.Header {
		return http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
	}
	status, answered, reply := a.Do(t, "GET", "/api/patients/", header(), "")
	if status != http.StatusUnauthorized || answered.Get("WWW-Authenticate") != `Bearer realm="api"` || !slices.Contains(refusals, reply) || wrongType != (reply == refusals[2]) {
		t.Errorf("%s: REST answers %d %s", name, status, reply)
	}
	status, answered, reply = a.Do(t, "POST", "/graphql", header(), `{"query":"{ viewer { id } }"}`)
	if status != http.StatusUnauthorized || answered.Get("WWW-Authenticate") != `Bearer realm="api", error="invalid_token"` || !slices.Equal(Failures(t, reply), []string{Unauthenticated}) {
		t.Errorf("%s: GraphQL answers %d %s", name, status, reply)
	}
}

// refusals are the documented answers to an access token that is refused.
var refusals = []string{
	`{"detail":"Given token not valid for any token type","code":"token_not_valid","messages":[{"token_class":"AccessToken","token_type":"access","message":"Token is invalid or expired"}]}`,
	`{"detail":"Authorization header must contain two space-delimited values","code":"bad_authorization_header"}`,
	`{"detail":"Given token not valid for any token type","code":"token_not_valid","messages":[{"token_class":"AccessToken","token_type":"access","message":"Token has wrong type"}]}`,
}
