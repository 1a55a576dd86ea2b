//! `GET /api/webhooks` and `GET /api/webhooks/{id}`.

use super::body::WebhookBody;
use crate::api::Call;
use crate::api::problem::{Code, Problem};
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::WebhookId;
use kehub_core::directory::Permission;
use kehub_core::webhook::Webhook;
use kehub_store::StoreError;
use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhooksBody<'a> {
    items: Vec<WebhookBody<'a>>,
    next_cursor: Option<&'a str>,
}

/// List webhooks
///
/// All of them, with how far each has been told: there are never more than fit on a page.
#[utoipa::path(get, path = "/api/webhooks", tag = "API webhooks")]
pub(crate) async fn api_webhook_list(call: Call) -> Result<Response, Problem> {
    call.require(Permission::WebhooksAdmin)?;
    call.parameters().end()?;
    let webhooks = call.store().webhooks(Some(call.tenant())).await?;
    let newest = newest(&call).await?;
    let items = webhooks.values().map(|webhook| WebhookBody::of(webhook, newest)).collect();
    Ok(json(StatusCode::OK, &WebhooksBody { items, next_cursor: None }))
}

/// Get a webhook
///
/// With how far it has been told: `seq` is the entry of the journal up to which every event was
/// delivered, waits or is a dead letter, `lag` how many entries came after it.
#[utoipa::path(get, path = "/api/webhooks/{id}", tag = "API webhooks")]
pub(crate) async fn api_webhook_get(call: Call) -> Result<Response, Problem> {
    call.require(Permission::WebhooksAdmin)?;
    call.parameters().end()?;
    let webhook = known(&call, named(&call)?).await?;
    Ok(json(StatusCode::OK, &WebhookBody::of(&webhook, newest(&call).await?)))
}

/// The webhook that the path names.
pub(super) fn named(call: &Call) -> Result<WebhookId, Problem> {
    call.number(1, Code::WebhookNotFound).map(WebhookId)
}

/// A webhook of the caller's tenant.
pub(crate) async fn known(call: &Call, id: WebhookId) -> Result<Webhook, Problem> {
    let tenant = call.tenant();
    let found = call.store().webhooks(Some(tenant)).await?.remove(&(tenant, id));
    found.ok_or_else(missing)
}

pub(super) fn missing() -> Problem {
    Problem::new(Code::WebhookNotFound, "no webhook of this id is known")
}

/// How far the feed of the caller's tenant goes.
pub(crate) async fn newest(call: &Call) -> Result<i64, StoreError> {
    Ok(call.store().feed(call.tenant(), 0, 0).await?.newest)
}
