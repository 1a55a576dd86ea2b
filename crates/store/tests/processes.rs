//! Several processes at one file, such as the command line beside a running server: each sees
//! what the others have written, and none of them loses a write. A second store stands for a
//! second process: it shares nothing with the first but the file.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that panics has failed, and says where"
)]

use kehub_core::command::{Command, IdentitySent, Origin, Request, SetPolicy, Upsert};
use kehub_core::directory::NewTenant;
use kehub_core::outcome::{IdentityVerdict, Outcome, Resolution, ResultKind};
use kehub_core::policy::{OnConflict, Preset, Setting, TypeChange};
use kehub_core::{AppNumber, CustomerId, Seq, TenantId};
use kehub_store::{Batch, Lane, SqliteOptions, SqliteStore, Store, StoreError};
use rusqlite::Connection;
use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tempfile::TempDir;
use tokio::task::JoinSet;

const TENANT: TenantId = TenantId(1);
const OTHER: TenantId = TenantId(2);

struct Hub {
    path: PathBuf,
    _folder: TempDir,
}

impl Hub {
    /// A file with two tenants.
    async fn new() -> Hub {
        let folder = TempDir::new().unwrap();
        let hub = Hub { path: folder.path().join("hub.db"), _folder: folder };
        let store = hub.process();
        for (tenant, name) in [(TENANT, "first"), (OTHER, "second")] {
            let new = NewTenant { name: name.into(), preset: Preset::Compat };
            let outcome = run(&store, request(TENANT, Command::CreateTenant(new))).await;
            assert!(matches!(outcome, Outcome::Tenant(made) if made.id == tenant));
        }
        store.close().await.unwrap();
        hub
    }

    fn process(&self) -> Arc<SqliteStore> {
        self.process_with(SqliteOptions::default())
    }

    fn process_with(&self, options: SqliteOptions) -> Arc<SqliteStore> {
        Arc::new(SqliteStore::open(&self.path, options).unwrap())
    }

    /// Keeps every writer waiting until it is dropped.
    fn held(&self) -> Held {
        let conn = Connection::open(&self.path).unwrap();
        conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        Held { conn }
    }
}

struct Held {
    conn: Connection,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.conn.execute_batch("ROLLBACK").unwrap();
    }
}

fn request(tenant: TenantId, command: Command) -> Request {
    let origin = Origin { app: AppNumber(1), actor: None, request: "test".into(), at: 1 };
    Request { tenant, origin, dry_run: false, idempotency: None, command }
}

fn upsert(tenant: TenantId, identities: &[(&str, &str)]) -> Request {
    let sent = |(kind, value): &(&str, &str)| IdentitySent {
        kind: (*kind).to_owned(),
        value: (*value).to_owned(),
        ..IdentitySent::default()
    };
    let identities = identities.iter().map(sent).collect();
    request(tenant, Command::Upsert(Upsert { identities, ..Upsert::default() }))
}

async fn run(store: &SqliteStore, request: Request) -> Outcome {
    store.apply(Batch::one(request)).await.unwrap().remove(0)
}

async fn resolve(store: &SqliteStore, identities: &[(&str, &str)]) -> Resolution {
    match run(store, upsert(TENANT, identities)).await {
        Outcome::Resolved(resolution) => *resolution,
        other => panic!("not resolved: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_another_process_are_seen_by_the_next_group() {
    let hub = Hub::new().await;
    let (server, cli) = (hub.process(), hub.process());
    resolve(&server, &[("crm", "1")]).await;
    // A group that adds no type is one after which the types are remembered.
    for process in [&server, &cli] {
        let known = resolve(process, &[("crm", "1")]).await;
        assert_eq!(known.result, ResultKind::Unchanged);
    }
    resolve(&cli, &[("crm", "1"), ("wechat", "o1")]).await;
    let found = resolve(&server, &[("wechat", "o1"), ("mobile", "13800000001")]).await;
    assert_eq!((found.result, found.customer.id), (ResultKind::Updated, CustomerId(1)));
    let found = resolve(&cli, &[("Mobile ", "138-0000-0001")]).await;
    assert_eq!((found.result, found.customer.id), (ResultKind::Unchanged, CustomerId(1)));
    let types = server.snapshot(TENANT).await.unwrap().types;
    let names: Vec<(u16, &str)> = types.iter().map(|it| (it.number.0, &*it.name)).collect();
    assert_eq!(names, [(1, "crm"), (2, "wechat"), (3, "mobile")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_set_by_another_process_rules_the_next_group() {
    let hub = Hub::new().await;
    let (server, cli) = (hub.process(), hub.process());
    resolve(&server, &[("wechat", "o1")]).await;
    resolve(&server, &[("mobile", "13800000001")]).await;
    let keep = SetPolicy { on_conflict: Some(OnConflict::Keep), ..SetPolicy::default() };
    run(&cli, request(TENANT, Command::SetPolicy(keep))).await;
    let kept = resolve(&server, &[("wechat", "o1"), ("mobile", "13800000001")]).await;
    assert_eq!((kept.merged, kept.conflicts.len()), (vec![], 1));
    let tenants = server.directory().await.unwrap().tenants;
    let choices: Vec<OnConflict> = tenants.iter().map(|tenant| tenant.on_conflict).collect();
    assert_eq!(choices, [OnConflict::Keep, OnConflict::Merge]);
    let entries = server.journal(TENANT, Seq(0), 10).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.policy).collect::<Vec<_>>(), [1, 1, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_sets_for_a_type_rules_the_next_group() {
    let hub = Hub::new().await;
    let (server, cli) = (hub.process(), hub.process());
    resolve(&server, &[("wechat", "o1"), ("mobile", "13800000001")]).await;
    // After this group the types are remembered.
    resolve(&server, &[("wechat", "o1"), ("mobile", "13800000001")]).await;
    let blocked = Setting::Value(vec!["*0002".to_owned()]);
    let change = TypeChange { blocked, ..TypeChange::default() };
    let types = vec![("mobile".to_owned(), change)];
    let set = SetPolicy { types, ..SetPolicy::default() };
    run(&cli, request(TENANT, Command::SetPolicy(set))).await;
    let met = resolve(&server, &[("wechat", "o1"), ("mobile", "13800000002")]).await;
    assert_eq!(met.identities[1].verdict, IdentityVerdict::Blocked);
    let of = async |store: &SqliteStore| store.policy(TENANT).await.unwrap();
    assert_eq!(of(&server).await, of(&cli).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_given_out_by_another_process_are_not_given_out_again() {
    let hub = Hub::new().await;
    let (server, cli) = (hub.process(), hub.process());
    for number in 0..6_i64 {
        let process = if number % 2 == 0 { &server } else { &cli };
        let made = resolve(process, &[("crm", &format!("p{number}"))]).await;
        assert_eq!((made.customer.id, made.seq), (CustomerId(number + 1), Some(Seq(number + 1))));
    }
    // A counter that is moved by hand counts, too: nothing is remembered from the last group.
    let by_hand = "UPDATE tenant SET last_customer = 100 WHERE id = 1";
    Connection::open(&hub.path).unwrap().execute_batch(by_hand).unwrap();
    assert_eq!(resolve(&server, &[("crm", "later")]).await.customer.id, CustomerId(101));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_write_at_once_lose_nothing() {
    const EACH: usize = 300;
    let hub = Hub::new().await;
    let processes = [hub.process(), hub.process()];
    let mut running = JoinSet::new();
    for number in 0..EACH {
        for (place, process) in processes.iter().enumerate() {
            let (store, value) = (Arc::clone(process), format!("p{number}"));
            let own = format!("own-{place}");
            running.spawn(async move { resolve(&store, &[("crm", &value), (&own, &value)]).await });
        }
    }
    let results = running.join_all().await;
    let created = results.iter().filter(|it| it.result == ResultKind::Created).count();
    assert_eq!(created, EACH);
    let snapshot = processes[0].snapshot(TENANT).await.unwrap();
    assert_eq!(snapshot.audit(), Vec::<String>::new());
    assert_eq!(snapshot.customers.len(), EACH);
    assert_eq!(snapshot.identities.len(), 3 * EACH);
    let entries = processes[1].journal(TENANT, Seq(0), 10_000).await.unwrap();
    let last = i64::try_from(entries.len()).unwrap();
    assert!(entries.iter().map(|entry| entry.seq.0).eq(1..=last));
}

/// Lets a call begin, as far as it comes without waiting.
async fn begin<F: Future + Unpin>(call: &mut F) -> Option<F::Output> {
    poll_fn(|context| {
        Poll::Ready(match Pin::new(&mut *call).poll(context) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        })
    })
    .await
}

type Call<'s> = Pin<Box<dyn Future<Output = Result<Vec<Outcome>, StoreError>> + Send + 's>>;

/// Sends batches of one request until one is refused; how many wait now, and their calls.
async fn fill(store: &SqliteStore, tenant: TenantId) -> Vec<Call<'_>> {
    let mut waiting = Vec::new();
    loop {
        let mut call = store.apply(Batch::one(upsert(tenant, &[("crm", "1")])));
        match begin(&mut call).await {
            None => waiting.push(call),
            Some(Err(StoreError::QueueFull)) => return waiting,
            Some(other) => panic!("neither waiting nor refused: {other:?}"),
        }
    }
}

/// A store with room for eight, whose writer waits for another process with one request in hand.
async fn stuck(hub: &Hub) -> (Arc<SqliteStore>, Held) {
    let options = SqliteOptions { queue_requests: 8, ..SqliteOptions::default() };
    let (store, held) = (hub.process_with(options), hub.held());
    let first = Arc::clone(&store);
    let mut call = Box::pin(async move {
        let batch = Batch::one(upsert(TENANT, &[("crm", "1")]));
        first.apply(batch).await
    });
    assert!(begin(&mut call).await.is_none());
    // Nobody needs its answer: it is written all the same.
    drop(call);
    while store.gauges().queue_depth > 0 {
        tokio::task::yield_now().await;
    }
    (store, held)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenant_leaves_a_quarter_of_the_queue_to_the_others() {
    let hub = Hub::new().await;
    let (store, held) = stuck(&hub).await;
    let theirs = fill(&store, TENANT).await;
    assert_eq!(theirs.len(), 6);
    let others = fill(&store, OTHER).await;
    assert_eq!(others.len(), 2);
    assert_eq!(store.gauges().queue_depth, 8);
    drop(held);
    for call in theirs.into_iter().chain(others) {
        call.await.unwrap();
    }
    // Room again, for everybody.
    assert_eq!(store.gauges().queue_depth, 0);
    resolve(&store, &[("crm", "2")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_another_process_is_written_in_one_group_afterwards() {
    let hub = Hub::new().await;
    let (store, held) = stuck(&hub).await;
    let calls = fill(&store, TENANT).await;
    drop(held);
    for call in calls {
        call.await.unwrap();
    }
    // The request that was in hand, and then all the others together.
    let gauges = store.gauges();
    assert_eq!(gauges.grouped_total, 7);
    assert!(gauges.groups_total <= 2, "{gauges:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_an_answer_goes_before_an_import() {
    let hub = Hub::new().await;
    let (store, held) = stuck(&hub).await;
    let bulk = vec![upsert(OTHER, &[("crm", "bulk")])];
    let mut import = store.apply(Batch::new(bulk, Lane::Bulk).unwrap());
    assert!(begin(&mut import).await.is_none());
    let mut asked = store.apply(Batch::one(upsert(OTHER, &[("crm", "asked")])));
    assert!(begin(&mut asked).await.is_none());
    drop(held);
    asked.await.unwrap();
    import.await.unwrap();
    let customers = store.identities_named(OTHER, None, "asked").await.unwrap();
    assert_eq!(customers.iter().map(|it| it.owner).collect::<Vec<_>>(), [CustomerId(1)]);
}
