//! `POST /api/merges`.

use super::preview::PreviewBody;
use crate::api::Call;
use crate::api::call::json_of;
use crate::api::customers::resolution::WarningBody;
use crate::api::decided::decide;
use crate::api::problem::Problem;
use crate::api::reader::Reader;
use crate::server::problem::json;
use crate::wire::json::{Json, Object};
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::CustomerId;
use kehub_core::command::{Command, MergeByHand};
use kehub_core::directory::Permission;
use kehub_core::outcome::Outcome;
use kehub_core::receipt::Remembered;
use serde::Serialize;

/// Merge two customers
///
/// For somebody who knows that they are one person: it goes against every guard but a cannot-link,
/// which has to be removed first. The smaller id answers for both. `dryRun=1` previews every field:
/// what will be shown, and what each of the two shows now. Open conflicts between them are settled.
#[utoipa::path(post, path = "/api/merges", tag = "API merges")]
pub(crate) async fn api_merge_create(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::IdentitiesMerge)?;
    let dry_run = call.dry_run()?;
    let body = call.read(body).await?;
    let (one, other) = two_customers(&json_of(&body)?)?;
    let command = Command::Merge(MergeByHand { one, other });
    let (told, outcome) = decide(&call, command, dry_run).await?;
    let Remembered::Merged { merge, customer, merged, settled, warnings, seq } = told else {
        return Err(Problem::unexpected());
    };
    // What the customers hold is for those who may read them.
    let preview = if let Outcome::Merged(made) = &outcome
        && dry_run
        && call.tells_in_full()
    {
        Some(PreviewBody::of(made))
    } else {
        None
    };
    let body = MergedBody {
        merge_id: merge.0,
        customer_id: customer.0,
        merged_id: merged.0,
        settled_conflict_ids: settled.iter().map(|id| id.0).collect(),
        warnings: warnings.iter().map(WarningBody::of).collect(),
        seq: seq.map(|seq| seq.0),
        preview,
    };
    let status = if dry_run { StatusCode::OK } else { StatusCode::CREATED };
    Ok(json(status, &body))
}

/// The two ids of `{"customerIds":[1,2]}`.
pub(crate) fn two_customers(json: &Json<'_>) -> Result<(CustomerId, CustomerId), Problem> {
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", json).unwrap_or(&nothing);
    reader.known("", object, &["customerIds"]);
    let place = "/customerIds";
    let sent = object.get("customerIds");
    if sent.is_none() {
        reader.missing(place, "an array of two customer ids");
    }
    let items = sent.and_then(|json| reader.array(place, json));
    let ids = items.map(|items| reader.ids(place, items));
    let pair = match ids.as_deref() {
        Some([one, other]) => Some((CustomerId(*one), CustomerId(*other))),
        Some(ids) => {
            reader.unfit(place, "two customer ids", &ids.len().to_string());
            None
        }
        None => None,
    };
    reader.end()?;
    pair.ok_or_else(Problem::unexpected)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MergedBody<'a> {
    merge_id: i64,
    customer_id: i64,
    merged_id: i64,
    settled_conflict_ids: Vec<i64>,
    warnings: Vec<WarningBody<'a>>,
    seq: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<PreviewBody<'a>>,
}
