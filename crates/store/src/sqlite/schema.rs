//! The tables: numbered migrations, each applied once, in order, in a transaction of its own.

use super::trouble::Trouble;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};
use sha2::{Digest as _, Sha256};

/// The migrations, oldest first. One that has been released is never changed.
const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../../migrations/sqlite/0001_start.sql")),
    (3, include_str!("../../migrations/sqlite/0003_policy.sql")),
    (2, include_str!("../../migrations/sqlite/0002_resolution.sql")),
    (4, include_str!("../../migrations/sqlite/0004_receipts.sql")),
    (5, include_str!("../../migrations/sqlite/0005_webhooks.sql")),
    (6, include_str!("../../migrations/sqlite/0006_erasures.sql")),
    (7, include_str!("../../migrations/sqlite/0007_undecided_by_claim.sql")),
];

/// `Kehu`: tells our files from those of other programs.
const APPLICATION_ID: i64 = 0x4b65_6875;

const APPLICATION: &str = "PRAGMA application_id";
/// Whether nobody's tables are here, or a table that only ours have.
const NEW_OR_OURS: &str = "
    SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)
        OR EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'identity_type')";
const MIGRATIONS_TABLE: &str = "
    CREATE TABLE IF NOT EXISTS migration (
        number   INTEGER PRIMARY KEY,
        checksum TEXT NOT NULL
    )";
const MIGRATION_APPLIED: &str = "SELECT checksum FROM migration WHERE number = ?1";
const MIGRATION_NEWEST: &str = "SELECT coalesce(max(number), 0) FROM migration";
const MIGRATION_INSERT: &str = "INSERT INTO migration (number, checksum) VALUES (?1, ?2)";
const HUB_INSERT: &str = "
    INSERT INTO hub (id, writer, last_group, token_key) VALUES (1, 0, 0, ?1)
    ON CONFLICT (id) DO NOTHING";

/// Refuses the file of another program.
pub(super) fn check_ours(conn: &Connection) -> Result<(), Trouble> {
    let application: i64 = conn.query_row(APPLICATION, (), |row| row.get(0))?;
    let new_or_ours: bool = conn.query_row(NEW_OR_OURS, (), |row| row.get(0))?;
    if application == APPLICATION_ID || (application == 0 && new_or_ours) {
        return Ok(());
    }
    Err(Trouble::broken("it is the database of another program"))
}

/// Refuses a file that is not exactly of this schema; changes nothing.
pub(super) fn check_current(conn: &Connection) -> Result<(), Trouble> {
    check_ours(conn)?;
    let newest: i64 = conn.query_row(MIGRATION_NEWEST, (), |row| row.get(0))?;
    check_not_newer(newest)?;
    for (number, sql) in MIGRATIONS {
        if applied(conn, *number, sql)?.is_none() {
            return Err(Trouble::broken(
                "the file was written by an older Kehub: `kehub serve` brings it up to date",
            ));
        }
    }
    Ok(())
}

/// Refuses a file of a later Kehub.
fn check_not_newer(newest: i64) -> Result<(), Trouble> {
    let known = MIGRATIONS.last().map_or(0, |(number, _)| *number);
    if newest > known {
        return Err(Trouble::broken(format!(
            "the file was written by a newer Kehub: its schema is {newest}, this one knows {known}"
        )));
    }
    Ok(())
}

/// The checksum under which a migration was applied, if it was; refuses another one.
fn applied(conn: &Connection, number: i64, sql: &str) -> Result<Option<String>, Trouble> {
    let applied: Option<String> =
        conn.query_row(MIGRATION_APPLIED, [number], |row| row.get(0)).optional()?;
    if applied.as_ref().is_some_and(|applied| *applied != checksum(sql)) {
        return Err(Trouble::broken(format!(
            "migration {number} of the file is not the one this Kehub knows"
        )));
    }
    Ok(applied)
}

fn checksum(sql: &str) -> String {
    hex::encode(Sha256::digest(sql.as_bytes()))
}

/// Brings the tables up to date.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), Trouble> {
    // Two processes that open one new file at once take turns here.
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.execute_batch(MIGRATIONS_TABLE)?;
    let newest: i64 = tx.query_row(MIGRATION_NEWEST, (), |row| row.get(0))?;
    check_not_newer(newest)?;
    for (number, sql) in MIGRATIONS {
        if applied(&tx, *number, sql)?.is_none() {
            tx.execute_batch(sql)?;
            tx.execute(MIGRATION_INSERT, (number, checksum(sql)))?;
        }
    }
    let mut token_key = [0_u8; 32];
    getrandom::fill(&mut token_key).map_err(|error| Trouble::broken(error.to_string()))?;
    tx.execute(HUB_INSERT, [token_key])?;
    tx.commit()?;
    Ok(())
}
