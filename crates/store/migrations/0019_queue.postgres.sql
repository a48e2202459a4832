-- The queue has the indexes that its lists and its claims walk, no more (docs/adr/0143). The kind `persona` is new.
DROP INDEX writeback_open;
DROP INDEX writeback_sent;
DROP INDEX writeback_state;
ALTER TABLE writeback DROP CONSTRAINT writeback_kind_check;
ALTER TABLE writeback ADD CONSTRAINT writeback_kind_check
  CHECK (kind IN ('unsubscribe', 'resubscribe', 'invalid_email', 'interests', 'persona', 'mailing_activity'));
