//! The task that brings files in, one after the other.

use super::pace::Followed;
use super::spool::{self, Look};
use crate::files::clean::{CleanOptions, Cleaner, ROW_TYPE};
use crate::files::destination::Destination;
use crate::files::error::{FileError, Halt};
use crate::files::headings::Sayings;
use crate::files::import::{Counts, Import, ImportError, Watch};
use crate::files::job::{self, Begun, Job, Settings};
use crate::files::mapping::Mapping;
use crate::files::refused::Report;
use crate::files::rows::{Chunk, Rows};
use crate::files::source::{Extent, Form, ReadOptions, Source};
use crate::files::turns::Turns;
use crate::server::Hub;
use encoding_rs::Encoding;
use kehub_core::TenantId;
use kehub_core::import::{self, Progress};
use kehub_store::{Spooled, StoreError};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tracing::{info, warn};

/// Rows that are applied in one go: what somebody waits for is behind one of them at most.
const BATCH_ROWS: usize = 100;
/// How often it is looked whether there is something to do that nobody tells of, such as what a hub left
/// that was killed.
const LOOK_PERIOD: Duration = Duration::from_secs(5);
/// How often it is looked what ended imports have left, though nobody tells of anything.
const TIDY_PERIOD: Duration = Duration::from_mins(10);

/// A running task that brings files in.
#[derive(Debug)]
pub struct Importer {
    task: JoinHandle<()>,
    over: Arc<Over>,
}

/// Whether the hub ends.
#[derive(Debug, Default)]
struct Over {
    is_over: AtomicBool,
    told: Notify,
}

impl Importer {
    /// Starts bringing in what lies in the spool of a hub, and what comes there.
    pub fn start(hub: Hub) -> Importer {
        let over = Arc::<Over>::default();
        let worker = Worker { hub, over: Arc::clone(&over) };
        Importer { task: tokio::spawn(worker.run()), over }
    }

    /// Ends after the batch under way. The rest is done when a hub starts again.
    pub async fn stop(self) {
        self.over.is_over.store(true, Ordering::Relaxed);
        self.over.told.notify_one();
        if let Err(error) = self.task.await {
            warn!(%error, "the task that imports ended early");
        }
    }
}

impl Over {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

/// An import that is followed until the hub ends.
struct Watched<'a> {
    over: &'a Over,
    followed: Followed<'a>,
}

impl Watch for Watched<'_> {
    fn at(&self, counts: &Counts) {
        self.followed.at(counts.rows);
    }

    fn is_over(&self) -> bool {
        self.over.is_over()
    }

    /// It waits in the queue of the hub, behind all who wait for an answer.
    fn turns(&self, _: bool) -> Turns {
        Turns::Every
    }
}

/// Why an import did not come to its end.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is kept of it, or its file, cannot be used.
    #[error("{0}")]
    Unfit(String),
}

/// A file that is open, with its first rows.
pub(crate) struct Opened {
    pub(crate) form: Form,
    /// What it is encoded in, if that shows at its beginning.
    pub(crate) encoding: Option<&'static Encoding>,
    extent: Extent,
    pub(crate) rows: Rows,
    pub(crate) first: Chunk,
}

struct Worker {
    hub: Hub,
    over: Arc<Over>,
}

impl Worker {
    async fn run(self) {
        let mut tidied: Option<Instant> = None;
        while !self.over.is_over() {
            if tidied.is_none_or(|at| at.elapsed() >= TIDY_PERIOD) {
                match self.tidy().await {
                    Ok(()) => tidied = Some(Instant::now()),
                    Err(error) => warn!(%error, "what imports have left cannot be looked at"),
                }
            }
            match self.round().await {
                // Much may have happened meanwhile.
                Ok(true) => continue,
                Ok(false) => (),
                Err(error) => warn!(%error, "imports have to wait for the store"),
            }
            tokio::select! {
                () = self.over.told.notified() => (),
                () = self.hub.imports_changed().notified() => tidied = None,
                () = tokio::time::sleep(LOOK_PERIOD) => (),
            }
        }
    }

    /// Brings the first file in that waits, if there is one; whether it did.
    async fn round(&self) -> Result<bool, StoreError> {
        for (tenant, import) in self.hub.store().spooled_imports(Spooled::Open).await? {
            let Some(name) = import.plan.spool.as_deref() else { continue };
            let file = self.hub.spool().file(name);
            let is_next = !import.is_held(self.hub.clock().now()) && file.exists();
            if is_next && !self.over.is_over() {
                return Ok(self.work(tenant, &import, &file).await);
            }
        }
        Ok(false)
    }

    /// Removes files that nobody needs any more.
    async fn tidy(&self) -> Result<(), StoreError> {
        let spool = self.hub.spool();
        let (now, mut named) = (self.hub.clock().now(), BTreeSet::new());
        for (_, import) in self.hub.store().spooled_imports(Spooled::All).await? {
            if let Some(report) = import.progress.report.as_deref().map(PathBuf::from) {
                let is_over = !import.is_open() && spool.is_report_over(import.changed_at, now);
                if !(is_over && spool.holds(&report)) {
                    named.insert(report);
                } else if let Err(error) = spool::remove(&report) {
                    warn!(%error, "refused rows cannot be removed");
                }
            }
            let Some(name) = import.plan.spool.as_deref() else { continue };
            let file = spool.file(name);
            if import.is_open() {
                named.insert(file);
            } else if let Err(error) = spool::remove(&file) {
                warn!(%error, "the file of an import cannot be removed");
            }
        }
        if let Err(error) = spool.sweep(&named) {
            warn!(%error, "the spool cannot be looked at");
        }
        Ok(())
    }

    /// Whether there was no trouble.
    async fn work(&self, tenant: TenantId, import: &import::Import, file: &Path) -> bool {
        let (tenant_number, number) = (tenant.0, import.id.0);
        match self.bring_in(tenant, import, file).await {
            Ok(Some((counts, is_done))) => {
                let Counts { rows, refused, .. } = counts;
                info!(tenant = tenant_number, import = number, rows, refused, is_done, "import");
                if is_done && let Err(error) = spool::remove(file) {
                    warn!(%error, "the file of an import cannot be removed");
                }
                true
            }
            Ok(None) => false,
            Err(error) => {
                // What it says may be of the file: the import tells it, not the log.
                let is_store =
                    matches!(error, WorkError::Store(_) | WorkError::Import(ImportError::Store(_)));
                warn!(tenant = tenant_number, import = number, is_store, "an import broke off");
                !is_store
            }
        }
    }

    /// Brings in what is left of a file; what came of it, and whether all of it is done. Nothing, if
    /// another hub is at work on it.
    async fn bring_in(
        &self,
        tenant: TenantId,
        import: &import::Import,
        file: &Path,
    ) -> Result<Option<(Counts, bool)>, WorkError> {
        let store = self.hub.store();
        let destination = Destination {
            store,
            tenant,
            app: import.app,
            request: "import".into(),
            clock: self.hub.clock(),
        };
        let holder = job::draw_holder().map_err(ImportError::Report)?;
        let Begun::Ours(mut kept) = destination.take(import.id, holder).await? else {
            return Ok(None);
        };
        let Some(policy) = store.policy(tenant).await? else { return Ok(None) };
        let prepared = self.prepare(&mut kept, file).await;
        let (opened, mapping, report, clean, skip) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                destination.fail(&kept, &error).await?;
                return Err(WorkError::Unfit(error));
            }
        };
        let knows_row_type = policy.type_named(ROW_TYPE).is_some();
        let mut import = Import {
            destination: Some(destination),
            dry_run: None,
            cleaner: Cleaner::new(clean, policy),
            mapping,
            report: Some(report.0),
            skip,
            counts: Counts::default(),
            refused: Vec::new(),
            knows_row_type,
            job: Some(Job::of(&kept, Some(&report.1), BATCH_ROWS)),
        };
        import.go_on(&kept).await?;
        let Opened { mut rows, first, extent, .. } = opened;
        let (now, done) = (self.hub.clock().now(), import.counts.rows);
        let followed = self.hub.paces().follow((tenant, kept.id), now, extent, done);
        let watched = Watched { over: &self.over, followed };
        let is_done = import.run(first, &mut rows, &watched).await?;
        Ok(Some((import.counts, is_done)))
    }

    /// Opens a file as it was asked for when it came.
    async fn prepare(
        &self,
        kept: &mut import::Import,
        file: &Path,
    ) -> Result<(Opened, Mapping, (Report, PathBuf), CleanOptions, u64), String> {
        let wishes = Settings::read(&kept.plan.settings).and_then(|settings| settings.wishes());
        let wishes = wishes.ok_or_else(|| Halt::OtherVersion.to_string())?;
        // One import after the other: it needs no place among those who look.
        let opened = open(file, &wishes.read, None, wishes.choices.clone()).await;
        let opened = opened.map_err(|error| error.to_string())?;
        let clean = wishes.clean(kept.plan.source.to_string(), opened.form);
        let is_lines = opened.form == Form::Lines;
        let mapping = Mapping::new(&opened.first.columns, wishes.choices, is_lines)
            .map_err(|error| error.to_string())?;
        let name = kept.plan.spool.clone().unwrap_or_default();
        let spool = self.hub.spool();
        let report = kept.progress.report.as_deref().map(Path::new);
        if report.is_some_and(|report| !spool.holds(report)) {
            // It lies where another hub is: all of it is done here once more, which changes nothing.
            kept.progress = Progress::default();
        }
        let fresh = || Ok(spool.report(&name, opened.form));
        let place = job::report_of(kept, fresh).map_err(|error| error.to_string())?;
        let path = place.clone().free().map_err(|error| error.to_string())?;
        let report = (Report::new(place, opened.form), path);
        Ok((opened, mapping, report, clean, wishes.skip))
    }
}

/// Opens a file, off the async threads. Its reader keeps the place for a `look` until it ends, which may be after
/// whoever asked has gone.
pub(crate) async fn open(
    file: &Path,
    options: &ReadOptions,
    look: Option<Look>,
    sayings: impl Sayings + 'static,
) -> Result<Opened, FileError> {
    let (file, options) = (file.to_owned(), options.clone());
    // A packed workbook is unpacked here.
    let open = move || Source::open(&file, &options).map(|source| (source, look));
    let (source, look) = tokio::task::spawn_blocking(open).await.map_err(io::Error::other)??;
    let (form, encoding, extent) = (source.form(), source.encoding(), source.extent());
    let mut rows = Rows::start_holding(source, sayings, look)?;
    let first = rows.next().await?.unwrap_or_default();
    Ok(Opened { form, encoding, extent, rows, first })
}
