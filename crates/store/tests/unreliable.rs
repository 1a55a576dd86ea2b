//! The store that fails as planned: each fault does to the data what its error says.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use kehub_core::TenantId;
use kehub_core::command::{Command, Origin, Request, Upsert};
use kehub_core::directory::NewTenant;
use kehub_core::outcome::Outcome;
use kehub_core::policy::Preset;
use kehub_core::{AppNumber, CustomerId, Seq};
use kehub_store::{Batch, Fault, MemoryStore, Store, StoreError, UnreliableStore};
use std::sync::Arc;

const TENANT: TenantId = TenantId(1);

fn new_tenant(name: &str) -> Batch {
    let origin = Origin { app: AppNumber(1), actor: None, request: "test".into(), at: 1 };
    let new = NewTenant { name: name.into(), preset: Preset::Compat };
    let command = Command::CreateTenant(new);
    Batch::one(Request { tenant: TENANT, origin, dry_run: false, idempotency: None, command })
}

fn unreliable(plan: impl IntoIterator<Item = Fault>) -> (Arc<MemoryStore>, UnreliableStore) {
    let inner = Arc::new(MemoryStore::new().unwrap());
    let wrapped: Arc<dyn Store> = inner.clone();
    let store = UnreliableStore::new(wrapped);
    store.plan(plan);
    (inner, store)
}

async fn tenants(store: &MemoryStore) -> usize {
    store.directory().await.unwrap().tenants.len()
}

#[tokio::test]
async fn without_a_plan_nothing_fails() {
    let (inner, store) = unreliable([]);
    store.apply(new_tenant("first")).await.unwrap();
    assert_eq!(tenants(&inner).await, 1);
    assert_eq!(store.customer(TENANT, CustomerId(1)).await.unwrap(), None);
}

#[tokio::test]
async fn what_fails_before_the_work_has_done_nothing() {
    let (inner, store) = unreliable([Fault::QueueFull, Fault::Before, Fault::Corrupt]);
    let refused = store.apply(new_tenant("first")).await;
    assert!(matches!(refused, Err(StoreError::QueueFull)), "{refused:?}");
    let refused = store.apply(new_tenant("first")).await;
    assert!(matches!(refused, Err(StoreError::NotApplied(_))), "{refused:?}");
    let refused = store.apply(new_tenant("first")).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    assert_eq!(tenants(&inner).await, 0);
}

#[tokio::test]
async fn what_fails_after_the_work_has_done_it_and_does_not_say_so() {
    let (inner, store) = unreliable([Fault::After]);
    let answer = store.apply(new_tenant("first")).await;
    assert!(matches!(answer, Err(StoreError::Unknown(_))), "{answer:?}");
    assert_eq!(tenants(&inner).await, 1);
}

#[tokio::test]
async fn each_call_takes_one_fault_in_order_reads_included() {
    let (inner, store) = unreliable([Fault::None, Fault::Before, Fault::None, Fault::Before]);
    store.apply(new_tenant("first")).await.unwrap();
    assert!(store.customer(TENANT, CustomerId(1)).await.is_err());
    assert_eq!(store.journal(TENANT, Seq(0), 10).await.unwrap(), []);
    assert!(store.directory().await.is_err());
    // The plan is at its end.
    store.apply(new_tenant("second")).await.unwrap();
    assert_eq!(tenants(&inner).await, 2);
    store.plan([Fault::Before]);
    assert!(store.apply(new_tenant("third")).await.is_err());
    assert_eq!(tenants(&inner).await, 2);
}

#[tokio::test]
async fn trouble_of_the_store_itself_is_not_hidden() {
    let (inner, store) = unreliable([Fault::After]);
    inner.close().await.unwrap();
    let answer = store.apply(new_tenant("first")).await;
    assert!(matches!(answer, Err(StoreError::NotApplied(_))), "{answer:?}");
}

#[tokio::test]
async fn a_pretended_upsert_is_answered_and_not_kept() {
    let (inner, store) = unreliable([Fault::None, Fault::None, Fault::None, Fault::Before]);
    store.apply(new_tenant("first")).await.unwrap();
    let pretended = Outcome::Deleted(CustomerId(7));
    store.pretend(pretended.clone());
    store.pretend(Outcome::Written);
    let upsert = || {
        let origin = Origin { app: AppNumber(1), actor: None, request: "test".into(), at: 1 };
        let command = Command::Upsert(Upsert::default());
        Batch::one(Request { tenant: TENANT, origin, dry_run: false, idempotency: None, command })
    };
    assert_eq!(store.apply(upsert()).await.unwrap(), [pretended]);
    assert_eq!(inner.journal(TENANT, Seq(0), 10).await.unwrap(), []);
    // Other commands are done, and faults come as planned.
    store.apply(new_tenant("second")).await.unwrap();
    assert_eq!(tenants(&inner).await, 2);
    assert!(matches!(store.apply(upsert()).await, Err(StoreError::NotApplied(_))));
}
