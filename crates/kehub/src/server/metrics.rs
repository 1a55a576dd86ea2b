//! What is counted, in the `OpenMetrics` text format.

use axum::http::Method;
use kehub_core::outcome::ResultKind;
use kehub_store::Gauges;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The counters of a hub.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabels, Histogram, fn() -> Histogram>,
    upserts: Family<UpsertLabels, Counter>,
    webhook_calls: Family<CallLabels, Counter>,
    dead_letters: Counter,
    queue_depth: Gauge,
    groups: Counter,
    grouped: Counter,
    group_size: Histogram,
    commit: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpsertLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    result: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let mut registry = Registry::with_prefix("kehub");
        let requests = Family::default();
        registry.register("requests", "Requests answered", Family::clone(&requests));
        let constructor: fn() -> Histogram = latencies;
        let latency = Family::new_with_constructor(constructor);
        let about = "From the head of a request to its answer";
        registry.register_with_unit("request_duration", about, Unit::Seconds, latency.clone());
        let upserts = Family::default();
        registry.register("upserts", "Upserts, by what came of them", Family::clone(&upserts));
        let webhook_calls = Family::default();
        let about = "Calls of webhooks, by what came of them";
        registry.register("webhook_calls", about, Family::clone(&webhook_calls));
        let dead_letters = Counter::default();
        let about = "Events that a webhook did not take at any try";
        registry.register("webhook_dead_letters", about, dead_letters.clone());
        let queue_depth = Gauge::default();
        registry.register("queue_depth", "Requests that wait to be applied", queue_depth.clone());
        let groups = Counter::default();
        registry.register("groups", "Groups committed", groups.clone());
        let grouped = Counter::default();
        registry.register("grouped_requests", "Requests applied in groups", grouped.clone());
        let group_size = Histogram::new(exponential_buckets(1.0, 2.0, 12));
        let about = "Requests that shared one commit; where there are many, a sample";
        registry.register("group_size", about, group_size.clone());
        let commit = latencies();
        let about = "Commits of the store; where there are many, a sample";
        registry.register_with_unit("commit_duration", about, Unit::Seconds, commit.clone());
        Metrics {
            registry,
            requests,
            latency,
            upserts,
            webhook_calls,
            dead_letters,
            queue_depth,
            groups,
            grouped,
            group_size,
            commit,
        }
    }

    pub(crate) fn count_request(
        &self,
        method: &Method,
        route: &'static str,
        status: u16,
        took: Duration,
    ) {
        let method = known(method);
        self.requests.get_or_create(&RequestLabels { method, route, status }).inc();
        self.latency.get_or_create(&RouteLabels { route }).observe(took.as_secs_f64());
    }

    /// Counts what came of an upsert; `None` for a refused one.
    pub(crate) fn count_upsert(&self, result: Option<ResultKind>) {
        let result = result.map_or("refused", ResultKind::name);
        self.upserts.get_or_create(&UpsertLabels { result }).inc();
    }

    /// Counts a call of a webhook: `told`, or why it failed.
    pub(crate) fn count_webhook_call(&self, result: &'static str) {
        self.webhook_calls.get_or_create(&CallLabels { result }).inc();
    }

    pub(crate) fn count_dead_letter(&self) {
        self.dead_letters.inc();
    }

    /// All of it as text, with what the store says of itself.
    pub(crate) fn text(&self, gauges: &Gauges) -> Result<String, fmt::Error> {
        self.queue_depth.set(i64::try_from(gauges.queue_depth).unwrap_or(i64::MAX));
        self.groups.inner().store(gauges.groups_total, Ordering::Relaxed);
        self.grouped.inner().store(gauges.grouped_total, Ordering::Relaxed);
        for size in &gauges.group_sizes {
            self.group_size.observe(f64::from(*size));
        }
        for micros in &gauges.commit_micros {
            self.commit.observe(Duration::from_micros(*micros).as_secs_f64());
        }
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// From 0.1 ms to 6.5 s.
fn latencies() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 17))
}

/// Callers may invent methods; the counts of this hub may not grow with them.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}
