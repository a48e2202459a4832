-- What the List of Attributes adds to a field: the remote never sees it, and a refresh never touches it (docs/adr/0073).
ALTER TABLE bridge_field ADD COLUMN display_name TEXT NOT NULL DEFAULT '';
-- Used in mailings where a person has no value; read as the field's type. Empty for none.
ALTER TABLE bridge_field ADD COLUMN default_value TEXT NOT NULL DEFAULT '';
ALTER TABLE bridge_field ADD COLUMN comment TEXT NOT NULL DEFAULT '';

-- The audit trail by who acted and by what was acted on, newest first.
CREATE INDEX audit_actor ON audit (actor, id);
CREATE INDEX audit_object ON audit (object, id);
