package main

import (
	"context"
	"net/http"
)

// The statements of the sql floor. They put the same word for every position in
// a list: the floor is not asked for the next page.
const sqlMyPatientsWithDoctors = `
SELECT json_build_object('data', json_build_object(
  'viewer', (SELECT json_build_object('id', id::text, 'email', email, 'role', upper(role)) FROM users WHERE id = $1),
  'patients', json_build_object(
    'totalCount', (SELECT count(*) FROM patients WHERE clinic_id = $1 AND deleted_at IS NULL),
    'pageInfo', json_build_object(
      'hasNextPage', (SELECT count(*) FROM (SELECT FROM patients WHERE clinic_id = $1 AND deleted_at IS NULL LIMIT $2::int + 1) few) > $2::int,
      'endCursor', 'cursor'),
    'nodes', (SELECT coalesce(json_agg(json_build_object(
        'id', p.id::text, 'name', p.name, 'phone', p.phone, 'gender', upper(p.gender), 'bloodGroup', replace(replace(p.blood_group, '+', '_POSITIVE'), '-', '_NEGATIVE'),
        'age', extract(year FROM age((now() AT TIME ZONE INTERVAL '5:30')::date, p.date_of_birth)), 'updatedAt', to_char(p.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'mappings', (SELECT coalesce(json_agg(json_build_object(
            'id', m.id::text, 'notes', m.notes, 'assignedDate', to_char(m.assigned_date AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'doctor', json_build_object('id', d.id::text, 'name', d.name, 'specialization', d.specialization,
              'consultationFee', to_char(d.consultation_fee / 100.0, 'FM999990.00'), 'availability', d.availability))
          ORDER BY m.assigned_date DESC, m.id DESC), '[]')
          FROM mappings m JOIN doctors d ON d.id = m.doctor_id
          WHERE m.patient_id = p.id AND m.clinic_id = $1 AND m.is_active AND m.deleted_at IS NULL))
      ORDER BY p.created_at DESC, p.id DESC), '[]')
      FROM (SELECT * FROM patients WHERE clinic_id = $1 AND deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT $2::int) p))))`

const sqlDoctorCaseload = `
SELECT json_build_object('data', json_build_object('doctor', (SELECT json_build_object(
  'id', d.id::text, 'name', d.name, 'specialization', d.specialization,
  'patients', json_build_object(
    'totalCount', (SELECT count(*) FROM mappings WHERE doctor_id = d.id AND clinic_id = $1 AND is_active AND deleted_at IS NULL),
    'pageInfo', json_build_object('hasNextPage', (SELECT count(*) FROM mappings WHERE doctor_id = d.id AND clinic_id = $1 AND is_active AND deleted_at IS NULL) > $3::int, 'endCursor', 'cursor'),
    'edges', (SELECT coalesce(json_agg(json_build_object('cursor', 'cursor', 'node', json_build_object(
        'id', p.id::text, 'name', p.name, 'age', extract(year FROM age((now() AT TIME ZONE INTERVAL '5:30')::date, p.date_of_birth)), 'gender', upper(p.gender),
        'bloodGroup', replace(replace(p.blood_group, '+', '_POSITIVE'), '-', '_NEGATIVE'), 'phone', p.phone,
        'doctors', (SELECT coalesce(json_agg(json_build_object('id', o.id::text, 'name', o.name, 'specialization', o.specialization) ORDER BY o.name_key, o.id), '[]')
          FROM mappings n JOIN doctors o ON o.id = n.doctor_id
          WHERE n.patient_id = p.id AND n.clinic_id = $1 AND n.is_active AND n.deleted_at IS NULL AND o.deleted_at IS NULL)))
      ORDER BY p.name_key, p.id), '[]')
      FROM (SELECT p.* FROM mappings m JOIN patients p ON p.id = m.patient_id AND p.clinic_id = m.clinic_id
        WHERE m.doctor_id = d.id AND m.clinic_id = $1 AND m.is_active AND m.deleted_at IS NULL AND p.deleted_at IS NULL
        ORDER BY p.name_key, p.id LIMIT $3::int) p)))
  FROM doctors d WHERE d.id = $2::bigint AND d.deleted_at IS NULL)))`

const sqlPatientChart = `
SELECT json_build_object('data', json_build_object('patient', (SELECT json_build_object(
  'id', p.id::text, 'name', p.name, 'email', p.email, 'phone', p.phone, 'dateOfBirth', p.date_of_birth, 'age', extract(year FROM age((now() AT TIME ZONE INTERVAL '5:30')::date, p.date_of_birth)),
  'address', p.address, 'gender', upper(p.gender), 'bloodGroup', replace(replace(p.blood_group, '+', '_POSITIVE'), '-', '_NEGATIVE'),
  'emergencyContact', p.emergency_contact, 'medicalHistory', p.medical_history,
  'createdAt', to_char(p.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'updatedAt', to_char(p.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  'createdBy', (SELECT json_build_object('id', id::text, 'email', email) FROM users WHERE id = p.created_by_id),
  'doctors', (SELECT coalesce(json_agg(json_build_object('id', d.id::text, 'name', d.name, 'specialization', d.specialization, 'phone', d.phone) ORDER BY d.name_key, d.id), '[]')
    FROM mappings m JOIN doctors d ON d.id = m.doctor_id
    WHERE m.patient_id = p.id AND m.clinic_id = $1 AND m.is_active AND m.deleted_at IS NULL AND d.deleted_at IS NULL),
  'history', (SELECT coalesce(json_agg(json_build_object(
      'id', m.id::text, 'isActive', m.is_active, 'assignedDate', to_char(m.assigned_date AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
      'endedAt', to_char(m.ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'notes', m.notes,
      'doctor', json_build_object('id', d.id::text, 'name', d.name), 'createdBy', json_build_object('id', u.id::text, 'email', u.email))
    ORDER BY m.assigned_date DESC, m.id DESC), '[]')
    FROM mappings m JOIN doctors d ON d.id = m.doctor_id JOIN users u ON u.id = m.created_by_id
    WHERE m.patient_id = p.id AND m.clinic_id = $1 AND m.deleted_at IS NULL))
  FROM patients p WHERE p.id = $2::bigint AND p.clinic_id = $1 AND p.deleted_at IS NULL)))`

const sqlOverview = `
SELECT json_build_object('data', json_build_object(
  'viewer', (SELECT json_build_object('username', username, 'role', upper(role), 'isStaff', is_staff) FROM users WHERE id = $1),
  'specializationStats', (SELECT coalesce(json_agg(json_build_object('specialization', d.specialization, 'doctorCount', d.n,
      'activePatientCount', coalesce(m.n, 0), 'averageConsultationFee', to_char(d.mean / 100.0, 'FM999990.00')) ORDER BY d.n DESC, d.specialization COLLATE "C"), '[]')
    FROM (SELECT specialization, count(*) n, round(avg(consultation_fee)) mean FROM doctors WHERE deleted_at IS NULL GROUP BY specialization) d
    LEFT JOIN (SELECT d.specialization, count(DISTINCT m.patient_id) n FROM mappings m JOIN doctors d ON d.id = m.doctor_id
      WHERE m.clinic_id = $1 AND m.is_active AND m.deleted_at IS NULL GROUP BY d.specialization) m USING (specialization)),
  'recent', json_build_object('nodes', (SELECT coalesce(json_agg(json_build_object(
      'id', m.id::text, 'assignedDate', to_char(m.assigned_date AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
      'patient', json_build_object('id', p.id::text, 'name', p.name), 'doctor', json_build_object('id', d.id::text, 'name', d.name, 'specialization', d.specialization))
    ORDER BY m.assigned_date DESC, m.id DESC), '[]')
    FROM (SELECT * FROM mappings WHERE clinic_id = $1 AND is_active AND deleted_at IS NULL ORDER BY assigned_date DESC, id DESC LIMIT 5) m
    JOIN patients p ON p.id = m.patient_id JOIN doctors d ON d.id = m.doctor_id)),
  'unassigned', json_build_object('totalCount', (SELECT count(*) FROM patients p WHERE clinic_id = $1 AND deleted_at IS NULL
    AND NOT EXISTS (SELECT FROM mappings WHERE patient_id = p.id AND clinic_id = $1 AND is_active)))))`

const sqlDoctorDirectory = `
SELECT json_build_object('data', json_build_object('doctors', json_build_object(
  'totalCount', (SELECT count(*) FROM doctors WHERE deleted_at IS NULL),
  'pageInfo', json_build_object('hasNextPage', (SELECT count(*) FROM (SELECT FROM doctors WHERE deleted_at IS NULL LIMIT $2::int + 1) few) > $2::int,
    'hasPreviousPage', false, 'startCursor', 'cursor', 'endCursor', 'cursor'),
  'nodes', (SELECT coalesce(json_agg(json_build_object(
      'id', d.id::text, 'name', d.name, 'specialization', d.specialization, 'experienceYears', d.experience_years,
      'consultationFee', to_char(d.consultation_fee / 100.0, 'FM999990.00'), 'availability', d.availability, 'address', d.address,
      'patients', json_build_object('totalCount', (SELECT count(*) FROM mappings WHERE doctor_id = d.id AND clinic_id = $1 AND is_active AND deleted_at IS NULL)))
    ORDER BY d.experience_years DESC, d.id DESC), '[]')
    FROM (SELECT * FROM doctors WHERE deleted_at IS NULL ORDER BY experience_years DESC, id DESC LIMIT $2::int) d))))`

const sqlPatientSearch = `
SELECT json_build_object('data', json_build_object('patients', json_build_object('nodes', (SELECT coalesce(json_agg(json_build_object(
    'id', p.id::text, 'name', p.name, 'phone', p.phone, 'dateOfBirth', p.date_of_birth, 'gender', upper(p.gender),
    'doctors', (SELECT coalesce(json_agg(json_build_object('id', d.id::text, 'name', d.name) ORDER BY d.name_key, d.id), '[]')
      FROM mappings m JOIN doctors d ON d.id = m.doctor_id
      WHERE m.patient_id = p.id AND m.clinic_id = $1 AND m.is_active AND m.deleted_at IS NULL AND d.deleted_at IS NULL))
  ORDER BY p.name_key, p.id), '[]')
  FROM (SELECT * FROM patients WHERE clinic_id = $1 AND deleted_at IS NULL
    AND (coalesce(name_key, '') || ' ' || coalesce(phone, '') || ' ' || coalesce(email, '')) LIKE '%' || $2 || '%' ORDER BY name_key, id LIMIT $3::int) p))))`

const sqlPatient = `
SELECT json_build_object('data', json_build_object('patient', (SELECT json_build_object('id', id::text, 'name', name, 'phone', phone, 'gender', upper(gender))
  FROM patients WHERE id = $2::bigint AND created_by_id = $1 AND deleted_at IS NULL)))`

var sqlStatements = []string{sqlMyPatientsWithDoctors, sqlDoctorCaseload, sqlPatientChart, sqlOverview, sqlDoctorDirectory, sqlPatientSearch, sqlPatient}

// built answers with what the statement builds for the user, $1, and the
// variables of these names, $2 and on.
func built(statement string, names ...string) floor {
	return func(h *hand, ctx context.Context, user int, r *http.Request) (any, error) {
		args := []any{user}
		query := r.URL.Query()
		for _, name := range names {
			args = append(args, query.Get(name))
		}
		var answer []byte
		err := h.statements[statement].QueryRowContext(ctx, args...).Scan(&answer)
		return answer, err
	}
}
