-- The upsert, one call for each customer that is sent: finds the owners of its identities, joins them
-- into the smallest id, else looks for the mobile and the e-mail address, else makes a customer; what
-- is sent and not empty overwrites; free identities are attached; what was sent is kept.
--
-- Every value is locked before it is looked at, in one order, so that two calls about one person take
-- turns and never wait in a circle.
CREATE FUNCTION upsert_customer(
    p_name text, p_gender smallint, p_mobile text, p_email text, p_birthday date, p_country text,
    p_province text, p_city text, p_county text, p_home_address text, p_company text, p_source text,
    p_remark text, p_types text[], p_values text[], p_names text[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    owners bigint[];
    found_id bigint;
    is_new boolean := false;
BEGIN
    PERFORM pg_advisory_xact_lock(key) FROM (
        SELECT hashtextextended(type || ':' || value, 0) AS key
        FROM unnest(p_types, p_values) AS sent (type, value)
        UNION SELECT hashtextextended('mobile:' || p_mobile, 0) WHERE p_mobile IS NOT NULL
        UNION SELECT hashtextextended('email:' || p_email, 0) WHERE p_email IS NOT NULL
        ORDER BY key
    ) AS keys;

    SELECT array_agg(DISTINCT i.customer ORDER BY i.customer) INTO owners
    FROM unnest(p_types, p_values) AS sent (type, value)
    JOIN identity AS i ON i.type = sent.type AND i.value = sent.value;

    IF owners IS NULL THEN
        SELECT id INTO found_id FROM customer
        WHERE mobile = p_mobile AND merged_into IS NULL ORDER BY id LIMIT 1;
        IF found_id IS NULL THEN
            SELECT id INTO found_id FROM customer
            WHERE email = p_email AND merged_into IS NULL ORDER BY id LIMIT 1;
        END IF;
        IF found_id IS NULL THEN
            INSERT INTO customer (name, gender, mobile, email, birthday, country, province, city,
                                  county, home_address, company, source, remark)
            VALUES (p_name, p_gender, p_mobile, p_email, p_birthday, p_country, p_province, p_city,
                    p_county, p_home_address, p_company, p_source, p_remark)
            RETURNING id INTO found_id;
            is_new := true;
        END IF;
    ELSE
        found_id := owners[1];
        IF array_length(owners, 1) > 1 THEN
            PERFORM 1 FROM customer WHERE id = ANY(owners) ORDER BY id FOR UPDATE;
            UPDATE customer AS c SET
                name = coalesce(c.name, o.name), gender = coalesce(c.gender, o.gender),
                mobile = coalesce(c.mobile, o.mobile), email = coalesce(c.email, o.email),
                birthday = coalesce(c.birthday, o.birthday), country = coalesce(c.country, o.country),
                province = coalesce(c.province, o.province), city = coalesce(c.city, o.city),
                county = coalesce(c.county, o.county),
                home_address = coalesce(c.home_address, o.home_address),
                company = coalesce(c.company, o.company), source = coalesce(c.source, o.source),
                remark = coalesce(c.remark, o.remark)
            FROM customer AS o WHERE c.id = found_id AND o.id = ANY(owners[2:]);
            UPDATE identity SET customer = found_id WHERE customer = ANY(owners[2:]);
            UPDATE customer SET merged_into = found_id WHERE id = ANY(owners[2:]);
        END IF;
    END IF;

    IF NOT is_new THEN
        UPDATE customer SET
            name = coalesce(p_name, name), gender = coalesce(p_gender, gender),
            mobile = coalesce(p_mobile, mobile), email = coalesce(p_email, email),
            birthday = coalesce(p_birthday, birthday), country = coalesce(p_country, country),
            province = coalesce(p_province, province), city = coalesce(p_city, city),
            county = coalesce(p_county, county),
            home_address = coalesce(p_home_address, home_address),
            company = coalesce(p_company, company), source = coalesce(p_source, source),
            remark = coalesce(p_remark, remark), rev = rev + 1, updated_at = now()
        WHERE id = found_id;
    END IF;

    INSERT INTO identity (type, value, name, customer)
    SELECT type, value, name, found_id FROM unnest(p_types, p_values, p_names) AS sent (type, value, name)
    ON CONFLICT (type, value) DO NOTHING;

    INSERT INTO history (customer, at, identities, fields)
    VALUES (found_id, now(), p_types || p_values, jsonb_strip_nulls(jsonb_build_object(
        'name', p_name, 'gender', p_gender, 'mobile', p_mobile, 'email', p_email,
        'birthday', p_birthday, 'country', p_country, 'province', p_province, 'city', p_city,
        'county', p_county, 'homeAddress', p_home_address, 'company', p_company,
        'source', p_source, 'remark', p_remark)));
    RETURN found_id;
END $$;
