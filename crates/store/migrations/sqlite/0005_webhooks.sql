-- Webhooks, and how far each has been told the feed. Places in the feed and reasons, never content.

ALTER TABLE tenant ADD COLUMN last_webhook INTEGER NOT NULL DEFAULT 0;

-- Which hub delivers, by a number that it drew, and until when.
ALTER TABLE hub ADD COLUMN deliverer INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hub ADD COLUMN deliverer_until INTEGER NOT NULL DEFAULT 0;

CREATE TABLE webhook (
    key          INTEGER PRIMARY KEY,
    url          TEXT    NOT NULL,
    description  TEXT    NOT NULL,
    kinds        TEXT    NOT NULL, -- names, separated by blanks; all if empty
    enabled      INTEGER NOT NULL,
    secret       BLOB    NOT NULL, -- 32 bytes
    old_secret   BLOB,
    old_until    INTEGER,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    epoch        INTEGER NOT NULL, -- progress made in another one does not count
    position     INTEGER NOT NULL, -- with `place`: every event up to here was delivered,
    place        INTEGER NOT NULL, -- or not wanted, or stands in `undelivered`
    delivered_at INTEGER,
    failed_at    INTEGER,
    reason       TEXT,
    status       INTEGER
);

CREATE TABLE undelivered (
    webhook   INTEGER NOT NULL,
    position  INTEGER NOT NULL,
    place     INTEGER NOT NULL,
    tries     INTEGER NOT NULL,
    due       INTEGER, -- NULL: a dead letter
    failed_at INTEGER,
    reason    TEXT,
    status    INTEGER,
    PRIMARY KEY (webhook, position, place)
) WITHOUT ROWID;
