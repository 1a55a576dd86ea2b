//! Copies of a file: made beside whoever uses it, and put in its place again.
//!
//! A copy is written row by row and not page by page (`VACUUM INTO`), from one snapshot. So it is
//! small, whole in one file, and holds nothing of what was erased or deleted, wherever its traces
//! still stand in the original. What is only to be looked at is copied page by page, which takes
//! less time and keeps what may be wrong with the original.
//!
//! What is copied is synced little by little: the disk is the one that a hub syncs its log to, and
//! all at once would let everybody wait who writes.

use super::check::{check, file_problems};
use super::trouble::Trouble;
use super::{connection, make_folder, rows, schema};
use crate::OpenError;
use crate::report::{CUSTOMERS_AT_ONCE, Progress, Report};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::ffi::{OsString, c_int};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use tempfile::{NamedTempFile, TempPath};

const COPY: &str = "VACUUM INTO ?1";
const BYTES: &str = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
const BYTES_USED: &str = "
    SELECT (page_count - freelist_count) * page_size
    FROM pragma_page_count, pragma_freelist_count, pragma_page_size";

/// How often what was copied is synced, and progress told.
const SYNCED_EVERY: Duration = Duration::from_millis(50);
/// How much is synced at once of what is copied page by page: 4 MiB.
const PAGES_MAX: c_int = 1024;

/// Copies a file to a place where nothing is yet; how many bytes the copy has.
pub(super) fn back_up(path: &Path, to: &Path, progress: &dyn Progress) -> Result<u64, OpenError> {
    let of_copy = |trouble| OpenError::of(to.display(), trouble);
    refuse_taken(to).map_err(of_copy)?;
    let source = fit(path).map_err(|trouble| OpenError::of(path.display(), trouble))?;
    let copy = copied(source, to, progress).map_err(of_copy)?;
    let keep = || {
        let bytes = fs::metadata(&copy).map_err(Trouble::broken)?.len();
        sync(&copy)?;
        // Nor is what came there meanwhile.
        copy.persist_noclobber(to).map_err(|error| Trouble::broken(error.error))?;
        sync(folder_of(to))?;
        Ok(bytes)
    };
    keep().map_err(of_copy)
}

/// Puts a copy of `from` in the place of a file, if a check finds nothing wrong with it.
pub(super) fn restore(
    path: &Path,
    from: &Path,
    replace: bool,
    progress: &dyn Progress,
) -> Result<Report, OpenError> {
    let of_store = |trouble| OpenError::of(path.display(), trouble);
    let of_copy = |trouble| OpenError::of(from.display(), trouble);
    let place = place(path, from, replace).map_err(of_store)?;
    let source = sound(from, progress).map_err(of_copy)?;
    let copy = copied(source, path, progress).map_err(of_store)?;
    let report = migrated_and_checked(&copy, progress).map_err(of_copy)?;
    if report.is_sound() {
        put(copy, path, &place).map_err(of_store)?;
    }
    Ok(report)
}

/// Where a restored file is to be.
enum Place {
    Free,
    /// There is a file, which nobody else can use until this is dropped.
    Held(Connection),
}

/// The place of a store, if `from` may be put there.
fn place(path: &Path, from: &Path, replace: bool) -> Result<Place, Trouble> {
    if !is_there(path)? {
        for log in [beside(path, "-wal"), beside(path, "-journal")] {
            if is_there(&log)? {
                return Err(Trouble::broken(format!(
                    "`{}` is there without its store: move it away, lest it is taken for a part of \
                     this one",
                    log.display()
                )));
            }
        }
        make_folder(path)?;
        return Ok(Place::Free);
    }
    if !replace {
        return Err(Trouble::broken("there is a store already; `--replace` gives it up"));
    }
    let is_same = |real: PathBuf| fs::canonicalize(from).is_ok_and(|from| from == real);
    if fs::canonicalize(path).is_ok_and(is_same) {
        return Err(Trouble::broken("that is the store itself"));
    }
    let held = match connection::alone(path) {
        Err(Trouble::Sqlite(error)) => {
            return Err(Trouble::broken(format!(
                "{error}; whether it is in use cannot be told: move it away, and what is called \
                 like it with -wal and -shm behind, and restore again"
            )));
        }
        held => held?,
    };
    schema::check_ours(&held)?;
    Ok(Place::Held(held))
}

/// A connection to a file that can be read by this Kehub.
fn fit(path: &Path) -> Result<Connection, Trouble> {
    let conn = connection::looking(path)?;
    if schema::due(&conn)?.len() == schema::all().len() {
        return Err(Trouble::broken("it is empty"));
    }
    Ok(conn)
}

/// A connection to a file with which SQLite itself finds nothing wrong.
fn sound(path: &Path, progress: &dyn Progress) -> Result<Connection, Trouble> {
    let conn = fit(path)?;
    progress.at("the backup", 0, 0);
    match file_problems(&conn)?.first() {
        Some(problem) => Err(Trouble::broken(format!("it is damaged: {problem}"))),
        None => Ok(conn),
    }
}

/// Brings a copy up to date, and looks whether it keeps the promises of a store.
fn migrated_and_checked(copy: &Path, progress: &dyn Progress) -> Result<Report, Trouble> {
    schema::migrate(&mut connection::unshared(copy)?)?;
    let mut conn = connection::looking(copy)?;
    let tx = conn.transaction()?;
    check(&tx, None, CUSTOMERS_AT_ONCE, progress)
}

fn put(copy: TempPath, path: &Path, place: &Place) -> Result<(), Trouble> {
    sync(&copy)?;
    match place {
        Place::Free => {
            copy.persist_noclobber(path).map_err(|error| Trouble::broken(error.error))?;
        }
        Place::Held(held) => {
            connection::make_whole(held)?;
            remove_if_there(&beside(path, "-journal"))?;
            copy.persist(path).map_err(|error| Trouble::broken(error.error))?;
            connection::give_up(held)?;
        }
    }
    sync(folder_of(path))
}

/// A copy of what a connection sees, in the folder of `to`, readable by its owner only. It is gone
/// when it is dropped.
fn copied(source: Connection, to: &Path, progress: &dyn Progress) -> Result<TempPath, Trouble> {
    let total = bytes(&source, BYTES_USED)?;
    let copy = part_of(to, total)?;
    let text = copy.to_str().ok_or_else(|| Trouble::broken("its name is not UTF-8"))?;
    // For it, that is a write.
    source.pragma_update(None, "query_only", false)?;
    thread::scope(|scope| {
        let copying = scope.spawn(move || source.execute(COPY, [text]));
        while !copying.is_finished() {
            thread::sleep(SYNCED_EVERY);
            sync(&copy)?;
            let done = fs::metadata(&copy).map_or(0, |it| it.len());
            progress.at("copying", done.min(total), total);
        }
        copying
            .join()
            .map_err(|_| Trouble::broken("copying ended in a panic"))?
            .map_err(Trouble::from)
    })?;
    Ok(copy)
}

/// A connection to a copy of the pages of `path`, as the source sees it, for reading. It has no name
/// any more, and is gone when the connection is closed.
pub(super) fn aside(
    source: &Connection,
    path: &Path,
    progress: &dyn Progress,
) -> Result<Connection, Trouble> {
    connection::at_one_moment(source, |source| {
        let total = bytes(source, BYTES)?;
        let copy = part_of(path, total)?;
        let mut into = connection::unshared(&copy)?;
        let pages = Backup::new(source, &mut into)?;
        while pages.step(PAGES_MAX)? != StepResult::Done {
            sync(&copy)?;
            progress.at("copying", fs::metadata(&copy).map_or(0, |it| it.len()).min(total), total);
        }
        drop(pages);
        // The first page says that there is a log.
        drop(connection::unshared(&copy)?);
        connection::looking(&copy)
    })
}

/// How large what a connection sees is.
fn bytes(conn: &Connection, sql: &str) -> Result<u64, Trouble> {
    let bytes = rows::first(conn, sql, (), rows::integer)?.unwrap_or_default();
    Ok(u64::try_from(bytes).unwrap_or_default())
}

/// An empty file in the folder of `to`, readable by its owner only, if there is room for so many bytes.
fn part_of(to: &Path, bytes: u64) -> Result<TempPath, Trouble> {
    let name = to.file_name().ok_or_else(|| Trouble::broken("it is no name of a file"))?;
    let mut prefix = OsString::from(".");
    prefix.push(name);
    let folder = folder_of(to);
    let room = rustix::fs::statvfs(folder).map_err(Trouble::broken)?;
    let room = room.f_bavail.saturating_mul(room.f_frsize);
    if room < bytes {
        return Err(Trouble::broken(format!(
            "a copy has up to {bytes} bytes, and there is room for {room}"
        )));
    }
    let named = tempfile::Builder::new().prefix(&prefix).suffix(".part").tempfile_in(folder);
    named.map(NamedTempFile::into_temp_path).map_err(Trouble::broken)
}

/// What a file is called that SQLite keeps beside another one.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

fn is_there(path: &Path) -> Result<bool, Trouble> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Trouble::broken(error)),
    }
}

fn remove_if_there(path: &Path) -> Result<(), Trouble> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Trouble::broken(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn refuse_taken(to: &Path) -> Result<(), Trouble> {
    if is_there(to)? {
        return Err(Trouble::broken("it is there already, and is not overwritten"));
    }
    Ok(())
}

/// Makes a file durable, or the names in a folder.
fn sync(file: &Path) -> Result<(), Trouble> {
    File::open(file).and_then(|file| file.sync_all()).map_err(Trouble::broken)
}
