-- Filters that users have saved.
CREATE TABLE saved_filter (
    app      bigint NOT NULL, -- whose it is
    name     text   NOT NULL COLLATE "C",
    query    text   NOT NULL COLLATE "C", -- of the list of customers
    saved_at bigint NOT NULL,
    PRIMARY KEY (app, name)
);
