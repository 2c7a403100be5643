// Package graph serves the contract of schema.graphqls: it has what is particular
// to that schema. Resolvers are one expression each. What they read is described
// in tables.go and edges.go and done by internal/reading; what they change is done
// by ent, internal/care and internal/auth; who may is decided by the policies of
// ent/schema.
package graph

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"caregraph/ent"
	"caregraph/ent/doctor"
	"caregraph/ent/mapping"
	"caregraph/internal/audit"
	"caregraph/internal/auth"
	"caregraph/internal/fault"
	"caregraph/internal/graphqlhttp"
	"caregraph/internal/reading"
	"caregraph/internal/replay"
	"caregraph/internal/rule"
	"caregraph/internal/scalar"
	"caregraph/internal/store"
	"caregraph/internal/viewer"
)

//go:generate go run -C .. github.com/99designs/gqlgen generate

// Resolver is the root of the resolvers.
type Resolver struct {
	auth   *auth.Service
	window time.Duration // in which what was deleted can be brought back
}

// deleted returns a context in which what was deleted within the window is shown.
func (r *Resolver) deleted(ctx context.Context) context.Context {
	return rule.Deleted(ctx, now().Add(-r.window))
}

// Sizes of a page in rows.
const (
	maxPage = 100
	ownPage = 1_000 // for the server's own documents
)

// Contract returns the contract of schema.graphqls on the database of the
// client, which stores who looked in the log. Servers with the same keys, of which the first
// signs, read each other's cursors. What is deleted can be brought back within the window.
func Contract(client *ent.Client, log *audit.Log, authn *auth.Service, keys [][]byte, window time.Duration) graphqlhttp.Contract {
	answers := replay.New(keys...)
	cursors := reading.NewCursors(keys...)
	return graphqlhttp.Contract{
		Schema: NewExecutableSchema(Config{Resolvers: &Resolver{authn, window}}),
		Alone:  []string{"register", "login", "refreshToken", "changePassword", "invitation", "acceptInvitation", "leaveClinic", "erasePatient"},
		Begin: func(ctx context.Context, own bool) context.Context {
			most := maxPage
			if own {
				most = ownPage
			}
			ctx = audit.Begin(ent.NewContext(ctx, client), log, door(own))
			return reading.Begin(ctx, cursors, most, own, write)
		},
		Transact: func(ctx context.Context, f func(context.Context) error) error {
			if _, err := viewer.FromContext(ctx); err != nil && fault.Of(err)[0].Kind == fault.Unavailable {
				return err // who is calling could not be found out
			}
			return store.InTx(ctx, client, f)
		},
		Enter:    answers.Enter,
		Once:     answers.Once,
		Settle:   settle,
		Sight:    sight,
		Share:    audit.Share,
		Personal: []string{"User", "Session", "AccessEvent"},
	}
}

// write appends a record or a connection to an answer.
func write(ctx context.Context, b []byte, v any, selections ast.SelectionSet) ([]byte, error) {
	switch v := v.(type) {
	case *ent.User:
		return users.Append(ctx, b, v, selections), nil
	case *ent.Patient:
		return patients.Append(ctx, b, v, selections), nil
	case *ent.Doctor:
		return doctors.Append(ctx, b, v, selections), nil
	case *ent.Mapping:
		return mappings.Append(ctx, b, v, selections), nil
	case *ent.Clinic:
		return clinics.Append(ctx, b, v, selections), nil
	case *ent.Practice:
		return practices.Append(ctx, b, v, selections), nil
	case *ent.Invitation:
		return invitations.Append(ctx, b, v, selections), nil
	case *ent.AccessEvent:
		return accessEvents.Append(ctx, b, v, selections), nil
	case *ent.Revision:
		return revisions.Append(ctx, b, v, selections), nil
	case *NewInvitation:
		return newInvitations.Append(ctx, b, v, selections), nil
	case *PossibleDuplicate:
		return duplicates.Append(ctx, b, v, selections), nil
	case interface {
		Append(context.Context, []byte, ast.SelectionSet) []byte
	}:
		return v.Append(ctx, b, selections), nil
	}
	return nil, fmt.Errorf("%T cannot be written", v)
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// viewer returns the user who is signed in.
func (r *Resolver) viewer(ctx context.Context) (*ent.User, error) {
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	return users.One(ctx, v.UserID)
}

// AuthPayload is the answer to a sign-in. Each place of the selection that
// shows the user has its own copy, with other edges.
type AuthPayload struct {
	Access, Refresh                   string
	AccessExpiresAt, RefreshExpiresAt time.Time
	users                             map[string]*ent.User // by response key
}

// User returns the user who signed in.
func (p *AuthPayload) User(ctx context.Context) *ent.User {
	return p.users[graphql.GetFieldContext(ctx).Field.Alias]
}

// signedIn returns what makes the answer of a sign-in. The edges of its user
// are those that the user may see from now on.
func (r *Resolver) signedIn(ctx context.Context) func(*auth.Session, error) (*AuthPayload, error) {
	return func(s *auth.Session, err error) (*AuthPayload, error) {
		if err != nil {
			return nil, err
		}
		v, err := r.auth.Viewer(ctx, s.Access)
		if err != nil {
			return nil, err
		}
		ctx := viewer.NewContext(ctx, v)
		audit.Become(ctx)
		payload := &AuthPayload{s.Access, s.Refresh, s.AccessExpires, s.RefreshExpires, map[string]*ent.User{}}
		for _, f := range graphql.CollectFieldsCtx(ctx, []string{"AuthPayload"}) {
			if f.Name == "user" {
				shown := users.Copies([]*ent.User{s.User})
				payload.users[f.Alias] = shown[0]
				err = cmp.Or(err, users.Ahead(ctx, shown, f.Selections))
			}
		}
		return payload, err
	}
}

// specializationStats counts doctors and the viewer's patients by
// specialization.
func (r *Resolver) specializationStats(ctx context.Context) ([]*SpecializationStat, error) {
	var groups []struct {
		Specialization string
		Count          int
		Mean           float64
	}
	err := ent.FromContext(ctx).Doctor.Query().GroupBy(doctor.FieldSpecialization).
		Aggregate(ent.Count(), ent.As(ent.Mean(doctor.FieldConsultationFee), "mean")).Scan(ctx, &groups)
	if err != nil {
		return nil, err
	}
	var active []struct {
		Specialization string
		Count          int
	}
	err = ent.FromContext(ctx).Mapping.Query().Where(mapping.IsActive(true)).Modify(func(s *sql.Selector) {
		t := sql.Table(doctor.Table)
		s.Join(t).On(s.C(mapping.FieldDoctorID), t.C(doctor.FieldID)).GroupBy(t.C(doctor.FieldSpecialization)).
			Select(t.C(doctor.FieldSpecialization), sql.As(sql.Count(sql.Distinct(s.C(mapping.FieldPatientID))), "count"))
	}).Scan(ctx, &active)
	if err != nil {
		return nil, err
	}
	patients := map[string]int{}
	for _, a := range active {
		patients[a.Specialization] = a.Count
	}
	stats := make([]*SpecializationStat, len(groups))
	for i, g := range groups {
		stats[i] = &SpecializationStat{g.Specialization, g.Count, patients[g.Specialization], scalar.Rupees(math.Round(g.Mean))}
	}
	slices.SortFunc(stats, func(a, b *SpecializationStat) int {
		return cmp.Or(cmp.Compare(b.DoctorCount, a.DoctorCount), cmp.Compare(a.Specialization, b.Specialization))
	})
	return stats, nil
}
