-- Users are listed, searched and ordered. Migrate fills username_key, which SQL cannot fold.
ALTER TABLE users ADD COLUMN username_key text NOT NULL DEFAULT ('');
CREATE INDEX user_username_key_id ON users (username_key, id);
CREATE INDEX user_date_joined_id ON users (date_joined, id);
