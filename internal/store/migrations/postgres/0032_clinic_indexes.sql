-- locks: users, patients, mappings
-- In the place of the owner's indexes are those of the clinic. PostgreSQL believes the constraints, so that it need not look for a NULL.
ALTER TABLE users ALTER COLUMN clinic_id SET NOT NULL, DROP CONSTRAINT users_in_clinic;
ALTER TABLE patients ALTER COLUMN clinic_id SET NOT NULL, DROP CONSTRAINT patients_in_clinic;
ALTER TABLE mappings ALTER COLUMN clinic_id SET NOT NULL, DROP CONSTRAINT mappings_in_clinic;
DROP INDEX patient_created_by_id_created_at_id, patient_created_by_id_updated_at_id, patient_created_by_id_date_of_birth_id, patient_owner_name, patient_phone_created_by_id, patient_email_created_by_id;
DROP INDEX mapping_owner_id_assigned_date_id, mapping_owner_id_created_at_id, mapping_owner_id_patient_id_is_active_deleted_at_doctor_id_id, mapping_doctor_id_owner_id_is_active_deleted_at_patient_id_id, mapping_created_by_id_owner_id;
