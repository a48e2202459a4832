-- The position up to which a data sync takes versions that it has taken before: a field was matched that was not matched then.
ALTER TABLE data_sync ADD COLUMN again_until BIGINT NOT NULL DEFAULT 0;
