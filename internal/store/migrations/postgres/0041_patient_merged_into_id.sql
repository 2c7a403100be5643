CREATE INDEX CONCURRENTLY patient_merged_into_id ON patients (merged_into_id) WHERE merged_into_id IS NOT NULL;
