-- People like those of xtask/src/load/people.rs: everything about one follows from a number. Making one
-- up costs next to nothing beside the upsert. With another number, the second identity is that person's.
CREATE FUNCTION send_person(n bigint, version bigint, other bigint DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    place  integer := 1 + n % 8;
    count  integer := CASE WHEN other IS NULL THEN 1 + n % 3 ELSE 2 END;
    city   text := ('{北京市,上海市,深圳市,杭州市,成都市,南京市,武汉市,西安市}'::text[])[place];
    county text := ('{朝阳区,浦东新区,南山区,西湖区,武侯区,鼓楼区,洪山区,雁塔区}'::text[])[place];
    name   text := ('{王,李,张,刘,陈,杨,黄,赵,吴,周,徐,孙,马,朱,胡,郭}'::text[])[1 + n % 16]
        || ('{伟,芳,娜,敏,静,丽,强,磊,洋,艳,志强,秀英,建国,雨桐,子轩,欣怡}'::text[])[1 + n / 16 % 16];
    mobile text := '13' || lpad((n * 618033989 % 1000000000)::text, 9, '0');
BEGIN
    RETURN upsert_customer(
        name, (1 + n % 2)::smallint, mobile, 'u' || n || '@example.com',
        '1950-01-01'::date + (n % 20000)::integer, '中国',
        ('{北京市,上海市,广东省,浙江省,四川省,江苏省,湖北省,陕西省}'::text[])[place], city, county,
        city || county || '人民路' || n % 200 || '号' || n % 999 || '室',
        ('{星河科技有限公司,远山贸易有限公司,明日教育,青禾食品}'::text[])[1 + (n + version) % 4],
        ('{官网,门店,公众号,小程序}'::text[])[1 + n % 4],
        '第' || version || '次更新',
        ('{member-id,wechat,mobile}'::text[])[1:count],
        (ARRAY['M' || lpad(n::text, 10, '0'), 'oGzBk5' || lpad(coalesce(other, n)::text, 22, '0'), mobile])[1:count],
        (ARRAY[name, NULL, NULL])[1:count]);
END $$;

-- Sends so many new people.
CREATE PROCEDURE send_new(count bigint) LANGUAGE plpgsql AS $$
BEGIN
    FOR number IN 1..count LOOP
        PERFORM send_person(nextval('person'), 0);
        -- Each call holds some locks until the end of the transaction.
        IF number % 500 = 0 THEN
            COMMIT;
        END IF;
    END LOOP;
END $$;
