-- What a stream brought and every data sync reads from its own position: a JSON array of events a row, `position` that of the first.
CREATE TABLE stream_log (
  stream_id BIGINT NOT NULL REFERENCES stream (id),
  position BIGINT NOT NULL,
  events BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (stream_id, position)
);
-- Events are read once or twice and soon thrown away: to compress them takes longer than to write them.
ALTER TABLE stream_log ALTER COLUMN body SET STORAGE EXTERNAL;
