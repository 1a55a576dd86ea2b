//! What happens around every request, in this order: it gets an id, its token is looked at, it has
//! a deadline, a panic becomes an answer, and one line and one count tell of it.

use super::access::Caller;
use super::hub::Hub;
use super::problem::Problem;
use crate::api;
use crate::console;
use crate::people::origin;
use crate::people::session::{self, SignedIn};
use crate::wire::query::Query;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE};
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
/// What a browser was told is kept nowhere, unless an answer says that it is about nobody.
pub(crate) const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// Where files are sent, and how long one may take to arrive.
const FILES: [&str; 2] = ["/api/imports", "/console/imports"];
const FILE_PATIENCE: Duration = Duration::from_hours(24);

/// What is known of a request before it is routed.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) now: Micros,
    pub(crate) request_id: Box<str>,
    /// Who asks, if the token or the session is alive.
    pub(crate) caller: Option<Arc<Caller>>,
    /// The session that the caller is signed in by, if there is no token.
    pub(crate) session: Option<Arc<SignedIn>>,
}

impl Arrival {
    /// With the caller whose session the request belongs to, if it came without a token. A write under
    /// `/api` repeats the token of a page; those of the console are looked at where their forms are read.
    async fn with_session(
        self,
        hub: &Hub,
        headers: &HeaderMap,
        writes_by_api: bool,
    ) -> Result<Arrival, Problem> {
        if bearer(headers).is_some() {
            return Ok(self);
        }
        let found = session::find(hub, headers, self.now, &self.request_id).await?;
        let Some(session) = found.map(Arc::new) else { return Ok(self) };
        if writes_by_api {
            let public_url = hub.settings().public_url.as_ref();
            let is_ours = origin::is_ours(headers, public_url);
            if !is_ours || !session.is_repeated_in(headers) {
                return Err(Problem::CrossSite);
            }
        }
        Ok(Arrival { caller: Some(session.caller.clone()), session: Some(session), ..self })
    }

    /// The answer as it is told to a browser: kept nowhere, and if it tells of customers in full, not
    /// before that is written down.
    async fn told(
        &self,
        hub: &Hub,
        (method, route, path): (&Method, &'static str, &str),
        mut response: Response,
    ) -> Result<Response, Problem> {
        let Some(session) = &self.session else { return Ok(response) };
        response.headers_mut().entry(CACHE_CONTROL).or_insert(NOT_KEPT);
        if session.has_read_in_full() && response.status().is_success() {
            let noted = session.note_reading(hub, route, path, self.now, &self.request_id).await;
            // What was written stays so, whether or not anybody is told.
            let is_safe = origin::is_safe(method);
            noted.map_err(|trouble| if is_safe { trouble } else { Problem::OutcomeUnknown })?;
        }
        Ok(response)
    }
}

/// Surrounds a request.
pub(crate) async fn surround(State(hub): State<Hub>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = route_of(&request);
    let method = request.method().clone();
    let now = hub.clock().now();
    let request_id = hub.next_request_id();
    let in_api = api::is_under(request.uri().path());
    let in_own = in_api || console::is_under(request.uri().path());
    let token = if in_own { bearer(request.headers()).map(Cow::Borrowed) } else { token(&request) };
    let caller = token.and_then(|token| hub.access().caller(&token, now).cloned());
    let mut app = caller.as_ref().map(|caller| caller.app.number.0);
    let path = request.uri().path().to_owned();
    // A program has no cookies, and waits for nothing here.
    let is_asked = in_own && (!in_api || request.headers().contains_key(COOKIE));
    let own_headers = is_asked.then(|| request.headers().clone());
    let arrival = Arrival { now, request_id: request_id.clone(), caller, session: None };

    let deadline = hub.settings().request_timeout;
    // A file takes as long as it takes to arrive: who sends it is cut off when nothing comes.
    let is_file = FILES.contains(&route) && method == Method::POST;
    let deadline = if is_file { FILE_PATIENCE } else { deadline };
    let answered = async {
        let arrival = match &own_headers {
            Some(headers) => {
                let writes_by_api = in_api && !origin::is_safe(&method);
                arrival.with_session(&hub, headers, writes_by_api).await?
            }
            None => arrival,
        };
        app = arrival.caller.as_ref().map(|caller| caller.app.number.0);
        request.extensions_mut().insert(arrival.clone());
        let response = next.run(request).await;
        arrival.told(&hub, (&method, route, &path), response).await
    };
    let answered = async { answered.await.unwrap_or_else(Problem::into_response) };
    let mut response = match tokio::time::timeout(deadline, answered).await {
        Ok(response) => response,
        Err(_) if method == Method::GET => Problem::NotApplied.into_response(),
        Err(_) => Problem::OutcomeUnknown.into_response(),
    };
    if in_api {
        api::problem::finish(&mut response, &request_id);
    }
    if let Some(headers) = own_headers.filter(|_| !in_api) {
        console::finish(&mut response, &headers, &request_id);
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

/// The token of a program in the header. What a proxy makes a browser send there is none.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
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
