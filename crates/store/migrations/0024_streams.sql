-- Audience lists, profile extensions, stream connections and data syncs (docs/adr/0150).

-- A list, or an extension that stands 1:1 beside one and has a scope name. The rows stand in table audience_<id>, columns f<number>; f1 is the
-- unique key. `link` holds the text by which a row meets its subscriber, v<data sync> the version that a data sync wrote last.
CREATE TABLE audience (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  name TEXT NOT NULL CHECK (name <> ''),
  name_folded TEXT NOT NULL,
  api_name TEXT NOT NULL CHECK (api_name <> ''),
  api_name_folded TEXT NOT NULL UNIQUE,
  folder TEXT NOT NULL DEFAULT '',
  description TEXT NOT NULL DEFAULT '',
  list_id BIGINT REFERENCES audience (id),
  scope TEXT NOT NULL DEFAULT '',
  -- How rows meet subscribers; decided by the first data sync that says so.
  match_by TEXT CHECK (match_by IN ('email', 'remote_id')),
  match_bridge BIGINT REFERENCES bridge (id),
  -- Numbers of fields are never used again.
  next_field BIGINT NOT NULL,
  CHECK ((list_id IS NULL) = (scope = '')),
  CHECK ((match_bridge IS NULL) OR (match_by IS NOT NULL)),
  CHECK ((match_by IS NULL) OR ((match_by = 'remote_id') = (match_bridge IS NOT NULL)))
);
CREATE UNIQUE INDEX audience_scope ON audience (list_id, scope) WHERE scope <> '';
CREATE INDEX audience_name ON audience (name_folded, id);

CREATE TABLE audience_field (
  audience_id BIGINT NOT NULL REFERENCES audience (id),
  number BIGINT NOT NULL,
  position BIGINT NOT NULL,
  name TEXT NOT NULL CHECK (name <> ''),
  api_name TEXT NOT NULL CHECK (api_name <> ''),
  api_name_folded TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('integer', 'long', 'text', 'longtext', 'float', 'datetime', 'date', 'boolean')),
  length BIGINT,
  description TEXT NOT NULL DEFAULT '',
  -- Stands in for an empty value in mailings, written as its type; empty for none.
  default_value TEXT NOT NULL DEFAULT '',
  retired_at BIGINT,
  PRIMARY KEY (audience_id, number),
  UNIQUE (audience_id, api_name_folded),
  CHECK ((kind = 'text') = (length IS NOT NULL)),
  CHECK (number > 1 OR (kind IN ('integer', 'long', 'text') AND retired_at IS NULL))
);

CREATE TABLE stream (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  -- Events are sent to Rialto (http), or fetched from a broker.
  kind TEXT NOT NULL CHECK (kind IN ('http', 'nats')),
  name TEXT NOT NULL CHECK (name <> ''),
  name_folded TEXT NOT NULL UNIQUE,
  enabled BOOLEAN NOT NULL,
  -- SHA-256 of what opens the HTTP inbox; empty for none.
  token_hash TEXT NOT NULL DEFAULT '',
  -- Events ever taken: the position of the next one.
  next_position BIGINT NOT NULL DEFAULT 0,
  -- Position before which the log was thrown away.
  kept_from BIGINT NOT NULL DEFAULT 0,
  last_event_at BIGINT,
  -- What stands in the way of reading it, as a sentence; empty for nothing.
  trouble TEXT NOT NULL DEFAULT '',
  worker TEXT NOT NULL DEFAULT '',
  lease_until BIGINT NOT NULL DEFAULT 0
);

-- The business units of a connection, compared whole.
CREATE TABLE stream_source (
  id BIGINT NOT NULL PRIMARY KEY,
  stream_id BIGINT NOT NULL REFERENCES stream (id),
  source TEXT NOT NULL CHECK (source <> ''),
  -- No longer read; its data syncs stand still.
  retired BOOLEAN NOT NULL DEFAULT FALSE,
  UNIQUE (stream_id, source)
);

-- Fields that were seen in events, with what their values looked like (bits of rialto_core::audience::Seen).
CREATE TABLE stream_field (
  source_id BIGINT NOT NULL REFERENCES stream_source (id),
  name TEXT NOT NULL,
  seen BIGINT NOT NULL,
  sample TEXT NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (source_id, name)
);

CREATE TABLE stream_alarm (
  id BIGINT NOT NULL PRIMARY KEY,
  stream_id BIGINT NOT NULL REFERENCES stream (id),
  created_at BIGINT NOT NULL,
  kind TEXT NOT NULL CHECK (kind = 'retention'),
  detail TEXT NOT NULL,
  -- By whom it was put aside.
  settled_at BIGINT,
  settled_by TEXT NOT NULL DEFAULT ''
);
CREATE INDEX stream_alarm_open ON stream_alarm (stream_id, id) WHERE settled_at IS NULL;

CREATE TABLE data_sync (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  name TEXT NOT NULL CHECK (name <> ''),
  name_folded TEXT NOT NULL,
  folder TEXT NOT NULL DEFAULT '',
  description TEXT NOT NULL DEFAULT '',
  audience_id BIGINT NOT NULL REFERENCES audience (id),
  source_id BIGINT NOT NULL REFERENCES stream_source (id),
  mode TEXT NOT NULL CHECK (mode IN ('upsert', 'delete')),
  match_by TEXT CHECK (match_by IN ('email', 'remote_id')),
  match_bridge BIGINT REFERENCES bridge (id),
  match_field BIGINT,
  -- The destination was changed since the field matching was looked at (LO-06).
  review BOOLEAN NOT NULL DEFAULT FALSE,
  enabled BOOLEAN NOT NULL DEFAULT FALSE,
  -- The stream's position up to which it is through.
  position BIGINT NOT NULL DEFAULT 0,
  last_event_at BIGINT,
  -- Why it does not get on, as a sentence; empty for nothing.
  trouble TEXT NOT NULL DEFAULT '',
  -- Rises with every change of what it does: whoever applies events knows by it that nothing changed since it looked.
  revision BIGINT NOT NULL DEFAULT 0,
  -- Its rejected events are to be taken once more.
  replay BOOLEAN NOT NULL DEFAULT FALSE,
  deleted_at BIGINT,
  CHECK (NOT (enabled AND review)),
  CHECK (NOT enabled OR deleted_at IS NULL),
  CHECK ((match_by IS NULL) = (match_field IS NULL)),
  CHECK ((match_by IS NULL AND match_bridge IS NULL) OR ((match_by = 'remote_id') = (match_bridge IS NOT NULL)))
);
CREATE INDEX data_sync_audience ON data_sync (audience_id);
CREATE INDEX data_sync_source ON data_sync (source_id);

CREATE TABLE data_sync_pair (
  sync_id BIGINT NOT NULL REFERENCES data_sync (id),
  number BIGINT NOT NULL,
  source TEXT NOT NULL,
  target BIGINT NOT NULL,
  PRIMARY KEY (sync_id, number),
  UNIQUE (sync_id, target)
);

CREATE TABLE label (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  name TEXT NOT NULL CHECK (name <> ''),
  name_folded TEXT NOT NULL UNIQUE
);

CREATE TABLE data_sync_label (
  sync_id BIGINT NOT NULL REFERENCES data_sync (id),
  label_id BIGINT NOT NULL REFERENCES label (id),
  PRIMARY KEY (sync_id, label_id)
);

-- The books of a data sync, a row a minute: read = applied + older + duplicates + other + rejected.
CREATE TABLE data_sync_minute (
  sync_id BIGINT NOT NULL REFERENCES data_sync (id),
  minute BIGINT NOT NULL,
  read BIGINT NOT NULL,
  applied BIGINT NOT NULL,
  older BIGINT NOT NULL,
  duplicates BIGINT NOT NULL,
  -- Of a kind that the data sync does not take.
  other BIGINT NOT NULL,
  rejected BIGINT NOT NULL,
  -- Values of applied events that did not fit their field.
  values_rejected BIGINT NOT NULL,
  replayed BIGINT NOT NULL,
  first_position BIGINT NOT NULL,
  last_position BIGINT NOT NULL,
  PRIMARY KEY (sync_id, minute)
);

-- What could not be taken, by a stream (sync_id is null) or by a data sync.
CREATE TABLE stream_rejected (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  stream_id BIGINT NOT NULL REFERENCES stream (id),
  sync_id BIGINT REFERENCES data_sync (id),
  event_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  -- Name of the destination's field; empty when the whole event was refused.
  field TEXT NOT NULL,
  reason TEXT NOT NULL,
  -- The event as it came, cut where it is too long for one.
  body TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'replayed', 'superseded', 'dismissed')),
  settled_at BIGINT
);
CREATE INDEX stream_rejected_sync ON stream_rejected (sync_id, id);
CREATE INDEX stream_rejected_stream ON stream_rejected (stream_id, id);

-- Deleted rows, by the version at which they were.
CREATE TABLE audience_tombstone (
  audience_id BIGINT NOT NULL REFERENCES audience (id),
  source_id BIGINT NOT NULL REFERENCES stream_source (id),
  row_key TEXT NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (audience_id, source_id, row_key)
);
