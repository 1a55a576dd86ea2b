-- A row while another store is being copied into this one. Until it is whole, nobody may use it.
CREATE TABLE copying (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    source BLOB    NOT NULL, -- a hash that tells the state of the other store from any other one
    since  INTEGER NOT NULL
);
