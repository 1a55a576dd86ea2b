//! Requests that come with an idempotency key.

use crate::support::{Rig, TENANT, fields, identity, resolution, upsert};
use kehub_core::command::{Attach, Command, Idempotency, Put, Request, SetPolicy};
use kehub_core::directory::{AppChange, Permission};
use kehub_core::filter::Filter;
use kehub_core::limits::RECEIPT_LIFE_MICROS;
use kehub_core::outcome::{IdentityVerdict, Outcome, Refusal, ResultKind};
use kehub_core::policy::{OnConflict, Preset};
use kehub_core::receipt::{Receipt, Remembered, RememberedResolution};
use kehub_core::{AppNumber, CustomerId, Seq, TenantId};
use kehub_store::Batch;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// A request under a key.
pub(crate) fn keyed(rig: &Rig, tenant: TenantId, key: u8, command: Command) -> Request {
    let mut asked = DefaultHasher::new();
    format!("{command:?}").hash(&mut asked);
    let request = u128::from(asked.finish()).to_be_bytes();
    let idempotency = Some(Idempotency { key: [key; 16], request });
    Request { idempotency, ..rig.request(tenant, command) }
}

async fn send(rig: &Rig, request: Request) -> Outcome {
    rig.store.apply(Batch::one(request)).await.unwrap().remove(0)
}

async fn run(rig: &Rig, key: u8, command: Command) -> Outcome {
    send(rig, keyed(rig, TENANT, key, command)).await
}

fn receipt(outcome: Outcome) -> Receipt {
    match outcome {
        Outcome::Repeated(receipt) => *receipt,
        other => panic!("not a repeat: {other:?}"),
    }
}

fn remembered(outcome: Outcome) -> RememberedResolution {
    match receipt(outcome).outcome {
        Remembered::Resolved(resolution) => resolution,
        other => panic!("not a resolution: {other:?}"),
    }
}

pub(crate) async fn a_request_sent_again_under_its_key_is_answered_without_doing_it_again(
    rig: &Rig,
) {
    let command = upsert(&["a1", "m1", "x0"], &[("name", "Wang")]);
    let first = resolution(run(rig, 1, command.clone()).await);
    assert_eq!(first.result, ResultKind::Created);
    // What has happened since does not count.
    rig.upsert(&["a1"], &[("name", "Li")]).await;
    let before = rig.store.snapshot(TENANT).await.unwrap();
    for _ in 0..3 {
        let again = receipt(run(rig, 1, command.clone()).await);
        assert_eq!((again.seq, again.at), (Seq(1), 2_000_000));
        let Remembered::Resolved(again) = again.outcome else { panic!("{again:?}") };
        assert_eq!((again.result, again.customer), (ResultKind::Created, CustomerId(1)));
        assert_eq!((again.seq, &again.warnings), (Some(Seq(1)), &first.warnings));
        let told = again.identities.iter().map(|(number, verdict, _)| (*number, *verdict));
        let answered = first.identities.iter().map(|it| (it.number, it.verdict));
        assert!(told.eq(answered));
    }
    assert_eq!(rig.store.snapshot(TENANT).await.unwrap(), before);
    assert_eq!(rig.store.journal(TENANT, Seq(0), 10).await.unwrap().len(), 2);
}

pub(crate) async fn every_command_that_a_key_can_come_with_is_remembered(rig: &Rig) {
    rig.upsert(&["a1"], &[("name", "Wang")]).await;
    let one = CustomerId(1);
    let create = AppChange::Create {
        id: "cl0123456789abcde".into(),
        name: "shop".into(),
        secret_hash: [1; 32],
        permissions: vec![Permission::CustomersRead],
    };
    let guarded = SetPolicy { preset: Some(Preset::Guarded), ..SetPolicy::default() };
    let commands = [
        upsert(&["a1", "m1"], &[]),
        Command::Put(Put { customer: one, fields: fields(&[("name", "Li")]) }),
        Command::Attach(Attach { customer: one, identity: identity("o1") }),
        Command::SetPolicy(guarded),
        Command::ChangeApp(create),
        Command::Delete(one),
    ];
    for (key, command) in (1..).zip(&commands) {
        let first = run(rig, key, command.clone()).await;
        assert!(!matches!(first, Outcome::Refused(_) | Outcome::Repeated(_)), "{first:?}");
    }
    let before = rig.store.directory().await.unwrap();
    let mut again = Vec::new();
    for (key, command) in (1..).zip(&commands) {
        again.push(receipt(run(rig, key, command.clone()).await));
    }
    assert_eq!(again.iter().map(|receipt| receipt.seq.0).collect::<Vec<_>>(), [2, 3, 4, 5, 5, 6]);
    let mut again = again.into_iter().map(|receipt| receipt.outcome);
    for (tells_before, verdicts) in [(false, 2), (true, 0), (false, 1)] {
        let Some(Remembered::Resolved(it)) = again.next() else { panic!("no resolution") };
        assert_eq!(
            (it.tells_before, it.identities.len(), it.customer),
            (tells_before, verdicts, one)
        );
    }
    let Some(Remembered::Policy(policy)) = again.next() else { panic!("no policy") };
    assert_eq!((policy.preset, policy.on_conflict), (Preset::Guarded, OnConflict::Merge));
    let app = Remembered::App { number: AppNumber(1), created: true };
    assert_eq!(again.collect::<Vec<_>>(), [app, Remembered::Deleted(one)]);
    assert_eq!(rig.store.directory().await.unwrap(), before);
}

pub(crate) async fn another_request_under_a_used_key_is_refused(rig: &Rig) {
    run(rig, 1, upsert(&["a1"], &[])).await;
    let other = run(rig, 1, upsert(&["a2"], &[])).await;
    assert_eq!(other, Outcome::Refused(Refusal::KeyReused));
    let other = run(rig, 1, Command::Delete(CustomerId(1))).await;
    assert_eq!(other, Outcome::Refused(Refusal::KeyReused));
    // Nor does the refusal take the place of what the key stands for.
    assert_eq!(remembered(run(rig, 1, upsert(&["a1"], &[])).await).customer, CustomerId(1));
    assert_eq!(rig.store.customer_count(TENANT, &Filter::default()).await.unwrap(), 1);
}

pub(crate) async fn a_key_belongs_to_its_app_and_its_tenant(rig: &Rig) {
    let second = rig.tenant("second", Preset::Compat).await;
    let by = async |app: u32, tenant: TenantId, word: &str| {
        let mut request = keyed(rig, tenant, 1, upsert(&[word], &[]));
        request.origin.app = AppNumber(app);
        send(rig, request).await
    };
    for (app, tenant, word) in [(1, TENANT, "a1"), (2, TENANT, "a2"), (1, second, "a3")] {
        assert_eq!(resolution(by(app, tenant, word).await).result, ResultKind::Created, "{word}");
    }
    for (app, tenant, word) in [(1, TENANT, "a1"), (2, TENANT, "a2"), (1, second, "a3")] {
        assert!(matches!(by(app, tenant, word).await, Outcome::Repeated(_)), "{word}");
    }
    assert_eq!(by(2, TENANT, "a1").await, Outcome::Refused(Refusal::KeyReused));
}

pub(crate) async fn equal_requests_of_one_group_share_one_key(rig: &Rig) {
    let request = |word: &str| keyed(rig, TENANT, 1, upsert(&[word], &[("name", "Wang")]));
    let outcomes = rig.batch(vec![request("a1"), request("a1"), request("a2")]).await;
    let mut outcomes = outcomes.into_iter();
    assert_eq!(resolution(outcomes.next().unwrap()).customer.id, CustomerId(1));
    assert_eq!(remembered(outcomes.next().unwrap()).result, ResultKind::Created);
    assert_eq!(outcomes.next().unwrap(), Outcome::Refused(Refusal::KeyReused));
    assert_eq!(rig.store.journal(TENANT, Seq(0), 10).await.unwrap().len(), 1);
}

pub(crate) async fn equal_requests_at_once_under_one_key_apply_once(rig: &Rig) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..64 {
        // Without anything to be found by, each of them would create a customer.
        let command = upsert(&[], &[("name", "Wang")]);
        let (store, request) = (rig.store.clone(), keyed(rig, TENANT, 1, command));
        tasks.spawn(async move { store.apply(Batch::one(request)).await.unwrap().remove(0) });
    }
    let outcomes = tasks.join_all().await;
    let done = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Resolved(_))).count();
    let again = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Repeated(_))).count();
    assert_eq!((done, again), (1, 63));
    assert_eq!(rig.store.customer_count(TENANT, &Filter::default()).await.unwrap(), 1);
}

pub(crate) async fn a_dry_run_looks_at_no_key(rig: &Rig) {
    let command = upsert(&["a1"], &[]);
    let dry = || Request { dry_run: true, ..keyed(rig, TENANT, 1, command.clone()) };
    assert_eq!(resolution(send(rig, dry()).await).result, ResultKind::Created);
    assert_eq!(resolution(run(rig, 1, command.clone()).await).result, ResultKind::Created);
    assert_eq!(resolution(send(rig, dry()).await).result, ResultKind::Unchanged);
    assert_eq!(remembered(run(rig, 1, command).await).result, ResultKind::Created);
}

pub(crate) async fn a_refusal_is_not_remembered(rig: &Rig) {
    let put = Command::Put(Put { customer: CustomerId(1), fields: fields(&[("name", "Li")]) });
    let refused = run(rig, 1, put.clone()).await;
    assert_eq!(refused, Outcome::Refused(Refusal::CustomerMissing(CustomerId(1))));
    rig.upsert(&["a1"], &[]).await;
    assert_eq!(resolution(run(rig, 1, put.clone()).await).result, ResultKind::Updated);
    assert_eq!(remembered(run(rig, 1, put).await).result, ResultKind::Updated);
}

pub(crate) async fn a_key_is_forgotten_after_a_day(rig: &Rig) {
    let command = upsert(&[], &[("name", "Wang")]);
    let at = async |micros: i64| {
        let mut request = keyed(rig, TENANT, 1, command.clone());
        request.origin.at = micros;
        send(rig, request).await
    };
    let first = 5_000_000;
    assert_eq!(resolution(at(first).await).customer.id, CustomerId(1));
    let last = first + RECEIPT_LIFE_MICROS - 1;
    assert!(matches!(at(last).await, Outcome::Repeated(_)));
    // The key means something new from here on, and for a day again.
    assert_eq!(resolution(at(last + 1).await).customer.id, CustomerId(2));
    let again = remembered(at(last + RECEIPT_LIFE_MICROS).await);
    assert_eq!(again.customer, CustomerId(2));
}

pub(crate) async fn what_is_remembered_holds_no_content(rig: &Rig) {
    let command = upsert(&["m1", "e1"], &[("name", "王小明"), ("mobile", "13900000001")]);
    run(rig, 1, command.clone()).await;
    let printed = format!("{:?}", receipt(run(rig, 1, command).await));
    for text in ["王小明", "13900000001", &identity("m1").value, &identity("e1").value] {
        assert!(!printed.contains(text), "{printed}");
    }
    assert!(printed.contains(&format!("{:?}", IdentityVerdict::Created)), "{printed}");
}

/// Two for each that comes, and a few with every group.
#[tokio::test(flavor = "multi_thread")]
async fn expired_rows_go_in_small_steps() {
    let rig = Rig::sqlite().await;
    let group = |keys: std::ops::Range<u8>, at: i64| {
        let request = |key| {
            let mut request = keyed(&rig, TENANT, key, upsert(&["a1"], &[]));
            request.origin.at = at;
            request
        };
        keys.map(request).collect::<Vec<_>>()
    };
    let file = rusqlite::Connection::open(rig.file()).unwrap();
    let rows =
        || -> i64 { file.query_row("SELECT count(*) FROM receipt", (), |row| row.get(0)).unwrap() };
    rig.batch(group(0..100, 1)).await;
    assert_eq!(rows(), 100);
    let tomorrow = 1 + RECEIPT_LIFE_MICROS;
    rig.batch(group(200..210, tomorrow)).await;
    assert_eq!(rows(), 100 + 10 - (2 * 10 + 16));
    for left in [58, 42, 26, 10, 10] {
        let mut request = rig.request(TENANT, Command::Probe);
        request.origin.at = tomorrow;
        send(&rig, request).await;
        assert_eq!(rows(), left);
    }
}
