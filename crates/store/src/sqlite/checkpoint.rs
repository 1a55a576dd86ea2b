//! Moves what was committed from the write-ahead log into the file, on a thread of its own, so
//! that no commit waits for the bulk of it.
//!
//! The log starts over only when all of it has been moved, and under load there is always a commit
//! that was not. So the thread moves what there is, then what came in meanwhile, and so on until that
//! is little. Then it asks the writer, which moves the last few pages between two groups. The next
//! commit finds the log wholly moved.
//!
//! SQLite syncs the file only when all of the log has been moved, which would leave that to the
//! writer. So the thread syncs it each time. When that fails, or a sync of the log did, nothing is moved
//! any more: the log is what the next one who opens the file recovers from.
//!
//! After an erasure the thread empties the log, sweeps the pages, and empties the log again. That is
//! noted in the file last, so that a hub that was killed in between goes on with it.

use super::connection::{self, MOVE};
use super::durable::Durable;
use super::sweep;
use super::trouble::Trouble;
use rusqlite::{Connection, ffi};
use std::fs::File;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the length of the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long the log waits to be emptied for those who read it. Writers wait as well meanwhile, and a
/// look at a large file takes minutes: it is tried again and again, and never for long.
const EMPTYING: Duration = Duration::from_millis(10);
/// How many times as long as it took to sweep all pages the thread leaves them alone.
const SWEEPING_RESTS: u32 = 9;
/// How long a hub that ends takes to sweep; what is left then is left to the next one.
const LAST_SWEEP: Duration = Duration::from_secs(5);

/// How many pages are little: the writer moves and syncs them in some milliseconds.
const REST: u32 = 150;
/// How often the thread moves what came in, where that is never so little.
const PASSES_MAX: u32 = 10;
/// How many pages somebody may be reading when the writer is asked for the rest. Where they are more,
/// the log cannot start over before that somebody ends, and the writer would have all of it to move.
const READ_MAX: u32 = 1_000;
/// How long the writer waits after each group meanwhile. Larger groups write fewer pages.
const PAUSE: Duration = Duration::from_millis(3);

const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// What the writer and the checkpointer tell each other.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// How much of it is durable.
    pub(super) durable: Arc<Durable>,
    /// Pages in the log after the last commit of the writer.
    pages: AtomicU32,
    /// Whether the writer is to leave pauses, so that what comes in becomes little.
    slows: AtomicBool,
    /// Whether the writer is to move the rest.
    rest: AtomicBool,
    /// Whether something was erased, of which the log and unused parts of pages still hold traces.
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

    /// Pages in the log after the last commit of the writer.
    pub(super) fn pages(&self) -> u32 {
        self.pages.load(Ordering::Relaxed)
    }

    /// Called when an erasure is committed: its traces are to be removed.
    pub(super) fn forget(&self) {
        self.erased.store(true, Ordering::Release);
    }

    /// Called before a connection that writes is closed: once a sync has failed, it moves nothing.
    pub(super) fn leave_if_lost(&self, conn: &Connection) {
        if self.durable.is_lost()
            && let Err(trouble) = connection::leave_log(conn)
        {
            tracing::error!(%trouble, "the write-ahead log may be moved when it is closed");
        }
    }

    /// Called by the writer between two groups: moves the rest if it is time to, or lets the thread
    /// catch up.
    pub(super) fn move_rest(&self, writer: &Connection) {
        if self.rest.load(Ordering::Acquire) {
            checkpoint(writer, MOVE, &self.durable);
            if let Err(trouble) = connection::fit_cache(writer) {
                tracing::warn!(%trouble, "the writer's cache stays as it is");
            }
            self.slows.store(false, Ordering::Release);
            self.rest.store(false, Ordering::Release);
        } else if self.slows.load(Ordering::Acquire) {
            std::thread::sleep(PAUSE);
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
        let file =
            ManuallyDrop::new(File::options().write(true).open(path).map_err(Trouble::broken)?);
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let stopped = Arc::clone(&stop);
        let mut keeper = Keeper { conn, file, log, debt: Debt::None, sweep_from: Instant::now() };
        let run = move || {
            let _end = End(Arc::clone(&keeper.log));
            while !wait(&stopped, LOOK_EVERY) {
                keeper.forget(|| wait(&stopped, Duration::ZERO));
                keeper.move_much(wal_pages);
            }
            keeper.end();
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

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.close();
    }
}

/// Ends the store with the thread, if that ends before its time: the log would grow for ever.
struct End(Arc<Log>);

impl Drop for End {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.durable.lose();
        }
    }
}

/// What is owed after an erasure.
enum Debt {
    None,
    /// To sweep the pages; and to empty the log before, unless that has been done since the last erasure.
    Sweep {
        is_emptied: bool,
    },
    /// To empty the log of what was swept, up to this erasure.
    Empty(i64),
}

/// The thread's own part.
struct Keeper {
    conn: Connection,
    /// To be synced. It is never closed: with it, the system would take all locks from this process
    /// that SQLite has on the file.
    file: ManuallyDrop<File>,
    log: Arc<Log>,
    debt: Debt,
    sweep_from: Instant,
}

impl Keeper {
    /// Moves what is in the log, if that is much, and asks the writer for the rest.
    fn move_much(&self, wal_pages: u32) {
        // The length of the file would not do: it never shrinks.
        let is_long = self.log.pages.load(Ordering::Relaxed) > wal_pages;
        if wal_pages > 0 && is_long && !self.log.rest.load(Ordering::Acquire) {
            let is_free = self.catch_up().is_some();
            self.log.slows.store(is_free, Ordering::Release);
            self.log.rest.store(is_free, Ordering::Release);
        }
    }

    /// Moves what there is, then what came in, until that is little, or as little as it will be.
    fn catch_up(&self) -> Option<()> {
        self.move_and_sync()?;
        self.log.slows.store(true, Ordering::Release);
        for _ in 0..PASSES_MAX {
            if self.move_and_sync()? < REST {
                break;
            }
        }
        Some(())
    }

    /// How many pages are left to be moved; `None` if something, or somebody, was in the way.
    fn move_and_sync(&self) -> Option<u32> {
        let pass = checkpoint(&self.conn, MOVE, &self.log.durable)?;
        if let Err(error) = self.file.sync_data() {
            tracing::error!(%error, "the file could not be synced");
            self.log.durable.lose();
            return None;
        }
        let pages = self.log.pages.load(Ordering::Relaxed).max(pass.pages);
        (pass.pages.saturating_sub(pass.moved) <= READ_MAX)
            .then(|| pages.saturating_sub(pass.moved))
    }

    /// Removes the traces of erasures, as far as readers and `is_over` let it.
    fn forget(&mut self, is_over: impl Fn() -> bool) {
        let log = Arc::clone(&self.log);
        let is_over = || log.durable.is_lost() || is_over();
        if self.log.erased.swap(false, Ordering::AcqRel) {
            self.debt = Debt::Sweep { is_emptied: false };
        }
        if let Debt::Sweep { is_emptied } = self.debt {
            // Most of it is in the log, and that goes quickly. Once will do: writers wait meanwhile, and
            // what was answered from memory is read anew.
            self.debt = Debt::Sweep { is_emptied: is_emptied || self.empty() };
            if self.sweep_from <= Instant::now() {
                self.sweep(is_over);
            }
        }
        if let Debt::Empty(erasures) = self.debt
            && self.empty()
        {
            match sweep::note(&self.conn, erasures) {
                Ok(()) => self.debt = Debt::None,
                Err(trouble) => tell(&trouble),
            }
        }
    }

    fn sweep(&mut self, is_over: impl Fn() -> bool) {
        let started = Instant::now();
        match sweep::sweep(&mut self.conn, is_over) {
            Ok(Some(erasures)) => self.debt = Debt::Empty(erasures),
            Ok(None) => (),
            Err(trouble) if trouble.is_busy() => (),
            Err(trouble) => {
                tell(&trouble);
                self.debt = Debt::None;
            }
        }
        self.sweep_from = Instant::now() + started.elapsed() * SWEEPING_RESTS;
    }

    /// Moves all of the log into the file and makes it empty; whether nobody was in the way.
    fn empty(&self) -> bool {
        if let Err(error) = self.conn.busy_timeout(EMPTYING) {
            tell(&error.into());
        }
        // The bulk of it first, for which no writer waits.
        checkpoint(&self.conn, MOVE, &self.log.durable);
        checkpoint(&self.conn, TRUNCATE, &self.log.durable).is_some_and(|pass| !pass.is_busy)
    }

    /// What is to be done at the end.
    fn end(&mut self) {
        let until = Instant::now() + LAST_SWEEP;
        self.sweep_from = Instant::now();
        self.forget(|| until < Instant::now());
        self.empty();
        self.log.leave_if_lost(&self.conn);
    }
}

fn tell(trouble: &Trouble) {
    tracing::warn!(%trouble, "traces of what was erased could not be removed from the file");
}

/// Waits for the next look; whether it was the last.
fn wait(stop: &(Mutex<bool>, Condvar), time: Duration) -> bool {
    let stopped = stop.0.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = stop.1.wait_timeout_while(stopped, time, |stopped| !*stopped);
    *waited.unwrap_or_else(PoisonError::into_inner).0
}

/// What a checkpoint came to.
struct Pass {
    /// Whether somebody was in the way of what it was to do to all of the log.
    is_busy: bool,
    /// Pages of the log, and how many of them are in the file.
    pages: u32,
    moved: u32,
}

/// Moves what nobody reads from the log; `None` if that failed. Does nothing once a sync has failed.
fn checkpoint(conn: &Connection, pragma: &str, durable: &Durable) -> Option<Pass> {
    if durable.is_lost() {
        return None;
    }
    let count = |row: &rusqlite::Row<'_>, at| {
        // -1 if another process is at it.
        row.get(at).map(|pages: i64| u32::try_from(pages).unwrap_or_default())
    };
    let pass = conn.query_row(pragma, (), |row| {
        Ok(Pass { is_busy: row.get(0)?, pages: count(row, 1)?, moved: count(row, 2)? })
    });
    let error = match pass {
        Ok(pass) => return Some(pass),
        Err(error) => error,
    };
    tracing::warn!(%error, "a checkpoint failed; the log keeps growing until one succeeds");
    if error.sqlite_error().is_some_and(|cause| cause.extended_code == ffi::SQLITE_IOERR_FSYNC) {
        durable.lose();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with more pages in its log than are left to the writer, and who keeps it.
    fn keeper(folder: &Path) -> (Connection, Keeper) {
        let path = folder.join("hub.db");
        let mut writer = connection::writing(&path).unwrap();
        let log = Arc::new(Log::default());
        log.watch(&mut writer).unwrap();
        let conn = connection::writing(&path).unwrap();
        let file = ManuallyDrop::new(File::options().write(true).open(&path).unwrap());
        let keeper = Keeper { conn, file, log, debt: Debt::None, sweep_from: Instant::now() };
        writer.execute_batch("CREATE TABLE filled (bytes)").unwrap();
        (writer, keeper)
    }

    fn fill(writer: &Connection) {
        let pages = i64::from(READ_MAX) * 2;
        writer.execute("INSERT INTO filled VALUES (zeroblob(2048 * ?1))", [pages]).unwrap();
    }

    #[test]
    fn the_writer_is_not_asked_for_what_somebody_reads() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, keeper) = keeper(folder.path());
        let reader = Connection::open(folder.path().join("hub.db")).unwrap();
        let look = "BEGIN; SELECT count(*) FROM filled";
        reader.execute_batch(look).unwrap();
        fill(&writer);
        let asked = || keeper.log.rest.load(Ordering::Acquire);
        let slowed = || keeper.log.slows.load(Ordering::Acquire);

        keeper.move_much(1);
        assert_eq!((asked(), slowed()), (false, false));

        reader.execute_batch("COMMIT").unwrap();
        keeper.move_much(1);
        assert_eq!((asked(), slowed()), (true, true));
        keeper.log.move_rest(&writer);
        assert_eq!((asked(), slowed()), (false, false));
        // The log starts over.
        fill(&writer);
        let pages = keeper.log.pages.load(Ordering::Relaxed);
        assert!(pages < READ_MAX * 3, "{pages}");
    }

    /// An import writes more while the thread is at it than the writer is left with elsewhere.
    #[test]
    fn the_log_starts_over_however_fast_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, keeper) = keeper(folder.path());
        fill(&writer);
        keeper.log.pages.fetch_add(READ_MAX * 10, Ordering::Relaxed);
        keeper.move_much(1);
        assert!(keeper.log.rest.load(Ordering::Acquire));
    }

    #[test]
    fn the_log_is_emptied_once_while_an_erasure_waits_to_be_swept() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, mut keeper) = keeper(folder.path());
        let log = folder.path().join("hub.db-wal");
        let length = || std::fs::metadata(&log).unwrap().len();
        // After a sweep that took long, the thread rests.
        keeper.sweep_from = Instant::now() + Duration::from_hours(1);
        keeper.log.forget();
        keeper.forget(|| false);
        assert_eq!(length(), 0);

        fill(&writer);
        let filled = length();
        keeper.forget(|| false);
        assert_eq!(length(), filled);
        assert_ne!(filled, 0);

        // The next one leaves traces of its own.
        keeper.log.forget();
        keeper.forget(|| false);
        assert_eq!(length(), 0);
    }

    #[test]
    fn the_log_is_emptied_later_if_somebody_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, mut keeper) = keeper(folder.path());
        let log = folder.path().join("hub.db-wal");
        let reader = Connection::open(folder.path().join("hub.db")).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM filled").unwrap();
        fill(&writer);
        keeper.sweep_from = Instant::now() + Duration::from_hours(1);
        keeper.log.forget();
        keeper.forget(|| false);
        assert_ne!(std::fs::metadata(&log).unwrap().len(), 0);

        reader.execute_batch("COMMIT").unwrap();
        keeper.forget(|| false);
        assert_eq!(std::fs::metadata(&log).unwrap().len(), 0);
    }

    #[test]
    fn after_a_failed_sync_of_the_file_the_log_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, mut keeper) = keeper(folder.path());
        fill(&writer);
        // It cannot be synced.
        keeper.file = ManuallyDrop::new(File::options().write(true).open("/dev/null").unwrap());
        keeper.move_much(1);
        assert!(keeper.log.durable.is_lost());
        keeper.log.rest.store(true, Ordering::Release);
        keeper.log.move_rest(&writer);
        keeper.end();
        connection::leave_log(&writer).unwrap();
        drop((writer, keeper));
        let log = std::fs::metadata(folder.path().join("hub.db-wal")).unwrap().len();
        assert!(log > u64::from(READ_MAX) * 2048, "{log}");
    }
}
