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

    fn settle(&self, commits: Option<u64>) {
        self.settled.send_replace(commits);
    }
}

/// Said after a failed sync.
pub(super) const LOST: &str =
    "the write-ahead log could not be made durable; the hub must be started again";

/// What was committed, and whom to tell whether it is durable.
struct Waiting {
    commits: u64,
    tell: Box<dyn FnOnce(bool) + Send>,
}

/// The syncing thread, as the writer holds it.
pub(super) struct Syncer {
    durable: Arc<Durable>,
    waiting: Option<SyncSender<Waiting>>,
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
        let told = Waiting { commits: self.durable.begun(), tell: Box::new(tell) };
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
            self.0.settle(None);
        }
    }
}

fn run(durable: &Durable, arriving: &Receiver<Waiting>, mut sync: impl FnMut() -> io::Result<()>) {
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
                    durable.settle(Some(commits));
                }
                // The system may count as written what was lost, so that another try says nothing.
                Err(error) => {
                    tracing::error!(%error, "{LOST}");
                    durable.settle(None);
                }
            }
        }
        let is_durable = !durable.is_lost();
        for waiting in together {
            (waiting.tell)(is_durable);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::sync::mpsc::{Sender, TryRecvError, channel};
    use std::task::Poll;

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
