
-- Today's members. No second index and no foreign keys: see docs/adr/0003.
CREATE TABLE membership (
  group_id BIGINT NOT NULL,
  subscriber_id BIGINT NOT NULL,
  PRIMARY KEY (group_id, subscriber_id)
) WITHOUT ROWID;

-- op: 1 joins, 2 leaves, 3 would leave (withheld), 4 withheld but seen again by a later read.
CREATE TABLE membership_change (
  run_id BIGINT NOT NULL,
  subscriber_id BIGINT NOT NULL,
  op SMALLINT NOT NULL,
  PRIMARY KEY (run_id, subscriber_id)
) WITHOUT ROWID;

-- People changed by a run, with what stood there before (JSON). Created people: subscriber.created_run.
CREATE TABLE person_change (
  run_id BIGINT NOT NULL,
  subscriber_id BIGINT NOT NULL,
  before_values TEXT NOT NULL,
  PRIMARY KEY (run_id, subscriber_id)
) WITHOUT ROWID;

-- op: 1 suppressed by the remote's no, 2 lifted by its yes, 3 lift withheld.
CREATE TABLE flag_change (
  run_id BIGINT NOT NULL,
  subscriber_id BIGINT NOT NULL,
  op SMALLINT NOT NULL,
  PRIMARY KEY (run_id, subscriber_id)
) WITHOUT ROWID;

