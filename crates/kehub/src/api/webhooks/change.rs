//! Writes of webhooks: create, change, rotate, replay, delete.

use super::body::WebhookBody;
use super::list::{known, missing, named, newest};
use super::settings;
use crate::api::Call;
use crate::api::call::json_of;
use crate::api::problem::Problem;
use crate::api::reader::Reader;
use crate::api::version;
use crate::server::problem::{Problem as Around, json};
use crate::webhooks::address::{self, Reach};
use crate::webhooks::sign::draw_secret;
use crate::wire::json::Object;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use kehub_core::command::{Command, InsteadOf};
use kehub_core::directory::Permission;
use kehub_core::outcome::Outcome;
use kehub_core::webhook::{
    Secret, Settings, SettingsChange, Webhook, WebhookChange, WebhookOutcome,
};
use kehub_core::{Micros, WebhookId};

/// How long calls are signed with the old secret as well after it was rotated: a day.
const OLD_SECRET_LIFE: Micros = 24 * 60 * 60 * 1_000_000;

/// Create a webhook
///
/// It is told what comes from now on; `replay` tells it what came before. `secret` is shown here and
/// by `rotate`, and nowhere else. `kinds` chooses events; without it there are all of them.
#[utoipa::path(post, path = "/api/webhooks", tag = "API webhooks")]
pub(crate) async fn api_webhook_create(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::WebhooksAdmin)?;
    let dry_run = call.dry_run()?;
    let body = call.read(body).await?;
    let webhook = create(&call, &body, dry_run).await?;
    let body = WebhookBody::of(&webhook, newest(&call).await?);
    let status = if dry_run { StatusCode::OK } else { StatusCode::CREATED };
    Ok(json(status, &if dry_run { body } else { body.with_secret(&webhook) }))
}

/// Creates a webhook of what a body says.
pub(crate) async fn create(call: &Call, body: &[u8], dry_run: bool) -> Result<Webhook, Problem> {
    let given = read(call, body, true)?;
    let settings = Settings {
        url: given.url.unwrap_or_default(),
        description: given.description.unwrap_or_default(),
        kinds: given.kinds.unwrap_or_default(),
        enabled: given.enabled.unwrap_or(true),
    };
    changed(call, WebhookChange::Create { settings, secret: secret()? }, dry_run).await
}

/// What a body says about a webhook; a new one has an address.
pub(crate) fn read(call: &Call, body: &[u8], is_new: bool) -> Result<SettingsChange, Problem> {
    let sent = json_of(body)?;
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", &sent).unwrap_or(&nothing);
    if is_new && object.get("url").is_none() {
        reader.missing("/url", address::EXPECTED);
    }
    let given = settings::read(&mut reader, object, reach(call));
    reader.end()?;
    Ok(given)
}

/// Change a webhook
///
/// What is absent stays. With another address, or when it is enabled again, what waits is tried at
/// once. While it is not enabled nothing is lost. With `version`, a webhook that has another one stays as
/// it is.
#[utoipa::path(patch, path = "/api/webhooks/{id}", tag = "API webhooks")]
pub(crate) async fn api_webhook_patch(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::WebhooksAdmin)?;
    let (dry_run, version) = version::conditions(&call)?;
    let id = named(&call)?;
    let body = call.read(body).await?;
    let settings = read(&call, &body, false)?;
    let webhook = set(&call, id, settings, version.as_deref(), dry_run).await?;
    Ok(json(StatusCode::OK, &WebhookBody::of(&webhook, newest(&call).await?)))
}

/// Sets what is given about a webhook; with a version, unless it has another one.
pub(crate) async fn set(
    call: &Call,
    id: WebhookId,
    settings: SettingsChange,
    seen: Option<&str>,
    dry_run: bool,
) -> Result<Webhook, Problem> {
    let instead_of = match seen {
        Some(_) => {
            let stands = known(call, id).await?.settings;
            let version = version::of_webhook(&stands);
            version::instead_of(seen, &version, Box::new(stands), true)
        }
        None => InsteadOf::Whatever,
    };
    let settings = SettingsChange { instead_of, ..settings };
    changed(call, WebhookChange::Set { id, settings }, dry_run).await
}

/// Rotate the secret of a webhook
///
/// Calls are signed with the old secret as well for a day, so that receivers can follow.
#[utoipa::path(post, path = "/api/webhooks/{id}/rotate", tag = "API webhooks")]
pub(crate) async fn api_webhook_rotate(call: Call) -> Result<Response, Problem> {
    call.require(Permission::WebhooksAdmin)?;
    let dry_run = call.dry_run()?;
    let webhook = rotate(&call, named(&call)?, dry_run).await?;
    let body = WebhookBody::of(&webhook, newest(&call).await?);
    Ok(json(StatusCode::OK, &if dry_run { body } else { body.with_secret(&webhook) }))
}

/// Gives a webhook a new secret.
pub(crate) async fn rotate(call: &Call, id: WebhookId, dry_run: bool) -> Result<Webhook, Problem> {
    let old_until = call.now().saturating_add(OLD_SECRET_LIFE);
    changed(call, WebhookChange::Rotate { id, secret: secret()?, old_until }, dry_run).await
}

/// Replay events to a webhook
///
/// Tells it again every event from the journal entry `seq` on, in order and under the same ids. What
/// it was not told yet is not skipped.
#[utoipa::path(post, path = "/api/webhooks/{id}/replay", tag = "API webhooks")]
pub(crate) async fn api_webhook_replay(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::WebhooksAdmin)?;
    let dry_run = call.dry_run()?;
    let id = named(&call)?;
    let body = call.read(body).await?;
    let sent = json_of(&body)?;
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", &sent).unwrap_or(&nothing);
    reader.known("", object, &["seq"]);
    let seq = reader.whole_number(object, "seq", 1);
    if object.get("seq").is_none() {
        reader.missing("/seq", "a whole number");
    }
    reader.end()?;
    let after = seq.unwrap_or(1) - 1;
    let webhook = changed(&call, WebhookChange::Replay { id, after }, dry_run).await?;
    Ok(json(StatusCode::OK, &WebhookBody::of(&webhook, newest(&call).await?)))
}

/// Delete a webhook
///
/// What it was not told yet is forgotten with it.
#[utoipa::path(delete, path = "/api/webhooks/{id}", tag = "API webhooks")]
pub(crate) async fn api_webhook_delete(call: Call) -> Result<Response, Problem> {
    call.require(Permission::WebhooksAdmin)?;
    let dry_run = call.dry_run()?;
    delete(&call, named(&call)?, dry_run).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Deletes a webhook.
pub(crate) async fn delete(call: &Call, id: WebhookId, dry_run: bool) -> Result<(), Problem> {
    let outcome = call.apply(Command::Webhook(WebhookChange::Delete(id)), dry_run).await?;
    let Outcome::Webhook(WebhookOutcome::Deleted(_)) = outcome else {
        return Err(Problem::unexpected());
    };
    call.hub().webhooks_changed().notify_one();
    Ok(())
}

/// Applies a change, and tells the deliverer; the webhook afterwards.
pub(crate) async fn changed(
    call: &Call,
    change: WebhookChange,
    dry_run: bool,
) -> Result<Webhook, Problem> {
    let outcome = call.apply(Command::Webhook(change), dry_run).await?;
    let Outcome::Webhook(outcome) = outcome else { return Err(Problem::unexpected()) };
    match outcome {
        WebhookOutcome::Stands(webhook) => {
            call.hub().webhooks_changed().notify_one();
            Ok(*webhook)
        }
        // A request that came before under its idempotency key, about one that is gone by now.
        WebhookOutcome::Deleted(_) => Err(missing()),
        WebhookOutcome::Lease(_) | WebhookOutcome::Kept => Err(Problem::unexpected()),
    }
}

fn reach(call: &Call) -> Reach {
    Reach { private: call.hub().settings().webhooks_private }
}

fn secret() -> Result<Secret, Problem> {
    draw_secret().map_err(|_| Problem::from(Around::Internal))
}
