-- Times are microseconds since 1970-01-01 UTC. Ids are dense and made by Rialto (table counter), never by the database.
-- Tables that only SQLite wants WITHOUT ROWID stand in 0002 (two dialects).

CREATE TABLE counter (
  name TEXT NOT NULL PRIMARY KEY,
  next_id BIGINT NOT NULL
);

CREATE TABLE setting (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);

CREATE TABLE app_user (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  email TEXT NOT NULL,
  email_canonical TEXT NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('viewer', 'marketer', 'integrator', 'admin')),
  granted TEXT NOT NULL DEFAULT '[]',
  denied TEXT NOT NULL DEFAULT '[]',
  timezone TEXT NOT NULL DEFAULT '',
  disabled BOOLEAN NOT NULL DEFAULT FALSE,
  last_login_at BIGINT
);

-- The id that the browser holds is never stored, only its SHA-256.
CREATE TABLE web_session (
  id_hash TEXT NOT NULL PRIMARY KEY,
  user_id BIGINT NOT NULL REFERENCES app_user (id),
  csrf TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX web_session_user ON web_session (user_id);

CREATE TABLE login_throttle (
  subject TEXT NOT NULL PRIMARY KEY,
  failures BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  blocked_until BIGINT NOT NULL
);

CREATE TABLE api_token (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  name TEXT NOT NULL,
  token_hash TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL CHECK (role IN ('viewer', 'marketer', 'integrator', 'admin')),
  created_by TEXT NOT NULL,
  last_used_at BIGINT,
  revoked_at BIGINT
);

-- Answers to POST requests that carried an Idempotency-Key.
CREATE TABLE idempotency (
  actor TEXT NOT NULL,
  key TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  status INTEGER NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (actor, key)
);

CREATE TABLE audit (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  object_id BIGINT,
  detail TEXT NOT NULL DEFAULT '{}',
  request_id TEXT NOT NULL DEFAULT ''
);

CREATE TABLE bridge (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  settings TEXT NOT NULL,
  secrets TEXT NOT NULL,
  enabled BOOLEAN NOT NULL,
  position BIGINT NOT NULL,
  deleted_at BIGINT,
  lists_synced_at BIGINT,
  tested_at BIGINT,
  test_ok BOOLEAN,
  test_message TEXT NOT NULL DEFAULT ''
);

-- A bridge's personalization fields; the values stand in table profile_<bridge>, column f<number>.
CREATE TABLE bridge_field (
  bridge_id BIGINT NOT NULL REFERENCES bridge (id),
  number BIGINT NOT NULL,
  position BIGINT NOT NULL,
  name TEXT NOT NULL,
  label TEXT NOT NULL,
  kind TEXT NOT NULL,
  length BIGINT,
  shown BOOLEAN NOT NULL DEFAULT TRUE,
  gone_at BIGINT,
  PRIMARY KEY (bridge_id, number),
  UNIQUE (bridge_id, name, kind)
);

CREATE TABLE target_group (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('remote', 'compound', 'segment', 'persona', 'interest', 'upload')),
  bridge_id BIGINT REFERENCES bridge (id),
  code TEXT,
  name TEXT NOT NULL,
  name_folded TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  folder TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL CHECK (state IN ('active', 'gone')),
  remote_active BOOLEAN NOT NULL DEFAULT TRUE,
  remote_members BIGINT,
  remote_refreshed_at BIGINT,
  remote_modified_at BIGINT,
  regeneration TEXT NOT NULL DEFAULT '',
  edited_at BIGINT,
  deleted_at BIGINT,
  plan_only BOOLEAN NOT NULL DEFAULT FALSE,
  applied_run BIGINT NOT NULL DEFAULT 0,
  members BIGINT NOT NULL DEFAULT 0,
  synced_run BIGINT,
  synced_at BIGINT,
  data_as_of BIGINT,
  waterfall TEXT,
  waterfall_at BIGINT,
  -- What the waterfall was counted from (JSON): while nothing newer touches it, an unchanged sync need not count again.
  waterfall_basis TEXT,
  CHECK ((kind = 'remote') = (bridge_id IS NOT NULL AND code IS NOT NULL)),
  UNIQUE (bridge_id, code)
);
CREATE INDEX target_group_name ON target_group (name_folded, id);

CREATE TABLE target_group_use (
  group_id BIGINT NOT NULL REFERENCES target_group (id),
  mailing_id BIGINT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (group_id, mailing_id)
);

CREATE TABLE sync_run (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('lists', 'people', 'upload', 'approval', 'undo', 'test')),
  run_trigger TEXT NOT NULL,
  actor TEXT NOT NULL,
  bridge_id BIGINT REFERENCES bridge (id),
  group_id BIGINT REFERENCES target_group (id),
  -- What "one at a time" is about: g<group>, b<bridge>, t<bridge> for tests.
  subject TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'incomplete', 'held', 'approved', 'discarded',
    'superseded', 'failed')),
  phase TEXT CHECK (phase IN ('reading', 'planning', 'applying')),
  plan_only BOOLEAN NOT NULL DEFAULT FALSE,
  -- The held run that an approval decides, or the run that this one tries again.
  parent_run BIGINT,
  attempt BIGINT NOT NULL DEFAULT 1,
  started_at BIGINT,
  finished_at BIGINT,
  applied_at BIGINT,
  base_run BIGINT,
  announced BIGINT,
  progress BIGINT NOT NULL DEFAULT 0,
  counts TEXT NOT NULL DEFAULT '{}',
  members_after BIGINT,
  data_as_of BIGINT,
  reason TEXT NOT NULL DEFAULT '',
  advice TEXT NOT NULL DEFAULT '',
  error_kind TEXT NOT NULL DEFAULT '',
  worker TEXT NOT NULL DEFAULT '',
  lease_until BIGINT NOT NULL DEFAULT 0,
  stats TEXT NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX sync_run_one ON sync_run (subject) WHERE state IN ('queued', 'running');
CREATE INDEX sync_run_group ON sync_run (group_id, id);
CREATE INDEX sync_run_state ON sync_run (state, id);

-- Triggers that found a run under way and joined it.
CREATE TABLE sync_run_trigger (
  run_id BIGINT NOT NULL REFERENCES sync_run (id),
  number BIGINT NOT NULL,
  run_trigger TEXT NOT NULL,
  actor TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (run_id, number)
);

-- Open causes but remote_flag, which lives on the record it is bound to.
CREATE TABLE suppression (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  cause TEXT NOT NULL CHECK (cause IN ('own_unsubscribe', 'complaint', 'invalid_address', 'upload', 'admin')),
  -- 0 and '' when not bound to a record or an address; one row a binding.
  subscriber_id BIGINT NOT NULL DEFAULT 0,
  canonical TEXT NOT NULL DEFAULT '',
  CHECK ((subscriber_id = 0) <> (canonical = '')),
  UNIQUE (cause, subscriber_id, canonical)
);
CREATE INDEX suppression_subscriber ON suppression (subscriber_id);
CREATE INDEX suppression_address ON suppression (canonical);

-- Append-only: speaks of people by subscriber id or keyed hash of the address, never by the address itself.
CREATE TABLE consent_ledger (
  id BIGINT NOT NULL PRIMARY KEY,
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
CREATE INDEX consent_ledger_subscriber ON consent_ledger (subscriber_id, id);
CREATE INDEX consent_ledger_address ON consent_ledger (address_key, id);

-- Rows worth showing that are no change: rejected and duplicate rows, misfits, and the names of a plan. Bounded a run.
CREATE TABLE sync_run_note (
  run_id BIGINT NOT NULL REFERENCES sync_run (id),
  number BIGINT NOT NULL,
  kind TEXT NOT NULL,
  remote_id TEXT NOT NULL,
  subscriber_id BIGINT,
  detail TEXT NOT NULL,
  PRIMARY KEY (run_id, number)
);
