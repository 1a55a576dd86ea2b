//! Connections to the file: how they are set up, the pool for reading, the one for checkpoints.

use super::schema;
use super::trouble::Trouble;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a connection waits for another process before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept by a connection.
const STATEMENTS_MAX: usize = 128;

/// How often, and after what pause, the log is asked for again while another process makes the
/// same file: SQLite does not wait by itself there.
const LOG_TRIES_MAX: u32 = 100;
const LOG_PAUSE: Duration = Duration::from_millis(20);

/// Pages of a new file: half of what SQLite takes by itself. Most pages that an upsert touches are touched for
/// a row or two, and go into the log as a whole: 20 KB an upsert instead of 26 from 64 connections, 30 instead
/// of 40 at half of that rate, where a disk of 200 MB/s otherwise could not follow (decision 28). A file keeps
/// the size with which it was made.
const PAGE: &str = "PRAGMA page_size = 2048";
const LOG: &str = "PRAGMA journal_mode = WAL";
/// Every commit is durable when it returns, unless [`leave_syncing`] is called; no commit checkpoints by
/// itself. What is overwritten or deleted is filled with zeros, so that an erasure leaves nothing behind.
const WRITING: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA secure_delete = ON;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA temp_store = MEMORY;";
/// Where SQLite leaves out a page for its locks. While a tree is balanced, pages bear its number for a moment,
/// and if the file is shorter than that, the commit looks through the whole cache for pages behind its end.
const PENDING: i64 = 1 << 30;
/// What the writer keeps of such a file: the inner pages of trees, since leaves are met at random (decision 35).
const CACHE_SHORT_KIB: i64 = 8 << 10;
/// What it keeps of a longer one at least and at most. A hundredth of a file are inner pages.
const CACHE_LONG_KIB: (i64, i64) = (16 << 10, 256 << 10);
/// Moves what nobody reads from the log into the file.
pub(super) const MOVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
/// The log is synced by whoever makes a commit known.
const LEAVE_SYNCING: &str = "PRAGMA synchronous = NORMAL";
const READING: &str = "
    PRAGMA query_only = TRUE;
    PRAGMA cache_size = -16384;
    PRAGMA mmap_size = 1073741824;
    PRAGMA temp_store = MEMORY;";

/// For who goes through a file once, at leisure: it leaves the memory of the machine to others, and what
/// it has to sort to the disk.
const WALKING: &str = "
    PRAGMA query_only = TRUE;
    PRAGMA cache_size = -16384;
    PRAGMA temp_store = FILE;";

/// As [`WALKING`], beside what is set for who looks.
const LOOKING_LONG: &str = "PRAGMA mmap_size = 0; PRAGMA temp_store = FILE;";

/// Nothing of it outlives the connection.
const SCRATCH: &str = "
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -65536;";

const ALONE: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA locking_mode = EXCLUSIVE;
    BEGIN EXCLUSIVE;";

/// For as much as a file can take at once.
const FILLING: &str = "
    COMMIT;
    PRAGMA cache_size = -262144;
    PRAGMA wal_autocheckpoint = 16000;";

/// What is written there is synced by whoever makes it known.
const UNSHARED: &str = "
    PRAGMA journal_mode = DELETE;
    PRAGMA synchronous = OFF;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;";

/// Folds the log into a file that a connection has to itself and keeps to itself, and does without
/// a log or a journal from then on, which would be found beside whatever takes its place.
const WHOLE: &str = "
    ROLLBACK;
    PRAGMA journal_mode = DELETE;
    PRAGMA journal_mode = MEMORY;";

/// Not ours any more.
const GIVEN_UP: &str = "PRAGMA application_id = 1";

/// A connection that writes, to a file that may be new.
pub(super) fn writing(path: &Path) -> Result<Connection, Trouble> {
    make_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    set_up(&conn)?;
    // Before anything is changed in a file that may be somebody else's, or a later Kehub's.
    schema::due(&conn)?;
    conn.execute_batch(PAGE)?;
    use_log(&conn)?;
    conn.execute_batch(WRITING)?;
    fit_cache(&conn)?;
    Ok(conn)
}

/// Lets the commits of a connection that writes be durable no more by themselves, if nobody else does so
/// who uses the same log: of two, each would let others see what the other one has not synced.
pub(super) fn leave_syncing(conn: &Connection, log: &File) -> Result<(), Trouble> {
    match log.try_lock() {
        Ok(()) => (),
        Err(TryLockError::WouldBlock) => {
            tracing::warn!("another hub uses the file: each commit of this one waits for the disk");
            return Ok(());
        }
        Err(TryLockError::Error(error)) => return Err(Trouble::broken(error)),
    }
    // Who was killed may have left what they did not sync, and who could not sync what the disk does not
    // hold. Moving it writes and syncs it once more.
    conn.query_row(MOVE, (), |_| Ok(()))?;
    log.sync_data().map_err(Trouble::broken)?;
    Ok(conn.execute_batch(LEAVE_SYNCING)?)
}

/// Lets a connection leave the log as it is, should it be the last one to be closed.
pub(super) fn leave_log(conn: &Connection) -> Result<(), Trouble> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(())
}

/// A number that is another one once another connection has committed.
pub(super) fn data_version(conn: &Connection) -> Result<i64, Trouble> {
    Ok(conn.prepare_cached(DATA_VERSION)?.query_row((), |row| row.get(0))?)
}

/// Gives a connection that writes as much memory as the length of its file calls for.
pub(super) fn fit_cache(conn: &Connection) -> Result<(), Trouble> {
    let number = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let bytes = number("page_count")?.saturating_mul(number("page_size")?);
    Ok(conn.pragma_update(None, "cache_size", -cache_kib(bytes))?)
}

/// What the writer keeps of a file of this length, in KiB.
fn cache_kib(bytes: i64) -> i64 {
    if bytes < PENDING {
        return CACHE_SHORT_KIB;
    }
    (bytes / 64 / 1024).clamp(CACHE_LONG_KIB.0, CACHE_LONG_KIB.1)
}

/// Gives the disk back what a log has beyond so many pages whenever it starts over.
pub(super) fn limit_log(conn: &Connection, pages: u32) -> Result<(), Trouble> {
    let size: i64 = conn.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let limit = i64::from(pages).saturating_mul(size);
    Ok(conn.pragma_update_and_check(None, "journal_size_limit", limit, |_| Ok(()))?)
}

/// The log of a file that is in use, to be synced. It stays the same for as long as it is in use.
pub(super) fn log_of(path: &Path) -> Result<File, Trouble> {
    File::options().write(true).open(log_name(path)?).map_err(Trouble::broken)
}

/// Whether a hub uses a file, that is, has called [`leave_syncing`].
pub(super) fn is_served(path: &Path) -> Result<bool, Trouble> {
    let log = match File::open(log_name(path)?) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        log => log.map_err(Trouble::broken)?,
    };
    match log.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(Trouble::broken(error)),
    }
}

/// Reads from a place of a file, as much as there is there, but no more than fits.
#[cfg(unix)]
pub(super) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, at)
}

/// Reads from a place of a file, as much as there is there, but no more than fits.
#[cfg(windows)]
pub(super) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, bytes, at)
}

/// What the log of a file is called: it is beside the file itself, wherever a link to that stands.
pub(super) fn log_name(path: &Path) -> Result<PathBuf, Trouble> {
    let mut name = path.canonicalize().map_err(Trouble::broken)?.into_os_string();
    name.push("-wal");
    Ok(name.into())
}

/// Makes a file that is not there yet readable by its owner only: it will hold personal data.
/// SQLite gives the same mode to the log beside it.
fn make_private(path: &Path) -> Result<(), Trouble> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Trouble::broken(error)),
    }
}

fn use_log(conn: &Connection) -> Result<(), Trouble> {
    let mut tries = 1;
    loop {
        let used = conn.query_row(LOG, (), |_| Ok(())).map_err(Trouble::from);
        match used {
            Err(trouble) if trouble.is_busy() && tries < LOG_TRIES_MAX => {
                tries += 1;
                std::thread::sleep(LOG_PAUSE);
            }
            used => return used,
        }
    }
}

const DATA_VERSION: &str = "PRAGMA data_version";
const BEGIN: &str = "BEGIN";
const END: &str = "COMMIT";

/// Connections that only read, lent one at a time.
#[derive(Debug)]
pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    /// Those that read on the thread of who asks, and wait for nobody.
    near: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn open(path: &Path, count: usize) -> Result<Readers, Trouble> {
        let count = count.max(1);
        let idle = (0..count).map(|_| reading(path)).collect::<Result<_, _>>()?;
        // More threads than there are cores do not ask at the same time, or not often.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let near = (0..cores).map(|_| reading_near(path)).collect::<Result<_, _>>()?;
        let permits = Arc::new(Semaphore::new(count));
        Ok(Readers { idle: Mutex::new(idle), permits, near: Mutex::new(near) })
    }

    /// Waits for a free connection. The permit goes with the read, not with the caller: one who
    /// stops waiting leaves a read behind that still uses a connection.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// Refuses every further reader.
    pub(super) fn close(&self) {
        self.permits.close();
        locked(&self.idle).clear();
        locked(&self.near).clear();
    }

    /// Reads a handful of rows by their keys, as of one moment, on this thread: for so little, it would
    /// take longer to ask another one. `None` if that is not possible right now.
    pub(super) fn glance<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Trouble>,
    ) -> Option<Result<T, Trouble>> {
        if self.permits.is_closed() {
            return None;
        }
        let conn = locked(&self.near).pop()?;
        let found = lent(conn, &self.near, read);
        found.map_or_else(|trouble| (!trouble.is_busy()).then_some(Err(trouble)), |it| Some(Ok(it)))
    }

    /// Reads with a connection of the pool. The caller holds a permit.
    pub(super) fn read<T>(
        &self,
        path: &Path,
        read: impl FnOnce(&Connection) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let idle = locked(&self.idle).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => reading(path)?,
        };
        lent(conn, &self.idle, read)
    }
}

fn locked(pool: &Mutex<Vec<Connection>>) -> MutexGuard<'_, Vec<Connection>> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads with a connection, and puts it into a pool. It is lost if the read panics, or cannot be ended.
fn lent<T>(
    conn: Connection,
    pool: &Mutex<Vec<Connection>>,
    read: impl FnOnce(&Connection) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let found = at_one_moment(&conn, read);
    if conn.is_autocommit() {
        locked(pool).push(conn);
    }
    found
}

/// One snapshot for all statements of a read.
pub(super) fn at_one_moment<T>(
    conn: &Connection,
    read: impl FnOnce(&Connection) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    conn.prepare_cached(BEGIN)?.execute(())?;
    let found = read(conn);
    conn.prepare_cached(END)?.execute(())?;
    found
}

/// A connection that gives up rather than wait for another process.
fn reading_near(path: &Path) -> Result<Connection, Trouble> {
    let conn = reading(path)?;
    conn.busy_timeout(Duration::ZERO)?;
    Ok(conn)
}

fn reading(path: &Path) -> Result<Connection, Trouble> {
    reading_as(path, READING)
}

/// A connection that reads for long, and belongs to no pool.
pub(super) fn walking(path: &Path) -> Result<Connection, Trouble> {
    reading_as(path, WALKING)
}

fn reading_as(path: &Path, settings: &str) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    set_up(&conn)?;
    leave_log(&conn)?;
    conn.execute_batch(settings)?;
    Ok(conn)
}

/// A connection that can do nothing but read, to a file that is there, and leaves it as it is.
pub(super) fn looking(path: &Path) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    set_up(&conn)?;
    conn.execute_batch(READING)?;
    Ok(conn)
}

/// The same, for who reads for long.
pub(super) fn looking_long(path: &Path) -> Result<Connection, Trouble> {
    let conn = looking(path)?;
    conn.execute_batch(LOOKING_LONG)?;
    Ok(conn)
}

/// A connection to an empty file without a name, which takes place on the disk once it does not fit into
/// the cache, and is gone with the connection. What fails in the middle cannot be undone.
pub(super) fn scratch() -> Result<Connection, Trouble> {
    // An empty name stands for such a file.
    let conn = Connection::open("")?;
    set_up(&conn)?;
    conn.execute_batch(SCRATCH)?;
    Ok(conn)
}

/// A connection to a file that nobody else knows yet, which keeps no log beside it.
pub(super) fn unshared(path: &Path) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    set_up(&conn)?;
    conn.execute_batch(UNSHARED)?;
    Ok(conn)
}

/// A connection that has the file to itself, in a transaction that nobody else can see or enter.
pub(super) fn alone(path: &Path) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    set_up(&conn)?;
    conn.busy_timeout(Duration::ZERO)?;
    // With the log in use, every connection holds a lock on the file for as long as it is open.
    match conn.execute_batch(ALONE).map_err(Trouble::from) {
        Err(trouble) if trouble.is_busy() => Err(Trouble::broken(
            "another process has the file open: end it first, so that it does not write what it \
             has read before",
        )),
        Err(trouble) => Err(trouble),
        Ok(()) => Ok(conn),
    }
}

/// A connection that has the file to itself until it is closed, whatever it commits, to fill it.
pub(super) fn filling(path: &Path) -> Result<Connection, Trouble> {
    let conn = alone(path)?;
    conn.execute_batch(FILLING)?;
    Ok(conn)
}

/// Makes a file whole in itself that this connection has [`alone`].
pub(super) fn make_whole(alone: &Connection) -> Result<(), Trouble> {
    Ok(alone.execute_batch(WHOLE)?)
}

/// Spoils a file that this connection has [`alone`], and that has no name any more: whoever opened it
/// before and waits for it would write what nobody will find.
pub(super) fn give_up(alone: &Connection) -> Result<(), Trouble> {
    Ok(alone.execute_batch(GIVEN_UP)?)
}

fn set_up(conn: &Connection) -> Result<(), Trouble> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Without this, SQLite looks at the value bound to a LIMIT and plans such a statement anew for
    // every call: a fifth of the writer's time.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{CACHE_LONG_KIB, CACHE_SHORT_KIB, PENDING};
    use super::{Readers, cache_kib, leave_syncing, log_of, writing};
    use rusqlite::Connection;

    /// How many look at the same time before one would have to wait.
    fn at_once(readers: &Readers) -> usize {
        let deeper = readers.glance(|_| Ok(at_once(readers)));
        deeper.map_or(0, |deeper| 1 + deeper.unwrap())
    }

    #[test]
    fn one_of_those_who_use_a_log_syncs_it_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kehub.db");
        let (first, second) = (writing(&path).unwrap(), writing(&path).unwrap());
        let [log, other] = [log_of(&path).unwrap(), log_of(&path).unwrap()];
        let waits_for_the_disk = |conn: &Connection| {
            let level: i64 = conn.query_row("PRAGMA synchronous", (), |row| row.get(0)).unwrap();
            level == 2
        };
        leave_syncing(&first, &log).unwrap();
        leave_syncing(&second, &other).unwrap();
        assert_eq!([&first, &second].map(waits_for_the_disk), [false, true]);

        drop(log);
        leave_syncing(&second, &other).unwrap();
        assert!(!waits_for_the_disk(&second));
    }

    #[test]
    fn a_writer_keeps_little_of_a_short_file_and_never_much() {
        let folder = tempfile::tempdir().unwrap();
        let conn = writing(&folder.path().join("kehub.db")).unwrap();
        let kept: i64 = conn.pragma_query_value(None, "cache_size", |row| row.get(0)).unwrap();
        assert_eq!(kept, -CACHE_SHORT_KIB);
        let (least, most) = CACHE_LONG_KIB;
        let lengths = [PENDING - 1, PENDING, 8 * PENDING, 16 * PENDING, i64::MAX];
        assert_eq!(lengths.map(cache_kib), [CACHE_SHORT_KIB, least, 128 << 10, most, most]);
    }

    #[test]
    fn who_only_glances_waits_for_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kehub.db");
        drop(writing(&path).unwrap());
        let readers = Readers::open(&path, 1).unwrap();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Again and again: each gives its connection back, also after trouble.
        for _ in 0..2 {
            assert_eq!(at_once(&readers), cores);
            let wrong = readers.glance(|conn| Ok(conn.execute_batch("SELECT * FROM nothing")?));
            assert!(wrong.unwrap().is_err());
        }
        readers.close();
        assert_eq!(at_once(&readers), 0);
    }
}
