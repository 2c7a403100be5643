-- A search reads the first names in order, with what else is searched for, from the index alone.
CREATE INDEX patient_name ON patients (name_key, id) INCLUDE (phone, email) WHERE deleted_at IS NULL;
CREATE INDEX patient_created_by_id_name ON patients (created_by_id, name_key, id) INCLUDE (phone, email) WHERE deleted_at IS NULL;
DROP INDEX patient_name_key_id;
DROP INDEX patient_created_by_id_name_key_id;
ALTER INDEX patient_name RENAME TO patient_name_key_id;
ALTER INDEX patient_created_by_id_name RENAME TO patient_created_by_id_name_key_id;
