package graph

import (
	"context"
	"errors"
	"io"

	"caregraph/ent"
	"caregraph/ent/user"
	"caregraph/internal/audit"
	"caregraph/internal/auth"
	"caregraph/internal/reading"
	"caregraph/internal/store"
	"caregraph/internal/viewer"
)

// NewInvitation is an invitation with its code, which can be told this once.
type NewInvitation struct {
	ID     int
	Code   string
	loaded reading.Loaded
}

// MarshalGQLContext writes the invitation for the field being resolved.
func (i *NewInvitation) MarshalGQLContext(ctx context.Context, w io.Writer) error {
	return reading.Write(ctx, w, i)
}

// UnmarshalGQLContext is there because gqlgen takes only a type that has both.
func (i *NewInvitation) UnmarshalGQLContext(context.Context, any) error {
	return errors.New("an invitation is no input")
}

// invited returns the answer to a mutation that wrote an invitation.
func invited(id int, code string, err error) (*NewInvitation, error) {
	return &NewInvitation{ID: id, Code: code}, err
}

// updateClinic names the viewer's clinic.
func updateClinic(ctx context.Context, name string) (*ent.Clinic, error) {
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	return ent.FromContext(ctx).Clinic.UpdateOneID(v.ClinicID).SetName(name).Save(ctx)
}

// preview tells what accepting the invitation would do.
func (r *Resolver) preview(ctx context.Context, code string) (*InvitationPreview, error) {
	i, err := r.opened(ctx, code)
	if err != nil {
		return nil, err
	}
	p, err := auth.Look(ctx, i)
	if err != nil {
		return nil, err
	}
	return &InvitationPreview{p.ClinicName, invitedRole(i), p.DoctorName, p.PatientName, i.ExpiresAt, p.PatientsBrought, p.PatientsLeft}, nil
}

// opened returns the invitation with the code, unless the viewer guesses.
func (r *Resolver) opened(ctx context.Context, code string) (i *ent.Invitation, err error) {
	err = r.auth.Guarded(ctx, func() (err error) {
		i, err = auth.Invitation(ctx, code, now())
		return err
	})
	return i, err
}

// accept accepts the invitation with the code.
func (r *Resolver) accept(ctx context.Context, code string) error {
	i, err := r.opened(ctx, code)
	if err != nil {
		return err
	}
	return store.InTx(ctx, ent.FromContext(ctx), func(ctx context.Context) error { return auth.Accept(ctx, i, now()) })
}

// leave puts the viewer into a clinic of its own.
func leave(ctx context.Context) error {
	return store.InTx(ctx, ent.FromContext(ctx), func(ctx context.Context) error { return auth.Leave(ctx, now()) })
}

// again returns what makes the answer to a mutation that changed what the viewer may see:
// the viewer as it is now.
func (r *Resolver) again(ctx context.Context) func(error) (*ent.User, error) {
	return func(err error) (*ent.User, error) {
		if err != nil {
			return nil, err
		}
		v, err := r.auth.Again(ctx)
		if err != nil {
			return nil, err
		}
		ctx := viewer.NewContext(ctx, v)
		audit.Become(ctx)
		return users.One(ctx, v.UserID)
	}
}

// shownRole returns the role of a member, or nil if the viewer may not see it.
func shownRole(role user.ClinicRole) *user.ClinicRole {
	if role == "" {
		return nil
	}
	return &role
}

// invitedRole returns the role that the invitation is for, or nil.
func invitedRole(i *ent.Invitation) *user.ClinicRole {
	if i.Role == nil {
		return nil
	}
	role := user.ClinicRole(*i.Role)
	return &role
}
