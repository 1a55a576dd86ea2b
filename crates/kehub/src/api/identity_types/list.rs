//! `GET /api/identity-types`.

use super::body::{TypeBody, type_or_new};
use crate::api::Call;
use crate::api::policy::body::policy_of;
use crate::api::problem::Problem;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::policy::{IdentityType, Policy, TypeRules};
use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TypesBody {
    items: Vec<TypeBody>,
    next_cursor: Option<String>,
}

/// List identity types
///
/// Those that the tenant has used or set, and those that Kehub knows by name, in the order of their
/// names: each with the rules in force. `set` tells which of them the tenant has set; all others are
/// those of the preset.
#[utoipa::path(get, path = "/api/identity-types", tag = "API policy")]
pub(crate) async fn api_identity_type_list(call: Call) -> Result<Response, Problem> {
    call.require_only(Permission::CustomersRead)?;
    let policy = policy_of(&call).await?;
    let types = types_of(&policy);
    let mut parameters = call.parameters();
    let limit = parameters.limit();
    let after = parameters.parsed("cursor", "the `nextCursor` of an earlier answer", |text| {
        // A type that is listed once is listed for ever.
        types.iter().find(|(key, _)| key == text).map(|(key, _)| key.clone())
    });
    parameters.end()?;
    let mut rest =
        types.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let last = page.last().map(|(key, _)| key.clone());
    let next_cursor = last.filter(|_| rest.next().is_some());
    let items = page.iter().map(|(_, kind)| TypeBody::of(&policy, kind)).collect();
    Ok(json(StatusCode::OK, &TypesBody { items, next_cursor }))
}

/// Every type with its key, by key.
pub(crate) fn types_of(policy: &Policy) -> Vec<(String, IdentityType)> {
    let used = policy.types().cloned();
    let unused = TypeRules::KNOWN.iter().filter(|name| policy.type_named(name).is_none());
    let all = used.chain(unused.map(|name| type_or_new(policy, name)));
    let mut all: Vec<_> = all.map(|kind| (kind.key(), kind)).collect();
    all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    all
}
