-- Target groups made of others (docs/adr/0013, 0014) and folders (docs/adr/0014).

-- One row for each group of kind 'compound': either an include (and exclude) side, or a share of one group.
CREATE TABLE compound (
  group_id BIGINT NOT NULL PRIMARY KEY REFERENCES target_group (id),
  form TEXT NOT NULL CHECK (form IN ('compound', 'share')),
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
CREATE INDEX compound_seed ON compound (seed);

CREATE TABLE compound_part (
  group_id BIGINT NOT NULL REFERENCES compound (group_id),
  part_group BIGINT NOT NULL REFERENCES target_group (id),
  side TEXT NOT NULL CHECK (side IN ('include', 'exclude', 'parent')),
  -- The part's applied_run for which the group's run was last asked for; -1 when it is to be asked for in any case.
  asked_run BIGINT NOT NULL DEFAULT -1,
  PRIMARY KEY (group_id, part_group)
);
CREATE INDEX compound_part_of ON compound_part (part_group);

-- Folders of target groups. The group's own column holds the folder's name, so that a listing needs no join.
CREATE TABLE group_folder (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  name TEXT NOT NULL UNIQUE,
  name_folded TEXT NOT NULL,
  -- The bridge whose new lists land here.
  bridge_id BIGINT REFERENCES bridge (id),
  UNIQUE (bridge_id)
);

INSERT INTO group_folder (id, created_at, name, name_folded)
  SELECT ROW_NUMBER() OVER (ORDER BY folder), MIN(created_at), folder, lower(folder) FROM target_group WHERE folder <> '' GROUP BY folder;
INSERT INTO counter (name, next_id) SELECT 'group_folder', COUNT(*) + 1 FROM group_folder;
