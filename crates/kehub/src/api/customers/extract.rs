//! `POST /api/customers/{id}/extract`.

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
use kehub_core::command::{Command, Extract, IdentitySent};
use kehub_core::directory::Permission;
use kehub_core::receipt::Remembered;
use serde::Serialize;

/// Take identities out of a customer
///
/// The cure for a wrong attachment, where there is no merge to undo: the identities, and every claim
/// that carried only them, become a customer of their own. A cannot-link keeps the two apart.
#[utoipa::path(post, path = "/api/customers/{id}/extract", tag = "API customers")]
pub(crate) async fn api_customer_extract(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::IdentitiesMerge)?;
    let dry_run = call.dry_run()?;
    let customer = call.customer()?;
    let body = call.read(body).await?;
    let identities = identities(&json_of(&body)?)?;
    let command = Command::Extract(Extract { customer, identities });
    let (told, _) = decide(&call, command, dry_run).await?;
    let Remembered::Extracted { customers: (from, to), identities, claims, reviews, seq } = told
    else {
        return Err(Problem::unexpected());
    };
    let body = ExtractedBody {
        customer_id: from.0,
        extracted_id: to.0,
        identity_numbers: identities.iter().map(|number| number.0).collect(),
        claims: claims.iter().map(|claim| claim.0).collect(),
        review_ids: reviews.iter().map(|id| id.0).collect(),
        seq: seq.map(|seq| seq.0),
    };
    let status = if dry_run { StatusCode::OK } else { StatusCode::CREATED };
    Ok(json(status, &body))
}

fn identities(json: &Json<'_>) -> Result<Vec<IdentitySent>, Problem> {
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", json).unwrap_or(&nothing);
    reader.known("", object, &["identities"]);
    let sent = object.get("identities");
    if sent.is_none() {
        reader.missing("/identities", "an array of identities");
    }
    let identities = sent.map(|json| reader.identities("/identities", json)).unwrap_or_default();
    reader.end()?;
    Ok(identities)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExtractedBody {
    customer_id: i64,
    extracted_id: i64,
    identity_numbers: Vec<i64>,
    claims: Vec<i64>,
    review_ids: Vec<i64>,
    seq: Option<i64>,
}
