-- With which keys servers sign, each as a hash that does not tell the key, and when a server had it last, in seconds of Unix time.
CREATE TABLE secret_keys (
  fingerprint text NOT NULL PRIMARY KEY,
  seen_at integer NOT NULL
);
