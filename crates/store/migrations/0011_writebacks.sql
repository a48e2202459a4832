-- What people decided, on its way to a remote system: inserted in the transaction of its cause (rules.md section 4).
CREATE TABLE writeback (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  bridge_id BIGINT NOT NULL REFERENCES bridge (id),
  kind TEXT NOT NULL CHECK (kind IN ('unsubscribe', 'resubscribe', 'invalid_email', 'interests', 'mailing_activity')),
  -- One person, or one mailing: then the people are writeback_item. 0 for what it is not.
  subscriber_id BIGINT NOT NULL DEFAULT 0,
  mailing_id BIGINT NOT NULL DEFAULT 0,
  -- The ledger entry or act that caused it.
  cause BIGINT NOT NULL,
  -- 0 goes before 1, 1 before 2: consent before everything.
  urgency BIGINT NOT NULL,
  message TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('scheduled', 'new', 'held', 'processing', 'sent', 'error', 'no_remote_recipients', 'cancelled')),
  -- When it may be claimed: its date, the next try, the end of the lease. NULL when nothing happens by itself.
  next_at BIGINT,
  tries BIGINT NOT NULL DEFAULT 0,
  -- Who asked for the try that comes or runs; empty when it comes by itself.
  asked_by TEXT NOT NULL DEFAULT '',
  -- A try may have reached the remote: its marker is looked for before the next.
  maybe_there BOOLEAN NOT NULL DEFAULT FALSE,
  -- Grows with each claim; whoever comes back with an older one writes nothing.
  fence BIGINT NOT NULL DEFAULT 0,
  worker TEXT NOT NULL DEFAULT '',
  claimed_at BIGINT,
  ended_at BIGINT,
  reason TEXT NOT NULL DEFAULT '',
  CHECK ((kind = 'mailing_activity') = (mailing_id <> 0)),
  CHECK ((mailing_id = 0) = (subscriber_id <> 0)),
  CHECK ((ended_at IS NOT NULL) = (state IN ('sent', 'no_remote_recipients', 'cancelled'))),
  CHECK (next_at IS NULL OR state IN ('scheduled', 'new', 'processing', 'error')),
  CHECK (next_at IS NOT NULL OR state NOT IN ('scheduled', 'new', 'processing')),
  UNIQUE (bridge_id, kind, subscriber_id, mailing_id, cause)
);
CREATE INDEX writeback_next ON writeback (bridge_id, urgency, next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX writeback_open ON writeback (subscriber_id, bridge_id, id) WHERE ended_at IS NULL;
CREATE INDEX writeback_person ON writeback (subscriber_id, id);
CREATE INDEX writeback_state ON writeback (state, id);
CREATE INDEX writeback_bridge ON writeback (bridge_id, id);
CREATE INDEX writeback_bridge_state ON writeback (bridge_id, state, id);
CREATE INDEX writeback_kind ON writeback (kind, id);

-- The people of one mailing's activity. state: 0 to be told, 1 acknowledged, 2 refused.
CREATE TABLE writeback_item (
  writeback_id BIGINT NOT NULL REFERENCES writeback (id),
  subscriber_id BIGINT NOT NULL,
  detail TEXT NOT NULL,
  state SMALLINT NOT NULL DEFAULT 0,
  PRIMARY KEY (writeback_id, subscriber_id)
);

-- Each try and what became of it. Never changed.
CREATE TABLE writeback_try (
  writeback_id BIGINT NOT NULL REFERENCES writeback (id),
  number BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('sent', 'found_there', 'error', 'held', 'lost')),
  answer TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  worker TEXT NOT NULL,
  PRIMARY KEY (writeback_id, number)
);

-- How many ended, by day (UTC, days since 1970) and state: figures without reading the whole queue.
CREATE TABLE writeback_ended (
  bridge_id BIGINT NOT NULL,
  state TEXT NOT NULL,
  day BIGINT NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY (bridge_id, state, day)
);

-- One remote system as a destination: its cycle, whether it is away, its settings and budget.
CREATE TABLE writeback_destination (
  bridge_id BIGINT NOT NULL PRIMARY KEY REFERENCES bridge (id),
  -- What was due by then goes out in the cycle under way.
  cutoff BIGINT NOT NULL DEFAULT 0,
  next_cycle_at BIGINT NOT NULL DEFAULT 0,
  cycle_by TEXT NOT NULL DEFAULT '',
  -- Away since the try that found it; probed again at probe_at.
  blocked_at BIGINT,
  blocked_reason TEXT NOT NULL DEFAULT '',
  probe_at BIGINT NOT NULL DEFAULT 0,
  -- Set-up faults as last seen (JSON), and when.
  faults TEXT NOT NULL DEFAULT '[]',
  faults_at BIGINT,
  settings TEXT NOT NULL DEFAULT '{}',
  -- Messages sent on this day (days since 1970, UTC).
  budget_day BIGINT NOT NULL DEFAULT 0,
  budget_used BIGINT NOT NULL DEFAULT 0,
  CHECK ((blocked_at IS NULL) = (blocked_reason = ''))
);

-- Several people of one bridge share the address about which one of them decided: a person has to say whom to tell.
CREATE TABLE household (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  entry_id BIGINT NOT NULL,
  subscriber_id BIGINT NOT NULL,
  bridge_id BIGINT NOT NULL REFERENCES bridge (id),
  decided_at BIGINT,
  decided_by TEXT NOT NULL DEFAULT '',
  decision TEXT NOT NULL DEFAULT '' CHECK (decision IN ('', 'left', 'told')),
  CHECK ((decided_at IS NULL) = (decision = '')),
  UNIQUE (entry_id, bridge_id)
);
CREATE INDEX household_waiting ON household (id) WHERE decided_at IS NULL;
CREATE INDEX household_person ON household (subscriber_id, id);

-- When the flag that was delivered was acknowledged: a row read before that says nothing against it.
ALTER TABLE subscriber ADD COLUMN remote_flag_delivered_at BIGINT NOT NULL DEFAULT 0;
