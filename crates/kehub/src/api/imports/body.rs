//! An import as `/api` answers it.

use crate::files::import::Counts;
use crate::files::job::{Settings, progress_of};
use crate::imports::Spool;
use crate::server::access::Access;
use crate::wire::time;
use kehub_core::Micros;
use kehub_core::import::{Import, Progress, State};
use serde::Serialize;
use std::path::Path;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImportBody {
    id: i64,
    source: String,
    state: &'static str,
    /// Where nobody wants it any more and it has not ended yet.
    ending: bool,
    /// `null` for the command line.
    app: Option<String>,
    began_at: Option<String>,
    changed_at: Option<String>,
    bytes: Option<u64>,
    columns: Vec<ColumnBody>,
    utc_offset: Option<String>,
    on_conflict: Option<String>,
    r#match: Option<String>,
    raw: Option<bool>,
    counts: CountsBody,
    /// Whether refused rows can be fetched here.
    has_refused: bool,
    error: Option<String>,
}

/// What a column is taken for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ColumnBody {
    pub(super) heading: String,
    pub(super) target: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct CountsBody {
    rows: u64,
    skipped: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    merged: u64,
    conflicts: u64,
    refused: u64,
}

/// What is known around an import.
pub(crate) struct Around<'a> {
    pub(crate) access: &'a Access,
    pub(crate) spool: &'a Spool,
    pub(crate) now: Micros,
}

impl ImportBody {
    pub(super) fn of(import: &Import, around: &Around<'_>) -> ImportBody {
        let settings = Settings::read(&import.plan.settings);
        let state = state(import, around);
        let found_by = settings.as_ref().map(|it| it.found_by().to_string());
        let raw = settings.as_ref().map(|it| it.raw);
        let (utc_offset, on_conflict, columns) = match settings {
            Some(it) => (Some(it.utc_offset), it.on_conflict, it.columns),
            None => (None, None, Vec::new()),
        };
        let columns = columns.into_iter().map(|(heading, target)| ColumnBody { heading, target });
        ImportBody {
            id: import.id.0,
            source: import.plan.source.to_string(),
            state,
            ending: import.is_unwanted && import.may_go_on(),
            app: around.access.app_id(import.app).map(str::to_owned),
            began_at: time::precise(import.began_at),
            changed_at: time::precise(import.changed_at),
            bytes: import.plan.content.map(|content| content.bytes),
            columns: columns.collect(),
            utc_offset,
            on_conflict,
            r#match: found_by,
            raw,
            counts: CountsBody::of(&import.progress),
            has_refused: report(import, around.spool).is_some(),
            error: import.error.as_deref().map(str::to_owned),
        }
    }
}

impl ImportBody {
    /// Whether it has its turn soon.
    pub(super) fn is_waiting(&self) -> bool {
        self.state == WAITING
    }
}

impl CountsBody {
    /// The same of rows that are only tried.
    pub(super) fn of_counts(counts: &Counts) -> CountsBody {
        CountsBody::of(&progress_of(counts, (None, 0)))
    }

    fn of(progress: &Progress) -> CountsBody {
        CountsBody {
            rows: progress.rows,
            skipped: progress.skipped,
            created: progress.created,
            updated: progress.updated,
            unchanged: progress.unchanged,
            merged: progress.merged,
            conflicts: progress.conflicts,
            refused: progress.refused,
        }
    }
}

/// What has become of an import: one whose file lies here and that nobody is at work on has its turn
/// soon.
pub(crate) fn state(import: &Import, around: &Around<'_>) -> &'static str {
    let state = import.state_at(around.now);
    let lies_here = || {
        let name = import.plan.spool.as_deref();
        name.is_some_and(|name| around.spool.file(name).exists())
    };
    if state == State::Interrupted && lies_here() { WAITING } else { state.name() }
}

/// Nobody is at work on it, and somebody will be.
pub(super) const WAITING: &str = "waiting";

/// The file of refused rows, if it has any and this hub has it.
pub(crate) fn report<'a>(import: &'a Import, spool: &Spool) -> Option<&'a Path> {
    place_of_report(import, spool).filter(|report| report.exists())
}

/// Where this hub keeps, or has kept, the refused rows of an import, if it has any.
pub(super) fn place_of_report<'a>(import: &'a Import, spool: &Spool) -> Option<&'a Path> {
    let report = import.progress.report.as_deref().map(Path::new)?;
    (import.progress.report_bytes > 0 && spool.holds(report)).then_some(report)
}
