package rule

import (
	"context"
	"fmt"

	baseent "entgo.io/ent"
	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/predicate"
	"caregraph/ent/privacy"
	"caregraph/ent/revision"
	"caregraph/internal/viewer"
)

// CountVersion is the hook that counts the versions of a record and keeps who made the last
// one: the viewer, or nobody. It is no rule of a policy, because those are not asked about
// what internal/auth changes.
func CountVersion(next baseent.Mutator) baseent.Mutator {
	return baseent.MutateFunc(func(ctx context.Context, m baseent.Mutation) (baseent.Value, error) {
		record, ok := m.(interface {
			AddVersion(int)
			SetUpdatedByID(int)
			ClearUpdatedByID()
		})
		if !ok {
			return nil, fmt.Errorf("%s has no versions", m.Type())
		}
		v, err := viewer.FromContext(ctx)
		switch {
		case err == nil:
			record.SetUpdatedByID(v.UserID)
		case !m.Op().Is(baseent.OpCreate):
			record.ClearUpdatedByID()
		}
		if !m.Op().Is(baseent.OpCreate) {
			record.AddVersion(1)
		}
		return next.Mutate(ctx, m)
	})
}

// SeenRevisionQuery shows a viewer the changes of its clinic's patients and their mappings,
// those of patients whose account it is, and those of doctors. Who treats a patient sees
// the record as it is: what the clinic corrected is the clinic's.
func SeenRevisionQuery() privacy.QueryRule {
	return privacy.RevisionQueryRuleFunc(func(ctx context.Context, q *ent.RevisionQuery) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		q.Where(revision.Or(
			revision.DoctorIDNotNil(),
			refersTo(revision.FieldPatientID, patient.Table, func(p *sql.SelectTable) *sql.Predicate {
				seen := sql.EQ(p.C(patient.FieldClinicID), v.ClinicID)
				if v.Records {
					seen = sql.Or(seen, sql.EQ(p.C(patient.FieldAccountID), v.UserID))
				}
				return seen
			}),
			refersTo(revision.FieldMappingID, mapping.Table, func(m *sql.SelectTable) *sql.Predicate {
				return sql.EQ(m.C(mapping.FieldClinicID), v.ClinicID)
			}),
		))
		return privacy.Allow
	})
}

// refersTo is the condition that a column has the id of a row of the table that is seen.
func refersTo(column, table string, seen func(*sql.SelectTable) *sql.Predicate) predicate.Revision {
	return func(s *sql.Selector) {
		t := sql.Table(table)
		s.Where(sql.Exists(sql.Dialect(s.Dialect()).Select(t.C("id")).From(t).Where(sql.And(sql.ColumnsEQ(t.C("id"), s.C(column)), seen(t)))))
	}
}

// Parting returns a context in which who may change a patient removes from the history of the
// record what it took from another that is parted from it again.
func Parting(ctx context.Context) context.Context { return context.WithValue(ctx, partingKey{}, true) }

type partingKey struct{}

// PartsRevisions decides in a context of Parting.
func PartsRevisions() privacy.MutationRule {
	return privacy.RevisionMutationRuleFunc(func(ctx context.Context, m *ent.RevisionMutation) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		if ctx.Value(partingKey{}) == nil || !m.Op().Is(baseent.OpUpdateOne) {
			return privacy.Skip
		}
		if !v.Staff {
			m.Where(refersTo(revision.FieldPatientID, patient.Table, func(p *sql.SelectTable) *sql.Predicate { return sql.EQ(p.C(patient.FieldClinicID), v.ClinicID) }))
		}
		return privacy.Allow
	})
}
