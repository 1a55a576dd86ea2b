//! A Citus cluster: which tables are spread over it and by what, and when all of its nodes show what
//! was committed.
//!
//! Hubs connect to the coordinator. What grows with the customers is spread; what is small stays on
//! the coordinator in plain tables, the rows of tenants among them, which a group locks first as it
//! does everywhere.
//!
//! A transaction is committed on the coordinator before it is on the workers, where it was prepared.
//! If the coordinator dies in between, or a worker, a part of it is not to be seen until somebody
//! settles it. So a group that has locked its tenants waits until nothing is prepared that was
//! prepared before: then it sees all that was committed before it.

use super::connection::{Connection, READ, Server};
use super::trouble::Trouble;
use super::{policy, query};
use kehub_core::{CustomerId, TenantId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// A table that is spread over the nodes.
pub(super) struct Spread {
    pub(super) table: &'static str,
    /// The column whose hash says on which node a row is.
    pub(super) column: &'static str,
    /// The table whose rows of the same hash are on the same node.
    beside: &'static str,
}

/// The tables that are spread. Identities are found by their values, everything else by keys.
pub(super) const SPREAD: &[Spread] = &[
    Spread { table: "customer", column: "key", beside: "none" },
    Spread { table: "home", column: "key", beside: "customer" },
    Spread { table: "journal", column: "key", beside: "customer" },
    Spread { table: "trail", column: "customer", beside: "customer" },
    Spread { table: "updated", column: "customer", beside: "customer" },
    Spread { table: "identity", column: "value", beside: "none" },
];

const IS_CITUS: &str = "SELECT to_regclass('pg_dist_partition') IS NOT NULL";
const IS_SPREAD: &str = "
    SELECT EXISTS (
        SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass($1) AND partmethod = 'h')";
/// The rows that a table had before it was spread stay on the coordinator, where no statement sees them and
/// nothing that is erased is erased. Our tables have no foreign keys along which others would be emptied.
const FORGET_ROWS: &str = "
    SELECT truncate_local_data_after_distributing_table(to_regclass($1))
    WHERE pg_relation_size(to_regclass($1)) > 0";
/// A unique index has to hold the column that rows are spread by. That numbers differ is held by the
/// lock of their tenant, and looked at by `kehub check`.
const IDENTITY_NUMBERS: &str = "
    BEGIN;
    DROP INDEX identity_number;
    CREATE INDEX identity_number ON identity (key);
    COMMIT";
/// Hubs that start at once take turns.
const LOCK: &str = "SELECT pg_advisory_lock(1264937077, hashtext(current_schema()))";
const UNLOCK: &str = "SELECT pg_advisory_unlock(1264937077, hashtext(current_schema()))";
/// What each node holds prepared, and whether it answered: the workers, and the coordinator, which is none
/// of them and may have shards all the same.
const PREPARED: &str = "
    SELECT success, result FROM run_command_on_workers($command$
        SELECT coalesce(string_agg(gid, ' '), '') FROM pg_prepared_xacts
        WHERE gid LIKE 'citus\\_%' AND database = current_database()
    $command$)
    UNION ALL
    SELECT true, coalesce(string_agg(gid, ' '), '') FROM pg_prepared_xacts
    WHERE gid LIKE 'citus\\_%' AND database = current_database()";
const RECOVER: &str = "SELECT recover_prepared_transactions()";
const MAY_RECOVER: &str =
    "SELECT has_function_privilege('recover_prepared_transactions()', 'EXECUTE')";
/// What a session sets of a cluster, unless somebody has set something else than a cluster has by itself. How long
/// a worker that does not answer is waited for: half a minute is all the time that a request has, and then
/// nobody can say whether it was applied. And how often it is looked whether the workers have answered what
/// all of them are asked, as each group does.
const SESSION: &str = "
    SELECT set_config(name, ours, false) FROM (VALUES
        ('citus.node_connection_timeout', '30s', '5s'),
        ('citus.remote_task_check_interval', '10ms', '1ms')
    ) AS setting (name, by_itself, ours)
    WHERE current_setting(name, true) = by_itself";
/// Rows of an upsert take a connection for each shard that they go to, of which all but one would be dropped at
/// the end of every group. There are two kinds of shards: of what goes by numbers, and of identities.
const KEEP_CONNECTIONS: &str = "
    SELECT set_config('citus.max_cached_conns_per_worker', wanted::text, false) FROM (
        SELECT 2 * ceil(count(*)::float8 / (
            SELECT greatest(count(*), 1) FROM pg_dist_node
            WHERE isactive AND shouldhaveshards AND noderole = 'primary'
        )) AS wanted
        FROM pg_dist_shard WHERE logicalrelid = to_regclass($1)
    ) AS shards
    WHERE wanted > 1 AND current_setting('citus.max_cached_conns_per_worker', true) = '1'";
/// All shards of a worker are asked in one transaction, which sees one moment of them.
const ONE_CONNECTION: &str = "SELECT set_config('citus.max_adaptive_executor_pool_size', '1', $1)";
/// Sees what is committed while it runs, but nobody commits to what it has locked.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '60s'";
const LOCK_HUB: &str = "SELECT 1 FROM hub FOR UPDATE";
const LOCK_TENANTS: &str = "SELECT 1 FROM tenant ORDER BY id FOR UPDATE";

const NO_CLUSTER: &str = "it cannot be distributed: it has no extension `citus` (`CREATE EXTENSION citus` \
    as a superuser, and add the nodes)";

/// For how long a group waits for what others have prepared.
const SETTLING: Duration = Duration::from_secs(2);
/// How long it leaves the nodes alone between two looks, at first and at most: each look makes a connection to
/// each of them.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(80));

/// Whether the tables of a database are spread over a cluster.
pub(super) async fn is_distributed(conn: &Connection) -> Result<bool, Trouble> {
    Ok(is_citus(conn).await? && is_spread(conn, "customer").await?)
}

async fn is_citus(conn: &Connection) -> Result<bool, Trouble> {
    Ok(conn.one(IS_CITUS, &[]).await?.try_get(0)?)
}

async fn is_spread(conn: &Connection, table: &str) -> Result<bool, Trouble> {
    Ok(conn.one(IS_SPREAD, &[&table]).await?.try_get(0)?)
}

/// Spreads what is not spread yet, with the rows that are there, if that is asked for, or if it was
/// done before and a migration has made another table since. Nobody else may use the database
/// meanwhile.
pub(super) async fn distribute(conn: &Connection, is_asked: bool) -> Result<(), Trouble> {
    let is_citus = is_citus(conn).await?;
    let is_begun = is_citus && is_spread(conn, "customer").await?;
    if !is_asked && !is_begun {
        return Ok(());
    }
    if !is_citus {
        return Err(Trouble::broken(NO_CLUSTER));
    }
    conn.batch("SET lock_timeout = 0; SET statement_timeout = 0").await?;
    conn.all(LOCK, &[]).await?;
    for spread in unspread(conn).await? {
        for statement in spread.statements() {
            conn.batch(&statement).await?;
        }
    }
    for Spread { table, .. } in SPREAD {
        conn.all(FORGET_ROWS, &[table]).await?;
    }
    conn.all(UNLOCK, &[]).await?;
    conn.set_up().await
}

/// The statements by which [`distribute`] would spread what is not spread yet. Changes nothing.
pub(super) async fn spreading(conn: &Connection) -> Result<Vec<String>, Trouble> {
    if !is_citus(conn).await? {
        return Err(Trouble::broken(NO_CLUSTER));
    }
    let told = |spread: &Spread| {
        let (statements, table) = (spread.statements().join(";\n"), spread.table);
        format!("{statements};\nSELECT truncate_local_data_after_distributing_table('{table}');")
    };
    Ok(unspread(conn).await?.into_iter().map(told).collect())
}

/// What is not spread yet, in the order in which it has to be.
async fn unspread(conn: &Connection) -> Result<Vec<&'static Spread>, Trouble> {
    let mut found = Vec::new();
    for spread in SPREAD {
        if !is_spread(conn, spread.table).await? {
            found.push(spread);
        }
    }
    Ok(found)
}

impl Spread {
    /// Spread it, with the rows that are there.
    fn statements(&self) -> Vec<String> {
        let Spread { table, column, beside } = self;
        let numbers = (*table == "identity").then(|| IDENTITY_NUMBERS.to_owned());
        let spreads = format!(
            "SELECT create_distributed_table('{table}', '{column}', colocate_with => '{beside}')"
        );
        numbers.into_iter().chain([spreads]).collect()
    }
}

/// Makes ready a session of a cluster.
pub(super) async fn set_up(conn: &Connection) -> Result<(), Trouble> {
    conn.all(SESSION, &[]).await.map(drop)
}

/// Makes ready a connection that is going to write.
pub(super) async fn keep_connections(conn: &Connection) -> Result<(), Trouble> {
    if conn.is_distributed() {
        conn.all(KEEP_CONNECTIONS, &[&"customer"]).await?;
    }
    Ok(())
}

/// Waits until all nodes show what was committed before. To be called when the tenants are locked,
/// before anything is read of them; on one server there is nothing to wait for.
pub(super) async fn settled(conn: &Connection) -> Result<(), Trouble> {
    if !conn.is_distributed() {
        return Ok(());
    }
    let until = Instant::now() + SETTLING;
    let mut pause = PAUSES.0;
    let mut open = prepared(conn).await?;
    while !open.is_empty() {
        if Instant::now() > until {
            let count = open.len();
            return Err(Trouble::Unsettled(format!(
                "{count} transactions are prepared on nodes of the cluster, and not settled"
            )));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
        // What others have begun since is not about what is locked.
        let still = prepared(conn).await?;
        open.retain(|transaction| still.contains(transaction));
    }
    Ok(())
}

async fn prepared(conn: &Connection) -> Result<BTreeSet<String>, Trouble> {
    let mut found = BTreeSet::new();
    for row in conn.all(PREPARED, &[]).await? {
        if !row.try_get::<_, bool>(0)? {
            return Err(Trouble::Unsettled("a worker of the cluster does not answer".to_owned()));
        }
        let names: &str = row.try_get(1)?;
        found.extend(names.split_whitespace().map(str::to_owned));
    }
    Ok(found)
}

/// Asks the cluster to settle now what it would settle some time later by itself. Not everybody may.
pub(super) async fn recover(conn: &Connection) {
    if let Err(trouble) = conn.all(RECOVER, &[]).await {
        tracing::debug!(%trouble, "the cluster settles prepared transactions in its own time");
    }
}

/// Whether it may be asked to.
pub(super) async fn may_recover(conn: &Connection) -> Result<bool, Trouble> {
    Ok(conn.one(MAY_RECOVER, &[]).await?.try_get(0)?)
}

/// Begins a transaction that sees one moment of all tables. On a cluster there is no snapshot of all
/// nodes: there, who wants to write waits until it is over.
pub(super) async fn begin_exact(conn: &Connection) -> Result<(), Trouble> {
    if !conn.is_distributed() {
        return conn.batch(READ).await;
    }
    conn.batch(BEGIN).await?;
    conn.all(LOCK_HUB, &[]).await?;
    conn.all(LOCK_TENANTS, &[]).await?;
    settled(conn).await
}

/// For the rest of a transaction that sees one moment, each node is asked by one connection, which has one snapshot:
/// for reads whose statements go on for long.
pub(super) async fn by_one_connection(conn: &Connection) -> Result<(), Trouble> {
    if conn.is_distributed() {
        conn.all(ONE_CONNECTION, &[&true]).await?;
    }
    Ok(())
}

/// A session in a transaction that sees one moment, however long it takes, and holds nobody off. On a
/// cluster each node takes a snapshot when it is first asked: all of them are asked while nobody writes,
/// which takes some milliseconds, and by one connection each, which keeps its snapshot.
pub(super) async fn begin_at_one_moment(server: &Server) -> Result<Connection, Trouble> {
    let conn = server.connect().await?;
    if !conn.is_distributed() {
        conn.batch(READ).await?;
        return Ok(conn);
    }
    conn.all(ONE_CONNECTION, &[&false]).await?;
    let holding = server.connect().await?;
    begin_exact(&holding).await?;
    conn.batch(READ).await?;
    // Both ask for what belongs to a key that nothing belongs to, wherever it may be.
    query::homes_of(&conn, TenantId(0), &[(CustomerId(1), u32::MAX)]).await?;
    policy::held(&conn, &BTreeMap::from([(0, CustomerId(1))])).await?;
    holding.batch("ROLLBACK").await?;
    Ok(conn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TestDatabase;
    use crate::postgres::schema;

    const SET: [&str; 3] = [
        "citus.node_connection_timeout",
        "citus.remote_task_check_interval",
        "citus.max_cached_conns_per_worker",
    ];

    /// What a writer's session of a cluster has set, on which these values are set for everybody.
    async fn set(values: [&str; 3]) -> Vec<String> {
        let database = TestDatabase::on_stand_in().await;
        let name = database.url();
        let name = name.rsplit('/').next().and_then(|it| it.split('?').next()).unwrap();
        for (setting, value) in SET.iter().zip(values) {
            database.run(&format!("ALTER DATABASE {name} SET {setting} = '{value}'")).await;
        }
        let server = Server::of(&database.url()).unwrap();
        let conn = server.connect().await.unwrap();
        schema::migrate(&conn).await.unwrap();
        distribute(&conn, true).await.unwrap();
        server.look(conn).await.unwrap();
        let conn = server.connect().await.unwrap();
        keep_connections(&conn).await.unwrap();
        let mut found = Vec::new();
        for setting in SET {
            let row = conn.one("SELECT current_setting($1)", &[&setting]).await.unwrap();
            found.push(row.get(0));
        }
        found
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_role_may_settle_if_somebody_lets_it() {
        let database = TestDatabase::on_stand_in().await;
        let conn = Server::of(&database.url()).unwrap().connect().await.unwrap();
        let of_everybody = "GRANT USAGE ON SCHEMA stand_in TO pg_monitor;
            REVOKE EXECUTE ON FUNCTION recover_prepared_transactions() FROM PUBLIC";
        conn.batch(of_everybody).await.unwrap();
        conn.batch("SET ROLE pg_monitor").await.unwrap();
        assert!(!may_recover(&conn).await.unwrap());
        let let_it =
            "GRANT EXECUTE ON FUNCTION stand_in.recover_prepared_transactions() TO pg_monitor";
        database.run(let_it).await;
        assert!(may_recover(&conn).await.unwrap());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_session_sets_what_a_cluster_has_by_itself() {
        // 32 shards of each kind on two workers.
        assert_eq!(set(["30s", "10ms", "1"]).await, ["5s", "1ms", "32"]);
        assert_eq!(set(["20s", "4ms", "8"]).await, ["20s", "4ms", "8"], "somebody knows why");
    }
}
