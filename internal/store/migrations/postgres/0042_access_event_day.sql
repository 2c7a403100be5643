CREATE INDEX CONCURRENTLY access_event_day ON access_events USING brin (at) WITH (autosummarize = true);
