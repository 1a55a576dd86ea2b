//! What a file is taken for, without applying it.

use super::body::ColumnBody;
use super::create::unfit;
use crate::api::problem::Problem;
use crate::files::clean::{CleanOptions, Cleaner};
use crate::files::import::{Counts, Import, RefusedRow, Watch};
use crate::files::mapping::Mapping;
use crate::imports::Opened;
use crate::wire::time;
use kehub_core::attribute::{FieldKey, Kind, Value as Field};
use kehub_core::command::Upsert;
use kehub_core::policy::{OnConflict, Policy, Preset};
use serde::Serialize;
use serde_json::{Map, Value, json};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DryBody {
    columns: Vec<ColumnBody>,
    rows: u64,
    fit: u64,
    refused: u64,
    /// The first rows that fit.
    samples: Vec<Value>,
    /// The first rows that do not.
    refused_rows: Vec<Value>,
}

/// Nobody ends it early: it is as long as the file.
struct Looking;

impl Watch for Looking {
    fn at(&self, _: &Counts) {}

    fn is_over(&self) -> bool {
        false
    }

    fn is_shared(&self) -> bool {
        false
    }
}

/// Reads all of a file.
pub(super) async fn look(
    opened: Opened,
    mapping: Mapping,
    clean: CleanOptions,
) -> Result<DryBody, Problem> {
    let policy = Policy::new(Preset::default(), OnConflict::default());
    let mut import = Import {
        destination: None,
        dry_run: None,
        cleaner: Cleaner::new(clean, policy),
        mapping,
        report: None,
        skip: 0,
        counts: Counts::default(),
        refused: Vec::new(),
        samples: Vec::new(),
        knows_row_type: false,
        job: None,
    };
    let Opened { first, mut rows, .. } = opened;
    import.run(first, &mut rows, &Looking).await.map_err(|error| unfit(&error))?;
    let columns = import.mapping.columns.iter().map(|column| ColumnBody {
        heading: column.heading.clone(),
        target: column.target.to_string(),
    });
    Ok(DryBody {
        columns: columns.collect(),
        rows: import.counts.rows,
        fit: import.counts.fit,
        refused: import.counts.refused,
        samples: import.samples.iter().map(|(line, upsert)| sample(*line, upsert)).collect(),
        refused_rows: import.refused.iter().map(refused).collect(),
    })
}

fn refused(row: &RefusedRow) -> Value {
    json!({ "line": row.line, "reason": row.reason })
}

/// A row as it would be sent.
fn sample(line: u64, upsert: &Upsert) -> Value {
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
    let identities = upsert.identities.iter();
    let identities: Value =
        identities.map(|it| json!({ "type": it.kind, "value": it.value })).collect();
    json!({ "line": line, "customer": customer, "identities": identities })
}

fn told(key: &FieldKey, value: &Field) -> Value {
    let is_time = matches!(key, FieldKey::Builtin(it) if it.kind() == Kind::Time);
    match value {
        Field::Text(text) => json!(text),
        Field::Integer(at) if is_time => json!(time::precise(*at)),
        Field::Integer(number) => json!(number),
        Field::Decimal(number) => json!(number.get()),
        Field::Flag(flag) => json!(flag),
    }
}
