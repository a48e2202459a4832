-- A segment: a derived group of form 'segment', with a rule instead of sides (docs/adr/0152). The groups it asks about are its parts.
CREATE TABLE segment (
  group_id BIGINT NOT NULL PRIMARY KEY REFERENCES target_group (id),
  -- rialto_core::segment::Segment as JSON, by internal ids.
  rule TEXT NOT NULL CHECK (rule <> ''),
  -- Rises with every edit of the rule.
  revision BIGINT NOT NULL DEFAULT 0,
  -- The revision for which it was last asked who is in it; -1 when it is to be asked in any case.
  looked_revision BIGINT NOT NULL DEFAULT -1,
  -- When that was, and how long it took.
  looked_at BIGINT NOT NULL DEFAULT 0,
  took_ms BIGINT NOT NULL DEFAULT 0,
  -- When a rule about relative days means other days; null when it does not move.
  turns_at BIGINT
);

-- Data that a segment asks about, beside target groups, with the state of it that was last looked at; -1 for none.
CREATE TABLE segment_source (
  group_id BIGINT NOT NULL REFERENCES segment (group_id),
  kind TEXT NOT NULL CHECK (kind IN ('people', 'consent', 'audience')),
  -- Of an audience list or extension, else 0.
  source_id BIGINT NOT NULL,
  looked BIGINT NOT NULL DEFAULT -1,
  PRIMARY KEY (group_id, kind, source_id)
);
CREATE INDEX segment_source_of ON segment_source (kind, source_id);

-- Rises with every change of the rows.
ALTER TABLE audience ADD COLUMN changes BIGINT NOT NULL DEFAULT 0;
