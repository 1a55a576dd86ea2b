-- When live customers were last updated, apart from the customers: nearly every write changes it, and
-- as long as no indexed column of a row changes, PostgreSQL puts the new version of the row beside the
-- old one and touches none of the indexes.
-- Nobody may write customers meanwhile.
LOCK TABLE tenant IN EXCLUSIVE MODE;
CREATE TABLE updated (
    customer bigint PRIMARY KEY,
    tenant   bigint NOT NULL,
    at       bigint NOT NULL
);
INSERT INTO updated (customer, tenant, at)
SELECT key, live, updated_at FROM customer WHERE live IS NOT NULL;
CREATE INDEX updated_when ON updated (tenant, at, customer);
DROP INDEX customer_updated;
