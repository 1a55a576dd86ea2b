//! What was erased is not found in the files any more.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use kehub_core::attribute::{Attribute, FieldKey, Value};
use kehub_core::command::{Command, Extract, IdentitySent, Origin, Request, Upsert};
use kehub_core::directory::NewTenant;
use kehub_core::outcome::Outcome;
use kehub_core::policy::{OnConflict, Policy, Preset};
use kehub_core::{AppNumber, CustomerId, Seq, TenantId};
use kehub_store::{Batch, CUSTOMERS_AT_ONCE, Silent, SqliteOptions, SqliteStore, Store};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

const TENANT: TenantId = TenantId(1);

fn request(command: Command) -> Request {
    let origin = Origin { app: AppNumber(1), actor: None, request: "test".into(), at: 1 };
    Request { tenant: TENANT, origin, dry_run: false, idempotency: None, command }
}

async fn run(store: &SqliteStore, command: Command) -> Outcome {
    store.apply(Batch::one(request(command))).await.unwrap().remove(0)
}

/// An upsert of the n-th person: identities, a name in every field that takes one, and an address.
fn upsert(openids: &[&str], name: &str) -> Command {
    let identities = openids.iter().map(|openid| IdentitySent {
        kind: "wechat".to_owned(),
        value: (*openid).to_owned(),
        name: openid.starts_with("second").then(|| format!("{name}-called")),
        scope: Some(format!("{name}-scope")),
    });
    let mut upsert = Upsert { identities: identities.collect(), ..Upsert::default() };
    for (attribute, text) in [
        (Attribute::Name, name.to_owned()),
        (Attribute::Source, format!("{name}-source")),
        (Attribute::Email, format!("{name}@example.com")),
        (Attribute::Remark, format!("{name}-remark ").repeat(60)),
    ] {
        let value = Some(Value::Text(text.trim().into()));
        upsert.fields.values.insert(FieldKey::Builtin(attribute), value);
    }
    let custom = FieldKey::custom("note").unwrap();
    upsert.fields.values.insert(custom, Some(Value::Text(format!("{name}-note").into())));
    Command::Upsert(upsert)
}

/// Where a text stands in the files of a store.
fn found_in(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let is_there = bytes.windows(text.len()).any(|window| window == text.as_bytes());
        if is_there {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

/// One person among hundreds, with updates that move rows between pages, a merge and its undo.
#[tokio::test(flavor = "multi_thread")]
async fn erased_data_is_not_found_in_the_files_afterwards() {
    let folder = tempfile::TempDir::new().unwrap();
    let open = || SqliteStore::open(folder.path().join("hub.db"), SqliteOptions::default());
    let store = open().unwrap();
    let tenant = NewTenant { name: "first".into(), preset: Preset::Compat };
    run(&store, Command::CreateTenant(tenant)).await;
    let mut theirs = CustomerId(0);
    for number in 0..300 {
        let name = if number == 150 { "Zhongli Wangsun".to_owned() } else { format!("p{number}") };
        let openids = [format!("openid-{number}"), format!("second-{number}")];
        let openids: Vec<&str> = openids.iter().map(String::as_str).collect();
        let outcome = run(&store, upsert(&openids, &name)).await;
        if let Outcome::Resolved(resolution) = outcome
            && number == 150
        {
            theirs = resolution.customer.id;
        }
    }
    for round in 0..4 {
        for number in (0..300).step_by(3) {
            let name = if number == 150 {
                format!("Zhongli Wangsun {}", "again ".repeat(round))
            } else {
                format!("p{number} {}", "again ".repeat(round * 3))
            };
            run(&store, upsert(&[&format!("openid-{number}")], name.trim())).await;
        }
    }
    run(&store, upsert(&["openid-150", "openid-7"], "Zhongli Wangsun")).await;
    run(&store, Command::Unmerge(kehub_core::MergeId(1))).await;
    let erased = run(&store, Command::Erase(theirs)).await;
    // The claim that joined them went to the home of openid 150.
    let Outcome::Erased { erased, seq: Some(_) } = erased else { panic!("{erased:?}") };
    assert_eq!(erased.identities.len(), 2);
    assert_eq!(erased.customers.len(), 1);
    // The log goes soon after, while the store is in use.
    while !found_in(folder.path(), "Zhongli").is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    store.close().await.unwrap();
    drop(store);

    for gone in ["Zhongli", "openid-150", "second-150"] {
        assert_eq!(found_in(folder.path(), gone), Vec::<String>::new(), "{gone}");
    }
    assert_eq!(found_in(folder.path(), "openid-151"), ["hub.db"]);
    let store = open().unwrap();
    assert!(store.customer(TENANT, theirs).await.unwrap().is_none());
    let journal = store.journal(TENANT, Seq(0), 10_000).await.unwrap();
    let snapshot = store.snapshot(TENANT).await.unwrap();
    assert_eq!(snapshot.audit(), Vec::<String>::new());
    let policy = Policy::new(Preset::Compat, OnConflict::default());
    assert_eq!(snapshot.replayed(TENANT, policy, journal), snapshot);
}

/// Somebody's identities without a single claim of its own: the log held its text for as long as it
/// pleased.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_forgets_whoever_has_no_claims() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("hub.db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    let tenant = NewTenant { name: "first".into(), preset: Preset::Compat };
    run(&store, Command::CreateTenant(tenant)).await;
    run(&store, upsert(&["openid-1", "second-1"], "Wang")).await;
    let second = IdentitySent {
        kind: "wechat".to_owned(),
        value: "second-1".to_owned(),
        ..IdentitySent::default()
    };
    let extract = Extract { customer: CustomerId(1), identities: vec![second] };
    run(&store, Command::Extract(extract)).await;
    run(&store, Command::Erase(CustomerId(2))).await;
    while !found_in(folder.path(), "second-1").is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    store.close().await.unwrap();
}

/// Nothing is left of it in unused parts of pages either, where SQLite leaves copies of rows that it
/// dealt out anew, and a hub that was killed right after the erasure leaves it to the next one.
#[tokio::test(flavor = "multi_thread")]
async fn erased_data_is_swept_out_of_unused_parts_of_pages() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("hub.db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    let tenant = NewTenant { name: "first".into(), preset: Preset::Compat };
    run(&store, Command::CreateTenant(tenant)).await;
    let mut order: Vec<usize> = (0..600).collect();
    for round in 0..5 {
        // The same order in every run, and another one in every round.
        order.sort_by_key(|person| (person * 7_919 + round * 104_729) % 1_009);
        for person in &order {
            run(&store, person_in_round(*person, round)).await;
        }
    }
    let mut texts = BTreeSet::new();
    for id in (3..=600).step_by(3).map(CustomerId) {
        let customer = store.customer(TENANT, id).await.unwrap().unwrap();
        let name = customer.fold.text(Attribute::Name).unwrap();
        texts.extend(name.split(' ').next().map(str::to_owned));
        run(&store, Command::Erase(id)).await;
    }
    // As if the process had been killed: the copy is taken before anything is closed.
    let killed = tempfile::TempDir::new().unwrap();
    // Whoever reads keeps the log from being emptied between the two copies.
    let reader = rusqlite::Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM hub").unwrap();
    for file in ["hub.db", "hub.db-wal"] {
        std::fs::copy(folder.path().join(file), killed.path().join(file)).unwrap();
    }
    drop(reader);
    forgotten(folder.path(), &texts).await;
    store.close().await.unwrap();
    drop(store);
    assert!(SqliteStore::check(&path, None, CUSTOMERS_AT_ONCE, &Silent).unwrap().is_sound());

    let path = killed.path().join("hub.db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    forgotten(killed.path(), &texts).await;
    store.close().await.unwrap();
    drop(store);
    assert!(SqliteStore::check(&path, None, CUSTOMERS_AT_ONCE, &Silent).unwrap().is_sound());
}

/// Somebody who reads for long keeps the log, and keeps nobody from writing.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_read_keeps_nobody_from_writing_after_an_erasure() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("hub.db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    let tenant = NewTenant { name: "first".into(), preset: Preset::Compat };
    run(&store, Command::CreateTenant(tenant)).await;
    run(&store, upsert(&["openid-1"], "Zhongli")).await;
    let reader = rusqlite::Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let entries: i64 =
        reader.query_row("SELECT count(*) FROM journal", (), |row| row.get(0)).unwrap();
    assert_eq!(entries, 1);
    run(&store, upsert(&["openid-2"], "Wang")).await;
    run(&store, Command::Erase(CustomerId(1))).await;
    let started = Instant::now();
    for number in 3..40 {
        run(&store, upsert(&[&format!("openid-{number}")], "Li")).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    reader.execute_batch("COMMIT").unwrap();
    while !found_in(folder.path(), "Zhongli").is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    store.close().await.unwrap();
}

/// A few values, longer and shorter in every round.
fn person_in_round(person: usize, round: usize) -> Command {
    let name = format!("Zhongli{person:04}");
    let identity = IdentitySent {
        kind: "wechat".to_owned(),
        value: format!("openid-{person}"),
        ..IdentitySent::default()
    };
    let mut upsert = Upsert { identities: vec![identity], ..Upsert::default() };
    let length = (person * 31 + round * 17) % 400;
    for (attribute, text) in [
        (Attribute::Name, format!("{name} {}", "x".repeat(length))),
        (Attribute::Source, format!("{name} {round}")),
        (Attribute::Email, format!("{name}@example{round}.com")),
    ] {
        let value = Some(Value::Text(text.into()));
        upsert.fields.values.insert(FieldKey::Builtin(attribute), value);
    }
    Command::Upsert(upsert)
}

/// Waits until none of these names is in a file of a folder.
async fn forgotten(folder: &Path, names: &BTreeSet<String>) {
    let started = Instant::now();
    loop {
        let left: Vec<String> =
            names_in(folder).into_iter().filter(|name| names.contains(name)).collect();
        if left.is_empty() {
            return;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "{} left", left.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Every `Zhongli` with the four digits behind it.
fn names_in(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let names = bytes.windows(11).filter(|name| name.starts_with(b"Zhongli"));
        found.extend(names.map(|name| String::from_utf8_lossy(name).into_owned()));
    }
    found
}
