// Package viewer says who is calling. The doors put a Viewer into the context;
// privacy rules read it. A context without one is an anonymous caller.
package viewer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors of a caller who is not signed in. A privacy rule wraps them in its
// denial, so that one error says both "denied" and "sign in first".
var (
	// ErrAnonymous is the denial of a caller who showed no token.
	ErrAnonymous = errors.New("anonymous caller")
	// ErrBadToken is the denial of a caller whose token was refused.
	ErrBadToken = errors.New("bad token")
	// ErrForm is a bad token because its header has another form than
	// "Authorization: Bearer <token>" (RFC 6750, 2.1).
	ErrForm = fmt.Errorf("%w: malformed header", ErrBadToken)
)

// Viewer is a signed-in user, as it was when the request came. It is never changed
// after it is made.
type Viewer struct {
	UserID    int
	SessionID int  // of the token that was shown
	Staff     bool // sees and changes every record
	ClinicID  int  // sees and changes the records of this clinic
	Admin     bool // says who is in the clinic
	Practices bool // is the account of a doctor, in one clinic or several
	Records   bool // is the account of a patient, or of several

	Expires time.Time // when the token that was shown, or its session, ends
}

// Beyond tells whether the viewer may see records of other clinics than its own.
func (v Viewer) Beyond() bool { return v.Staff || v.Practices || v.Records }

// Right returns what decides which records the viewer sees, and what of them: the answers to
// viewers of one right are the same. personal tells that users, sign-ins or the access log are
// among what is asked for: each user sees other things of those.
func (v Viewer) Right(personal bool) Viewer {
	v.SessionID, v.Expires = 0, time.Time{}
	if !personal && !v.Practices && !v.Records {
		v.UserID = 0
	}
	return v
}

type key struct{}

// NewContext returns a context in which v is the caller.
func NewContext(ctx context.Context, v Viewer) context.Context {
	return context.WithValue(ctx, key{}, v)
}

// Refused returns a context whose caller is anonymous because of err, which
// tells why the caller's token was not accepted.
func Refused(ctx context.Context, err error) context.Context {
	return context.WithValue(ctx, key{}, err)
}

// FromContext returns the caller. It fails with ErrAnonymous or ErrBadToken
// if nobody is signed in.
func FromContext(ctx context.Context) (Viewer, error) {
	switch v := ctx.Value(key{}).(type) {
	case Viewer:
		return v, nil
	case error:
		return Viewer{}, v
	default:
		return Viewer{}, ErrAnonymous
	}
}
