-- Sign-ins that can be ended, and counts of failed ones.
CREATE TABLE sessions (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  role text NOT NULL,
  staff bool NOT NULL,
  user_agent text NOT NULL,
  address text NOT NULL,
  refresh_id text NOT NULL,
  spent_refresh_id text NULL,
  rotated_at datetime NULL,
  created_at datetime NOT NULL,
  last_used_at datetime NOT NULL,
  expires_at datetime NOT NULL,
  ended_at datetime NULL,
  user_id integer NOT NULL,
  CONSTRAINT sessions_users_sessions FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE NO ACTION,
  CONSTRAINT sessions_role_valid CHECK (role IN ('patient', 'doctor')),
  CONSTRAINT sessions_user_agent_valid CHECK (length(user_agent) <= 300),
  CONSTRAINT sessions_address_valid CHECK (length(address) <= 64),
  CONSTRAINT sessions_refresh_id_valid CHECK (length(refresh_id) = 32)
);
CREATE INDEX session_user_id_last_used_at ON sessions (user_id, last_used_at);
CREATE TABLE guesses (
  id text NOT NULL PRIMARY KEY,
  failures integer NOT NULL,
  last_at datetime NOT NULL,
  CONSTRAINT guesses_id_valid CHECK (length(id) = 32),
  CONSTRAINT guesses_failures_valid CHECK (failures > 0)
);
