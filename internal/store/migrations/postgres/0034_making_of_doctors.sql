-- batches
WITH batch AS (SELECT id FROM doctors WHERE id > $1 ORDER BY id LIMIT 1000),
  made AS (INSERT INTO revisions (doctor_id, version, kind, at, actor_id) SELECT r.id, 1, 'create', r.created_at, r.updated_by_id FROM batch JOIN doctors r USING (id)
    WHERE NOT EXISTS (SELECT FROM revisions WHERE doctor_id = r.id AND kind = 'create'))
SELECT max(id) FROM batch
