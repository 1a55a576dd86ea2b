-- What people decide afterwards: merges are undone, conflicts settled, customers erased.

-- When the newest entry that touched the customer happened, where that is later than `updated_at`.
ALTER TABLE customer ADD COLUMN seen_at INTEGER;
-- A customer that is neither live nor merged away is erased if it has no homes, else deleted.

ALTER TABLE merge ADD COLUMN undone INTEGER; -- the entry that undid it
CREATE INDEX merge_right ON merge (right_home);

ALTER TABLE conflict ADD COLUMN settlement BLOB;
CREATE INDEX conflict_left ON conflict (left_home);
CREATE INDEX conflict_right ON conflict (right_home) WHERE right_home IS NOT NULL;

-- Claims that nobody has decided since the merge was undone.
CREATE TABLE undecided (
    merge INTEGER NOT NULL,
    claim INTEGER NOT NULL, -- the key of its entry
    PRIMARY KEY (merge, claim)
) WITHOUT ROWID;
