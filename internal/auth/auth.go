// Package auth registers users, signs them in, tells from a token who is
// calling, and lets users into clinics by invitations. It is the one place that goes
// past the policies: before anybody is signed in, and for who has the code of an
// invitation.
package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"caregraph/ent"
	"caregraph/ent/accessevent"
	"caregraph/ent/privacy"
	"caregraph/ent/session"
	"caregraph/ent/user"
	"caregraph/internal/audit"
	"caregraph/internal/bus"
	"caregraph/internal/fault"
	"caregraph/internal/limit"
	"caregraph/internal/request"
	"caregraph/internal/scalar"
	"caregraph/internal/store"
	"caregraph/internal/viewer"
)

// Options are what the configuration decides about signing in.
type Options struct {
	Key      []byte        // HMAC-SHA256 signing key, at least 32 bytes
	Previous []byte        // of before, whose tokens are still good; nil for none
	Access   time.Duration // lifetime of an access token
	Refresh  time.Duration // lifetime of a refresh token, and so of a session
	Rotate   bool          // a refresh answers with a new refresh token, and spends the old one
	Limit    int           // failed sign-ins of an account from an address without a wait; 0 for no limit

	Remember int      // of how many access tokens it is remembered for whom they stand
	Changes  *bus.Bus // tells when that changes; nil: nothing is remembered
}

// Service authenticates users. Its methods may be called concurrently. Those
// that write use the transaction of the context, or else one of their own.
type Service struct {
	Counts Counts
	Options
	client    *ent.Client
	key       []byte
	limit     int
	addresses *limit.Buckets // registrations, refreshes and password changes
	parser    *jwt.Parser
	known     *known
	now       func() time.Time
}

// Registrations, refreshes and password changes that one address may make.
const (
	addressRate  = 0.5 // per second
	addressBurst = 60
)

// New returns a service for the users of the client's database.
func New(client *ent.Client, o Options) *Service {
	s := &Service{Options: o, client: client, key: o.Key, limit: o.Limit, known: newKnown(o.Remember, o.Changes), now: func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }}
	rate := addressRate
	if o.Limit == 0 {
		rate = 0
	}
	s.addresses = limit.New(rate, addressBurst)
	s.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding(),
		jwt.WithLeeway(clockSkew), jwt.WithTimeFunc(func() time.Time { return s.now() }),
	)
	return s
}

// Counts are what a service has done since it began.
type Counts struct {
	SignIns, Failed, LockedOut atomic.Int64 // by e-mail address and password: let in, refused, told to wait
	Known, Asked               atomic.Int64 // tokens that were remembered, and that the database was asked for
}

// signIn counts how a sign-in ended.
func (c *Counts) signIn(err error) {
	switch {
	case err == nil:
		c.SignIns.Add(1)
	case errors.Is(err, errCredentials):
		c.Failed.Add(1)
	default:
		if limited, ok := errors.AsType[*fault.Error](err); ok && limited.Kind == fault.RateLimited {
			c.LockedOut.Add(1)
		}
	}
}

// allow fails with fault.RateLimited if the caller's address has made too many
// requests that are costly or guess.
func (s *Service) allow(ctx context.Context) error {
	if state := s.addresses.Take(request.ClientOf(ctx).Network(), 1, s.now()); state.Wait > 0 {
		return fault.TooMany(state.Wait)
	}
	return nil
}

// unrestricted is the context in which this package reads and writes users:
// nobody is signed in yet.
func unrestricted(ctx context.Context) context.Context {
	return privacy.DecisionContext(ctx, privacy.Allow)
}

// byEmail returns the user with this normalised email, or nil.
func (s *Service) byEmail(ctx context.Context, email string) (*ent.User, error) {
	if scalar.Text(maxEmail)(email) != nil {
		return nil, nil // PostgreSQL would not read it
	}
	u, err := s.db(ctx).User.Query().Where(user.Email(email)).Only(unrestricted(ctx))
	if ent.IsNotFound(err) {
		return nil, nil
	}
	return u, err
}

// maxEmail is the most characters in an e-mail address (RFC 5321).
const maxEmail = 254

// errCredentials is the failure of every sign-in that is refused.
var errCredentials = &fault.Error{Kind: fault.Unauthenticated, Message: "No active account found with the given credentials"}

// Login returns a session for the active user with this email, compared
// without case or surrounding space, and this password. Every refusal looks
// the same to the caller and takes the same time. It fails with
// fault.RateLimited, whatever the password, after too many failures.
func (s *Service) Login(ctx context.Context, email, password string) (signedIn *Session, err error) {
	defer func() { s.Counts.signIn(err) }()
	email = scalar.NormalEmail(scalar.OneLine(email))
	for range 2 { // once more if the user was changed meanwhile, by another sign-in for example
		if signedIn, err = s.login(ctx, email, password); !ent.IsNotFound(err) {
			return signedIn, err
		}
	}
	return nil, errCredentials
}

// login fails with ent's not-found error if the user was changed meanwhile.
func (s *Service) login(ctx context.Context, email, password string) (signedIn *Session, err error) {
	u, err := s.byEmail(ctx, email)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	counters := s.counters(ctx, email)
	fresh, err := s.verify(ctx, counters, u, password)
	if err != nil {
		return nil, err
	}
	err = store.InTx(ctx, s.client, func(ctx context.Context) error {
		if err := s.succeeded(ctx, counters); err != nil {
			return err
		}
		update := ent.FromContext(ctx).User.UpdateOne(u).Where(user.IsActive(true), user.PasswordHash(u.PasswordHash)).SetLastLogin(s.now())
		if fresh != "" {
			update.SetPasswordHash(fresh)
		}
		if u, err = update.Save(unrestricted(ctx)); err != nil {
			return err
		}
		signedIn, err = s.start(ctx, u)
		return err
	})
	return signedIn, err
}

// verify fails unless the password is that of u, an active user, and the
// attempt need not wait. If the stored hash is weaker than new ones, it returns
// a new one. Without a user it always fails, and takes the same time.
func (s *Service) verify(ctx context.Context, counters []counter, u *ent.User, password string) (fresh string, err error) {
	if err := s.admit(ctx, counters); err != nil {
		return "", err
	}
	stored := unknown
	if u != nil {
		stored = u.PasswordHash
	}
	// Attempts that came at once are looked at one by one, so that none of
	// them escapes the count.
	err = exclusively(ctx, func() error {
		if err := s.admit(ctx, counters); err != nil {
			return err
		}
		if verifies(password, stored) && u != nil && u.IsActive {
			return nil
		}
		v, _ := viewer.FromContext(ctx) // of who changes the password
		audit.SignIn(ctx, accessevent.ActionSIGN_IN_FAILED, v.UserID, v.SessionID)
		return cmp.Or[error](s.failed(ctx, counters), errCredentials)
	})
	if err != nil || !stale(stored) {
		return "", err
	}
	return Hash(ctx, password)
}

// ChangePassword gives the viewer a new password, ends all of its sessions and
// returns a new one. It fails with fault.Invalid if the current password is
// wrong or the new one too weak, and with fault.RateLimited after too many
// failures.
func (s *Service) ChangePassword(ctx context.Context, current, next string) (signedIn *Session, err error) {
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.allow(ctx); err != nil {
		return nil, err
	}
	all := unrestricted(ctx)
	u, err := s.db(ctx).User.Get(all, v.UserID)
	if err != nil {
		return nil, fmt.Errorf("change password: %w", err)
	}
	counters := s.counters(ctx, u.Email)
	if _, err := s.verify(ctx, counters, u, current); err != nil {
		if errors.Is(err, errCredentials) {
			return nil, &fault.Error{Kind: fault.Invalid, Field: "current_password", Message: "The current password is wrong."}
		}
		return nil, err
	}
	if weak := checkPassword(next, u.Username, u.Email); weak != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Field: "new_password", Message: weak.Error()}
	}
	hash, err := Hash(ctx, next)
	if err != nil {
		return nil, fmt.Errorf("change password: %w", err)
	}
	err = store.InTx(ctx, s.client, func(ctx context.Context) error {
		if err := s.succeeded(ctx, counters); err != nil {
			return err
		}
		db, all := ent.FromContext(ctx), unrestricted(ctx)
		if u, err = db.User.UpdateOne(u).Where(user.IsActive(true), user.PasswordHash(u.PasswordHash)).SetPasswordHash(hash).Save(all); err != nil {
			return err
		}
		if err := db.Session.Update().Where(session.UserID(u.ID), session.EndedAtIsNil()).SetEndedAt(s.now()).Exec(all); err != nil {
			return err
		}
		signedIn, err = s.start(ctx, u)
		return err
	})
	if ent.IsNotFound(err) { // changed meanwhile
		return nil, &fault.Error{Kind: fault.Conflict, Message: "The account was changed meanwhile. Try again."}
	}
	return signedIn, err
}

// db returns the client of the context's transaction, or the service's own.
func (s *Service) db(ctx context.Context) *ent.Client {
	if db := ent.FromContext(ctx); db != nil {
		return db
	}
	return s.client
}
