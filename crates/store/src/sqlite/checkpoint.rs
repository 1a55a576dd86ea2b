//! Moves what was committed from the write-ahead log into the file, on a thread of its own, so
//! that no commit waits for it.

use super::connection;
use super::trouble::Trouble;
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the length of the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// The checkpointing thread, as the store holds it.
pub(super) struct Checkpointer {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpointer {
    pub(super) fn start(path: &Path, wal_pages: u32) -> Result<Checkpointer, Trouble> {
        let conn = connection::writing(path)?;
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let log = std::path::PathBuf::from(log);
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let stopped = Arc::clone(&stop);
        let limit = u64::from(wal_pages) * 4096;
        let run = move || {
            while !wait(&stopped) {
                let length = std::fs::metadata(&log).map_or(0, |file| file.len());
                if limit > 0 && length > limit {
                    checkpoint(&conn, PASSIVE);
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

fn checkpoint(conn: &Connection, pragma: &str) {
    if let Err(error) = conn.query_row(pragma, (), |_| Ok(())) {
        tracing::warn!(%error, "a checkpoint failed; the log keeps growing until one succeeds");
    }
}
