-- WeChat accounts, and how far the import of the fans of each has come. Secrets are sealed: the key is
-- not in the store. On a cluster the table stays on the coordinator, as everything that is small.
ALTER TABLE tenant ADD COLUMN last_wechat bigint NOT NULL DEFAULT 0;

CREATE TABLE wechat_account (
    key          bigint  PRIMARY KEY,
    app_id       text    NOT NULL,
    name         text    NOT NULL,
    service_type bigint,
    verify_type  bigint,
    nightly      boolean NOT NULL,
    app_secret   bytea   NOT NULL,
    token        bytea,
    aes_key      bytea,
    created_at   bigint  NOT NULL,
    updated_at   bigint  NOT NULL,
    fans         text    NOT NULL, -- the import of its fans, as JSON
    next         bytea   -- the fan behind whom it goes on, sealed as well
);
