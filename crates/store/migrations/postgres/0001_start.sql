-- Keys are packed: the tenant in the upper bits, a number of the tenant in the lower 40 (16 for
-- types). Every key thus begins with its tenant, stays one integer, and grows as rows are added.
-- `home`, `survivor`, `identity` and the like hold such keys too.
-- Moments are microseconds since 1970-01-01T00:00:00Z. Text is compared byte by byte.

-- One row: what belongs to no tenant. Who changes tenants, apps or webhooks locks it.
CREATE TABLE hub (
    id              bigint PRIMARY KEY CHECK (id = 1),
    token_key       bytea  NOT NULL, -- the secret that tokens are signed with, 32 bytes
    deliverer       bigint NOT NULL DEFAULT 0, -- which hub delivers webhooks, by a number it drew
    deliverer_until bigint NOT NULL DEFAULT 0
);

-- One row for each connection that writes: which group it has committed last. Who lost the answer to
-- a COMMIT looks here; the row is locked for as long as that is open.
CREATE TABLE writer (
    number     bigint      PRIMARY KEY,
    last_group bigint      NOT NULL,
    given_up   boolean     NOT NULL DEFAULT false, -- somebody looked: it commits nothing any more
    seen_at    timestamptz NOT NULL DEFAULT now()
);

-- A group locks the rows of its tenants, in order, before it reads anything else of them.
CREATE TABLE tenant (
    id             bigint PRIMARY KEY,
    name           text COLLATE "C" NOT NULL UNIQUE,
    preset         text   NOT NULL,
    on_conflict    text   NOT NULL,
    policy_version bigint NOT NULL,
    types_version  bigint NOT NULL, -- rises with every change of its identity types
    created_at     bigint NOT NULL,
    last_customer  bigint NOT NULL,
    last_identity  bigint NOT NULL,
    last_seq       bigint NOT NULL,
    last_merge     bigint NOT NULL,
    last_conflict  bigint NOT NULL,
    last_webhook   bigint NOT NULL DEFAULT 0,
    customers_live bigint NOT NULL -- how many customers a list without filters counts
) WITH (fillfactor = 50);

CREATE TABLE app (
    number      bigint PRIMARY KEY,
    tenant      bigint NOT NULL,
    id          text COLLATE "C" NOT NULL UNIQUE,
    name        text   NOT NULL,
    secret_hash bytea  NOT NULL,
    key_version bigint NOT NULL,
    permissions text   NOT NULL, -- names, separated by blanks
    created_at  bigint NOT NULL,
    revoked_at  bigint
);

CREATE TABLE identity_type (
    key      bigint PRIMARY KEY,
    name     text COLLATE "C" NOT NULL,
    settings text -- what a tenant has set for it, as JSON; NULL where nothing is set
);

-- One row per customer id, whatever has become of it. `source` and `stage` are not repeated in
-- `fields`. One that is neither live nor merged away is erased if it has no homes, else deleted.
CREATE TABLE customer (
    key        bigint PRIMARY KEY,
    live       bigint, -- the tenant, for as long as this is a customer: what lists are made of
    survivor   bigint, -- who answers for a merged-away id
    homes      bigint NOT NULL,
    rev        bigint NOT NULL,
    head       bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    seen_at    bigint, -- when the newest entry that touched it happened, if later than `updated_at`
    source     text COLLATE "C",
    stage      text COLLATE "C",
    mobile_key text COLLATE "C", -- the mobile in canonical form, while live
    email_key  text COLLATE "C", -- the e-mail address in canonical form, while live
    fields     json, -- the other values shown: {"name":..,"attr":{..}}
    cells      bytea -- where the values came from, and what was cleared
) WITH (fillfactor = 80);

-- Lists read live customers only, so that merged and deleted ids weigh on none of these.
CREATE INDEX customer_live ON customer (live, key) WHERE live IS NOT NULL;
CREATE INDEX customer_created ON customer (live, created_at, key) WHERE live IS NOT NULL;
CREATE INDEX customer_updated ON customer (live, updated_at, key) WHERE live IS NOT NULL;
CREATE INDEX customer_source ON customer (live, source NULLS FIRST, key) WHERE live IS NOT NULL;
CREATE INDEX customer_stage ON customer (live, stage NULLS FIRST, key) WHERE live IS NOT NULL;
CREATE INDEX customer_mobile ON customer (live, mobile_key, key) WHERE mobile_key IS NOT NULL;
CREATE INDEX customer_email ON customer (live, email_key, key) WHERE email_key IS NOT NULL;
CREATE INDEX customer_survivor ON customer (survivor) WHERE survivor IS NOT NULL;

-- The homes of merged customers, each with what it says on its own.
CREATE TABLE home (
    key    bigint PRIMARY KEY,
    source text,
    stage  text,
    fields json,
    cells  bytea
);

CREATE TABLE identity (
    key        bigint  PRIMARY KEY,
    type       bigint  NOT NULL,
    value      text COLLATE "C" NOT NULL, -- in canonical form
    raw        text,            -- as first sent, if that differs
    name       text,
    scope      text,
    home       bigint,          -- nobody's while NULL
    quarantine boolean NOT NULL,
    companions bytea,
    apps       bytea,
    pardoned   bigint  NOT NULL -- how many of the companions, from the first one on, do not count
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX identity_value ON identity (type, value);
CREATE INDEX identity_home ON identity (home) WHERE home IS NOT NULL;
CREATE INDEX identity_quarantined ON identity (key) WHERE quarantine;

CREATE TABLE merge (
    key        bigint PRIMARY KEY,
    left_home  bigint NOT NULL,
    right_home bigint NOT NULL,
    seq        bigint NOT NULL,
    bridge     bytea,
    guards     bytea,
    undone     bigint -- the entry that undid it
);
CREATE INDEX merge_left ON merge (left_home);
CREATE INDEX merge_right ON merge (right_home);

CREATE TABLE cannot_link (
    low  bigint NOT NULL,
    high bigint NOT NULL,
    seq  bigint NOT NULL,
    PRIMARY KEY (low, high)
);
CREATE INDEX cannot_link_high ON cannot_link (high);

CREATE TABLE conflict (
    key        bigint PRIMARY KEY,
    kind       text   NOT NULL,
    rule       text   NOT NULL,
    identity   bigint NOT NULL,
    left_home  bigint NOT NULL,
    right_home bigint,
    evidence   bytea,
    opened     bigint NOT NULL,
    settled    bigint,
    settlement bytea
);
CREATE INDEX conflict_identity ON conflict (identity);
CREATE INDEX conflict_left ON conflict (left_home);
CREATE INDEX conflict_right ON conflict (right_home) WHERE right_home IS NOT NULL;

-- Claims that nobody has decided since the merge was undone.
CREATE TABLE undecided (
    merge bigint NOT NULL,
    claim bigint NOT NULL, -- the key of its entry
    PRIMARY KEY (merge, claim)
);
CREATE INDEX undecided_claim ON undecided (claim);

-- Append-only.
CREATE TABLE journal (
    key   bigint PRIMARY KEY,
    at    bigint NOT NULL,
    entry bytea  NOT NULL
);

-- Which entries touched a customer, so that a history is read as ranges and not entry by entry.
CREATE TABLE trail (
    customer bigint NOT NULL,
    seq      bigint NOT NULL, -- the key of the entry
    PRIMARY KEY (customer, seq)
);

-- What was answered to requests that came with an idempotency key, for a day. Hashes, ids, numbers
-- and verdicts: no content, so that an erasure has nothing to look for here.
CREATE TABLE receipt (
    tenant  bigint NOT NULL,
    app     bigint NOT NULL,
    key     bytea  NOT NULL, -- a keyed hash of the idempotency key, 16 bytes
    request bytea  NOT NULL, -- a keyed hash of what was asked, 16 bytes
    at      bigint NOT NULL, -- when it was answered
    seq     bigint NOT NULL, -- the last entry of the tenant's journal then
    outcome bytea  NOT NULL,
    PRIMARY KEY (tenant, app, key)
);
CREATE INDEX receipt_at ON receipt (tenant, at);

-- Webhooks, and how far each has been told the feed. Places in the feed and reasons, never content.
CREATE TABLE webhook (
    key          bigint  PRIMARY KEY,
    url          text    NOT NULL,
    description  text    NOT NULL,
    kinds        text    NOT NULL, -- names, separated by blanks; all if empty
    enabled      boolean NOT NULL,
    secret       bytea   NOT NULL, -- 32 bytes
    old_secret   bytea,
    old_until    bigint,
    created_at   bigint  NOT NULL,
    updated_at   bigint  NOT NULL,
    epoch        bigint  NOT NULL, -- progress made in another one does not count
    position     bigint  NOT NULL, -- with `place`: every event up to here was delivered,
    place        bigint  NOT NULL, -- or not wanted, or stands in `undelivered`
    delivered_at bigint,
    failed_at    bigint,
    reason       text,
    status       bigint
);

CREATE TABLE undelivered (
    webhook   bigint NOT NULL,
    position  bigint NOT NULL,
    place     bigint NOT NULL,
    tries     bigint NOT NULL,
    due       bigint, -- NULL: a dead letter
    failed_at bigint,
    reason    text,
    status    bigint,
    PRIMARY KEY (webhook, position, place)
);
