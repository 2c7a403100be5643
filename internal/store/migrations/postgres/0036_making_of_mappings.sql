-- batches
WITH batch AS (SELECT id FROM mappings WHERE id > $1 ORDER BY id LIMIT 1000),
  made AS (INSERT INTO revisions (mapping_id, version, kind, at, actor_id) SELECT r.id, 1, 'create', r.created_at, r.created_by_id FROM batch JOIN mappings r USING (id)
    WHERE NOT EXISTS (SELECT FROM revisions WHERE mapping_id = r.id AND kind = 'create'))
SELECT max(id) FROM batch
