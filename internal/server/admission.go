package server

import (
	"context"
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

// caller names who makes the request of the context.
func caller(ctx context.Context) string {
	if v, err := viewer.FromContext(ctx); err == nil {
		return "user " + strconv.Itoa(v.UserID)
	}
	return request.ClientOf(ctx).Network()
}

// refuser answers a request that is not let in.
type refuser = func(http.ResponseWriter, *http.Request, *fault.Error)

// admit lets a request through a door if the server has room for it and its
// caller has not made too many; refuse answers the others in the door's own
// way.
func (a admission) admit(door http.Handler, refuse refuser) http.Handler {
	return a.places.Requests(a.connect(door, refuse), func(w http.ResponseWriter, r *http.Request) { refuse(w, r, fault.NoRoom()) })
}

// connect is admit for connections that stay: only what they ask for takes a place.
func (a admission) connect(door http.Handler, refuse refuser) http.Handler {
	limited := a.rates.Requests(door, func(r *http.Request) string { return caller(r.Context()) }, func(w http.ResponseWriter, r *http.Request, wait time.Duration) {
		refuse(w, r, fault.TooMany(wait))
	})
	return a.authn.Authenticate(limited)
}

// operation is admit for an operation of a connection that stays.
func (a admission) operation(ctx context.Context) (admitted context.Context, leave func(), refused *fault.Error) {
	key := caller(ctx)
	if v, err := viewer.FromContext(ctx); err == nil {
		request.AccountOf(ctx).By(v.UserID)
	}
	if state := a.rates.Take(key, 1, time.Now()); state.Wait > 0 {
		return nil, nil, fault.TooMany(state.Wait)
	}
	leave, ok := a.places.Take()
	if !ok {
		return nil, nil, fault.NoRoom()
	}
	return a.rates.Context(ctx, key), leave, nil
}
