//! Makes commits durable on a thread of its own, while the writer prepares the next group.
//!
//! The connection of the writer does not sync the log when it commits: a power cut leaves whole
//! groups, but may take the last ones. So nobody hears of a group before the log was synced behind
//! it. Who asked for it is answered then, and who reads waits for what the reading may have seen.

use super::trouble::Trouble;
use crate::StoreError;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::watch;

/// Groups that may wait for the one that is being synced. While they do, the next one grows.
const WAITING_MAX: usize = 1;

/// How much of what was committed is durable.
#[derive(Debug)]
pub(super) struct Durable {
    /// How many commits were begun.
    begun: AtomicU64,
    /// How many of them are durable, or will never be seen; `None` once that cannot be told any
    /// more.
    settled: watch::Sender<Option<u64>>,
}

impl Default for Durable {
    fn default() -> Durable {
        Durable { begun: AtomicU64::new(0), settled: watch::Sender::new(Some(0)) }
    }
}

impl Durable {
    /// To be called before each COMMIT, so that whoever sees the commit sees the number too.
    pub(super) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// How many commits were begun so far: what was read before rests on no others.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    /// Waits until so many commits are durable.
    pub(super) async fn reached(&self, commits: u64) -> Result<(), StoreError> {
        if self.settled.borrow().is_some_and(|settled| commits <= settled) {
            return Ok(());
        }
        let is_reached = |settled: &Option<u64>| settled.is_none_or(|settled| commits <= settled);
        // The other end is `self`.
        let settled = self.settled.subscribe().wait_for(is_reached).await.ok().and_then(|it| *it);
        settled.map(|_| ()).ok_or_else(|| StoreError::NotApplied(LOST.into()))
    }

    /// Whether a sync has failed, after which nothing is certain any more.
    pub(super) fn is_lost(&self) -> bool {
        self.settled.borrow().is_none()
    }

    /// To be called when a sync has failed, of the log or of the file. The system may count as written
    /// what was lost, so that another try says nothing: whatever follows rests on nothing.
    pub(super) fn lose(&self) {
        self.settled.send_replace(None);
    }

    /// Ends when a sync has failed.
    pub(super) async fn lost(&self) {
        // The other end is `self`.
        drop(self.settled.subscribe().wait_for(Option::is_none).await);
    }

    fn settle(&self, commits: u64) {
        self.settled.send_if_modified(|settled| {
            let is_certain = settled.is_some();
            *settled = settled.map(|_| commits);
            is_certain
        });
    }
}

/// Said after a failed sync.
pub(super) const LOST: &str =
    "the disk failed to keep what was written; the store must be opened again";

/// What was committed, and whom to tell whether it is durable.
struct Committed {
    commits: u64,
    tell: Box<dyn FnOnce(bool) + Send>,
}

/// The syncing thread, as the writer holds it.
pub(super) struct Syncer {
    durable: Arc<Durable>,
    waiting: Option<SyncSender<Committed>>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    /// Starts the thread. `sync` makes durable what the log holds when it is called.
    pub(super) fn start(
        durable: Arc<Durable>,
        sync: impl FnMut() -> io::Result<()> + Send + 'static,
    ) -> Result<Syncer, Trouble> {
        let (waiting, arriving) = sync_channel(WAITING_MAX);
        let shared = Arc::clone(&durable);
        let thread = std::thread::Builder::new()
            .name("sqlite-syncer".to_owned())
            .spawn(move || run(&shared, &arriving, sync))
            .map_err(Trouble::broken)?;
        Ok(Syncer { durable, waiting: Some(waiting), thread: Some(thread) })
    }

    /// Makes everything durable that was committed so far, then tells whether it is.
    pub(super) fn tell(&self, tell: impl FnOnce(bool) + Send + 'static) {
        let told = Committed { commits: self.durable.begun(), tell: Box::new(tell) };
        let refused = match &self.waiting {
            Some(waiting) => waiting.send(told).err().map(|refused| refused.0),
            None => Some(told),
        };
        if let Some(told) = refused {
            (told.tell)(false);
        }
    }
}

impl Drop for Syncer {
    /// Waits until everybody was told.
    fn drop(&mut self) {
        drop(self.waiting.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the syncer ended in a panic");
        }
    }
}

/// Says that nothing is certain if the thread ends before its time.
struct End<'a>(&'a Durable);

impl Drop for End<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lose();
        }
    }
}

fn run(
    durable: &Durable,
    arriving: &Receiver<Committed>,
    mut sync: impl FnMut() -> io::Result<()>,
) {
    let _end = End(durable);
    let mut settled = 0;
    while let Ok(first) = arriving.recv() {
        let mut together = vec![first];
        together.extend(arriving.try_iter());
        let commits = together.iter().map(|it| it.commits).max().unwrap_or_default();
        if settled < commits && !durable.is_lost() {
            match sync() {
                Ok(()) => {
                    settled = commits;
                    durable.settle(commits);
                }
                Err(error) => {
                    tracing::error!(%error, "the write-ahead log could not be synced");
                    durable.lose();
                }
            }
        }
        let is_durable = !durable.is_lost();
        for committed in together {
            (committed.tell)(is_durable);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SqliteOptions, SqliteStore};
    use super::*;
    use crate::{Batch, Order, PageRequest, Start, Store};
    use kehub_core::command::{Command, IdentitySent, Origin, Request, Upsert};
    use kehub_core::directory::NewTenant;
    use kehub_core::filter::Filter;
    use kehub_core::outcome::Outcome;
    use kehub_core::policy::Preset;
    use kehub_core::{AppNumber, TenantId};
    use std::future::{Future, poll_fn};
    use std::path::Path;
    use std::pin::pin;
    use std::sync::mpsc::{Sender, TryRecvError, channel};
    use std::task::Poll;
    use std::time::Duration;

    /// A syncer whose syncs end when they are told how.
    fn syncer() -> (Arc<Durable>, Syncer, Sender<io::Result<()>>) {
        let durable = Arc::new(Durable::default());
        let (ends, ending) = channel();
        let sync = move || ending.recv().unwrap();
        let syncer = Syncer::start(Arc::clone(&durable), sync).unwrap();
        (durable, syncer, ends)
    }

    /// Begins a commit, and answers where its fate is told.
    fn commit(durable: &Durable, syncer: &Syncer) -> Receiver<bool> {
        durable.begin();
        let (fate, told) = channel();
        syncer.tell(move |is_durable| fate.send(is_durable).unwrap());
        told
    }

    #[tokio::test]
    async fn nobody_hears_of_a_commit_before_it_is_synced() {
        let (durable, syncer, ends) = syncer();
        durable.reached(durable.begun()).await.unwrap();
        let told = commit(&durable, &syncer);
        let mut reading = pin!(durable.reached(durable.begun()));
        let waits = poll_fn(|context| Poll::Ready(reading.as_mut().poll(context).is_pending()));
        assert!(waits.await);
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty));

        ends.send(Ok(())).unwrap();
        reading.await.unwrap();
        assert_eq!(told.recv(), Ok(true));
        // What rests on the same commits needs no other sync.
        let (fate, told) = channel();
        syncer.tell(move |is_durable| fate.send(is_durable).unwrap());
        assert_eq!(told.recv(), Ok(true));
    }

    #[tokio::test]
    async fn after_a_failed_sync_nothing_is_certain() {
        let (durable, syncer, ends) = syncer();
        let before = commit(&durable, &syncer);
        ends.send(Ok(())).unwrap();
        assert_eq!(before.recv(), Ok(true));

        let failed = commit(&durable, &syncer);
        ends.send(Err(io::Error::other("no disk"))).unwrap();
        assert_eq!(failed.recv(), Ok(false));
        assert!(durable.is_lost());
        let refused = durable.reached(durable.begun()).await.unwrap_err();
        assert!(matches!(refused, StoreError::NotApplied(_)), "{refused:?}");
        // No second try, which the system might let pass.
        assert_eq!(commit(&durable, &syncer).recv(), Ok(false));
    }

    /// A store with a tenant, whose further syncs end when they are told how.
    async fn store(path: &Path) -> (SqliteStore, Sender<io::Result<()>>) {
        let (ends, ending) = channel();
        let syncing = |_| move || ending.recv().unwrap();
        let store = SqliteStore::open_syncing(path, SqliteOptions::default(), syncing).unwrap();
        let tenant = NewTenant { name: "first".into(), preset: Preset::Compat };
        ends.send(Ok(())).unwrap();
        let made = store.apply(batch(Command::CreateTenant(tenant))).await.unwrap();
        assert!(matches!(&*made, [Outcome::Tenant(tenant)] if tenant.id == TENANT), "{made:?}");
        (store, ends)
    }

    const TENANT: TenantId = TenantId(1);

    fn batch(command: Command) -> Batch {
        let origin = Origin { app: AppNumber(1), actor: None, request: "test".into(), at: 1 };
        Batch::one(Request { tenant: TENANT, origin, dry_run: false, idempotency: None, command })
    }

    fn upsert() -> Batch {
        let identity = IdentitySent {
            kind: "crm-account".to_owned(),
            value: "wang".to_owned(),
            ..IdentitySent::default()
        };
        batch(Command::Upsert(Upsert { identities: vec![identity], ..Upsert::default() }))
    }

    /// Applies a customer, whose commit can be seen when this ends, before it is synced.
    async fn applying(store: &Arc<SqliteStore>) -> impl Future<Output = Applied> + use<> {
        let mut committed = store.committed();
        let applying = Arc::clone(store);
        let applied = tokio::spawn(async move { applying.apply(upsert()).await });
        committed.changed().await.unwrap();
        async { applied.await.unwrap() }
    }

    type Applied = Result<Vec<Outcome>, StoreError>;

    /// Whether something does not end. It would within this time, unless it waits for a sync.
    async fn waits(future: impl Future) -> bool {
        tokio::time::timeout(Duration::from_millis(300), future).await.is_err()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn neither_answers_nor_reads_come_before_the_sync() {
        let folder = tempfile::tempdir().unwrap();
        let (store, ends) = store(&folder.path().join("hub.db")).await;
        let store = Arc::new(store);
        let mut applied = pin!(applying(&store).await);
        let everybody = Filter::default();
        let page = PageRequest {
            order: Order::default(),
            start: Start::Offset(0),
            limit: 9,
            counted: false,
        };
        assert!(waits(applied.as_mut()).await);
        assert!(waits(store.identity(TENANT, "crm-account", "wang")).await);
        assert!(waits(store.customers(TENANT, &everybody, &page)).await);
        // Nothing to write, but it rests on what is not certain yet.
        assert!(waits(store.apply(upsert())).await);

        ends.send(Ok(())).unwrap();
        applied.await.unwrap();
        let found = store.identity(TENANT, "crm-account", "wang").await.unwrap();
        assert!(found.is_some());
        let listed = store.customers(TENANT, &everybody, &page).await.unwrap();
        assert_eq!(listed.customers.len(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_whose_log_cannot_be_synced_leaves_it_to_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        let (store, ends) = store(&path).await;
        let store = Arc::new(store);
        let applied = applying(&store).await;
        assert!(waits(store.lost()).await);
        ends.send(Err(io::Error::other("no disk"))).unwrap();
        let unknown = applied.await.unwrap_err();
        assert!(matches!(unknown, StoreError::Unknown(_)), "{unknown:?}");
        store.lost().await;
        for refused in [
            store.identity(TENANT, "crm-account", "wang").await.map(drop),
            store.customer_count(TENANT, &Filter::default()).await.map(drop),
        ] {
            assert!(matches!(refused, Err(StoreError::NotApplied(_))), "{refused:?}");
        }
        store.apply(upsert()).await.unwrap_err();
        store.close().await.unwrap();
        drop(store);
        assert_ne!(std::fs::metadata(folder.path().join("hub.db-wal")).unwrap().len(), 0);

        let again = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
        let found = again.customer_count(TENANT, &Filter::default()).await.unwrap();
        assert_eq!(found, 1);
    }

    #[test]
    fn everybody_is_told_before_the_syncer_ends() {
        let (durable, syncer, ends) = syncer();
        let told = [commit(&durable, &syncer), commit(&durable, &syncer)];
        for _ in &told {
            ends.send(Ok(())).unwrap();
        }
        drop(syncer);
        assert_eq!(told.map(|told| told.try_recv()), [Ok(true), Ok(true)]);
    }
}
