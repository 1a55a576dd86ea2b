//! `POST /api/customers/{id}/restore` and `POST /api/customers/{id}/erase`.

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

/// Restore a deleted customer
///
/// With all that it was, while nobody else owns one of its identities.
#[utoipa::path(post, path = "/api/customers/{id}/restore", tag = "API customers")]
pub(crate) async fn api_customer_restore(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersDelete)?;
    let dry_run = call.dry_run()?;
    let (told, _) = decide(&call, Command::Restore(call.customer()?), dry_run).await?;
    let Remembered::Restored { customer, seq } = told else {
        return Err(Problem::unexpected());
    };
    let body = RestoredBody { customer_id: customer.0, seq: seq.map(|seq| seq.0) };
    Ok(json(StatusCode::OK, &body))
}

/// Erase a customer
///
/// For good, as privacy laws ask: the fields of all that was ever said about the customer, and the
/// texts of its identities, leave the journal, the feed and every answer. A tombstone remains, which
/// says when and by which app. A deleted customer can be erased as well. Nothing brings it back.
#[utoipa::path(post, path = "/api/customers/{id}/erase", tag = "API customers")]
pub(crate) async fn api_customer_erase(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersErase)?;
    let dry_run = call.dry_run()?;
    let (told, _) = decide(&call, Command::Erase(call.customer()?), dry_run).await?;
    let Remembered::Erased { customers, identities, claims, seq } = told else {
        return Err(Problem::unexpected());
    };
    let body = ErasedBody {
        customer_ids: customers.iter().map(|id| id.0).collect(),
        identities,
        claims,
        seq: seq.map(|seq| seq.0),
    };
    Ok(json(StatusCode::OK, &body))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RestoredBody {
    customer_id: i64,
    seq: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ErasedBody {
    /// Every id that stood for the customer.
    customer_ids: Vec<i64>,
    identities: usize,
    claims: usize,
    seq: Option<i64>,
}
