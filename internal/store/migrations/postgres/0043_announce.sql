-- locks: sessions, users, practices, patients
-- Servers remember for whom a token stands. Whoever changes that, by whatever means, announces the user to all servers, when the change is committed.
CREATE FUNCTION announce_user() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before jsonb := to_jsonb(OLD);
  after jsonb := to_jsonb(NEW);
  account bigint;
BEGIN
  FOR account IN SELECT DISTINCT id FROM unnest(ARRAY[before ->> TG_ARGV[0], after ->> TG_ARGV[0]]::bigint[]) AS id WHERE id IS NOT NULL LOOP
    PERFORM pg_notify('caregraph', 'User ' || account);
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER announce_change AFTER UPDATE OF ended_at, expires_at, role, staff, user_id ON sessions FOR EACH ROW EXECUTE FUNCTION announce_user('user_id');
CREATE TRIGGER announce_end AFTER DELETE ON sessions FOR EACH ROW WHEN (OLD.ended_at IS NULL) EXECUTE FUNCTION announce_user('user_id');
CREATE TRIGGER announce_change AFTER UPDATE OF role, is_active, is_staff, clinic_id, clinic_role ON users FOR EACH ROW EXECUTE FUNCTION announce_user('id');
CREATE TRIGGER announce_end AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION announce_user('id');
CREATE TRIGGER announce_change AFTER INSERT OR DELETE OR UPDATE ON practices FOR EACH ROW EXECUTE FUNCTION announce_user('user_id');
CREATE TRIGGER announce_change AFTER UPDATE OF account_id ON patients FOR EACH ROW WHEN (NEW.account_id IS DISTINCT FROM OLD.account_id) EXECUTE FUNCTION announce_user('account_id');
CREATE TRIGGER announce_first AFTER INSERT ON patients FOR EACH ROW WHEN (NEW.account_id IS NOT NULL) EXECUTE FUNCTION announce_user('account_id');
CREATE TRIGGER announce_end AFTER DELETE ON patients FOR EACH ROW WHEN (OLD.account_id IS NOT NULL) EXECUTE FUNCTION announce_user('account_id');
