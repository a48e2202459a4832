-- Interests that remote systems offer (IP-02, docs/adr/0120). One that is used has a target group of those who have it.
CREATE TABLE interest (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  bridge_id BIGINT NOT NULL REFERENCES bridge (id),
  source TEXT NOT NULL CHECK (source IN ('area', 'demographic')),
  code TEXT NOT NULL,
  -- Empty for an area.
  subcode TEXT NOT NULL,
  name TEXT NOT NULL,
  name_folded TEXT NOT NULL,
  -- People may still take it at the remote.
  remote_active BOOLEAN NOT NULL,
  remote_members BIGINT,
  -- The remote no longer offers it.
  gone_at BIGINT,
  group_id BIGINT REFERENCES target_group (id),
  UNIQUE (bridge_id, source, code, subcode)
);
CREATE UNIQUE INDEX interest_group ON interest (group_id) WHERE group_id IS NOT NULL;

-- What people took and gave up here: never changed. changes: JSON as rialto_core::writeback::InterestChange.
CREATE TABLE interest_act (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  subscriber_id BIGINT NOT NULL,
  source TEXT NOT NULL,
  actor TEXT NOT NULL,
  evidence TEXT NOT NULL,
  changes TEXT NOT NULL
);
CREATE INDEX interest_act_person ON interest_act (subscriber_id, id);

-- A person's own word that stands over what the remote shows, until a read that began after the remote acknowledged it.
CREATE TABLE interest_choice (
  interest_id BIGINT NOT NULL REFERENCES interest (id),
  subscriber_id BIGINT NOT NULL,
  act_id BIGINT NOT NULL,
  wanted BOOLEAN NOT NULL,
  delivered_at BIGINT,
  PRIMARY KEY (interest_id, subscriber_id)
);
CREATE INDEX interest_choice_act ON interest_choice (act_id);

ALTER TABLE bridge ADD COLUMN interests_read_at BIGINT;
ALTER TABLE bridge ADD COLUMN interests_trouble TEXT NOT NULL DEFAULT '';
