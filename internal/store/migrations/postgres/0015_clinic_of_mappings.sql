-- batches
WITH batch AS (SELECT id FROM mappings WHERE id > $1 ORDER BY id LIMIT 1000),
  moved AS (UPDATE mappings m SET clinic_id = p.clinic_id FROM batch, patients p WHERE m.id = batch.id AND m.clinic_id IS NULL AND p.id = m.patient_id)
SELECT max(id) FROM batch
