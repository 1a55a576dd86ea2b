//! What only the PostgreSQL engine promises: several hubs on one database, and what happens when
//! connections are lost. A second store stands for a second hub: it shares nothing with the first
//! but the database.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that panics has failed, and says where"
)]

mod cluster;
mod failures;
mod hubs;
mod losses;
mod opening;
mod proxy;
mod tls;

use kehub_core::command::{Command, Idempotency, IdentitySent, Origin, Request, Upsert};
use kehub_core::directory::NewTenant;
use kehub_core::outcome::{Outcome, Resolution};
use kehub_core::policy::Preset;
use kehub_core::{AppNumber, TenantId};
use kehub_store::{Batch, PostgresOptions, PostgresStore, Store, StoreError};

const TENANT: TenantId = TenantId(1);

async fn open(url: &str) -> PostgresStore {
    PostgresStore::open(url, PostgresOptions::default()).await.unwrap()
}

/// Opens a database and makes its first tenant.
async fn first(url: &str) -> PostgresStore {
    let store = open(url).await;
    let new = NewTenant { name: "first".into(), preset: Preset::Compat };
    let outcome = run(&store, request(TENANT, Command::CreateTenant(new))).await.unwrap();
    assert!(matches!(outcome, Outcome::Tenant(made) if made.id == TENANT));
    store
}

fn request(tenant: TenantId, command: Command) -> Request {
    let origin = Origin { app: AppNumber(1), actor: None, request: "test".into(), at: 1 };
    Request { tenant, origin, dry_run: false, idempotency: None, command }
}

fn keyed(key: u128, request: Request) -> Request {
    let key = key.to_be_bytes();
    Request { idempotency: Some(Idempotency { key, request: key }), ..request }
}

/// An upsert of identities, each named by a letter for its type and a number.
fn upsert(words: &[&str]) -> Command {
    let identity = |word: &&str| {
        let kind = match word.split_at(1).0 {
            "a" => "crm-account",
            "o" => "wechat",
            "m" => "mobile",
            other => panic!("no such letter: {other}"),
        };
        let (kind, value) = (kind.to_owned(), format!("1380000{word}"));
        IdentitySent { kind, value, name: None, scope: None }
    };
    let identities = words.iter().map(identity).collect();
    Command::Upsert(Upsert { identities, ..Upsert::default() })
}

async fn run(store: &PostgresStore, request: Request) -> Result<Outcome, StoreError> {
    Ok(store.apply(Batch::one(request)).await?.remove(0))
}

fn resolution(outcome: Outcome) -> Resolution {
    match outcome {
        Outcome::Resolved(resolution) => *resolution,
        other => panic!("not resolved: {other:?}"),
    }
}
