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
