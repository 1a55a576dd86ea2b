//! `/console/first`: makes the first user of a hub that has none, for somebody who knows the code that
//! `kehub serve` printed.

use super::account::why_not;
use super::form::Form;
use super::visit::Visit;
use super::{FIRST, SIGN_IN, frame, sign_in};
use crate::console::page::elsewhere;
use crate::people::account::{NotChanged, create_first};
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;
use tracing::warn;

/// The page that makes it.
pub(super) async fn page(visit: Visit) -> Response {
    if visit.hub.access().has_users() {
        return elsewhere(SIGN_IN);
    }
    shown(&visit, &Form::read(b""), None)
}

/// Makes it, and signs it in.
pub(super) async fn create(visit: Visit, body: Bytes) -> Response {
    let form = Form::from(body);
    let password = form.field("password");
    if password != form.field("again") {
        let text = visit.words().differs.to_owned();
        return shown(&visit, &form, Some(&(StatusCode::UNPROCESSABLE_ENTITY, text)));
    }
    let asking = visit.asking(form.field("login"), password);
    let (code, name) = (form.field("code"), form.field("name"));
    match create_first(&visit.hub, code, name, asking).await {
        Ok(secret) => {
            if let Err(error) = visit.hub.refresh().await {
                warn!(%error, "users could not be read again");
            }
            sign_in::with_cookie(&visit.hub, &secret, "/console")
        }
        Err(NotChanged::NotFirst) => elsewhere(SIGN_IN),
        Err(why) => shown(&visit, &form, Some(&why_not(why, &visit))),
    }
}

fn shown(visit: &Visit, form: &Form, told: Option<&(StatusCode, String)>) -> Response {
    let words = visit.words();
    let status = told.map_or(StatusCode::OK, |(status, _)| *status);
    let body = html! {
        p .lead { (words.first_why) }
        @if let Some((_, text)) = told { p .alert role="alert" { (text) } }
        form .card.stack method="post" action=(FIRST) {
            label {
                (words.code)
                input name="code" value=(form.field("code")) autocomplete="off"
                    autocapitalize="characters" spellcheck="false" required autofocus
                    aria-describedby="code-why";
            }
            p .note #code-why { (words.code_why) }
            label {
                (words.name)
                input name="name" value=(form.field("name")) autocomplete="name" required;
            }
            label {
                (words.login)
                input name="login" value=(form.field("login")) autocomplete="username"
                    autocapitalize="none" spellcheck="false" required;
            }
            label {
                (words.password)
                input name="password" type="password" autocomplete="new-password" minlength="10"
                    required aria-describedby="password-why";
            }
            p .note #password-why { (words.password_unfit) }
            label {
                (words.again)
                input name="again" type="password" autocomplete="new-password" required;
            }
            button .button.primary { (words.create) }
        }
    };
    frame::page(visit, status, words.first, &body)
}
