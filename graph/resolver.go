// Package graph is the GraphQL door. Resolvers are one expression each: what
// they read is described in table.go and edges.go, what they change is done by
// ent, internal/care and internal/auth, and who may is decided by the policies
// of ent/schema.
package graph

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"

	"caregraph/ent"
	"caregraph/ent/doctor"
	"caregraph/ent/mapping"
	"caregraph/internal/auth"
	"caregraph/internal/scalar"
	"caregraph/internal/viewer"
)

//go:generate go run -C .. github.com/99designs/gqlgen generate

// Resolver is the root of the resolvers.
type Resolver struct {
	client  *ent.Client
	auth    *auth.Service
	cursors cursors
}

// db returns the client of the mutation's transaction, or that of queries.
func (r *Resolver) db(ctx context.Context) *ent.Client {
	if db := ent.FromContext(ctx); db != nil {
		return db
	}
	return r.client
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// viewer returns the user who is signed in.
func (r *Resolver) viewer(ctx context.Context) (*ent.User, error) {
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	return users.one(ctx, r, v.UserID)
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
		ctx := viewer.NewContext(ctx, viewer.Viewer{UserID: s.User.ID, SessionID: s.ID, Staff: s.User.IsStaff})
		payload := &AuthPayload{s.Access, s.Refresh, s.AccessExpires, s.RefreshExpires, map[string]*ent.User{}}
		for _, f := range collected(ctx, graphql.GetFieldContext(ctx).Field.Selections, "AuthPayload") {
			if f.Name == "user" {
				shown := users.copies([]*ent.User{s.User})
				payload.users[f.Alias] = shown[0]
				err = cmp.Or(err, users.ahead(ctx, r, shown, f.Selections))
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
	err := r.db(ctx).Doctor.Query().GroupBy(doctor.FieldSpecialization).
		Aggregate(ent.Count(), ent.As(ent.Mean(doctor.FieldConsultationFee), "mean")).Scan(ctx, &groups)
	if err != nil {
		return nil, err
	}
	var active []struct {
		Specialization string
		Count          int
	}
	err = r.db(ctx).Mapping.Query().Where(mapping.IsActive(true)).Modify(func(s *sql.Selector) {
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
