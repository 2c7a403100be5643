CREATE INDEX CONCURRENTLY patient_created_by_id_clinic_id ON patients (created_by_id, clinic_id);
