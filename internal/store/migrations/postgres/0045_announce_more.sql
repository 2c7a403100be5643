-- locks: sessions, users, practices, patients, doctors, mappings
-- TRUNCATE fires no trigger of rows: it may concern everybody.
CREATE FUNCTION announce_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('caregraph', 'All');
  RETURN NULL;
END $$;
CREATE TRIGGER announce_all AFTER TRUNCATE ON sessions FOR EACH STATEMENT EXECUTE FUNCTION announce_all();
CREATE TRIGGER announce_all AFTER TRUNCATE ON users FOR EACH STATEMENT EXECUTE FUNCTION announce_all();
CREATE TRIGGER announce_all AFTER TRUNCATE ON practices FOR EACH STATEMENT EXECUTE FUNCTION announce_all();
CREATE TRIGGER announce_all AFTER TRUNCATE ON patients FOR EACH STATEMENT EXECUTE FUNCTION announce_all();
CREATE TRIGGER announce_all AFTER TRUNCATE ON doctors FOR EACH STATEMENT EXECUTE FUNCTION announce_all();
CREATE TRIGGER announce_all AFTER TRUNCATE ON mappings FOR EACH STATEMENT EXECUTE FUNCTION announce_all();

-- Which clinics an account sees depends on whether its records are deleted, too.
DROP TRIGGER announce_change ON patients;
CREATE TRIGGER announce_change AFTER UPDATE OF account_id, deleted_at ON patients FOR EACH ROW
  WHEN (NEW.account_id IS DISTINCT FROM OLD.account_id OR NEW.account_id IS NOT NULL AND NEW.deleted_at IS DISTINCT FROM OLD.deleted_at)
  EXECUTE FUNCTION announce_user('account_id');
