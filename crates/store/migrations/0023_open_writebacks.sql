-- What is open of a person, by itself: who has a long history is not read through it with every claim (docs/adr/0143).
CREATE INDEX writeback_open ON writeback (subscriber_id, id) WHERE ended_at IS NULL;
