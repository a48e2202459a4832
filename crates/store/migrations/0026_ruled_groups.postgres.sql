-- Derived groups may be segments: found by a rule, asking about other groups (docs/adr/0152).
ALTER TABLE compound DROP CONSTRAINT compound_form_check;
ALTER TABLE compound ADD CONSTRAINT compound_form_check CHECK (form IN ('compound', 'share', 'segment'));
ALTER TABLE compound_part DROP CONSTRAINT compound_part_side_check;
ALTER TABLE compound_part ADD CONSTRAINT compound_part_side_check CHECK (side IN ('include', 'exclude', 'parent', 'asked'));
