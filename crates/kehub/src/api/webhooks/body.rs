//! A webhook as `/api` answers it.

use crate::api::version;
use crate::webhooks::sign::secret_text;
use crate::wire::time;
use kehub_core::feed::Kind;
use kehub_core::webhook::{Failure, Progress, Webhook};
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookBody<'a> {
    id: i64,
    url: &'a str,
    description: &'a str,
    kinds: Vec<&'static str>,
    enabled: bool,
    version: String,
    created_at: Option<String>,
    updated_at: Option<String>,
    progress: ProgressBody,
    /// Only where it is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProgressBody {
    seq: i64,
    lag: i64,
    waiting: usize,
    dead_letters: usize,
    delivered_at: Option<String>,
    last_error: Option<FailureBody>,
}

/// Why a try failed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FailureBody {
    at: Option<String>,
    reason: &'static str,
    status: Option<u16>,
}

impl<'a> WebhookBody<'a> {
    /// A webhook of a tenant whose feed goes up to `newest`.
    pub(super) fn of(webhook: &'a Webhook, newest: i64) -> WebhookBody<'a> {
        let settings = &webhook.settings;
        WebhookBody {
            id: webhook.id.0,
            url: &settings.url,
            description: &settings.description,
            kinds: settings.kinds.iter().copied().map(Kind::name).collect(),
            enabled: settings.enabled,
            version: version::of_webhook(settings),
            created_at: time::precise(webhook.created_at),
            updated_at: time::precise(webhook.updated_at),
            progress: ProgressBody::of(&webhook.progress, newest),
            secret: None,
        }
    }

    /// The same, with the secret in the only moment in which it is shown.
    pub(super) fn with_secret(mut self, webhook: &Webhook) -> WebhookBody<'a> {
        self.secret = Some(secret_text(&webhook.secret));
        self
    }
}

impl ProgressBody {
    fn of(progress: &Progress, newest: i64) -> ProgressBody {
        let seq = progress.cursor.settled();
        let dead_letters = progress.dead_letters().count();
        ProgressBody {
            seq,
            lag: newest.saturating_sub(seq).max(0),
            waiting: progress.undelivered.len() - dead_letters,
            dead_letters,
            delivered_at: progress.delivered_at.and_then(time::precise),
            last_error: progress.failure.map(FailureBody::of),
        }
    }
}

impl FailureBody {
    pub(super) fn of(failure: Failure) -> FailureBody {
        FailureBody {
            at: time::precise(failure.at),
            reason: failure.reason.name(),
            status: failure.reason.status(),
        }
    }
}
