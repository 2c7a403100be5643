CREATE INDEX CONCURRENTLY doctor_name ON doctors (name_key, id) INCLUDE (deleted_at, specialization_key, phone, email, name_sound);
