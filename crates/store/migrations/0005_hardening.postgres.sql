-- How an applied run ends: written with the plan itself, so that a worker that dies afterwards leaves nothing to decide.
ALTER TABLE sync_run ADD COLUMN outcome TEXT;
CREATE INDEX sync_run_held ON sync_run (group_id, id) WHERE state = 'held';
CREATE INDEX target_group_stale ON target_group (waterfall_at) WHERE waterfall_basis LIKE '{"stale"%';
-- As subscriber.canonical, or the index could not serve a join of the two.
ALTER TABLE suppression ALTER COLUMN canonical TYPE TEXT COLLATE "C";
