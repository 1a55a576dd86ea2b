CREATE SCHEMA stand_in;
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET search_path = public, stand_in', current_database());
END $$;

CREATE TABLE stand_in.pg_dist_partition (
    logicalrelid regclass PRIMARY KEY,
    partmethod   "char"   NOT NULL,
    partkey      text     NOT NULL
);

CREATE TABLE stand_in.pg_dist_node (
    nodename         text    PRIMARY KEY,
    noderole         text    NOT NULL DEFAULT 'primary',
    isactive         boolean NOT NULL DEFAULT true,
    shouldhaveshards boolean NOT NULL DEFAULT true
);
INSERT INTO stand_in.pg_dist_node (nodename) VALUES ('worker-1'), ('worker-2');
CREATE TABLE stand_in.pg_dist_shard (
    shardid      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    logicalrelid regclass NOT NULL
);

CREATE FUNCTION stand_in.create_distributed_table(
    table_name regclass, distribution_column text, colocate_with text DEFAULT 'default'
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    without text;
BEGIN
    SELECT indexrelid::regclass::text INTO without FROM pg_index
    WHERE indrelid = table_name AND indisunique AND NOT EXISTS (
        SELECT 1 FROM pg_attribute
        WHERE attrelid = table_name AND attname = distribution_column AND attnum = ANY(indkey));
    IF without IS NOT NULL THEN
        RAISE feature_not_supported
            USING MESSAGE = format('%s is unique without %s', without, distribution_column);
    END IF;
    IF EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = table_name)
        OR EXISTS (SELECT 1 FROM pg_constraint WHERE conrelid = table_name AND contype IN ('f', 'x')) THEN
        RAISE feature_not_supported
            USING MESSAGE = format('%s has triggers or foreign keys', table_name);
    END IF;
    IF colocate_with <> 'none' AND NOT EXISTS (
        SELECT 1 FROM stand_in.pg_dist_partition WHERE logicalrelid = colocate_with::regclass) THEN
        RAISE undefined_table USING MESSAGE = format('%s is not distributed', colocate_with);
    END IF;
    INSERT INTO stand_in.pg_dist_partition VALUES (table_name, 'h', distribution_column);
    INSERT INTO stand_in.pg_dist_shard (logicalrelid) SELECT table_name FROM generate_series(1, 32);
    EXECUTE format(
        'CREATE TRIGGER planned BEFORE INSERT OR UPDATE OR DELETE ON %s
             FOR EACH STATEMENT EXECUTE FUNCTION stand_in.refuse_one_plan()', table_name);
END $$;

-- A coordinator makes no plan for all values of what is spread: a session that asks for one gets this.
CREATE FUNCTION stand_in.refuse_one_plan() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('plan_cache_mode') = 'force_generic_plan' THEN
        RAISE feature_not_supported USING MESSAGE = 'could not create distributed plan';
    END IF;
    RETURN NULL;
END $$;

-- The tables whose rows were to be left on workers only: here they are the only ones.
CREATE TABLE stand_in.emptied (relation regclass PRIMARY KEY);

CREATE FUNCTION stand_in.truncate_local_data_after_distributing_table(function_name regclass)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO stand_in.emptied VALUES (function_name) ON CONFLICT DO NOTHING
$$;

CREATE FUNCTION stand_in.run_command_on_workers(command text)
RETURNS TABLE (nodename text, nodeport int, success boolean, result text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command INTO result;
    RETURN QUERY SELECT worker, 5432, true, run_command_on_workers.result
        FROM unnest(ARRAY['worker-1', 'worker-2']) AS worker;
END $$;

CREATE FUNCTION stand_in.recover_prepared_transactions() RETURNS int LANGUAGE sql AS 'SELECT 0';

-- A coordinator sends its workers the text that it was sent, and they take one statement.
CREATE FUNCTION stand_in.refuse_several() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    sent text := rtrim(regexp_replace(current_query(), '--[^\n]*', '', 'g'), E'; \n');
BEGIN
    IF strpos(sent, ';') > 0 AND EXISTS (
        SELECT 1 FROM pg_event_trigger_ddl_commands() AS command
        LEFT JOIN pg_index ON indexrelid = command.objid
        JOIN stand_in.pg_dist_partition ON logicalrelid IN (command.objid, indrelid)) THEN
        RAISE feature_not_supported USING MESSAGE = 'cannot execute multiple utility events';
    END IF;
END $$;
CREATE EVENT TRIGGER several ON ddl_command_end WHEN TAG IN ('ALTER TABLE', 'CREATE INDEX')
    EXECUTE FUNCTION stand_in.refuse_several();
