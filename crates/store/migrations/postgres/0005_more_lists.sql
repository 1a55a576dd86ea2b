-- The values that lists are made of stand in columns. What is in `fields` already stays there until the
-- row is written again, and does not count: the columns do.
-- Nobody may write customers meanwhile.
LOCK TABLE tenant IN EXCLUSIVE MODE;
ALTER TABLE customer
    ADD COLUMN name text COLLATE "C", ADD COLUMN external_id text COLLATE "C", ADD COLUMN gender bigint;
UPDATE customer
SET name = fields ->> 'name', external_id = fields ->> 'externalId',
    gender = (fields ->> 'gender')::bigint
WHERE fields IS NOT NULL;
ALTER TABLE home ADD COLUMN name text, ADD COLUMN external_id text, ADD COLUMN gender bigint;
UPDATE home
SET name = fields ->> 'name', external_id = fields ->> 'externalId',
    gender = (fields ->> 'gender')::bigint
WHERE fields IS NOT NULL;

CREATE INDEX customer_name ON customer (live, name NULLS FIRST, key) WHERE live IS NOT NULL;
CREATE INDEX customer_external ON customer (live, external_id, key)
    WHERE live IS NOT NULL AND external_id IS NOT NULL;
CREATE INDEX customer_gender ON customer (live, gender, key) WHERE live IS NOT NULL;

-- How many of the live customers are of gender 1, and of gender 2.
ALTER TABLE tenant
    ADD COLUMN customers_male bigint NOT NULL DEFAULT 0,
    ADD COLUMN customers_female bigint NOT NULL DEFAULT 0;
UPDATE tenant SET customers_male = counted.male, customers_female = counted.female
FROM (
    SELECT live, count(*) FILTER (WHERE gender = 1) AS male, count(*) FILTER (WHERE gender = 2) AS female
    FROM customer WHERE live IS NOT NULL GROUP BY live
) AS counted
WHERE id = counted.live;
