-- WeChat accounts, and how far the import of the fans of each has come. Secrets are sealed: the key is
-- not in the store.

ALTER TABLE tenant ADD COLUMN last_wechat INTEGER NOT NULL DEFAULT 0;

CREATE TABLE wechat_account (
    key          INTEGER PRIMARY KEY,
    app_id       TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    service_type INTEGER,
    verify_type  INTEGER,
    nightly      INTEGER NOT NULL,
    app_secret   BLOB    NOT NULL,
    token        BLOB,
    aes_key      BLOB,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    fans         TEXT    NOT NULL, -- the import of its fans, as JSON
    next         BLOB    -- the fan behind whom it goes on, sealed as well
);
