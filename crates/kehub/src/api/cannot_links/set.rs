//! `POST /api/cannot-links` and `DELETE /api/cannot-links/{one}/{other}`.

use crate::api::Call;
use crate::api::call::json_of;
use crate::api::decided::decide;
use crate::api::merges::make::two_customers;
use crate::api::problem::{Code, Problem};
use crate::server::problem::json;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::CustomerId;
use kehub_core::command::{Command, SetCannotLink};
use kehub_core::directory::Permission;
use kehub_core::receipt::Remembered;
use serde::Serialize;

/// Say that two customers are different people
///
/// No request and no reviewer joins them from now on, until the cannot-link is removed.
#[utoipa::path(post, path = "/api/cannot-links", tag = "API conflicts")]
pub(crate) async fn api_cannot_link_create(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::IdentitiesMerge)?;
    let dry_run = call.dry_run()?;
    let body = call.read(body).await?;
    let (one, other) = two_customers(&json_of(&body)?)?;
    set(&call, SetCannotLink { one, other, apart: true }, dry_run).await
}

/// Remove a cannot-link
///
/// The two may be joined again. Both ids are those of the cannot-link itself, in any order.
#[utoipa::path(delete, path = "/api/cannot-links/{one}/{other}", tag = "API conflicts")]
pub(crate) async fn api_cannot_link_delete(call: Call) -> Result<Response, Problem> {
    call.require(Permission::IdentitiesMerge)?;
    let dry_run = call.dry_run()?;
    let one = call.number(1, Code::CannotLinkNotFound).map(CustomerId)?;
    let other = call.number(2, Code::CannotLinkNotFound).map(CustomerId)?;
    set(&call, SetCannotLink { one, other, apart: false }, dry_run).await
}

async fn set(call: &Call, wanted: SetCannotLink, dry_run: bool) -> Result<Response, Problem> {
    let (told, _) = decide(call, Command::SetCannotLink(wanted), dry_run).await?;
    let Remembered::Linked { link, apart, seq } = told else {
        return Err(Problem::unexpected());
    };
    let body = LinkedBody { homes: [link.low.0, link.high.0], apart, seq: seq.map(|seq| seq.0) };
    Ok(json(StatusCode::OK, &body))
}

#[derive(Debug, Serialize)]
struct LinkedBody {
    homes: [i64; 2],
    apart: bool,
    /// `null` if it was so before, and in a dry run.
    seq: Option<i64>,
}
