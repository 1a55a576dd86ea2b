//! Moves what was committed from the write-ahead log into the file, on a thread of its own, so
//! that no commit waits for the bulk of it.
//!
//! The log starts over only when all of it has been moved, and under load there is always a commit
//! that was not. So the thread moves what there is and then asks the writer, which moves the few
//! pages that came in meanwhile between two groups. The next commit finds the log wholly moved.

use super::connection;
use super::trouble::Trouble;
use rusqlite::Connection;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the length of the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// What the writer and the checkpointer tell each other.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Pages in the log after the last commit of the writer.
    pages: AtomicU32,
    /// Whether the writer is to move the rest.
    rest: AtomicBool,
    /// Whether something was erased that still stands in the log.
    erased: AtomicBool,
}

impl Log {
    /// Keeps count of the pages of the log from now on.
    pub(super) fn watch(self: &Arc<Self>, writer: &mut Connection) -> Result<(), Trouble> {
        let log = Arc::clone(self);
        let count = move |_: &mut rusqlite::hooks::Wal, pages| {
            log.pages.store(u32::try_from(pages).unwrap_or_default(), Ordering::Relaxed);
            Ok(())
        };
        Ok(writer.wal_hook(Some(count))?)
    }

    /// Called by the writer after an erasure: the log, which holds what was erased, is to be emptied
    /// as soon as nobody reads it.
    pub(super) fn forget(&self) {
        self.erased.store(true, Ordering::Release);
    }

    /// Called by the writer between two groups: moves the rest if it is time to.
    pub(super) fn move_rest(&self, writer: &Connection) {
        if self.rest.load(Ordering::Acquire) {
            checkpoint(writer, PASSIVE);
            self.rest.store(false, Ordering::Release);
        }
    }
}

/// The checkpointing thread, as the store holds it.
pub(super) struct Checkpointer {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpointer {
    pub(super) fn start(
        path: &Path,
        wal_pages: u32,
        log: Arc<Log>,
    ) -> Result<Checkpointer, Trouble> {
        let conn = connection::writing(path)?;
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let stopped = Arc::clone(&stop);
        let run = move || {
            while !wait(&stopped) {
                if log.erased.swap(false, Ordering::AcqRel) && !checkpoint(&conn, TRUNCATE) {
                    log.erased.store(true, Ordering::Release);
                }
                // The length of the file would not do: it never shrinks.
                let is_long = log.pages.load(Ordering::Relaxed) > wal_pages;
                if wal_pages > 0 && is_long && !log.rest.load(Ordering::Acquire) {
                    checkpoint(&conn, PASSIVE);
                    log.rest.store(true, Ordering::Release);
                }
            }
            checkpoint(&conn, TRUNCATE);
        };
        let thread = std::thread::Builder::new()
            .name("sqlite-checkpointer".to_owned())
            .spawn(run)
            .map_err(Trouble::broken)?;
        Ok(Checkpointer { stop, thread: Mutex::new(Some(thread)) })
    }

    /// Checkpoints all that is left and ends the thread.
    pub(super) fn close(&self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the checkpointer ended in a panic");
        }
    }
}

/// Waits for the next look; whether it was the last.
fn wait(stop: &(Mutex<bool>, Condvar)) -> bool {
    let stopped = stop.0.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = stop.1.wait_timeout_while(stopped, LOOK_EVERY, |stopped| !*stopped);
    *waited.unwrap_or_else(PoisonError::into_inner).0
}

/// Whether all of it was done: somebody may be reading what is in the log.
fn checkpoint(conn: &Connection, pragma: &str) -> bool {
    let busy: Result<bool, _> = conn.query_row(pragma, (), |row| row.get(0));
    match busy {
        Ok(busy) => !busy,
        Err(error) => {
            tracing::warn!(%error, "a checkpoint failed; the log keeps growing until one succeeds");
            false
        }
    }
}
