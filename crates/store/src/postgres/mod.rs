//! The engine for several hubs on one database: PostgreSQL, a few connections that write, a few that
//! read.
//!
//! [`queue`] keeps what waits. A [`writer`] takes a group from it, locks its tenants ([`begin`]), reads
//! the facts ([`named`], [`owners`], [`load`], [`past`]), lets the core decide, and writes what became
//! dirty ([`write`], [`columns`]) together with its COMMIT ([`commit`]); [`ahead`] decides before its turn.
//! [`query`], [`review`], [`policy`] and [`duplicates`] read beside the writers, each read
//! from one snapshot, [`walk`] for as long as it takes to tell everybody; [`render`] turns filters into SQL. [`bell`] tells the hubs of a database of each
//! other's commits. [`cluster`] spreads the tables over the nodes of a Citus cluster, [`lookup`] holds
//! the statements that differ there. [`check`], [`retold`], [`compare`] and [`rebuild`] hold rows against
//! the journal, [`copy`] is an end of a copy from one store to another, [`trial`] what a trial reads. [`rows`] says how what is kept
//! looks in columns, [`schema`] makes the tables, [`connection`] and [`tls`] reach the server. [`upkeep`] is
//! what is done to a database that nobody opened.

mod ahead;
mod audit;
mod begin;
mod bell;
mod check;
mod cluster;
mod columns;
mod commit;
mod compare;
mod connection;
mod copy;
mod decided;
mod duplicates;
mod identified;
mod imports;
mod inserted;
#[cfg(test)]
mod lints;
mod load;
mod lookup;
mod named;
mod owners;
mod past;
mod people;
#[cfg(test)]
mod plans;
mod policy;
mod query;
mod queue;
mod ranges;
mod rebuild;
mod render;
mod retold;
mod review;
mod rows;
mod schema;
#[cfg(any(test, feature = "testing"))]
mod statements;
mod tls;
mod trial;
mod tried;
mod trouble;
mod upkeep;
mod walk;
mod webhooks;
mod wechat;
mod write;
mod writer;

pub(crate) use copy::{CopySource, CopyTarget};
pub(crate) use trial::TrialBase;

use crate::walk::Walks;
use crate::{
    Batch, CUSTOMERS_AT_ONCE, ConflictFilter, FeedPage, Gauges, Holding, Kept, OpenError,
    OwnedIdentity, Page, PageRequest, QuarantinedIdentity, Report, SidedConflict, Silent, Spooled,
    Store, StoreError, Survey, Trial, TypedIdentity, Walk, WholeCustomer,
};
use async_trait::async_trait;
use bell::Bell;
use connection::{Connection, Readers, Server, Snapshot as Reading};
use futures_util::FutureExt as _;
use kehub_core::command::Request;
use kehub_core::customer::{Customer, State};
use kehub_core::decide::decide_on_trial;
use kehub_core::directory::Directory;
use kehub_core::duplicates::Duplicates;
use kehub_core::facts::Snapshot;
use kehub_core::filter::Filter;
use kehub_core::history::Past;
use kehub_core::import::Import;
use kehub_core::journal::Entry;
use kehub_core::merge::{CannotLink, Merge};
use kehub_core::outcome::Outcome;
use kehub_core::policy::Policy;
use kehub_core::webhook::Webhook;
use kehub_core::wechat::WechatAccount;
use kehub_core::{
    ConflictId, CustomerId, IdentityNumber, ImportId, MergeId, Micros, Seq, TenantId, WebhookId,
    WechatId,
};
use load::TypesCache;
use queue::Queue;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use trouble::Trouble;
use writer::Worker;

/// How the engine uses the machine, and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Requests that may wait to be written; more are refused with [`StoreError::QueueFull`].
    /// Default 4096.
    pub queue_requests: usize,
    /// Requests that are committed together at most. Default 512.
    pub group_requests: usize,
    /// Connections that read. Default 4.
    pub readers: usize,
    /// Connections that write: as many tenants can be written at the same time. Default 2.
    pub writers: usize,
    /// Spread the tables over the Citus cluster that the database is the coordinator of. A database
    /// whose tables are spread is known by itself. Default false.
    pub distributed: bool,
}

impl Default for PostgresOptions {
    fn default() -> PostgresOptions {
        PostgresOptions {
            queue_requests: 4096,
            group_requests: 512,
            readers: 4,
            writers: 2,
            distributed: false,
        }
    }
}

/// Keeps everything in a PostgreSQL database, which it may share with other hubs. A commit is as
/// durable as the server makes it.
pub struct PostgresStore {
    server: Arc<Server>,
    queue: Arc<Queue>,
    bell: Arc<Bell>,
    readers: Arc<Readers>,
    /// One that reads who may ask, whatever the others are busy with: a revocation must not wait.
    access: Arc<Readers>,
    walks: Walks,
    workers: Mutex<Vec<JoinHandle<()>>>,
    listener: AbortHandle,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.server.place();
        f.debug_struct("PostgresStore").field("place", &place).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Opens a database by its address, such as `postgres://user:password@host/database`, and brings
    /// its tables up to date. An unfinished copy of another store is refused, here and by everything else
    /// that looks at one. To be called within a runtime of tokio, which does the work.
    pub async fn open(url: &str, options: PostgresOptions) -> Result<PostgresStore, OpenError> {
        let server = server(url)?;
        let open = async {
            let conn = server.connect().await?;
            schema::migrate(&conn).await?;
            cluster::distribute(&conn, options.distributed).await?;
            let conn = server.look(conn).await?;
            if conn.is_distributed() && !cluster::may_recover(&conn).await? {
                tracing::warn!(
                    "the role of this hub may not settle what a lost node leaves prepared, so that \
                     nobody writes until the cluster does: GRANT EXECUTE ON FUNCTION \
                     recover_prepared_transactions() to it"
                );
            }
            let bell = Arc::new(Bell::new()?);
            // Who asks from now on hears of every commit, and of nothing else.
            let listening = bell.listen(&server).await.ok();
            Ok((bell, listening, conn.is_distributed()))
        };
        let cannot = |trouble: Trouble| {
            let may_pass = trouble.is_passing() && !trouble.is_about_the_address();
            OpenError::of(server.place(), trouble).passing(may_pass)
        };
        let (bell, listening, is_distributed) = open.await.map_err(cannot)?;
        let writers = options.writers.max(1);
        let PostgresOptions { queue_requests, group_requests, .. } = options;
        let queue = Queue::new(queue_requests, group_requests, writers, !is_distributed);
        let queue = Arc::new(queue);
        let worker = || Worker::new(Arc::clone(&server), Arc::clone(&queue), Arc::clone(&bell));
        let start = |number| worker().start(number).map_err(cannot);
        let workers = (1..=writers).map(start).collect::<Result<_, _>>()?;
        let listener = tokio::spawn(Arc::clone(&bell).run(Arc::clone(&server), listening));
        let listener = listener.abort_handle();
        let readers = Readers::new(Arc::clone(&server), options.readers);
        let access = Readers::new(Arc::clone(&server), 1);
        let (workers, walks) = (Mutex::new(workers), Walks::default());
        Ok(PostgresStore { server, queue, bell, readers, access, walks, workers, listener })
    }

    /// What time it is by the clock of the server.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub async fn time(&self) -> Result<Micros, StoreError> {
        let read =
            self.readers.once(|conn| async { Ok(conn.one(TIME, &[]).await?.try_get(0)?) }.boxed());
        read.await?.ok_or_else(StoreError::closed)
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The row of a customer id, whatever has become of it.
    async fn row(&self, tenant: TenantId, id: CustomerId) -> Result<Option<Customer>, StoreError> {
        let read = self.readers.once(|conn| query::customer_row(conn, tenant, id).boxed());
        read.await?.ok_or_else(StoreError::closed)
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // The writers finish what they have, and end.
        self.queue.close();
        self.listener.abort();
        self.readers.close();
        self.access.close();
        self.walks.close();
    }
}

fn server(url: &str) -> Result<Arc<Server>, OpenError> {
    let server = Server::of(url).map_err(|trouble| OpenError::of("the address", trouble))?;
    Ok(Arc::new(server))
}

/// What would come of requests, as of one snapshot.
async fn on_trial(conn: &Connection, requests: &[Request]) -> Result<Vec<Outcome>, Trouble> {
    let tenants = load::tenants(conn, requests).await?;
    let (facts, _, _) =
        load::facts(conn, requests, &tenants, &mut TypesCache::default(), load::Reading::whole())
            .await?;
    Ok(decide_on_trial(requests, facts))
}

const TIME: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
/// How often a read is begun anew that has seen the halves of what was being committed on a cluster,
/// and how long it waits for the other half.
const READ_AGAIN: (u32, Duration) = (20, Duration::from_millis(25));

/// Begins a read beside the writers.
async fn reading(readers: &Arc<Readers>) -> Result<Reading, StoreError> {
    let begun = readers.begin().await?;
    begun.ok_or_else(StoreError::closed)
}

/// Reads from one snapshot. Each node of a cluster has its own: what is there of one is, for some
/// milliseconds, not there of another.
macro_rules! read {
    ($store:ident, $conn:ident => $read:expr) => {
        read!($store.readers, $conn => $read)
    };
    ($store:ident.$readers:ident, $conn:ident => $read:expr) => {{
        let mut again = READ_AGAIN.0;
        loop {
            let reading = reading(&$store.$readers).await?;
            let (found, is_distributed) = match reading.conn() {
                Ok($conn) => ($read.await, $conn.is_distributed()),
                Err(trouble) => (Err(trouble), false),
            };
            match reading.end(found).await {
                Err(trouble) if is_distributed && trouble.is_corrupt() && again > 0 => {
                    again -= 1;
                    tokio::time::sleep(READ_AGAIN.1).await;
                }
                found => break found.map_err(StoreError::from),
            }
        }
    }};
}

use read;

#[async_trait]
impl Store for PostgresStore {
    async fn apply(&self, batch: Batch) -> Result<Vec<Outcome>, StoreError> {
        if batch.kept() == Kept::Nothing {
            // Nothing to write: it needs neither a writer nor a place in the queue.
            let requests = batch.into_requests();
            return read!(self, conn => on_trial(conn, &requests));
        }
        self.queue.apply(batch).await
    }

    async fn customer(
        &self,
        tenant: TenantId,
        id: CustomerId,
    ) -> Result<Option<Customer>, StoreError> {
        let found = self.row(tenant, id).await?;
        match found.as_ref().map(|customer| customer.state) {
            Some(State::Live) => Ok(found),
            // Two rows, as of one moment.
            Some(State::MergedInto(_)) => read!(self, conn => query::survivor(conn, tenant, id)),
            Some(State::Deleted | State::Erased) | None => Ok(None),
        }
    }

    async fn customer_whole(
        &self,
        tenant: TenantId,
        id: CustomerId,
    ) -> Result<Option<WholeCustomer>, StoreError> {
        read!(self, conn => query::whole(conn, tenant, id))
    }

    async fn customers(
        &self,
        tenant: TenantId,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page, StoreError> {
        read!(self, conn => query::customers(conn, tenant, filter, page))
    }

    async fn customer_count(&self, tenant: TenantId, filter: &Filter) -> Result<u64, StoreError> {
        read!(self, conn => query::count(conn, tenant, filter))
    }

    async fn walk(
        &self,
        tenant: TenantId,
        filter: &Filter,
        survey: Survey,
    ) -> Result<Walk, StoreError> {
        walk::walk(&self.server, &self.walks, tenant, filter, survey).await
    }

    async fn trial(&self, tenant: TenantId) -> Result<Option<Trial>, StoreError> {
        trial::begin(&self.server, &self.walks, tenant).await
    }

    async fn identities_of(
        &self,
        tenant: TenantId,
        customers: &[CustomerId],
    ) -> Result<Vec<OwnedIdentity>, StoreError> {
        read!(self, conn => query::identities_of(conn, tenant, customers))
    }

    async fn identities_named(
        &self,
        tenant: TenantId,
        kind: Option<&str>,
        value: &str,
    ) -> Result<Vec<OwnedIdentity>, StoreError> {
        let asked = Arc::new((kind.map(str::to_owned), value.to_owned()));
        let read = self.readers.once(move |conn| {
            let asked = Arc::clone(&asked);
            let ask = async move {
                identified::at_once(conn, tenant, asked.0.as_deref(), &asked.1).await
            };
            ask.boxed()
        });
        if let Some(found) = read.await?.ok_or_else(StoreError::closed)? {
            return Ok(found);
        }
        read!(self, conn => identified::step_by_step(conn, tenant, kind, value))
    }

    async fn identities_seen(&self, tenant: TenantId) -> Result<u64, StoreError> {
        read!(self, conn => policy::identities_seen(conn, tenant))
    }

    async fn policy(&self, tenant: TenantId) -> Result<Option<Policy>, StoreError> {
        read!(self, conn => policy::policy(conn, tenant))
    }

    async fn quarantined(
        &self,
        tenant: TenantId,
        after: IdentityNumber,
        limit: usize,
    ) -> Result<Vec<QuarantinedIdentity>, StoreError> {
        read!(self, conn => policy::quarantined(conn, tenant, after, limit))
    }

    async fn holdings(
        &self,
        tenant: TenantId,
        after: CustomerId,
        limit: usize,
    ) -> Result<Vec<Holding>, StoreError> {
        read!(self, conn => policy::holdings(conn, tenant, after, limit))
    }

    async fn journal(
        &self,
        tenant: TenantId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        read!(self, conn => query::journal(conn, tenant, after, limit))
    }

    async fn feed(
        &self,
        tenant: TenantId,
        after: i64,
        limit: usize,
    ) -> Result<FeedPage, StoreError> {
        read!(self, conn => query::feed(conn, tenant, after, limit))
    }

    async fn identities_numbered(
        &self,
        tenant: TenantId,
        numbers: &[IdentityNumber],
    ) -> Result<Vec<TypedIdentity>, StoreError> {
        let numbers = numbers.iter().copied().collect();
        let found = read!(self, conn => query::identities_numbered(conn, tenant, &numbers))?;
        Ok(found.into_values().collect())
    }

    fn committed(&self) -> watch::Receiver<u64> {
        self.bell.committed()
    }

    async fn duplicates(&self, tenant: TenantId) -> Result<Duplicates, StoreError> {
        read!(self, conn => duplicates::duplicates(conn, tenant))
    }

    async fn identity(
        &self,
        tenant: TenantId,
        kind: &str,
        value: &str,
    ) -> Result<Option<TypedIdentity>, StoreError> {
        read!(self, conn => query::identity(conn, tenant, kind, value))
    }

    async fn customer_row(
        &self,
        tenant: TenantId,
        id: CustomerId,
    ) -> Result<Option<Customer>, StoreError> {
        self.row(tenant, id).await
    }

    async fn past(&self, tenant: TenantId, customers: &[CustomerId]) -> Result<Past, StoreError> {
        read!(self, conn => past::past(conn, tenant, customers))
    }

    async fn entries(&self, tenant: TenantId, places: &[Seq]) -> Result<Vec<Entry>, StoreError> {
        read!(self, conn => past::entries(conn, tenant, places))
    }

    async fn merge(&self, tenant: TenantId, id: MergeId) -> Result<Option<Merge>, StoreError> {
        let found = read!(self, conn => past::merges(conn, tenant, &[id]))?;
        Ok(found.into_values().next())
    }

    async fn merges(
        &self,
        tenant: TenantId,
        after: MergeId,
        limit: usize,
    ) -> Result<Vec<Merge>, StoreError> {
        read!(self, conn => review::merges(conn, tenant, after, limit))
    }

    async fn conflict(
        &self,
        tenant: TenantId,
        id: ConflictId,
    ) -> Result<Option<SidedConflict>, StoreError> {
        read!(self, conn => review::conflict(conn, tenant, id))
    }

    async fn conflicts(
        &self,
        tenant: TenantId,
        wanted: &ConflictFilter,
        after: ConflictId,
        limit: usize,
    ) -> Result<Vec<SidedConflict>, StoreError> {
        read!(self, conn => review::conflicts(conn, tenant, wanted, after, limit))
    }

    async fn cannot_links(
        &self,
        tenant: TenantId,
        after: Option<CannotLink>,
        limit: usize,
    ) -> Result<Vec<(CannotLink, Seq)>, StoreError> {
        read!(self, conn => review::cannot_links(conn, tenant, after, limit))
    }

    async fn undecided(
        &self,
        tenant: TenantId,
        after: (MergeId, Seq),
        limit: usize,
    ) -> Result<Vec<(Merge, Entry)>, StoreError> {
        read!(self, conn => review::undecided(conn, tenant, after, limit))
    }

    async fn snapshot(&self, tenant: TenantId) -> Result<Snapshot, StoreError> {
        read!(self, conn => query::snapshot(conn, tenant))
    }

    async fn webhooks(
        &self,
        tenant: Option<TenantId>,
    ) -> Result<BTreeMap<(TenantId, WebhookId), Webhook>, StoreError> {
        read!(self, conn => webhooks::all(conn, tenant))
    }

    async fn wechat_accounts(
        &self,
        tenant: Option<TenantId>,
    ) -> Result<BTreeMap<(TenantId, WechatId), WechatAccount>, StoreError> {
        read!(self, conn => wechat::all(conn, tenant))
    }

    async fn imports(
        &self,
        tenant: TenantId,
        before: Option<ImportId>,
        limit: usize,
    ) -> Result<Vec<Import>, StoreError> {
        read!(self, conn => imports::newest_first(conn, tenant, before, limit))
    }

    async fn spooled_imports(&self, which: Spooled) -> Result<Vec<(TenantId, Import)>, StoreError> {
        read!(self, conn => imports::spooled(conn, which))
    }

    async fn check(&self, only: Option<TenantId>) -> Result<Report, StoreError> {
        let check = async {
            let conn = self.server.connect().await?;
            cluster::begin_exact(&conn).await?;
            check::check(&conn, only, CUSTOMERS_AT_ONCE, &Silent).await
        };
        Ok(check.await?)
    }

    async fn directory(&self) -> Result<Directory, StoreError> {
        read!(self.access, conn => policy::directory(conn))
    }

    fn gauges(&self) -> Gauges {
        self.queue.gauges()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.queue.close();
        let workers = std::mem::take(&mut *self.tasks());
        let panicked = || workers.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
        if tokio::task::spawn_blocking(panicked).await.unwrap_or(1) > 0 {
            tracing::error!("a writer ended in a panic");
        }
        self.listener.abort();
        self.readers.close();
        self.access.close();
        self.walks.close();
        Ok(())
    }
}
