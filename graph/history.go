package graph

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"caregraph/ent"
	"caregraph/ent/doctor"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/internal/graphqlhttp"
	"caregraph/internal/reading"
	"caregraph/internal/rule"
	"caregraph/internal/scalar"
)

// FieldChange is a field of a record before and after a change, as JSON.
type FieldChange struct {
	Field, Before, After string
	loaded               reading.Loaded
}

// fieldChanges have no table of their own: a revision holds them.
var fieldChanges = reading.Table[FieldChange]{
	Object: "FieldChange",
	Node:   func(c *FieldChange) (int, *reading.Loaded) { return 0, &c.loaded },
	Values: map[string]reading.Appender[FieldChange]{
		"field":  func(b []byte, c *FieldChange) []byte { return reading.AppendString(b, c.Field) },
		"before": func(b []byte, c *FieldChange) []byte { return reading.AppendString(b, c.Before) },
		"after":  func(b []byte, c *FieldChange) []byte { return reading.AppendString(b, c.After) },
	},
}

// history is the edge to the changes of records, whose ids are in the column.
func history[P any](read reading.Arguments, column string) reading.Nested[P] {
	return reading.ToPages[P](&revisions, read, func(_ context.Context, ids []int, where []reading.Where) reading.Source[ent.Revision] {
		return revisions.Children(column, ids, where)
	})
}

// actor is the edge to who made a change. Who may see the changes of a patient or a
// mapping may know who made them; a doctor is everybody's, and its users are not.
var actor = reading.Nested[ent.Revision]{
	Read: func(ctx context.Context, from *reading.Table[ent.Revision], parents []*ent.Revision, f graphql.CollectedField) error {
		ofDoctors, others := []*ent.Revision{}, []*ent.Revision{}
		for _, r := range parents {
			if r.DoctorID != nil {
				ofDoctors = append(ofDoctors, r)
			} else {
				others = append(others, r)
			}
		}
		return cmp.Or(seenActor.Read(ctx, from, ofDoctors, f), knownActor.Read(ctx, from, others, f))
	},
	Write: seenActor.Write,
}

var (
	actorOf    = column(func(r *ent.Revision) (int, *int) { return r.ID, r.ActorID })
	seenActor  = reading.ToOptional(&users, actorOf, nil)
	knownActor = reading.ToOptional(&users, actorOf, rule.WithAuthors)
)

// changesOf returns what a revision changed, by the names of the fields.
func changesOf(r *ent.Revision) ([]*FieldChange, error) {
	var stored map[string][2]json.RawMessage
	if err := json.Unmarshal([]byte(r.Diff), &stored); err != nil {
		return nil, fmt.Errorf("revision %d: %w", r.ID, err)
	}
	changes := make([]*FieldChange, 0, len(stored))
	for column, values := range stored {
		before, err := shown(column, values[0])
		after, errAfter := shown(column, values[1])
		if err := cmp.Or(err, errAfter); err != nil {
			return nil, fmt.Errorf("revision %d: %w", r.ID, err)
		}
		changes = append(changes, &FieldChange{Field: graphqlhttp.Camel(column), Before: string(before), After: string(after)})
	}
	slices.SortFunc(changes, func(a, b *FieldChange) int { return cmp.Compare(a.Field, b.Field) })
	return changes, nil
}

// shown returns a value that a database stored as the contract shows it. Databases write
// some types in forms of their own; the columns of those are here, and ids, which the
// contract writes as text.
func shown(column string, stored json.RawMessage) (json.RawMessage, error) {
	if string(stored) == "null" {
		return stored, nil
	}
	switch column {
	case patient.FieldGender:
		return read(stored, func(b []byte, g patient.Gender) []byte {
			return reading.AppendString(b, marshalNGender2caregraphᚋentᚋpatientᚐGenderF[g])
		})
	case patient.FieldBloodGroup:
		return read(stored, func(b []byte, g patient.BloodGroup) []byte {
			return reading.AppendString(b, marshalNBloodGroup2caregraphᚋentᚋpatientᚐBloodGroupF[g])
		})
	case doctor.FieldConsultationFee:
		return read(stored, func(b []byte, paise int64) []byte { return scalar.Rupees(paise).AppendJSON(b) })
	case patient.FieldBirthDateEstimated, mapping.FieldIsActive:
		return strconv.AppendBool(nil, string(stored) == "1" || string(stored) == "true"), nil
	case patient.FieldCreatedAt, mapping.FieldAssignedDate, mapping.FieldEndedAt:
		at, err := time.Parse(time.RFC3339Nano, strings.Replace(strings.Trim(string(stored), `"`), " ", "T", 1))
		return reading.AppendTime(nil, at), err
	case patient.FieldClinicID, patient.FieldAccountID, patient.FieldCreatedByID, mapping.FieldPatientID, mapping.FieldDoctorID, patient.FieldMergedIntoID, patient.FieldLastMergedID:
		return read(stored, reading.AppendID)
	}
	return stored, nil
}

// read reads a stored value and writes it anew.
func read[V any](stored json.RawMessage, write func([]byte, V) []byte) (json.RawMessage, error) {
	var v V
	if err := json.Unmarshal(stored, &v); err != nil {
		return nil, err
	}
	return write(nil, v), nil
}
