-- What an engineer would write by hand instead of Kehub: customers, their identities, what was sent.
-- The columns are those that the load sends, the indexes those that serve the same lists and look-ups.
CREATE TABLE customer (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merged_into  bigint,
    name         text COLLATE "C",
    gender       smallint,
    mobile       text COLLATE "C",
    email        text COLLATE "C",
    birthday     date,
    country      text,
    province     text,
    city         text,
    county       text,
    home_address text,
    company      text,
    source       text COLLATE "C",
    stage        text COLLATE "C",
    remark       text,
    attr         jsonb,
    rev          integer     NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
CREATE INDEX customer_live ON customer (id) WHERE merged_into IS NULL;
CREATE INDEX customer_created ON customer (created_at, id) WHERE merged_into IS NULL;
CREATE INDEX customer_updated ON customer (updated_at, id) WHERE merged_into IS NULL;
CREATE INDEX customer_source ON customer (source, id) WHERE merged_into IS NULL;
CREATE INDEX customer_stage ON customer (stage, id) WHERE merged_into IS NULL;
CREATE INDEX customer_name ON customer (name, id) WHERE merged_into IS NULL;
CREATE INDEX customer_gender ON customer (gender, id) WHERE merged_into IS NULL;
CREATE INDEX customer_mobile ON customer (mobile, id) WHERE merged_into IS NULL;
CREATE INDEX customer_email ON customer (email, id) WHERE merged_into IS NULL;
CREATE INDEX customer_merged ON customer (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE identity (
    type     text COLLATE "C" NOT NULL,
    value    text COLLATE "C" NOT NULL,
    name     text,
    customer bigint NOT NULL,
    PRIMARY KEY (type, value)
);
CREATE INDEX identity_customer ON identity (customer);

CREATE TABLE history (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer   bigint      NOT NULL,
    at         timestamptz NOT NULL,
    identities text[]      NOT NULL,
    fields     jsonb       NOT NULL
);
CREATE INDEX history_customer ON history (customer, id);

-- Who comes next, for the load.
CREATE SEQUENCE person MINVALUE 0 START 0;
