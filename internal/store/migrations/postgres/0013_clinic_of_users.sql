-- batches
-- Every user begins in a clinic of its own, as its admin.
WITH batch AS (SELECT id, username, date_joined, clinic_id FROM users WHERE id > $1 ORDER BY id LIMIT 1000),
  own AS MATERIALIZED (SELECT id, left(username, 100) AS name, date_joined, nextval(pg_get_serial_sequence('clinics', 'id')) AS clinic FROM batch WHERE clinic_id IS NULL),
  made AS (INSERT INTO clinics (id, name, created_at) SELECT clinic, name, date_joined FROM own),
  joined AS (UPDATE users u SET clinic_id = own.clinic FROM own WHERE u.id = own.id AND u.clinic_id IS NULL)
SELECT max(id) FROM batch
