-- batches
WITH batch AS (SELECT id FROM patients WHERE id > $1 ORDER BY id LIMIT 1000),
  moved AS (UPDATE patients p SET clinic_id = u.clinic_id FROM batch, users u WHERE p.id = batch.id AND p.clinic_id IS NULL AND u.id = p.created_by_id)
SELECT max(id) FROM batch
