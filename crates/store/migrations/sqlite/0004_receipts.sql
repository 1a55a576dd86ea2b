-- What was answered to requests that came with an idempotency key, for a day. Hashes, ids, numbers
-- and verdicts: no content, so that an erasure has nothing to look for here.
CREATE TABLE receipt (
    tenant  INTEGER NOT NULL,
    app     INTEGER NOT NULL,
    key     BLOB    NOT NULL, -- a keyed hash of the idempotency key, 16 bytes
    request BLOB    NOT NULL, -- a keyed hash of what was asked, 16 bytes
    at      INTEGER NOT NULL, -- when it was answered
    seq     INTEGER NOT NULL, -- the last entry of the tenant's journal then
    outcome BLOB    NOT NULL,
    PRIMARY KEY (tenant, app, key)
) WITHOUT ROWID;
CREATE INDEX receipt_at ON receipt (at);
