CREATE INDEX CONCURRENTLY mapping_clinic_id_created_at_id ON mappings (clinic_id, created_at, id);
