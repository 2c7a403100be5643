CREATE INDEX CONCURRENTLY mapping_clinic_patient ON mappings (clinic_id, patient_id, is_active, deleted_at, doctor_id, id);
