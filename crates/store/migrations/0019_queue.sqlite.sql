-- The queue, the ledger, the causes and the audit trail, written with every act: on SQLite their key is the row id itself, and the queue has the
-- indexes that its lists and its claims walk, no more (docs/adr/0143). The kind `persona` is new.

CREATE TABLE kept_writeback_try AS SELECT * FROM writeback_try;
DROP TABLE writeback_try;

CREATE TABLE kept_writeback_item AS SELECT * FROM writeback_item;
DROP TABLE writeback_item;

CREATE TABLE new_suppression (
  id INTEGER NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  cause TEXT NOT NULL CHECK (cause IN ('own_unsubscribe', 'complaint', 'invalid_address', 'upload', 'admin')),
  -- 0 and '' when not bound to a record or an address; one row a binding.
  subscriber_id BIGINT NOT NULL DEFAULT 0,
  canonical TEXT NOT NULL DEFAULT '',
  CHECK ((subscriber_id = 0) <> (canonical = '')),
  UNIQUE (cause, subscriber_id, canonical)
);
INSERT INTO new_suppression (id, created_at, cause, subscriber_id, canonical) SELECT id, created_at, cause, subscriber_id, canonical FROM suppression;
DROP TABLE suppression;
ALTER TABLE new_suppression RENAME TO suppression;

CREATE TABLE new_consent_ledger (
  id INTEGER NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  act TEXT NOT NULL CHECK (act IN ('open', 'lift')),
  cause TEXT NOT NULL,
  subscriber_id BIGINT,
  address_key TEXT,
  source TEXT NOT NULL,
  run_id BIGINT,
  actor TEXT NOT NULL,
  reason TEXT NOT NULL DEFAULT '',
  evidence TEXT NOT NULL DEFAULT ''
);
INSERT INTO new_consent_ledger (id, created_at, act, cause, subscriber_id, address_key, source, run_id, actor, reason, evidence) SELECT id, created_at, act, cause, subscriber_id, address_key, source, run_id, actor, reason, evidence FROM consent_ledger;
DROP TABLE consent_ledger;
ALTER TABLE new_consent_ledger RENAME TO consent_ledger;

CREATE TABLE new_audit (
  id INTEGER NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  object_id BIGINT,
  detail TEXT NOT NULL DEFAULT '{}',
  request_id TEXT NOT NULL DEFAULT ''
);
INSERT INTO new_audit (id, created_at, actor, action, object, object_id, detail, request_id) SELECT id, created_at, actor, action, object, object_id, detail, request_id FROM audit;
DROP TABLE audit;
ALTER TABLE new_audit RENAME TO audit;

CREATE TABLE new_writeback (
  id INTEGER NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  bridge_id BIGINT NOT NULL REFERENCES bridge (id),
  kind TEXT NOT NULL CHECK (kind IN ('unsubscribe', 'resubscribe', 'invalid_email', 'interests', 'persona', 'mailing_activity')),
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
INSERT INTO new_writeback (id, created_at, bridge_id, kind, subscriber_id, mailing_id, cause, urgency, message, state, next_at, tries, asked_by, maybe_there, fence, worker, claimed_at, ended_at, reason) SELECT id, created_at, bridge_id, kind, subscriber_id, mailing_id, cause, urgency, message, state, next_at, tries, asked_by, maybe_there, fence, worker, claimed_at, ended_at, reason FROM writeback;
DROP TABLE writeback;
ALTER TABLE new_writeback RENAME TO writeback;

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
INSERT INTO writeback_try (writeback_id, number, started_at, ended_at, outcome, answer, asked_by, worker) SELECT writeback_id, number, started_at, ended_at, outcome, answer, asked_by, worker FROM kept_writeback_try;
DROP TABLE kept_writeback_try;

CREATE TABLE writeback_item (
  writeback_id BIGINT NOT NULL REFERENCES writeback (id),
  subscriber_id BIGINT NOT NULL,
  detail TEXT NOT NULL,
  state SMALLINT NOT NULL DEFAULT 0,
  PRIMARY KEY (writeback_id, subscriber_id)
);
INSERT INTO writeback_item (writeback_id, subscriber_id, detail, state) SELECT writeback_id, subscriber_id, detail, state FROM kept_writeback_item;
DROP TABLE kept_writeback_item;

CREATE INDEX suppression_subscriber ON suppression (subscriber_id);
CREATE INDEX suppression_address ON suppression (canonical);
CREATE INDEX consent_ledger_subscriber ON consent_ledger (subscriber_id, id);
CREATE INDEX consent_ledger_address ON consent_ledger (address_key, id);
CREATE INDEX audit_actor ON audit (actor, id);
CREATE INDEX audit_object ON audit (object, id);
CREATE INDEX writeback_next ON writeback (bridge_id, urgency, next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX writeback_person ON writeback (subscriber_id, id);
CREATE INDEX writeback_bridge ON writeback (bridge_id, id);
CREATE INDEX writeback_bridge_state ON writeback (bridge_id, state, id);
CREATE INDEX writeback_kind ON writeback (kind, id);
CREATE INDEX writeback_created ON writeback (created_at, id);
