//! What a hub could do if its storage cost nothing: the same server reads the same requests, and answers
//! the same customer from memory.

use super::announced;
use super::engine::{applied, tenant_made};
use crate::load::people::{Mix, People};
use crate::server::{APP_ID, SECRET};
use anyhow::Result;
use kehub::clock::SystemClock;
use kehub::credentials::secret_hash;
use kehub::server::{App, Hub, Limits, Settings, serve};
use kehub_core::command::Command;
use kehub_core::directory::{AppChange, Permission};
use kehub_store::{MemoryStore, Store, UnreliableStore};
use std::future::pending;
use std::sync::Arc;

/// Serves until it is ended.
pub(super) fn run(mix: Mix) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = still(mix).await?;
        let hub = Hub::new(store, Arc::new(SystemClock), Settings::default(), 1).await?;
        let listener = announced("ceiling").await?;
        serve(listener, App::new(hub), Limits::default(), pending()).await;
        Ok(())
    })
}

/// A store with one customer, which nothing changes any more.
async fn still(mix: Mix) -> Result<Arc<dyn Store>> {
    let store = UnreliableStore::new(Arc::new(MemoryStore::new()?));
    let tenant = tenant_made(&store).await?;
    let change = AppChange::Create {
        id: APP_ID.into(),
        name: "ceiling".into(),
        secret_hash: secret_hash(SECRET),
        permissions: Permission::ALL.to_vec(),
    };
    applied(&store, tenant, Command::ChangeApp(change)).await?;
    let upsert = People::new(mix).newcomer().upsert();
    store.pretend(applied(&store, tenant, Command::Upsert(upsert)).await?);
    Ok(Arc::new(store))
}
