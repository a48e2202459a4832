-- Messages of the minute under way (minutes since 1970, UTC): the rate holds for all processes together.
ALTER TABLE writeback_destination ADD COLUMN rate_minute BIGINT NOT NULL DEFAULT 0;
ALTER TABLE writeback_destination ADD COLUMN rate_used BIGINT NOT NULL DEFAULT 0;

-- The people of a bridge to whom something was delivered, in order.
CREATE INDEX writeback_sent ON writeback (bridge_id, subscriber_id) WHERE state = 'sent';

-- One standing check of a bridge: what Rialto believes was delivered, against what the remote shows.
CREATE TABLE reconcile_run (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  bridge_id BIGINT NOT NULL REFERENCES bridge (id),
  asked_by TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed')),
  -- Everybody up to this subscriber has been asked for: a worker that takes over goes on from here.
  position BIGINT NOT NULL DEFAULT 0,
  checked BIGINT NOT NULL DEFAULT 0,
  -- People who differ; people whom the remote does not have any more.
  differing BIGINT NOT NULL DEFAULT 0,
  gone BIGINT NOT NULL DEFAULT 0,
  worker TEXT NOT NULL DEFAULT '',
  lease_until BIGINT NOT NULL DEFAULT 0,
  ended_at BIGINT,
  reason TEXT NOT NULL DEFAULT '',
  CHECK ((ended_at IS NOT NULL) = (state IN ('succeeded', 'failed')))
);
-- One at a time for each bridge.
CREATE UNIQUE INDEX reconcile_under_way ON reconcile_run (bridge_id) WHERE ended_at IS NULL;
CREATE INDEX reconcile_latest ON reconcile_run (bridge_id, id);

CREATE TABLE reconcile_finding (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  run_id BIGINT NOT NULL REFERENCES reconcile_run (id),
  bridge_id BIGINT NOT NULL,
  subscriber_id BIGINT NOT NULL,
  -- missing: a mark is not there; flag: the flag differs; doubled: a mark is there more than once; unexpected: a mark of no writeback of theirs.
  kind TEXT NOT NULL CHECK (kind IN ('missing', 'flag', 'doubled', 'unexpected')),
  -- The writeback that it is about; 0 for a mark of none.
  writeback_id BIGINT NOT NULL,
  detail TEXT NOT NULL,
  -- May be put right by writing once more what holds.
  repairable BOOLEAN NOT NULL,
  repaired_at BIGINT,
  repaired_by TEXT NOT NULL DEFAULT '',
  -- What became of the repair: a writeback was queued, or a later decision had overtaken it.
  outcome TEXT NOT NULL DEFAULT '' CHECK (outcome IN ('', 'queued', 'overtaken')),
  CHECK ((repaired_at IS NULL) = (outcome = '')),
  UNIQUE (run_id, subscriber_id, kind, writeback_id, detail)
);
CREATE INDEX reconcile_finding_plan ON reconcile_finding (run_id, id) WHERE repaired_at IS NULL;
