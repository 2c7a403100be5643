-- Servers tell who listens which records change: their type, id, kind of change and clinic, and of an assignment its patient and doctor. Nothing of what the records hold.
CREATE OR REPLACE FUNCTION keep_revision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before jsonb := to_jsonb(OLD);
  after jsonb := to_jsonb(NEW);
  changed jsonb := '{}';
  change text := 'create';
  kind text := 'CREATED';
  about text := CASE TG_TABLE_NAME WHEN 'patients' THEN 'Patient' WHEN 'doctors' THEN 'Doctor' ELSE 'Mapping' END;
  at timestamptz;
  actor bigint;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT jsonb_object_agg(key, jsonb_build_array(value, NULL)) INTO changed FROM jsonb_each(before) WHERE key <> ALL (TG_ARGV);
    INSERT INTO revisions (patient_id, doctor_id, mapping_id, version, kind, at, diff) VALUES (
      CASE TG_TABLE_NAME WHEN 'patients' THEN OLD.id END, CASE TG_TABLE_NAME WHEN 'doctors' THEN OLD.id END, CASE TG_TABLE_NAME WHEN 'mappings' THEN OLD.id END,
      OLD.version + 1, 'delete', clock_timestamp(), changed);
    PERFORM pg_notify('caregraph', concat_ws(' ', about, OLD.id, 'DELETED', coalesce(before ->> 'clinic_id', '0'), before ->> 'patient_id', before ->> 'doctor_id'));
    RETURN OLD;
  END IF;
  at := NEW.created_at;
  actor := coalesce(NEW.updated_by_id, (after ->> 'created_by_id')::bigint);
  IF TG_OP = 'UPDATE' THEN
    SELECT coalesce(jsonb_object_agg(key, jsonb_build_array(value, after -> key)), '{}') INTO changed FROM jsonb_each(before)
      WHERE value <> after -> key AND key <> ALL (TG_ARGV);
    change := CASE WHEN after ->> 'merged_into_id' <> coalesce(before ->> 'merged_into_id', '') OR after ->> 'last_merged_id' <> coalesce(before ->> 'last_merged_id', '') THEN 'merge'
      WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'update' WHEN NEW.deleted_at IS NULL THEN 'restore' ELSE 'delete' END;
    IF TG_TABLE_NAME = 'patients' AND after -> 'clinic_id' <> before -> 'clinic_id' THEN -- with all that belongs to it
      PERFORM pg_notify('caregraph', 'All');
    END IF;
    IF changed = '{}' AND change = 'update' THEN
      IF NEW.version <> OLD.version THEN
        NEW.version := OLD.version;
        NEW.updated_by_id := OLD.updated_by_id;
        NEW.updated_at := OLD.updated_at;
      END IF;
      RETURN NEW;
    END IF;
    IF NEW.version = OLD.version THEN
      NEW.updated_by_id := NULL;
      NEW.updated_at := clock_timestamp();
    END IF;
    NEW.version := OLD.version + 1;
    at := CASE WHEN NEW.updated_at = OLD.updated_at THEN clock_timestamp() ELSE NEW.updated_at END;
    actor := NEW.updated_by_id;
    kind := CASE WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL THEN 'DELETED' WHEN OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL THEN 'RESTORED'
      WHEN (before ->> 'is_active')::boolean AND NOT (after ->> 'is_active')::boolean THEN 'ENDED'
      WHEN NOT (before ->> 'is_active')::boolean AND (after ->> 'is_active')::boolean THEN 'RESTORED' ELSE 'UPDATED' END;
  END IF;
  INSERT INTO revisions (patient_id, doctor_id, mapping_id, version, kind, at, actor_id, diff) VALUES (
    CASE TG_TABLE_NAME WHEN 'patients' THEN NEW.id END, CASE TG_TABLE_NAME WHEN 'doctors' THEN NEW.id END, CASE TG_TABLE_NAME WHEN 'mappings' THEN NEW.id END,
    NEW.version, change, at, actor, changed);
  IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'mappings' AND before -> 'patient_id' <> after -> 'patient_id' THEN -- which has it no more
    PERFORM pg_notify('caregraph', concat_ws(' ', about, NEW.id, kind, coalesce(after ->> 'clinic_id', '0'), before ->> 'patient_id', after ->> 'doctor_id'));
  END IF;
  PERFORM pg_notify('caregraph', concat_ws(' ', about, NEW.id, kind, coalesce(after ->> 'clinic_id', '0'), after ->> 'patient_id', after ->> 'doctor_id'));
  RETURN NEW;
END $$;
