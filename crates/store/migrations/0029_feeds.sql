-- Stream connections whose events are fetched from a broker.
CREATE TABLE stream_feed (
  stream_id BIGINT NOT NULL PRIMARY KEY REFERENCES stream (id),
  -- JSON object of texts, and of sealed texts.
  settings TEXT NOT NULL,
  secrets TEXT NOT NULL,
  -- Rises with every change of what is fetched.
  revision BIGINT NOT NULL DEFAULT 0,
  -- The broker's number up to which everything is kept here.
  taken BIGINT NOT NULL DEFAULT 0,
  -- As the broker told when it was last looked at: messages not fetched yet, and what endangers them (JSON list of sentences).
  waiting BIGINT NOT NULL DEFAULT 0,
  warnings TEXT NOT NULL DEFAULT '[]',
  looked_at BIGINT,
  worker TEXT NOT NULL DEFAULT '',
  lease_until BIGINT NOT NULL DEFAULT 0
);

-- Alarms of gaps beside those of retention.
CREATE TABLE stream_alarm_of_all_kinds (
  id BIGINT NOT NULL PRIMARY KEY,
  stream_id BIGINT NOT NULL REFERENCES stream (id),
  created_at BIGINT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('retention', 'gap')),
  detail TEXT NOT NULL,
  settled_at BIGINT,
  settled_by TEXT NOT NULL DEFAULT ''
);
INSERT INTO stream_alarm_of_all_kinds (id, stream_id, created_at, kind, detail, settled_at, settled_by)
  SELECT id, stream_id, created_at, kind, detail, settled_at, settled_by FROM stream_alarm;
DROP TABLE stream_alarm;
ALTER TABLE stream_alarm_of_all_kinds RENAME TO stream_alarm;
CREATE INDEX stream_alarm_open ON stream_alarm (stream_id, id) WHERE settled_at IS NULL;
