//! Whether what is kept is sound: looking at it, and making it anew from the journal.

use crate::receipts::keyed;
use crate::support::{Rig, TENANT, fields, identity, upsert};
use kehub_core::CustomerId;
use kehub_core::command::{Attach, Command, Put, SetPolicy};
use kehub_core::facts::Snapshot;
use kehub_core::policy::Preset;
use kehub_store::{CUSTOMERS_AT_ONCE, PostgresStore, Rebuilt, Report, Silent, SqliteStore};
use rusqlite::Connection;
use std::path::Path;

/// How many customers are in memory at once, instead of [`CUSTOMERS_AT_ONCE`].
const FEW: [u32; 3] = [1, 2, 3];

/// A bit of everything, in two tenants.
async fn fill(rig: &Rig) {
    let second = rig.tenant("second", Preset::Guarded).await;
    for tenant in [TENANT, second] {
        let one = CustomerId(1);
        for command in [
            upsert(&["a1", "m1"], &[("name", "Wang"), ("mobile", "13900000001")]),
            upsert(&["o1"], &[("source", "shop")]),
            upsert(&["a2"], &[("name", "Li")]),
            upsert(&["o1", "a2"], &[("city", "Beijing")]),
            upsert(&["a3", "m1"], &[]),
            Command::Put(Put { customer: one, fields: fields(&[("name", "")]) }),
            Command::Attach(Attach { customer: one, identity: identity("e1") }),
            Command::SetPolicy(SetPolicy { preset: Some(Preset::Guarded), ..SetPolicy::default() }),
            upsert(&["d1", "a9"], &[("stage", "Lead")]),
            Command::Delete(CustomerId(1)),
            upsert(&["m1"], &[]),
        ] {
            rig.run(tenant, command).await;
        }
    }
}

pub(crate) async fn a_store_in_use_is_sound(rig: &Rig) {
    fill(rig).await;
    let report = rig.store.check(None).await.unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.tenants, 2);
    assert!(report.customers > 0 && report.identities > 0 && report.entries > 0, "{report:?}");
    let one = rig.store.check(Some(TENANT)).await.unwrap();
    assert_eq!((one.tenants, one.findings.len()), (1, 0));
    assert!(one.entries < report.entries);
}

/// What is found in a file, however many customers are in memory at once.
fn looked_at(file: &Path) -> Report {
    let report = SqliteStore::check(file, None, CUSTOMERS_AT_ONCE, &Silent).unwrap();
    for at_once in FEW {
        let in_parts = SqliteStore::check(file, None, at_once, &Silent).unwrap();
        assert_eq!(in_parts, report, "{at_once} at once");
    }
    report
}

/// What a rebuild of a file changes, which is made anew from so many customers at once.
fn rebuilt(file: &Path, at_once: u32) -> Rebuilt {
    SqliteStore::rebuild(file, None, at_once, &Silent).unwrap()
}

/// How a file is refused that must not be made anew, however many customers are in memory at once.
fn refused(file: &Path) -> String {
    let refused =
        |at_once| SqliteStore::rebuild(file, None, at_once, &Silent).unwrap_err().to_string();
    let text = refused(CUSTOMERS_AT_ONCE);
    for at_once in FEW {
        assert_eq!(refused(at_once), text, "{at_once} at once");
    }
    text
}

/// What is found in a file after this damage, what a rebuild says of it, and how the file is then.
async fn mended(damage: &str) -> (Vec<String>, Rebuilt) {
    let rig = Rig::sqlite().await;
    fill(&rig).await;
    let before = rig.store.snapshot(TENANT).await.unwrap();
    rig.store.close().await.unwrap();
    let file = rig.file();
    drop(rig.store);
    Connection::open(&file).unwrap().execute_batch(damage).unwrap();
    let found = texts(&looked_at(&file));
    let copy = file.with_extension("copy");
    std::fs::copy(&file, &copy).unwrap();
    let whole = rebuilt(&file, CUSTOMERS_AT_ONCE);
    for at_once in FEW {
        let part = file.with_extension(format!("copy{at_once}"));
        std::fs::copy(&copy, &part).unwrap();
        assert_eq!(rebuilt(&part, at_once), whole, "{damage}, {at_once} at once");
        is_as_before(&part, &whole, &before, damage).await;
    }
    is_as_before(&file, &whole, &before, damage).await;
    (found, whole)
}

/// A file in which nothing is wrong any more holds what it held before.
async fn is_as_before(file: &Path, rebuilt: &Rebuilt, before: &Snapshot, damage: &str) {
    if rebuilt.after.is_sound() {
        let store = SqliteStore::open(file, kehub_store::SqliteOptions::default()).unwrap();
        let store: &dyn kehub_store::Store = &store;
        assert_eq!(store.snapshot(TENANT).await.unwrap(), *before, "{damage}");
        store.close().await.unwrap();
    }
}

/// The same of a database: what is found after this damage, and what is left after a rebuild.
async fn mended_on_postgres(rig: Rig, damage: &str, at_once: u32) -> (Vec<String>, Rebuilt) {
    fill(&rig).await;
    let before = rig.store.snapshot(TENANT).await.unwrap();
    let past = rig.store.past(TENANT, &[CustomerId(2)]).await.unwrap();
    rig.database().run(damage).await;
    let url = rig.database().url();
    let report = PostgresStore::check(&url, None, CUSTOMERS_AT_ONCE, &Silent).await.unwrap();
    for few in FEW {
        assert_eq!(rig.check_in_parts(few).await, report, "{damage}, {few} at once");
    }
    let found = texts(&report);
    let rebuilt = PostgresStore::rebuild(&url, None, at_once, &Silent).await.unwrap();
    assert_eq!(rebuilt.after.findings, [], "{damage}");
    // Beside the hub, which goes on.
    assert_eq!(rig.store.snapshot(TENANT).await.unwrap(), before, "{damage}");
    assert_eq!(rig.store.past(TENANT, &[CustomerId(2)]).await.unwrap(), past, "{damage}");
    rig.upsert(&["a1", "o77"], &[]).await;
    assert_eq!(rig.store.check(None).await.unwrap().findings, [], "{damage}");
    (found, rebuilt)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_made_anew_from_its_journal() {
    let one = |number: i64| (1_i64 << 40) | number;
    let cases = [
        (
            format!("DELETE FROM customer WHERE key = {}", one(2)),
            vec![
                "tenant 1: customer 2 has no row",
                "tenant 1: there are 2 live customers, and noted as 3",
                "tenant 1: customer 2 is not listed by the time of its last update",
            ],
        ),
        (
            format!("UPDATE customer SET rev = 9, head = 1 WHERE key = {}", one(2)),
            vec![
                "tenant 1: customer 2 is not what the journal says: its version, its newest entry",
            ],
        ),
        (
            format!("UPDATE customer SET cells = '\\x00' WHERE key = {}", one(2)),
            vec!["tenant 1: customer 2 has a row that cannot be read"],
        ),
        (
            format!("UPDATE identity SET home = {} WHERE key = {}", one(2), one(1)),
            vec!["tenant 1: identity 1 is not what the journal says: its home"],
        ),
        (format!("DELETE FROM home WHERE key = {}", one(3)), vec!["tenant 1: home 3 has no row"]),
        (format!("DELETE FROM merge WHERE key = {}", one(1)), vec!["tenant 1: merge 1 has no row"]),
        (
            format!("INSERT INTO cannot_link VALUES ({}, {}, 3)", one(1), one(2)),
            vec!["tenant 1: cannot-link 1 to 2 has a row that the journal does not know"],
        ),
        (
            "UPDATE tenant SET preset = 'compat' WHERE id = 1".to_owned(),
            vec!["tenant 1: the policy is not what the journal says"],
        ),
        (
            format!("DELETE FROM trail WHERE customer = {}", one(2)),
            vec!["tenant 1: the trails have "],
        ),
        (
            format!(
                "UPDATE trail SET seq = {} WHERE customer = {} AND seq = {}",
                one(1),
                one(2),
                one(2)
            ),
            vec!["tenant 1: the steps of the trails are not those that the journal says"],
        ),
        (
            format!("DELETE FROM updated WHERE customer = {}", one(2)),
            vec!["tenant 1: customer 2 is not listed by the time of its last update"],
        ),
        (
            format!("UPDATE updated SET at = at - 1 WHERE customer = {}", one(2)),
            vec!["tenant 1: customer 2 is not listed by the time of its last update"],
        ),
    ];
    for (damage, expected) in cases {
        for (rig, at_once) in
            [(Rig::postgres().await, CUSTOMERS_AT_ONCE), (Rig::cluster().await, 1)]
        {
            let (found, _) = mended_on_postgres(rig, &damage, at_once).await;
            assert_eq!(found.len(), expected.len(), "{damage}: {found:?}");
            for (found, expected) in found.iter().zip(&expected) {
                assert!(found.starts_with(expected), "{damage}: {found}");
            }
        }
    }
}

fn texts(report: &Report) -> Vec<String> {
    report.findings.iter().map(ToString::to_string).collect()
}

/// What a check says of damage that a rebuild mends.
const MENDED: &[(&str, &[&str])] = &[
    (
        "DELETE FROM customer WHERE key = 1 << 40 | 2",
        &[
            "tenant 1: customer 2 has no row",
            "tenant 1: there are 2 live customers, and noted as 3",
        ],
    ),
    (
        "UPDATE customer SET rev = 9, head = 1 WHERE key = 1 << 40 | 2",
        &["tenant 1: customer 2 is not what the journal says: its version, its newest entry"],
    ),
    (
        r#"UPDATE customer SET fields = '{"town":"Paris"}' WHERE key = 1 << 40 | 2"#,
        &["tenant 1: customer 2 has a row that cannot be read"],
    ),
    (
        "UPDATE customer SET source = 'web' WHERE key = 1 << 40 | 2",
        &["tenant 1: customer 2 is not what the journal says: its fields"],
    ),
    (
        "UPDATE customer SET name = 'Nobody' WHERE key = 1 << 40 | 2",
        &["tenant 1: customer 2 is not what the journal says: its fields"],
    ),
    (
        "UPDATE customer SET mobile_key = '1' WHERE key = 1 << 40 | 2",
        &["tenant 1: customer 2 is not what the journal says: the columns that lists go by"],
    ),
    (
        "UPDATE customer SET cells = x'00' WHERE key = 1 << 40 | 2",
        &["tenant 1: customer 2 has a row that cannot be read"],
    ),
    (
        "UPDATE customer SET survivor = 2 << 40 | 1 WHERE key = 1 << 40 | 3",
        &[
            "tenant 1: customer 3 names something of another tenant",
            "tenant 1: customer 3 is not what the journal says: what has become of it",
        ],
    ),
    (
        "INSERT INTO customer SELECT (1 << 40) | 77, live, survivor, homes, rev, head, created_at,
          updated_at, source, stage, mobile_key, email_key, fields, cells, seen_at, name, external_id,
          gender
      FROM customer WHERE key = 1 << 40 | 2",
        &[
            "tenant 1: customer 77 has a row that the journal does not know",
            "tenant 1: there are 4 live customers, and noted as 3",
        ],
    ),
    (
        "UPDATE identity SET home = 1 << 40 | 2 WHERE key = 1 << 40 | 1",
        &["tenant 1: identity 1 is not what the journal says: its home"],
    ),
    (
        "UPDATE identity SET home = NULL, quarantine = 1 WHERE key = 1 << 40 | 3",
        &["tenant 1: identity 3 is not what the journal says: its home, its quarantine"],
    ),
    ("DELETE FROM home WHERE key = 1 << 40 | 3", &["tenant 1: home 3 has no row"]),
    ("DELETE FROM merge", &["tenant 1: merge 1 has no row", "tenant 2: merge 1 has no row"]),
    (
        "UPDATE merge SET left_home = 2 << 40 | 2 WHERE key = 1 << 40 | 1",
        &[
            "tenant 1: merge 1 names something of another tenant",
            "tenant 1: merge 1 is not what the journal says: its content",
        ],
    ),
    ("DELETE FROM conflict WHERE key >> 40 = 1", &["tenant 1: conflict 1 has no row"]),
    (
        "INSERT INTO cannot_link VALUES (1 << 40 | 1, 1 << 40 | 2, 3)",
        &["tenant 1: cannot-link 1 to 2 has a row that the journal does not know"],
    ),
    (
        "UPDATE tenant SET customers_live = 7, last_customer = 99, last_seq = 1 WHERE id = 1",
        &[
            "tenant 1: the last customer is number 5, and noted as 99",
            "tenant 1: the last journal entry is number 11, and noted as 1",
            "tenant 1: there are 3 live customers, and noted as 7",
        ],
    ),
    (
        "UPDATE tenant SET customers_male = 8, customers_female = 9 WHERE id = 1",
        &[
            "tenant 1: there are 0 live customers of gender 1, and noted as 8",
            "tenant 1: there are 0 live customers of gender 2, and noted as 9",
        ],
    ),
    (
        "UPDATE tenant SET preset = 'compat' WHERE id = 1",
        &["tenant 1: the policy is not what the journal says"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn damaged_rows_are_named_and_mended() {
    for (damage, expected) in MENDED {
        let (found, rebuilt) = mended(damage).await;
        assert_eq!(found, *expected, "{damage}");
        assert_eq!(texts(&rebuilt.after), Vec::<String>::new(), "{damage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_says_what_it_has_changed() {
    let damage = "
        DELETE FROM customer WHERE key = 1 << 40 | 2;
        UPDATE customer SET rev = 9 WHERE key >> 40 = 2;
        INSERT INTO cannot_link VALUES (1 << 40 | 1, 1 << 40 | 2, 3);";
    let (_, rebuilt) = mended(damage).await;
    assert_eq!(rebuilt.added, [("customers", 1)]);
    assert_eq!(rebuilt.removed, [("cannot-links", 1)]);
    assert_eq!(rebuilt.replaced, [("customers", 6)]);
    let (found, rebuilt) = mended("SELECT 1").await;
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(Rebuilt { after: Report::default(), ..rebuilt }, Rebuilt::default());
}

/// The text of an identity stands nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_identity_is_told_and_cannot_be_mended() {
    let lost = "DELETE FROM identity WHERE key = 1 << 40 | 1";
    let (found, rebuilt) = mended(lost).await;
    let expected = [
        "tenant 1: identity 1 has no row",
        "tenant 1: identity 2 is not what the journal says: what it was sent with",
    ];
    assert_eq!(found, expected);
    // The other one is left as it is: what it was sent with is the lost one, whose type is unknown.
    assert_eq!(texts(&rebuilt.after), expected);
    assert_eq!((rebuilt.added, rebuilt.replaced), (Vec::new(), Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_lost_an_entry_is_made_anew() {
    let damage = "
        PRAGMA writable_schema = ON;
        CREATE TEMP TABLE kept AS SELECT sql FROM sqlite_schema WHERE name = 'customer_source';
        DELETE FROM sqlite_schema WHERE name = 'customer_source';
        PRAGMA writable_schema = RESET;
        UPDATE customer SET source = NULL WHERE source = 'shop';
        UPDATE customer SET source = 'shop' WHERE key = 1 << 40 | 2;";
    let rig = Rig::sqlite().await;
    fill(&rig).await;
    rig.store.close().await.unwrap();
    let file = rig.file();
    drop(rig.store);
    let conn = Connection::open(&file).unwrap();
    let root: i64 = conn
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'customer_source'", (), |row| {
            row.get(0)
        })
        .unwrap();
    let sql: String = conn
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'customer_source'", (), |row| {
            row.get(0)
        })
        .unwrap();
    // The index is put aside, a row changes, the index is back.
    conn.execute_batch(damage).unwrap();
    conn.execute_batch("PRAGMA writable_schema = ON").unwrap();
    conn.execute(
        "INSERT INTO sqlite_schema VALUES ('index', 'customer_source', 'customer', ?1, ?2)",
        (root, sql),
    )
    .unwrap();
    conn.execute_batch("PRAGMA writable_schema = RESET").unwrap();
    drop(conn);
    let report = looked_at(&file);
    assert!(texts(&report).iter().any(|text| text.contains("customer_source")), "{report:?}");
    let rebuilt = rebuilt(&file, CUSTOMERS_AT_ONCE);
    assert!(rebuilt.reindexed && rebuilt.after.is_sound(), "{rebuilt:?}");
}

/// Making rows anew from a journal that is damaged itself would spread the damage.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_is_told_and_nothing_is_made_from_it() {
    for (damage, expected) in [
        (
            "UPDATE journal SET entry = x'01' WHERE key = 1 << 40 | 3",
            "journal entry 3 cannot be read",
        ),
        ("DELETE FROM journal WHERE key = 1 << 40 | 3", "journal entry 4 follows 2"),
        (
            "UPDATE journal SET at = 7 WHERE key = 1 << 40 | 3",
            "journal entry 3 stands in the place",
        ),
    ] {
        let rig = Rig::sqlite().await;
        fill(&rig).await;
        rig.store.close().await.unwrap();
        let file = rig.file();
        drop(rig.store);
        Connection::open(&file).unwrap().execute_batch(damage).unwrap();
        let found = texts(&looked_at(&file));
        assert!(found.iter().any(|text| text.contains(expected)), "{found:?}");
        let refused = refused(&file);
        assert!(refused.contains("the journal of tenant 1 is damaged"), "{refused}");
    }
}

/// What a check says of a type that is lost, or that stands twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_type_is_told() {
    for (damage, expected) in [
        (
            "DELETE FROM identity_type WHERE key = 1 << 16 | 1",
            "tenant 1: identity type 1 has no row, and 4 identities are of it",
        ),
        (
            "UPDATE identity_type SET name = ' Mobile' WHERE key = 1 << 16 | 1",
            "tenant 1: identity types 1 and 2 have one name",
        ),
        (
            "UPDATE identity SET raw = value, value = 'other' WHERE key = 1 << 40 | 1",
            "tenant 1: identity 1 is kept under another value than it has",
        ),
    ] {
        let (found, _) = mended(damage).await;
        assert!(found.iter().any(|text| text == expected), "{found:?}");
    }
}

/// Only where the index is gone that would not have let it in.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_stands_twice_is_told() {
    let rig = Rig::sqlite().await;
    fill(&rig).await;
    rig.store.close().await.unwrap();
    let file = rig.file();
    drop(rig.store);
    let damage = "
        DROP INDEX identity_value;
        UPDATE identity SET (type, value, raw) =
            (SELECT type, value, raw FROM identity WHERE key = 1 << 40 | 1)
        WHERE key = 1 << 40 | 4";
    Connection::open(&file).unwrap().execute_batch(damage).unwrap();
    let found = texts(&looked_at(&file));
    let expected = "tenant 1: identity 1 has the same type and value as another one".to_owned();
    assert!(found.contains(&expected), "{found:?}");
    assert!(refused(&file).contains("identity 1 has the same type and value"));
}

/// Rows know of entries that are not there: what they hold stands nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_was_cut_off_is_told_and_nothing_is_made_from_it() {
    let rig = Rig::sqlite().await;
    fill(&rig).await;
    rig.store.close().await.unwrap();
    let file = rig.file();
    drop(rig.store);
    let damage = "DELETE FROM journal WHERE key >= 1 << 40 | 11 AND key >> 40 = 1";
    Connection::open(&file).unwrap().execute_batch(damage).unwrap();
    let found = texts(&looked_at(&file));
    let expected =
        "tenant 1: the journal ends with entry 10, and customer 5 has seen entry 11".to_owned();
    assert!(found.contains(&expected), "{found:?}");
    let refused = refused(&file);
    assert!(refused.contains("the journal of tenant 1 is damaged"), "{refused}");
}

/// What stands in no journal is told if it cannot be used.
#[tokio::test(flavor = "multi_thread")]
async fn receipts_and_webhooks_that_cannot_be_read_are_told() {
    let rig = Rig::sqlite().await;
    for (key, word) in [(1, "a1"), (2, "a2")] {
        let request = keyed(&rig, TENANT, key, upsert(&[word], &[]));
        rig.batch(vec![request]).await;
    }
    rig.store.close().await.unwrap();
    let file = rig.file();
    drop(rig.store);
    let damage = "
        UPDATE receipt SET outcome = x'00' WHERE key = (SELECT min(key) FROM receipt);
        UPDATE receipt SET seq = 99 WHERE key = (SELECT max(key) FROM receipt);
        INSERT INTO webhook VALUES (1 << 40 | 1, '', '', 'of no kind', 1, x'00', NULL, NULL, 0, 0, 0,
                                    0, 0, NULL, NULL, NULL, NULL);";
    Connection::open(&file).unwrap().execute_batch(damage).unwrap();
    let found = texts(&looked_at(&file));
    let beginnings = [
        "tenant 1: 1 receipts cannot be read",
        "tenant 1: 1 receipts are of entries that are not there",
        "tenant 1: the webhooks cannot be read",
    ];
    assert_eq!(found.len(), beginnings.len(), "{found:?}");
    for (text, beginning) in found.iter().zip(beginnings) {
        assert!(text.starts_with(beginning), "{found:?}");
    }
}

/// Also the rows of identities without texts are what the journal says.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_of_an_erased_identity_is_mended() {
    let rig = Rig::sqlite().await;
    rig.upsert(&["a1", "m1"], &[]).await;
    rig.run(TENANT, Command::Erase(CustomerId(1))).await;
    rig.store.close().await.unwrap();
    let file = rig.file();
    drop(rig.store);
    let damage = "UPDATE identity SET companions = NULL, apps = NULL, quarantine = 1";
    Connection::open(&file).unwrap().execute_batch(damage).unwrap();
    assert!(!looked_at(&file).is_sound());
    let rebuilt = rebuilt(&file, CUSTOMERS_AT_ONCE);
    assert_eq!(texts(&rebuilt.after), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_use_is_looked_at_and_not_rebuilt() {
    let rig = Rig::sqlite().await;
    fill(&rig).await;
    let file = rig.file();
    let report = SqliteStore::check(&file, Some("second"), CUSTOMERS_AT_ONCE, &Silent).unwrap();
    assert_eq!((report.findings, report.tenants), (Vec::new(), 1));
    let refused =
        SqliteStore::rebuild(&file, None, CUSTOMERS_AT_ONCE, &Silent).unwrap_err().to_string();
    assert!(refused.contains("another process has the file open"), "{refused}");
    rig.upsert(&["a1"], &[]).await;
    let missing = SqliteStore::check(&file, Some("third"), CUSTOMERS_AT_ONCE, &Silent)
        .unwrap_err()
        .to_string();
    assert!(missing.contains("there is no tenant `third`"), "{missing}");
}
