-- Lines of a field matching that a changed destination has no place for, as JSON: what is to be looked at before the data sync is enabled
-- again (LO-06). Empty for none.
ALTER TABLE data_sync ADD COLUMN lost TEXT NOT NULL DEFAULT '';
-- Those of its rejected events that were chosen are to be taken once more; `replay` is for all of them.
ALTER TABLE data_sync ADD COLUMN replay_chosen BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE stream_rejected ADD COLUMN chosen BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX stream_rejected_open ON stream_rejected (sync_id) WHERE state = 'open';
-- The history of all data syncs is read by time.
CREATE INDEX data_sync_minute_at ON data_sync_minute (minute, sync_id);
