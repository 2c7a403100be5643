-- The first tables. Text is bounded here too, beyond what the server checks: a row that breaks a rule is refused whoever writes it.
CREATE TABLE users (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  username text NOT NULL,
  email text NOT NULL,
  phone text NULL,
  role text NOT NULL,
  password_hash text NOT NULL,
  is_active bool NOT NULL DEFAULT (true),
  is_staff bool NOT NULL DEFAULT (false),
  date_joined datetime NOT NULL,
  last_login datetime NULL,
  CONSTRAINT users_username_valid CHECK (length(username) BETWEEN 1 AND 150),
  CONSTRAINT users_email_valid CHECK (length(email) BETWEEN 1 AND 254),
  CONSTRAINT users_phone_valid CHECK (length(phone) BETWEEN 1 AND 32),
  CONSTRAINT users_role_valid CHECK (role IN ('patient', 'doctor')),
  CONSTRAINT users_password_hash_valid CHECK (length(password_hash) <= 512)
);
CREATE UNIQUE INDEX users_username_key ON users (username);
CREATE UNIQUE INDEX users_email_key ON users (email);
CREATE UNIQUE INDEX users_phone_key ON users (phone);

CREATE TABLE doctors (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  created_at datetime NOT NULL,
  updated_at datetime NOT NULL,
  deleted_at datetime NULL,
  name text NOT NULL,
  name_key text NOT NULL,
  email text NOT NULL,
  phone text NULL,
  specialization text NOT NULL,
  specialization_key text NOT NULL,
  license_number text NOT NULL,
  experience_years integer NOT NULL,
  consultation_fee integer NOT NULL,
  address text NULL,
  availability text NULL,
  CONSTRAINT doctors_name_valid CHECK (length(name) BETWEEN 1 AND 100),
  CONSTRAINT doctors_email_valid CHECK (length(email) BETWEEN 1 AND 254),
  CONSTRAINT doctors_phone_valid CHECK (length(phone) BETWEEN 1 AND 32),
  CONSTRAINT doctors_specialization_valid CHECK (length(specialization) BETWEEN 1 AND 100),
  CONSTRAINT doctors_license_number_valid CHECK (length(license_number) BETWEEN 1 AND 50),
  CONSTRAINT doctors_experience_years_valid CHECK (experience_years BETWEEN 0 AND 70),
  CONSTRAINT doctors_consultation_fee_valid CHECK (consultation_fee BETWEEN 0 AND 10000000),
  CONSTRAINT doctors_address_valid CHECK (length(address) <= 20000),
  CONSTRAINT doctors_availability_valid CHECK (length(availability) <= 200)
);
CREATE UNIQUE INDEX doctor_license_number ON doctors (license_number) WHERE deleted_at IS NULL;
CREATE INDEX doctor_name_key_id ON doctors (name_key, id);
CREATE INDEX doctor_experience_years_id ON doctors (experience_years, id);
CREATE INDEX doctor_consultation_fee_id ON doctors (consultation_fee, id);
CREATE INDEX doctor_created_at_id ON doctors (created_at, id);
CREATE INDEX doctor_specialization ON doctors (specialization);

CREATE TABLE patients (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  created_at datetime NOT NULL,
  updated_at datetime NOT NULL,
  deleted_at datetime NULL,
  name text NOT NULL,
  name_key text NOT NULL,
  email text NOT NULL,
  phone text NOT NULL,
  date_of_birth date NOT NULL,
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
CREATE INDEX patient_created_by_id_created_at_id ON patients (created_by_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_created_at_id ON patients (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_created_by_id_updated_at_id ON patients (created_by_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_updated_at_id ON patients (updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_created_by_id_name_key_id ON patients (created_by_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_name_key_id ON patients (name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_created_by_id_date_of_birth_id ON patients (created_by_id, date_of_birth, id) WHERE deleted_at IS NULL;
CREATE INDEX patient_date_of_birth_id ON patients (date_of_birth, id) WHERE deleted_at IS NULL;

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
  owner_id integer NOT NULL,
  created_by_id integer NOT NULL,
  CONSTRAINT mappings_doctors_mappings FOREIGN KEY (doctor_id) REFERENCES doctors (id) ON DELETE NO ACTION,
  CONSTRAINT mappings_patients_mappings FOREIGN KEY (patient_id) REFERENCES patients (id) ON DELETE NO ACTION,
  CONSTRAINT mappings_users_mappings FOREIGN KEY (owner_id) REFERENCES users (id) ON DELETE NO ACTION,
  CONSTRAINT mappings_users_created_mappings FOREIGN KEY (created_by_id) REFERENCES users (id) ON DELETE NO ACTION,
  CONSTRAINT mappings_notes_valid CHECK (length(notes) <= 20000),
  CONSTRAINT mappings_ended_at_valid CHECK ((ended_at IS NULL) = is_active)
);
CREATE UNIQUE INDEX mapping_patient_id_doctor_id ON mappings (patient_id, doctor_id) WHERE is_active;
CREATE INDEX mapping_patient_id_assigned_date_id ON mappings (patient_id, assigned_date, id);
CREATE INDEX mapping_owner_id_assigned_date_id ON mappings (owner_id, assigned_date, id);
CREATE INDEX mapping_owner_id_created_at_id ON mappings (owner_id, created_at, id);
CREATE INDEX mapping_owner_id_patient_id_is_active_deleted_at_doctor_id_id ON mappings (owner_id, patient_id, is_active, deleted_at, doctor_id, id);
CREATE INDEX mapping_doctor_id_owner_id_is_active_deleted_at_patient_id_id ON mappings (doctor_id, owner_id, is_active, deleted_at, patient_id, id);
CREATE INDEX mapping_created_by_id_owner_id ON mappings (created_by_id, owner_id);
CREATE INDEX mapping_assigned_date_id ON mappings (assigned_date, id);
CREATE INDEX mapping_created_at_id ON mappings (created_at, id);
