//! What is kept of an import in the store while it goes on, so that it goes on where it stopped.
//!
//! Now and then it is written down up to which row everything is applied, what came of those rows, and
//! how much of the report of refused rows is about them. Rows behind that may be applied as well: they
//! are applied again, which changes nothing, and what the report says of them is written again.

use super::clean::CleanOptions;
use super::destination::Destination;
use super::found_by::FoundBy;
use super::headings::HeaderRow;
use super::import::{Counts, Import, ImportError};
use super::mapping::{Choices, Mapping, is_of_report};
use super::reading::Cells;
use super::refused::{Place, Report};
use super::source::{Form, ReadOptions, encoding_named};
use super::workbook;
use kehub_core::command::{Command, Matching};
use kehub_core::import::{
    self, Content, Hold, ImportChange, ImportOutcome, ImportRefusal, Plan, Progress, State,
};
use kehub_core::outcome::{Outcome, Refusal};
use kehub_core::policy::OnConflict;
use kehub_core::{ImportId, Micros};
use kehub_store::StoreError;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// After this time others take an import over whose process tells nothing.
const HOLD: Micros = 10_000_000;
/// How often it is written down how far an import has come, in rows and in time.
const NOTE_ROWS: u64 = 2_000;
const NOTE_PERIOD: Duration = Duration::from_secs(1);
/// What a file is called that comes through a pipe.
pub(super) const PIPED: &str = "-";
/// Bytes of a file that are read at once for its hash.
const PIECE: usize = 1 << 16;

/// An import that is written down while it goes on.
pub(crate) struct Job {
    pub(crate) id: ImportId,
    /// This process.
    holder: i64,
    /// Rows that an earlier process has done.
    pub(super) done: u64,
    /// Rows that are applied in one go.
    pub(super) batch_rows: usize,
    /// Where refused rows go, as others find it.
    report: Option<Box<str>>,
    /// How much of that is about the rows that are counted, and is sure to outlive the machine.
    report_bytes: u64,
    synced_bytes: u64,
    noted_rows: u64,
    noted_at: Instant,
    is_unwanted: bool,
    /// Whether it can go on where it ends early.
    may_go_on: bool,
    /// The sheet of a workbook that is made of refused rows; `None` if none is made.
    sheet: Option<String>,
}

/// What an import came to when it was begun.
pub(crate) enum Begun {
    /// This process is at work on it now.
    Ours(Box<import::Import>),
    /// Another one is, until then at least.
    Theirs(ImportId, Micros),
}

impl Job {
    /// One that this process is at work on. Refused rows go to `report`.
    pub(crate) fn of(kept: &import::Import, report: Option<&Path>, batch_rows: usize) -> Job {
        Job {
            id: kept.id,
            holder: kept.hold.holder,
            done: kept.progress.rows,
            batch_rows,
            report: report.map(|path| path.to_string_lossy().into()),
            report_bytes: kept.progress.report_bytes,
            synced_bytes: kept.progress.report_bytes,
            noted_rows: kept.progress.rows,
            noted_at: Instant::now(),
            is_unwanted: kept.is_unwanted,
            may_go_on: kept.plan.content.is_some(),
            sheet: None,
        }
    }

    /// The same, with a workbook of refused rows in a sheet of this name when it is over.
    pub(crate) fn making_workbook(self, sheet: String) -> Job {
        Job { sheet: Some(sheet), ..self }
    }

    /// Whether no row comes any more when it has ended like this.
    fn is_over(&self, result: &Result<bool, ImportError>) -> bool {
        match result {
            Ok(true) => true,
            Ok(false) | Err(ImportError::File(_)) => self.is_unwanted || !self.may_go_on,
            Err(_) => false,
        }
    }
}

/// Where the report of an import goes on, or begins if there is none yet: in the file that `fresh` names.
/// Of one whose report is gone nothing is done.
pub(crate) fn report_of(
    kept: &mut import::Import,
    fresh: impl FnOnce() -> io::Result<PathBuf>,
) -> io::Result<Place> {
    let Some(path) = kept.progress.report.as_deref().map(PathBuf::from) else {
        return Ok(Place::Named(fresh()?));
    };
    let bytes = kept.progress.report_bytes;
    let is_there = path.metadata().is_ok_and(|it| it.is_file() && it.len() >= bytes);
    if is_there || bytes == 0 {
        return Ok(Place::Begun(path, bytes));
    }
    kept.progress = Progress::default();
    Ok(Place::Named(fresh()?))
}

/// A number that tells this piece of work from that of others.
pub(crate) fn draw_holder() -> io::Result<i64> {
    let mut number = [0; 8];
    getrandom::fill(&mut number).map_err(io::Error::other)?;
    Ok(i64::from_le_bytes(number))
}

/// What tells a file from any other; `None` if it is none that could be read twice.
pub(crate) fn content_of(path: &Path) -> io::Result<Option<Content>> {
    if path == Path::new(PIPED) || !path.metadata()?.is_file() {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        let read = file.read(&mut piece)?;
        let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else { break };
        hash.update(read);
        bytes += u64::try_from(read.len()).unwrap_or(0);
    }
    Ok(Some(Content { bytes, hash: hash.finalize().into() }))
}

impl Destination<'_> {
    /// Begins an import, or goes on with an unfinished one of the same plan.
    pub(crate) async fn begin(
        &self,
        plan: Plan,
        holder: i64,
        again: bool,
    ) -> Result<Begun, ImportError> {
        self.hold(ImportChange::Begin { plan, hold: self.held_by(holder), again }).await
    }

    /// Goes on with an import.
    pub(crate) async fn take(&self, id: ImportId, holder: i64) -> Result<Begun, ImportError> {
        self.hold(ImportChange::Take { id, hold: self.held_by(holder) }).await
    }

    async fn hold(&self, change: ImportChange) -> Result<Begun, ImportError> {
        match self.change(change).await? {
            Ok(import) => Ok(Begun::Ours(import)),
            Err(ImportRefusal::Running { id, until }) => Ok(Begun::Theirs(id, until)),
            Err(_) => Err(ImportError::Lost),
        }
    }

    /// Writes down how far an import has come; how it stands then.
    pub(crate) async fn step(
        &self,
        id: ImportId,
        holder: i64,
        progress: Progress,
    ) -> Result<Box<import::Import>, ImportError> {
        let step = ImportChange::Step { id, hold: self.held_by(holder), progress };
        self.change(step).await?.map_err(|_| ImportError::Lost)
    }

    /// Writes down that an import cannot go on.
    pub(crate) async fn fail(&self, kept: &import::Import, error: &str) -> Result<(), ImportError> {
        let (id, holder, progress) = (kept.id, kept.hold.holder, kept.progress.clone());
        let (state, error) = (State::Failed, Some(error.into()));
        let end = ImportChange::End { id, holder, state, progress, error };
        self.change(end).await?.map(drop).map_err(|_| ImportError::Lost)
    }

    fn held_by(&self, holder: i64) -> Hold {
        Hold { holder, until: self.clock.now().saturating_add(HOLD) }
    }

    async fn change(
        &self,
        change: ImportChange,
    ) -> Result<Result<Box<import::Import>, ImportRefusal>, ImportError> {
        let outcomes = self.apply(vec![Command::Import(change)]).await?;
        match outcomes.into_iter().next() {
            Some(Outcome::Import(ImportOutcome::Begun(it) | ImportOutcome::Stands(it))) => {
                Ok(Ok(it))
            }
            Some(Outcome::Refused(Refusal::Import(refusal))) => Ok(Err(refusal)),
            _ => Err(ImportError::Outcome),
        }
    }
}

impl Import<'_> {
    /// Whether somebody does not want it any more.
    pub(super) fn is_unwanted(&self) -> bool {
        self.job.as_ref().is_some_and(|job| job.is_unwanted)
    }

    /// Takes note of how much of the report is about rows that are counted.
    pub(super) fn measure_report(&mut self) -> Result<(), ImportError> {
        let Some(job) = &mut self.job else { return Ok(()) };
        if let Some(report) = &mut self.report {
            job.report_bytes = report.bytes().map_err(ImportError::Report)?;
        }
        Ok(())
    }

    /// Writes down how far it has come, if that is long ago.
    pub(super) async fn note_if_due(&mut self) -> Result<(), ImportError> {
        let rows = self.counts.rows;
        let Some(job) = &mut self.job else { return Ok(()) };
        let is_due = rows.saturating_sub(job.noted_rows) >= NOTE_ROWS
            || job.noted_at.elapsed() >= NOTE_PERIOD;
        if !is_due {
            return Ok(());
        }
        (job.noted_rows, job.noted_at) = (rows, Instant::now());
        self.note().await
    }

    async fn note(&mut self) -> Result<(), ImportError> {
        let Some(job) = &self.job else { return Ok(()) };
        let (id, holder) = (job.id, job.holder);
        let progress = self.progress()?;
        let Some(destination) = &self.destination else { return Ok(()) };
        let kept = destination.step(id, holder, progress).await?;
        if let Some(job) = &mut self.job {
            job.is_unwanted = kept.is_unwanted;
        }
        Ok(())
    }

    /// Writes down what has become of it. A workbook of its refused rows is there before: killed in between, it
    /// goes on behind its last row, and makes it again. What it was made of is there until it is written down.
    pub(super) async fn conclude(
        &mut self,
        result: Result<bool, ImportError>,
    ) -> Result<bool, ImportError> {
        let is_over = self.job.as_ref().is_some_and(|job| job.is_over(&result));
        let made = if is_over { self.make_workbook().await } else { Ok(None) };
        let (result, rows) = match made {
            Ok(rows) => (self.write_down(result).await, rows),
            Err(error) => (self.write_down(Err(error)).await, None),
        };
        if result.is_ok()
            && let Some(rows) = rows
        {
            // What stays says nothing new.
            std::fs::remove_file(rows).ok();
        }
        result
    }

    /// Makes the workbook of its refused rows, if there are any to be in one; the file that it was made of.
    async fn make_workbook(&mut self) -> Result<Option<PathBuf>, ImportError> {
        let sheet = self.job.as_ref().and_then(|job| job.sheet.clone());
        let rows = self.report.as_ref().and_then(Report::rows_of_workbook).map(Path::to_owned);
        let (Some(sheet), Some(rows)) = (sheet, rows) else { return Ok(None) };
        let made_of = rows.clone();
        let work = move || {
            let workbook = workbook::make_beside(&made_of, &sheet)?;
            let bytes = workbook.metadata()?.len();
            io::Result::Ok((workbook, bytes))
        };
        let mut making = tokio::task::spawn_blocking(work);
        let made = loop {
            tokio::select! {
                done = &mut making => break done.map_err(io::Error::other).flatten(),
                // Others see that this process is there.
                () = tokio::time::sleep(NOTE_PERIOD) => self.note().await?,
            }
        };
        let (workbook, bytes) = made.map_err(ImportError::Report)?;
        if let Some(job) = &mut self.job {
            job.report = Some(workbook.to_string_lossy().into());
            (job.report_bytes, job.synced_bytes) = (bytes, bytes);
        }
        if let Some(report) = &mut self.report {
            report.becomes(workbook);
        }
        Ok(Some(rows))
    }

    async fn write_down(&mut self, result: Result<bool, ImportError>) -> Result<bool, ImportError> {
        let Some(job) = &self.job else { return result };
        let (id, holder) = (job.id, job.holder);
        let (state, error) = match &result {
            Ok(true) => (State::Done, None),
            Ok(false) if job.is_unwanted => (State::Cancelled, None),
            Ok(false) => (State::Interrupted, None),
            // It cannot be written down; that nobody is at work on it any more shows soon.
            Err(
                ImportError::Lost
                | ImportError::Store(
                    StoreError::QueueFull | StoreError::NotApplied(_) | StoreError::Unknown(_),
                ),
            ) => return result,
            Err(error) => (State::Failed, Some(error.to_string().into())),
        };
        let progress = self.progress()?;
        let Some(destination) = &self.destination else { return result };
        let end = ImportChange::End { id, holder, state, progress, error };
        let ended = destination.change(end).await;
        if result.is_ok() {
            ended?.map_err(|_| ImportError::Lost)?;
        }
        result
    }

    fn progress(&mut self) -> Result<Progress, ImportError> {
        let Some(job) = &mut self.job else { return Ok(Progress::default()) };
        if let Some(report) = &mut self.report
            && job.report_bytes > job.synced_bytes
        {
            report.sync().map_err(ImportError::Report)?;
            job.synced_bytes = job.report_bytes;
        }
        let report = (job.report.clone(), job.report_bytes);
        Ok(progress_of(&self.counts, report))
    }

    /// Takes over what an earlier process has done. Where refused rows go is written down before there
    /// are any, so that nobody takes the file for that of another import.
    pub(crate) async fn go_on(&mut self, kept: &import::Import) -> Result<(), ImportError> {
        self.counts = counts_of(&kept.progress);
        let opened = self.report.as_mut().map_or(Ok(()), |it: &mut Report| it.open(&self.mapping));
        opened.map_err(ImportError::Report)?;
        self.note().await
    }
}

/// What came of rows, with the report of those that were refused, and how much of that is about them.
pub(crate) fn progress_of(
    counts: &Counts,
    (report, report_bytes): (Option<Box<str>>, u64),
) -> Progress {
    let Counts { rows, skipped, fit: _, created, updated, unchanged, merged, conflicts, refused } =
        *counts;
    Progress {
        rows,
        skipped,
        created,
        updated,
        unchanged,
        merged,
        conflicts,
        refused,
        report,
        report_bytes,
    }
}

fn counts_of(progress: &Progress) -> Counts {
    let Progress { rows, skipped, created, updated, unchanged, merged, conflicts, refused, .. } =
        *progress;
    let fit = created + updated + unchanged + merged;
    Counts { rows, skipped, fit, created, updated, unchanged, merged, conflicts, refused }
}

/// How a file is to be read and applied, whoever asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) choices: Choices,
    pub(crate) read: ReadOptions,
    /// The offset of times that name none.
    pub(crate) utc_offset: String,
    pub(crate) on_conflict: Option<OnConflict>,
    /// By what rows find their customers.
    pub(crate) matching: Matching,
    /// Whether cells of a table are taken as they are.
    pub(crate) raw: bool,
    /// Rows that are passed over at the beginning.
    pub(crate) skip: u64,
}

impl Wishes {
    /// How values of a file of this form and name are cleaned.
    pub(crate) fn clean(&self, source: String, form: Form) -> CleanOptions {
        CleanOptions {
            source,
            zone: self.utc_offset.clone(),
            on_conflict: self.on_conflict,
            matching: self.matching,
            cells: Cells::of(form, self.raw),
        }
    }
}

/// The same as it is kept, with what the columns were taken for.
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that was asked for")]
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    /// Headings and targets.
    pub(crate) columns: Vec<(String, String)>,
    choices: Vec<(String, String)>,
    pub(crate) utc_offset: String,
    pub(crate) on_conflict: Option<String>,
    by_id: bool,
    by_mobile: bool,
    by_email: bool,
    pub(crate) raw: bool,
    skip: u64,
    delimiter: Option<char>,
    encoding: Option<String>,
    pub(crate) sheet: Option<String>,
    /// Where the headings are, unless in the first row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) header_row: Option<u64>,
}

impl Settings {
    pub(crate) fn of(wishes: &Wishes, mapping: &Mapping) -> Settings {
        let columns = mapping.columns.iter();
        let choices = wishes.choices.pairs();
        Settings {
            columns: columns.map(|it| (it.heading.clone(), it.target.to_string())).collect(),
            choices: choices.map(|(column, target)| (column.to_owned(), target)).collect(),
            utc_offset: wishes.utc_offset.clone(),
            on_conflict: wishes.on_conflict.map(|it| it.name().to_owned()),
            by_id: wishes.choices.are_by_id(),
            by_mobile: wishes.matching.mobile,
            by_email: wishes.matching.email,
            raw: wishes.raw,
            skip: wishes.skip,
            delimiter: wishes.read.delimiter.map(char::from),
            encoding: wishes.read.encoding.map(|it| it.name().to_owned()),
            sheet: wishes.read.sheet.clone(),
            header_row: match wishes.read.header {
                HeaderRow::At(line) => Some(line),
                HeaderRow::First | HeaderRow::Sought => None,
            },
        }
    }

    /// What is kept of an import; `None` if another Kehub has kept it.
    pub(crate) fn read(kept: &str) -> Option<Settings> {
        serde_json::from_str(kept).ok()
    }

    /// As it is kept.
    pub(crate) fn text(&self) -> Result<Box<str>, ImportError> {
        let text = serde_json::to_string(self).map_err(|_| ImportError::Outcome)?;
        Ok(text.into())
    }

    /// By what rows find their customers.
    pub(crate) fn found_by(&self) -> FoundBy {
        FoundBy { id: self.by_id, mobile: self.by_mobile, email: self.by_email }
    }

    /// What somebody said about columns.
    pub(crate) fn choices(&self) -> Option<Choices> {
        let mut choices = Choices::default();
        for (column, target) in &self.choices {
            choices.add_target(column, target).ok()?;
        }
        Some(choices)
    }

    /// What was asked for.
    pub(crate) fn wishes(&self) -> Option<Wishes> {
        let encoding = self.encoding.as_deref().map(encoding_named).transpose().ok()?;
        let on_conflict = match &self.on_conflict {
            None => None,
            Some(name) => Some(OnConflict::named(name)?),
        };
        let delimiter = self.delimiter.map(u8::try_from).transpose().ok()?;
        let mut choices = self.choices()?;
        if self.by_id {
            choices.match_by_id();
        }
        Some(Wishes {
            choices,
            matching: self.found_by().matching(),
            raw: self.raw,
            read: ReadOptions {
                delimiter,
                encoding,
                sheet: self.sheet.clone(),
                // Where they are was found before this was kept.
                header: self.header_row.map_or(HeaderRow::First, HeaderRow::At),
            },
            utc_offset: self.utc_offset.clone(),
            on_conflict,
            skip: self.skip,
        })
    }

    /// Whether its file had these headings. A report of refused rows has those of the file that they
    /// came from.
    pub(super) fn has_headings(&self, headings: &[String]) -> bool {
        let own = own(self.columns.iter().map(|(heading, _)| heading.as_str()));
        own.eq(self::own(headings.iter().map(String::as_str)))
    }

    /// Whether its file had these headings in any order, as far as a report of JSON objects tells.
    pub(super) fn has_members(&self, headings: &[String]) -> bool {
        let known = self.columns.iter().map(|(heading, _)| heading.as_str());
        let known: BTreeSet<&str> = known.filter(|it| !is_of_report(it)).collect();
        let (of_report, found): (BTreeSet<&str>, BTreeSet<&str>) =
            headings.iter().map(String::as_str).partition(|it| is_of_report(it));
        !of_report.is_empty() && known == found
    }
}

/// Headings from the last one on, without those that a report of refused rows has behind all others.
fn own<'h>(headings: impl DoubleEndedIterator<Item = &'h str>) -> impl Iterator<Item = &'h str> {
    headings.rev().skip_while(|heading| is_of_report(heading))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use kehub_core::AppNumber;

    pub(crate) fn headings(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    pub(crate) fn wishes(choices: &[&str]) -> Wishes {
        let mut wishes = Wishes { utc_offset: "+08:00".to_owned(), skip: 3, ..Wishes::default() };
        wishes.on_conflict = Some(OnConflict::Keep);
        wishes.read.delimiter = Some(b'\t');
        wishes.read.encoding = Some(encoding_rs::GB18030);
        wishes.read.header = HeaderRow::First;
        for choice in choices {
            wishes.choices.add(choice).unwrap();
        }
        wishes
    }

    pub(crate) fn kept(id: i64, source: &str, columns: &str, choices: &[&str]) -> import::Import {
        let wishes = wishes(choices);
        let mapping = Mapping::new(&headings(columns), wishes.choices.clone(), false).unwrap();
        let settings = Settings::of(&wishes, &mapping).text().unwrap();
        import::Import {
            id: ImportId(id),
            app: AppNumber(0),
            began_at: 0,
            changed_at: 0,
            plan: Plan { source: source.into(), content: None, settings, spool: None },
            state: State::Done,
            is_unwanted: false,
            hold: Hold::default(),
            progress: Progress::default(),
            error: None,
        }
    }

    #[test]
    fn what_was_asked_for_is_kept_as_it_was() {
        let import = kept(1, "shop.csv", "name,卡号,x", &["卡号=identity:card", "#3=-"]);
        let settings = Settings::read(&import.plan.settings).unwrap();
        let (found, expected) =
            (settings.wishes().unwrap(), wishes(&["卡号=identity:card", "#3=-"]));
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
        assert_eq!(settings.columns[1], ("卡号".to_owned(), "identity:card".to_owned()));
        assert_eq!(Settings::read("{}"), None);
        assert!(!import.plan.settings.contains("headerRow"), "{}", import.plan.settings);
        let text = import.plan.settings.replacen('{', "{\"headerRow\":3,", 1);
        let settings = Settings::read(&text).unwrap();
        assert_eq!(settings.wishes().unwrap().read.header, HeaderRow::At(3));
        let (mapping, wishes) =
            (Mapping::new(&[], Choices::default(), false).unwrap(), settings.wishes().unwrap());
        assert_eq!(Settings::of(&wishes, &mapping).header_row, Some(3));
    }

    #[test]
    fn a_file_is_told_by_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "name\nA\n").unwrap();
        let content = content_of(&path).unwrap().unwrap();
        assert_eq!(content.bytes, 7);
        std::fs::write(&path, "name\nB\n").unwrap();
        assert_ne!(content_of(&path).unwrap().unwrap(), content);
        assert_eq!(content_of(Path::new("-")).unwrap(), None);
        assert!(content_of(&folder.path().join("missing")).is_err());
    }
}
