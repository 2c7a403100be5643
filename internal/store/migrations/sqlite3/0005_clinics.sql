-- Records belong to clinics, no longer to the user who made them. Every user begins in a clinic of its own, as its admin.
CREATE TABLE clinics (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  name text NOT NULL,
  created_at datetime NOT NULL,
  CONSTRAINT clinics_name_valid CHECK (length(name) BETWEEN 1 AND 100)
);
INSERT INTO clinics (id, name, created_at) SELECT id, substr(username, 1, 100), date_joined FROM users;

-- SQLite cannot let a column be NOT NULL afterwards: the tables are made anew, while nothing refers to them.
CREATE TEMP TABLE kept_users AS SELECT * FROM users;
CREATE TEMP TABLE kept_sessions AS SELECT * FROM sessions;
CREATE TEMP TABLE kept_patients AS SELECT * FROM patients;
CREATE TEMP TABLE kept_mappings AS SELECT * FROM mappings;
CREATE TEMP TABLE kept_sequence AS SELECT * FROM sqlite_sequence;
DROP TABLE mappings;
DROP TABLE patients;
DELETE FROM sessions;
DROP TABLE users;
CREATE TABLE users (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  username text NOT NULL,
  username_key text NOT NULL DEFAULT (''),
  email text NOT NULL,
  phone text NULL,
  role text NOT NULL,
  clinic_id integer NOT NULL,
  clinic_role text NOT NULL DEFAULT ('admin'),
  password_hash text NOT NULL,
  is_active bool NOT NULL DEFAULT (true),
  is_staff bool NOT NULL DEFAULT (false),
  date_joined datetime NOT NULL,
  last_login datetime NULL,
  CONSTRAINT users_clinics_members FOREIGN KEY (clinic_id) REFERENCES clinics (id) ON DELETE NO ACTION,
  CONSTRAINT users_clinic_role_valid CHECK (clinic_role IN ('admin', 'member')),
  CONSTRAINT users_username_valid CHECK (length(username) BETWEEN 1 AND 150),
  CONSTRAINT users_email_valid CHECK (length(email) BETWEEN 1 AND 254),
  CONSTRAINT users_phone_valid CHECK (length(phone) BETWEEN 1 AND 32),
  CONSTRAINT users_role_valid CHECK (role IN ('patient', 'doctor')),
  CONSTRAINT users_password_hash_valid CHECK (length(password_hash) <= 512)
);
CREATE UNIQUE INDEX users_username_key ON users (username);
CREATE UNIQUE INDEX users_email_key ON users (email);
CREATE UNIQUE INDEX users_phone_key ON users (phone);
CREATE INDEX user_username_key_id ON users (username_key, id);
CREATE INDEX user_date_joined_id ON users (date_joined, id);
CREATE INDEX user_clinic_id_date_joined_id ON users (clinic_id, date_joined, id);
INSERT INTO users (id, username, username_key, email, phone, role, password_hash, is_active, is_staff, date_joined, last_login, clinic_id) SELECT id, username, username_key, email, phone, role, password_hash, is_active, is_staff, date_joined, last_login, id FROM kept_users;
INSERT INTO sessions SELECT * FROM kept_sessions;
CREATE TABLE patients (
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
  clinic_id integer NOT NULL,
  created_by_id integer NOT NULL,
  account_id integer NULL,
  CONSTRAINT patients_clinics_patients FOREIGN KEY (clinic_id) REFERENCES clinics (id) ON DELETE NO ACTION,
  CONSTRAINT patients_users_patients FOREIGN KEY (created_by_id) REFERENCES users (id) ON DELETE NO ACTION,
  CONSTRAINT patients_users_records FOREIGN KEY (account_id) REFERENCES users (id) ON DELETE SET NULL,
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
CREATE INDEX patient_name ON patients (name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_created_at_id ON patients (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_updated_at_id ON patients (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_date_of_birth_id ON patients (date_of_birth, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_clinic_name ON patients (clinic_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_clinic_id_created_at_id ON patients (clinic_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_clinic_id_updated_at_id ON patients (clinic_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_clinic_id_date_of_birth_id ON patients (clinic_id, date_of_birth, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_phone_clinic_id ON patients (phone, clinic_id) WHERE deleted_at IS NULL;
CREATE INDEX patient_email_clinic_id ON patients (email, clinic_id) WHERE deleted_at IS NULL;
CREATE INDEX patient_account_id ON patients (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX patient_created_by_id_clinic_id ON patients (created_by_id, clinic_id);
INSERT INTO patients (id, created_at, updated_at, deleted_at, name, name_key, name_sound, email, phone, date_of_birth, birth_date_estimated, address, gender, blood_group, emergency_contact, medical_history, created_by_id, clinic_id) SELECT id, created_at, updated_at, deleted_at, name, name_key, name_sound, email, phone, date_of_birth, birth_date_estimated, address, gender, blood_group, emergency_contact, medical_history, created_by_id, created_by_id FROM kept_patients;
CREATE TABLE mappings (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  created_at datetime NOT NULL,
  updated_at datetime NOT NULL,
  deleted_at datetime NULL,
  notes text NULL,
  is_active bool NOT NULL DEFAULT (true),
  assigned_date datetime NOT NULL,
  ended_at datetime NULL,
  doctor_id integer NOT NULL,
  patient_id integer NOT NULL,
  clinic_id integer NOT NULL,
  created_by_id integer NOT NULL,
  CONSTRAINT mappings_doctors_mappings FOREIGN KEY (doctor_id) REFERENCES doctors (id) ON DELETE NO ACTION,
  CONSTRAINT mappings_patients_mappings FOREIGN KEY (patient_id) REFERENCES patients (id) ON DELETE NO ACTION,
  CONSTRAINT mappings_users_created_mappings FOREIGN KEY (created_by_id) REFERENCES users (id) ON DELETE NO ACTION,
  CONSTRAINT mappings_notes_valid CHECK (length(notes) <= 20000),
  CONSTRAINT mappings_ended_at_valid CHECK ((ended_at IS NULL) = is_active)
);
CREATE UNIQUE INDEX mapping_patient_id_doctor_id ON mappings (patient_id, doctor_id) WHERE is_active;
CREATE INDEX mapping_patient_id_assigned_date_id ON mappings (patient_id, assigned_date, id);
CREATE INDEX mapping_assigned_date_id ON mappings (assigned_date, id);
CREATE INDEX mapping_created_at_id ON mappings (created_at, id);
CREATE INDEX mapping_clinic_id_assigned_date_id ON mappings (clinic_id, assigned_date, id);
CREATE INDEX mapping_clinic_id_created_at_id ON mappings (clinic_id, created_at, id);
CREATE INDEX mapping_clinic_patient ON mappings (clinic_id, patient_id, is_active, deleted_at, doctor_id, id);
CREATE INDEX mapping_doctor_clinic ON mappings (doctor_id, clinic_id, is_active, deleted_at, patient_id, id);
CREATE INDEX mapping_created_by_id_clinic_id ON mappings (created_by_id, clinic_id);
INSERT INTO mappings (id, created_at, updated_at, deleted_at, notes, is_active, assigned_date, ended_at, doctor_id, patient_id, created_by_id, clinic_id) SELECT id, created_at, updated_at, deleted_at, notes, is_active, assigned_date, ended_at, doctor_id, patient_id, created_by_id, owner_id FROM kept_mappings;
UPDATE sqlite_sequence SET seq = (SELECT max(k.seq, sqlite_sequence.seq) FROM kept_sequence k WHERE k.name = sqlite_sequence.name) WHERE name IN (SELECT name FROM kept_sequence);
INSERT INTO sqlite_sequence (name, seq) SELECT name, seq FROM kept_sequence k WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence s WHERE s.name = k.name);
DROP TABLE kept_users;
DROP TABLE kept_sessions;
DROP TABLE kept_patients;
DROP TABLE kept_mappings;
DROP TABLE kept_sequence;

CREATE TABLE practices (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  created_at datetime NOT NULL,
  clinic_id integer NOT NULL,
  doctor_id integer NOT NULL,
  user_id integer NOT NULL,
  CONSTRAINT practices_clinics_practices FOREIGN KEY (clinic_id) REFERENCES clinics (id) ON DELETE NO ACTION,
  CONSTRAINT practices_doctors_practices FOREIGN KEY (doctor_id) REFERENCES doctors (id) ON DELETE NO ACTION,
  CONSTRAINT practices_users_practices FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE NO ACTION
);
CREATE UNIQUE INDEX practice_doctor_id_clinic_id ON practices (doctor_id, clinic_id);
CREATE INDEX practice_user_id_clinic_id_doctor_id ON practices (user_id, clinic_id, doctor_id);
CREATE INDEX practice_clinic_id ON practices (clinic_id);
CREATE TABLE invitations (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  role text NULL,
  code_hash text NOT NULL,
  created_at datetime NOT NULL,
  expires_at datetime NOT NULL,
  ended_at datetime NULL,
  accepted_by_id integer NULL,
  clinic_id integer NOT NULL,
  doctor_id integer NULL,
  patient_id integer NULL,
  created_by_id integer NOT NULL,
  CONSTRAINT invitations_clinics_invitations FOREIGN KEY (clinic_id) REFERENCES clinics (id) ON DELETE NO ACTION,
  CONSTRAINT invitations_doctors_invitations FOREIGN KEY (doctor_id) REFERENCES doctors (id) ON DELETE SET NULL,
  CONSTRAINT invitations_patients_invitations FOREIGN KEY (patient_id) REFERENCES patients (id) ON DELETE SET NULL,
  CONSTRAINT invitations_users_invitations FOREIGN KEY (created_by_id) REFERENCES users (id) ON DELETE NO ACTION,
  CONSTRAINT invitations_role_valid CHECK (role IS NULL OR role IN ('admin', 'member') AND doctor_id IS NULL AND patient_id IS NULL),
  CONSTRAINT invitations_code_hash_valid CHECK (length(code_hash) = 64),
  CONSTRAINT invitations_ended_at_valid CHECK (accepted_by_id IS NULL OR ended_at IS NOT NULL)
);
CREATE UNIQUE INDEX invitations_code_hash_key ON invitations (code_hash);
CREATE INDEX invitation_clinic_id_created_at_id ON invitations (clinic_id, created_at, id);
