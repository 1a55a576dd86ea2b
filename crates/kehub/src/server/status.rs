//! Whether the hub is alive, whether it can write, and what it counts.

use super::hub::Hub;
use super::problem::Problem;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use kehub_core::command::{Command, Origin, Request};
use kehub_core::outcome::Outcome;
use kehub_core::{AppNumber, Micros, TenantId};
use kehub_store::Batch;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long a look at the store answers for it: probes may come from anybody, and each look is a
/// durable write.
const LOOK_MICROS: Micros = 1_000_000;
/// How long the store may take to answer: longer than the largest group keeps others waiting, and shorter
/// than it tries to reach a database that is away.
const LOOK_MAX: Duration = Duration::from_secs(2);
const METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What the last look at the store found, and when. The lock lets one look at a time.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Option<(Micros, bool)>>);

/// Whether the process answers
///
/// Says nothing about the store.
#[utoipa::path(get, path = "/healthz", tag = "Operation")]
pub(crate) async fn healthz() -> &'static str {
    "ok"
}

/// Whether the hub can write
///
/// Writes to the store and waits until it is durable, for two seconds at most; the result is reused for a
/// second.
#[utoipa::path(get, path = "/readyz", tag = "Operation")]
pub(crate) async fn readyz(State(hub): State<Hub>) -> Response {
    let now = hub.clock().now();
    let mut last = hub.readiness().0.lock().await;
    let ready = match *last {
        Some((at, ready)) if (0..LOOK_MICROS).contains(&(now - at)) => ready,
        Some(_) | None => {
            let ready = can_write(&hub, now).await;
            *last = Some((now, ready));
            ready
        }
    };
    if ready { "ready".into_response() } else { Problem::NotApplied.into_response() }
}

async fn can_write(hub: &Hub, at: Micros) -> bool {
    let request = hub.next_request_id();
    let origin = Origin { app: AppNumber(0), actor: None, request, at };
    let tenant = TenantId(0);
    let probe =
        Request { tenant, origin, dry_run: false, idempotency: None, command: Command::Probe };
    let written = tokio::time::timeout(LOOK_MAX, hub.store().apply(Batch::one(probe))).await;
    written.is_ok_and(|written| written.is_ok_and(|outcomes| outcomes == [Outcome::Written]))
}

/// What the hub counts
///
/// Requests, latencies, queue, groups, commits and upserts, in the `OpenMetrics` text format.
#[utoipa::path(get, path = "/metrics", tag = "Operation")]
pub(crate) async fn metrics(State(hub): State<Hub>) -> Response {
    match hub.metrics().text(&hub.store().gauges()) {
        Ok(text) => (StatusCode::OK, [(CONTENT_TYPE, METRICS)], text).into_response(),
        Err(_) => Problem::Internal.into_response(),
    }
}
