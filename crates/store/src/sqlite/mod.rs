//! The embedded default: one file, one writer thread, a few readers.
//!
//! [`queue`] holds what is waiting, [`writer`] runs it as a group: [`load`] reads the facts, the core
//! decides, [`write`] writes what became dirty, one COMMIT makes it visible, and [`durable`] makes it
//! durable before anybody hears of it. [`query`] reads
//! for lists and look-ups, beside the writer, each read from one snapshot; [`render`] turns its
//! filters into SQL. [`duplicates`] looks at everybody once, to find who looks like one person;
//! [`policy`] reads what people look at before they change a policy, [`walk`] tells everybody who is
//! there, for as long as that takes. [`checkpoint`] moves what was
//! committed from the log into the file without keeping the writer waiting, and after an erasure
//! [`sweep`] removes what is left of it. [`backup`] copies the file, and puts a copy in its place;
//! [`copy`] is an end of a copy from one store to another. [`check`], [`retold`], [`compare`] and
//! [`rebuild`] hold rows against the journal. [`trial`] is what a trial reads, and [`scratch`] where it
//! writes. [`recent`] keeps what was answered lately. [`webhooks`], [`imports`], [`people`] and
//! [`audit`] read and write those.
//! [`codec`] and [`rows`] say how what is kept looks in columns, [`schema`] makes the tables,
//! [`connection`] opens the file. [`upkeep`] is what is done to a file that nobody opened.

mod audit;
mod backup;
mod check;
mod checkpoint;
mod compare;
mod connection;
mod copy;
mod duplicates;
mod durable;
mod imports;
mod load;
mod past;
mod people;
#[cfg(test)]
mod plans;
mod policy;
mod query;
mod queue;
mod rebuild;
mod recent;
mod render;
mod retold;
mod review;
mod rows;
mod schema;
mod scratch;
mod sweep;
mod trial;
mod trouble;
mod upkeep;
mod walk;
mod webhooks;
mod wechat;
mod write;
mod writer;

pub(crate) use copy::{CopySource, CopyTarget, refuse_same};
pub(crate) use scratch::Scratch;
pub(crate) use trial::TrialBase;

use crate::tables::{codec, group};
use crate::walk::Walks;
use crate::{
    Batch, CUSTOMERS_AT_ONCE, ConflictFilter, FeedPage, Gauges, Holding, Kept, OpenError,
    OwnedIdentity, Page, PageRequest, QuarantinedIdentity, Report, SidedConflict, Silent, Spooled,
    Store, StoreError, Survey, Trial, TypedIdentity, Walk, WholeCustomer,
};
use async_trait::async_trait;
use checkpoint::{Checkpointer, Log};
use connection::Readers;
use kehub_core::command::Request;
use kehub_core::customer::Customer;
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
    ConflictId, CustomerId, IdentityNumber, ImportId, MergeId, Seq, TenantId, WebhookId, WechatId,
};
use load::TypesCache;
use recent::{Recent, Teller};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;
use trouble::Trouble;
use walk::Walker;
use writer::Writer;

/// How many times as long as it is meant to become a log stays that somebody made longer: under load it
/// grows while it is moved, and growing it anew costs more than leaving it.
const LOGS_KEPT: u32 = 8;

/// How the engine uses the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Requests that may wait to be written; more are refused with [`StoreError::QueueFull`].
    /// Default 4096.
    pub queue_requests: usize,
    /// Requests that are committed together at most. Default 512.
    pub group_requests: usize,
    /// Connections that read. Default 4.
    pub readers: usize,
    /// Pages in the write-ahead log that call for a checkpoint, of 2 KiB each, or of 4 KiB in a file that an
    /// older Kehub made. A log that somebody made longer than eight times that, by reading for long, becomes
    /// as short again. Default 32,000; 0 leaves the log alone until the store is closed.
    pub wal_pages: u32,
    /// Whether the log is synced beside the writer, which prepares the next group meanwhile. One
    /// process on a file can do so; what others read of it may still be lost in a power cut.
    /// Default true.
    pub syncs_beside: bool,
}

impl Default for SqliteOptions {
    fn default() -> SqliteOptions {
        SqliteOptions {
            queue_requests: 4096,
            group_requests: 512,
            readers: 4,
            wal_pages: 32_000,
            syncs_beside: true,
        }
    }
}

/// Keeps everything in one SQLite file. A commit is durable when it is answered.
pub struct SqliteStore {
    inner: Arc<Inner>,
}

/// In the order in which they end: who checkpoints last leaves no log behind.
struct Inner {
    writer: Writer,
    readers: Readers,
    recent: Arc<Recent>,
    walks: Walks,
    checkpointer: Checkpointer,
    path: PathBuf,
    log: Arc<Log>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens a file, creating it and the folder it is in if need be. An unfinished copy of another store
    /// is refused, here and by everything else that looks at one.
    pub fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<SqliteStore, OpenError> {
        SqliteStore::open_syncing(path.as_ref(), options, |log| move || log.sync_data())
    }

    /// As [`SqliteStore::open`]; what `syncing` makes of the log syncs it.
    fn open_syncing<S: FnMut() -> io::Result<()> + Send + 'static>(
        path: &Path,
        options: SqliteOptions,
        syncing: impl FnOnce(File) -> S,
    ) -> Result<SqliteStore, OpenError> {
        let open = || {
            make_folder(path)?;
            let mut conn = connection::writing(path)?;
            schema::migrate(&mut conn)?;
            let log = Arc::new(Log::default());
            if sweep::is_due(&conn)? {
                log.forget();
            }
            log.watch(&mut conn)?;
            if options.wal_pages > 0 {
                connection::limit_log(&conn, options.wal_pages.saturating_mul(LOGS_KEPT))?;
            }
            let file = connection::log_of(path)?;
            if options.syncs_beside {
                connection::leave_syncing(&conn, &file)?;
            }
            let recent = Arc::new(Recent::new(path)?);
            let teller = Teller::new(Arc::clone(&recent), &conn)?;
            let writer = Writer::start(conn, &options, Arc::clone(&log), teller, syncing(file))?;
            let readers = Readers::open(path, options.readers)?;
            let checkpointer = Checkpointer::start(path, options.wal_pages, Arc::clone(&log))?;
            let (walks, path) = (Walks::default(), path.to_owned());
            Ok(Inner { writer, readers, recent, walks, checkpointer, path, log })
        };
        let inner = open().map_err(|cause: Trouble| OpenError::of(path.display(), cause))?;
        Ok(SqliteStore { inner: Arc::new(inner) })
    }

    /// Runs a read of a handful of rows by their keys.
    async fn glance<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Trouble> + Clone + Send + 'static,
    ) -> Result<T, StoreError> {
        let Some(found) = self.inner.readers.glance(read.clone()) else {
            return self.read(read).await;
        };
        self.lasting(found).await?.map_err(StoreError::from)
    }

    /// What was seen, once that must not be lost any more.
    async fn lasting<T>(&self, seen: T) -> Result<T, StoreError> {
        let durable = &self.inner.log.durable;
        durable.reached(durable.begun()).await?;
        Ok(seen)
    }

    /// Runs a read beside the writer, off the async threads.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self.inner.readers.permit().await.ok_or_else(StoreError::closed)?;
        let inner = Arc::clone(&self.inner);
        let task = tokio::task::spawn_blocking(move || {
            let found = inner.readers.read(&inner.path, read);
            drop(permit);
            (found, inner.log.durable.begun())
        });
        let (found, commits) = task.await.map_err(|error| StoreError::Corrupt(error.into()))?;
        // What was seen must not be lost afterwards.
        self.inner.log.durable.reached(commits).await?;
        Ok(found?)
    }
}

/// Makes the folder that a file is to be in.
fn make_folder(path: &Path) -> Result<(), Trouble> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or(Ok(()), |folder| std::fs::create_dir_all(folder).map_err(Trouble::broken))
}

/// What would come of requests, as of one snapshot.
fn on_trial(conn: &Connection, requests: &[Request]) -> Result<Vec<Outcome>, Trouble> {
    let (facts, _) = load::facts(conn, requests, &mut TypesCache::default())?;
    Ok(decide_on_trial(requests, facts))
}

#[async_trait]
impl Store for SqliteStore {
    async fn apply(&self, batch: Batch) -> Result<Vec<Outcome>, StoreError> {
        if batch.kept() == Kept::Nothing {
            // Nothing to write: it needs neither the writer nor a place in its queue.
            let requests = batch.into_requests();
            return self.read(move |conn| on_trial(conn, &requests)).await;
        }
        self.inner.writer.apply(batch).await
    }

    async fn customer(
        &self,
        tenant: TenantId,
        id: CustomerId,
    ) -> Result<Option<Customer>, StoreError> {
        let recent = &self.inner.recent;
        if let Some(found) = recent.customer(tenant, id) {
            return self.lasting(Some(found)).await;
        }
        let recent = Arc::clone(recent);
        let read = move |conn: &Connection| {
            let turn = recent.turn();
            let found = query::survivor(conn, tenant, id)?;
            if let Some(found) = found.as_ref().filter(|found| found.id == id) {
                recent.keep_customer(turn, tenant, found);
            }
            Ok(found)
        };
        self.glance(read).await
    }

    async fn customer_whole(
        &self,
        tenant: TenantId,
        id: CustomerId,
    ) -> Result<Option<WholeCustomer>, StoreError> {
        self.read(move |conn| query::whole(conn, tenant, id)).await
    }

    async fn customers(
        &self,
        tenant: TenantId,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page, StoreError> {
        let (filter, page) = (filter.clone(), page.clone());
        self.read(move |conn| query::customers(conn, tenant, &filter, &page)).await
    }

    async fn customer_count(&self, tenant: TenantId, filter: &Filter) -> Result<u64, StoreError> {
        let filter = filter.clone();
        self.read(move |conn| query::count(conn, tenant, &filter)).await
    }

    async fn walk(
        &self,
        tenant: TenantId,
        filter: &Filter,
        survey: Survey,
    ) -> Result<Walk, StoreError> {
        let Inner { path, walks, log, .. } = &*self.inner;
        let (steps, mut walk) = Walk::new();
        let (path, walks, log) = (path.clone(), walks.clone(), Arc::clone(log));
        let filter = filter.clone();
        let walker = Walker { path, tenant, filter, survey, steps, walks, log };
        match walker.start()?.await {
            Ok(commits) => self.inner.log.durable.reached(commits).await.map(|()| walk),
            // It met trouble before it saw anything.
            Err(_) => Err(walk.outline().await.err().unwrap_or_else(crate::walk::broke_off)),
        }
    }

    async fn trial(&self, tenant: TenantId) -> Result<Option<Trial>, StoreError> {
        trial::begin(&self.inner, tenant).await
    }

    async fn identities_of(
        &self,
        tenant: TenantId,
        customers: &[CustomerId],
    ) -> Result<Vec<OwnedIdentity>, StoreError> {
        let customers = customers.to_vec();
        self.read(move |conn| query::identities_of(conn, tenant, &customers)).await
    }

    async fn identities_named(
        &self,
        tenant: TenantId,
        kind: Option<&str>,
        value: &str,
    ) -> Result<Vec<OwnedIdentity>, StoreError> {
        let recent = &self.inner.recent;
        if let Some(found) = kind.and_then(|kind| recent.identity(tenant, kind, value)) {
            return self.lasting(vec![found]).await;
        }
        let recent = Arc::clone(recent);
        let (kind, value) = (kind.map(str::to_owned), value.to_owned());
        let read = move |conn: &Connection| {
            let turn = recent.turn();
            let types = recent.types(turn, tenant, || query::types_of(conn, tenant))?;
            let found = query::identities_named(conn, tenant, &types, kind.as_deref(), &value)?;
            if let (Some(kind), [found]) = (&kind, &*found) {
                recent.keep_identity(turn, tenant, (kind, &value), found);
            }
            Ok(found)
        };
        self.glance(read).await
    }

    async fn identities_seen(&self, tenant: TenantId) -> Result<u64, StoreError> {
        self.read(move |conn| load::identities_seen(conn, tenant)).await
    }

    async fn policy(&self, tenant: TenantId) -> Result<Option<Policy>, StoreError> {
        self.read(move |conn| load::policy(conn, tenant)).await
    }

    async fn quarantined(
        &self,
        tenant: TenantId,
        after: IdentityNumber,
        limit: usize,
    ) -> Result<Vec<QuarantinedIdentity>, StoreError> {
        self.read(move |conn| policy::quarantined(conn, tenant, after, limit)).await
    }

    async fn holdings(
        &self,
        tenant: TenantId,
        after: CustomerId,
        limit: usize,
    ) -> Result<Vec<Holding>, StoreError> {
        self.read(move |conn| policy::holdings(conn, tenant, after, limit)).await
    }

    async fn journal(
        &self,
        tenant: TenantId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.read(move |conn| query::journal(conn, tenant, after, limit)).await
    }

    async fn feed(
        &self,
        tenant: TenantId,
        after: i64,
        limit: usize,
    ) -> Result<FeedPage, StoreError> {
        self.read(move |conn| query::feed(conn, tenant, after, limit)).await
    }

    async fn identities_numbered(
        &self,
        tenant: TenantId,
        numbers: &[IdentityNumber],
    ) -> Result<Vec<TypedIdentity>, StoreError> {
        let numbers = numbers.iter().copied().collect();
        let found = self.read(move |conn| query::identities_numbered(conn, tenant, &numbers));
        Ok(found.await?.into_values().collect())
    }

    fn committed(&self) -> watch::Receiver<u64> {
        self.inner.writer.committed()
    }

    async fn duplicates(&self, tenant: TenantId) -> Result<Duplicates, StoreError> {
        self.read(move |conn| duplicates::duplicates(conn, tenant)).await
    }

    async fn identity(
        &self,
        tenant: TenantId,
        kind: &str,
        value: &str,
    ) -> Result<Option<TypedIdentity>, StoreError> {
        let (kind, value) = (kind.to_owned(), value.to_owned());
        self.glance(move |conn| query::identity(conn, tenant, &kind, &value)).await
    }

    async fn customer_row(
        &self,
        tenant: TenantId,
        id: CustomerId,
    ) -> Result<Option<Customer>, StoreError> {
        self.glance(move |conn| query::customer_row(conn, tenant, id)).await
    }

    async fn past(&self, tenant: TenantId, customers: &[CustomerId]) -> Result<Past, StoreError> {
        let customers = customers.to_vec();
        self.read(move |conn| past::past(conn, tenant, &customers)).await
    }

    async fn entries(&self, tenant: TenantId, places: &[Seq]) -> Result<Vec<Entry>, StoreError> {
        let places = places.to_vec();
        self.read(move |conn| past::entries(conn, tenant, &places)).await
    }

    async fn merge(&self, tenant: TenantId, id: MergeId) -> Result<Option<Merge>, StoreError> {
        self.read(move |conn| past::merge(conn, tenant, id)).await
    }

    async fn merges(
        &self,
        tenant: TenantId,
        after: MergeId,
        limit: usize,
    ) -> Result<Vec<Merge>, StoreError> {
        self.read(move |conn| review::merges(conn, tenant, after, limit)).await
    }

    async fn conflict(
        &self,
        tenant: TenantId,
        id: ConflictId,
    ) -> Result<Option<SidedConflict>, StoreError> {
        self.read(move |conn| review::conflict(conn, tenant, id)).await
    }

    async fn conflicts(
        &self,
        tenant: TenantId,
        wanted: &ConflictFilter,
        after: ConflictId,
        limit: usize,
    ) -> Result<Vec<SidedConflict>, StoreError> {
        let wanted = *wanted;
        self.read(move |conn| review::conflicts(conn, tenant, &wanted, after, limit)).await
    }

    async fn cannot_links(
        &self,
        tenant: TenantId,
        after: Option<CannotLink>,
        limit: usize,
    ) -> Result<Vec<(CannotLink, Seq)>, StoreError> {
        self.read(move |conn| review::cannot_links(conn, tenant, after, limit)).await
    }

    async fn undecided(
        &self,
        tenant: TenantId,
        after: (MergeId, Seq),
        limit: usize,
    ) -> Result<Vec<(Merge, Entry)>, StoreError> {
        self.read(move |conn| review::undecided(conn, tenant, after, limit)).await
    }

    async fn snapshot(&self, tenant: TenantId) -> Result<Snapshot, StoreError> {
        self.read(move |conn| query::snapshot(conn, tenant)).await
    }

    async fn webhooks(
        &self,
        tenant: Option<TenantId>,
    ) -> Result<BTreeMap<(TenantId, WebhookId), Webhook>, StoreError> {
        self.read(move |conn| webhooks::all(conn, tenant)).await
    }

    async fn wechat_accounts(
        &self,
        tenant: Option<TenantId>,
    ) -> Result<BTreeMap<(TenantId, WechatId), WechatAccount>, StoreError> {
        self.read(move |conn| wechat::all(conn, tenant)).await
    }

    async fn imports(
        &self,
        tenant: TenantId,
        before: Option<ImportId>,
        limit: usize,
    ) -> Result<Vec<Import>, StoreError> {
        self.read(move |conn| imports::newest_first(conn, tenant, before, limit)).await
    }

    async fn spooled_imports(&self, which: Spooled) -> Result<Vec<(TenantId, Import)>, StoreError> {
        self.read(move |conn| imports::spooled(conn, which)).await
    }

    async fn check(&self, only: Option<TenantId>) -> Result<Report, StoreError> {
        self.read(move |conn| check::check(conn, only, CUSTOMERS_AT_ONCE, &Silent)).await
    }

    async fn directory(&self) -> Result<Directory, StoreError> {
        self.read(load::directory).await
    }

    fn gauges(&self) -> Gauges {
        self.inner.writer.gauges()
    }

    async fn lost(&self) {
        self.inner.log.durable.lost().await;
    }

    async fn close(&self) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        let close = move || {
            inner.writer.close();
            inner.readers.close();
            inner.recent.close();
            inner.walks.close();
            inner.checkpointer.close();
        };
        tokio::task::spawn_blocking(close).await.map_err(|error| StoreError::Corrupt(error.into()))
    }
}
