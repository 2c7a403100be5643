CREATE INDEX CONCURRENTLY patient_clinic_name ON patients (clinic_id, name_key, id) INCLUDE (phone, email, name_sound) WHERE deleted_at IS NULL;
