package graph

import (
	"context"
	"errors"
	"fmt"

	"caregraph/ent"
	"caregraph/ent/clinic"
	"caregraph/ent/doctor"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/practice"
	"caregraph/internal/bus"
	"caregraph/internal/graphqlhttp"
	"caregraph/internal/reading"
	"caregraph/internal/rule"
	"caregraph/internal/viewer"
)

// PatientChange is what a subscription tells of a patient.
type PatientChange struct {
	Kind ChangeKind
	ID   *int // nil at RESYNC
}

// MappingChange is what a subscription tells of a mapping.
type MappingChange PatientChange

// DoctorChange is what a subscription tells of a doctor.
type DoctorChange PatientChange

// Event returns what subscriptions are told of a change.
func Event(c bus.Change) graphqlhttp.Event {
	return graphqlhttp.Event{Record: fmt.Sprint(c.Type, " ", c.ID), Minor: c.Kind == string(ChangeKindUpdated), Clinic: c.Clinic, Value: c}
}

// sight returns the clinics to which the records belong that the viewer may see, and nil if
// those may be all; and whose account the viewer is, of doctors and of patients.
func sight(ctx context.Context) (clinics []int, accounts string, err error) {
	v, err := viewer.FromContext(ctx)
	switch {
	case err != nil || v.Staff:
		return nil, "", err
	case !v.Beyond():
		return []int{v.ClinicID}, "", nil
	}
	db := ent.FromContext(ctx)
	clinics, err = db.Clinic.Query().Order(clinic.ByID()).IDs(ctx)
	if err != nil {
		return nil, "", err
	}
	practices, err := db.Practice.Query().Where(practice.UserID(v.UserID)).Order(practice.ByID()).IDs(ctx)
	if err != nil {
		return nil, "", err
	}
	records, err := db.Patient.Query().Where(patient.AccountID(v.UserID)).Order(patient.ByID()).IDs(ctx)
	return clinics, fmt.Sprint(practices, records), err
}

// exists tells whether the viewer sees a record.
type exists interface {
	Exist(ctx context.Context) (bool, error)
}

// patientChanged tells of patients, or of one.
func patientChanged(ctx context.Context, id *int) (<-chan *PatientChange, error) {
	return changed[PatientChange](ctx, "Patient", []exists{patientOf(ctx, id)}, func(c bus.Change) bool { return id == nil || *id == c.ID },
		func(c bus.Change) (bool, error) {
			if c.Kind == string(ChangeKindDeleted) {
				return patientOf(ctx, &c.ID).Exist(rule.Gone(ctx))
			}
			return patientOf(ctx, &c.ID).Exist(ctx)
		})
}

// mappingChanged tells of the mappings of a patient, of a doctor, of both, or of all.
func mappingChanged(ctx context.Context, patientID, doctorID *int) (<-chan *MappingChange, error) {
	named := []exists{patientOf(ctx, patientID), doctorOf(ctx, doctorID)}
	wanted := func(c bus.Change) bool {
		return (patientID == nil || *patientID == c.Patient) && (doctorID == nil || *doctorID == c.Doctor)
	}
	return changed[MappingChange](ctx, "Mapping", named, wanted, func(c bus.Change) (bool, error) {
		see := ctx
		if c.Kind == string(ChangeKindDeleted) || c.Kind == string(ChangeKindEnded) {
			see = rule.Gone(ctx)
		}
		return ent.FromContext(ctx).Mapping.Query().Where(mapping.ID(c.ID)).Exist(see)
	})
}

// doctorChanged tells of doctors, or of one.
func doctorChanged(ctx context.Context, id *int) (<-chan *DoctorChange, error) {
	return changed[DoctorChange](ctx, "Doctor", []exists{doctorOf(ctx, id)}, func(c bus.Change) bool { return id == nil || *id == c.ID },
		func(c bus.Change) (bool, error) { return doctorOf(ctx, &c.ID).Exist(rule.WithPast(ctx)) })
}

// patientOf returns the patient with the id, or nil without one.
func patientOf(ctx context.Context, id *int) exists {
	if id == nil {
		return nil
	}
	return ent.FromContext(ctx).Patient.Query().Where(patient.ID(*id))
}

// doctorOf returns the doctor with the id, or nil without one.
func doctorOf(ctx context.Context, id *int) exists {
	if id == nil {
		return nil
	}
	return ent.FromContext(ctx).Doctor.Query().Where(doctor.ID(*id))
}

// changed subscribes to changes of a type, of which those are wanted that seen tells the viewer
// may be told of. It fails with reading.ErrNotFound if the viewer does not see one of the named
// records, and with the error of the viewer if nobody is signed in.
func changed[T ~struct {
	Kind ChangeKind
	ID   *int
}](ctx context.Context, kind string, named []exists, wanted func(bus.Change) bool, seen func(bus.Change) (bool, error)) (<-chan *T, error) {
	if _, err := viewer.FromContext(ctx); err != nil {
		return nil, err
	}
	wants := func(e graphqlhttp.Event) bool {
		c, ok := e.Value.(bus.Change)
		return ok && c.Type == kind && wanted(c)
	}
	return graphqlhttp.Subscribe(ctx, wants, func() error {
		for _, record := range named {
			if record == nil {
				continue
			}
			if seen, err := record.Exist(ctx); err != nil {
				return err
			} else if !seen {
				return reading.ErrNotFound
			}
		}
		return nil
	}, func(e graphqlhttp.Event) (*T, error) {
		c, ok := e.Value.(bus.Change)
		if !ok {
			return &T{Kind: ChangeKindResync}, nil
		}
		if told, err := seen(c); err != nil || !told {
			return nil, err
		}
		return &T{Kind: ChangeKind(c.Kind), ID: &c.ID}, nil
	})
}

// inSight returns the record of a change as the selection of the field being resolved asks for
// it, and nil if it is not there, or out of sight.
func inSight[T any](ctx context.Context, t *reading.Table[T], id *int) (*T, error) {
	if id == nil {
		return nil, nil
	}
	row, err := t.One(ctx, *id)
	if errors.Is(err, reading.ErrNotFound) {
		return nil, nil
	}
	return row, err
}
