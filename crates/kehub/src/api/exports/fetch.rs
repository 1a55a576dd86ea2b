//! `GET /api/exports/{id}`.

use super::answer;
use super::kept::Owner;
use crate::api::Call;
use crate::api::problem::Problem;
use axum::response::Response;
use kehub_core::directory::Permission;

/// Fetch an export again
///
/// The same file as before, for who asked for it: as of the same moment, whole, or with `Range` the bytes
/// that did not come. A range waits until the export is whole; should that take too long, the answer is
/// `busy`. An export is kept for an hour after it became whole, by the hub that made it, while it is among the
/// last four of the tenant, and until a customer is erased. One that could not be made is not kept.
#[utoipa::path(get, path = "/api/exports/{id}", tag = "API customers")]
pub(crate) async fn api_export_fetch(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    call.parameters().end()?;
    let id = call.word(1).unwrap_or_default();
    let export = call.hub().exports().find(&id, Owner::of(&call), call.now());
    let export = export.ok_or_else(answer::missing)?;
    answer::wanted(&call, &export).await
}
