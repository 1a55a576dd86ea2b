//! `POST /api/conflicts/{id}/resolve`.

use super::list::conflict_id;
use crate::api::Call;
use crate::api::call::json_of;
use crate::api::decided::decide;
use crate::api::problem::Problem;
use crate::api::reader::Reader;
use crate::server::problem::json;
use crate::wire::json::{Json, Object};
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::command::{Command, Decision, SettleConflict};
use kehub_core::conflict::Settlement;
use kehub_core::directory::Permission;
use kehub_core::receipt::Remembered;
use serde::Serialize;

/// Settle a conflict or review entry
///
/// `merge`: the two customers are one person. `keepApart`: they are not, and a cannot-link says so
/// from now on. `moveIdentity`: the identity belongs to the first of the two customers, whoever owns
/// it today (`ownerId` of the conflict). `accept`: it is fine as it is. A settled one opens again
/// only on evidence that was not there.
#[utoipa::path(post, path = "/api/conflicts/{id}/resolve", tag = "API conflicts")]
pub(crate) async fn api_conflict_resolve(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::IdentitiesMerge)?;
    let dry_run = call.dry_run()?;
    let conflict = conflict_id(&call)?;
    let body = call.read(body).await?;
    let decision = decision(&json_of(&body)?)?;
    let command = Command::SettleConflict(SettleConflict { conflict, decision });
    let (told, _) = decide(&call, command, dry_run).await?;
    let Remembered::Settled { conflict, settlement, customers: (left, right), seq } = told else {
        return Err(Problem::unexpected());
    };
    let merge_id = match settlement {
        Some(Settlement::Merged(merge)) => Some(merge.0),
        Some(
            Settlement::KeptApart
            | Settlement::IdentityMoved
            | Settlement::Accepted
            | Settlement::Erased,
        )
        | None => None,
    };
    let body = SettledBody {
        conflict_id: conflict.0,
        settlement: settlement.map(Settlement::name),
        merge_id,
        customer_ids: [Some(left.0), right.map(|id| id.0)],
        seq: seq.map(|seq| seq.0),
    };
    Ok(json(StatusCode::OK, &body))
}

fn decision(json: &Json<'_>) -> Result<Decision, Problem> {
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", json).unwrap_or(&nothing);
    reader.known("", object, &["decision"]);
    let names: Vec<&str> = Decision::ALL.iter().map(|decision| decision.name()).collect();
    let expected = format!("one of {}", names.join(", "));
    let decision = match object.get("decision") {
        None | Some(Json::Null) => {
            reader.missing("/decision", &expected);
            None
        }
        Some(json) => {
            let known = if let Json::Text(text) = json { Decision::named(text) } else { None };
            if known.is_none() {
                let found = if let Json::Text(_) = json { "other text" } else { json.found() };
                reader.unfit("/decision", expected, found);
            }
            known
        }
    };
    reader.end()?;
    decision.ok_or_else(Problem::unexpected)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SettledBody {
    conflict_id: i64,
    settlement: Option<&'static str>,
    merge_id: Option<i64>,
    customer_ids: [Option<i64>; 2],
    seq: Option<i64>,
}
