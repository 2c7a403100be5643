-- locks: doctors, patients
-- In their place are those of 0006 to 0008, which hold more.
DROP INDEX doctor_name_key_id, patient_name_key_id, patient_created_by_id_name_key_id;
