package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"

	"caregraph/ent/patient"
	"caregraph/internal/audit"
	"caregraph/internal/reading"
	"caregraph/internal/scalar"
)

// PossibleDuplicate is a patient who may be the one that is about to be recorded.
type PossibleDuplicate struct {
	PatientID int
	Reasons   []DuplicateReason
	loaded    reading.Loaded
}

// MarshalGQLContext writes the duplicate for the field being resolved.
func (d *PossibleDuplicate) MarshalGQLContext(ctx context.Context, w io.Writer) error {
	return reading.Write(ctx, w, d)
}

// UnmarshalGQLContext is there because gqlgen takes only a type that has both.
func (*PossibleDuplicate) UnmarshalGQLContext(context.Context, any) error {
	return errors.New("a possible duplicate is no input")
}

// newcomer is a patient who is about to be recorded.
type newcomer struct {
	name         string
	dateOfBirth  *scalar.Date
	ageYears     *int
	phone, email *string
}

// maxDuplicates is how many patients possibleDuplicates tells.
const maxDuplicates = 10

// reason is something that two records of one patient have in common. The same name
// counts beside the similar one, that it is, too.
type reason struct {
	name   DuplicateReason
	weight int
	holds  func() *sql.Predicate
}

// possibleDuplicates returns who has the newcomer's phone number, e-mail address or a
// similar name, the likeliest first.
func possibleDuplicates(ctx context.Context, in newcomer, first int) ([]*PossibleDuplicate, error) {
	if first < 0 || first > maxDuplicates {
		return nil, &reading.Invalid{Field: "first", Message: fmt.Sprintf("At most %d patients are told.", maxDuplicates)}
	}
	reasons, err := in.reasons()
	if err != nil {
		return nil, err
	}
	if first == 0 || len(reasons) == 0 {
		return []*PossibleDuplicate{}, nil
	}
	var found []struct {
		ID, Held int
		ClinicID int `sql:"clinic_id"`
	}
	err = patients.Query(ctx, nil, nil, func(s *sql.Selector) {
		var enough []*sql.Predicate
		for _, r := range reasons {
			if r.name != DuplicateReasonSameBirthDate {
				enough = append(enough, r.holds())
			}
		}
		held := func(value func(i int) int) sql.Querier {
			return sql.ExprFunc(func(b *sql.Builder) {
				for i, r := range reasons {
					if i > 0 {
						b.WriteString(" + ")
					}
					b.WriteString("CASE WHEN ").Join(r.holds()).WriteString(fmt.Sprintf(" THEN %d ELSE 0 END", value(i)))
				}
			})
		}
		s.Select(s.C(patient.FieldID), s.C(patient.FieldClinicID)).AppendSelectExprAs(held(func(i int) int { return 1 << i }), "held").Where(sql.Or(enough...)).
			OrderExpr(sql.DescExpr(held(func(i int) int { return reasons[i].weight }))).OrderBy(sql.Desc(s.C(patient.FieldID))).Limit(first)
	}).Scan(ctx, &found)
	if err != nil {
		return nil, err
	}
	list, clinics := make([]*PossibleDuplicate, len(found)), map[int]int{}
	for i, f := range found {
		clinics[f.ID] = f.ClinicID
		d := &PossibleDuplicate{PatientID: f.ID}
		for bit, r := range reasons {
			if f.Held&(1<<bit) != 0 && (r.name != DuplicateReasonSimilarName || !slices.Contains(d.Reasons, DuplicateReasonSameName)) {
				d.Reasons = append(d.Reasons, r.name)
			}
		}
		list[i] = d
	}
	audit.Look(ctx, false, maps.All(clinics))
	return list, duplicates.Ahead(ctx, list, graphql.GetFieldContext(ctx).Field.Selections)
}

// reasons returns what to look for, the strongest first. It fails with
// reading.Invalid.
func (in newcomer) reasons() ([]reason, error) {
	var list []reason
	add := func(name DuplicateReason, weight int, holds func() *sql.Predicate) {
		list = append(list, reason{name, weight, holds})
	}
	equal := func(name DuplicateReason, weight int, column, value string) {
		if value != "" {
			add(name, weight, func() *sql.Predicate { return sql.EQ(column, value) })
		}
	}
	for _, typed := range []struct {
		field, column string
		text          *string
		reason        DuplicateReason
		weight        int
		normal        func(string) string
	}{
		{"phone", patient.FieldPhone, in.phone, DuplicateReasonSamePhone, 6, scalar.NormalPhone},
		{"email", patient.FieldEmail, in.email, DuplicateReasonSameEmail, 5, scalar.NormalEmail},
		{"name", patient.FieldNameKey, &in.name, DuplicateReasonSameName, 1, scalar.Fold},
	} {
		if typed.text != nil {
			if err := scalar.Text(maxSearch)(*typed.text); err != nil {
				return nil, &reading.Invalid{Field: typed.field, Message: err.Error()}
			}
			equal(typed.reason, typed.weight, typed.column, typed.normal(scalar.OneLine(*typed.text)))
		}
	}
	keys, err := sounds("name", in.name)
	if err != nil {
		return nil, err
	}
	if len(keys) > 0 {
		add(DuplicateReasonSimilarName, 3, func() *sql.Predicate { return alike(patient.FieldNameSound, keys) })
	}
	switch {
	case len(list) == 0: // the day alone makes nobody a duplicate
	case in.ageYears != nil:
		year, err := birthYear(*in.ageYears)
		if err != nil {
			return nil, &reading.Invalid{Field: "ageYears", Message: err.Error()}
		}
		add(DuplicateReasonSameBirthDate, 3, func() *sql.Predicate { return bornAbout(year) })
	case in.dateOfBirth != nil && in.dateOfBirth.Check() != nil:
		return nil, &reading.Invalid{Field: "dateOfBirth", Message: in.dateOfBirth.Check().Error()}
	case in.dateOfBirth != nil:
		day := *in.dateOfBirth
		add(DuplicateReasonSameBirthDate, 3, func() *sql.Predicate {
			return sql.Or(sql.EQ(patient.FieldDateOfBirth, day), sql.And(sql.EQ(patient.FieldBirthDateEstimated, true), bornAbout(day.Year())))
		})
	}
	return list, nil
}

// bornAbout is the condition that somebody was born in the year, give or take one.
func bornAbout(year int) *sql.Predicate {
	return sql.And(sql.GTE(patient.FieldDateOfBirth, scalar.NewDate(year-1, time.January, 1)), sql.LTE(patient.FieldDateOfBirth, scalar.NewDate(year+1, time.December, 31)))
}
