package graph

import (
	"context"

	"entgo.io/ent/dialect/sql"

	"caregraph/ent/doctor"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/predicate"
	"caregraph/ent/user"
	"caregraph/internal/fault"
	"caregraph/internal/rule"
	"caregraph/internal/scalar"
)

// maxValues is how many values one list of a filter may have.
const maxValues = 100

// by returns what an ordering asks for, and nothing if none was given.
func (o *PatientOrder) by() (field string, direction OrderDirection) {
	if o == nil {
		return "", ""
	}
	return string(o.Field), o.Direction
}

func (o *UserOrder) by() (field string, direction OrderDirection) {
	if o == nil {
		return "", ""
	}
	return string(o.Field), o.Direction
}

func (o *DoctorOrder) by() (field string, direction OrderDirection) {
	if o == nil {
		return "", ""
	}
	return string(o.Field), o.Direction
}

func (o *MappingOrder) by() (field string, direction OrderDirection) {
	if o == nil {
		return "", ""
	}
	return string(o.Field), o.Direction
}

// filter is what a list is narrowed by; a nil one narrows nothing.
type filter interface {
	// where returns its conditions. It fails with fault.Invalid.
	where(ctx context.Context) ([]where, error)

	// searches returns the column in which a text is searched for, if an index
	// finds it and nothing else takes longer for each row.
	searches() string
}

func (f *PatientFilter) searches() string {
	if f == nil || f.Assigned != nil || f.DoctorID != nil {
		return ""
	}
	return keyed(patient.FieldNameKey, f.Search)
}

func (f *PatientFilter) where(ctx context.Context) ([]where, error) {
	if f == nil {
		return nil, nil
	}
	search, err := searched(f.Search)
	if err == nil {
		err = bounded(len(f.Gender), len(f.BloodGroup))
	}
	if err != nil {
		return nil, err
	}
	var p []predicate.Patient
	if search != "" {
		digits := scalar.NormalPhone(search)
		p = append(p, patient.Or(patient.NameKeyContains(search), patient.PhoneContains(digits), patient.EmailContains(search)))
	}
	if f.Gender != nil {
		p = append(p, patient.GenderIn(f.Gender...))
	}
	if f.BloodGroup != nil {
		p = append(p, patient.BloodGroupIn(f.BloodGroup...))
	}
	for name, day := range map[string]*scalar.Date{"bornAfter": f.BornAfter, "bornBefore": f.BornBefore} {
		if day != nil && day.Check() != nil {
			return nil, &fault.Error{Kind: fault.Invalid, Field: name, Message: day.Check().Error()}
		}
	}
	p = given(p, f.BornAfter, patient.DateOfBirthGT)
	p = given(p, f.BornBefore, patient.DateOfBirthLT)
	p = given(p, f.CreatedAfter, patient.CreatedAtGT)
	p = given(p, f.CreatedBefore, patient.CreatedAtLT)
	active := append(rule.OwnMappings(ctx), mapping.IsActive(true))
	if f.Assigned != nil && *f.Assigned {
		p = append(p, patient.HasMappingsWith(active...))
	}
	if f.Assigned != nil && !*f.Assigned {
		p = append(p, patient.Not(patient.HasMappingsWith(active...)))
	}
	if f.DoctorID != nil {
		p = append(p, patient.HasMappingsWith(append(active, mapping.DoctorID(*f.DoctorID))...))
	}
	return conditions(p), nil
}

func (*UserFilter) searches() string { return "" } // whom a viewer may see takes longer

func (f *UserFilter) where(context.Context) ([]where, error) {
	if f == nil {
		return nil, nil
	}
	search, err := searched(f.Search)
	if err != nil {
		return nil, err
	}
	var p []predicate.User
	if search != "" {
		digits := scalar.NormalPhone(search)
		p = append(p, user.Or(user.UsernameKeyContains(search), user.PhoneContains(digits), user.EmailContains(search)))
	}
	p = given(p, f.Role, user.RoleEQ)
	p = given(p, f.IsActive, user.IsActive)
	p = given(p, f.IsStaff, user.IsStaff)
	return conditions(p), nil
}

func (f *DoctorFilter) searches() string {
	if f == nil {
		return ""
	}
	return keyed(doctor.FieldNameKey, f.Search)
}

func (f *DoctorFilter) where(context.Context) ([]where, error) {
	if f == nil {
		return nil, nil
	}
	search, err := searched(f.Search)
	if err == nil {
		err = bounded(len(f.Specialization))
	}
	if err != nil {
		return nil, err
	}
	var p []predicate.Doctor
	if search != "" {
		p = append(p, doctor.Or(doctor.NameKeyContains(search), doctor.SpecializationKeyContains(search)))
	}
	for _, s := range f.Specialization {
		if err := scalar.Text(maxSearch)(s); err != nil {
			return nil, &fault.Error{Kind: fault.Invalid, Field: "specialization", Message: err.Error()}
		}
	}
	if f.Specialization != nil {
		p = append(p, doctor.SpecializationIn(f.Specialization...))
	}
	for name, fee := range map[string]*scalar.Rupees{"minConsultationFee": f.MinConsultationFee, "maxConsultationFee": f.MaxConsultationFee} {
		if fee != nil && fee.Check() != nil {
			return nil, &fault.Error{Kind: fault.Invalid, Field: name, Message: fee.Check().Error()}
		}
	}
	p = given(p, f.MinExperienceYears, doctor.ExperienceYearsGTE)
	p = given(p, f.MaxExperienceYears, doctor.ExperienceYearsLTE)
	p = given(p, f.MinConsultationFee, doctor.ConsultationFeeGTE)
	p = given(p, f.MaxConsultationFee, doctor.ConsultationFeeLTE)
	return conditions(p), nil
}

func (*MappingFilter) searches() string { return "" }

func (f *MappingFilter) where(ctx context.Context) ([]where, error) {
	if f == nil {
		return nil, nil
	}
	search, err := searched(f.Search)
	if err != nil {
		return nil, err
	}
	var p []predicate.Mapping
	if search != "" {
		named := append(rule.OwnPatients(ctx), patient.NameKeyContains(search))
		p = append(p, mapping.Or(mapping.HasPatientWith(named...), mapping.HasDoctorWith(doctor.NameKeyContains(search))))
	}
	p = given(p, f.Active, mapping.IsActive)
	p = given(p, f.PatientID, mapping.PatientID)
	p = given(p, f.DoctorID, mapping.DoctorID)
	p = given(p, f.AssignedAfter, mapping.AssignedDateGT)
	p = given(p, f.AssignedBefore, mapping.AssignedDateLT)
	return conditions(p), nil
}

// given adds the predicate for a value that was given.
func given[V any, P ~func(*sql.Selector)](predicates []P, v *V, predicate func(V) P) []P {
	if v == nil {
		return predicates
	}
	return append(predicates, predicate(*v))
}

// bounded fails with fault.Invalid if a list is too long.
func bounded(lengths ...int) error {
	for _, n := range lengths {
		if n > maxValues {
			return &fault.Error{Kind: fault.Invalid, Message: "A list has at most 100 values."}
		}
	}
	return nil
}
