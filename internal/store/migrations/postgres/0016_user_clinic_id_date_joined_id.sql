CREATE INDEX CONCURRENTLY user_clinic_id_date_joined_id ON users (clinic_id, date_joined, id);
