package graph

import (
	"context"
	"errors"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"

	"caregraph/ent"
	"caregraph/ent/doctor"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/predicate"
	"caregraph/ent/user"
	"caregraph/internal/auth"
	"caregraph/internal/care"
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
	AgeYears         *int
	Address          graphql.Omittable[*string]
	Gender           graphql.Omittable[*patient.Gender]
	BloodGroup       graphql.Omittable[*patient.BloodGroup]
	EmergencyContact graphql.Omittable[*string]
	MedicalHistory   graphql.Omittable[*string]
}

func (in UpdatePatientInput) update(ctx context.Context, id int, expected *int) (*ent.Patient, error) {
	db := ent.FromContext(ctx).Patient
	u := db.UpdateOneID(id).Where(care.OfVersion[predicate.Patient](expected)...)
	var nulls scalar.Invalid
	m := u.Mutation()
	required(&nulls, patient.FieldName, in.Name, m.SetName)
	optional(in.Email, m.SetEmail, m.ClearEmail)
	required(&nulls, patient.FieldPhone, in.Phone, m.SetPhone)
	if born(&nulls, in.DateOfBirth, in.AgeYears, m) {
		day := *in.DateOfBirth.Value()
		u.Modify(func(s *sql.UpdateBuilder) { // a record that comes back as it is stays as it is
			s.Set(patient.FieldBirthDateEstimated, sql.ExprFunc(func(b *sql.Builder) { b.WriteString("birth_date_estimated AND date_of_birth = ").Arg(day) }))
		})
	}
	required(&nulls, patient.FieldAddress, in.Address, m.SetAddress)
	required(&nulls, patient.FieldGender, in.Gender, m.SetGender)
	optional(in.BloodGroup, m.SetBloodGroup, m.ClearBloodGroup)
	optional(in.EmergencyContact, m.SetEmergencyContact, m.ClearEmergencyContact)
	optional(in.MedicalHistory, m.SetMedicalHistory, m.ClearMedicalHistory)
	p, err := saved(ctx, nulls, u.Save)
	return p, care.Stale(ctx, err, expected, db.Query().Where(patient.ID(id)).Select(patient.FieldVersion).Int)
}

// CreatePatientInput is a new patient.
type CreatePatientInput struct {
	Name             string
	Email            *string
	Phone            string
	DateOfBirth      graphql.Omittable[*scalar.Date]
	AgeYears         *int
	Address          string
	Gender           patient.Gender
	BloodGroup       *patient.BloodGroup
	EmergencyContact *string
	MedicalHistory   *string
}

func (in CreatePatientInput) create(ctx context.Context) (*ent.Patient, error) {
	p := ent.FromContext(ctx).Patient.Create().SetName(in.Name).SetNillableEmail(in.Email).SetPhone(in.Phone).
		SetAddress(in.Address).SetGender(in.Gender).SetNillableBloodGroup(in.BloodGroup).
		SetNillableEmergencyContact(in.EmergencyContact).SetNillableMedicalHistory(in.MedicalHistory)
	var nulls scalar.Invalid
	born(&nulls, in.DateOfBirth, in.AgeYears, p.Mutation())
	if _, ok := p.Mutation().DateOfBirth(); !ok && nulls == nil {
		nulls = scalar.Invalid{{Name: patient.FieldDateOfBirth, Err: scalar.Required}}
	}
	if nulls != nil {
		p.SetDateOfBirth(scalar.DateOf(now())) // a stand-in, so that the other fields are checked
	}
	return saved(ctx, nulls, p.Save)
}

// born sets when a patient was born: on a day, or in the year that an age tells. It
// tells whether it was a day.
func born(invalid *scalar.Invalid, day graphql.Omittable[*scalar.Date], age *int, m *ent.PatientMutation) (exact bool) {
	given, ok := day.ValueOK()
	switch {
	case age != nil && given != nil:
		*invalid = append(*invalid, scalar.Field{Name: ageYears, Err: scalar.Problem("Give the date of birth or the age, not both.")})
	case age != nil:
		year, err := birthYear(*age)
		if err != nil {
			*invalid = append(*invalid, scalar.Field{Name: ageYears, Err: err})
			return false
		}
		m.SetDateOfBirth(scalar.NewDate(year, time.January, 1))
		m.SetBirthDateEstimated(true)
	case ok:
		required(invalid, patient.FieldDateOfBirth, day, m.SetDateOfBirth)
	}
	return given != nil && age == nil
}

// ageYears is what an age is called among columns, of which it is none.
const ageYears = "age_years"

// birthYear returns the year that an age tells.
func birthYear(age int) (int, error) {
	if age < 0 || age > 130 {
		return 0, scalar.Problem("An age is 0 to 130 years.")
	}
	return scalar.BirthYear(time.Now(), age), nil
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

func (in UpdateDoctorInput) update(ctx context.Context, id int, expected *int) (*ent.Doctor, error) {
	db := ent.FromContext(ctx).Doctor
	u := db.UpdateOneID(id).Where(care.OfVersion[predicate.Doctor](expected)...)
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
	d, err := saved(ctx, nulls, u.Save)
	return d, care.Stale(ctx, err, expected, db.Query().Where(doctor.ID(id)).Select(doctor.FieldVersion).Int)
}

func (in CreateDoctorInput) create(db *ent.Client) *ent.DoctorCreate {
	return db.Doctor.Create().SetName(in.Name).SetEmail(in.Email).SetNillablePhone(in.Phone).SetSpecialization(in.Specialization).
		SetLicenseNumber(in.LicenseNumber).SetExperienceYears(in.ExperienceYears).SetConsultationFee(in.ConsultationFee).
		SetNillableAddress(in.Address).SetNillableAvailability(in.Availability)
}

// updateNotes saves the notes that updateMapping was given: null clears them,
// left out they stay.
func updateNotes(ctx context.Context, id int, notes *string, expected *int) (*ent.Mapping, error) {
	db := ent.FromContext(ctx).Mapping
	u := db.UpdateOneID(id).Where(care.OfVersion[predicate.Mapping](expected)...)
	if _, ok := given(ctx, graphql.GetFieldContext(ctx).Field)["notes"]; ok {
		optional(graphql.OmittableOf(notes), u.Mutation().SetNotes, u.Mutation().ClearNotes)
	}
	m, err := u.Save(ctx)
	return m, care.Stale(ctx, err, expected, db.Query().Where(mapping.ID(id)).Select(mapping.FieldVersion).Int)
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
