-- beside requests: revisions
SET LOCAL statement_timeout = 0;
ALTER TABLE revisions VALIDATE CONSTRAINT revisions_kind_valid;
