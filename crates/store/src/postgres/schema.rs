//! The tables: numbered migrations, each applied once, in order.

use super::connection::{Connection, LONG};
use super::trouble::Trouble;
use super::{cluster, copy};
use crate::migration::{self, Migration, migration};

/// The migrations, oldest first.
const MIGRATIONS: &[Migration] = &[
    migration!("postgres", 1, "0001_start"),
    migration!("postgres", 2, "0002_distribution"),
    migration!("postgres", 3, "0003_updated"),
    migration!("postgres", 4, "0004_copying"),
    migration!("postgres", 5, "0005_more_lists"),
    migration!("postgres", 6, "0006_wechat"),
    migration!("postgres", 7, "0007_imports"),
    migration!("postgres", 8, "0008_people"),
    migration!("postgres", 9, "0009_saved_filters"),
    migration!("postgres", 10, "0010_audit_filters"),
];

/// Hubs that start at once take turns: they hold this lock while they look. `Kehu`.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1264937077, hashtext(current_schema()))";
const SERVER: &str = "
    SELECT current_setting('server_encoding'), current_setting('server_version_num')::bigint";
/// The oldest server that the tables can be made on, as `server_version_num` counts.
const OLDEST: i64 = 150_000;
/// Whether our tables are here, and whether any are; as of one moment, for another hub may be making
/// them. What an extension has brought along is no program: that of a cluster makes views beside our tables.
const FOUND: &str = "
    SELECT coalesce(bool_or(relname = 'migration'), false), count(*) > 0
    FROM pg_catalog.pg_class
    WHERE relnamespace = to_regnamespace(current_schema()) AND relkind IN ('r', 'p', 'v')
        AND NOT EXISTS (
            SELECT 1 FROM pg_catalog.pg_depend AS d
            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = pg_class.oid
                AND d.deptype = 'e')";
const MIGRATIONS_TABLE: &str = "
    CREATE TABLE IF NOT EXISTS migration (
        number   bigint PRIMARY KEY,
        checksum text   NOT NULL
    )";
const APPLIED: &str = "SELECT number, checksum FROM migration ORDER BY number";
const MIGRATION_INSERT: &str = "INSERT INTO migration (number, checksum) VALUES ($1, $2)";
const HUB_INSERT: &str = "
    INSERT INTO hub (id, token_key) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
const WRITERS_DELETE: &str = "DELETE FROM writer WHERE seen_at < now() - interval '1 day'";

/// What a database lacks; refuses one of another program, of a later Kehub, or that cannot hold all
/// text, and an unfinished copy. Changes nothing.
pub(super) async fn due(conn: &Connection) -> Result<&'static [Migration], Trouble> {
    let due = lacking(conn).await?;
    copy::refuse_unfinished(conn).await?;
    Ok(due)
}

/// What a brand-new database lacks.
pub(super) fn all() -> &'static [Migration] {
    MIGRATIONS
}

/// The same as [`due`], also of an unfinished copy.
pub(super) async fn lacking(conn: &Connection) -> Result<&'static [Migration], Trouble> {
    let server = conn.one(SERVER, &[]).await?;
    fits(server.try_get(0)?, server.try_get(1)?).map_err(Trouble::broken)?;
    let found = conn.one(FOUND, &[]).await?;
    let (is_ours, is_used): (bool, bool) = (found.try_get(0)?, found.try_get(1)?);
    if !is_ours {
        return if is_used {
            Err(Trouble::broken("it is the database of another program"))
        } else {
            Ok(MIGRATIONS)
        };
    }
    let mut applied = Vec::new();
    for row in conn.all(APPLIED, &[]).await? {
        applied.push((row.try_get(0)?, row.try_get(1)?));
    }
    migration::due(MIGRATIONS, &applied).map_err(Trouble::broken)
}

/// Whether the tables can be made on a server of this encoding and version; why not.
fn fits(encoding: &str, version: i64) -> Result<(), String> {
    if version < OLDEST {
        let (found, oldest) = (version / 10_000, OLDEST / 10_000);
        return Err(format!("it is of PostgreSQL {found}, and must be of {oldest} or newer"));
    }
    if encoding != "UTF8" {
        return Err(format!("its encoding is {encoding}, and must be UTF8"));
    }
    Ok(())
}

/// Refuses a database that is not exactly of this schema; changes nothing.
pub(super) async fn check_current(conn: &Connection) -> Result<(), Trouble> {
    match due(conn).await?.first().map(|migration| migration.number) {
        None => Ok(()),
        Some(1) => Err(Trouble::broken("it holds no store: `kehub serve` makes one in it")),
        Some(_) => Err(Trouble::broken(
            "it was written by an older Kehub: `kehub migrate` brings it up to date",
        )),
    }
}

/// Brings the tables up to date; what was applied.
pub(super) async fn migrate(conn: &Connection) -> Result<&'static [Migration], Trouble> {
    if due(conn).await?.is_empty() {
        conn.run(WRITERS_DELETE, &[]).await?;
        return Ok(&[]);
    }
    conn.batch("BEGIN").await?;
    conn.all(LOCK, &[]).await?;
    conn.batch(LONG).await?;
    let due = due(conn).await?;
    conn.batch(MIGRATIONS_TABLE).await?;
    let is_spread = cluster::is_distributed(conn).await?;
    for migration in due {
        let failed = |trouble| Trouble::broken(format!("migration {}: {trouble}", migration.name));
        if is_spread {
            // A coordinator passes on to the workers what it was sent, which may be one statement only.
            for statement in migration.statements() {
                conn.batch(statement).await.map_err(failed)?;
            }
        } else {
            conn.batch(migration.sql).await.map_err(failed)?;
        }
        conn.run(MIGRATION_INSERT, &[&migration.number, &migration.checksum()]).await?;
    }
    let mut token_key = [0_u8; 32];
    getrandom::fill(&mut token_key).map_err(|error| Trouble::broken(error.to_string()))?;
    conn.run(HUB_INSERT, &[&&token_key[..]]).await?;
    conn.batch("COMMIT").await?;
    Ok(due)
}

#[cfg(test)]
mod tests {
    use super::super::connection::{Args, Server};
    use super::super::query::{ALL_CUSTOMERS, ALL_HOMES};
    use super::super::rows;
    use super::*;
    use crate::TestDatabase;
    use crate::tables::codec::{OwnColumns, older, own_key};
    use kehub_core::TenantId;
    use sqlparser::dialect::PostgreSqlDialect;
    use sqlparser::parser::Parser;

    #[tokio::test(flavor = "multi_thread")]
    async fn hubs_that_bring_a_database_up_to_date_at_once_take_turns() {
        let database = TestDatabase::new().await;
        let server = Server::of(&database.url()).unwrap();
        let hubs = [server.connect().await.unwrap(), server.connect().await.unwrap()];
        hubs[0].batch(MIGRATIONS_TABLE).await.unwrap();
        let (before, behind) = MIGRATIONS.split_at(4);
        for migration in before {
            hubs[0].batch(migration.sql).await.unwrap();
            let args: Args<'_> = &[&migration.number, &migration.checksum()];
            hubs[0].run(MIGRATION_INSERT, args).await.unwrap();
        }
        let (one, other) = tokio::join!(migrate(&hubs[0]), migrate(&hubs[1]));
        let mut applied = [one.unwrap().len(), other.unwrap().len()];
        applied.sort_unstable();
        assert_eq!(applied, [0, behind.len()]);
        assert!(due(&hubs[1]).await.unwrap().is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cluster_is_sent_one_statement_at_a_time() {
        let database = TestDatabase::on_stand_in().await;
        let conn = Server::of(&database.url()).unwrap().connect().await.unwrap();
        conn.batch(MIGRATIONS_TABLE).await.unwrap();
        for migration in &MIGRATIONS[..4] {
            conn.batch(migration.sql).await.unwrap();
            let args: Args<'_> = &[&migration.number, &migration.checksum()];
            conn.run(MIGRATION_INSERT, args).await.unwrap();
        }
        cluster::distribute(&conn, true).await.unwrap();
        let at_once = conn.batch(MIGRATIONS[4].sql).await.unwrap_err().to_string();
        assert!(at_once.contains("multiple utility events"), "{at_once}");
        assert_eq!(migrate(&conn).await.unwrap(), &MIGRATIONS[4..]);
    }

    #[test]
    fn the_statements_of_a_migration_are_all_of_it() {
        for migration in MIGRATIONS {
            let parse = |sql: &str| Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap();
            let each: Vec<_> = migration.statements().map(parse).collect();
            assert!(each.iter().all(|found| found.len() == 1), "{}", migration.name);
            assert_eq!(each.concat(), parse(migration.sql), "{}", migration.name);
        }
    }

    /// Values that had no columns before the fifth are found in theirs, and are the same values.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_lists_are_made_of_moves_into_columns() {
        let database = TestDatabase::new().await;
        let conn = Server::of(&database.url()).unwrap().connect().await.unwrap();
        let (before, fifth) = MIGRATIONS.split_at(4);
        for migration in before {
            conn.batch(migration.sql).await.unwrap();
        }
        let (fold, fields, cells) = older();
        let (key, cells) = (own_key(TenantId(1), 1).unwrap(), hex::encode(cells));
        let rows = format!(
            "INSERT INTO customer (key, live, homes, rev, head, created_at, updated_at, source,
                                   fields, cells)
             VALUES ({key}, 1, 1, 1, 1, 0, 0, 'web', '{fields}', '\\x{cells}');
             INSERT INTO home (key, source, fields, cells)
             VALUES ({key}, 'web', '{fields}', '\\x{cells}')"
        );
        conn.batch(&rows).await.unwrap();

        conn.batch(&format!("BEGIN; {} COMMIT;", fifth[0].sql)).await.unwrap();
        let customer = conn.one(ALL_CUSTOMERS, &[&key, &key]).await.unwrap();
        let (customer, indexed) = rows::customer(&customer).unwrap();
        assert_eq!((&customer.fold, indexed.own), (&fold, OwnColumns::of(&fold)));
        let home = conn.one(ALL_HOMES, &[&key, &key]).await.unwrap();
        assert_eq!(rows::home(&home).unwrap().1, fold);
    }

    #[test]
    fn an_older_server_is_refused() {
        assert_eq!(fits("UTF8", 150_000), Ok(()));
        let told = fits("UTF8", 140_011).unwrap_err();
        assert_eq!(told, "it is of PostgreSQL 14, and must be of 15 or newer");
        assert_eq!(
            fits("LATIN1", 180_001).unwrap_err(),
            "its encoding is LATIN1, and must be UTF8"
        );
    }

    #[test]
    fn migrations_are_numbered_without_gaps_and_named_by_their_numbers() {
        for (migration, number) in MIGRATIONS.iter().zip(1..) {
            assert_eq!(migration.number, number);
            assert!(migration.name.starts_with(&format!("{number:04}_")), "{}", migration.name);
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), MIGRATIONS.len());
    }
}
