//! What an event says, read from the journal at the moment in which it is told: what was erased
//! since is not there any more.

use crate::api::changes::event::EventBody;
use crate::server::Hub;
use crate::wire::time;
use kehub_core::TenantId;
use kehub_core::feed::Cursor;
use kehub_core::webhook::Webhook;
use kehub_store::StoreError;
use serde::Serialize;

/// The body of a call, in the form of Standard Webhooks.
#[derive(Debug, Serialize)]
struct CallBody<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Option<String>,
    data: &'a EventBody<'a>,
}

/// The id of an event: the same for every try, every replay and every webhook.
pub(crate) fn id(tenant: TenantId, place: Cursor) -> String {
    format!("evt_{tenant}_{}_{}", place.position, place.index)
}

/// What the event at a place says; `None` if there is none that the webhook wants.
pub(super) async fn body(
    hub: &Hub,
    tenant: TenantId,
    place: Cursor,
    webhook: &Webhook,
) -> Result<Option<Vec<u8>>, StoreError> {
    let page = hub.store().feed(tenant, place.position - 1, 1).await?;
    let access = hub.access();
    let Some(event) = EventBody::of(&page, &access).find(|event| event.place == place) else {
        return Ok(None);
    };
    let kind = event.event.kind();
    if !webhook.settings.wants(kind) {
        return Ok(None);
    }
    let timestamp = time::precise(event.entry.at);
    let body = CallBody { kind: kind.name(), timestamp, data: &event };
    let bytes = serde_json::to_vec(&body);
    bytes.map(Some).map_err(|error| StoreError::Corrupt(error.into()))
}
