CREATE INDEX CONCURRENTLY patient_account_id ON patients (account_id) WHERE account_id IS NOT NULL;
