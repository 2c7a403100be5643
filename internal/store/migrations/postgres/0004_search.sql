-- locks: doctors, patients
-- A search reads the first rows by name from the index alone, with what else is searched for.
DROP INDEX doctor_name_key_id, patient_name_key_id, patient_created_by_id_name_key_id;
CREATE INDEX doctor_name_key_id ON doctors (name_key, id) INCLUDE (deleted_at, specialization_key);
CREATE INDEX patient_name_key_id ON patients (name_key, id) INCLUDE (phone, email) WHERE deleted_at IS NULL;
CREATE INDEX patient_created_by_id_name_key_id ON patients (created_by_id, name_key, id) INCLUDE (phone, email) WHERE deleted_at IS NULL;
