package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"

	"caregraph/ent"
	"caregraph/ent/doctor"
	"caregraph/ent/patient"
	"caregraph/ent/user"
	"caregraph/internal/auth"
	"caregraph/internal/scalar"
)

// UpdateUserInput says what changes of a user: a field that was left out stays,
// null is invalid.
type UpdateUserInput struct {
	IsActive graphql.Omittable[*bool]
	IsStaff  graphql.Omittable[*bool]
	Role     graphql.Omittable[*user.Role]
}

func (in UpdateUserInput) update(ctx context.Context, authn *auth.Service, u *ent.UserUpdateOne) (*ent.User, error) {
	var nulls scalar.Invalid
	m := u.Mutation()
	required(&nulls, user.FieldIsActive, in.IsActive, m.SetIsActive)
	required(&nulls, user.FieldIsStaff, in.IsStaff, m.SetIsStaff)
	required(&nulls, user.FieldRole, in.Role, m.SetRole)
	return saved(ctx, nulls, func(ctx context.Context) (*ent.User, error) { return authn.Change(ctx, u) })
}

// UpdatePatientInput says what changes of a patient: a field that was left out
// stays, null clears an optional one and is invalid for another.
type UpdatePatientInput struct {
	Name             graphql.Omittable[*string]
	Email            graphql.Omittable[*string]
	Phone            graphql.Omittable[*string]
	DateOfBirth      graphql.Omittable[*scalar.Date]
	Address          graphql.Omittable[*string]
	Gender           graphql.Omittable[*patient.Gender]
	BloodGroup       graphql.Omittable[*patient.BloodGroup]
	EmergencyContact graphql.Omittable[*string]
	MedicalHistory   graphql.Omittable[*string]
}

func (in UpdatePatientInput) update(ctx context.Context, u *ent.PatientUpdateOne) (*ent.Patient, error) {
	var nulls scalar.Invalid
	m := u.Mutation()
	required(&nulls, patient.FieldName, in.Name, m.SetName)
	required(&nulls, patient.FieldEmail, in.Email, m.SetEmail)
	required(&nulls, patient.FieldPhone, in.Phone, m.SetPhone)
	required(&nulls, patient.FieldDateOfBirth, in.DateOfBirth, m.SetDateOfBirth)
	required(&nulls, patient.FieldAddress, in.Address, m.SetAddress)
	required(&nulls, patient.FieldGender, in.Gender, m.SetGender)
	optional(in.BloodGroup, m.SetBloodGroup, m.ClearBloodGroup)
	optional(in.EmergencyContact, m.SetEmergencyContact, m.ClearEmergencyContact)
	optional(in.MedicalHistory, m.SetMedicalHistory, m.ClearMedicalHistory)
	return saved(ctx, nulls, u.Save)
}

func (in CreatePatientInput) create(db *ent.Client) *ent.PatientCreate {
	return db.Patient.Create().SetName(in.Name).SetEmail(in.Email).SetPhone(in.Phone).SetDateOfBirth(in.DateOfBirth).
		SetAddress(in.Address).SetGender(in.Gender).SetNillableBloodGroup(in.BloodGroup).
		SetNillableEmergencyContact(in.EmergencyContact).SetNillableMedicalHistory(in.MedicalHistory)
}

// UpdateDoctorInput says what changes of a doctor: a field that was left out
// stays, null clears an optional one and is invalid for another.
type UpdateDoctorInput struct {
	Name            graphql.Omittable[*string]
	Email           graphql.Omittable[*string]
	Phone           graphql.Omittable[*string]
	Specialization  graphql.Omittable[*string]
	LicenseNumber   graphql.Omittable[*string]
	ExperienceYears graphql.Omittable[*int]
	ConsultationFee graphql.Omittable[*scalar.Rupees]
	Address         graphql.Omittable[*string]
	Availability    graphql.Omittable[*string]
}

func (in UpdateDoctorInput) update(ctx context.Context, u *ent.DoctorUpdateOne) (*ent.Doctor, error) {
	var nulls scalar.Invalid
	m := u.Mutation()
	required(&nulls, doctor.FieldName, in.Name, m.SetName)
	required(&nulls, doctor.FieldEmail, in.Email, m.SetEmail)
	optional(in.Phone, m.SetPhone, m.ClearPhone)
	required(&nulls, doctor.FieldSpecialization, in.Specialization, m.SetSpecialization)
	required(&nulls, doctor.FieldLicenseNumber, in.LicenseNumber, m.SetLicenseNumber)
	required(&nulls, doctor.FieldExperienceYears, in.ExperienceYears, m.SetExperienceYears)
	required(&nulls, doctor.FieldConsultationFee, in.ConsultationFee, m.SetConsultationFee)
	optional(in.Address, m.SetAddress, m.ClearAddress)
	optional(in.Availability, m.SetAvailability, m.ClearAvailability)
	return saved(ctx, nulls, u.Save)
}

func (in CreateDoctorInput) create(db *ent.Client) *ent.DoctorCreate {
	return db.Doctor.Create().SetName(in.Name).SetEmail(in.Email).SetNillablePhone(in.Phone).SetSpecialization(in.Specialization).
		SetLicenseNumber(in.LicenseNumber).SetExperienceYears(in.ExperienceYears).SetConsultationFee(in.ConsultationFee).
		SetNillableAddress(in.Address).SetNillableAvailability(in.Availability)
}

// updateNotes saves the notes that updateMapping was given: null clears them,
// left out they stay.
func updateNotes(ctx context.Context, u *ent.MappingUpdateOne, notes *string) (*ent.Mapping, error) {
	if _, ok := given(ctx, graphql.GetFieldContext(ctx).Field)["notes"]; ok {
		optional(graphql.OmittableOf(notes), u.Mutation().SetNotes, u.Mutation().ClearNotes)
	}
	return u.Save(ctx)
}

func required[V any](nulls *scalar.Invalid, column string, given graphql.Omittable[*V], set func(V)) {
	v, ok := given.ValueOK()
	switch {
	case ok && v == nil:
		*nulls = append(*nulls, scalar.Field{Name: column, Err: scalar.Null})
	case ok:
		set(*v)
	}
}

func optional[V any](given graphql.Omittable[*V], set func(V), clear func()) {
	v, ok := given.ValueOK()
	switch {
	case ok && v == nil:
		clear()
	case ok:
		set(*v)
	}
}

// saved returns what save does, unless a required field was null: then it
// fails, naming the fields that save finds invalid too, and the transaction is
// undone.
func saved[T any](ctx context.Context, nulls scalar.Invalid, save func(context.Context) (T, error)) (T, error) {
	v, err := save(ctx)
	if nulls == nil {
		return v, err
	}
	var invalid scalar.Invalid
	if err != nil && !errors.As(err, &invalid) {
		return *new(T), err
	}
	return *new(T), append(nulls, invalid...)
}
