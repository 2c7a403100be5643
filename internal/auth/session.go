package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/accessevent"
	"caregraph/ent/patient"
	"caregraph/ent/practice"
	"caregraph/ent/predicate"
	"caregraph/ent/session"
	"caregraph/ent/user"
	"caregraph/internal/audit"
	"caregraph/internal/fault"
	"caregraph/internal/request"
	"caregraph/internal/rule"
	"caregraph/internal/store"
	"caregraph/internal/viewer"
)

// Session is the result of a sign-in.
type Session struct {
	User           *ent.User
	ID             int
	Access         string
	Refresh        string
	AccessExpires  time.Time
	RefreshExpires time.Time
}

// TextRefresh is the message of every refusal of a refresh token.
const TextRefresh = "Token is invalid or expired"

// grace is how long the previous refresh token is still accepted: requests that
// were sent in parallel, or whose answer was lost, may still carry it.
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
	audit.SignIn(ctx, accessevent.ActionSIGN_IN, u.ID, row.ID)
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

// entitled tells whether the user is still active, and has the same role and rights
// as when the session began.
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
	audit.Change(ctx, accessevent.ActionSIGN_OUT, "")
	return err == nil, err
}

// EndSession ends a session of the viewer and returns its id. It must run in a
// transaction. It fails with fault.NotFound if the viewer has no such session
// that is live.
func (s *Service) EndSession(ctx context.Context, id int) (int, error) {
	audit.Change(ctx, accessevent.ActionSIGN_OUT, "")
	return id, ent.FromContext(ctx).Session.UpdateOneID(id).Where(s.live()).SetEndedAt(s.now()).Exec(ctx)
}

// Change saves a change of a user's role or rights. It ends the user's sessions if
// the user is no longer active, or has another role or other rights than when the
// sessions began; taking the change back does not bring them back. It must run in a
// transaction, and fails as the policy says.
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

// Why a user with a valid token is refused.
var (
	ErrUserGone     = errors.New("user not found")
	ErrUserInactive = errors.New("user is inactive")
)

// usedEvery is how exact a session's last use is.
const usedEvery = 5 * time.Minute

// checkTimeout is how long a request waits for the database to tell who is
// calling.
const checkTimeout = 5 * time.Second

// Viewer returns who the access token stands for, by one statement, in the
// transaction of the context if there is one, or without any if that is known. It fails
// with ErrToken, ErrTokenType, ErrUserGone or ErrUserInactive, each of which is
// also a viewer.ErrBadToken, or with the database's error.
func (s *Service) Viewer(ctx context.Context, access string) (viewer.Viewer, error) {
	if v, ok := s.known.get(access, s.now()); ok {
		s.Counts.Known.Add(1)
		return v, nil
	}
	s.Counts.Asked.Add(1)
	c, err := s.parse(access, accessToken)
	if err != nil {
		return viewer.Viewer{}, errors.Join(viewer.ErrBadToken, err)
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	remember := s.known.asking(access)
	v, until, err := s.viewer(ctx, c.SessionID, c.UserID)
	if c.ExpiresAt.Before(v.Expires) {
		v.Expires = c.ExpiresAt.Time
	}
	if err == nil && ent.TxFromContext(ctx) == nil { // what a transaction sees may be undone
		if v.Expires.Before(until) {
			until = v.Expires
		}
		remember(v, until)
	}
	return v, err
}

// Again returns the viewer as it is now, after its rights have changed. It fails as Viewer.
func (s *Service) Again(ctx context.Context) (viewer.Viewer, error) {
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return viewer.Viewer{}, err
	}
	v, _, err = s.viewer(ctx, v.SessionID, v.UserID)
	return v, err
}

// viewer returns whom the session stands for, and until when at most, if nothing is changed:
// then it expires, or its last use is to be stored again.
func (s *Service) viewer(ctx context.Context, sessionID, userID int) (v viewer.Viewer, until time.Time, err error) {
	var rows []struct {
		Role        string
		CurrentRole string `sql:"current_role"`
		Staff       bool
		IsStaff     bool   `sql:"is_staff"`
		IsActive    bool   `sql:"is_active"`
		ClinicID    int    `sql:"clinic_id"`
		ClinicRole  string `sql:"clinic_role"`
		Practices   bool
		Records     bool
		Live        bool
		LastUsedAt  time.Time `sql:"last_used_at"`
		ExpiresAt   time.Time `sql:"expires_at"`
	}
	all := unrestricted(ctx)
	err = s.db(ctx).Session.Query().Where(session.ID(sessionID), session.UserID(userID)).Select(session.FieldID).Modify(func(q *sql.Selector) { // which replaces the selection
		u := sql.Table(user.Table)
		q.Join(u).On(q.C(session.FieldUserID), u.C(user.FieldID))
		q.Select(q.C(session.FieldRole), sql.As(u.C(user.FieldRole), "current_role"), q.C(session.FieldStaff), u.C(user.FieldIsStaff), u.C(user.FieldIsActive), u.C(user.FieldClinicID), u.C(user.FieldClinicRole), q.C(session.FieldLastUsedAt), q.C(session.FieldExpiresAt))
		account := func(table, column string) string {
			return "EXISTS (SELECT 1 FROM " + table + " WHERE " + table + "." + column + " = " + u.C(user.FieldID) + ")"
		}
		q.AppendSelectExprAs(sql.Raw("("+u.C(user.FieldRole)+" = 'doctor' AND "+account(practice.Table, practice.FieldUserID)+")"), "practices")
		q.AppendSelectExprAs(sql.Raw(account(patient.Table, patient.FieldAccountID)), "records")
		q.AppendSelectExprAs(sql.P(func(b *sql.Builder) {
			b.WriteString(q.C(session.FieldEndedAt) + " IS NULL AND " + q.C(session.FieldExpiresAt) + " > ").Arg(s.now())
		}), "live")
	}).Scan(all, &rows)
	if err != nil {
		return viewer.Viewer{}, until, fmt.Errorf("viewer: %w", err)
	}
	if len(rows) == 0 {
		known, err := s.client.User.Query().Where(user.ID(userID)).Exist(all)
		if err != nil {
			return viewer.Viewer{}, until, fmt.Errorf("viewer: %w", err)
		}
		if !known {
			return viewer.Viewer{}, until, errors.Join(viewer.ErrBadToken, ErrUserGone)
		}
		return viewer.Viewer{}, until, errors.Join(viewer.ErrBadToken, ErrToken)
	}
	switch row := rows[0]; {
	case !row.IsActive:
		return viewer.Viewer{}, until, errors.Join(viewer.ErrBadToken, ErrUserInactive)
	case !row.Live, row.Role != row.CurrentRole, row.Staff != row.IsStaff:
		return viewer.Viewer{}, until, errors.Join(viewer.ErrBadToken, ErrToken)
	case row.LastUsedAt.Before(s.now().Add(-usedEvery)):
		rows[0].LastUsedAt = s.now()
		err = store.InTx(ctx, s.client, func(ctx context.Context) error {
			return ent.FromContext(ctx).Session.UpdateOneID(sessionID).SetLastUsedAt(s.now()).Exec(all)
		})
	}
	if until = rows[0].LastUsedAt.Add(usedEvery); rows[0].ExpiresAt.Before(until) {
		until = rows[0].ExpiresAt
	}
	return viewer.Viewer{
		UserID: userID, SessionID: sessionID, Staff: rows[0].IsStaff,
		ClinicID: rows[0].ClinicID, Admin: rows[0].ClinicRole == string(user.ClinicRoleAdmin), Practices: rows[0].Practices, Records: rows[0].Records,
		Expires: rows[0].ExpiresAt,
	}, until, err
}
