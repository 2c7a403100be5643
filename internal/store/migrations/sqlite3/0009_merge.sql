-- Two records of one person can become one, and the personal data of a record can be erased.
ALTER TABLE patients ADD COLUMN merged_into_id integer NULL;
ALTER TABLE patients ADD COLUMN last_merged_id integer NULL;
CREATE INDEX patient_merged_into_id ON patients (merged_into_id) WHERE merged_into_id IS NOT NULL;

-- SQLite cannot change a CHECK: the table is made anew.
CREATE TEMP TABLE kept_revisions AS SELECT * FROM revisions;
CREATE TEMP TABLE kept_sequence AS SELECT * FROM sqlite_sequence WHERE name = 'revisions';
DROP TABLE revisions;
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
  CONSTRAINT revisions_kind_valid CHECK (kind IN ('create', 'update', 'delete', 'restore', 'merge')),
  CONSTRAINT revisions_version_valid CHECK (CASE WHEN patient_id IS NULL THEN 0 ELSE 1 END + CASE WHEN doctor_id IS NULL THEN 0 ELSE 1 END + CASE WHEN mapping_id IS NULL THEN 0 ELSE 1 END = 1 AND version > 0)
);
CREATE INDEX revision_patient_id_version_id ON revisions (patient_id, version, id) WHERE patient_id IS NOT NULL;
CREATE INDEX revision_doctor_id_version_id ON revisions (doctor_id, version, id) WHERE doctor_id IS NOT NULL;
CREATE INDEX revision_mapping_id_version_id ON revisions (mapping_id, version, id) WHERE mapping_id IS NOT NULL;
INSERT INTO revisions SELECT * FROM kept_revisions;
DELETE FROM sqlite_sequence WHERE name = 'revisions';
INSERT INTO sqlite_sequence SELECT * FROM kept_sequence;
DROP TABLE kept_revisions;
DROP TABLE kept_sequence;

DROP TRIGGER patients_gone;
DROP TRIGGER patients_changed;
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
    UNION ALL SELECT 'account_id', json_quote(OLD.account_id)
    UNION ALL SELECT 'merged_into_id', json_quote(OLD.merged_into_id)
    UNION ALL SELECT 'last_merged_id', json_quote(OLD.last_merged_id));
END;
CREATE TRIGGER patients_changed AFTER UPDATE OF version, deleted_at, created_at, name, email, phone, date_of_birth, birth_date_estimated, address, gender, blood_group, emergency_contact, medical_history, clinic_id, created_by_id, account_id, merged_into_id, last_merged_id ON patients BEGIN
  INSERT INTO revisions (patient_id, version, kind, at, actor_id, diff)
    SELECT NEW.id, OLD.version + 1,
      CASE WHEN NEW.merged_into_id <> coalesce(OLD.merged_into_id, 0) OR NEW.last_merged_id <> coalesce(OLD.last_merged_id, 0) THEN 'merge' WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update' WHEN NEW.deleted_at IS NULL THEN 'restore' ELSE 'delete' END,
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
    UNION ALL SELECT 'account_id', json_quote(OLD.account_id), json_quote(NEW.account_id)
    UNION ALL SELECT 'merged_into_id', json_quote(OLD.merged_into_id), json_quote(NEW.merged_into_id)
    UNION ALL SELECT 'last_merged_id', json_quote(OLD.last_merged_id), json_quote(NEW.last_merged_id))
    WHERE before <> after HAVING count(*) > 0 OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL);
  UPDATE patients SET version = r.version, updated_by_id = r.actor_id, updated_at = r.at FROM revisions r WHERE patients.id = NEW.id AND NEW.version <> OLD.version + 1 AND r.patient_id = NEW.id AND r.version = OLD.version + 1;
  UPDATE patients SET version = OLD.version, updated_by_id = OLD.updated_by_id, updated_at = OLD.updated_at WHERE id = NEW.id AND NEW.version <> OLD.version AND NOT EXISTS (SELECT 1 FROM revisions WHERE patient_id = NEW.id AND version = OLD.version + 1);
END;

CREATE TABLE erasures (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  patient_id integer NOT NULL,
  at datetime NOT NULL,
  actor_id integer NOT NULL,
  reason text NOT NULL,
  CONSTRAINT erasures_reason_valid CHECK (length(reason) BETWEEN 1 AND 300)
);
CREATE UNIQUE INDEX erasures_patient_id_key ON erasures (patient_id);
