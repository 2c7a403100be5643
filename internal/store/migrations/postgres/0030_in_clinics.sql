-- locks: users, patients, mappings
-- Every row has a clinic by now. The next migration looks, without a lock that anybody waits for.
ALTER TABLE users ADD CONSTRAINT users_in_clinic CHECK (clinic_id IS NOT NULL) NOT VALID,
  ADD CONSTRAINT users_clinic_role_valid CHECK (clinic_role IN ('admin', 'member')) NOT VALID,
  ADD CONSTRAINT users_clinics_members FOREIGN KEY (clinic_id) REFERENCES clinics (id) ON DELETE NO ACTION NOT VALID;
ALTER TABLE patients ADD CONSTRAINT patients_in_clinic CHECK (clinic_id IS NOT NULL) NOT VALID,
  ADD CONSTRAINT patients_clinics_patients FOREIGN KEY (clinic_id) REFERENCES clinics (id) ON DELETE NO ACTION NOT VALID,
  ADD CONSTRAINT patients_users_records FOREIGN KEY (account_id) REFERENCES users (id) ON DELETE SET NULL NOT VALID;
ALTER TABLE mappings ADD CONSTRAINT mappings_in_clinic CHECK (clinic_id IS NOT NULL) NOT VALID;
