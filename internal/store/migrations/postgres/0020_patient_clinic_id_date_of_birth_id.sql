CREATE INDEX CONCURRENTLY patient_clinic_id_date_of_birth_id ON patients (clinic_id, date_of_birth, id) WHERE deleted_at IS NULL;
