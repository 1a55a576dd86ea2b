-- Ids of a tenant in their order, so that a deep page passes over those before it without a look at their rows.
CREATE INDEX customer_live ON customer (live) WHERE live IS NOT NULL;
