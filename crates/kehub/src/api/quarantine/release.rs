//! `POST /api/quarantine/{number}/release`.

use super::body::ReleasedBody;
use crate::api::Call;
use crate::api::problem::{Code, Problem};
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::IdentityNumber;
use kehub_core::command::Command;
use kehub_core::directory::Permission;
use kehub_core::outcome::Outcome;

/// Release a quarantined identity
///
/// It matches again. What it was seen with so far does not count any more; as many further values as
/// its type's `quarantineAfter` says quarantine it again. The call has no body.
#[utoipa::path(post, path = "/api/quarantine/{number}/release", tag = "API quarantine")]
pub(crate) async fn api_quarantine_release(call: Call) -> Result<Response, Problem> {
    call.require(Permission::IdentitiesMerge)?;
    let dry_run = call.dry_run()?;
    let number = IdentityNumber(call.number(1, Code::IdentityNotFound)?);
    let outcome = call.apply(Command::Release(number), dry_run).await?;
    let Outcome::Released(released) = outcome else { return Err(Problem::unexpected()) };
    Ok(json(StatusCode::OK, &ReleasedBody::of(&released, call.reads())))
}
