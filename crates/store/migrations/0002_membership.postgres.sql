-- One person as one bridge knows them. On SQLite the key is the row id itself.
CREATE TABLE subscriber (
  id BIGINT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  created_run BIGINT NOT NULL,
  bridge_id BIGINT NOT NULL,
  remote_id TEXT COLLATE "C" NOT NULL,
  address TEXT NOT NULL,
  canonical TEXT COLLATE "C" NOT NULL,
  address_state SMALLINT NOT NULL,
  -- 1 yes, 2 no: the flag of the last row read, and the last one written to the remote and acknowledged.
  remote_flag_seen SMALLINT NOT NULL,
  remote_flag_delivered SMALLINT NOT NULL DEFAULT 0,
  -- The run that opened the remote_flag cause; 0 when none is open.
  remote_flag_run BIGINT NOT NULL DEFAULT 0,
  hash BIGINT NOT NULL
);
CREATE UNIQUE INDEX subscriber_remote ON subscriber (bridge_id, remote_id);
CREATE INDEX subscriber_address ON subscriber (canonical, id);

-- Today's members. No second index and no foreign keys: see docs/adr/0003.
CREATE TABLE membership (
  group_id BIGINT NOT NULL,
  subscriber_id BIGINT NOT NULL,
  PRIMARY KEY (group_id, subscriber_id)
);

-- op: 1 joins, 2 leaves, 3 would leave (withheld), 4 withheld but seen again by a later read.
CREATE TABLE membership_change (
  run_id BIGINT NOT NULL,
  subscriber_id BIGINT NOT NULL,
  op SMALLINT NOT NULL,
  PRIMARY KEY (run_id, subscriber_id)
);

-- People changed by a run, with what stood there before (JSON). Created people: subscriber.created_run.
CREATE TABLE person_change (
  run_id BIGINT NOT NULL,
  subscriber_id BIGINT NOT NULL,
  before_values TEXT NOT NULL,
  PRIMARY KEY (run_id, subscriber_id)
);

-- op: 1 suppressed by the remote's no, 2 lifted by its yes, 3 lift withheld.
CREATE TABLE flag_change (
  run_id BIGINT NOT NULL,
  subscriber_id BIGINT NOT NULL,
  op SMALLINT NOT NULL,
  PRIMARY KEY (run_id, subscriber_id)
);
