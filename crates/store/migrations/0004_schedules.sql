-- What happens by the clock, and what came of it. One overnight schedule a bridge, made with it.
CREATE TABLE schedule (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('overnight')),
  bridge_id BIGINT NOT NULL REFERENCES bridge (id),
  enabled BOOLEAN NOT NULL DEFAULT TRUE,
  -- Its own time of day (HH:MM) and IANA zone; NULL follows the configuration.
  local_time TEXT,
  timezone TEXT,
  -- Occurrences up to this moment are not made up for; NULL until a worker first sees the schedule.
  since BIGINT,
  UNIQUE (kind, bridge_id)
);
INSERT INTO schedule (id, created_at, kind, bridge_id) SELECT id, created_at, 'overnight', id FROM bridge;
INSERT INTO counter (name, next_id) SELECT 'schedule', COALESCE(MAX(id), 0) + 1 FROM bridge;

-- An occurrence that began. The UNIQUE is what makes it happen once, however many nodes run and wherever the clock jumps.
CREATE TABLE schedule_occurrence (
  id BIGINT NOT NULL PRIMARY KEY,
  -- When it began, which is later than occurs_at when the occurrence was missed; and the moment it stands for.
  created_at BIGINT NOT NULL,
  schedule_id BIGINT NOT NULL REFERENCES schedule (id),
  occurs_at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('lists', 'people', 'done', 'failed', 'skipped')),
  -- Grows with every step taken: a node takes a step only from the one it saw.
  step BIGINT NOT NULL DEFAULT 0,
  lists_run BIGINT REFERENCES sync_run (id),
  reason TEXT NOT NULL DEFAULT '',
  finished_at BIGINT,
  UNIQUE (schedule_id, occurs_at)
);
CREATE INDEX schedule_occurrence_state ON schedule_occurrence (state, id);

-- The groups that an occurrence reads: why, and by which run. `note` says why there is none.
CREATE TABLE schedule_item (
  occurrence_id BIGINT NOT NULL REFERENCES schedule_occurrence (id),
  number BIGINT NOT NULL,
  group_id BIGINT NOT NULL REFERENCES target_group (id),
  why TEXT NOT NULL,
  asked BOOLEAN NOT NULL DEFAULT FALSE,
  run_id BIGINT REFERENCES sync_run (id),
  note TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (occurrence_id, number)
);

-- Runs that wait until nobody else does: the night's, unless somebody who waits joins them.
ALTER TABLE sync_run ADD COLUMN patient BOOLEAN NOT NULL DEFAULT FALSE;
-- A run that took over from one whose worker died.
CREATE INDEX sync_run_parent ON sync_run (parent_run);
