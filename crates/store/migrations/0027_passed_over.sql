-- Events of business units that a connection does not read: how many, and whose the last ones were.
ALTER TABLE stream ADD COLUMN passed_over BIGINT NOT NULL DEFAULT 0;
ALTER TABLE stream ADD COLUMN passed_source TEXT NOT NULL DEFAULT '';
ALTER TABLE stream ADD COLUMN passed_at BIGINT;
