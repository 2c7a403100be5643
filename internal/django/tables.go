package django

import (
	"slices"

	"entgo.io/ent/dialect/sql/schema"

	"caregraph/ent/doctor"
	"caregraph/ent/mapping"
	"caregraph/ent/migrate"
	"caregraph/ent/patient"
	"caregraph/ent/user"
	"caregraph/internal/scalar"
)

// table is a table of ours and where its rows come from.
type table struct {
	ours    *schema.Table
	name    string // of the original's table
	from    string // what the rows are selected from, as t; the original's table if empty
	columns []column
	unique  []string // columns in which no two rows may have the same value
	limits  []limit  // beside the constraints of ours
}

// column is a column of ours and where its values come from.
type column struct {
	name    string // of ours
	from    string // SQL of the value over the row t; the column of that name if empty
	held    string // SQL of the value as our constraints see it; from if empty
	as      reader
	derived bool // from another column; the report names that column
}

// limit is something that SQL finds in a row.
type limit struct {
	column string // of ours
	found  string // SQL over the row t of the original's table and the row h of ours
	action action
	reason string
}

// clinics has a clinic for each user, with the id and the name of the user. What may be
// wrong with those is found in the users.
var clinics = &table{
	ours: migrate.ClinicsTable,
	name: "users_user",
	columns: []column{
		{name: "id", as: integer(nil)},
		{name: "name", from: "t.username", as: clinicName},
		{name: "created_at", from: "t.date_joined", as: instant},
	},
}

// inOneClinic returns the tables with everything in the clinic 1. Its admins are the
// staff and the first user who may sign in.
func inOneClinic() []*table {
	list := make([]*table, len(tables))
	for i, t := range tables {
		c := *t
		c.columns = slices.Clone(t.columns)
		for i := range c.columns {
			switch c.columns[i].name {
			case "clinic_id":
				c.columns[i].from = "1"
			case "clinic_role":
				c.columns[i].from = "CASE WHEN t.is_superuser OR t.is_staff OR t.id = (SELECT min(id) FROM users_user WHERE is_active) THEN 'admin' ELSE 'member' END"
			}
		}
		list[i] = &c
	}
	return list
}

// tables are what is copied, in the order in which rows refer to others. The
// checks are those of ent/schema, and the constraints those of the migrations.
var tables = []*table{
	{
		ours: migrate.UsersTable,
		name: "users_user",
		columns: []column{
			{name: "id", as: integer(nil)},
			{name: "username", as: username(user.UsernameValidator)},
			{name: "username_key", from: "coalesce(t.username, '')", as: key(scalar.Fold), derived: true},
			{name: "email", as: email(user.EmailValidator)},
			{name: "phone", held: "nullif(t.phone, '')", as: filled(phone(user.PhoneValidator))},
			{name: "role", as: text(nil)},
			{name: "clinic_id", from: "t.id", as: integer(nil), derived: true},
			{name: "clinic_role", from: "'admin'", as: text(nil), derived: true},
			{name: "password_hash", from: "t.password", as: text(passwordHash)},
			{name: "is_active", as: boolean},
			{name: "is_staff", from: "t.is_superuser OR t.is_staff", as: boolean},
			{name: "date_joined", as: instant},
			{name: "last_login", as: instant},
		},
		unique: []string{"username", "email", "phone"},
		limits: []limit{
			{"is_staff", "h.is_staff", note, "sees and changes every record, as is_staff or is_superuser says."},
			{"first_name", "t.first_name <> ''", leave, "Caregraph has no first names."},
			{"last_name", "t.last_name <> ''", leave, "Caregraph has no last names."},
		},
	},
	{
		ours: migrate.DoctorsTable,
		name: "doctors_doctor",
		columns: []column{
			{name: "id", as: integer(nil)},
			{name: "created_at", as: instant},
			{name: "updated_at", as: instant},
			{name: "name", as: text(doctor.NameValidator)},
			{name: "name_key", from: "coalesce(t.name, '')", as: key(scalar.Fold), derived: true},
			{name: "name_sound", from: "coalesce(t.name, '')", as: key(scalar.SoundKey), derived: true},
			{name: "email", as: email(doctor.EmailValidator)},
			{name: "phone", held: "nullif(t.phone, '')", as: filled(phone(doctor.PhoneValidator))},
			{name: "specialization", as: text(doctor.SpecializationValidator)},
			{name: "specialization_key", from: "coalesce(t.specialization, '')", as: key(scalar.Fold), derived: true},
			{name: "license_number", as: text(doctor.LicenseNumberValidator)},
			{name: "experience_years", as: integer(doctor.ExperienceYearsValidator)},
			{name: "consultation_fee", from: "t.consultation_fee::text", held: "t.consultation_fee * 100", as: rupees(doctor.ConsultationFeeValidator)},
			{name: "address", as: text(doctor.AddressValidator)},
			{name: "availability", as: text(doctor.AvailabilityValidator)},
		},
		unique: []string{"license_number"},
	},
	{
		ours: migrate.PatientsTable,
		name: "patients_patient",
		columns: []column{
			{name: "id", as: integer(nil)},
			{name: "created_at", as: instant},
			{name: "updated_at", as: instant},
			{name: "name", as: text(patient.NameValidator)},
			{name: "name_key", from: "coalesce(t.name, '')", as: key(scalar.Fold), derived: true},
			{name: "name_sound", from: "coalesce(t.name, '')", as: key(scalar.SoundKey), derived: true},
			{name: "email", as: email(patient.EmailValidator)},
			{name: "phone", as: phone(patient.PhoneValidator)},
			{name: "date_of_birth", from: "t.date_of_birth::text", held: "t.date_of_birth", as: birthDate},
			{name: "address", as: text(patient.AddressValidator)},
			{name: "gender", as: text(nil)},
			{name: "blood_group", held: "nullif(t.blood_group, '')", as: filled(text(nil))},
			{name: "emergency_contact", as: text(patient.EmergencyContactValidator)},
			{name: "medical_history", as: text(patient.MedicalHistoryValidator)},
			{name: "clinic_id", from: "t.created_by_id", as: integer(nil), derived: true},
			{name: "created_by_id", as: integer(nil)},
		},
	},
	{
		ours: migrate.MappingsTable,
		name: "mappings_patientdoctormapping",
		from: `(SELECT m.*, p.created_by_id AS clinic_id, count(*) FILTER (WHERE m.is_active) OVER (PARTITION BY m.patient_id, m.doctor_id) AS active
			FROM mappings_patientdoctormapping m LEFT JOIN patients_patient p ON p.id = m.patient_id)`,
		columns: []column{
			{name: "id", as: integer(nil)},
			{name: "created_at", as: instant},
			{name: "updated_at", as: instant},
			{name: "notes", as: text(mapping.NotesValidator)},
			{name: "is_active", as: boolean},
			{name: "assigned_date", as: instant},
			{name: "ended_at", from: "CASE WHEN NOT t.is_active THEN t.updated_at END", as: instant, derived: true},
			{name: "doctor_id", as: integer(nil)},
			{name: "patient_id", as: integer(nil)},
			{name: "clinic_id", as: integer(nil), derived: true},
			{name: "created_by_id", as: integer(nil)},
		},
		limits: []limit{
			{"patient_id", "h.is_active AND t.active > 1", stop, "another active mapping has the same patient and doctor."},
		},
	},
}
