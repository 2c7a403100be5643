CREATE INDEX CONCURRENTLY patient_owner_name ON patients (created_by_id, name_key, id) INCLUDE (phone, email, name_sound) WHERE deleted_at IS NULL;
