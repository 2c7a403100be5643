CREATE INDEX CONCURRENTLY mapping_doctor_clinic ON mappings (doctor_id, clinic_id, is_active, deleted_at, patient_id, id);
