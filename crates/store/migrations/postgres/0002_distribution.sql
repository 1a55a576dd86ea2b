-- A cluster spreads rows by a column that every unique key has to hold, and finds an identity by its
-- value: so the value is in the primary key. On one server the number is unique as well; where the
-- table is spread, nothing can hold that but the lock of the tenant.
ALTER TABLE identity DROP CONSTRAINT identity_pkey;
ALTER TABLE identity ADD CONSTRAINT identity_pkey PRIMARY KEY USING INDEX identity_value;
CREATE UNIQUE INDEX identity_number ON identity (key);
