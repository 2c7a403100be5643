-- Every change of a doctor, a patient or a mapping keeps what was before, whoever makes it. The application counts the version in its own statements, so that a change that it did not make has no actor. Columns that follow from others are not kept, nor are those that tell of the version itself; whether deleted_at is set is the kind.
ALTER TABLE doctors ADD COLUMN version integer NOT NULL DEFAULT (1);
ALTER TABLE doctors ADD COLUMN updated_by_id integer NULL;
ALTER TABLE patients ADD COLUMN version integer NOT NULL DEFAULT (1);
ALTER TABLE patients ADD COLUMN updated_by_id integer NULL;
ALTER TABLE mappings ADD COLUMN version integer NOT NULL DEFAULT (1);
ALTER TABLE mappings ADD COLUMN updated_by_id integer NULL;
CREATE TABLE revisions (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  patient_id integer NULL,
  doctor_id integer NULL,
  mapping_id integer NULL,
  version integer NOT NULL,
  kind text NOT NULL,
  at datetime NOT NULL,
  actor_id integer NULL,
  diff text NOT NULL DEFAULT ('{}'),
  CONSTRAINT revisions_kind_valid CHECK (kind IN ('create', 'update', 'delete', 'restore')),
  CONSTRAINT revisions_version_valid CHECK (CASE WHEN patient_id IS NULL THEN 0 ELSE 1 END + CASE WHEN doctor_id IS NULL THEN 0 ELSE 1 END + CASE WHEN mapping_id IS NULL THEN 0 ELSE 1 END = 1 AND version > 0)
);
CREATE INDEX revision_patient_id_version_id ON revisions (patient_id, version, id) WHERE patient_id IS NOT NULL;
CREATE INDEX revision_doctor_id_version_id ON revisions (doctor_id, version, id) WHERE doctor_id IS NOT NULL;
CREATE INDEX revision_mapping_id_version_id ON revisions (mapping_id, version, id) WHERE mapping_id IS NOT NULL;

INSERT INTO revisions (doctor_id, version, kind, at, actor_id) SELECT id, 1, 'create', created_at, updated_by_id FROM doctors ORDER BY id;
CREATE TRIGGER doctors_made AFTER INSERT ON doctors BEGIN
  INSERT INTO revisions (doctor_id, version, kind, at, actor_id) VALUES (NEW.id, NEW.version, 'create', NEW.created_at, NEW.updated_by_id);
END;
CREATE TRIGGER doctors_gone AFTER DELETE ON doctors BEGIN
  INSERT INTO revisions (doctor_id, version, kind, at, diff)
    SELECT OLD.id, OLD.version + 1, 'delete', strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00', json_group_object(field, json_array(json(before), NULL))
    FROM (SELECT 'created_at' AS field, json_quote(OLD.created_at) AS before
    UNION ALL SELECT 'name', json_quote(OLD.name)
    UNION ALL SELECT 'email', json_quote(OLD.email)
    UNION ALL SELECT 'phone', json_quote(OLD.phone)
    UNION ALL SELECT 'specialization', json_quote(OLD.specialization)
    UNION ALL SELECT 'license_number', json_quote(OLD.license_number)
    UNION ALL SELECT 'experience_years', json_quote(OLD.experience_years)
    UNION ALL SELECT 'consultation_fee', json_quote(OLD.consultation_fee)
    UNION ALL SELECT 'address', json_quote(OLD.address)
    UNION ALL SELECT 'availability', json_quote(OLD.availability));
END;
CREATE TRIGGER doctors_changed AFTER UPDATE OF version, deleted_at, created_at, name, email, phone, specialization, license_number, experience_years, consultation_fee, address, availability ON doctors BEGIN
  INSERT INTO revisions (doctor_id, version, kind, at, actor_id, diff)
    SELECT NEW.id, OLD.version + 1,
      CASE WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update' WHEN NEW.deleted_at IS NULL THEN 'restore' ELSE 'delete' END,
      CASE WHEN NEW.version = OLD.version OR NEW.updated_at = OLD.updated_at THEN strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00' ELSE NEW.updated_at END, CASE WHEN NEW.version <> OLD.version THEN NEW.updated_by_id END,
      json_group_object(field, json_array(json(before), json(after)))
    FROM (SELECT 'created_at' AS field, json_quote(OLD.created_at) AS before, json_quote(NEW.created_at) AS after
    UNION ALL SELECT 'name', json_quote(OLD.name), json_quote(NEW.name)
    UNION ALL SELECT 'email', json_quote(OLD.email), json_quote(NEW.email)
    UNION ALL SELECT 'phone', json_quote(OLD.phone), json_quote(NEW.phone)
    UNION ALL SELECT 'specialization', json_quote(OLD.specialization), json_quote(NEW.specialization)
    UNION ALL SELECT 'license_number', json_quote(OLD.license_number), json_quote(NEW.license_number)
    UNION ALL SELECT 'experience_years', json_quote(OLD.experience_years), json_quote(NEW.experience_years)
    UNION ALL SELECT 'consultation_fee', json_quote(OLD.consultation_fee), json_quote(NEW.consultation_fee)
    UNION ALL SELECT 'address', json_quote(OLD.address), json_quote(NEW.address)
    UNION ALL SELECT 'availability', json_quote(OLD.availability), json_quote(NEW.availability))
    WHERE before <> after HAVING count(*) > 0 OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL);
  UPDATE doctors SET version = r.version, updated_by_id = r.actor_id, updated_at = r.at FROM revisions r WHERE doctors.id = NEW.id AND NEW.version <> OLD.version + 1 AND r.doctor_id = NEW.id AND r.version = OLD.version + 1;
  UPDATE doctors SET version = OLD.version, updated_by_id = OLD.updated_by_id, updated_at = OLD.updated_at WHERE id = NEW.id AND NEW.version <> OLD.version AND NOT EXISTS (SELECT 1 FROM revisions WHERE doctor_id = NEW.id AND version = OLD.version + 1);
END;

INSERT INTO revisions (patient_id, version, kind, at, actor_id) SELECT id, 1, 'create', created_at, created_by_id FROM patients ORDER BY id;
CREATE TRIGGER patients_made AFTER INSERT ON patients BEGIN
  INSERT INTO revisions (patient_id, version, kind, at, actor_id) VALUES (NEW.id, NEW.version, 'create', NEW.created_at, coalesce(NEW.updated_by_id, NEW.created_by_id));
END;
CREATE TRIGGER patients_gone AFTER DELETE ON patients BEGIN
  INSERT INTO revisions (patient_id, version, kind, at, diff)
    SELECT OLD.id, OLD.version + 1, 'delete', strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00', json_group_object(field, json_array(json(before), NULL))
    FROM (SELECT 'created_at' AS field, json_quote(OLD.created_at) AS before
    UNION ALL SELECT 'name', json_quote(OLD.name)
    UNION ALL SELECT 'email', json_quote(OLD.email)
    UNION ALL SELECT 'phone', json_quote(OLD.phone)
    UNION ALL SELECT 'date_of_birth', json_quote(OLD.date_of_birth)
    UNION ALL SELECT 'birth_date_estimated', json_quote(OLD.birth_date_estimated)
    UNION ALL SELECT 'address', json_quote(OLD.address)
    UNION ALL SELECT 'gender', json_quote(OLD.gender)
    UNION ALL SELECT 'blood_group', json_quote(OLD.blood_group)
    UNION ALL SELECT 'emergency_contact', json_quote(OLD.emergency_contact)
    UNION ALL SELECT 'medical_history', json_quote(OLD.medical_history)
    UNION ALL SELECT 'clinic_id', json_quote(OLD.clinic_id)
    UNION ALL SELECT 'created_by_id', json_quote(OLD.created_by_id)
    UNION ALL SELECT 'account_id', json_quote(OLD.account_id));
END;
CREATE TRIGGER patients_changed AFTER UPDATE OF version, deleted_at, created_at, name, email, phone, date_of_birth, birth_date_estimated, address, gender, blood_group, emergency_contact, medical_history, clinic_id, created_by_id, account_id ON patients BEGIN
  INSERT INTO revisions (patient_id, version, kind, at, actor_id, diff)
    SELECT NEW.id, OLD.version + 1,
      CASE WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update' WHEN NEW.deleted_at IS NULL THEN 'restore' ELSE 'delete' END,
      CASE WHEN NEW.version = OLD.version OR NEW.updated_at = OLD.updated_at THEN strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00' ELSE NEW.updated_at END, CASE WHEN NEW.version <> OLD.version THEN NEW.updated_by_id END,
      json_group_object(field, json_array(json(before), json(after)))
    FROM (SELECT 'created_at' AS field, json_quote(OLD.created_at) AS before, json_quote(NEW.created_at) AS after
    UNION ALL SELECT 'name', json_quote(OLD.name), json_quote(NEW.name)
    UNION ALL SELECT 'email', json_quote(OLD.email), json_quote(NEW.email)
    UNION ALL SELECT 'phone', json_quote(OLD.phone), json_quote(NEW.phone)
    UNION ALL SELECT 'date_of_birth', json_quote(OLD.date_of_birth), json_quote(NEW.date_of_birth)
    UNION ALL SELECT 'birth_date_estimated', json_quote(OLD.birth_date_estimated), json_quote(NEW.birth_date_estimated)
    UNION ALL SELECT 'address', json_quote(OLD.address), json_quote(NEW.address)
    UNION ALL SELECT 'gender', json_quote(OLD.gender), json_quote(NEW.gender)
    UNION ALL SELECT 'blood_group', json_quote(OLD.blood_group), json_quote(NEW.blood_group)
    UNION ALL SELECT 'emergency_contact', json_quote(OLD.emergency_contact), json_quote(NEW.emergency_contact)
    UNION ALL SELECT 'medical_history', json_quote(OLD.medical_history), json_quote(NEW.medical_history)
    UNION ALL SELECT 'clinic_id', json_quote(OLD.clinic_id), json_quote(NEW.clinic_id)
    UNION ALL SELECT 'created_by_id', json_quote(OLD.created_by_id), json_quote(NEW.created_by_id)
    UNION ALL SELECT 'account_id', json_quote(OLD.account_id), json_quote(NEW.account_id))
    WHERE before <> after HAVING count(*) > 0 OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL);
  UPDATE patients SET version = r.version, updated_by_id = r.actor_id, updated_at = r.at FROM revisions r WHERE patients.id = NEW.id AND NEW.version <> OLD.version + 1 AND r.patient_id = NEW.id AND r.version = OLD.version + 1;
  UPDATE patients SET version = OLD.version, updated_by_id = OLD.updated_by_id, updated_at = OLD.updated_at WHERE id = NEW.id AND NEW.version <> OLD.version AND NOT EXISTS (SELECT 1 FROM revisions WHERE patient_id = NEW.id AND version = OLD.version + 1);
END;

INSERT INTO revisions (mapping_id, version, kind, at, actor_id) SELECT id, 1, 'create', created_at, created_by_id FROM mappings ORDER BY id;
CREATE TRIGGER mappings_made AFTER INSERT ON mappings BEGIN
  INSERT INTO revisions (mapping_id, version, kind, at, actor_id) VALUES (NEW.id, NEW.version, 'create', NEW.created_at, coalesce(NEW.updated_by_id, NEW.created_by_id));
END;
CREATE TRIGGER mappings_gone AFTER DELETE ON mappings BEGIN
  INSERT INTO revisions (mapping_id, version, kind, at, diff)
    SELECT OLD.id, OLD.version + 1, 'delete', strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00', json_group_object(field, json_array(json(before), NULL))
    FROM (SELECT 'created_at' AS field, json_quote(OLD.created_at) AS before
    UNION ALL SELECT 'notes', json_quote(OLD.notes)
    UNION ALL SELECT 'is_active', json_quote(OLD.is_active)
    UNION ALL SELECT 'assigned_date', json_quote(OLD.assigned_date)
    UNION ALL SELECT 'ended_at', json_quote(OLD.ended_at)
    UNION ALL SELECT 'doctor_id', json_quote(OLD.doctor_id)
    UNION ALL SELECT 'patient_id', json_quote(OLD.patient_id)
    UNION ALL SELECT 'created_by_id', json_quote(OLD.created_by_id));
END;
CREATE TRIGGER mappings_changed AFTER UPDATE OF version, deleted_at, created_at, notes, is_active, assigned_date, ended_at, doctor_id, patient_id, created_by_id ON mappings BEGIN
  INSERT INTO revisions (mapping_id, version, kind, at, actor_id, diff)
    SELECT NEW.id, OLD.version + 1,
      CASE WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update' WHEN NEW.deleted_at IS NULL THEN 'restore' ELSE 'delete' END,
      CASE WHEN NEW.version = OLD.version OR NEW.updated_at = OLD.updated_at THEN strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00' ELSE NEW.updated_at END, CASE WHEN NEW.version <> OLD.version THEN NEW.updated_by_id END,
      json_group_object(field, json_array(json(before), json(after)))
    FROM (SELECT 'created_at' AS field, json_quote(OLD.created_at) AS before, json_quote(NEW.created_at) AS after
    UNION ALL SELECT 'notes', json_quote(OLD.notes), json_quote(NEW.notes)
    UNION ALL SELECT 'is_active', json_quote(OLD.is_active), json_quote(NEW.is_active)
    UNION ALL SELECT 'assigned_date', json_quote(OLD.assigned_date), json_quote(NEW.assigned_date)
    UNION ALL SELECT 'ended_at', json_quote(OLD.ended_at), json_quote(NEW.ended_at)
    UNION ALL SELECT 'doctor_id', json_quote(OLD.doctor_id), json_quote(NEW.doctor_id)
    UNION ALL SELECT 'patient_id', json_quote(OLD.patient_id), json_quote(NEW.patient_id)
    UNION ALL SELECT 'created_by_id', json_quote(OLD.created_by_id), json_quote(NEW.created_by_id))
    WHERE before <> after HAVING count(*) > 0 OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL);
  UPDATE mappings SET version = r.version, updated_by_id = r.actor_id, updated_at = r.at FROM revisions r WHERE mappings.id = NEW.id AND NEW.version <> OLD.version + 1 AND r.mapping_id = NEW.id AND r.version = OLD.version + 1;
  UPDATE mappings SET version = OLD.version, updated_by_id = OLD.updated_by_id, updated_at = OLD.updated_at WHERE id = NEW.id AND NEW.version <> OLD.version AND NOT EXISTS (SELECT 1 FROM revisions WHERE mapping_id = NEW.id AND version = OLD.version + 1);
END;
