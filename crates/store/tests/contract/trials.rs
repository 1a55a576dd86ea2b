//! Trials: what they tell is what then comes, and the store stays as it is.

use crate::model::{any_command, any_policy, any_upsert};
use crate::support::{Rig, TENANT, fields, identity, upsert};
use kehub_core::attribute::Attribute;
use kehub_core::command::{Command, IdentitySent, Origin, Put, Request, SetPolicy, Upsert};
use kehub_core::directory::NewTenant;
use kehub_core::filter::Filter;
use kehub_core::limits::CARRIERS_MAX;
use kehub_core::outcome::{Outcome, Resolution, ResultKind};
use kehub_core::policy::Preset;
use kehub_core::{CustomerId, TenantId};
use kehub_store::{PageRequest, Place, StoreError, Survey, Trial};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::fs;
use tempfile::TempDir;

/// What a store has been through, and then perhaps other rules, and upserts, again and again.
type Tried = (Vec<Command>, Vec<(Option<SetPolicy>, Vec<Upsert>)>);

fn any_tried() -> impl Strategy<Value = Tried> {
    let upserts = prop::collection::vec(any_upsert(), 1..8);
    let step = (prop::option::weighted(0.2, any_policy()), upserts);
    (prop::collection::vec(any_command(), 0..40), prop::collection::vec(step, 1..6))
}

/// Whose requests they are, at the next moment.
fn origin(rig: &Rig) -> Origin {
    rig.request(TENANT, Command::Probe).origin
}

/// Upserts that arrive at one moment.
fn of(origin: &Origin, upserts: Vec<Upsert>) -> Vec<(Origin, Upsert)> {
    upserts.into_iter().map(|upsert| (origin.clone(), upsert)).collect()
}

/// What came of commands that were applied, as a trial would have told it.
async fn applied(
    rig: &Rig,
    origin: &Origin,
    commands: impl Iterator<Item = Command>,
) -> Vec<Outcome> {
    let request = |command| Request { origin: origin.clone(), ..rig.request(TENANT, command) };
    let requests: Vec<Request> = commands.map(request).collect();
    if requests.is_empty() {
        return Vec::new();
    }
    let outcomes = rig.batch(requests).await;
    outcomes.into_iter().map(Outcome::withdrawn).collect()
}

async fn told((past, steps): &Tried, rig: &Rig) {
    for command in past {
        rig.run(TENANT, command.clone()).await;
    }
    let before = rig.store.snapshot(TENANT).await.unwrap();
    let mut trial = rig.own_trial().await;
    let newest = PageRequest::newest(3);
    let newest = rig.store.customers(TENANT, &Filter::default(), &newest).await.unwrap();
    assert_eq!(trial.newest(3).await.unwrap(), newest.customers);
    let (mut moments, mut expected) = (Vec::new(), Vec::new());
    for (change, upserts) in steps {
        let origin = origin(rig);
        let mut told = Vec::new();
        if let Some(change) = change {
            told.push(trial.set_policy(origin.clone(), change.clone()).await.unwrap());
        }
        told.extend(trial.upserts(of(&origin, upserts.clone())).await.unwrap());
        moments.push(origin);
        expected.push(told);
    }
    drop(trial);
    assert_eq!(rig.store.snapshot(TENANT).await.unwrap(), before);
    for ((change, upserts), (origin, expected)) in steps.iter().zip(moments.iter().zip(expected)) {
        let change = change.iter().cloned().map(Command::SetPolicy);
        let mut found = applied(rig, origin, change).await;
        found.extend(applied(rig, origin, upserts.iter().cloned().map(Command::Upsert)).await);
        assert_eq!(found, expected, "{upserts:?}");
    }
}

fn told_of_anything(engine: impl AsyncFn() -> Rig) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 64, ..Config::default() });
    let run = |tried: Tried| {
        runtime.block_on(async { told(&tried, &engine().await).await });
        Ok(())
    };
    runner.run(&any_tried(), run).unwrap();
}

#[test]
fn a_trial_tells_what_comes_of_memory() {
    told_of_anything(Rig::memory);
}

#[test]
fn a_trial_tells_what_comes_of_a_file() {
    told_of_anything(Rig::sqlite);
}

#[test]
fn a_trial_tells_what_comes_of_a_database() {
    told_of_anything(Rig::postgres);
}

#[test]
fn a_trial_tells_what_comes_of_a_cluster() {
    told_of_anything(Rig::cluster);
}

fn sent(kind: &str, value: String, shown: &[(&str, &str)]) -> Upsert {
    let identity = IdentitySent { kind: kind.to_owned(), value, ..IdentitySent::default() };
    Upsert { identities: vec![identity], fields: fields(shown), ..Upsert::default() }
}

/// More customers show a number than a batch looks at, and the trial takes the first ones of them away:
/// who comes behind them is found all the same.
async fn finds_who_stands_behind_a_crowd(rig: &Rig) {
    const CROWD: usize = 3 * CARRIERS_MAX;
    let hotline = [("mobile", "13900000001"), ("email", "all@example.com")];
    let commands = (0..CROWD).map(|number| Command::Upsert(sent("card", number.to_string(), &[])));
    applied(rig, &origin(rig), commands).await;
    let commands = (1..)
        .take(CROWD)
        .map(|id| Command::Put(Put { customer: CustomerId(id), fields: fields(&hotline) }));
    applied(rig, &origin(rig), commands).await;

    let mut trial = rig.trial("first").await.unwrap();
    let mut steps: Vec<Vec<Upsert>> = Vec::new();
    for number in 0..CROWD - 1 {
        // Some go alone, some with others, and some are looked for before they are gone.
        let own = [("mobile", format!("1370000{number:04}")), ("email", format!("{number}@a.cn"))];
        let own = own.each_ref().map(|(name, text)| (*name, text.as_str()));
        steps.push(vec![sent("card", number.to_string(), &own)]);
        if number % 50 == 49 {
            steps.push(vec![sent("shop", format!("by mobile {number}"), &hotline[..1])]);
            steps.push(vec![sent("shop", format!("by e-mail {number}"), &hotline[1..])]);
        }
    }
    let all: Vec<Upsert> = hotline
        .iter()
        .map(|it| Upsert { fields: fields(&[*it, ("name", "Wang")]), ..Upsert::default() })
        .collect();
    steps.push(all);
    let mut last = Vec::new();
    for upserts in &steps {
        let origin = origin(rig);
        let expected = trial.upserts(of(&origin, upserts.clone())).await.unwrap();
        let found = applied(rig, &origin, upserts.iter().cloned().map(Command::Upsert)).await;
        assert_eq!(found, expected, "{upserts:?}");
        last = found;
    }
    let ids: Vec<CustomerId> = last.iter().map(|it| resolved(it).customer.id).collect();
    assert!(ids.iter().all(|id| id.0 <= i64::try_from(CROWD).unwrap()), "{ids:?}");
}

fn resolved(outcome: &Outcome) -> &Resolution {
    match outcome {
        Outcome::Resolved(resolution) => resolution,
        other => panic!("not resolved: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_of_a_file_finds_who_stands_behind_a_crowd() {
    finds_who_stands_behind_a_crowd(&Rig::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_of_a_database_finds_who_stands_behind_a_crowd() {
    finds_who_stands_behind_a_crowd(&Rig::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_of_a_cluster_finds_who_stands_behind_a_crowd() {
    finds_who_stands_behind_a_crowd(&Rig::cluster().await).await;
}

/// Others write while a trial lasts; it tells of the moment at which it began.
async fn is_of_its_moment(rig: &Rig) {
    rig.upsert(&["a1", "m1"], &[("name", "Wang")]).await;
    let mut trial = rig.trial("first").await.unwrap();
    rig.upsert(&["a2"], &[("name", "Li")]).await;
    rig.upsert(&["o1", "m1"], &[]).await;
    let (origin, one) = (origin(rig), upsert_of(&["a2"]));
    let two = upsert_of(&["o1", "a1"]);
    let outcomes = trial.upserts(of(&origin, vec![one, two])).await.unwrap();
    let results: Vec<_> = outcomes.iter().map(|it| resolved(it).result).collect();
    assert_eq!(results, [ResultKind::Created, ResultKind::Updated]);
    let ids: Vec<CustomerId> = outcomes.iter().map(|it| resolved(it).customer.id).collect();
    assert_eq!(ids.iter().map(|id| trial.is_new(*id)).collect::<Vec<_>>(), [true, false]);
    rig.upsert(&["a3"], &[]).await;
    assert_eq!(rig.store.check(None).await.unwrap().findings, []);
}

fn upsert_of(words: &[&str]) -> Upsert {
    let identities = words.iter().map(|word| identity(word)).collect();
    Upsert { identities, ..Upsert::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_of_a_file_is_of_its_moment() {
    is_of_its_moment(&Rig::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_of_a_database_is_of_its_moment() {
    is_of_its_moment(&Rig::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_of_a_cluster_is_of_its_moment() {
    is_of_its_moment(&Rig::cluster().await).await;
}

pub(crate) async fn a_trial_of_a_store_is_of_its_moment(rig: &Rig) {
    rig.upsert(&["a1", "m1"], &[("name", "Wang")]).await;
    let mut trial = rig.own_trial().await;
    rig.upsert(&["a2"], &[("name", "Li")]).await;
    let outcomes =
        trial.upserts(of(&origin(rig), vec![upsert_of(&["a2"]), upsert_of(&["a1"])])).await;
    let outcomes = outcomes.unwrap();
    let results: Vec<_> = outcomes.iter().map(|it| resolved(it).result).collect();
    assert_eq!(results, [ResultKind::Created, ResultKind::Unchanged]);
    drop(trial);
    let found = rig.customer(2).await.unwrap();
    assert_eq!(found.fold.text(Attribute::Name), Some("Li"));
    assert!(rig.customer(3).await.is_none());
    assert!(rig.store.trial(TenantId(9)).await.unwrap().is_none());
    rig.store.close().await.unwrap();
    assert!(rig.store.trial(TENANT).await.is_err());
}

/// A trial takes the place of a walk, until it is dropped.
async fn are_so_many_at_a_time(rig: &Rig) {
    let mut trials = Vec::new();
    let refused = loop {
        match rig.store.trial(TENANT).await {
            Ok(trial) => trials.push(trial.unwrap()),
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, StoreError::NotApplied(_)), "{refused}");
    let everybody = Filter::default();
    let walk = || rig.store.walk(TENANT, &everybody, Survey::Count);
    assert!(walk().await.is_err());
    trials.pop().unwrap();
    assert!(walk().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn trials_of_a_file_are_so_many_at_a_time() {
    are_so_many_at_a_time(&Rig::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trials_of_a_database_are_so_many_at_a_time() {
    are_so_many_at_a_time(&Rig::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_leaves_a_file_as_it_is() {
    let rig = Rig::sqlite().await;
    rig.upsert(&["a1", "m1"], &[("name", "Wang")]).await;
    rig.store.close().await.unwrap();
    let path = rig.file();
    let before = fs::read(&path).unwrap();
    let mut trial = rig.trial("first").await.unwrap();
    let origin = origin(&rig);
    let upserts = (0..1_000).map(|number| sent("card", number.to_string(), &[])).collect();
    let outcomes = trial.upserts(of(&origin, upserts)).await.unwrap();
    assert_eq!(outcomes.len(), 1_000);
    assert!(trial.bytes().await.unwrap() > 0);
    drop(trial);
    assert!(fs::read(&path).unwrap() == before);
    // Who can only read a file leaves its log beside it: with nothing in it.
    for entry in fs::read_dir(path.parent().unwrap()).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        assert!(["hub.db", "hub.db-shm", "hub.db-wal"].contains(&&*name), "{name}");
        assert!(!name.ends_with("-wal") || entry.metadata().unwrap().len() == 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_begins_only_where_there_is_a_tenant() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("none.db");
    assert!(Trial::begin(Place::Sqlite(&path), "first").await.unwrap().is_none());
    assert!(!path.exists());
    let (file, database) = (Rig::sqlite().await, Rig::postgres().await);
    assert!(file.trial("second").await.is_none());
    assert!(database.trial("second").await.is_none());
    let empty = kehub_store::TestDatabase::new().await;
    assert!(Trial::begin(Place::Postgres(&empty.url()), "first").await.unwrap().is_none());

    let new = NewTenant { name: "first".into(), preset: Preset::Guarded };
    let mut trial = Trial::of_new(new).await.unwrap();
    assert_eq!(trial.policy().preset, Preset::Guarded);
    let origin = origin(&file);
    let one = upsert_of(&["a1", "m1"]);
    for expected in [ResultKind::Created, ResultKind::Unchanged] {
        let outcomes = trial.upserts(of(&origin, vec![one.clone()])).await.unwrap();
        assert_eq!(outcomes.iter().map(|it| resolved(it).result).collect::<Vec<_>>(), [expected]);
    }
    // The rule of the preset, as in any store.
    let outcomes = trial.upserts(of(&origin, vec![upsert_of(&["a2", "m1"])])).await.unwrap();
    assert!(resolved(&outcomes[0]).conflicts.iter().any(|conflict| conflict.new));
    let Command::Upsert(named) = upsert(&["a1"], &[("name", "Wang")]) else { unreachable!() };
    let outcomes = trial.upserts(of(&origin, vec![named])).await.unwrap();
    assert_eq!(resolved(&outcomes[0]).result, ResultKind::Updated);
}
