//! `/console/sign-in` and `/console/sign-out`.

use super::form::{Form, place_of_ours};
use super::visit::Visit;
use super::{FIRST, SIGN_IN, frame};
use crate::api;
use crate::console::page::{self, elsewhere};
use crate::console::words::fill;
use crate::people::session::{Secret, no_cookie};
use crate::people::sign_in::{NotLetIn, sign_in};
use crate::server::Hub;
use axum::body::Bytes;
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::html;

/// The page where people sign in.
pub(super) async fn page(visit: Visit) -> Response {
    let query = visit.query.as_deref().unwrap_or_default();
    let query = Form::read(query.as_bytes());
    let back = place_of_ours(query.field("back"));
    if visit.signed_in.is_some() {
        return elsewhere(back);
    }
    if !visit.hub.access().has_users() {
        return elsewhere(FIRST);
    }
    shown(&visit, "", back, None)
}

/// Lets somebody in, or says why not. What was typed into the name stands there again, the password
/// does not.
pub(super) async fn enter(visit: Visit, body: Bytes) -> Response {
    let form = Form::from(body);
    let (login, back) = (form.field("login"), place_of_ours(form.field("back")));
    match sign_in(&visit.hub, visit.asking(login, form.field("password"))).await {
        Ok(secret) => with_cookie(&visit.hub, &secret, back),
        Err(why) => shown(&visit, login, back, Some(why)),
    }
}

/// Ends the session.
pub(super) async fn leave(visit: Visit) -> Response {
    if let Some(own) = visit.own() {
        // One that ended meanwhile is no trouble.
        let ended = own.end(own.signed_in.session.hash).await;
        if let Err(why) = ended {
            return super::account::not_done(&visit, why);
        }
    }
    out(&visit.hub)
}

/// An answer to somebody who is signed out now.
pub(super) fn out(hub: &Hub) -> Response {
    let mut response = elsewhere(SIGN_IN);
    if let Some(cookie) = no_cookie(hub) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// An answer to somebody who is signed in now.
pub(super) fn with_cookie(hub: &Hub, secret: &Secret, to: &str) -> Response {
    let Some(cookie) = secret.cookie(hub) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = elsewhere(to);
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

fn shown(visit: &Visit, login: &str, back: &str, why: Option<NotLetIn>) -> Response {
    let words = visit.words();
    let told = why.map(|why| told(why, visit));
    let body = html! {
        @if let Some((_, text)) = &told { p .alert role="alert" { (text) } }
        form .card.stack method="post" action=(SIGN_IN) {
            input type="hidden" name="back" value=(back);
            label {
                (words.login)
                input name="login" value=(login) autocomplete="username" autocapitalize="none"
                    spellcheck="false" required autofocus[login.is_empty()];
            }
            label {
                (words.password)
                input name="password" type="password" autocomplete="current-password" required
                    autofocus[!login.is_empty()];
            }
            button .button.primary { (words.sign_in) }
        }
    };
    let status = told.as_ref().map_or(StatusCode::OK, |(status, _)| *status);
    let mut response = frame::page(visit, status, words.sign_in, &body);
    if let Some(NotLetIn::Locked { seconds }) = why {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Why somebody is not let in, for people.
pub(super) fn told(why: NotLetIn, visit: &Visit) -> (StatusCode, String) {
    let words = visit.words();
    match why {
        NotLetIn::Wrong => (StatusCode::FORBIDDEN, words.wrong.to_owned()),
        NotLetIn::Locked { seconds } => {
            (StatusCode::TOO_MANY_REQUESTS, fill(words.locked, &[&seconds.to_string()]))
        }
        NotLetIn::Busy => (StatusCode::SERVICE_UNAVAILABLE, words.busy_signing_in.to_owned()),
        NotLetIn::Trouble(problem) => {
            let words = visit.look.language.words();
            let (title, text) = page::told(&api::Problem::from(problem), words, visit.request_id());
            (problem.status(), format!("{title}. {text}"))
        }
    }
}
