-- Derived groups may be segments, and segments stand here.
CREATE TABLE new_compound (
  group_id BIGINT NOT NULL PRIMARY KEY REFERENCES target_group (id),
  form TEXT NOT NULL CHECK (form IN ('compound', 'share', 'segment')),
  include_mode TEXT CHECK (include_mode IN ('all', 'any')),
  exclude_mode TEXT CHECK (exclude_mode IN ('all', 'any')),
  -- Of a share: its split's seed, and of so many buckets those from one up to but not another.
  seed BIGINT,
  buckets BIGINT,
  first_bucket BIGINT,
  end_bucket BIGINT,
  -- A part could not be relied on when the members were last made: sentences for people, else ''.
  blocked TEXT NOT NULL DEFAULT '',
  CHECK ((form = 'compound') = (include_mode IS NOT NULL)),
  CHECK ((form = 'share') = (seed IS NOT NULL AND buckets IS NOT NULL AND first_bucket IS NOT NULL AND end_bucket IS NOT NULL)),
  CHECK (form = 'compound' OR exclude_mode IS NULL)
);
INSERT INTO new_compound (group_id, form, include_mode, exclude_mode, seed, buckets, first_bucket, end_bucket, blocked)
  SELECT group_id, form, include_mode, exclude_mode, seed, buckets, first_bucket, end_bucket, blocked FROM compound;
CREATE TABLE new_compound_part (
  group_id BIGINT NOT NULL REFERENCES new_compound (group_id),
  part_group BIGINT NOT NULL REFERENCES target_group (id),
  side TEXT NOT NULL CHECK (side IN ('include', 'exclude', 'parent', 'asked')),
  -- The part's applied_run for which the group's run was last asked for; -1 when it is to be asked for in any case.
  asked_run BIGINT NOT NULL DEFAULT -1,
  PRIMARY KEY (group_id, part_group)
);
INSERT INTO new_compound_part (group_id, part_group, side, asked_run) SELECT group_id, part_group, side, asked_run FROM compound_part;
DROP TABLE compound_part;
DROP TABLE compound;
ALTER TABLE new_compound RENAME TO compound;
ALTER TABLE new_compound_part RENAME TO compound_part;
CREATE INDEX compound_seed ON compound (seed);
CREATE INDEX compound_part_of ON compound_part (part_group);

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
