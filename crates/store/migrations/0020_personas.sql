-- Personas (docs/adr/0121): each has a derived target group of its own, of those in its group and in none of an earlier persona.
CREATE TABLE persona (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  name TEXT NOT NULL CHECK (name <> ''),
  name_folded TEXT NOT NULL UNIQUE,
  avatar TEXT NOT NULL CHECK (avatar <> ''),
  description TEXT NOT NULL,
  -- 1 is asked first.
  position BIGINT NOT NULL UNIQUE,
  -- A second persona of one group would get nobody.
  source_group BIGINT NOT NULL UNIQUE REFERENCES target_group (id),
  group_id BIGINT NOT NULL UNIQUE REFERENCES target_group (id),
  CHECK (source_group <> group_id)
);

-- What was queued last about a person: the next day's writebacks are about those for whom something else holds.
CREATE TABLE persona_told (
  subscriber_id BIGINT NOT NULL PRIMARY KEY,
  -- Empty: told that there is none any more.
  name TEXT NOT NULL,
  description TEXT NOT NULL
);

-- The daily look for changed personas: when it is due (0: not set yet), everybody up to which subscriber was looked at, when the last one
-- was through, and how many it queued.
ALTER TABLE writeback_destination ADD COLUMN personas_next_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE writeback_destination ADD COLUMN personas_position BIGINT NOT NULL DEFAULT 0;
ALTER TABLE writeback_destination ADD COLUMN personas_queued BIGINT NOT NULL DEFAULT 0;
ALTER TABLE writeback_destination ADD COLUMN personas_looked_at BIGINT;
ALTER TABLE writeback_destination ADD COLUMN personas_last_queued BIGINT NOT NULL DEFAULT 0;
