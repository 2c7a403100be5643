CREATE INDEX CONCURRENTLY mapping_created_by_id_clinic_id ON mappings (created_by_id, clinic_id);
