-- Writebacks that the remote system fetches itself (docs/adr/0125): who may, how they reach it, and when it last came.
CREATE TABLE fetch_token (
  bridge_id BIGINT NOT NULL PRIMARY KEY REFERENCES bridge (id),
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  -- SHA-256 in hexadecimal; the token itself is seen once, by whoever made it.
  token_hash TEXT NOT NULL UNIQUE CHECK (LENGTH(token_hash) = 64)
);
ALTER TABLE writeback_destination ADD COLUMN delivery TEXT NOT NULL DEFAULT 'push' CHECK (delivery IN ('push', 'polled'));
-- Since when it is delivered like that; 0 from the start.
ALTER TABLE writeback_destination ADD COLUMN delivery_since BIGINT NOT NULL DEFAULT 0;
-- When the remote last asked for writebacks with a valid token, to some seconds.
ALTER TABLE writeback_destination ADD COLUMN polled_at BIGINT;
