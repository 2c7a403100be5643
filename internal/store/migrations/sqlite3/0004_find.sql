-- Names are found in other spellings, a patient may have no e-mail address, and its date of birth may be known by the year alone.
ALTER TABLE doctors ADD COLUMN name_sound text NOT NULL DEFAULT ('');
DROP INDEX doctor_name_key_id;
CREATE INDEX doctor_name ON doctors (name_key, id);
CREATE TABLE rekeyed (version integer PRIMARY KEY, checked_at datetime NOT NULL);

-- SQLite cannot let a column be NULL afterwards: the table is made anew, while nothing refers to it.
CREATE TEMP TABLE kept_mappings AS SELECT * FROM mappings;
DELETE FROM mappings;
CREATE TABLE patients_without_email (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  created_at datetime NOT NULL,
  updated_at datetime NOT NULL,
  deleted_at datetime NULL,
  name text NOT NULL,
  name_key text NOT NULL,
  name_sound text NOT NULL DEFAULT (''),
  email text NULL,
  phone text NOT NULL,
  date_of_birth date NOT NULL,
  birth_date_estimated bool NOT NULL DEFAULT (false),
  address text NOT NULL,
  gender text NOT NULL,
  blood_group text NULL,
  emergency_contact text NULL,
  medical_history text NULL,
  created_by_id integer NOT NULL,
  CONSTRAINT patients_users_patients FOREIGN KEY (created_by_id) REFERENCES users (id) ON DELETE NO ACTION,
  CONSTRAINT patients_name_valid CHECK (length(name) BETWEEN 1 AND 100),
  CONSTRAINT patients_email_valid CHECK (length(email) BETWEEN 1 AND 254),
  CONSTRAINT patients_phone_valid CHECK (length(phone) BETWEEN 1 AND 32),
  CONSTRAINT patients_date_of_birth_valid CHECK (date_of_birth >= '1880-01-01'),
  CONSTRAINT patients_address_valid CHECK (length(address) <= 20000),
  CONSTRAINT patients_gender_valid CHECK (gender IN ('male', 'female', 'other')),
  CONSTRAINT patients_blood_group_valid CHECK (blood_group IN ('A+', 'A-', 'B+', 'B-', 'AB+', 'AB-', 'O+', 'O-')),
  CONSTRAINT patients_emergency_contact_valid CHECK (length(emergency_contact) <= 20000),
  CONSTRAINT patients_medical_history_valid CHECK (length(medical_history) <= 20000)
);
INSERT INTO patients_without_email (id, created_at, updated_at, deleted_at, name, name_key, email, phone, date_of_birth, address, gender, blood_group, emergency_contact, medical_history, created_by_id)
  SELECT id, created_at, updated_at, deleted_at, name, name_key, email, phone, date_of_birth, address, gender, blood_group, emergency_contact, medical_history, created_by_id FROM patients;
UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'patients') WHERE name = 'patients_without_email';
DROP TABLE patients;
ALTER TABLE patients_without_email RENAME TO patients;
CREATE INDEX patient_created_by_id_created_at_id ON patients (created_by_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_created_at_id ON patients (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_created_by_id_updated_at_id ON patients (created_by_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_updated_at_id ON patients (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_owner_name ON patients (created_by_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_name ON patients (name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_created_by_id_date_of_birth_id ON patients (created_by_id, date_of_birth, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_date_of_birth_id ON patients (date_of_birth, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_phone_created_by_id ON patients (phone, created_by_id) WHERE deleted_at IS NULL;
CREATE INDEX patient_email_created_by_id ON patients (email, created_by_id) WHERE deleted_at IS NULL;
INSERT INTO mappings SELECT * FROM kept_mappings;
DROP TABLE kept_mappings;
