-- What a tenant has set for a type, as JSON: {"limit":2,"role":"Contact"}. NULL where nothing is set.
ALTER TABLE identity_type ADD COLUMN settings TEXT;

-- How many of the companions, from the first one on, do not count any more.
ALTER TABLE identity ADD COLUMN pardoned INTEGER NOT NULL DEFAULT 0;

CREATE INDEX identity_quarantined ON identity (key) WHERE quarantine = 1;
