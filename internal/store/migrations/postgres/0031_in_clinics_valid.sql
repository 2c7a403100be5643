-- beside requests: users, patients, mappings
SET LOCAL statement_timeout = 0;
ALTER TABLE users VALIDATE CONSTRAINT users_in_clinic;
ALTER TABLE users VALIDATE CONSTRAINT users_clinic_role_valid;
ALTER TABLE users VALIDATE CONSTRAINT users_clinics_members;
ALTER TABLE patients VALIDATE CONSTRAINT patients_in_clinic;
ALTER TABLE patients VALIDATE CONSTRAINT patients_clinics_patients;
ALTER TABLE patients VALIDATE CONSTRAINT patients_users_records;
ALTER TABLE mappings VALIDATE CONSTRAINT mappings_in_clinic;
