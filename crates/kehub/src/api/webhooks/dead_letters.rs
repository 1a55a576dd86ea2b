//! Events that a webhook could not be told.

use super::body::{FailureBody, WebhookBody};
use super::change::changed;
use super::list::{known, named, newest};
use crate::api::Call;
use crate::api::call::json_of;
use crate::api::changes::cursor;
use crate::api::problem::Problem;
use crate::api::reader::Reader;
use crate::server::problem::json;
use crate::webhooks::event_id;
use crate::wire::json::Object;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::feed::Cursor;
use kehub_core::webhook::WebhookChange;
use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DeadLettersBody {
    items: Vec<DeadLetterBody>,
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DeadLetterBody {
    seq: i64,
    index: u32,
    event_id: String,
    tries: u32,
    error: Option<FailureBody>,
}

/// List dead letters
///
/// Events that were tried as often as the hub is set to, in order. Their content is in the feed, at
/// `seq` and `index`. With very many of them a webhook is told nothing more until they are retried.
#[utoipa::path(get, path = "/api/webhooks/{id}/dead-letters", tag = "API webhooks")]
pub(crate) async fn api_dead_letter_list(call: Call) -> Result<Response, Problem> {
    call.require(Permission::WebhooksAdmin)?;
    let mut parameters = call.parameters();
    let limit = parameters.limit();
    let after = parameters.parsed("cursor", "the `nextCursor` of an earlier answer", cursor::read);
    parameters.end()?;
    let webhook = known(&call, named(&call)?).await?;
    let after = after.unwrap_or(Cursor::START);
    let mut letters = webhook.progress.dead_letters().filter(|(place, _)| *place > after);
    let page: Vec<_> = letters.by_ref().take(limit).collect();
    let is_last = letters.next().is_none();
    let next_cursor = page.last().filter(|_| !is_last).map(|(place, _)| cursor::text(*place));
    let item = |(place, letter): &(Cursor, &kehub_core::webhook::Undelivered)| DeadLetterBody {
        seq: place.position,
        index: place.index,
        event_id: event_id(call.tenant(), *place),
        tries: letter.tries,
        error: letter.failure.map(FailureBody::of),
    };
    let items = page.iter().map(item).collect();
    Ok(json(StatusCode::OK, &DeadLettersBody { items, next_cursor }))
}

/// Retry dead letters
///
/// Tries the one at `seq` and `index` again, or all of them if the body names none, from the first
/// try on. A dead letter is told after what came later: it lost its place in the order.
#[utoipa::path(post, path = "/api/webhooks/{id}/dead-letters/retry", tag = "API webhooks")]
pub(crate) async fn api_dead_letter_retry(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::WebhooksAdmin)?;
    let dry_run = call.dry_run()?;
    let id = named(&call)?;
    let body = call.read(body).await?;
    let place = place(&body)?;
    let webhook = changed(&call, WebhookChange::Retry { id, place }, dry_run).await?;
    Ok(json(StatusCode::OK, &WebhookBody::of(&webhook, newest(&call).await?)))
}

/// The place that a body names; `None` if it names none.
fn place(body: &[u8]) -> Result<Option<Cursor>, Problem> {
    if body.is_empty() {
        return Ok(None);
    }
    let sent = json_of(body)?;
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", &sent).unwrap_or(&nothing);
    reader.known("", object, &["seq", "index"]);
    let seq = reader.whole_number(object, "seq", 1);
    let index = reader.whole_number(object, "index", 0).map(u32::try_from);
    for (key, other) in [("seq", "index"), ("index", "seq")] {
        if object.get(key).is_none() && object.get(other).is_some() {
            reader.missing(&format!("/{key}"), "a whole number");
        }
    }
    reader.end()?;
    let place = |(position, index)| Cursor { position, index };
    // No event has a larger index than fits: such a place holds no dead letter.
    Ok(seq.zip(index.map(|index| index.unwrap_or(u32::MAX))).map(place))
}
