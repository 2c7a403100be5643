CREATE INDEX CONCURRENTLY patient_email_created_by_id ON patients (email, created_by_id) WHERE deleted_at IS NULL;
