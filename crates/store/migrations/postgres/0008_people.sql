-- People who sign in. What a user may do, whose it is and since when it is disabled stands in the row
-- of its app.

ALTER TABLE tenant ADD COLUMN last_audit bigint NOT NULL DEFAULT 0;

CREATE TABLE hub_user (
    app         bigint PRIMARY KEY, -- the number of its app
    login       text   NOT NULL COLLATE "C" UNIQUE, -- folded
    role        text   NOT NULL COLLATE "C",
    password    text   NOT NULL COLLATE "C", -- a slow, salted hash with its parameters (PHC)
    password_at bigint NOT NULL
);

-- Live sessions, and some whose time is over; one that has ended has no row.
CREATE TABLE session (
    hash     bytea  PRIMARY KEY, -- SHA-256 of what the browser holds
    app      bigint NOT NULL,
    begun_at bigint NOT NULL,
    seen_at  bigint NOT NULL,
    agent    text   NOT NULL COLLATE "C" -- how the browser calls itself
);
CREATE INDEX session_app ON session (app);

-- Attempts to sign in that failed. The name that was tried stands nowhere: it may be a password.
CREATE TABLE attempt (
    key          bytea  PRIMARY KEY, -- a keyed hash of the name, 16 bytes
    app          bigint, -- the user of this name, if there is one
    failed       bigint NOT NULL,
    failed_at    bigint NOT NULL,
    locked_until bigint NOT NULL
);

-- What people did that no journal tells. Of customers it holds ids.
CREATE TABLE audit (
    key        bigint PRIMARY KEY,
    at         bigint NOT NULL,
    app        bigint, -- who did it, if anybody knows
    deed       text   NOT NULL COLLATE "C",
    about_kind text   COLLATE "C",
    about      bigint,
    details    text   COLLATE "C" -- JSON
);
