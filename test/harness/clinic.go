package harness

import (
	"strconv"
	"testing"
)

// Invite writes an invitation by a mutation such as "inviteDoctor(doctorId: $id)", and
// returns its id and its code.
func (a *API) Invite(t testing.TB, c Caller, mutation string, id int) (invitation int, code string) {
	t.Helper()
	var in struct {
		Data struct {
			Result struct {
				Code       string
				Invitation struct{ ID string }
			}
		}
	}
	a.Read(t, c, "mutation($id: ID!) { result: "+mutation+" { code invitation { id } } }", map[string]any{"id": id}, &in)
	invitation, err := strconv.Atoi(in.Data.Result.Invitation.ID)
	if err != nil {
		t.Fatal(err)
	}
	return invitation, in.Data.Result.Code
}

// Accept accepts an invitation.
func (a *API) Accept(t testing.TB, c Caller, code string) {
	t.Helper()
	a.Must(t, c, `mutation($code: String!) { acceptInvitation(code: $code) { id } }`, map[string]any{"code": code})
}

// Join makes the caller a member of the clinic of another.
func (a *API) Join(t testing.TB, c, admin Caller, role string) {
	t.Helper()
	var in struct {
		Data struct{ Result struct{ Code string } }
	}
	a.Read(t, admin, "mutation { result: inviteMember(role: "+role+") { code } }", nil, &in)
	a.Accept(t, c, in.Data.Result.Code)
}
