CREATE INDEX CONCURRENTLY patient_email_clinic_id ON patients (email, clinic_id) WHERE deleted_at IS NULL;
