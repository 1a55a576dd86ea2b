//! The store as the command line uses it: opened beside a running hub, changed, closed.

use super::DEFAULT_TENANT;
use crate::clock::{Clock as _, SystemClock, ahead};
use crate::config::{StoreLocation, StoreOptions};
use anyhow::{Context as _, Result, bail};
use kehub_core::command::{Command, Origin, Request};
use kehub_core::directory::{App, AppChange, NewTenant, Tenant};
use kehub_core::outcome::{Outcome, Refusal};
use kehub_core::policy::Preset;
use kehub_core::{AppNumber, Micros, TenantId};
use kehub_store::{Batch, PostgresStore, SqliteStore, Store};
use std::future::Future;
use std::sync::Arc;

/// The app number of the command line itself, in journals.
pub(super) const COMMAND_LINE: AppNumber = AppNumber(0);

/// How far clocks may be apart before somebody is told: two seconds, in microseconds.
const CLOCKS_APART: Micros = 2_000_000;

/// Why one file is not spread over a cluster.
pub(super) const NOT_DISTRIBUTED: &str = "--distributed needs a store on a Citus cluster: --store postgres://USER:PASSWORD@HOST/DATABASE";

/// Opens the store, and makes it if there is none.
pub(super) async fn open(
    location: &StoreLocation,
    options: StoreOptions,
) -> Result<Arc<dyn Store>> {
    Ok(match location {
        StoreLocation::Sqlite(_) if options.distributed => bail!(NOT_DISTRIBUTED),
        StoreLocation::Sqlite(path) => Arc::new(SqliteStore::open(path, options.sqlite())?),
        StoreLocation::Postgres(url) => {
            let store = PostgresStore::open(url, options.postgres()).await?;
            compare_clocks(&store).await;
            Arc::new(store)
        }
    })
}

/// Warns if the clock of this machine is not that of the server, and so probably not that of other hubs: what one
/// of them holds for half a minute ends by the clocks of the others.
async fn compare_clocks(store: &PostgresStore) {
    let before = SystemClock.now();
    // A server that does not answer is no matter of clocks.
    let Ok(server) = store.time().await else { return };
    let ahead = ahead(before, server, SystemClock.now());
    let seconds = ahead.abs() / 1_000_000;
    let told = if ahead > 0 { "ahead of" } else { "behind" };
    if ahead.abs() > CLOCKS_APART {
        tracing::warn!(
            "the clock of this machine is {seconds} s {told} that of the database: keep the clocks of \
             all hubs together (NTP)"
        );
    }
}

/// Refuses a store that is not there, or is of an older Kehub, for whoever only reads it: nothing is made in a
/// database that was named by mistake, nor changed under hubs that are of the older one.
pub(super) async fn must_be_there(location: &StoreLocation) -> Result<()> {
    let due = match location {
        StoreLocation::Sqlite(path) if !path.try_exists()? => {
            bail!("{location}: there is no store")
        }
        StoreLocation::Sqlite(path) => SqliteStore::migrations_due(path)?,
        StoreLocation::Postgres(url) => PostgresStore::migrations_due(url).await?,
    };
    match due.first().map(|migration| migration.number) {
        None => Ok(()),
        Some(1) => bail!("{location}: there is no store: `kehub serve` makes one"),
        Some(_) => {
            bail!("{location}: it is of an older Kehub: `kehub migrate` brings it up to date")
        }
    }
}

/// Opens the store for one piece of work, and closes it afterwards.
pub(super) async fn with_store<W, T>(
    location: &StoreLocation,
    work: impl FnOnce(Arc<dyn Store>) -> W,
) -> Result<T>
where
    W: Future<Output = Result<T>>,
{
    let store = open(location, StoreOptions::default()).await?;
    let result = work(store.clone()).await;
    store.close().await.context("cannot close the store")?;
    result
}

/// The tenant of this name.
pub(super) async fn tenant(store: &dyn Store, name: &str) -> Result<Tenant> {
    let tenants = store.directory().await?.tenants;
    let found = tenants.into_iter().find(|tenant| &*tenant.name == name);
    found.with_context(|| format!("there is no tenant `{name}`"))
}

/// The default tenant, created if the store has none.
pub(super) async fn default_tenant(store: &dyn Store) -> Result<Tenant> {
    let new = NewTenant { name: DEFAULT_TENANT.into(), preset: Preset::Compat };
    let outcome = apply(store, TenantId(0), Command::CreateTenant(new)).await?;
    let (Outcome::Tenant(tenant) | Outcome::Refused(Refusal::TenantExists(tenant))) = outcome
    else {
        bail!("the store gave an outcome of another kind");
    };
    Ok(tenant)
}

/// Applies a change of apps; gives the app, and whether it is new.
pub(super) async fn change_app(
    store: &dyn Store,
    tenant: TenantId,
    change: AppChange,
) -> Result<(App, bool)> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other outcome is one of such a command")]
    match apply(store, tenant, Command::ChangeApp(change)).await? {
        Outcome::App { app, created } => Ok((app, created)),
        Outcome::Refused(Refusal::AppMissing) => bail!("there is no such app"),
        Outcome::Refused(Refusal::AppTaken) => bail!("an app of another tenant has this id"),
        _ => bail!("the store gave an outcome of another kind"),
    }
}

/// Applies one command.
pub(super) async fn apply(
    store: &dyn Store,
    tenant: TenantId,
    command: Command,
) -> Result<Outcome> {
    let at = SystemClock.now();
    let origin = Origin { app: COMMAND_LINE, actor: None, request: "command line".into(), at };
    let request = Request { tenant, origin, dry_run: false, idempotency: None, command };
    let outcomes = store.apply(Batch::one(request)).await?;
    outcomes.into_iter().next().context("the store gave no outcome")
}
