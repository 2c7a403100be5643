package server

import (
	"net/http"
	"strconv"
	"time"

	"caregraph/internal/auth"
	"caregraph/internal/fault"
	"caregraph/internal/limit"
	"caregraph/internal/request"
	"caregraph/internal/viewer"
)

// rateBurst is how many seconds of its rate a viewer may use at once.
const rateBurst = 4

// admission decides which requests are served, for both doors together.
type admission struct {
	authn  *auth.Service
	rates  *limit.Buckets
	places *limit.Places
}

// admit lets a request through a door if the server has room for it and its
// caller has not made too many; refuse answers the others in the door's own
// way.
func (a admission) admit(door http.Handler, refuse func(http.ResponseWriter, *http.Request, *fault.Error)) http.Handler {
	caller := func(r *http.Request) string {
		if v, err := viewer.FromContext(r.Context()); err == nil {
			return "user " + strconv.Itoa(v.UserID)
		}
		return request.ClientOf(r.Context()).Network()
	}
	limited := a.rates.Requests(door, caller, func(w http.ResponseWriter, r *http.Request, wait time.Duration) {
		refuse(w, r, fault.TooMany(wait))
	})
	return a.places.Requests(a.authn.Authenticate(limited), func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, &fault.Error{Kind: fault.Unavailable, Message: fault.TextUnavailable, RetryAfter: time.Second})
	})
}
