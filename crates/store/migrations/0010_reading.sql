-- Indexes for lists that are sorted and filtered: a page of any of them reads about as many rows as it shows.
CREATE INDEX target_group_members ON target_group (members, id);
CREATE INDEX target_group_synced ON target_group ((COALESCE(synced_at, 0)), id);
CREATE INDEX sync_run_kind ON sync_run (kind, id);
CREATE INDEX sync_run_bridge ON sync_run (bridge_id, id);
CREATE INDEX sync_run_group_state ON sync_run (group_id, state, id);
CREATE INDEX sync_run_subject ON sync_run (subject, id);
