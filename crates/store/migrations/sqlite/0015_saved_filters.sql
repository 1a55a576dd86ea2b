-- Filters that users have saved.
CREATE TABLE saved_filter (
    app      INTEGER NOT NULL, -- whose it is
    name     TEXT    NOT NULL,
    query    TEXT    NOT NULL, -- of the list of customers
    saved_at INTEGER NOT NULL,
    PRIMARY KEY (app, name)
) WITHOUT ROWID;
