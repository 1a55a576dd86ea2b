-- An erasure leaves traces in unused parts of pages, which are swept away soon after.

ALTER TABLE hub ADD COLUMN erasures INTEGER NOT NULL DEFAULT 0; -- groups that erased somebody
ALTER TABLE hub ADD COLUMN swept    INTEGER NOT NULL DEFAULT 0; -- how many of them left no trace

-- Whoever was erased before.
UPDATE hub SET erasures = 1;
