//! A power cut may end the write-ahead log anywhere. What is read afterwards must be a prefix of
//! whole groups, at least as long as what had been answered.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use kehub_core::command::{Command, Idempotency, IdentitySent, Origin, Request, Upsert};
use kehub_core::directory::NewTenant;
use kehub_core::filter::Filter;
use kehub_core::outcome::Outcome;
use kehub_core::policy::Preset;
use kehub_core::{AppNumber, TenantId};
use kehub_store::{Batch, Lane, SqliteOptions, SqliteStore, Store};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::fs;
use std::path::Path;

const TENANT: TenantId = TenantId(1);
const GROUPS: usize = 40;
/// Customers in group `n`: a different number in each, so that half a group cannot pass for one.
fn size_of(group: usize) -> usize {
    1 + group % 7
}

fn request(command: Command) -> Request {
    let origin = Origin { app: AppNumber(1), actor: None, request: "test".into(), at: 1 };
    Request { tenant: TENANT, origin, dry_run: false, idempotency: None, command }
}

fn upsert(group: usize, place: usize) -> Request {
    let account = |value: String| IdentitySent {
        kind: "crm-account".to_owned(),
        value,
        name: None,
        scope: None,
    };
    let identities = vec![account(format!("{group}-{place}"))];
    let key = u128::try_from(group * 100 + place).unwrap().to_be_bytes();
    let idempotency = Some(Idempotency { key, request: key });
    let upsert = Command::Upsert(Upsert { identities, ..Upsert::default() });
    Request { idempotency, ..request(upsert) }
}

/// Writes the groups, and answers how long the log was when each had been answered.
async fn write_groups(path: &Path) -> Vec<u64> {
    // Checkpoints are left out: a cut behind one is a state that no power loss leaves.
    let options = SqliteOptions { wal_pages: 0, ..SqliteOptions::default() };
    let store = SqliteStore::open(path, options).unwrap();
    let tenant = NewTenant { name: "first".into(), preset: Preset::Compat };
    store.apply(Batch::one(request(Command::CreateTenant(tenant)))).await.unwrap();
    let log = path.with_extension("db-wal");
    let mut lengths = vec![fs::metadata(&log).unwrap().len()];
    for group in 0..GROUPS {
        let rows = (0..size_of(group)).map(|place| upsert(group, place)).collect();
        store.apply(Batch::new(rows, Lane::Interactive).unwrap()).await.unwrap();
        lengths.push(fs::metadata(&log).unwrap().len());
    }
    // As if the process had been killed: the copy is taken before anything is closed.
    fs::copy(path, path.with_extension("copy")).unwrap();
    fs::copy(&log, path.with_extension("copy-wal")).unwrap();
    store.close().await.unwrap();
    lengths
}

/// How many whole groups a hub holds whose log was cut here.
async fn groups_after_cut(path: &Path, cut: u64) -> usize {
    let folder = tempfile::TempDir::new().unwrap();
    let copy = folder.path().join("hub.db");
    fs::copy(path.with_extension("copy"), &copy).unwrap();
    let log = fs::read(path.with_extension("copy-wal")).unwrap();
    let kept = log.get(..usize::try_from(cut).unwrap()).unwrap();
    fs::write(copy.with_extension("db-wal"), kept).unwrap();
    let store = SqliteStore::open(&copy, SqliteOptions::default()).unwrap();
    let snapshot = store.snapshot(TENANT).await.unwrap();
    assert_eq!(snapshot.audit(), Vec::<String>::new());
    let mut rows = snapshot.customers.len();
    assert_eq!(snapshot.identities.len(), rows);
    ask_again(&store, rows).await;
    let mut groups = 0;
    while rows > 0 {
        assert!(rows >= size_of(groups), "group {groups} is there by half");
        rows -= size_of(groups);
        groups += 1;
    }
    groups
}

/// Whoever got no answer asks again under the same key: what is there is there with its receipt.
async fn ask_again(store: &SqliteStore, rows: usize) {
    let group = |group| (0..size_of(group)).map(move |place| upsert(group, place));
    let requests = (0..GROUPS).flat_map(group).collect();
    let outcomes = store.apply(Batch::new(requests, Lane::Interactive).unwrap()).await.unwrap();
    let repeated = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Repeated(_)));
    assert_eq!(repeated.count(), rows);
    let count = store.customer_count(TENANT, &Filter::default()).await.unwrap();
    assert_eq!(usize::try_from(count), Ok(outcomes.len()));
}

#[test]
fn a_log_cut_anywhere_leaves_whole_groups_and_all_that_were_answered() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("hub.db");
    let lengths = runtime.block_on(write_groups(&path));
    let longest = *lengths.last().unwrap();
    let shortest = *lengths.first().unwrap();
    let mut runner = TestRunner::new(Config { cases: 120, ..Config::default() });
    let run = |cut| {
        let answered = lengths.iter().filter(|length| **length <= cut).count() - 1;
        let found = runtime.block_on(groups_after_cut(&path, cut));
        prop_assert_eq!(found, answered, "cut at {}", cut);
        Ok(())
    };
    runner.run(&(shortest..=longest), run).unwrap();
}
