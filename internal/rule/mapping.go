package rule

import (
	"context"
	"slices"

	baseent "entgo.io/ent"
	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/practice"
	"caregraph/ent/predicate"
	"caregraph/ent/privacy"
	"caregraph/internal/fault"
	"caregraph/internal/viewer"
)

// LiveMappingQuery hides the mappings of deleted patients. In a context of Gone it shows them, and
// those that have ended, to all who could see them until then.
func LiveMappingQuery() privacy.QueryRule {
	return privacy.MappingQueryRuleFunc(func(ctx context.Context, q *ent.MappingQuery) error {
		if ctx.Value(goneKey{}) == nil {
			q.Where(mapping.DeletedAtIsNil())
			return privacy.Skip
		}
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		if !v.Staff {
			q.Where(mapping.Or(append(others(v), ofPractice(v), mapping.HasPatientWith(patient.Or(patient.AccountID(v.UserID), treatedToTheEnd(v))))...))
		}
		return privacy.Allow
	})
}

// LiveMappingMutation keeps the mappings of deleted patients as they are, but for who brings
// them back with the patient.
func LiveMappingMutation() privacy.MutationRule {
	return privacy.MappingMutationRuleFunc(func(_ context.Context, m *ent.MappingMutation) error {
		switch {
		case m.Op().Is(baseent.OpCreate):
		case m.DeletedAtCleared():
			m.Where(mapping.DeletedAtNotNil())
		default:
			m.Where(mapping.DeletedAtIsNil())
		}
		return privacy.Skip
	})
}

// SeenMappingQuery shows a viewer the mappings of the patients it sees, those of
// patients whose account it is without their notes.
func SeenMappingQuery() privacy.QueryRule {
	return privacy.MappingQueryRuleFunc(func(ctx context.Context, q *ent.MappingQuery) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		q.Where(SeenMappings(ctx)...)
		if v.Records {
			q.Where(func(s *sql.Selector) {
				mask(s, masked{mapping.FieldNotes, func() *sql.Predicate { return condition(s, mapping.Or(others(v)...)) }, "NULL"})
			})
		}
		return privacy.Allow
	})
}

// others are the ways to see a mapping but that of the patient itself.
func others(v viewer.Viewer) []predicate.Mapping {
	ways := []predicate.Mapping{mapping.ClinicID(v.ClinicID)}
	if v.Practices {
		ways = append(ways, among(mapping.FieldPatientID, treated(v)))
	}
	return ways
}

// WithAssignments returns a context in which every mapping is shown whose patient is known
// to be one that the viewer sees. For who sees patients of one clinic alone, it is the
// viewer's own: statements name the clinic.
func WithAssignments(ctx context.Context) context.Context {
	return context.WithValue(ctx, assignmentsKey{}, true)
}

type assignmentsKey struct{}

// SeenMappings is the predicate of the mappings that the viewer may see, for
// sub-selects, which have no policy: none for staff.
func SeenMappings(ctx context.Context) []predicate.Mapping {
	v, err := viewer.FromContext(ctx)
	switch {
	case err != nil:
		return []predicate.Mapping{nobody}
	case v.Staff, v.Beyond() && ctx.Value(assignmentsKey{}) != nil:
		return nil
	}
	ways := others(v)
	if v.Records {
		ways = append(ways, among(mapping.FieldPatientID, func(dialect string) *sql.Selector {
			p := sql.Table(patient.Table)
			return sql.Dialect(dialect).Select(p.C(patient.FieldID)).From(p).
				Where(sql.And(sql.EQ(p.C(patient.FieldAccountID), v.UserID), sql.IsNull(p.C(patient.FieldDeletedAt))))
		}))
	}
	return []predicate.Mapping{mapping.Or(ways...)}
}

// SeenMappingMutation allows a viewer to assign doctors to the patients of its clinic,
// and to change the mappings of these; and who is the account of the doctor to change the
// notes as long as it treats the patient. A patient that is assigned is locked until the
// transaction ends, so that it cannot be deleted meanwhile. A mapping of a patient that
// the viewer cannot see fails with fault.NotFound, and one that it sees and may not
// change with fault.Forbidden.
func SeenMappingMutation() privacy.MutationRule {
	return privacy.MappingMutationRuleFunc(func(ctx context.Context, m *ent.MappingMutation) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		id, one := m.ID()
		switch {
		case m.Op().Is(baseent.OpCreate):
			return assign(ctx, v, m)
		case v.Staff:
			return privacy.Allow
		case !v.Beyond() || !one:
			m.Where(mapping.ClinicID(v.ClinicID))
			return privacy.Allow
		}
		m.Where(SeenMappings(ctx)...)
		seen, err := m.Client().Mapping.Query().Where(mapping.ID(id)).Select(mapping.FieldClinicID).Only(ctx)
		switch {
		case ent.IsNotFound(err):
			return privacy.Allow // the predicate decides
		case err != nil:
			return err
		case seen.ClinicID == v.ClinicID:
			return privacy.Allow
		}
		own, err := m.Client().Mapping.Query().Where(mapping.ID(id), among(mapping.FieldPatientID, treated(v)), ofPractice(v)).Exist(ctx)
		if err != nil {
			return err
		}
		if !own { // also if it sets nothing: the answer shows the notes
			return &fault.Error{Kind: fault.Forbidden, Field: mapping.FieldNotes, Message: textClinicOnly}
		}
		for _, field := range slices.Concat(m.Fields(), m.ClearedFields()) {
			if field != mapping.FieldUpdatedAt && field != mapping.FieldNotes {
				return &fault.Error{Kind: fault.Forbidden, Field: field, Message: textClinicOnly}
			}
		}
		return privacy.Allow
	})
}

// ofPractice is the predicate of the mappings of a doctor whose account the clinic made
// the viewer.
func ofPractice(v viewer.Viewer) predicate.Mapping {
	return func(s *sql.Selector) {
		p := sql.Table(practice.Table)
		s.Where(sql.Exists(sql.Dialect(s.Dialect()).Select(p.C(practice.FieldID)).From(p).Where(sql.And(
			sql.EQ(p.C(practice.FieldUserID), v.UserID),
			sql.ColumnsEQ(p.C(practice.FieldDoctorID), s.C(mapping.FieldDoctorID)),
			sql.ColumnsEQ(p.C(practice.FieldClinicID), s.C(mapping.FieldClinicID)),
		))))
	}
}

// assign gives a new mapping the clinic of its patient.
func assign(ctx context.Context, v viewer.Viewer, m *ent.MappingMutation) error {
	id, ok := m.PatientID()
	if !ok {
		return privacy.Denyf("mapping without patient")
	}
	p, err := m.Client().Patient.Query().Where(patient.ID(id)).
		Select(patient.FieldID, patient.FieldClinicID).Modify(Share).Only(ctx)
	switch {
	case ent.IsNotFound(err):
		return &fault.Error{Kind: fault.NotFound, Field: mapping.FieldPatientID, Message: fault.TextNotFound}
	case err != nil:
		return err
	case !v.Staff && p.ClinicID != v.ClinicID:
		return &fault.Error{Kind: fault.Forbidden, Field: mapping.FieldPatientID, Message: textClinicOnly}
	}
	m.SetClinicID(p.ClinicID)
	m.SetCreatedByID(v.UserID)
	return privacy.Allow
}

// condition returns the predicate as a condition on the rows of the selector.
func condition(s *sql.Selector, p func(*sql.Selector)) *sql.Predicate {
	alone := sql.Dialect(s.Dialect()).Select().From(sql.Table(s.TableName()))
	p(alone)
	return alone.P()
}

// masked is a column that is read as otherwise in the rows that do not meet the condition.
type masked struct {
	column    string
	shown     func() *sql.Predicate
	otherwise string
}

// mask masks those of the columns that are selected. A selector can be masked once, before
// an expression is selected.
func mask(s *sql.Selector, columns ...masked) {
	rest := s.SelectedColumns()
	var hidden []masked
	for _, m := range columns {
		if i := slices.Index(rest, s.C(m.column)); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
			hidden = append(hidden, m)
		}
	}
	if hidden == nil {
		return
	}
	s.Select(rest...)
	for _, m := range hidden {
		qualified, shown := s.C(m.column), m.shown()
		s.AppendSelectExprAs(sql.ExprFunc(func(b *sql.Builder) {
			b.WriteString("CASE WHEN ").Join(shown).WriteString(" THEN ").Ident(qualified).WriteString(" ELSE " + m.otherwise + " END")
		}), m.column)
	}
}
