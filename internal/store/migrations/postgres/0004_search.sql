-- A search reads the first names in order from the index alone, with what else is searched for.
CREATE INDEX patient_name ON patients (name_key, id) INCLUDE (phone, email) WHERE deleted_at IS NULL;
CREATE INDEX patient_created_by_id_name ON patients (created_by_id, name_key, id) INCLUDE (phone, email) WHERE deleted_at IS NULL;
CREATE INDEX doctor_name ON doctors (name_key, id) INCLUDE (deleted_at, specialization_key);
CREATE INDEX user_username ON users (username_key, id) INCLUDE (phone, email);
DROP INDEX patient_name_key_id, patient_created_by_id_name_key_id, doctor_name_key_id, user_username_key_id;
ALTER INDEX patient_name RENAME TO patient_name_key_id;
ALTER INDEX patient_created_by_id_name RENAME TO patient_created_by_id_name_key_id;
ALTER INDEX doctor_name RENAME TO doctor_name_key_id;
ALTER INDEX user_username RENAME TO user_username_key_id;
