package graph

import (
	"context"
	"unicode/utf8"

	"entgo.io/ent/dialect/sql"

	"caregraph/ent/doctor"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/predicate"
	"caregraph/ent/user"
	"caregraph/internal/reading"
	"caregraph/internal/rule"
	"caregraph/internal/scalar"
)

// maxValues is how many values one list of a filter may have.
const maxValues = 100

// By says what the list is ordered by.
func (o *PatientOrder) By() (field string, desc bool) {
	if o == nil {
		return "", false
	}
	return string(o.Field), o.Direction == OrderDirectionDesc
}

// By says what the list is ordered by.
func (o *UserOrder) By() (field string, desc bool) {
	if o == nil {
		return "", false
	}
	return string(o.Field), o.Direction == OrderDirectionDesc
}

// By says what the list is ordered by.
func (o *DoctorOrder) By() (field string, desc bool) {
	if o == nil {
		return "", false
	}
	return string(o.Field), o.Direction == OrderDirectionDesc
}

// By says what the list is ordered by.
func (o *MappingOrder) By() (field string, desc bool) {
	if o == nil {
		return "", false
	}
	return string(o.Field), o.Direction == OrderDirectionDesc
}

// Searches names the column in which an index finds the search.
func (f *PatientFilter) Searches() string {
	if f == nil || f.Assigned != nil || f.DoctorID != nil {
		return ""
	}
	return keyed(patient.FieldNameKey, f.Search)
}

// Where returns the conditions of the filter.
func (f *PatientFilter) Where(ctx context.Context) ([]reading.Where, error) {
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
			return nil, &reading.Invalid{Field: name, Message: day.Check().Error()}
		}
	}
	p = narrowed(p, f.BornAfter, patient.DateOfBirthGT)
	p = narrowed(p, f.BornBefore, patient.DateOfBirthLT)
	p = narrowed(p, f.CreatedAfter, patient.CreatedAtGT)
	p = narrowed(p, f.CreatedBefore, patient.CreatedAtLT)
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
	return reading.Conditions(p...), nil
}

// Searches names no column.
func (*UserFilter) Searches() string { return "" } // whom a viewer may see takes longer

// Where returns the conditions of the filter.
func (f *UserFilter) Where(context.Context) ([]reading.Where, error) {
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
	p = narrowed(p, f.Role, user.RoleEQ)
	p = narrowed(p, f.IsActive, user.IsActive)
	p = narrowed(p, f.IsStaff, user.IsStaff)
	return reading.Conditions(p...), nil
}

// Searches names the column in which an index finds the search.
func (f *DoctorFilter) Searches() string {
	if f == nil {
		return ""
	}
	return keyed(doctor.FieldNameKey, f.Search)
}

// Where returns the conditions of the filter.
func (f *DoctorFilter) Where(context.Context) ([]reading.Where, error) {
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
	if f.Specialization != nil {
		stored := make([]string, len(f.Specialization))
		for i, s := range f.Specialization {
			if err := scalar.Text(maxSearch)(s); err != nil {
				return nil, &reading.Invalid{Field: "specialization", Message: err.Error()}
			}
			stored[i] = scalar.OneLine(s)
		}
		p = append(p, doctor.SpecializationIn(stored...))
	}
	for name, fee := range map[string]*scalar.Rupees{"minConsultationFee": f.MinConsultationFee, "maxConsultationFee": f.MaxConsultationFee} {
		if fee != nil && fee.Check() != nil {
			return nil, &reading.Invalid{Field: name, Message: fee.Check().Error()}
		}
	}
	p = narrowed(p, f.MinExperienceYears, doctor.ExperienceYearsGTE)
	p = narrowed(p, f.MaxExperienceYears, doctor.ExperienceYearsLTE)
	p = narrowed(p, f.MinConsultationFee, doctor.ConsultationFeeGTE)
	p = narrowed(p, f.MaxConsultationFee, doctor.ConsultationFeeLTE)
	return reading.Conditions(p...), nil
}

// Searches names no column.
func (*MappingFilter) Searches() string { return "" }

// Where returns the conditions of the filter.
func (f *MappingFilter) Where(ctx context.Context) ([]reading.Where, error) {
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
	p = narrowed(p, f.Active, mapping.IsActive)
	p = narrowed(p, f.PatientID, mapping.PatientID)
	p = narrowed(p, f.DoctorID, mapping.DoctorID)
	p = narrowed(p, f.AssignedAfter, mapping.AssignedDateGT)
	p = narrowed(p, f.AssignedBefore, mapping.AssignedDateLT)
	return reading.Conditions(p...), nil
}

// narrowed adds the predicate for a value that was given.
func narrowed[V any, P ~func(*sql.Selector)](predicates []P, v *V, predicate func(V) P) []P {
	if v == nil {
		return predicates
	}
	return append(predicates, predicate(*v))
}

// bounded fails with reading.Invalid if a list is too long.
func bounded(lengths ...int) error {
	for _, n := range lengths {
		if n > maxValues {
			return &reading.Invalid{Message: "A list has at most 100 values."}
		}
	}
	return nil
}

// maxSearch is how long a search may be, in characters.
const maxSearch = 200

// searched returns what to search for in folded columns.
func searched(search *string) (string, error) {
	if search == nil {
		return "", nil
	}
	if err := scalar.Text(maxSearch)(*search); err != nil {
		return "", &reading.Invalid{Field: "search", Message: err.Error()}
	}
	return folded(*search), nil
}

// folded returns a search in the form of the columns of names, which are folded after
// they were written as one line.
func folded(search string) string { return scalar.Fold(scalar.OneLine(search)) }

// keyed returns the column if the trigram indexes of internal/store can find the
// search, which takes three characters.
func keyed(column string, search *string) string {
	if search == nil || utf8.RuneCountInString(folded(*search)) < 3 {
		return ""
	}
	return column
}
