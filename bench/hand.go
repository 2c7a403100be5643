package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"caregraph/internal/scalar"
)

// The statements of the handlers: one for each table that an operation reads.
const (
	viewerRow = "SELECT id, username, email, role, is_staff FROM users WHERE id = $1"

	patientsPage    = "SELECT id, name, phone, gender, blood_group, date_of_birth, created_at, updated_at FROM patients WHERE clinic_id = $1 AND deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT $2"
	patientsCount   = "SELECT count(*) FROM patients WHERE clinic_id = $1 AND deleted_at IS NULL"
	patientsSearch  = "SELECT id, name, phone, date_of_birth, gender FROM patients WHERE clinic_id = $1 AND deleted_at IS NULL AND (coalesce(name_key, '') || ' ' || coalesce(phone, '') || ' ' || coalesce(email, '')) LIKE $2 ORDER BY name_key, id LIMIT $3"
	patientsByID    = "SELECT id, name FROM patients WHERE id = ANY($1) AND clinic_id = $2 AND deleted_at IS NULL"
	patientsFree    = "SELECT count(*) FROM patients p WHERE clinic_id = $1 AND deleted_at IS NULL AND NOT EXISTS (SELECT FROM mappings WHERE patient_id = p.id AND clinic_id = $1 AND is_active)"
	patientShort    = "SELECT id, name, phone, gender FROM patients WHERE id = $1 AND clinic_id = $2 AND deleted_at IS NULL"
	patientWhole    = "SELECT id, name, email, phone, date_of_birth, address, gender, blood_group, emergency_contact, medical_history, created_by_id, created_at, updated_at FROM patients WHERE id = $1 AND clinic_id = $2 AND deleted_at IS NULL"
	patientLocked   = "SELECT id FROM patients WHERE id = $1 AND clinic_id = $2 AND deleted_at IS NULL FOR SHARE"
	patientsOfOne   = "SELECT p.id, p.name, p.date_of_birth, p.gender, p.blood_group, p.phone, p.name_key FROM mappings m JOIN patients p ON p.id = m.patient_id AND p.clinic_id = m.clinic_id WHERE m.doctor_id = $1 AND m.clinic_id = $2 AND m.is_active AND m.deleted_at IS NULL AND p.deleted_at IS NULL ORDER BY p.name_key, p.id LIMIT $3"
	patientInserted = "INSERT INTO patients (created_at, updated_at, name, name_key, email, phone, date_of_birth, address, gender, medical_history, clinic_id, created_by_id) VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) RETURNING id"

	patientUpdated = "UPDATE patients SET phone = $1, updated_at = $2 WHERE id = $3 AND clinic_id = $4 AND deleted_at IS NULL RETURNING id"

	doctorsByID   = "SELECT id, name, specialization, consultation_fee, availability FROM doctors WHERE id = ANY($1)"
	doctorsPage   = "SELECT id, name, specialization, experience_years, consultation_fee, availability, address FROM doctors WHERE deleted_at IS NULL ORDER BY experience_years DESC, id DESC LIMIT $1"
	doctorsCount  = "SELECT count(*) FROM doctors WHERE deleted_at IS NULL"
	doctorsGroups = "SELECT specialization, count(*), avg(consultation_fee)::float8 FROM doctors WHERE deleted_at IS NULL GROUP BY specialization"
	doctorRow     = "SELECT id, name, specialization FROM doctors WHERE id = $1 AND deleted_at IS NULL"
	doctorLocked  = "SELECT id FROM doctors WHERE id = $1 AND deleted_at IS NULL FOR SHARE"
	doctorsOfMany = "SELECT m.patient_id, d.id, d.name, d.specialization, d.phone FROM mappings m JOIN doctors d ON d.id = m.doctor_id WHERE m.patient_id = ANY($1) AND m.clinic_id = $2 AND m.is_active AND m.deleted_at IS NULL AND d.deleted_at IS NULL ORDER BY d.name_key, d.id"

	mappingsActive  = "SELECT id, patient_id, doctor_id, notes, assigned_date FROM mappings WHERE patient_id = ANY($1) AND clinic_id = $2 AND is_active AND deleted_at IS NULL ORDER BY assigned_date DESC, id DESC"
	mappingsHistory = "SELECT id, doctor_id, created_by_id, is_active, assigned_date, ended_at, notes FROM mappings WHERE patient_id = $1 AND clinic_id = $2 AND deleted_at IS NULL ORDER BY assigned_date DESC, id DESC"
	mappingsRecent  = "SELECT id, patient_id, doctor_id, assigned_date FROM mappings WHERE clinic_id = $1 AND is_active AND deleted_at IS NULL ORDER BY assigned_date DESC, id DESC LIMIT 5"
	mappingsOfOne   = "SELECT count(*) FROM mappings WHERE doctor_id = $1 AND clinic_id = $2 AND is_active AND deleted_at IS NULL"
	mappingsOfMany  = "SELECT doctor_id, count(*) FROM mappings WHERE doctor_id = ANY($1) AND clinic_id = $2 AND is_active AND deleted_at IS NULL GROUP BY doctor_id"
	mappingsGroups  = "SELECT d.specialization, count(DISTINCT m.patient_id) FROM mappings m JOIN doctors d ON d.id = m.doctor_id WHERE m.clinic_id = $1 AND m.is_active AND m.deleted_at IS NULL GROUP BY d.specialization"
	mappingInserted = "INSERT INTO mappings (created_at, updated_at, notes, is_active, assigned_date, clinic_id, created_by_id, patient_id, doctor_id) VALUES ($1, $1, $2, true, $1, $3, $3, $4, $5) RETURNING id"
	usersByID       = "SELECT id, email FROM users WHERE id = ANY($1)"
)

var handStatements = []string{
	viewerRow, patientsPage, patientsCount, patientsSearch, patientsByID, patientsFree, patientShort, patientWhole, patientLocked, patientsOfOne, patientInserted, patientUpdated,
	doctorsByID, doctorsPage, doctorsCount, doctorsGroups, doctorRow, doctorLocked, doctorsOfMany,
	mappingsActive, mappingsHistory, mappingsRecent, mappingsOfOne, mappingsOfMany, mappingsGroups, mappingInserted, usersByID,
}

type pageInfo struct {
	HasNextPage bool    `json:"hasNextPage"`
	EndCursor   *string `json:"endCursor"`
}

// cut takes one row too many off a page; the position is that of the last row.
func cut[T any](list []T, size int, position func(*T) string) ([]T, pageInfo) {
	info := pageInfo{HasNextPage: len(list) > size}
	list = list[:min(len(list), size)]
	if len(list) > 0 {
		cursor := cursor(position(&list[len(list)-1]))
		info.EndCursor = &cursor
	}
	return list, info
}

func cursor(position string) string { return base64.RawURLEncoding.EncodeToString([]byte(position)) }

func upper(s string) string { return strings.ToUpper(s) }

var groups = strings.NewReplacer("+", "_POSITIVE", "-", "_NEGATIVE")

func group(s sql.NullString) *string {
	if !s.Valid {
		return nil
	}
	name := groups.Replace(s.String)
	return &name
}

func age(born time.Time) int { return scalar.DateOf(born).Age(time.Now()) }

func rupees(paise int64) string { return scalar.Rupees(paise).String() }

type doctorOfMapping struct {
	ID              string  `json:"id"`
	Name            string  `json:"name"`
	Specialization  string  `json:"specialization"`
	ConsultationFee string  `json:"consultationFee"`
	Availability    *string `json:"availability"`
}

func (h *hand) doctors(ctx context.Context, ids []int64) (map[int64]*doctorOfMapping, error) {
	type row struct {
		id int64
		doctorOfMapping
	}
	list, err := rows(ctx, h, doctorsByID, func(r *sql.Rows, d *row) error {
		var fee int64
		err := r.Scan(&d.id, &d.Name, &d.Specialization, &fee, &d.Availability)
		d.ID, d.ConsultationFee = text(d.id), rupees(fee)
		return err
	}, in(ids))
	found := make(map[int64]*doctorOfMapping, len(list))
	for i := range list {
		found[list[i].id] = &list[i].doctorOfMapping
	}
	return found, err
}

func (h *hand) myPatientsWithDoctors(ctx context.Context, user int, r *http.Request) (any, error) {
	type mapping struct {
		patient, doctor int64
		ID              string           `json:"id"`
		Notes           *string          `json:"notes"`
		AssignedDate    string           `json:"assignedDate"`
		Doctor          *doctorOfMapping `json:"doctor"`
	}
	type patient struct {
		id         int64
		created    time.Time
		ID         string    `json:"id"`
		Name       string    `json:"name"`
		Phone      string    `json:"phone"`
		Gender     string    `json:"gender"`
		BloodGroup *string   `json:"bloodGroup"`
		Age        int       `json:"age"`
		UpdatedAt  string    `json:"updatedAt"`
		Mappings   []mapping `json:"mappings"`
	}
	type viewer struct {
		ID    string `json:"id"`
		Email string `json:"email"`
		Role  string `json:"role"`
	}
	var answer struct {
		Viewer   viewer `json:"viewer"`
		Patients struct {
			TotalCount int       `json:"totalCount"`
			PageInfo   pageInfo  `json:"pageInfo"`
			Nodes      []patient `json:"nodes"`
		} `json:"patients"`
	}
	viewers, err := rows(ctx, h, viewerRow, func(r *sql.Rows, v *viewer) error {
		var id int64
		var username string
		var staff bool
		err := r.Scan(&id, &username, &v.Email, &v.Role, &staff)
		v.ID, v.Role = text(id), upper(v.Role)
		return err
	}, user)
	if err != nil || len(viewers) == 0 {
		return nil, err
	}
	answer.Viewer = viewers[0]
	size := number(r.URL.Query(), "first")
	patients, err := rows(ctx, h, patientsPage, func(r *sql.Rows, p *patient) error {
		var blood sql.NullString
		var born, updated time.Time
		err := r.Scan(&p.id, &p.Name, &p.Phone, &p.Gender, &blood, &born, &p.created, &updated)
		p.ID, p.Gender, p.BloodGroup, p.Age, p.UpdatedAt, p.Mappings = text(p.id), upper(p.Gender), group(blood), age(born), instant(updated), []mapping{}
		return err
	}, user, size+1)
	if err != nil {
		return nil, err
	}
	patients, answer.Patients.PageInfo = cut(patients, size, func(p *patient) string { return fmt.Sprint(p.created.UnixMicro(), " ", p.id) })
	ids, at := make([]int64, len(patients)), make(map[int64]int, len(patients))
	for i, p := range patients {
		ids[i], at[p.id] = p.id, i
	}
	mappings, err := rows(ctx, h, mappingsActive, func(r *sql.Rows, m *mapping) error {
		var id int64
		var assigned time.Time
		err := r.Scan(&id, &m.patient, &m.doctor, &m.Notes, &assigned)
		m.ID, m.AssignedDate = text(id), instant(assigned)
		return err
	}, in(ids), user)
	if err != nil {
		return nil, err
	}
	seen := map[int64]bool{}
	var needed []int64
	for _, m := range mappings {
		if !seen[m.doctor] {
			seen[m.doctor] = true
			needed = append(needed, m.doctor)
		}
	}
	doctors, err := h.doctors(ctx, needed)
	if err != nil {
		return nil, err
	}
	for _, m := range mappings {
		m.Doctor = doctors[m.doctor]
		p := &patients[at[m.patient]]
		p.Mappings = append(p.Mappings, m)
	}
	answer.Patients.Nodes = patients
	answer.Patients.TotalCount, err = h.count(ctx, patientsCount, user)
	return &answer, err
}

type doctorOfPatient struct {
	patient        int64
	ID             string  `json:"id"`
	Name           string  `json:"name"`
	Specialization string  `json:"specialization,omitempty"`
	Phone          *string `json:"phone,omitempty"`
}

// doctorsOf returns the doctors who are assigned to each of the patients.
func (h *hand) doctorsOf(ctx context.Context, patients []int64, user int) (map[int64][]doctorOfPatient, error) {
	list, err := rows(ctx, h, doctorsOfMany, func(r *sql.Rows, d *doctorOfPatient) error {
		var id int64
		err := r.Scan(&d.patient, &id, &d.Name, &d.Specialization, &d.Phone)
		d.ID = text(id)
		return err
	}, in(patients), user)
	found := make(map[int64][]doctorOfPatient, len(patients))
	for _, d := range list {
		found[d.patient] = append(found[d.patient], d)
	}
	return found, err
}

func (h *hand) doctorCaseload(ctx context.Context, user int, r *http.Request) (any, error) {
	type patient struct {
		id         int64
		key        string
		ID         string            `json:"id"`
		Name       string            `json:"name"`
		Age        int               `json:"age"`
		Gender     string            `json:"gender"`
		BloodGroup *string           `json:"bloodGroup"`
		Phone      string            `json:"phone"`
		Doctors    []doctorOfPatient `json:"doctors"`
	}
	type edge struct {
		Cursor string  `json:"cursor"`
		Node   patient `json:"node"`
	}
	type doctor struct {
		ID             string `json:"id"`
		Name           string `json:"name"`
		Specialization string `json:"specialization"`
		Patients       struct {
			TotalCount int      `json:"totalCount"`
			PageInfo   pageInfo `json:"pageInfo"`
			Edges      []edge   `json:"edges"`
		} `json:"patients"`
	}
	query := r.URL.Query()
	id, size := number(query, "doctorId"), number(query, "first")
	doctors, err := rows(ctx, h, doctorRow, func(r *sql.Rows, d *doctor) error {
		var id int64
		err := r.Scan(&id, &d.Name, &d.Specialization)
		d.ID = text(id)
		return err
	}, id)
	if err != nil || len(doctors) == 0 {
		return nil, err
	}
	d := &doctors[0]
	patients, err := rows(ctx, h, patientsOfOne, func(r *sql.Rows, p *patient) error {
		var born time.Time
		var blood sql.NullString
		err := r.Scan(&p.id, &p.Name, &born, &p.Gender, &blood, &p.Phone, &p.key)
		p.ID, p.Age, p.Gender, p.BloodGroup = text(p.id), age(born), upper(p.Gender), group(blood)
		return err
	}, id, user, size+1)
	if err != nil {
		return nil, err
	}
	position := func(p *patient) string { return p.key + " " + p.ID }
	patients, d.Patients.PageInfo = cut(patients, size, position)
	ids := make([]int64, len(patients))
	for i, p := range patients {
		ids[i] = p.id
	}
	assigned, err := h.doctorsOf(ctx, ids, user)
	if err != nil {
		return nil, err
	}
	d.Patients.Edges = make([]edge, len(patients))
	for i, p := range patients {
		p.Doctors = assigned[p.id]
		for j := range p.Doctors {
			p.Doctors[j].Phone = nil
		}
		d.Patients.Edges[i] = edge{cursor(position(&p)), p}
	}
	d.Patients.TotalCount, err = h.count(ctx, mappingsOfOne, id, user)
	return map[string]any{"doctor": d}, err
}

func (h *hand) patientChart(ctx context.Context, user int, r *http.Request) (any, error) {
	type person struct {
		ID    string `json:"id"`
		Email string `json:"email"`
	}
	type named struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	type mapping struct {
		doctor, author int64
		ID             string  `json:"id"`
		IsActive       bool    `json:"isActive"`
		AssignedDate   string  `json:"assignedDate"`
		EndedAt        *string `json:"endedAt"`
		Notes          *string `json:"notes"`
		Doctor         *named  `json:"doctor"`
		CreatedBy      *person `json:"createdBy"`
	}
	type patient struct {
		id, author       int64
		ID               string            `json:"id"`
		Name             string            `json:"name"`
		Email            string            `json:"email"`
		Phone            string            `json:"phone"`
		DateOfBirth      string            `json:"dateOfBirth"`
		Age              int               `json:"age"`
		Address          string            `json:"address"`
		Gender           string            `json:"gender"`
		BloodGroup       *string           `json:"bloodGroup"`
		EmergencyContact *string           `json:"emergencyContact"`
		MedicalHistory   *string           `json:"medicalHistory"`
		CreatedAt        string            `json:"createdAt"`
		UpdatedAt        string            `json:"updatedAt"`
		CreatedBy        *person           `json:"createdBy"`
		Doctors          []doctorOfPatient `json:"doctors"`
		History          []mapping         `json:"history"`
	}
	patients, err := rows(ctx, h, patientWhole, func(r *sql.Rows, p *patient) error {
		var born, created, updated time.Time
		var blood sql.NullString
		err := r.Scan(&p.id, &p.Name, &p.Email, &p.Phone, &born, &p.Address, &p.Gender, &blood, &p.EmergencyContact, &p.MedicalHistory, &p.author, &created, &updated)
		p.ID, p.DateOfBirth, p.Age, p.Gender, p.BloodGroup, p.CreatedAt, p.UpdatedAt = text(p.id), born.Format(time.DateOnly), age(born), upper(p.Gender), group(blood), instant(created), instant(updated)
		return err
	}, number(r.URL.Query(), "id"), user)
	if err != nil || len(patients) == 0 {
		return nil, err
	}
	p := &patients[0]
	assigned, err := h.doctorsOf(ctx, []int64{p.id}, user)
	if err != nil {
		return nil, err
	}
	p.Doctors = assigned[p.id]
	p.History, err = rows(ctx, h, mappingsHistory, func(r *sql.Rows, m *mapping) error {
		var id int64
		var begun time.Time
		var ended sql.NullTime
		err := r.Scan(&id, &m.doctor, &m.author, &m.IsActive, &begun, &ended, &m.Notes)
		m.ID, m.AssignedDate = text(id), instant(begun)
		if ended.Valid {
			at := instant(ended.Time)
			m.EndedAt = &at
		}
		return err
	}, p.id, user)
	if err != nil {
		return nil, err
	}
	authors, known := []int64{p.author}, []int64{}
	for _, m := range p.History {
		authors, known = append(authors, m.author), append(known, m.doctor)
	}
	people := map[string]*person{}
	users, err := rows(ctx, h, usersByID, func(r *sql.Rows, u *person) error {
		var id int64
		err := r.Scan(&id, &u.Email)
		u.ID = text(id)
		return err
	}, in(authors))
	if err != nil {
		return nil, err
	}
	for i := range users {
		people[users[i].ID] = &users[i]
	}
	doctors, err := h.doctors(ctx, known)
	p.CreatedBy = people[text(p.author)]
	for i := range p.History {
		m := &p.History[i]
		m.CreatedBy = people[text(m.author)]
		if d := doctors[m.doctor]; d != nil {
			m.Doctor = &named{d.ID, d.Name}
		}
	}
	return map[string]any{"patient": p}, err
}

func (h *hand) overview(ctx context.Context, user int, _ *http.Request) (any, error) {
	type viewer struct {
		Username string `json:"username"`
		Role     string `json:"role"`
		IsStaff  bool   `json:"isStaff"`
	}
	type stat struct {
		Specialization string `json:"specialization"`
		DoctorCount    int    `json:"doctorCount"`
		PatientCount   int    `json:"activePatientCount"`
		Average        string `json:"averageConsultationFee"`
	}
	type named struct {
		ID             string `json:"id"`
		Name           string `json:"name"`
		Specialization string `json:"specialization,omitempty"`
	}
	type mapping struct {
		patient, doctor int64
		ID              string `json:"id"`
		AssignedDate    string `json:"assignedDate"`
		Patient         *named `json:"patient"`
		Doctor          *named `json:"doctor"`
	}
	var answer struct {
		Viewer viewer `json:"viewer"`
		Stats  []stat `json:"specializationStats"`
		Recent struct {
			Nodes []mapping `json:"nodes"`
		} `json:"recent"`
		Unassigned struct {
			TotalCount int `json:"totalCount"`
		} `json:"unassigned"`
	}
	viewers, err := rows(ctx, h, viewerRow, func(r *sql.Rows, v *viewer) error {
		var id int64
		var email string
		err := r.Scan(&id, &v.Username, &email, &v.Role, &v.IsStaff)
		v.Role = upper(v.Role)
		return err
	}, user)
	if err != nil || len(viewers) == 0 {
		return nil, err
	}
	answer.Viewer = viewers[0]
	if answer.Stats, err = rows(ctx, h, doctorsGroups, func(r *sql.Rows, s *stat) error {
		var mean float64
		err := r.Scan(&s.Specialization, &s.DoctorCount, &mean)
		s.Average = rupees(int64(mean + 0.5))
		return err
	}); err != nil {
		return nil, err
	}
	type group struct {
		specialization string
		count          int
	}
	groups, err := rows(ctx, h, mappingsGroups, func(r *sql.Rows, g *group) error { return r.Scan(&g.specialization, &g.count) }, user)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, g := range groups {
		counts[g.specialization] = g.count
	}
	for i := range answer.Stats {
		answer.Stats[i].PatientCount = counts[answer.Stats[i].Specialization]
	}
	slices.SortFunc(answer.Stats, func(a, b stat) int {
		return cmp.Or(cmp.Compare(b.DoctorCount, a.DoctorCount), cmp.Compare(a.Specialization, b.Specialization))
	})
	if answer.Recent.Nodes, err = rows(ctx, h, mappingsRecent, func(r *sql.Rows, m *mapping) error {
		var id int64
		var begun time.Time
		err := r.Scan(&id, &m.patient, &m.doctor, &begun)
		m.ID, m.AssignedDate = text(id), instant(begun)
		return err
	}, user); err != nil {
		return nil, err
	}
	var patientIDs, doctorIDs []int64
	for _, m := range answer.Recent.Nodes {
		patientIDs, doctorIDs = append(patientIDs, m.patient), append(doctorIDs, m.doctor)
	}
	patients, err := rows(ctx, h, patientsByID, func(r *sql.Rows, p *named) error { return r.Scan(&p.ID, &p.Name) }, in(patientIDs), user)
	if err != nil {
		return nil, err
	}
	doctors, err := h.doctors(ctx, doctorIDs)
	if err != nil {
		return nil, err
	}
	for i := range answer.Recent.Nodes {
		m := &answer.Recent.Nodes[i]
		for j := range patients {
			if patients[j].ID == text(m.patient) {
				m.Patient = &patients[j]
			}
		}
		if d := doctors[m.doctor]; d != nil {
			m.Doctor = &named{d.ID, d.Name, d.Specialization}
		}
	}
	answer.Unassigned.TotalCount, err = h.count(ctx, patientsFree, user)
	return &answer, err
}

func (h *hand) doctorDirectory(ctx context.Context, user int, r *http.Request) (any, error) {
	type counted struct {
		TotalCount int `json:"totalCount"`
	}
	type doctor struct {
		id              int64
		ID              string  `json:"id"`
		Name            string  `json:"name"`
		Specialization  string  `json:"specialization"`
		ExperienceYears int     `json:"experienceYears"`
		ConsultationFee string  `json:"consultationFee"`
		Availability    *string `json:"availability"`
		Address         *string `json:"address"`
		Patients        counted `json:"patients"`
	}
	type fullInfo struct {
		pageInfo
		HasPreviousPage bool    `json:"hasPreviousPage"`
		StartCursor     *string `json:"startCursor"`
	}
	var answer struct {
		Doctors struct {
			TotalCount int      `json:"totalCount"`
			PageInfo   fullInfo `json:"pageInfo"`
			Nodes      []doctor `json:"nodes"`
		} `json:"doctors"`
	}
	size := number(r.URL.Query(), "first")
	doctors, err := rows(ctx, h, doctorsPage, func(r *sql.Rows, d *doctor) error {
		var fee int64
		err := r.Scan(&d.id, &d.Name, &d.Specialization, &d.ExperienceYears, &fee, &d.Availability, &d.Address)
		d.ID, d.ConsultationFee = text(d.id), rupees(fee)
		return err
	}, size+1)
	if err != nil {
		return nil, err
	}
	position := func(d *doctor) string { return fmt.Sprint(d.ExperienceYears, " ", d.id) }
	doctors, answer.Doctors.PageInfo.pageInfo = cut(doctors, size, position)
	if len(doctors) > 0 {
		start := cursor(position(&doctors[0]))
		answer.Doctors.PageInfo.StartCursor = &start
	}
	ids, at := make([]int64, len(doctors)), make(map[int64]int, len(doctors))
	for i, d := range doctors {
		ids[i], at[d.id] = d.id, i
	}
	type group struct {
		doctor int64
		count  int
	}
	groups, err := rows(ctx, h, mappingsOfMany, func(r *sql.Rows, g *group) error { return r.Scan(&g.doctor, &g.count) }, in(ids), user)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		doctors[at[g.doctor]].Patients.TotalCount = g.count
	}
	answer.Doctors.Nodes = doctors
	answer.Doctors.TotalCount, err = h.count(ctx, doctorsCount)
	return &answer, err
}

func (h *hand) patientSearch(ctx context.Context, user int, r *http.Request) (any, error) {
	type patient struct {
		id          int64
		ID          string            `json:"id"`
		Name        string            `json:"name"`
		Phone       string            `json:"phone"`
		DateOfBirth string            `json:"dateOfBirth"`
		Gender      string            `json:"gender"`
		Doctors     []doctorOfPatient `json:"doctors"`
	}
	query := r.URL.Query()
	patients, err := rows(ctx, h, patientsSearch, func(r *sql.Rows, p *patient) error {
		var born time.Time
		err := r.Scan(&p.id, &p.Name, &p.Phone, &born, &p.Gender)
		p.ID, p.DateOfBirth, p.Gender = text(p.id), born.Format(time.DateOnly), upper(p.Gender)
		return err
	}, user, "%"+query.Get("q")+"%", number(query, "first"))
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(patients))
	for i, p := range patients {
		ids[i] = p.id
	}
	assigned, err := h.doctorsOf(ctx, ids, user)
	for i := range patients {
		p := &patients[i]
		p.Doctors = append([]doctorOfPatient{}, assigned[p.id]...)
		for j := range p.Doctors {
			p.Doctors[j].Specialization, p.Doctors[j].Phone = "", nil
		}
	}
	return map[string]any{"patients": map[string]any{"nodes": patients}}, err
}

func (h *hand) patient(ctx context.Context, user int, r *http.Request) (any, error) {
	type patient struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		Phone  string `json:"phone"`
		Gender string `json:"gender"`
	}
	var answer struct {
		Patient patient `json:"patient"`
	}
	p := &answer.Patient
	err := h.statements[patientShort].QueryRowContext(ctx, number(r.URL.Query(), "id"), user).Scan(&p.ID, &p.Name, &p.Phone, &p.Gender)
	p.Gender = upper(p.Gender)
	return &answer, err
}

func (h *hand) assignDoctor(ctx context.Context, user int, r *http.Request) (any, error) {
	var input struct {
		PatientID int64   `json:"patientId"`
		DoctorID  int64   `json:"doctorId"`
		Notes     *string `json:"notes"`
	}
	if err := json.NewDecoder(r.Body).Decode(&input); err != nil {
		return nil, err
	}
	type counted struct {
		TotalCount int `json:"totalCount"`
	}
	type doctor struct {
		ID       string  `json:"id"`
		Name     string  `json:"name"`
		Patients counted `json:"patients"`
	}
	type patient struct {
		ID      string            `json:"id"`
		Doctors []doctorOfPatient `json:"doctors"`
	}
	type mapping struct {
		ID           string  `json:"id"`
		Notes        *string `json:"notes"`
		IsActive     bool    `json:"isActive"`
		AssignedDate string  `json:"assignedDate"`
		Doctor       doctor  `json:"doctor"`
		Patient      patient `json:"patient"`
	}
	m := mapping{Notes: input.Notes, IsActive: true, Patient: patient{ID: text(input.PatientID), Doctors: []doctorOfPatient{}}}
	err := h.transaction(ctx, func(one func(statement string, args ...any) *sql.Row, many func(statement string, args ...any) (*sql.Rows, error)) error {
		var id, locked int64
		if err := one(doctorLocked, input.DoctorID).Scan(&locked); err != nil {
			return err
		}
		if err := one(patientLocked, input.PatientID, user).Scan(&locked); err != nil {
			return err
		}
		now := time.Now().UTC().Truncate(time.Microsecond)
		if err := one(mappingInserted, now, input.Notes, user, input.PatientID, input.DoctorID).Scan(&id); err != nil {
			return err
		}
		m.ID, m.AssignedDate = text(id), instant(now)
		var specialization string
		if err := one(doctorRow, input.DoctorID).Scan(&m.Doctor.ID, &m.Doctor.Name, &specialization); err != nil {
			return err
		}
		if err := one(mappingsOfOne, input.DoctorID, user).Scan(&m.Doctor.Patients.TotalCount); err != nil {
			return err
		}
		found, err := many(doctorsOfMany, in([]int64{input.PatientID}), user)
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			var d doctorOfPatient
			var phone *string
			if err := found.Scan(&d.patient, &d.ID, &d.Name, &d.Specialization, &phone); err != nil {
				return err
			}
			m.Patient.Doctors = append(m.Patient.Doctors, d)
		}
		return found.Err()
	})
	return map[string]any{"assignDoctor": m}, err
}

func (h *hand) createPatient(ctx context.Context, user int, r *http.Request) (any, error) {
	var input struct {
		Name           string  `json:"name"`
		Email          string  `json:"email"`
		Phone          string  `json:"phone"`
		DateOfBirth    string  `json:"dateOfBirth"`
		Address        string  `json:"address"`
		Gender         string  `json:"gender"`
		MedicalHistory *string `json:"medicalHistory"`
	}
	if err := json.NewDecoder(r.Body).Decode(&input); err != nil {
		return nil, err
	}
	type patient struct {
		ID        string `json:"id"`
		Name      string `json:"name"`
		CreatedAt string `json:"createdAt"`
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	p := patient{Name: input.Name, CreatedAt: instant(now)}
	err := h.transaction(ctx, func(one func(statement string, args ...any) *sql.Row, _ func(statement string, args ...any) (*sql.Rows, error)) error {
		return one(patientInserted, now, input.Name, strings.ToLower(input.Name), input.Email, input.Phone, input.DateOfBirth,
			input.Address, strings.ToLower(input.Gender), input.MedicalHistory, user).Scan(&p.ID)
	})
	return map[string]any{"createPatient": p}, err
}

func (h *hand) updatePatient(ctx context.Context, user int, r *http.Request) (any, error) {
	var input struct {
		Phone string `json:"phone"`
	}
	if err := json.NewDecoder(r.Body).Decode(&input); err != nil {
		return nil, err
	}
	type patient struct {
		ID        string `json:"id"`
		Phone     string `json:"phone"`
		UpdatedAt string `json:"updatedAt"`
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	p := patient{Phone: input.Phone, UpdatedAt: instant(now)}
	err := h.transaction(ctx, func(one func(statement string, args ...any) *sql.Row, _ func(statement string, args ...any) (*sql.Rows, error)) error {
		return one(patientUpdated, p.Phone, now, user, user).Scan(&p.ID)
	})
	return map[string]any{"updatePatient": p}, err
}

// transaction runs prepared statements in one transaction.
func (h *hand) transaction(ctx context.Context, f func(one func(string, ...any) *sql.Row, many func(string, ...any) (*sql.Rows, error)) error) error {
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	err = f(func(statement string, args ...any) *sql.Row {
		return tx.StmtContext(ctx, h.statements[statement]).QueryRowContext(ctx, args...)
	}, func(statement string, args ...any) (*sql.Rows, error) {
		return tx.StmtContext(ctx, h.statements[statement]).QueryContext(ctx, args...)
	})
	if err != nil {
		return err
	}
	return tx.Commit()
}
