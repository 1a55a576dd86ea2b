//! `POST /api/merges/{id}/undo`.

use super::list::merge_id;
use crate::api::Call;
use crate::api::decided::decide;
use crate::api::problem::Problem;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::command::Command;
use kehub_core::directory::Permission;
use kehub_core::receipt::Remembered;
use serde::Serialize;

/// Undo a merge
///
/// The customer that had been merged away is there again, with its id, its fields and its
/// identities, also if it was merged further since. A cannot-link keeps the two apart from now on.
/// Claims since the merge that carried identities of both sides, or of none, stay where they are
/// and are listed as undecided.
#[utoipa::path(post, path = "/api/merges/{id}/undo", tag = "API merges")]
pub(crate) async fn api_merge_undo(call: Call) -> Result<Response, Problem> {
    call.require(Permission::IdentitiesMerge)?;
    let dry_run = call.dry_run()?;
    let command = Command::Unmerge(merge_id(&call)?);
    let (told, _) = decide(&call, command, dry_run).await?;
    let Remembered::Unmerged { merge, customers: (kept, revived), undecided, seq } = told else {
        return Err(Problem::unexpected());
    };
    let body = UndoneBody {
        merge_id: merge.0,
        customer_ids: [kept.0, revived.0],
        undecided_claims: undecided.iter().map(|claim| claim.0).collect(),
        seq: seq.map(|seq| seq.0),
    };
    Ok(json(StatusCode::OK, &body))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UndoneBody {
    merge_id: i64,
    /// The customer that keeps the id, and the one that is there again.
    customer_ids: [i64; 2],
    undecided_claims: Vec<i64>,
    seq: Option<i64>,
}
