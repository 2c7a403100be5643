-- Answers to changes that clients may send again.
CREATE TABLE replays (
  id character varying NOT NULL,
  user_id bigint NOT NULL,
  request character varying NOT NULL,
  answer bytea NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT replays_id_valid CHECK (length(id) = 64),
  CONSTRAINT replays_request_valid CHECK (length(request) = 64)
);
CREATE INDEX replay_created_at ON replays (created_at);
