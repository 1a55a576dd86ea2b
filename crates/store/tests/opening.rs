//! Opening a file: what is refused, in words that say why; and who opens it first.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use kehub_core::command::{Command, Origin, Request};
use kehub_core::directory::NewTenant;
use kehub_core::outcome::Outcome;
use kehub_core::policy::Preset;
use kehub_core::{AppNumber, TenantId};
use kehub_store::{Batch, CUSTOMERS_AT_ONCE, Silent, SqliteOptions, SqliteStore, Store};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Barrier;
use tempfile::TempDir;

fn open(path: &Path) -> Result<SqliteStore, String> {
    SqliteStore::open(path, SqliteOptions::default()).map_err(|error| error.to_string())
}

fn create_tenant(name: &str) -> Batch {
    let origin = Origin { app: AppNumber(1), actor: None, request: "test".into(), at: 1 };
    let new = NewTenant { name: name.into(), preset: Preset::Compat };
    let command = Command::CreateTenant(new);
    Batch::one(Request { tenant: TenantId(1), origin, dry_run: false, idempotency: None, command })
}

/// A hub with one tenant, closed again and then changed behind its back.
async fn changed_by(path: &Path, sql: &str) {
    let store = open(path).unwrap();
    store.apply(create_tenant("first")).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

fn tenants_in(path: &Path) -> i64 {
    let conn = Connection::open(path).unwrap();
    conn.query_row("SELECT count(*) FROM tenant", (), |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_was_kept_is_there_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("not/yet/there/hub.db");
    let store = open(&path).unwrap();
    store.apply(create_tenant("first")).await.unwrap();
    let before = store.directory().await.unwrap();
    store.close().await.unwrap();
    drop(store);
    assert_eq!(open(&path).unwrap().directory().await.unwrap(), before);
}

#[tokio::test]
async fn a_file_of_a_newer_schema_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("hub.db");
    changed_by(&path, "INSERT INTO migration (number, checksum) VALUES (99, 'later')").await;
    let refused = open(&path).unwrap_err();
    assert!(refused.contains(&path.display().to_string()), "{refused}");
    assert!(refused.contains("newer Kehub"), "{refused}");
    assert!(refused.contains("99, this one knows "), "{refused}");
    assert_eq!(tenants_in(&path), 1);
}

/// A file as the first Kehub would have made it, with one tenant.
fn old_file(path: &Path) {
    let start = include_str!("../migrations/sqlite/0001_start.sql");
    let checksum = hex::encode(Sha256::digest(start.as_bytes()));
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(&format!(
        "PRAGMA application_id = {};
        CREATE TABLE migration (number INTEGER PRIMARY KEY, checksum TEXT NOT NULL);
        INSERT INTO migration VALUES (1, '{checksum}');
        {start}
        INSERT INTO hub VALUES (1, 0, 0, zeroblob(32));
        INSERT INTO tenant VALUES (1, 'first', 'compat', 'merge', 1, 1, 0, 0, 0, 0, 0, 0);",
        0x4b65_6875
    ))
    .unwrap();
}

fn due(path: &Path) -> Vec<i64> {
    let due = SqliteStore::migrations_due(path).unwrap();
    due.iter().map(|migration| migration.number).collect()
}

#[tokio::test]
async fn an_old_file_is_brought_up_to_date_and_can_say_how_before() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("hub.db");
    let all = due(&path);
    assert_eq!(all.first(), Some(&1));
    assert!(!path.exists());
    old_file(&path);
    let before = std::fs::read(&path).unwrap();
    let rest: Vec<i64> = all.iter().copied().skip(1).collect();
    assert_eq!(due(&path), rest);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let refused =
        SqliteStore::check(&path, None, CUSTOMERS_AT_ONCE, &Silent).unwrap_err().to_string();
    assert!(refused.contains("older Kehub"), "{refused}");

    // A copy of an old file is restored as one of today.
    let (copy, restored) = (folder.path().join("copy.db"), folder.path().join("restored.db"));
    SqliteStore::back_up(&path, &copy, &Silent).unwrap();
    assert!(SqliteStore::restore(&restored, &copy, false, &Silent).unwrap().is_sound());
    assert_eq!((due(&copy), due(&restored)), (rest.clone(), vec![]));

    let applied = SqliteStore::migrate(&path).unwrap();
    assert_eq!(applied.iter().map(|migration| migration.number).collect::<Vec<_>>(), rest);
    assert_eq!(SqliteStore::migrate(&path).unwrap(), &[]);
    assert!(SqliteStore::check(&path, None, CUSTOMERS_AT_ONCE, &Silent).unwrap().is_sound());
    for path in [path, restored] {
        assert!(due(&path).is_empty());
        assert_eq!(open(&path).unwrap().directory().await.unwrap().tenants.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_open_one_old_file_at_once_bring_it_up_to_date_once() {
    for _ in 0..20 {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("hub.db");
        old_file(&path);
        let start = Barrier::new(2);
        let open_together = || {
            start.wait();
            open(&path)
        };
        let (one, other) = std::thread::scope(|scope| {
            let one = scope.spawn(open_together);
            let other = scope.spawn(open_together);
            (one.join().unwrap().unwrap(), other.join().unwrap().unwrap())
        });
        one.apply(create_tenant("second")).await.unwrap();
        other.apply(create_tenant("third")).await.unwrap();
        assert_eq!(one.directory().await.unwrap().tenants.len(), 3);
    }
}

#[tokio::test]
async fn a_file_that_lacks_one_of_its_migrations_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("hub.db");
    changed_by(&path, "DELETE FROM migration WHERE number = 3").await;
    let refused = open(&path).unwrap_err();
    assert!(refused.contains("migration 3 is missing"), "{refused}");
}

#[tokio::test]
async fn a_file_made_by_another_migration_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("hub.db");
    changed_by(&path, "UPDATE migration SET checksum = 'another' WHERE number = 1").await;
    let refused = open(&path).unwrap_err();
    assert!(refused.contains(&path.display().to_string()), "{refused}");
    assert!(refused.contains("migration 1"), "{refused}");
    assert_eq!(tenants_in(&path), 1);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("hub.db");
    let text = "not a database, but long enough to be looked at as one\n".repeat(100);
    std::fs::write(&path, &text).unwrap();
    let refused = open(&path).unwrap_err();
    assert!(refused.contains(&path.display().to_string()), "{refused}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_folder_in_the_place_of_the_file_is_refused() {
    let folder = TempDir::new().unwrap();
    let refused = open(folder.path()).unwrap_err();
    assert!(refused.contains(&folder.path().display().to_string()), "{refused}");
}

#[test]
fn the_database_of_another_program_is_refused_and_left_alone() {
    for application in [0, 42] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("hub.db");
        let theirs = format!("CREATE TABLE bookmark (x); PRAGMA application_id = {application}");
        Connection::open(&path).unwrap().execute_batch(&theirs).unwrap();
        let before = std::fs::read(&path).unwrap();
        let refused = open(&path).unwrap_err();
        assert!(refused.contains("another program"), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

/// A server and the command line may meet at a file that neither has made yet.
#[tokio::test(flavor = "multi_thread")]
async fn two_that_open_one_new_file_at_once_share_one_hub() {
    for _ in 0..20 {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("new/hub.db");
        let start = Barrier::new(2);
        let open_together = || {
            start.wait();
            open(&path)
        };
        let (one, other) = std::thread::scope(|scope| {
            let one = scope.spawn(open_together);
            let other = scope.spawn(open_together);
            (one.join().unwrap(), other.join().unwrap())
        });
        let (one, other) = (one.unwrap(), other.unwrap());
        let (first, second) =
            tokio::join!(one.apply(create_tenant("first")), other.apply(create_tenant("second")));
        let id = |outcomes: Vec<Outcome>| match outcomes.first() {
            Some(Outcome::Tenant(tenant)) => tenant.id,
            other => panic!("no tenant: {other:?}"),
        };
        let mut ids = [id(first.unwrap()), id(second.unwrap())];
        ids.sort_unstable();
        assert_eq!(ids, [TenantId(1), TenantId(2)]);
        assert_eq!(one.directory().await.unwrap(), other.directory().await.unwrap());
    }
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("hub.db");
    let _store = open(&path).unwrap();
    for file in [path.clone(), path.with_extension("db-wal")] {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

/// The log of such a file is beside the file, and not beside the link.
#[cfg(unix)]
#[tokio::test]
async fn a_file_may_stand_behind_a_link() {
    let (folder, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let link = folder.path().join("hub.db");
    std::os::unix::fs::symlink(elsewhere.path().join("kept.db"), &link).unwrap();
    drop(std::fs::File::create(elsewhere.path().join("kept.db")).unwrap());
    let store = open(&link).unwrap();
    store.apply(create_tenant("first")).await.unwrap();
    assert!(elsewhere.path().join("kept.db-wal").exists());
    store.close().await.unwrap();
    drop(store);
    assert_eq!(tenants_in(&elsewhere.path().join("kept.db")), 1);
}
