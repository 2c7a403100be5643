package auth

import (
	"context"
	"errors"
	"fmt"

	"caregraph/ent"
	"caregraph/ent/predicate"
	"caregraph/ent/user"
	"caregraph/internal/fault"
	"caregraph/internal/scalar"
	"caregraph/internal/store"
)

// Registration is what a new user tells.
type Registration struct {
	Username, Email, Password string
	Phone                     *string
	Role                      user.Role
	Staff                     bool
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

// create stores a user in a clinic of its own, which is named as the user is, or tells
// everything that is wrong with the user.
func create(ctx context.Context, in Registration, hash string, weak error) (*ent.User, error) {
	faults, err := taken(ctx, in)
	if err != nil {
		return nil, err
	}
	if weak != nil {
		faults = append(faults, &fault.Error{Kind: fault.Invalid, Field: "password", Message: weak.Error()})
	}
	new := ent.FromContext(ctx).User.Create().SetUsername(in.Username).SetEmail(in.Email).SetNillablePhone(in.Phone).
		SetRole(in.Role).SetIsStaff(in.Staff).SetPasswordHash(hash)
	if name := scalar.NormalUsername(scalar.OneLine(in.Username)); len(faults) == 0 && scalar.Username(name) == nil {
		own, err := newClinic(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("register: %w", err)
		}
		new.SetClinicID(own.ID)
	}
	u, err := new.Save(unrestricted(ctx))
	if len(faults) == 0 {
		return u, err
	}
	if invalid, ok := errors.AsType[scalar.Invalid](err); ok { // the hooks check before anything is stored
		faults = append(fault.Of(invalid), faults...)
	}
	return nil, faults
}

// taken names the fields whose value another user has. The unique indexes
// decide between two who register at once.
func taken(ctx context.Context, in Registration) (fault.List, error) {
	username, email, phone := scalar.NormalUsername(scalar.OneLine(in.Username)), scalar.NormalEmail(scalar.OneLine(in.Email)), ""
	if in.Phone != nil {
		phone = scalar.NormalPhone(scalar.OneLine(*in.Phone))
	}
	var same []predicate.User // only for valid values: nobody can have the others
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
