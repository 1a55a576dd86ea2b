-- Imports, and how far each has come. Counts and places, never what stands in rows.

ALTER TABLE tenant ADD COLUMN last_import INTEGER NOT NULL DEFAULT 0;

CREATE TABLE import (
    key          INTEGER PRIMARY KEY,
    app          INTEGER NOT NULL,
    source       TEXT    NOT NULL, -- what the file is called
    bytes        INTEGER,          -- with `hash`: what tells the file from any other
    hash         BLOB,             -- SHA-256 of it
    settings     TEXT    NOT NULL, -- what its columns are and how it is read: JSON
    spool        TEXT,             -- where a hub keeps the file
    state        TEXT    NOT NULL,
    unwanted     INTEGER NOT NULL, -- whether somebody wants it to end early
    holder       INTEGER NOT NULL, -- who is at work on it, by a number that it drew,
    until        INTEGER NOT NULL, -- and until when others leave it alone
    began_at     INTEGER NOT NULL,
    changed_at   INTEGER NOT NULL,
    rows_read    INTEGER NOT NULL, -- all rows up to here are applied or refused
    skipped      INTEGER NOT NULL,
    created      INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    unchanged    INTEGER NOT NULL,
    merged       INTEGER NOT NULL,
    conflicts    INTEGER NOT NULL,
    refused      INTEGER NOT NULL,
    report       TEXT,             -- where refused rows stand,
    report_bytes INTEGER NOT NULL, -- and how much of that is about the rows up to here
    error        TEXT
);
