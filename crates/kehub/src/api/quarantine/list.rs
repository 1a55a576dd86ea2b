//! `GET /api/quarantine`.

use super::body::QuarantinedBody;
use crate::api::Call;
use crate::api::problem::Problem;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::IdentityNumber;
use kehub_core::directory::Permission;
use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct QuarantineBody<'a> {
    items: Vec<QuarantinedBody<'a>>,
    next_cursor: Option<String>,
}

/// List quarantined identities
///
/// Values that stopped matching because they came with too many different accounts or unionids, such
/// as the telephone of a shop; by number. `seenWith` tells with how many of each type since it was
/// last released.
#[utoipa::path(get, path = "/api/quarantine", tag = "API quarantine")]
pub(crate) async fn api_quarantine_list(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    let mut parameters = call.parameters();
    let limit = parameters.limit();
    let after = parameters.parsed("cursor", "the `nextCursor` of an earlier answer", |text| {
        text.parse().ok().filter(|number| *number > 0)
    });
    parameters.end()?;
    let after = IdentityNumber(after.unwrap_or(0));
    let found = call.store().quarantined(call.tenant(), after, limit + 1).await?;
    let (page, more) = found.split_at(limit.min(found.len()));
    let last = page.last().filter(|_| !more.is_empty());
    let body = QuarantineBody {
        items: page.iter().map(QuarantinedBody::of).collect(),
        next_cursor: last.map(|found| found.identity.number.to_string()),
    };
    Ok(json(StatusCode::OK, &body))
}
