//! What a hub could do if its storage cost nothing: the same server reads the same requests, and answers
//! the same customer from memory.

use anyhow::{Context as _, Result};
use kehub::clock::{Clock as _, SystemClock};
use kehub::credentials::secret_hash;
use kehub::server::{App, Hub, Limits, Settings, serve};
use kehub_core::command::{Command, Origin, Request};
use kehub_core::directory::{AppChange, NewTenant, Permission};
use kehub_core::outcome::Outcome;
use kehub_core::policy::Preset;
use kehub_core::{AppNumber, TenantId};
use kehub_store::{Batch, MemoryStore, Store, UnreliableStore};
use std::future::pending;
use std::io::Write as _;
use std::sync::Arc;
use tokio::net::TcpListener;

use crate::load::people::{Mix, People};
use crate::server::{APP_ID, SECRET};

/// Serves until it is ended.
pub(super) fn run(mix: Mix) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = still(mix).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let hub = Hub::new(store, Arc::new(SystemClock), Settings::default(), 1).await?;
        let mut output = std::io::stdout();
        writeln!(output, "The ceiling listens on http://{address}")?;
        output.flush()?;
        serve(listener, App::new(hub), Limits::default(), pending()).await;
        Ok(())
    })
}

/// A store with one customer, which nothing changes any more.
async fn still(mix: Mix) -> Result<Arc<dyn Store>> {
    let store = UnreliableStore::new(Arc::new(MemoryStore::new()?));
    let new = NewTenant { name: "default".into(), preset: Preset::Compat };
    let outcome = applied(&store, TenantId(0), Command::CreateTenant(new)).await?;
    let Outcome::Tenant(tenant) = outcome else { anyhow::bail!("no tenant: {outcome:?}") };
    let change = AppChange::Create {
        id: APP_ID.into(),
        name: "ceiling".into(),
        secret_hash: secret_hash(SECRET),
        permissions: Permission::ALL.to_vec(),
    };
    applied(&store, tenant.id, Command::ChangeApp(change)).await?;
    let upsert = People::new(mix).newcomer().upsert();
    store.pretend(applied(&store, tenant.id, Command::Upsert(upsert)).await?);
    Ok(Arc::new(store))
}

async fn applied(store: &dyn Store, tenant: TenantId, command: Command) -> Result<Outcome> {
    let origin =
        Origin { app: AppNumber(1), actor: None, request: "ceiling".into(), at: SystemClock.now() };
    let request = Request { tenant, origin, dry_run: false, idempotency: None, command };
    let outcomes = store.apply(Batch::one(request)).await?;
    outcomes.into_iter().next().context("no outcome")
}
