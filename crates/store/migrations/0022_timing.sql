-- When this bridge's writebacks go out, kind by kind (JSON, docs/adr/0129); empty: all with the cycle.
ALTER TABLE writeback_destination ADD COLUMN timing TEXT NOT NULL DEFAULT '';
