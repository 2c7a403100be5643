// Package auth registers users, signs them in, and tells from a token who is
// calling. It is the one place that reads users before anybody is signed in.
package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"caregraph/ent"
	"caregraph/ent/predicate"
	"caregraph/ent/privacy"
	"caregraph/ent/user"
	"caregraph/internal/fault"
	"caregraph/internal/scalar"
	"caregraph/internal/store"
	"caregraph/internal/viewer"
)

// Service authenticates users. Its methods may be called concurrently. Those
// that write use the transaction of the context, or else one of their own.
type Service struct {
	client  *ent.Client
	key     []byte        // HMAC-SHA256 signing key, at least 32 bytes
	access  time.Duration // lifetime of an access token
	refresh time.Duration // lifetime of a refresh token
	now     func() time.Time
}

// New returns a service that signs tokens with the key.
func New(client *ent.Client, key []byte, access, refresh time.Duration) *Service {
	return &Service{client, key, access, refresh, func() time.Time { return time.Now().UTC() }}
}

// Session is the result of a sign-in.
type Session struct {
	User           *ent.User
	Access         string
	Refresh        string
	AccessExpires  time.Time
	RefreshExpires time.Time
}

// Registration is what a new user tells.
type Registration struct {
	Username, Email, Password string
	Phone                     *string
	Role                      user.Role
	Staff                     bool
}

// unrestricted is the context in which this package reads and writes users:
// nobody is signed in yet.
func unrestricted(ctx context.Context) context.Context {
	return privacy.DecisionContext(ctx, privacy.Allow)
}

// Register creates a user and signs it in. It fails with fault.Invalid for each
// invalid field, and with fault.Conflict if the username, the email (compared
// without case) or the phone is taken.
func (s *Service) Register(ctx context.Context, in Registration) (*Session, error) {
	u, err := s.CreateUser(ctx, in)
	if err != nil {
		return nil, err
	}
	return s.session(u)
}

// CreateUser is Register without a sign-in.
func (s *Service) CreateUser(ctx context.Context, in Registration) (*ent.User, error) {
	weak := checkPassword(in.Password, in.Username, in.Email)
	var hash string
	if weak == nil {
		var err error
		if hash, err = Hash(ctx, in.Password); err != nil {
			return nil, err
		}
	}
	var u *ent.User
	err := store.InTx(ctx, s.client, func(ctx context.Context) error {
		faults, err := taken(ctx, in)
		if err != nil {
			return err
		}
		create := ent.FromContext(ctx).User.Create().SetUsername(in.Username).SetEmail(in.Email).SetNillablePhone(in.Phone).
			SetRole(in.Role).SetIsStaff(in.Staff).SetPasswordHash(hash)
		if weak != nil {
			faults = append(faults, &fault.Error{Kind: fault.Invalid, Field: "password", Message: weak.Error()})
		}
		if len(faults) == 0 {
			u, err = create.Save(unrestricted(ctx))
			return err
		}
		// Tell what else is wrong: the hooks check before anything is stored.
		var invalid scalar.Invalid
		if _, err := create.Save(unrestricted(ctx)); errors.As(err, &invalid) {
			faults = append(fault.Of(invalid), faults...)
		}
		return faults
	})
	return u, err
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

// taken names the fields whose value another user has. The unique indexes
// decide between two who register at once.
func taken(ctx context.Context, in Registration) (fault.List, error) {
	username, email, phone := strings.TrimSpace(in.Username), scalar.NormalEmail(strings.TrimSpace(in.Email)), ""
	if in.Phone != nil {
		phone = scalar.NormalPhone(strings.TrimSpace(*in.Phone))
	}
	var same []predicate.User // by what is valid: nobody has the rest
	if scalar.Username(username) == nil {
		same = append(same, user.Username(username))
	}
	if scalar.Email(email) == nil {
		same = append(same, user.Email(email))
	}
	if scalar.Phone(phone) == nil {
		same = append(same, user.Phone(phone))
	}
	if same == nil {
		return nil, nil
	}
	others, err := ent.FromContext(ctx).User.Query().Where(user.Or(same...)).
		Select(user.FieldUsername, user.FieldEmail, user.FieldPhone).All(unrestricted(ctx))
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	var faults fault.List
	for _, u := range others {
		if u.Username == username {
			faults = append(faults, fault.UsernameTaken)
		}
		if u.Email == email {
			faults = append(faults, fault.EmailTaken)
		}
		if u.Phone != nil && *u.Phone == phone {
			faults = append(faults, fault.PhoneTaken)
		}
	}
	return faults, nil
}

// errCredentials is the failure of every sign-in that is refused.
var errCredentials = &fault.Error{Kind: fault.Unauthenticated, Message: "No active account found with the given credentials"}

// Login returns a session for the active user with this email, compared
// without case or surrounding space, and this password. Every refusal looks
// the same to the caller and takes the same time.
func (s *Service) Login(ctx context.Context, email, password string) (*Session, error) {
	hash, err := unknown()
	if err != nil {
		return nil, err
	}
	u, err := s.byEmail(ctx, scalar.NormalEmail(strings.TrimSpace(email)))
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	if u != nil {
		hash = u.PasswordHash
	}
	ok, stale, err := verify(ctx, password, hash)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	if u == nil || !ok || !u.IsActive {
		return nil, errCredentials
	}
	var fresh string
	if stale {
		if fresh, err = Hash(ctx, password); err != nil {
			return nil, fmt.Errorf("login: %w", err)
		}
	}
	err = store.InTx(ctx, s.client, func(ctx context.Context) error {
		update := ent.FromContext(ctx).User.UpdateOne(u).Where(user.IsActive(true), user.PasswordHash(u.PasswordHash)).SetLastLogin(s.now())
		if stale {
			update.SetPasswordHash(fresh)
		}
		u, err = update.Save(unrestricted(ctx))
		return err
	})
	if ent.IsNotFound(err) { // changed meanwhile
		return nil, errCredentials
	}
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	return s.session(u)
}

// TextRefresh is the message of every refusal of a refresh token.
const TextRefresh = "Token is invalid or expired"

// Refresh returns a session with a new access token for the bearer of the
// refresh token, which stays as it is. It fails with fault.Unauthenticated if
// the token is invalid or expired, or the user not active.
func (s *Service) Refresh(ctx context.Context, refresh string) (*Session, error) {
	refused := &fault.Error{Kind: fault.Unauthenticated, Message: TextRefresh}
	c, err := s.parse(refresh, refreshToken)
	if err != nil {
		return nil, refused
	}
	u, err := s.db(ctx).User.Get(unrestricted(ctx), c.UserID)
	if ent.IsNotFound(err) || err == nil && !u.IsActive {
		return nil, refused
	}
	if err != nil {
		return nil, fmt.Errorf("refresh: %w", err)
	}
	session, err := s.session(u)
	if err != nil {
		return nil, err
	}
	session.Refresh, session.RefreshExpires = refresh, c.ExpiresAt.UTC()
	return session, nil
}

func (s *Service) session(u *ent.User) (*Session, error) {
	now := s.now().Truncate(time.Second)
	session := &Session{User: u, AccessExpires: now.Add(s.access), RefreshExpires: now.Add(s.refresh)}
	var err, errRefresh error
	session.Access, err = s.sign(accessToken, u.ID, now, session.AccessExpires)
	session.Refresh, errRefresh = s.sign(refreshToken, u.ID, now, session.RefreshExpires)
	return session, errors.Join(err, errRefresh)
}

// Why a user is refused whose token is good.
var (
	ErrUserGone     = errors.New("user not found")
	ErrUserInactive = errors.New("user is inactive")
)

// Viewer returns who the access token stands for. It fails with ErrToken,
// ErrTokenType, ErrUserGone or ErrUserInactive, each of which is also a
// viewer.ErrBadToken, or with the database's error.
func (s *Service) Viewer(ctx context.Context, access string) (viewer.Viewer, error) {
	c, err := s.parse(access, accessToken)
	if err != nil {
		return viewer.Viewer{}, errors.Join(viewer.ErrBadToken, err)
	}
	u, err := s.client.User.Query().Where(user.ID(c.UserID)).Select(user.FieldIsActive, user.FieldIsStaff).Only(unrestricted(ctx))
	switch {
	case ent.IsNotFound(err):
		return viewer.Viewer{}, errors.Join(viewer.ErrBadToken, ErrUserGone)
	case err != nil:
		return viewer.Viewer{}, fmt.Errorf("viewer: %w", err)
	case !u.IsActive:
		return viewer.Viewer{}, errors.Join(viewer.ErrBadToken, ErrUserInactive)
	}
	return viewer.Viewer{UserID: u.ID, Staff: u.IsStaff}, nil
}

// db returns the client of the context's transaction, or the service's own.
func (s *Service) db(ctx context.Context) *ent.Client {
	if db := ent.FromContext(ctx); db != nil {
		return db
	}
	return s.client
}
