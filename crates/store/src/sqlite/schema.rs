//! The tables: numbered migrations, each applied once, in order, all that are due in one
//! transaction.

use super::trouble::Trouble;
use super::{copy, rows};
use crate::migration::{self, Migration, migration};
use rusqlite::{Connection, Row, Transaction, TransactionBehavior};

/// The migrations, oldest first.
const MIGRATIONS: &[Migration] = &[
    migration!("sqlite", 1, "0001_start"),
    migration!("sqlite", 2, "0002_resolution"),
    migration!("sqlite", 3, "0003_policy"),
    migration!("sqlite", 4, "0004_receipts"),
    migration!("sqlite", 5, "0005_webhooks"),
    migration!("sqlite", 6, "0006_erasures"),
    migration!("sqlite", 7, "0007_undecided_by_claim"),
    migration!("sqlite", 8, "0008_copying"),
    migration!("sqlite", 9, "0009_updated_with_source"),
    migration!("sqlite", 10, "0010_more_lists"),
    migration!("sqlite", 11, "0011_wechat"),
    migration!("sqlite", 12, "0012_imports"),
    migration!("sqlite", 13, "0013_ids_alone"),
    migration!("sqlite", 14, "0014_people"),
    migration!("sqlite", 15, "0015_saved_filters"),
    migration!("sqlite", 16, "0016_audit_filters"),
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
const MIGRATIONS_KEPT: &str = "
    SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migration')";
const MIGRATIONS_APPLIED: &str = "SELECT number, checksum FROM migration ORDER BY number";
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
    match due(conn)?.first().map(|migration| migration.number) {
        None => Ok(()),
        Some(1) => Err(Trouble::broken("it holds no store: `kehub serve` makes one in it")),
        Some(_) => Err(Trouble::broken(
            "it was written by an older Kehub: `kehub migrate` brings it up to date",
        )),
    }
}

/// What a file lacks; refuses one of another program or of a later Kehub, and an unfinished copy.
/// Changes nothing.
pub(super) fn due(conn: &Connection) -> Result<&'static [Migration], Trouble> {
    let due = lacking(conn)?;
    copy::refuse_unfinished(conn)?;
    Ok(due)
}

/// The same, also of an unfinished copy.
pub(super) fn lacking(conn: &Connection) -> Result<&'static [Migration], Trouble> {
    check_ours(conn)?;
    if !conn.query_row(MIGRATIONS_KEPT, (), |row| row.get(0))? {
        return Ok(MIGRATIONS);
    }
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let applied = rows::all(conn, MIGRATIONS_APPLIED, (), read)?;
    migration::due(MIGRATIONS, &applied).map_err(Trouble::broken)
}

/// What a brand-new file lacks.
pub(super) fn all() -> &'static [Migration] {
    MIGRATIONS
}

/// Brings the tables up to date; what was applied.
pub(super) fn migrate(conn: &mut Connection) -> Result<&'static [Migration], Trouble> {
    if due(conn)?.is_empty() {
        return Ok(&[]);
    }
    // Two processes that open one file at once take turns here: one of them finds nothing to do.
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let due = due(&tx)?;
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.execute_batch(MIGRATIONS_TABLE)?;
    for migration in due {
        apply(&tx, migration)?;
    }
    let mut token_key = [0_u8; 32];
    getrandom::fill(&mut token_key).map_err(|error| Trouble::broken(error.to_string()))?;
    tx.execute(HUB_INSERT, [token_key])?;
    tx.commit()?;
    Ok(due)
}

fn apply(tx: &Transaction<'_>, migration: &Migration) -> Result<(), Trouble> {
    tx.execute_batch(migration.sql)
        .and_then(|()| tx.execute(MIGRATION_INSERT, (migration.number, migration.checksum())))
        .map_err(|error| Trouble::broken(format!("migration {}: {error}", migration.name)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::codec::{OwnColumns, older};

    /// Values that had no columns before the tenth are found in theirs, and are the same values.
    #[test]
    fn what_lists_are_made_of_moves_into_columns() {
        let conn = Connection::open_in_memory().unwrap();
        let (before, tenth) = MIGRATIONS.split_at(9);
        for migration in before {
            conn.execute_batch(migration.sql).unwrap();
        }
        let (fold, fields, cells) = older();
        conn.execute(
            "INSERT INTO customer (key, live, homes, rev, head, created_at, updated_at, source,
                                   fields, cells)
             VALUES (1 << 40 | 1, 1, 1, 1, 1, 0, 0, 'web', ?1, ?2)",
            (fields, &cells),
        )
        .unwrap();
        conn.execute(
            "INSERT INTO home (key, source, fields, cells) VALUES (1 << 40 | 1, 'web', ?1, ?2)",
            (fields, &cells),
        )
        .unwrap();

        conn.execute_batch(tenth[0].sql).unwrap();
        let customer = concat!("SELECT ", rows::customer_columns!(), " FROM customer");
        let (customer, indexed) =
            rows::first(&conn, customer, (), rows::customer).unwrap().unwrap();
        assert_eq!((&customer.fold, indexed.own), (&fold, OwnColumns::of(&fold)));
        let home = concat!("SELECT ", rows::home_columns!(), " FROM home");
        assert_eq!(rows::first(&conn, home, (), rows::home).unwrap().unwrap().1, fold);
    }

    #[test]
    fn migrations_are_numbered_without_gaps_and_named_by_their_numbers() {
        for (migration, number) in MIGRATIONS.iter().zip(1..) {
            assert_eq!(migration.number, number);
            assert!(migration.name.starts_with(&format!("{number:04}_")), "{}", migration.name);
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), MIGRATIONS.len());
    }

    /// These are applied somewhere, and must stay as they are there. Later ones join them when they
    /// are released.
    #[test]
    fn migrations_are_what_they_were() {
        let known = [
            "d01b299069017e87",
            "582b245184a218a1",
            "390826e21b0981cc",
            "d7d12fac3758ecdc",
            "396337a8b2ea345c",
            "6206cf9d303e4223",
            "aa53b4883c78efb2",
        ];
        for (migration, start) in MIGRATIONS.iter().zip(known) {
            assert!(migration.checksum().starts_with(start), "{}", migration.name);
        }
    }
}
