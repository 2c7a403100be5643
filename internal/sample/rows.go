package sample

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"caregraph/internal/scalar"
)

// What names and texts are made of.
var (
	givenNames = []string{
		"Aarav", "Aditi", "Ananya", "Aniket", "Arjun", "Deepa", "Farhan", "Gurpreet", "Ishaan", "Kavya", "Lakshmi", "Manish",
		"Meera", "Mohammed", "Neha", "Nikhil", "Pooja", "Priya", "Rahul", "Rajesh", "Ritu", "Rohan", "Sanjay", "Shreya",
		"Sneha", "Suresh", "Tanvi", "Vikram", "Yash", "Zoya",
	}
	familyNames = []string{
		"Agarwal", "Banerjee", "Bose", "Chatterjee", "Desai", "Fernandes", "Gandhi", "Gupta", "Iyer", "Jain", "Joshi", "Kapoor",
		"Khan", "Kulkarni", "Kumar", "Mehta", "Menon", "Mishra", "Nair", "Patel", "Pillai", "Rao", "Reddy", "Sharma",
		"Shetty", "Singh", "Sinha", "Thomas", "Varma", "Yadav",
	}
	cities          = []string{"Ahmedabad", "Bangalore", "Chennai", "Delhi", "Hyderabad", "Jaipur", "Kochi", "Kolkata", "Lucknow", "Mumbai", "Pune", "Surat"}
	specializations = []string{
		"Cardiology", "Dermatology", "Endocrinology", "Gastroenterology", "General Medicine", "Gynecology", "Nephrology",
		"Neurology", "Oncology", "Ophthalmology", "Orthopedics", "Pediatrics", "Psychiatry", "Pulmonology", "Urology",
	}
	genders     = []string{"male", "female", "other"}
	bloodGroups = []string{"A+", "A-", "B+", "B-", "AB+", "AB-", "O+", "O-"}
	histories   = []string{"Hypertension since 2015.", "Type 2 diabetes, on metformin.", "Asthma in childhood.", "Allergic to penicillin.", "Appendectomy in 2009."}
	notes       = []string{"First consultation.", "Follow-up in two weeks.", "Second opinion.", "Review of reports.", "Before surgery."}
)

// opening is when the first record was made. Later ids are later records.
var opening = time.Date(2021, 1, 1, 3, 30, 0, 0, time.UTC)

// source returns the random values of one table: the same every time.
func source(table uint64) *rand.Rand { return rand.New(rand.NewPCG(1947, table)) }

func pick(r *rand.Rand, of []string) string { return of[r.IntN(len(of))] }

// seldom returns nothing once in ten times, and else one of the values.
func seldom(r *rand.Rand, of []string) any {
	if r.IntN(10) == 0 {
		return nil
	}
	return pick(r, of)
}

func fullName(r *rand.Rand) string { return pick(r, givenNames) + " " + pick(r, familyNames) }

func address(r *rand.Rand) string {
	return fmt.Sprintf("%d MG Road, %s", 1+r.IntN(400), pick(r, cities))
}

// phone returns a number of 10 digits, another for each n.
func phone(n int) string { return fmt.Sprintf("9%09d", n) }

func email(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, " ", ".")) + "@example.com"
}

// clinics has one clinic for each user, with the id of the user.
func clinics(size Size) table {
	return table{
		"clinics",
		[]string{"id", "name", "created_at"},
		func(yield func([]any) bool) {
			for id := 1; id <= size.Users; id++ {
				if !yield([]any{id, fmt.Sprintf("user%d", id), opening.Add(time.Duration(id) * time.Second)}) {
					return
				}
			}
		},
	}
}

func users(size Size, hash string) table {
	return table{
		"users",
		[]string{"id", "username", "username_key", "email", "phone", "role", "clinic_id", "password_hash", "is_active", "is_staff", "date_joined"},
		func(yield func([]any) bool) {
			for id := 1; id <= size.Users; id++ {
				at := opening.Add(time.Duration(id) * time.Second)
				if !yield([]any{id, fmt.Sprintf("user%d", id), fmt.Sprintf("user%d", id), Email(id), phone(id), "doctor", id, hash, true, false, at}) {
					return
				}
			}
		},
	}
}

func doctors(size Size) table {
	return table{
		"doctors",
		[]string{
			"id", "created_at", "updated_at", "name", "name_key", "name_sound", "email", "phone", "specialization", "specialization_key",
			"license_number", "experience_years", "consultation_fee", "address", "availability",
		},
		func(yield func([]any) bool) {
			r := source(1)
			for id := 1; id <= size.Doctors; id++ {
				at := opening.Add(time.Duration(id) * time.Hour)
				name, specialization := "Dr. "+fullName(r), pick(r, specializations)
				fee := scalar.Rupees(300_00 + 50_00*r.Int64N(60))
				if !yield([]any{
					id, at, at, name, scalar.Fold(name), scalar.SoundKey(name), email(name[len("Dr. "):]), phone(id), specialization, scalar.Fold(specialization),
					fmt.Sprintf("MCI-%06d", id), r.IntN(45), fee, address(r), "Mon-Sat 10:00-17:00",
				}) {
					return
				}
			}
		},
	}
}

func patients(size Size) table {
	return table{
		"patients",
		[]string{
			"id", "created_at", "updated_at", "name", "name_key", "name_sound", "email", "phone", "date_of_birth", "address", "gender",
			"blood_group", "emergency_contact", "medical_history", "clinic_id", "created_by_id",
		},
		func(yield func([]any) bool) {
			r := source(2)
			for id := 1; id <= size.Patients; id++ {
				at := opening.Add(time.Duration(id) * time.Minute)
				name := fullName(r)
				born := scalar.DateOf(time.Date(1930, 1, 1+r.IntN(90*365), 0, 0, 0, 0, time.UTC))
				if !yield([]any{
					id, at, at.Add(time.Duration(r.IntN(1000)) * time.Hour), name, scalar.Fold(name), scalar.SoundKey(name), email(name), phone(id), born, address(r), pick(r, genders),
					seldom(r, bloodGroups), seldom(r, givenNames), seldom(r, histories), size.owner(id), size.owner(id),
				}) {
					return
				}
			}
		},
	}
}

func mappings(size Size) table {
	return table{
		"mappings",
		[]string{
			"id", "created_at", "updated_at", "notes", "is_active", "assigned_date", "ended_at",
			"doctor_id", "patient_id", "clinic_id", "created_by_id",
		},
		func(yield func([]any) bool) {
			r := source(3)
			// Of ten mappings of a patient one has ended: which, is random.
			ended := make([]int, size.Patients)
			for i := range ended {
				ended[i] = r.IntN(10)
			}
			// After the last patient: nobody is assigned before being known.
			first := opening.Add(time.Duration(size.Patients) * time.Minute)
			for id := 1; id <= size.Mappings; id++ {
				at := first.Add(time.Duration(id) * time.Minute)
				patient := (id-1)%size.Patients + 1
				nth := (id - 1) / size.Patients
				changed, end := at, any(nil)
				if nth%10 == ended[patient-1] {
					changed = at.Add(time.Duration(1+r.IntN(90)) * 24 * time.Hour)
					end = changed
				}
				if !yield([]any{
					id, at, changed, seldom(r, notes), end == nil, at, end,
					size.doctor(patient, nth), patient, size.owner(patient), size.owner(patient),
				}) {
					return
				}
			}
		},
	}
}
