-- Imports, and how far each has come. Counts and places, never what stands in rows.

ALTER TABLE tenant ADD COLUMN last_import bigint NOT NULL DEFAULT 0;

CREATE TABLE import (
    key          bigint  PRIMARY KEY,
    app          bigint  NOT NULL,
    source       text    NOT NULL COLLATE "C", -- what the file is called
    bytes        bigint,           -- with `hash`: what tells the file from any other
    hash         bytea,            -- SHA-256 of it
    settings     text    NOT NULL COLLATE "C", -- what its columns are and how it is read: JSON
    spool        text    COLLATE "C", -- where a hub keeps the file
    state        text    NOT NULL COLLATE "C",
    unwanted     boolean NOT NULL, -- whether somebody wants it to end early
    holder       bigint  NOT NULL, -- who is at work on it, by a number that it drew,
    until        bigint  NOT NULL, -- and until when others leave it alone
    began_at     bigint  NOT NULL,
    changed_at   bigint  NOT NULL,
    rows_read    bigint  NOT NULL, -- all rows up to here are applied or refused
    skipped      bigint  NOT NULL,
    created      bigint  NOT NULL,
    updated      bigint  NOT NULL,
    unchanged    bigint  NOT NULL,
    merged       bigint  NOT NULL,
    conflicts    bigint  NOT NULL,
    refused      bigint  NOT NULL,
    report       text    COLLATE "C", -- where refused rows stand,
    report_bytes bigint  NOT NULL, -- and how much of that is about the rows up to here
    error        text    COLLATE "C"
);
