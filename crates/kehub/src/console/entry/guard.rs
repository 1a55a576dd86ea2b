//! What every page of the console is behind: whoever is not signed in is led to where that is done, and
//! whatever another site makes a browser send is refused.

use super::form::{Form, Rest};
use super::wary::Wary;
use super::{FIRST, SIGN_IN};
use crate::console::page::elsewhere;
use crate::people::origin::{self, CSRF_FIELD};
use crate::people::session::SignedIn;
use crate::server::Hub;
use crate::server::context;
use crate::server::layers::{Arrival, bearer};
use crate::server::problem::Problem;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use multer::{Constraints, Multipart, SizeLimit};
use std::sync::atomic::Ordering;
use url::form_urlencoded;

/// Bytes of a part that holds a token.
const CSRF_BYTES_MAX: u64 = 256;
const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// Lets a request through to its page, or answers it.
pub(crate) async fn guard(State(hub): State<Hub>, request: Request, next: Next) -> Response {
    match admit(&hub, request).await {
        Ok(request) => next.run(request).await,
        Err(response) => *response,
    }
}

async fn admit(hub: &Hub, request: Request) -> Result<Request, Box<Response>> {
    // A token is sent by no browser on its own.
    if bearer(request.headers()).is_some() {
        return Ok(request);
    }
    let is_safe = origin::is_safe(request.method());
    let public_url = hub.settings().public_url.as_ref();
    if !is_safe && !origin::is_ours(request.headers(), public_url) {
        return Err(refused().into());
    }
    if is_open(request.uri().path()) {
        return Ok(request);
    }
    let session = request.extensions().get::<Arrival>().and_then(|it| it.session.clone());
    match session {
        None => Err(Box::new(elsewhere(&entrance(hub, &request)))),
        Some(_) if is_safe => Ok(request),
        Some(session) => with_token(hub, request, &session).await,
    }
}

/// Whether anybody may ask for it.
fn is_open(path: &str) -> bool {
    let open = [SIGN_IN, FIRST, "/console/look"];
    open.contains(&path) || path.starts_with("/console/assets/")
}

/// Where somebody who is not signed in begins, and how to come back from there.
fn entrance(hub: &Hub, request: &Request) -> String {
    if !hub.access().has_users() {
        return FIRST.to_owned();
    }
    let wanted = request.uri().path_and_query().map_or("", |wanted| wanted.as_str());
    if wanted == "/console" || !origin::is_safe(request.method()) {
        return SIGN_IN.to_owned();
    }
    let back: String = form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
    format!("{SIGN_IN}?back={back}")
}

/// Lets a write through that repeats the token of its page, in the header or in its form.
async fn with_token(
    hub: &Hub,
    request: Request,
    session: &SignedIn,
) -> Result<Request, Box<Response>> {
    if session.is_repeated_in(request.headers()) {
        return Ok(request);
    }
    if let Some(boundary) = boundary_of(request.headers()) {
        return with_first_part(hub, request, session, boundary).await;
    }
    if !is_form(request.headers()) {
        return Err(refused().into());
    }
    let (parts, body) = request.into_parts();
    let read = context::read(hub, body).await;
    let body = read.map_err(|problem| Box::new(problem.into_response()))?;
    let is_repeated = session.is_csrf(Form::read(&body).field(CSRF_FIELD).as_bytes());
    let request = || Request::from_parts(parts, Body::from(body));
    is_repeated.then(request).ok_or_else(|| refused().into())
}

/// The same for a form of several parts, which may be a large file: the token is its first part, and the rest
/// of it goes on as it comes.
async fn with_first_part(
    hub: &Hub,
    request: Request,
    session: &SignedIn,
    boundary: String,
) -> Result<Request, Box<Response>> {
    let (mut parts, body) = request.into_parts();
    let limit = SizeLimit::new().for_field(CSRF_FIELD, CSRF_BYTES_MAX);
    let constraints = Constraints::new().size_limit(limit);
    let body = Wary::of(body.into_data_stream());
    let let_in = body.let_in();
    let mut form = Multipart::with_constraints(body, boundary, constraints);
    let patience = hub.settings().request_timeout.mul_f32(0.9);
    let first = tokio::time::timeout(patience, first_part(&mut form)).await;
    if !first.ok().flatten().is_some_and(|token| session.is_csrf(&token)) {
        return Err(refused().into());
    }
    let_in.store(true, Ordering::Release);
    parts.extensions.insert(Rest::of(form));
    Ok(Request::from_parts(parts, Body::empty()))
}

/// The first part, if it is one for a token.
async fn first_part(form: &mut Multipart<'static>) -> Option<Bytes> {
    let part = form.next_field().await.ok().flatten()?;
    if part.name() == Some(CSRF_FIELD) { part.bytes().await.ok() } else { None }
}

fn boundary_of(headers: &HeaderMap) -> Option<String> {
    multer::parse_boundary(headers.get(CONTENT_TYPE)?.to_str().ok()?).ok()
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.split(|byte| *byte == b';').next() == Some(FORM))
}

fn refused() -> Response {
    Problem::CrossSite.into_response()
}
