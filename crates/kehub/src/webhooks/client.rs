//! One call to a webhook, and what came of it.

use super::address::{Reach, Resolver, Unreachable, parse};
use super::sign;
use kehub_core::Micros;
use kehub_core::webhook::{Reason, Webhook};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client as Http, Response, redirect};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Bytes of an answer that are read, so that its connection can be used again. They say nothing.
const ANSWER_BYTES_MAX: usize = 4096;
/// How long they are waited for.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);
/// Idle connections to one host.
const IDLE_MAX: usize = 4;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// Calls webhooks.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: Http,
    reach: Reach,
}

impl Client {
    /// A client whose calls take so long at most, from the look-up of the host to the answer.
    pub(super) fn new(reach: Reach, time_limit: Duration) -> Result<Client, reqwest::Error> {
        Ok(Client { http: http(reach, time_limit)?, reach })
    }

    /// Tells a webhook one event.
    pub(super) async fn tell(
        &self,
        webhook: &Webhook,
        id: &str,
        body: Vec<u8>,
        now: Micros,
    ) -> Result<(), Reason> {
        let url = parse(&webhook.settings.url).ok_or(Reason::NotResolved)?;
        if !self.reach.allows_literal(&url) {
            return Err(Reason::AddressRefused);
        }
        let seconds = now.div_euclid(MICROS_PER_SECOND);
        let signatures = sign::signatures(webhook, id, seconds, &body, now);
        let request = self
            .http
            .post(url)
            .header(CONTENT_TYPE, JSON)
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signatures)
            .body(body);
        let answer = request.send().await.map_err(|error| reason(&error))?;
        let status = answer.status();
        // What goes wrong with the rest is no matter: the status has been said.
        drop(tokio::time::timeout(ANSWER_TIME_MAX, read_to_the_end(answer)).await);
        if status.is_success() { Ok(()) } else { Err(Reason::Status(status.as_u16())) }
    }
}

/// What makes calls to the addresses of others: only those within reach, without redirects, each in this
/// time at most.
pub(crate) fn http(reach: Reach, time_limit: Duration) -> Result<Http, reqwest::Error> {
    // Whoever came first has chosen the same.
    drop(rustls::crypto::ring::default_provider().install_default());
    Http::builder()
        .user_agent(concat!("Kehub/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::new(Resolver(reach)))
        .redirect(redirect::Policy::none())
        // A proxy would look up hosts itself.
        .no_proxy()
        .referer(false)
        .timeout(time_limit)
        .pool_max_idle_per_host(IDLE_MAX)
        .build()
}

/// Reads a short answer to its end.
async fn read_to_the_end(mut answer: Response) {
    let mut left = ANSWER_BYTES_MAX;
    while let Ok(Some(chunk)) = answer.chunk().await {
        let Some(rest) = left.checked_sub(chunk.len()) else { break };
        left = rest;
    }
}

/// How a call failed.
pub(crate) fn reason(error: &reqwest::Error) -> Reason {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        match error.downcast_ref() {
            Some(Unreachable::Refused) => return Reason::AddressRefused,
            Some(Unreachable::Unknown) => return Reason::NotResolved,
            None => cause = error.source(),
        }
    }
    if error.is_timeout() {
        Reason::TimedOut
    } else if error.is_connect() {
        Reason::NotConnected
    } else {
        Reason::BrokenOff
    }
}
