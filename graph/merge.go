package graph

import (
	"context"
	"maps"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"caregraph/ent"
	"caregraph/ent/patient"
	"caregraph/internal/audit"
	"caregraph/internal/care"
	"caregraph/internal/fault"
	"caregraph/internal/store"
)

// column returns the column of the field.
func (f PatientField) column() string {
	if f == PatientFieldAccount {
		return patient.FieldAccountID
	}
	return strings.ToLower(string(f))
}

// merge makes the duplicate part of the record that is kept.
func merge(ctx context.Context, m care.Merge, fields []PatientField) (*ent.Patient, error) {
	for _, f := range fields {
		m.Fields = append(m.Fields, f.column())
	}
	return m.Do(ctx, now())
}

// tellMerged adds to errors about records that became part of others which ones those are.
func tellMerged(ctx context.Context, errs gqlerror.List) error {
	for _, err := range errs {
		if codeOf(err.Extensions) != string(fault.NotFound) {
			continue
		}
		field, _ := err.Extensions["field"].(string)
		for _, f := range rootFields(ctx) {
			id, ok := namedBy(ctx, f)[field]
			if !ok || len(err.Path) > 0 && err.Path.String() != f.Alias {
				continue
			}
			into, failed := care.MergedInto(ctx, id)
			if failed != nil {
				return failed
			}
			if into != 0 {
				err.Extensions["mergedInto"] = strconv.Itoa(into)
			}
		}
	}
	return nil
}

// erase erases the personal data of a patient, and tells what is found of them afterwards.
func erase(ctx context.Context, id int, reason string) (*PatientErasure, error) {
	err := store.InTx(ctx, ent.FromContext(ctx), func(ctx context.Context) error { return care.ErasePatient(ctx, id, reason, now()) })
	if err != nil {
		return nil, err
	}
	e, err := care.Erasure(ctx, id)
	if err != nil {
		return nil, err
	}
	audit.Look(ctx, true, maps.All(map[int]int{id: e.ClinicID}))
	return &PatientErasure{
		PatientID: id, At: e.At, ActorID: e.ActorID, Reason: e.Reason, AccessEventsKept: e.Events,
		Items: []*ErasedItem{
			{ErasedPartRecords, e.Records.Kept, e.Records.Left},
			{ErasedPartSearchKeys, e.Keys.Kept, e.Keys.Left},
			{ErasedPartHistory, e.Revisions.Kept, e.Revisions.Left},
			{ErasedPartNotes, e.Notes.Kept, e.Notes.Left},
		},
	}, nil
}
