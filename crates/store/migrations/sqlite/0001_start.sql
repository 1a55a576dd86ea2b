-- Keys are packed: the tenant in the upper bits, a number of the tenant in the lower 40 (16 for
-- types). Every key thus begins with its tenant, stays one integer, and grows as rows are added.
-- `home`, `survivor`, `identity` and the like hold such keys too.
-- Moments are microseconds since 1970-01-01T00:00:00Z.

-- One row: what belongs to no tenant.
CREATE TABLE hub (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    writer     INTEGER NOT NULL, -- who committed the last group: a number drawn when it was opened
    last_group INTEGER NOT NULL, -- rises by one with every group
    token_key  BLOB    NOT NULL  -- the secret that tokens are signed with, 32 bytes
);

CREATE TABLE tenant (
    id             INTEGER PRIMARY KEY,
    name           TEXT    NOT NULL UNIQUE,
    preset         TEXT    NOT NULL,
    on_conflict    TEXT    NOT NULL,
    policy_version INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    last_customer  INTEGER NOT NULL,
    last_identity  INTEGER NOT NULL,
    last_seq       INTEGER NOT NULL,
    last_merge     INTEGER NOT NULL,
    last_conflict  INTEGER NOT NULL,
    customers_live INTEGER NOT NULL -- how many customers a list without filters counts
);

CREATE TABLE app (
    number      INTEGER PRIMARY KEY,
    tenant      INTEGER NOT NULL,
    id          TEXT    NOT NULL UNIQUE,
    name        TEXT    NOT NULL,
    secret_hash BLOB    NOT NULL,
    key_version INTEGER NOT NULL,
    permissions TEXT    NOT NULL, -- names, separated by blanks
    created_at  INTEGER NOT NULL,
    revoked_at  INTEGER
);

CREATE TABLE identity_type (
    key  INTEGER PRIMARY KEY,
    name TEXT    NOT NULL
);

-- One row per customer id, whatever has become of it. `source` and `stage` are not repeated in
-- `fields`.
CREATE TABLE customer (
    key        INTEGER PRIMARY KEY,
    live       INTEGER, -- the tenant, for as long as this is a customer: what lists are made of
    survivor   INTEGER, -- who answers for a merged-away id; neither of the two: deleted
    homes      INTEGER NOT NULL,
    rev        INTEGER NOT NULL,
    head       INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    source     TEXT,
    stage      TEXT,
    mobile_key TEXT, -- the mobile in canonical form, while live
    email_key  TEXT, -- the e-mail address in canonical form, while live
    fields     TEXT, -- the other values shown, as JSON: {"name":..,"attr":{..}}
    cells      BLOB  -- where the values came from, and what was cleared
);

-- Lists read live customers only, so that merged and deleted ids weigh on none of these.
CREATE INDEX customer_created ON customer (live, created_at) WHERE live IS NOT NULL;
CREATE INDEX customer_updated ON customer (live, updated_at) WHERE live IS NOT NULL;
CREATE INDEX customer_source ON customer (live, source) WHERE live IS NOT NULL;
CREATE INDEX customer_stage ON customer (live, stage) WHERE live IS NOT NULL;
CREATE INDEX customer_mobile ON customer (live, mobile_key) WHERE mobile_key IS NOT NULL;
CREATE INDEX customer_email ON customer (live, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX customer_survivor ON customer (survivor) WHERE survivor IS NOT NULL;

-- The homes of merged customers, each with what it says on its own.
CREATE TABLE home (
    key    INTEGER PRIMARY KEY,
    source TEXT,
    stage  TEXT,
    fields TEXT,
    cells  BLOB
);

CREATE TABLE identity (
    key        INTEGER PRIMARY KEY,
    type       INTEGER NOT NULL,
    value      TEXT    NOT NULL, -- in canonical form
    raw        TEXT,             -- as first sent, if that differs
    name       TEXT,
    scope      TEXT,
    home       INTEGER,          -- nobody's while NULL
    quarantine INTEGER NOT NULL,
    companions BLOB,
    apps       BLOB
);
CREATE UNIQUE INDEX identity_value ON identity (type, value);
CREATE INDEX identity_home ON identity (home) WHERE home IS NOT NULL;

CREATE TABLE merge (
    key        INTEGER PRIMARY KEY,
    left_home  INTEGER NOT NULL,
    right_home INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    bridge     BLOB,
    guards     BLOB
);
CREATE INDEX merge_left ON merge (left_home);

CREATE TABLE cannot_link (
    low  INTEGER NOT NULL,
    high INTEGER NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (low, high)
) WITHOUT ROWID;
CREATE INDEX cannot_link_high ON cannot_link (high);

CREATE TABLE conflict (
    key        INTEGER PRIMARY KEY,
    kind       TEXT    NOT NULL,
    rule       TEXT    NOT NULL,
    identity   INTEGER NOT NULL,
    left_home  INTEGER NOT NULL,
    right_home INTEGER,
    evidence   BLOB,
    opened     INTEGER NOT NULL,
    settled    INTEGER
);
CREATE INDEX conflict_identity ON conflict (identity);

-- Append-only.
CREATE TABLE journal (
    key   INTEGER PRIMARY KEY,
    at    INTEGER NOT NULL,
    entry BLOB    NOT NULL
);
