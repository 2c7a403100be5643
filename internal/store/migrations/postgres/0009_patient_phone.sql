CREATE INDEX CONCURRENTLY patient_phone_created_by_id ON patients (phone, created_by_id) WHERE deleted_at IS NULL;
