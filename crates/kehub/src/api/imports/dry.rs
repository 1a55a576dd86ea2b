//! What would come of a file, without applying it.

use super::body::{ColumnBody, CountsBody};
use super::prepare::unfit;
use crate::api::Call;
use crate::api::customers::resolution::{OwnResolutionBody, ResolutionBody};
use crate::api::problem::Problem;
use crate::files::clean::{CleanOptions, Cleaner};
use crate::files::dry_run::{DryRun, Kind, Sample};
use crate::files::import::{Counts, Import, ImportError, RefusedRow, Watch};
use crate::files::mapping::Mapping;
use crate::files::turns::Turns;
use crate::imports::Opened;
use crate::server::Hub;
use crate::server::problem::Problem as Around;
use crate::wire::time;
use kehub_core::CustomerId;
use kehub_core::attribute::{self, FieldKey, Value as Field};
use kehub_core::command::Upsert;
use kehub_store::StoreError;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::Instant;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DryBody {
    columns: Vec<ColumnBody>,
    /// Where the headings are, unless in the first row.
    header_row: Option<u64>,
    /// The sheet that was read, where others are left out.
    sheet: Option<String>,
    other_sheets: Vec<String>,
    counts: CountsBody,
    /// The first rows of each kind.
    samples: Vec<Value>,
    /// The first rows that would be refused.
    refused_rows: Vec<Value>,
}

/// What would come of the rows of a file.
pub(crate) struct Decided {
    pub(crate) counts: Counts,
    /// The first rows of each kind.
    pub(crate) samples: Vec<Sample>,
    /// The first rows that would be refused.
    pub(crate) refused: Vec<RefusedRow>,
    /// Those of the customers that are told of who are not there yet.
    pub(crate) new: BTreeSet<CustomerId>,
    /// Whether all rows were decided, and not only those of the time that there was.
    pub(crate) is_whole: bool,
    /// What the columns are.
    pub(crate) mapping: Mapping,
}

/// Whoever waits for it, for as long as the hub is there, and perhaps not longer than until then.
struct Looking<'a>(&'a Hub, Option<Instant>);

impl Watch for Looking<'_> {
    fn at(&self, _: &Counts) {}

    fn is_over(&self) -> bool {
        self.0.is_ending() || self.1.is_some_and(|until| Instant::now() >= until)
    }

    fn turns(&self, _: bool) -> Turns {
        Turns::Every
    }
}

/// Decides all rows of a file, each as if all before it had been applied, and answers what came of them.
pub(super) async fn look(
    call: &Call,
    opened: Opened,
    mapping: Mapping,
    clean: CleanOptions,
) -> Result<DryBody, Problem> {
    let header_row = opened.first.above.map(|above| above.headings);
    let (sheet, other_sheets) =
        opened.first.sheets.clone().map_or_else(<_>::default, |it| (Some(it.sheet), it.others));
    let decided = decide(call, opened, mapping, clean, None).await?;
    let columns = decided.mapping.columns.iter().map(|column| ColumnBody {
        heading: column.heading.clone(),
        target: column.target.to_string(),
    });
    let (samples, reads) = (decided.samples.iter(), call.reads());
    Ok(DryBody {
        columns: columns.collect(),
        header_row,
        sheet,
        other_sheets,
        counts: CountsBody::of_counts(&decided.counts),
        samples: samples.map(|it| sample(it, &decided.new, reads)).collect(),
        refused_rows: decided.refused.iter().map(refused).collect(),
    })
}

/// Decides the rows of a file, each as if all before it had been applied: all of them, or, with `until`, as
/// many as there is time for.
pub(crate) async fn decide(
    call: &Call,
    opened: Opened,
    mapping: Mapping,
    clean: CleanOptions,
    until: Option<Instant>,
) -> Result<Decided, Problem> {
    let hub = call.hub();
    let trial = call.store().trial(call.tenant()).await?.ok_or(Around::TokenInvalid)?;
    let dry_run = DryRun::new(trial, call.app().number, hub.clock());
    let mut import = Import {
        destination: None,
        cleaner: Cleaner::new(clean, dry_run.policy().clone()),
        dry_run: Some(dry_run),
        mapping,
        report: None,
        skip: 0,
        counts: Counts::default(),
        refused: Vec::new(),
        knows_row_type: false,
        job: None,
    };
    let Opened { first, mut rows, .. } = opened;
    let is_whole = import.run(first, &mut rows, &Looking(hub, until)).await.map_err(broken)?;
    if !is_whole && (until.is_none() || hub.is_ending()) {
        return Err(Around::NotApplied.into());
    }
    let mut dry_run = import.dry_run.take().ok_or_else(Problem::unexpected)?;
    let samples = dry_run.take_samples();
    let trial = dry_run.trial();
    let told = samples.iter().flat_map(told_of).filter(|id| trial.is_new(*id)).collect();
    let Import { counts, refused, mapping, .. } = import;
    Ok(Decided { counts, samples, refused, new: told, is_whole, mapping })
}

/// The customers that a row is about.
fn told_of(sample: &Sample) -> Vec<CustomerId> {
    let resolution = &sample.resolution;
    let mut told = vec![resolution.customer.id];
    told.extend(&resolution.merged);
    told.extend(resolution.conflicts.iter().filter_map(|it| it.with));
    told.extend(resolution.identities.iter().filter_map(|it| it.owner));
    told
}

/// Why it did not come to its end.
fn broken(error: ImportError) -> Problem {
    match error {
        ImportError::File(error) => unfit(&error),
        ImportError::Store(error) => error.into(),
        ImportError::Trial(error) => StoreError::from(error).into(),
        ImportError::Report(_) | ImportError::Outcome | ImportError::Lost => Problem::unexpected(),
    }
}

fn refused(row: &RefusedRow) -> Value {
    json!({ "line": row.line, "reason": row.reason })
}

/// The name of a kind on the wire.
pub(super) fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Created => "created",
        Kind::Updated => "updated",
        Kind::Unchanged => "unchanged",
        Kind::Merged => "merged",
        Kind::InConflict => "inConflict",
    }
}

/// A row, and what would come of it. Who may not read customers is told no more than of an upsert.
fn sample(sample: &Sample, new: &BTreeSet<CustomerId>, reads: bool) -> Value {
    let Sample { kind, line, upsert, resolution } = sample;
    let customer = resolution.customer.id;
    let (told, resolution) = if reads {
        (told_of(sample), json!(ResolutionBody::of(resolution)))
    } else {
        (vec![customer], json!(OwnResolutionBody::of(resolution, &upsert.identities)))
    };
    let new = told.iter().filter(|id| new.contains(*id)).map(|id| id.0);
    json!({
        "kind": name(*kind),
        "line": line,
        "customer": fields(upsert),
        "identities": identities(upsert),
        "customerId": customer.0,
        "newIds": new.collect::<BTreeSet<i64>>(),
        "resolution": resolution,
    })
}

fn identities(upsert: &Upsert) -> Value {
    upsert.identities.iter().map(|it| json!({ "type": it.kind, "value": it.value })).collect()
}

/// The fields of a row as they would be sent.
fn fields(upsert: &Upsert) -> Map<String, Value> {
    let fields = &upsert.fields;
    let mut customer = Map::new();
    for (key, value) in &fields.values {
        let value = value.as_ref().map_or(Value::Null, |value| told(key, value));
        customer.insert(key.to_string(), value);
    }
    let flags =
        [("mobileVerified", fields.mobile_verified), ("emailVerified", fields.email_verified)];
    for (name, flag) in flags {
        customer.extend(flag.map(|flag| (name.to_owned(), json!(flag))));
    }
    customer
}

fn told(key: &FieldKey, value: &Field) -> Value {
    let is_time = matches!(key, FieldKey::Builtin(it) if it.kind() == attribute::Kind::Time);
    match value {
        Field::Text(text) => json!(text),
        Field::Integer(at) if is_time => json!(time::precise(*at)),
        Field::Integer(number) => json!(number),
        Field::Decimal(number) => json!(number.get()),
        Field::Flag(flag) => json!(flag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::server::Settings;
    use kehub_store::MemoryStore;
    use std::sync::Arc;

    #[tokio::test]
    async fn rows_are_decided_until_the_hub_or_the_time_ends() {
        let (store, clock) = (MemoryStore::new().unwrap(), ManualClock::at(0));
        let hub = Hub::new(Arc::new(store), Arc::new(clock), Settings::default(), 0).await.unwrap();
        let now = Instant::now();
        let later = now.checked_add(std::time::Duration::from_hours(1));
        let is_over = |until| Looking(&hub, until).is_over();
        assert_eq!([None, later, Some(now)].map(is_over), [false, false, true]);
        hub.end();
        assert!(is_over(later));
    }
}
