//! An import as `/api` answers it.

use crate::files::import::Counts;
use crate::files::job::{Settings, progress_of};
use crate::imports::Spool;
use crate::server::Hub;
use crate::server::access::Access;
use crate::wire::time;
use kehub_core::import::{Import, Progress, State};
use kehub_core::{Micros, TenantId};
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
    /// While this hub is at work on it.
    bytes_read: Option<u64>,
    rows_per_second: Option<u64>,
    seconds_left: Option<u64>,
    columns: Vec<ColumnBody>,
    /// Where the headings are, unless in the first row.
    header_row: Option<u64>,
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
    hub: &'a Hub,
    access: &'a Access,
    tenant: TenantId,
    now: Micros,
}

impl<'a> Around<'a> {
    /// What a hub knows at this moment.
    pub(crate) fn new(hub: &'a Hub, access: &'a Access, tenant: TenantId) -> Around<'a> {
        Around { hub, access, tenant, now: hub.clock().now() }
    }
}

impl ImportBody {
    pub(super) fn of(import: &Import, around: &Around<'_>) -> ImportBody {
        let settings = Settings::read(&import.plan.settings);
        let state = state(import, around);
        let pace = around.hub.paces().of(around.tenant, import.id, around.now);
        let found_by = settings.as_ref().map(|it| it.found_by().to_string());
        let raw = settings.as_ref().map(|it| it.raw);
        let header_row = settings.as_ref().and_then(|it| it.header_row);
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
            bytes_read: pace.map(|pace| pace.bytes_read),
            rows_per_second: pace.map(|pace| pace.rows_per_second),
            seconds_left: pace.map(|pace| pace.seconds_left),
            columns: columns.collect(),
            header_row,
            utc_offset,
            on_conflict,
            r#match: found_by,
            raw,
            counts: CountsBody::of(&import.progress),
            has_refused: report(import, around.hub.spool()).is_some(),
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
        name.is_some_and(|name| around.hub.spool().file(name).exists())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::files::source::{ReadOptions, Source};
    use crate::server::Settings;
    use kehub_core::import::{Hold, Plan};
    use kehub_core::{AppNumber, ImportId};
    use kehub_store::MemoryStore;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn import(id: i64) -> Import {
        let plan =
            Plan { source: "a.csv".into(), content: None, settings: "{}".into(), spool: None };
        Import {
            id: ImportId(id),
            app: AppNumber(0),
            began_at: 0,
            changed_at: 0,
            plan,
            state: State::Running,
            is_unwanted: false,
            hold: Hold { holder: 1, until: Micros::MAX },
            progress: Progress::default(),
            error: None,
        }
    }

    #[tokio::test]
    async fn the_hub_that_is_at_work_on_an_import_tells_how_fast_it_goes() {
        let clock = Arc::new(ManualClock::at(0));
        let store = Arc::new(MemoryStore::new().unwrap());
        let hub = Hub::new(store, Arc::<ManualClock>::clone(&clock), Settings::default(), 0);
        let hub = hub.await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "name\n".repeat(200_000)).unwrap();
        let extent = Source::open(&path, &ReadOptions::default()).unwrap().extent();
        let told = |id| {
            let access = hub.access();
            let body = ImportBody::of(&import(id), &Around::new(&hub, &access, TenantId(1)));
            let body = serde_json::to_value(body).unwrap();
            ["rowsPerSecond", "bytesRead", "secondsLeft"].map(|name| body[name].clone())
        };
        let nothing = [Value::Null, Value::Null, Value::Null];
        let followed = hub.paces().follow((TenantId(1), ImportId(7)), 0, extent.clone(), 0);
        followed.at(900);
        assert_eq!(told(7), nothing);
        clock.advance_seconds(3);
        let [rows, bytes, seconds] = told(7);
        assert_eq!((rows, bytes), (json!(300), json!(extent.read())));
        assert!(seconds.as_u64().unwrap() > 0);
        assert_eq!(told(8), nothing);
    }
}
