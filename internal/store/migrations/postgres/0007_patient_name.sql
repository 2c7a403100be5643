CREATE INDEX CONCURRENTLY patient_name ON patients (name_key, id) INCLUDE (phone, email, name_sound) WHERE deleted_at IS NULL;
