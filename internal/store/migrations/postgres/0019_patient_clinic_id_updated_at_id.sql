CREATE INDEX CONCURRENTLY patient_clinic_id_updated_at_id ON patients (clinic_id, updated_at, id) WHERE deleted_at IS NULL;
