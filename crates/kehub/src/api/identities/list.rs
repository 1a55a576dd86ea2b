//! `GET /api/identities` and `GET /api/customers/{id}/identities`.

use crate::api::Call;
use crate::api::customers::body::IdentityBody;
use crate::api::problem::Problem;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_store::OwnedIdentity;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListBody<'a> {
    items: Vec<IdentityBody<'a>>,
    /// What belongs to one customer, or is of one value, is never more than a page.
    next_cursor: Option<&'a str>,
}

/// Find identities
///
/// Those of this value that belong to somebody, of one type or of any. The value is compared in the
/// canonical form of each type.
#[utoipa::path(get, path = "/api/identities", tag = "API identities")]
pub(crate) async fn api_identity_list(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    let mut parameters = call.parameters();
    let kind = parameters.text("type").filter(|kind| !kind.is_empty());
    let value = parameters.text("value").filter(|value| !value.is_empty());
    if value.is_none() {
        parameters.missing("value", "the value of an identity");
    }
    parameters.end()?;
    let value = value.unwrap_or_default();
    let found = call.store().identities_named(call.tenant(), kind.as_deref(), &value).await?;
    Ok(answer(&found))
}

/// List the identities of a customer
///
/// An id that was merged away answers those of the customer it was merged into.
#[utoipa::path(get, path = "/api/customers/{id}/identities", tag = "API identities")]
pub(crate) async fn api_customer_identities(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    call.parameters().end()?;
    let found = call.store().customer_whole(call.tenant(), call.customer()?).await?;
    let found = found.ok_or_else(Problem::customer_not_found)?;
    Ok(answer(&found.identities))
}

fn answer(found: &[OwnedIdentity]) -> Response {
    let items = found.iter().map(IdentityBody::of).collect();
    json(StatusCode::OK, &ListBody { items, next_cursor: None })
}
