//! The frame of these pages, and what every answer of the console says of itself.

use super::visit::Visit;
use crate::api;
use crate::console::look::Look;
use crate::console::page::{self, Page};
use crate::server::layers::NOT_KEPT;
use crate::server::problem::Problem;
use axum::extract::Request;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use maud::{Markup, html};

/// Nothing but what the hub itself serves, no script and no style within a page, and no frame around
/// it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'",
);
/// What every answer says of itself.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // Without any, a browser would not tell the origin of a form.
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
];
/// A page.
pub(super) fn page(visit: &Visit, status: StatusCode, title: &str, body: &Markup) -> Response {
    let place = visit.visitor.as_ref().map(|_| page::Place::Account);
    let body = html! { section .door { div .title { h1 { (title) } } (body) } };
    let page = Page { title: title.to_owned(), place, body, search: String::new() };
    let mut response = page::answer(&visit.look, visit.visitor.as_ref(), &page);
    *response.status_mut() = status;
    response
}

/// Makes an answer of the console ready to be sent: a problem becomes a page, and all of it says how it
/// is to be treated.
pub(crate) fn finish(response: &mut Response, asked: &HeaderMap, request_id: &str) {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let allowed = response.headers_mut().remove(ALLOW);
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.headers.clone_from(asked);
        let look = Look { here: "/console".to_owned(), ..Look::of(&parts) };
        *response = page::problem(&look, None, &api::Problem::from(problem), request_id);
        response.headers_mut().extend(allowed.map(|allowed| (ALLOW, allowed)));
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response.headers_mut().entry(CACHE_CONTROL).or_insert(NOT_KEPT);
}
