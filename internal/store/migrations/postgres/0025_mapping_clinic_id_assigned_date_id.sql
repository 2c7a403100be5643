CREATE INDEX CONCURRENTLY mapping_clinic_id_assigned_date_id ON mappings (clinic_id, assigned_date, id);
