//! The folder in which a hub keeps files that came over the API, and reports of their refused rows, and
//! where exports are written, in files without a name.
//! They hold personal data: nobody but the user of the hub may read them.

use crate::files::source::Form;
use axum::body::Bytes;
use kehub_core::Micros;
use kehub_core::import::Content;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tracing::warn;

/// Bytes of a file at most, unless set otherwise: 10 GiB.
pub(crate) const BYTES_MAX: u64 = 10 << 30;
/// Pieces that wait to be written.
const AHEAD: usize = 4;
/// Bytes of a name that nobody guesses.
const NAME_BYTES: usize = 16;
/// How long a file stays that no import names: it may be one that is just arriving.
const STRAY_LIFE: Duration = Duration::from_hours(1);
/// What the names of files end with: while they arrive, whole, and reports.
const ARRIVING: &str = "part";
const WHOLE: &str = "file";
const REPORTS: [&str; 3] = ["refused.csv", "refused.ndjson", "refused.xlsx.csv"];

/// Files that are looked at at once, and as many again of which all rows are decided, which may take hours:
/// nobody who only looks waits for those. Each is read by a thread of its own, and a workbook may hold its
/// shared texts meanwhile, 256 MiB of them.
const LOOKS_AT_ONCE: usize = 4;
/// How long a look waits for one of the others to end: most take a tenth of a second.
const LOOK_PATIENCE: Duration = Duration::from_secs(5);

/// Days for which refused rows of ended imports are kept, unless set otherwise.
pub(crate) const REPORT_DAYS: u32 = 30;
const DAY: Micros = 24 * 60 * 60 * 1_000_000;

/// A folder for files.
#[derive(Clone, Debug)]
pub struct Spool {
    folder: PathBuf,
    bytes_max: u64,
    /// How long refused rows of ended imports are kept, if they are not until somebody removes them.
    reports_kept: Option<Micros>,
    /// Held by whoever begins an import of a file that lies here, so that it is begun once.
    turn: Arc<Mutex<()>>,
    looks: Arc<Semaphore>,
    dry_runs: Arc<Semaphore>,
    patience: Duration,
}

/// A place among those who look at a file. Whoever reads the file gives it back at the end.
#[derive(Debug)]
pub(crate) struct Look(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

/// Too many look at files.
#[derive(Debug)]
pub(crate) struct LooksTaken;

/// A file that has arrived. Dropped, it is removed, unless somebody keeps it.
#[derive(Debug)]
pub(crate) struct Received {
    /// What it is called in the spool.
    pub(crate) name: String,
    pub(crate) content: Content,
    unkept: Option<PathBuf>,
}

impl Received {
    /// Leaves it where it is.
    pub(crate) fn keep(mut self) {
        self.unkept = None;
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if let Some(path) = self.unkept.take()
            && let Err(error) = remove(&path)
        {
            warn!(%error, "a file that is not wanted cannot be removed");
        }
    }
}

/// A file that is arriving. Dropped before its end, it is removed.
pub(crate) struct Receiving {
    pieces: Sender<Piece>,
    writing: JoinHandle<io::Result<Option<Received>>>,
    left: u64,
}

enum Piece {
    Bytes(Bytes),
    End,
}

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiveError {
    /// It is larger than the hub takes.
    #[error("it has more than so many bytes")]
    TooLarge,
    /// It cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Spool {
    /// A folder that is made when it is needed, for files of at most so many bytes.
    pub fn new(folder: impl Into<PathBuf>, bytes_max: u64) -> Spool {
        let folder = folder.into();
        // Where it is does not change with the folder that somebody works in.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let [looks, dry_runs] = [(); 2].map(|()| Arc::new(Semaphore::new(LOOKS_AT_ONCE)));
        let (turn, patience) = (Arc::default(), LOOK_PATIENCE);
        Spool { folder, bytes_max, reports_kept: None, turn, looks, dry_runs, patience }
            .keeping_reports(REPORT_DAYS)
    }

    /// The same, with these places for looks at files, and how long a look or a dry run waits for one.
    #[must_use]
    pub fn looking_within(self, places: Arc<Semaphore>, patience: Duration) -> Spool {
        Spool { looks: places, patience, ..self }
    }

    /// The same, with these places for dry runs of whole files.
    #[must_use]
    pub fn trying_within(self, places: Arc<Semaphore>) -> Spool {
        Spool { dry_runs: places, ..self }
    }

    /// A place for a look at a file, after a short wait.
    pub(crate) async fn look(&self) -> Result<Look, LooksTaken> {
        self.place(&self.looks).await
    }

    /// A place for one who reads all of a file and decides its rows, after a short wait.
    pub(crate) async fn dry_run(&self) -> Result<Look, LooksTaken> {
        self.place(&self.dry_runs).await
    }

    async fn place(&self, places: &Arc<Semaphore>) -> Result<Look, LooksTaken> {
        let turn = Arc::clone(places).acquire_owned();
        let place = tokio::time::timeout(self.patience, turn).await.map_err(|_| LooksTaken)?;
        place.map(Look).map_err(|_| LooksTaken)
    }

    /// The same, keeping refused rows of an import for so many days after its end; with 0 until somebody
    /// removes them.
    pub fn keeping_reports(self, days: u32) -> Spool {
        Spool { reports_kept: (days > 0).then(|| Micros::from(days) * DAY), ..self }
    }

    /// Whether the report of an import that ended then has been kept long enough.
    pub(crate) fn is_report_over(&self, ended_at: Micros, now: Micros) -> bool {
        self.reports_kept.is_some_and(|kept| now.saturating_sub(ended_at) > kept)
    }

    /// One among the temporary files of this machine.
    pub fn temporary() -> Spool {
        Spool::new(std::env::temp_dir().join("kehub-imports"), BYTES_MAX)
    }

    /// The place of a file.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.{WHOLE}"))
    }

    /// Waits until nobody else begins an import of a file that lies here.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Lets a file that no import names yet stay for longer; whether it is there.
    pub(crate) fn touch(&self, name: &str) -> io::Result<bool> {
        let file = match OpenOptions::new().write(true).open(self.file(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        // By the clock of files, as what is old is told by it.
        let now = SystemTime::UNIX_EPOCH.elapsed().map_err(io::Error::other)?;
        file.set_modified(SystemTime::UNIX_EPOCH + now)?;
        Ok(true)
    }

    /// The place of the report about a file of this form, which is NDJSON for one of NDJSON, else CSV: that of
    /// a workbook is called like the one that is made of it for whoever asks.
    pub(crate) fn report(&self, name: &str, form: Form) -> PathBuf {
        let [table, lines, workbook] = REPORTS;
        let kind = match form {
            Form::Table(_) => table,
            Form::Lines => lines,
            Form::Workbook => workbook,
        };
        self.folder.join(format!("{name}.{kind}"))
    }

    /// Whether a report is one of this spool.
    pub(crate) fn holds(&self, report: &Path) -> bool {
        report.parent().is_some_and(|parent| parent == self.folder)
    }

    /// Begins to take a file.
    pub(crate) fn receive(&self) -> io::Result<Receiving> {
        self.make_folder()?;
        let mut random = [0; NAME_BYTES];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name = hex::encode(random);
        let arriving = self.folder.join(format!("{name}.{ARRIVING}"));
        let options = OpenOptions::new().write(true).create_new(true).mode(0o600).clone();
        let file = options.open(&arriving)?;
        let (pieces, receiver) = mpsc::channel(AHEAD);
        let whole = self.file(&name);
        let writing = tokio::task::spawn_blocking(move || {
            let written = write(file, receiver);
            let kept = match &written {
                Ok(Some(_)) => fs::rename(&arriving, &whole),
                Ok(None) | Err(_) => fs::remove_file(&arriving),
            };
            let content = written?;
            kept?;
            Ok(content.map(|content| Received { name, content, unkept: Some(whole) }))
        });
        Ok(Receiving { pieces, writing, left: self.bytes_max })
    }

    /// An empty file without a name, which is gone when nobody holds it any more.
    pub(crate) fn scratch(&self) -> io::Result<File> {
        self.make_folder()?;
        tempfile::tempfile_in(&self.folder)
    }

    fn make_folder(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)
    }

    /// Removes what no import names and has not been written for long.
    pub(crate) fn sweep(&self, named: &BTreeSet<PathBuf>) -> io::Result<()> {
        let found = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        for file in found {
            let path = file?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let Some((own, kind)) = name.as_deref().and_then(|name| name.split_once('.')) else {
                continue;
            };
            let is_ours = own.len() == 2 * NAME_BYTES
                && (kind == ARRIVING || kind == WHOLE || REPORTS.contains(&kind));
            if is_ours && !named.contains(&path) && is_old(&path) {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

fn is_old(path: &Path) -> bool {
    let written = path.metadata().and_then(|metadata| metadata.modified());
    written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > STRAY_LIFE))
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

impl Receiving {
    /// Takes some bytes.
    pub(crate) async fn take(&mut self, bytes: Bytes) -> Result<(), ReceiveError> {
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(count).ok_or(ReceiveError::TooLarge)?;
        // Who writes has ended early: the end says why.
        drop(self.pieces.send(Piece::Bytes(bytes)).await);
        Ok(())
    }

    /// All of it has come.
    pub(crate) async fn end(self) -> Result<Received, ReceiveError> {
        drop(self.pieces.send(Piece::End).await);
        let received = self.writing.await.map_err(io::Error::other)??;
        Ok(received.ok_or_else(|| io::Error::other("the file did not come to its end"))?)
    }
}

/// Writes pieces to a file; nothing if they break off.
fn write(mut file: File, mut pieces: Receiver<Piece>) -> io::Result<Option<Content>> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Piece::Bytes(piece) => {
                file.write_all(&piece)?;
                hash.update(&piece);
                bytes += u64::try_from(piece.len()).unwrap_or(0);
            }
            Piece::End => {
                file.sync_all()?;
                return Ok(Some(Content { bytes, hash: hash.finalize().into() }));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn files(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect()
    }

    #[tokio::test]
    async fn a_file_is_there_when_it_is_whole_and_for_its_owner_only() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/b");
        let spool = Spool::new(&folder, 7);
        let mut receiving = spool.receive().unwrap();
        for piece in ["name", "\nA\n"] {
            receiving.take(Bytes::from_static(piece.as_bytes())).await.unwrap();
        }
        let received = receiving.end().await.unwrap();
        let file = spool.file(&received.name);
        assert_eq!(fs::read_to_string(&file).unwrap(), "name\nA\n");
        assert_eq!(crate::files::job::content_of(&file).unwrap(), Some(received.content));
        received.keep();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));

        let mut large = spool.receive().unwrap();
        let refused = large.take(Bytes::from_static(b"12345678")).await.unwrap_err();
        assert!(matches!(refused, ReceiveError::TooLarge));
        let Receiving { pieces, writing, .. } = large;
        drop(pieces);
        assert!(writing.await.unwrap().unwrap().is_none());
        let unwanted = spool.receive().unwrap().end().await.unwrap();
        drop(unwanted);
        let mut scratch = spool.scratch().unwrap();
        scratch.write_all(b"name").unwrap();
        assert_eq!(files(&folder), [file]);
    }

    #[test]
    fn reports_are_kept_for_some_days_or_until_somebody_removes_them() {
        let over = |spool: &Spool, days| spool.is_report_over(5, 5 + days * DAY + 1);
        let usual = Spool::new("x", 1);
        assert_eq!([over(&usual, 29), over(&usual, 30)], [false, true]);
        assert!(over(&usual.clone().keeping_reports(1), 1));
        assert!(!over(&usual.keeping_reports(0), 100_000));
    }

    #[test]
    fn what_nobody_names_is_removed_once_it_is_old() {
        let place = tempfile::tempdir().unwrap();
        let spool = Spool::new(place.path(), 1);
        let files_of = ["a", "b", "c"].map(|it| spool.file(&it.repeat(2 * NAME_BYTES)));
        let [named, stray, fresh] = files_of;
        let other = place.path().join("other.file");
        let old = SystemTime::UNIX_EPOCH;
        for path in [&named, &stray, &fresh, &other] {
            let file = File::create(path).unwrap();
            if *path != fresh {
                file.set_modified(old).unwrap();
            }
        }
        for form in [Form::Table(b','), Form::Lines, Form::Workbook] {
            let report = spool.report(&"f".repeat(2 * NAME_BYTES), form);
            File::create(report).unwrap().set_modified(old).unwrap();
        }
        let kept = spool.file(&"d".repeat(2 * NAME_BYTES));
        File::create(&kept).unwrap().set_modified(old).unwrap();
        assert!(spool.touch(&"d".repeat(2 * NAME_BYTES)).unwrap());
        assert!(!spool.touch(&"e".repeat(2 * NAME_BYTES)).unwrap());
        spool.sweep(&BTreeSet::from([named.clone()])).unwrap();
        let found: BTreeSet<PathBuf> = files(place.path()).into_iter().collect();
        assert_eq!(found, BTreeSet::from([named, fresh, kept, other]));
        Spool::new(place.path().join("missing"), 1).sweep(&BTreeSet::new()).unwrap();
    }
}
