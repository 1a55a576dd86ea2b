-- People who sign in. What a user may do, whose it is and since when it is disabled stands in the row
-- of its app.

ALTER TABLE tenant ADD COLUMN last_audit INTEGER NOT NULL DEFAULT 0;

CREATE TABLE hub_user (
    app         INTEGER PRIMARY KEY, -- the number of its app
    login       TEXT    NOT NULL UNIQUE, -- folded
    role        TEXT    NOT NULL,
    password    TEXT    NOT NULL, -- a slow, salted hash with its parameters (PHC)
    password_at INTEGER NOT NULL
);

-- Live sessions, and some whose time is over; one that has ended has no row.
CREATE TABLE session (
    hash     BLOB    PRIMARY KEY, -- SHA-256 of what the browser holds
    app      INTEGER NOT NULL,
    begun_at INTEGER NOT NULL,
    seen_at  INTEGER NOT NULL,
    agent    TEXT    NOT NULL -- how the browser calls itself
) WITHOUT ROWID;
CREATE INDEX session_app ON session (app);

-- Attempts to sign in that failed. The name that was tried stands nowhere: it may be a password.
CREATE TABLE attempt (
    key          BLOB    PRIMARY KEY, -- a keyed hash of the name, 16 bytes
    app          INTEGER, -- the user of this name, if there is one
    failed       INTEGER NOT NULL,
    failed_at    INTEGER NOT NULL,
    locked_until INTEGER NOT NULL
) WITHOUT ROWID;

-- What people did that no journal tells. Of customers it holds ids.
CREATE TABLE audit (
    key        INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    app        INTEGER, -- who did it, if anybody knows
    deed       TEXT    NOT NULL,
    about_kind TEXT,
    about      INTEGER,
    details    TEXT -- JSON
);
