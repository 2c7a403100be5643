// Package auth registers users, signs them in, and tells from a token who is
// calling. It is the one place that reads users before anybody is signed in.
package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/golang-jwt/jwt/v5"

	"caregraph/ent"
	"caregraph/ent/predicate"
	"caregraph/ent/privacy"
	"caregraph/ent/session"
	"caregraph/ent/user"
	"caregraph/internal/fault"
	"caregraph/internal/limit"
	"caregraph/internal/request"
	"caregraph/internal/rule"
	"caregraph/internal/scalar"
	"caregraph/internal/store"
	"caregraph/internal/viewer"
)

// Options are what the configuration decides about signing in.
type Options struct {
	Key     []byte        // HMAC-SHA256 signing key, at least 32 bytes
	Access  time.Duration // lifetime of an access token
	Refresh time.Duration // lifetime of a refresh token, and so of a session
	Rotate  bool          // a refresh answers with a new refresh token, and spends the old one
	Limit   int           // failed sign-ins of an account from an address without a wait; 0 for no limit
}

// Service authenticates users. Its methods may be called concurrently. Those
// that write use the transaction of the context, or else one of their own.
type Service struct {
	Options
	client    *ent.Client
	key       []byte
	limit     int
	addresses *limit.Buckets // registrations, refreshes and password changes
	parser    *jwt.Parser
	now       func() time.Time
}

// Registrations, refreshes and password changes that one address may make.
const (
	addressRate  = 0.5 // per second
	addressBurst = 60
)

// New returns a service for the users of the client's database.
func New(client *ent.Client, o Options) *Service {
	s := &Service{Options: o, client: client, key: o.Key, limit: o.Limit, now: func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }}
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

// allow fails with fault.RateLimited if the caller's address has made too many
// requests that are costly or guess.
func (s *Service) allow(ctx context.Context) error {
	if state := s.addresses.Take(request.ClientOf(ctx).Network(), 1, s.now()); state.Wait > 0 {
		return &fault.Error{Kind: fault.RateLimited, Message: "Too many requests. Try again later.", RetryAfter: state.Wait}
	}
	return nil
}

// Session is the result of a sign-in.
type Session struct {
	User           *ent.User
	ID             int
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
func (s *Service) Register(ctx context.Context, in Registration) (signedIn *Session, err error) {
	if err := s.allow(ctx); err != nil {
		return nil, err
	}
	hash, weak := unusable, checkPassword(in.Password, in.Username, in.Email)
	// A registration in a transaction is a rehearsal, and will be undone.
	if weak == nil && ent.TxFromContext(ctx) == nil {
		if hash, err = Hash(ctx, in.Password); err != nil {
			return nil, err
		}
	}
	err = store.InTx(ctx, s.client, func(ctx context.Context) error {
		u, err := create(ctx, in, hash, weak)
		if err != nil {
			return err
		}
		signedIn, err = s.start(ctx, u)
		return err
	})
	return signedIn, err
}

// CreateUser is Register without a sign-in, for the server's own use.
func (s *Service) CreateUser(ctx context.Context, in Registration) (u *ent.User, err error) {
	hash, err := Hash(ctx, in.Password)
	if err != nil {
		return nil, err
	}
	err = store.InTx(ctx, s.client, func(ctx context.Context) error {
		u, err = create(ctx, in, hash, checkPassword(in.Password, in.Username, in.Email))
		return err
	})
	return u, err
}

// create stores a user, or tells everything that is wrong with it.
func create(ctx context.Context, in Registration, hash string, weak error) (*ent.User, error) {
	faults, err := taken(ctx, in)
	if err != nil {
		return nil, err
	}
	if weak != nil {
		faults = append(faults, &fault.Error{Kind: fault.Invalid, Field: "password", Message: weak.Error()})
	}
	u, err := ent.FromContext(ctx).User.Create().SetUsername(in.Username).SetEmail(in.Email).SetNillablePhone(in.Phone).
		SetRole(in.Role).SetIsStaff(in.Staff).SetPasswordHash(hash).Save(unrestricted(ctx))
	if len(faults) == 0 {
		return u, err
	}
	if invalid, ok := errors.AsType[scalar.Invalid](err); ok { // the hooks check before anything is stored
		faults = append(fault.Of(invalid), faults...)
	}
	return nil, faults
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
	username, email, phone := scalar.NormalUsername(scalar.OneLine(in.Username)), scalar.NormalEmail(scalar.OneLine(in.Email)), ""
	if in.Phone != nil {
		phone = scalar.NormalPhone(scalar.OneLine(*in.Phone))
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
// the same to the caller and takes the same time. It fails with
// fault.RateLimited, whatever the password, after too many failures.
func (s *Service) Login(ctx context.Context, email, password string) (signedIn *Session, err error) {
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
// a new one. Nobody knows a password of nil, which takes the same time.
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
		return cmp.Or[error](s.failed(ctx, counters), errCredentials)
	})
	if err != nil || !stale(stored) {
		return "", err
	}
	return Hash(ctx, password)
}

// TextRefresh is the message of every refusal of a refresh token.
const TextRefresh = "Token is invalid or expired"

// grace is how long a spent refresh token is still taken: requests that were
// sent at once, or whose answer was lost, come with the one before.
const grace = 10 * time.Second

// Refresh returns a session with a new access token for the bearer of the
// refresh token, which stays as it is, or is replaced if the service rotates
// them; one that was spent ends the session. It fails with
// fault.Unauthenticated if the token is invalid or expired, its session ended,
// or the user not active.
func (s *Service) Refresh(ctx context.Context, token string) (signedIn *Session, err error) {
	refused := &fault.Error{Kind: fault.Unauthenticated, Message: TextRefresh}
	if err := s.allow(ctx); err != nil {
		return nil, err
	}
	c, err := s.parse(token, refreshToken)
	if err != nil {
		return nil, refused
	}
	reused, stays := false, false
	err = store.InTx(ctx, s.client, func(ctx context.Context) error {
		all := unrestricted(ctx)
		row, err := ent.FromContext(ctx).Session.Query().Where(session.ID(c.SessionID), session.UserID(c.UserID), s.live()).
			WithUser().Modify(rule.Lock).Only(all)
		if ent.IsNotFound(err) || err == nil && !entitled(row, row.Edges.User) {
			return refused
		}
		if err != nil {
			return fmt.Errorf("refresh: %w", err)
		}
		update := row.Update().SetLastUsedAt(s.now())
		switch {
		case c.ID == row.RefreshID && s.Rotate:
			update.SetRefreshID(newTokenID()).SetSpentRefreshID(c.ID).SetRotatedAt(s.now()).SetExpiresAt(s.now().Add(s.Options.Refresh))
		case c.ID == row.RefreshID:
			stays = true
		case row.SpentRefreshID == nil || c.ID != *row.SpentRefreshID || row.RotatedAt.Add(grace).Before(s.now()):
			reused = true
			return row.Update().SetEndedAt(s.now()).Exec(all)
		}
		u := row.Edges.User
		if row, err = update.Save(all); err != nil {
			return fmt.Errorf("refresh: %w", err)
		}
		signedIn, err = s.tokens(row, u)
		return err
	})
	if err != nil {
		return nil, err
	}
	if reused {
		return nil, refused
	}
	if stays {
		signedIn.Refresh, signedIn.RefreshExpires = token, c.ExpiresAt.UTC()
	}
	return signedIn, nil
}

// start begins a session of the user. It must run in a transaction.
func (s *Service) start(ctx context.Context, u *ent.User) (*Session, error) {
	client := request.ClientOf(ctx)
	row, err := ent.FromContext(ctx).Session.Create().SetUser(u).SetRole(session.Role(u.Role)).SetStaff(u.IsStaff).
		SetUserAgent(client.UserAgent).SetAddress(client.Address.String()).SetRefreshID(newTokenID()).
		SetExpiresAt(s.now().Add(s.Options.Refresh)).Save(unrestricted(ctx))
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return s.tokens(row, u)
}

func (s *Service) tokens(row *ent.Session, u *ent.User) (*Session, error) {
	now, issued := s.now().Truncate(time.Second), row.CreatedAt
	if row.RotatedAt != nil {
		issued = *row.RotatedAt // requests at once get the same refresh token
	}
	signedIn := &Session{User: u, ID: row.ID, AccessExpires: now.Add(s.Options.Access), RefreshExpires: row.ExpiresAt.Truncate(time.Second)}
	var err, errRefresh error
	signedIn.Access, err = s.sign(accessToken, newTokenID(), row, now, signedIn.AccessExpires)
	signedIn.Refresh, errRefresh = s.sign(refreshToken, row.RefreshID, row, issued.Truncate(time.Second), signedIn.RefreshExpires)
	return signedIn, errors.Join(err, errRefresh)
}

// live is the condition of a session that has neither ended nor expired.
func (s *Service) live() predicate.Session {
	return session.And(session.EndedAtIsNil(), session.ExpiresAtGT(s.now()))
}

// entitled tells whether the user still is who began the session: active, and
// with the same role and rights.
func entitled(row *ent.Session, u *ent.User) bool {
	return u.IsActive && string(u.Role) == string(row.Role) && u.IsStaff == row.Staff
}

// Logout ends the viewer's session, or all of its sessions. It must run in a
// transaction.
func (s *Service) Logout(ctx context.Context, everywhere bool) (bool, error) {
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return false, err
	}
	end := ent.FromContext(ctx).Session.Update().Where(session.EndedAtIsNil()).SetEndedAt(s.now())
	if !everywhere {
		end.Where(session.ID(v.SessionID))
	}
	err = end.Exec(ctx)
	return err == nil, err
}

// EndSession ends a session of the viewer and returns its id. It must run in a
// transaction. It fails with fault.NotFound if the viewer has no such session
// that is live.
func (s *Service) EndSession(ctx context.Context, id int) (int, error) {
	return id, ent.FromContext(ctx).Session.UpdateOneID(id).Where(s.live()).SetEndedAt(s.now()).Exec(ctx)
}

// Change saves a change of a user's role or rights, and ends the sessions of who
// is no longer active or is no longer who began them: they do not come back when
// the change is taken back. It must run in a transaction, and fails as the policy
// says.
func (s *Service) Change(ctx context.Context, change *ent.UserUpdateOne) (*ent.User, error) {
	u, err := change.Save(ctx)
	if err != nil {
		return nil, err
	}
	end := ent.FromContext(ctx).Session.Update().Where(session.UserID(u.ID), session.EndedAtIsNil()).SetEndedAt(s.now())
	if u.IsActive {
		end.Where(session.Or(session.RoleNEQ(session.Role(u.Role)), session.StaffNEQ(u.IsStaff)))
	}
	return u, end.Exec(unrestricted(ctx))
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

// Why a user is refused whose token is good.
var (
	ErrUserGone     = errors.New("user not found")
	ErrUserInactive = errors.New("user is inactive")
)

// usedEvery is how exact a session's last use is.
const usedEvery = 5 * time.Minute

// Viewer returns who the access token stands for, by one statement. It fails
// with ErrToken, ErrTokenType, ErrUserGone or ErrUserInactive, each of which is
// also a viewer.ErrBadToken, or with the database's error.
func (s *Service) Viewer(ctx context.Context, access string) (viewer.Viewer, error) {
	c, err := s.parse(access, accessToken)
	if err != nil {
		return viewer.Viewer{}, errors.Join(viewer.ErrBadToken, err)
	}
	var rows []struct {
		Role        string
		CurrentRole string `sql:"current_role"`
		Staff       bool
		IsStaff     bool `sql:"is_staff"`
		IsActive    bool `sql:"is_active"`
		Live        bool
		LastUsedAt  time.Time `sql:"last_used_at"`
	}
	all := unrestricted(ctx)
	err = s.client.Session.Query().Where(session.ID(c.SessionID), session.UserID(c.UserID)).Select(session.FieldID).Modify(func(q *sql.Selector) { // which replaces the selection
		u := sql.Table(user.Table)
		q.Join(u).On(q.C(session.FieldUserID), u.C(user.FieldID))
		q.Select(q.C(session.FieldRole), sql.As(u.C(user.FieldRole), "current_role"), q.C(session.FieldStaff), u.C(user.FieldIsStaff), u.C(user.FieldIsActive), q.C(session.FieldLastUsedAt))
		q.AppendSelectExprAs(sql.P(func(b *sql.Builder) {
			b.WriteString(q.C(session.FieldEndedAt) + " IS NULL AND " + q.C(session.FieldExpiresAt) + " > ").Arg(s.now())
		}), "live")
	}).Scan(all, &rows)
	if err != nil {
		return viewer.Viewer{}, fmt.Errorf("viewer: %w", err)
	}
	if len(rows) == 0 {
		known, err := s.client.User.Query().Where(user.ID(c.UserID)).Exist(all)
		if err != nil {
			return viewer.Viewer{}, fmt.Errorf("viewer: %w", err)
		}
		if !known {
			return viewer.Viewer{}, errors.Join(viewer.ErrBadToken, ErrUserGone)
		}
		return viewer.Viewer{}, errors.Join(viewer.ErrBadToken, ErrToken)
	}
	switch row := rows[0]; {
	case !row.IsActive:
		return viewer.Viewer{}, errors.Join(viewer.ErrBadToken, ErrUserInactive)
	case !row.Live, row.Role != row.CurrentRole, row.Staff != row.IsStaff:
		return viewer.Viewer{}, errors.Join(viewer.ErrBadToken, ErrToken)
	case row.LastUsedAt.Before(s.now().Add(-usedEvery)):
		err = store.InTx(ctx, s.client, func(ctx context.Context) error {
			return ent.FromContext(ctx).Session.UpdateOneID(c.SessionID).SetLastUsedAt(s.now()).Exec(all)
		})
	}
	return viewer.Viewer{UserID: c.UserID, SessionID: c.SessionID, Staff: rows[0].IsStaff}, err
}

// db returns the client of the context's transaction, or the service's own.
func (s *Service) db(ctx context.Context) *ent.Client {
	if db := ent.FromContext(ctx); db != nil {
		return db
	}
	return s.client
}
