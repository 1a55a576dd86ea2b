//! `POST /api/undecided-claims/{merge}/{claim}/decide`.

use crate::api::Call;
use crate::api::call::json_of;
use crate::api::decided::decide;
use crate::api::problem::{Code, Problem};
use crate::api::reader::Reader;
use crate::server::problem::json;
use crate::wire::json::{Json, Object};
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::command::{Command, DecideClaim};
use kehub_core::directory::Permission;
use kehub_core::receipt::Remembered;
use kehub_core::{CustomerId, MergeId, Seq};
use serde::Serialize;

/// Say whose an undecided claim is
///
/// What it said, the identities that it attached, and the claims that carried only those go to the
/// named customer, or stay if that is where they are.
#[utoipa::path(post, path = "/api/undecided-claims/{merge}/{claim}/decide", tag = "API merges")]
pub(crate) async fn api_claim_decide(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::IdentitiesMerge)?;
    let dry_run = call.dry_run()?;
    let merge = call.number(1, Code::MergeNotFound).map(MergeId)?;
    let claim = call.number(2, Code::ClaimNotUndecided).map(Seq)?;
    let body = call.read(body).await?;
    let customer = customer(&json_of(&body)?)?;
    let command = Command::DecideClaim(DecideClaim { merge, claim, customer });
    let (told, _) = decide(&call, command, dry_run).await?;
    let Remembered::ClaimDecided { claim, home, customers: (from, to), seq } = told else {
        return Err(Problem::unexpected());
    };
    let body = DecidedBody {
        claim: claim.0,
        home: home.0,
        from_customer_id: from.0,
        customer_id: to.0,
        seq: seq.map(|seq| seq.0),
    };
    Ok(json(StatusCode::OK, &body))
}

fn customer(json: &Json<'_>) -> Result<CustomerId, Problem> {
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", json).unwrap_or(&nothing);
    reader.known("", object, &["customerId"]);
    let id = object.get("customerId").and_then(|json| reader.id("/customerId", json));
    if object.get("customerId").is_none() {
        reader.missing("/customerId", "a customer id");
    }
    reader.end()?;
    id.map(CustomerId).ok_or_else(Problem::unexpected)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DecidedBody {
    claim: i64,
    home: i64,
    from_customer_id: i64,
    customer_id: i64,
    seq: Option<i64>,
}
