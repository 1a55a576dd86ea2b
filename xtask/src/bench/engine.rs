//! The engine in this process, without HTTP: groups of a fixed size, a few of them waiting so that no
//! connection is ever idle.

use crate::load::people::{People, Person};
use anyhow::{Context as _, Result, bail};
use kehub::clock::{Clock as _, SystemClock};
use kehub_core::command::{Command, Origin, Request};
use kehub_core::directory::NewTenant;
use kehub_core::limits::BATCH_MAX;
use kehub_core::outcome::Outcome;
use kehub_core::policy::Preset;
use kehub_core::{AppNumber, TenantId};
use kehub_store::{Batch, Lane, PostgresOptions, PostgresStore, Store};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// Batches that wait or are written at the same time.
const BATCHES: usize = 4;
/// Upserts in a batch while preloading.
const PRELOAD_BATCH: usize = 500;

pub(super) struct Engine {
    runtime: Runtime,
    store: PostgresStore,
    tenant: TenantId,
}

impl Engine {
    pub(super) fn open(url: &str, writers: usize, group: usize) -> Result<Engine> {
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        let group_requests = group.max(PRELOAD_BATCH);
        let options = PostgresOptions { writers, group_requests, ..PostgresOptions::default() };
        let store = runtime.block_on(PostgresStore::open(url, options))?;
        let tenant = runtime.block_on(tenant_made(&store))?;
        Ok(Engine { runtime, store, tenant })
    }

    pub(super) fn preload(&self, people: &mut People, customers: u64) -> Result<()> {
        let goes_on = |people: &People| people.known() < customers;
        self.drive(people, People::newcomer, PRELOAD_BATCH, &goes_on).map(drop)
    }

    /// Upserts in so much time: how many, and how many a second.
    pub(super) fn upserts(
        &self,
        people: &mut People,
        group: usize,
        time: Duration,
    ) -> Result<(u64, f64)> {
        let start = Instant::now();
        let count = self.drive(people, People::next, group, &|_| start.elapsed() < time)?;
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "far below 2^53")]
        let rate = count as f64 / start.elapsed().as_secs_f64();
        Ok((u64::try_from(count)?, rate))
    }

    /// Sends batches for as long as it is to go on; how many upserts they held.
    fn drive(
        &self,
        people: &mut People,
        who: fn(&mut People) -> Person,
        size: usize,
        goes_on: &(dyn Fn(&People) -> bool + Sync),
    ) -> Result<usize> {
        let people = Mutex::new(people);
        let next = || {
            let mut people = people.lock().unwrap_or_else(PoisonError::into_inner);
            goes_on(&people).then(|| {
                let upserts = (0..size.min(BATCH_MAX)).map(|_| who(&mut people).upsert());
                upserts.map(Command::Upsert).collect::<Vec<_>>()
            })
        };
        let send = || async {
            let mut sent = 0;
            while let Some(commands) = next() {
                let requests = commands.into_iter().map(|command| request(self.tenant, command));
                let batch = Batch::new(requests.collect(), Lane::Interactive);
                let outcomes = self.store.apply(batch.context("an empty batch")?).await?;
                let is_resolved = |outcome: &Outcome| matches!(outcome, Outcome::Resolved(_));
                anyhow::ensure!(outcomes.iter().all(is_resolved), "an upsert was refused");
                sent += outcomes.len();
            }
            anyhow::Ok(sent)
        };
        let all = futures_util::future::try_join_all((0..BATCHES).map(|_| send()));
        Ok(self.runtime.block_on(all)?.iter().sum())
    }

    pub(super) fn close(self) -> Result<()> {
        Ok(self.runtime.block_on(self.store.close())?)
    }
}

/// Makes a tenant as a hub has it at the beginning.
pub(super) async fn tenant_made(store: &dyn Store) -> Result<TenantId> {
    let new = NewTenant { name: "default".into(), preset: Preset::Compat };
    let outcome = applied(store, TenantId(0), Command::CreateTenant(new)).await?;
    let Outcome::Tenant(tenant) = outcome else { bail!("no tenant was made: {outcome:?}") };
    Ok(tenant.id)
}

/// What comes of one command.
pub(super) async fn applied(
    store: &dyn Store,
    tenant: TenantId,
    command: Command,
) -> Result<Outcome> {
    let outcomes = store.apply(Batch::one(request(tenant, command))).await?;
    outcomes.into_iter().next().context("no outcome")
}

fn request(tenant: TenantId, command: Command) -> Request {
    let at = SystemClock.now();
    let origin = Origin { app: AppNumber(1), actor: None, request: "bench".into(), at };
    Request { tenant, origin, dry_run: false, idempotency: None, command }
}
