//! Copies of a store, made beside whoever uses it, and put in its place again.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use kehub_core::attribute::{Attribute, FieldKey, Value};
use kehub_core::command::{Command, IdentitySent, Origin, Request, Upsert};
use kehub_core::directory::NewTenant;
use kehub_core::policy::Preset;
use kehub_core::{AppNumber, CustomerId, TenantId};
use kehub_store::{
    Batch, CUSTOMERS_AT_ONCE, Progress, Report, Silent, SqliteOptions, SqliteStore, Store,
};
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const TENANT: TenantId = TenantId(1);

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: TempDir::new().unwrap() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A store with so many customers, in use.
    async fn store(&self, customers: usize) -> SqliteStore {
        let store = open(&self.at("hub.db"));
        let tenant = NewTenant { name: "first".into(), preset: Preset::Compat };
        apply(&store, Command::CreateTenant(tenant)).await;
        for number in 0..customers {
            apply(&store, upsert(&format!("p{number}"))).await;
        }
        store
    }

    /// What is in the folder.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, SqliteOptions::default()).unwrap()
}

async fn apply(store: &SqliteStore, command: Command) {
    let origin = Origin { app: AppNumber(1), actor: None, request: "test".into(), at: 1 };
    let request = Request { tenant: TENANT, origin, dry_run: false, idempotency: None, command };
    store.apply(Batch::one(request)).await.unwrap();
}

fn upsert(account: &str) -> Command {
    let identity = IdentitySent {
        kind: "crm-account".to_owned(),
        value: account.to_owned(),
        ..IdentitySent::default()
    };
    let mut upsert = Upsert { identities: vec![identity], ..Upsert::default() };
    let name = Some(Value::Text(format!("name of {account}").into()));
    upsert.fields.values.insert(FieldKey::Builtin(Attribute::Name), name);
    Command::Upsert(upsert)
}

fn back_up(from: &Path, to: &Path) -> Result<u64, String> {
    SqliteStore::back_up(from, to, &Silent).map_err(|error| error.to_string())
}

fn restore(path: &Path, from: &Path, replace: bool) -> Result<Report, String> {
    SqliteStore::restore(path, from, replace, &Silent).map_err(|error| error.to_string())
}

async fn close(store: SqliteStore) {
    store.close().await.unwrap();
    drop(store);
}

/// Accounts in a store, which must be sound.
async fn accounts_in(path: &Path) -> Vec<String> {
    let report = SqliteStore::check(path, None, CUSTOMERS_AT_ONCE, &Silent).unwrap();
    assert!(report.is_sound(), "{report:?}");
    let store = open(path);
    let snapshot = store.snapshot(TENANT).await.unwrap();
    close(store).await;
    snapshot.identities.iter().map(|identity| identity.key.value.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_beside_writers_holds_whatever_was_answered_before() {
    let place = Place::new();
    let store = Arc::new(place.store(500).await);
    let (is_over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::default()));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (store, is_over, answered) = (store.clone(), is_over.clone(), answered.clone());
            tokio::spawn(async move {
                let mut number = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let account = format!("w{writer}-{number}");
                    apply(&store, upsert(&account)).await;
                    let answered: &Mutex<Vec<String>> = &answered;
                    answered.lock().unwrap().push(account);
                    number += 1;
                }
            })
        })
        .collect();
    let written = AtomicUsize::new(0);
    for round in 0..5 {
        while answered.lock().unwrap().len() < written.load(Ordering::Relaxed) + 100 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let before: Vec<String> = answered.lock().unwrap().clone();
        written.store(before.len(), Ordering::Relaxed);
        let (from, to) = (place.at("hub.db"), place.at(&format!("copy-{round}.db")));
        let copy = to.clone();
        let bytes = tokio::task::spawn_blocking(move || back_up(&from, &copy)).await.unwrap();
        assert_eq!(bytes, Ok(fs::metadata(&to).unwrap().len()));
        let found = accounts_in(&to).await;
        for account in before {
            assert!(found.contains(&account), "{account} was answered before copy {round}");
        }
    }
    is_over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
}

/// The traces of an erasure go some time after it, and later still while somebody reads.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_holds_nothing_of_what_was_erased() {
    let place = Place::new();
    let store = place.store(300).await;
    let reader = Connection::open(place.at("hub.db")).unwrap();
    let count = "BEGIN; SELECT count(*) FROM journal";
    reader.execute_batch(count).unwrap();
    for id in 1..=300 {
        if id % 3 == 0 {
            apply(&store, Command::Erase(CustomerId(id))).await;
        }
    }
    let traces = |file: &str| {
        let bytes = fs::read(place.at(file)).unwrap();
        // The last customer, who is erased last.
        bytes.windows(12).filter(|window| *window == b"name of p299").count()
    };
    assert!(traces("hub.db") + traces("hub.db-wal") > 0);
    back_up(&place.at("hub.db"), &place.at("copy.db")).unwrap();
    assert_eq!(traces("copy.db"), 0);
    let found = accounts_in(&place.at("copy.db")).await;
    assert!(found.contains(&"p298".to_owned()) && !found.contains(&"p299".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_store_is_what_was_copied_and_goes_on() {
    let place = Place::new();
    let store = place.store(50).await;
    let (hub, copy, other) = (place.at("hub.db"), place.at("copy.db"), place.at("new/other.db"));
    back_up(&hub, &copy).unwrap();
    let before = (store.snapshot(TENANT).await.unwrap(), store.directory().await.unwrap());
    apply(&store, upsert("later")).await;
    assert!(restore(&other, &copy, false).unwrap().is_sound());
    let restored = open(&other);
    let found = (restored.snapshot(TENANT).await.unwrap(), restored.directory().await.unwrap());
    assert_eq!(found, before);
    apply(&restored, upsert("other")).await;
    close(restored).await;
    assert_eq!(accounts_in(&other).await.len(), 51);
    // The copy itself stays as it was, and nothing is left beside it.
    close(store).await;
    assert_eq!(place.names(), ["copy.db", "hub.db", "new"]);
    assert_eq!(accounts_in(&hub).await.len(), 51);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_overwritten_and_no_store_in_use_is_replaced() {
    let place = Place::new();
    let store = place.store(20).await;
    let (hub, copy) = (place.at("hub.db"), place.at("copy.db"));
    back_up(&hub, &copy).unwrap();
    let first = fs::read(&copy).unwrap();
    apply(&store, upsert("later")).await;
    for (refused, reason) in [
        (back_up(&hub, &copy).unwrap_err(), "it is there already"),
        (back_up(&hub, &place.at("no/folder.db")).unwrap_err(), "no/folder.db"),
        (back_up(&place.at("nothing.db"), &place.at("new.db")).unwrap_err(), "nothing.db"),
        (restore(&hub, &copy, false).unwrap_err(), "there is a store already"),
        (restore(&hub, &copy, true).unwrap_err(), "another process has the file open"),
        (restore(&hub, &hub, true).unwrap_err(), "that is the store itself"),
    ] {
        assert!(refused.contains(reason), "{refused}");
    }
    assert_eq!(fs::read(&copy).unwrap(), first);
    close(store).await;
    assert_eq!(place.names(), ["copy.db", "hub.db"]);
    assert_eq!(accounts_in(&hub).await.len(), 21);

    assert!(restore(&hub, &copy, true).unwrap().is_sound());
    assert_eq!(accounts_in(&hub).await.len(), 20);
    assert_eq!(place.names(), ["copy.db", "hub.db"]);
}

/// What stands in the log of a hub that was killed belongs to the store that is given up, and would
/// ruin the one that takes its place.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_replaced_store_goes_with_it() {
    let place = Place::new();
    let store = place.store(20).await;
    let copy = place.at("copy.db");
    back_up(&place.at("hub.db"), &copy).unwrap();
    for number in 0..200 {
        apply(&store, upsert(&format!("later-{number}"))).await;
    }
    let killed = Place::new();
    for name in ["hub.db", "hub.db-wal"] {
        fs::copy(place.at(name), killed.at(name)).unwrap();
    }
    assert!(restore(&killed.at("hub.db"), &copy, true).unwrap().is_sound());
    assert_eq!(killed.names(), ["hub.db"]);
    assert_eq!(accounts_in(&killed.at("hub.db")).await.len(), 20);

    // Where only the log is left, it is nobody's to throw away.
    fs::copy(place.at("hub.db-wal"), killed.at("lost.db-wal")).unwrap();
    let refused = restore(&killed.at("lost.db"), &copy, true).unwrap_err();
    assert!(refused.contains("lost.db-wal"), "{refused}");
}

/// A hub that is started just before the end of a restore has the old file open and waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_replaced_store_does_not_get_to_use_it() {
    let place = Place::new();
    close(place.store(5).await).await;
    let (hub, copy) = (place.at("hub.db"), place.at("copy.db"));
    back_up(&hub, &copy).unwrap();
    let application = |conn: &Connection| -> i64 {
        conn.query_row("PRAGMA application_id", (), |row| row.get(0)).unwrap()
    };
    let ours = application(&Connection::open(&hub).unwrap());
    let waiting = Connection::open(&hub).unwrap();
    assert!(restore(&hub, &copy, true).unwrap().is_sound());
    assert_ne!(application(&waiting), ours);
    assert_eq!(application(&Connection::open(&hub).unwrap()), ours);
    assert_eq!(accounts_in(&hub).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_no_good_is_refused_and_the_store_stays() {
    let place = Place::new();
    let store = place.store(400).await;
    let (hub, copy, bad) = (place.at("hub.db"), place.at("copy.db"), place.at("bad.db"));
    back_up(&hub, &copy).unwrap();
    close(store).await;
    let whole = fs::read(&copy).unwrap();
    let before = fs::read(&hub).unwrap();
    let written = |bytes: &[u8]| fs::write(&bad, bytes).unwrap();
    let changed = |sql: &str| {
        written(&whole);
        Connection::open(&bad).unwrap().execute_batch(sql).unwrap();
    };
    let refused = |reason: &str| {
        let refused = restore(&hub, &bad, true).unwrap_err();
        assert!(refused.contains("bad.db") && refused.contains(reason), "{reason}: {refused}");
        assert_eq!(place.names(), ["bad.db", "copy.db", "hub.db"]);
        fs::remove_file(&bad).unwrap();
    };
    written(b"");
    refused("it is empty");
    written(&b"a text that is long enough to be looked at as a database\n".repeat(100));
    refused("not a database");
    written(whole.get(..whole.len() / 2).unwrap());
    refused("");
    let mut torn = whole.clone();
    torn.get_mut(8192..16384).unwrap().fill(0xa5);
    written(&torn);
    refused("");
    changed("INSERT INTO migration (number, checksum) VALUES (99, 'later')");
    refused("newer Kehub");
    changed("UPDATE migration SET checksum = 'another' WHERE number = 2");
    refused("migration 2");
    changed("PRAGMA application_id = 42");
    refused("another program");

    // Sound as a database, and no sound store.
    changed("UPDATE customer SET rev = rev + 1 WHERE key & 0xffffffff = 7");
    let report = restore(&hub, &bad, true).unwrap();
    assert!(!report.is_sound());
    fs::remove_file(&bad).unwrap();
    assert_eq!(place.names(), ["copy.db", "hub.db"]);
    assert_eq!(fs::read(&hub).unwrap().len(), before.len());
    assert_eq!(accounts_in(&hub).await.len(), 400);
}

/// Starts the log of a hub over while the hub is looked at.
struct StartOver<'a> {
    place: &'a Place,
    seen: Mutex<Vec<(bool, Vec<String>)>>,
}

impl Progress for StartOver<'_> {
    fn at(&self, step: &str, _: u64, _: u64) {
        if step == "the file" {
            let conn = Connection::open(self.place.at("hub.db")).unwrap();
            let start_over = "PRAGMA wal_checkpoint(RESTART)";
            let is_hindered = conn.query_row(start_over, (), |row| row.get(0)).unwrap();
            self.seen.lock().unwrap().push((is_hindered, self.place.names()));
        }
    }
}

/// Otherwise whatever is written meanwhile stays in the log, which makes everybody slow.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_beside_a_hub_does_not_hinder_its_log() {
    let place = Place::new();
    let store = place.store(300).await;
    let names = place.names();
    let progress = StartOver { place: &place, seen: Mutex::default() };
    let report =
        SqliteStore::check(place.at("hub.db"), None, CUSTOMERS_AT_ONCE, &progress).unwrap();
    assert!(report.is_sound() && report.customers == 300, "{report:?}");
    // Nor does it leave anything behind, whenever it ends.
    assert_eq!(progress.seen.into_inner().unwrap(), [(false, names)]);
    close(store).await;
}

/// The room that a log takes while somebody reads is given back.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_becomes_short_again_after_a_long_look() {
    let place = Place::new();
    drop(place.store(1).await);
    let options = SqliteOptions { wal_pages: 100, ..SqliteOptions::default() };
    let store = SqliteStore::open(place.at("hub.db"), options).unwrap();
    let length = || fs::metadata(place.at("hub.db-wal")).unwrap().len();
    let (limit, mut number) = (8 * 100 * 2048, 0);
    let reader = Connection::open(place.at("hub.db")).unwrap();
    let look = "BEGIN; SELECT count(*) FROM journal";
    reader.execute_batch(look).unwrap();
    while length() <= 2 * limit {
        number += 1;
        apply(&store, upsert(&format!("a{number}"))).await;
    }
    reader.execute_batch("COMMIT").unwrap();
    let given_up = Instant::now() + Duration::from_mins(1);
    while length() > limit && Instant::now() < given_up {
        number += 1;
        apply(&store, upsert(&format!("a{number}"))).await;
    }
    assert!(length() <= limit, "{}", length());
    close(store).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn copies_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let store = place.store(1).await;
    let (copy, restored) = (place.at("copy.db"), place.at("restored.db"));
    back_up(&place.at("hub.db"), &copy).unwrap();
    restore(&restored, &copy, false).unwrap();
    for file in [copy, restored] {
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    close(store).await;
}
