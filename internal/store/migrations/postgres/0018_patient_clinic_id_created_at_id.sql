CREATE INDEX CONCURRENTLY patient_clinic_id_created_at_id ON patients (clinic_id, created_at, id) WHERE deleted_at IS NULL;
