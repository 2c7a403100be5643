package graph

import (
	"context"
	"slices"
	"strings"
	"time"
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
	"caregraph/internal/store"
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

// See narrows the list to one way of seeing patients. A doctor or a patient sees few.
func (f *PatientFilter) See() (see func(context.Context) context.Context, short bool) {
	if f == nil || f.SeenAs == nil {
		return nil, false
	}
	way := *f.SeenAs
	return func(ctx context.Context) context.Context { return rule.SeeingAs(ctx, way) }, way == rule.AsTreating || way == rule.AsSelf
}

// See narrows nothing.
func (*UserFilter) See() (func(context.Context) context.Context, bool) { return nil, false }

// See narrows nothing.
func (*DoctorFilter) See() (func(context.Context) context.Context, bool) { return nil, false }

// See narrows nothing.
func (*MappingFilter) See() (func(context.Context) context.Context, bool) { return nil, false }

// Searches names the column in which an index finds the search.
func (f *PatientFilter) Searches() string {
	if f == nil || f.Assigned != nil || f.DoctorID != nil || f.SeenAs != nil {
		return ""
	}
	return indexed(patient.FieldNameKey, f.Search, f.SoundsLike)
}

// Where returns the conditions of the filter.
func (f *PatientFilter) Where(ctx context.Context) ([]reading.Where, error) {
	if f == nil {
		return nil, nil
	}
	p, err := searched[predicate.Patient](store.PatientText, f.Search)
	if err == nil {
		p, err = sounding(p, f.SoundsLike)
	}
	if err == nil {
		err = bounded(len(f.Gender), len(f.BloodGroup))
	}
	if err != nil {
		return nil, err
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
	p = narrowed(p, f.BornAfter, bornAfter)
	p = narrowed(p, f.BornBefore, patient.DateOfBirthLT)
	p = narrowed(p, f.CreatedAfter, patient.CreatedAtGT)
	p = narrowed(p, f.CreatedBefore, patient.CreatedAtLT)
	active := append(rule.SeenMappings(ctx), mapping.IsActive(true))
	if f.Assigned != nil && *f.Assigned {
		p = append(p, patient.HasMappingsWith(active...))
	}
	if f.Assigned != nil && !*f.Assigned {
		p = append(p, patient.Not(patient.HasMappingsWith(active...)))
	}
	if f.DoctorID != nil {
		p = append(p, patient.HasMappingsWith(append(active, mapping.DoctorID(*f.DoctorID))...))
	}
	if f.SeenAs != nil {
		p = append(p, func(*sql.Selector) {}) // there is a condition, and See makes it
	}
	return reading.Conditions(p...), nil
}

// Searches names no column.
func (*UserFilter) Searches() string { return "" } // whom a viewer may see takes longer

// Where returns the conditions of the filter.
func (f *UserFilter) Where(ctx context.Context) ([]reading.Where, error) {
	if f == nil {
		return nil, nil
	}
	p, err := searched[predicate.User](rule.UserText(ctx, store.UserText), f.Search)
	if err != nil {
		return nil, err
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
	return indexed(doctor.FieldNameKey, f.Search, f.SoundsLike)
}

// Where returns the conditions of the filter.
func (f *DoctorFilter) Where(context.Context) ([]reading.Where, error) {
	if f == nil {
		return nil, nil
	}
	p, err := searched[predicate.Doctor](store.DoctorText, f.Search)
	if err == nil {
		p, err = sounding(p, f.SoundsLike)
	}
	if err == nil {
		err = bounded(len(f.Specialization))
	}
	if err != nil {
		return nil, err
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
	words, err := words(f.Search)
	if err != nil {
		return nil, err
	}
	var p []predicate.Mapping
	for _, word := range words {
		named := append(rule.SeenPatients(ctx), predicate.Patient(contains(store.Text{patient.FieldNameKey}, word)))
		p = append(p, mapping.Or(mapping.HasPatientWith(named...), mapping.HasDoctorWith(predicate.Doctor(contains(store.Text{doctor.FieldNameKey}, word)))))
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

// bornAfter finds who was born after the day, and those of whom only the year is known
// who may have been.
func bornAfter(day scalar.Date) predicate.Patient {
	if day == scalar.NewDate(day.Year(), time.December, 31) {
		return patient.DateOfBirthGT(day)
	}
	year := patient.And(patient.BirthDateEstimated(true), patient.DateOfBirth(scalar.NewDate(day.Year(), time.January, 1)))
	return patient.Or(patient.DateOfBirthGT(day), year)
}

// How long a search may be.
const (
	maxSearch = 200 // characters
	maxWords  = 10  // what follows them is left out
)

// words returns the words of a search, in the forms in which each may be found: folded
// as names are, in lower case as e-mail addresses are, and as phone numbers are. It
// fails with reading.Invalid.
func words(search *string) ([][]string, error) {
	if search == nil {
		return nil, nil
	}
	if err := scalar.Text(maxSearch)(*search); err != nil {
		return nil, &reading.Invalid{Field: "search", Message: err.Error()}
	}
	text := scalar.OneLine(*search)
	if scalar.PartOfPhone(text) != "" {
		return [][]string{forms(text)}, nil
	}
	var words, marks [][]string
	for _, word := range joined(strings.Fields(text)) {
		bare := strings.Trim(word, ",;")
		if scalar.Fold(bare) != "" {
			words = append(words, forms(bare))
		} else {
			marks = append(marks, forms(word))
		}
	}
	if words == nil { // beside words, marks alone mean nothing
		words = marks
	}
	return words[:min(len(words), maxWords)], nil
}

// forms returns the forms of a text, each once.
func forms(text string) []string {
	var forms []string
	for _, form := range []string{scalar.PartOfPhone(text), scalar.Fold(text), strings.ToLower(text)} {
		if form != "" && !slices.Contains(forms, form) {
			forms = append(forms, form)
		}
	}
	return forms
}

// maxGroups is in how many groups a phone number may be written beside a name.
const maxGroups = 6

// joined makes one word of the groups of a phone number.
func joined(words []string) []string {
	for i := range words {
		for n := min(len(words), i+maxGroups); n > i+1; n-- {
			number := strings.Join(words[i:n], " ")
			if normal := scalar.NormalPhone(number); normal != number { // which only a valid one is
				return append(append(slices.Clone(words[:i]), normal), joined(words[n:])...)
			}
		}
	}
	return words
}

// searched returns the conditions that every word of a search is in the text.
func searched[P ~func(*sql.Selector)](text rule.Text, search *string) ([]P, error) {
	words, err := words(search)
	conditions := make([]P, len(words))
	for i, word := range words {
		conditions[i] = contains(text, word)
	}
	return conditions, err
}

// contains is the condition that one of the forms of a word is in the text.
func contains(text rule.Text, forms []string) reading.Where {
	return func(s *sql.Selector) {
		in := text.SQL(s.C)
		predicates := make([]*sql.Predicate, len(forms))
		for i, form := range forms {
			predicates[i] = like(in, "%"+likeEscapes.Replace(form)+"%")
		}
		s.Where(sql.Or(predicates...))
	}
}

func like(in, pattern string) *sql.Predicate {
	return sql.P(func(b *sql.Builder) { b.WriteString(in + " LIKE ").Arg(pattern).WriteString(` ESCAPE '\'`) })
}

var likeEscapes = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// sounding adds the conditions that every word of a name is among the words of the
// stored name, in whatever spelling. A text without any letter finds nothing.
func sounding[P ~func(*sql.Selector)](conditions []P, name *string) ([]P, error) {
	if name == nil {
		return conditions, nil
	}
	keys, err := sounds("soundsLike", *name)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return append(conditions, func(s *sql.Selector) { s.Where(sql.False()) }), nil
	}
	return append(conditions, func(s *sql.Selector) { s.Where(alike(s.C(patient.FieldNameSound), keys)) }), nil
}

// alike is the condition that a stored sound has each of the keys.
func alike(in string, keys []string) *sql.Predicate {
	words := make([]*sql.Predicate, len(keys))
	for i, key := range keys {
		words[i] = like(in, "% "+key+" %")
	}
	return sql.And(words...)
}

// sounds returns the keys of the words of a name. It fails with reading.Invalid.
func sounds(field, name string) ([]string, error) {
	if err := scalar.Text(maxSearch)(name); err != nil {
		return nil, &reading.Invalid{Field: field, Message: err.Error()}
	}
	keys := scalar.Sounds(scalar.OneLine(name))
	return keys[:min(len(keys), maxWords)], nil
}

// indexed returns the column if the trigram indexes of internal/store can find the
// search, which takes a word of three characters, or the sound.
func indexed(column string, search, sound *string) string {
	words, err := words(search)
	if err != nil {
		return ""
	}
	for _, forms := range words {
		if !slices.ContainsFunc(forms, func(form string) bool { return utf8.RuneCountInString(form) < 3 }) {
			return column
		}
	}
	if sound != nil {
		return column
	}
	return ""
}
