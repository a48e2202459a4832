-- Writebacks by time: the list asks for a span.
CREATE INDEX writeback_created ON writeback (created_at, id);
