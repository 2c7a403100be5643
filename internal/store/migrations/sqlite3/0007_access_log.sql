-- Who looked at what, changed it, or tried. Each writer's batches are a chain of hashes, whose head is here, too: a batch that does not follow its head is refused.
CREATE TABLE access_events (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  at datetime NOT NULL,
  action text NOT NULL,
  user_id integer NULL,
  session_id integer NULL,
  seen_as text NULL,
  door text NOT NULL,
  operation text NOT NULL,
  request_id text NOT NULL,
  address text NOT NULL,
  user_agent text NOT NULL,
  patients text NOT NULL,
  subject text NULL,
  writer integer NOT NULL,
  batch integer NOT NULL,
  hash text NULL,
  CONSTRAINT access_events_operation_valid CHECK (length(operation) <= 100),
  CONSTRAINT access_events_request_id_valid CHECK (length(request_id) <= 64),
  CONSTRAINT access_events_address_valid CHECK (length(address) <= 64),
  CONSTRAINT access_events_user_agent_valid CHECK (length(user_agent) <= 300),
  CONSTRAINT access_events_subject_valid CHECK (length(subject) <= 40),
  CONSTRAINT access_events_batch_valid CHECK (batch > 0),
  CONSTRAINT access_events_hash_valid CHECK (length(hash) = 64)
);
CREATE INDEX accessevent_at_id ON access_events (at, id);
CREATE INDEX accessevent_user_id_at_id ON access_events (user_id, at, id);
CREATE INDEX accessevent_writer_batch_id ON access_events (writer, batch, id);
CREATE TABLE access_event_patients (
  patient_id integer NOT NULL,
  event_id integer NOT NULL,
  PRIMARY KEY (patient_id, event_id)
) WITHOUT ROWID;
CREATE TABLE access_heads (
  writer integer NOT NULL PRIMARY KEY,
  first integer NOT NULL, -- the last batch that is no longer kept, and its hash; 0 and nothing if all are
  first_hash text NOT NULL,
  batch integer NOT NULL,
  hash text NOT NULL
);
CREATE TRIGGER access_event_patients AFTER INSERT ON access_events WHEN NEW.patients <> '{}' BEGIN
  INSERT INTO access_event_patients (patient_id, event_id) SELECT value, NEW.id FROM json_each('[' || trim(NEW.patients, '{}') || ']');
END;
CREATE TRIGGER access_event_patients_gone AFTER DELETE ON access_events WHEN OLD.patients <> '{}' BEGIN
  DELETE FROM access_event_patients WHERE event_id = OLD.id AND patient_id IN (SELECT value FROM json_each('[' || trim(OLD.patients, '{}') || ']'));
END;
CREATE TRIGGER access_head AFTER INSERT ON access_events WHEN NEW.hash IS NOT NULL BEGIN
  SELECT RAISE(ABORT, 'a batch does not follow its head') WHERE NEW.batch <> 1 AND NOT EXISTS (SELECT 1 FROM access_heads WHERE writer = NEW.writer AND batch = NEW.batch - 1);
  UPDATE access_heads SET batch = NEW.batch, hash = NEW.hash WHERE writer = NEW.writer AND NEW.batch <> 1;
  INSERT INTO access_heads (writer, first, first_hash, batch, hash) SELECT NEW.writer, 0, '', 1, NEW.hash WHERE NEW.batch = 1;
END;
