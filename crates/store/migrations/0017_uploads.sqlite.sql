-- Uploads (docs/adr/0133 to 0137). Files that people bring, what their columns are used for, and the source of records that no bridge knows.

-- Source 0 stands among the bridges only so that everything that looks a source up finds it: deleted, switched off, last in their order.
INSERT INTO bridge (id, created_at, kind, name, settings, secrets, enabled, position, deleted_at)
  VALUES (0, 0, 'upload', 'Upload', '{}', '{}', FALSE, 1000000000, 0);
CREATE TABLE profile_0 (subscriber_id INTEGER NOT NULL PRIMARY KEY);

CREATE TABLE upload (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('people', 'unsubscribers')),
  -- receiving: the file is still coming. received: it is kept. discarded: a person gave it up. expired: nobody applied it in time.
  state TEXT NOT NULL CHECK (state IN ('receiving', 'received', 'discarded', 'expired')),
  file_name TEXT NOT NULL,
  bytes BIGINT NOT NULL DEFAULT 0,
  -- What was found out about the file (JSON), and a hash over the heads of its columns.
  found TEXT NOT NULL DEFAULT '',
  heads TEXT NOT NULL DEFAULT '',
  -- What the columns are used for (JSON), and when that was last said.
  mapping TEXT NOT NULL DEFAULT '',
  mapped_at BIGINT,
  -- The target group; a new one has only a name until the upload is applied.
  group_id BIGINT REFERENCES target_group (id),
  group_name TEXT NOT NULL DEFAULT '',
  mode TEXT NOT NULL CHECK (mode IN ('add', 'replace')),
  -- Why the unsubscribers are silent, in the words of whoever uploads them.
  evidence TEXT NOT NULL DEFAULT '',
  expires_at BIGINT NOT NULL,
  -- The file itself is gone.
  dropped BOOLEAN NOT NULL DEFAULT FALSE,
  CHECK ((state = 'receiving') = (found = '') OR state IN ('discarded', 'expired')),
  CHECK ((mapping = '') = (mapped_at IS NULL)),
  CHECK (kind = 'people' OR (group_id IS NULL AND group_name = '' AND mode = 'add')),
  CHECK (kind = 'unsubscribers' OR evidence = ''),
  CHECK (kind = 'unsubscribers' OR group_id IS NOT NULL OR group_name <> '')
);
CREATE INDEX upload_kept ON upload (expires_at) WHERE dropped = FALSE;

CREATE TABLE upload_chunk (
  upload_id BIGINT NOT NULL REFERENCES upload (id),
  number BIGINT NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (upload_id, number)
);

-- What was last chosen for a file with these heads.
CREATE TABLE upload_mapping (
  heads TEXT NOT NULL PRIMARY KEY,
  mapping TEXT NOT NULL,
  used_at BIGINT NOT NULL
);

ALTER TABLE sync_run ADD COLUMN upload_id BIGINT REFERENCES upload (id);
CREATE INDEX sync_run_upload ON sync_run (upload_id, id) WHERE upload_id IS NOT NULL;
