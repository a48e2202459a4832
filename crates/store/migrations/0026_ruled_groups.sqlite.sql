-- Derived groups may be segments: found by a rule, asking about other groups (docs/adr/0152).
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
