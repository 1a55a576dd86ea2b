//! What happens around every request, in this order: it gets an id, its token is looked at, it has
//! a deadline, a panic becomes an answer, and one line and one count tell of it.

use super::access::Caller;
use super::hub::Hub;
use super::problem::Problem;
use crate::api;
use crate::console;
use crate::wire::query::Query;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use kehub_core::Micros;
use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::info;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Where files are sent, and how long one may take to arrive.
const FILES: &str = "/api/imports";
const FILE_PATIENCE: Duration = Duration::from_hours(24);

/// What is known of a request before it is routed.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) now: Micros,
    pub(crate) request_id: Box<str>,
    /// Who asks, if the token is alive.
    pub(crate) caller: Option<Arc<Caller>>,
}

/// Surrounds a request.
pub(crate) async fn surround(State(hub): State<Hub>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = route_of(&request);
    let method = request.method().clone();
    let now = hub.clock().now();
    let request_id = hub.next_request_id();
    let in_api = api::is_under(request.uri().path());
    let in_header = in_api || console::is_under(request.uri().path());
    let token =
        if in_header { bearer(request.headers()).map(Cow::Borrowed) } else { token(&request) };
    let caller = token.and_then(|token| hub.access().caller(&token, now).cloned());
    let app = caller.as_ref().map(|caller| caller.app.number.0);
    request.extensions_mut().insert(Arrival { now, request_id: request_id.clone(), caller });

    let deadline = hub.settings().request_timeout;
    // A file takes as long as it takes to arrive: who sends it is cut off when nothing comes.
    let is_file = route == FILES && method == Method::POST;
    let deadline = if is_file { FILE_PATIENCE } else { deadline };
    let mut response = match tokio::time::timeout(deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) if method == Method::GET => Problem::NotApplied.into_response(),
        Err(_) => Problem::OutcomeUnknown.into_response(),
    };
    if in_api {
        api::problem::finish(&mut response, &request_id);
    }

    let status = response.status().as_u16();
    let took = started.elapsed();
    hub.metrics().count_request(&method, route, status, took);
    // Never the query string: it holds tokens, secrets and what customers are looked up by.
    let latency_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    info!(%method, route, status, latency_us, request_id = &*request_id, app, "request");
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The answer to a request whose handler panicked. What it said may hold personal data.
pub(crate) fn panicked(_message: Box<dyn Any + Send>) -> Response {
    Problem::Internal.into_response()
}

/// The token of a call to the v1 wire: the one in the query wins; only without one the header
/// counts (W25). A call to the own API has it in the header only: addresses are logged on the way.
fn token(request: &Request) -> Option<Cow<'_, str>> {
    let in_query = Query::new(request.uri().query()).text("access_token").ok()?;
    in_query.or_else(|| bearer(request.headers()).map(Cow::Borrowed))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

/// The template of the request's path, never the path itself: there is a count for each.
fn route_of(request: &Request) -> &'static str {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let all = || super::router::ROUTES.iter().chain(console::ROUTES).copied();
    let known = |path: &str| all().find(|route| *route == path);
    matched.and_then(known).unwrap_or("unknown")
}
