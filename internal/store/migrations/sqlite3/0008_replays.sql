-- Answers to changes that clients may send again.
CREATE TABLE replays (
  id text NOT NULL,
  user_id integer NOT NULL,
  request text NOT NULL,
  answer blob NOT NULL,
  created_at datetime NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT replays_id_valid CHECK (length(id) = 64),
  CONSTRAINT replays_request_valid CHECK (length(request) = 64)
);
CREATE INDEX replay_created_at ON replays (created_at);
