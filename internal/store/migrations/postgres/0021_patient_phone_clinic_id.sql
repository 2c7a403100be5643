CREATE INDEX CONCURRENTLY patient_phone_clinic_id ON patients (phone, clinic_id) WHERE deleted_at IS NULL;
