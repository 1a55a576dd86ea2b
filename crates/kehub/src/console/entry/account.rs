//! `/console/account`: one's own password and sessions.

use super::form::Form;
use super::visit::Visit;
use super::words::Words;
use super::{SIGN_IN, SIGN_OUT, frame, sign_in};
use crate::console::page::elsewhere;
use crate::console::show;
use crate::console::words::fill;
use crate::people::account::{NotChanged, Own};
use crate::people::origin::CSRF_FIELD;
use crate::people::sign_in::NotLetIn;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::people::session::{Session, SessionHash};
use kehub_core::people::user::Role;
use maud::{Markup, html};

/// What a page says about what was just done.
enum Told {
    Nothing,
    Done(&'static str),
    Not((StatusCode, String)),
}

/// The page.
pub(super) async fn page(visit: Visit) -> Response {
    shown(&visit, Told::Nothing).await
}

/// Sets another password.
pub(super) async fn change_password(visit: Visit, body: Bytes) -> Response {
    let Some(own) = visit.own() else { return elsewhere(SIGN_IN) };
    let words = visit.words();
    let form = Form::from(body);
    if form.field("password") != form.field("again") {
        let told = (StatusCode::UNPROCESSABLE_ENTITY, words.differs.to_owned());
        return shown(&visit, Told::Not(told)).await;
    }
    let told = match own.change_password(form.field("old"), form.field("password")).await {
        Ok(()) => Told::Done(words.changed),
        Err(NotChanged::NotLetIn(NotLetIn::Wrong)) => {
            Told::Not((StatusCode::FORBIDDEN, words.old_wrong.to_owned()))
        }
        Err(why) => Told::Not(why_not(why, &visit)),
    };
    shown(&visit, told).await
}

/// Ends one of the sessions.
pub(super) async fn end_session(visit: Visit, body: Bytes) -> Response {
    let Some(own) = visit.own() else { return elsewhere(SIGN_IN) };
    let mut hash = [0; 32];
    let is_hash = hex::decode_to_slice(Form::from(body).field("session"), &mut hash).is_ok();
    let hash = SessionHash(hash);
    let ended = if is_hash { own.end(hash).await } else { Err(NotChanged::SessionMissing) };
    match ended {
        Ok(()) if hash == own.signed_in.session.hash => sign_in::out(&visit.hub),
        Ok(()) => shown(&visit, Told::Done(visit.words().ended)).await,
        Err(why) => shown(&visit, Told::Not(why_not(why, &visit))).await,
    }
}

/// Ends all of them.
pub(super) async fn end_all(visit: Visit) -> Response {
    let Some(own) = visit.own() else { return elsewhere(SIGN_IN) };
    match own.end_all().await {
        Ok(()) => sign_in::out(&visit.hub),
        Err(why) => shown(&visit, Told::Not(why_not(why, &visit))).await,
    }
}

/// A page of its own that says why something was not done.
pub(super) fn not_done(visit: &Visit, why: NotChanged) -> Response {
    let words = visit.words();
    let (status, text) = why_not(why, visit);
    let body = html! {
        p .alert role="alert" { (text) }
        p { a .button href="/console" { (words.go_on) } }
    };
    frame::page(visit, status, words.account, &body)
}

/// Why something was not done, for people.
pub(super) fn why_not(why: NotChanged, visit: &Visit) -> (StatusCode, String) {
    let words = visit.words();
    let unfit = |text: &str| (StatusCode::UNPROCESSABLE_ENTITY, text.to_owned());
    match why {
        NotChanged::CodeWrong => (StatusCode::FORBIDDEN, words.code_wrong.to_owned()),
        NotChanged::NotFirst => (StatusCode::CONFLICT, words.not_first.to_owned()),
        NotChanged::LoginUnfit => unfit(words.login_unfit),
        NotChanged::NameUnfit => unfit(words.name_unfit),
        NotChanged::PasswordUnfit => unfit(words.password_unfit),
        NotChanged::SessionMissing => (StatusCode::NOT_FOUND, words.session_missing.to_owned()),
        NotChanged::NotLetIn(why) => sign_in::told(why, visit),
    }
}

async fn shown(visit: &Visit, told: Told) -> Response {
    let Some(own) = visit.own() else { return elsewhere(SIGN_IN) };
    let sessions = match own.sessions().await {
        Ok(sessions) => sessions,
        Err(problem) => return not_done(visit, problem.into()),
    };
    let words = visit.words();
    let csrf = &own.signed_in.csrf;
    let body = html! {
        @match &told {
            Told::Nothing => {}
            Told::Done(text) => p .alert.info role="status" { (text) },
            Told::Not((_, text)) => p .alert role="alert" { (text) },
        }
        section .card { (whose(&own, words)) }
        section .card {
            h2 { (words.change_password) }
            (password_form(words, csrf))
        }
        section .card {
            h2 { (words.sessions) }
            ul .sessions { @for session in &sessions { (listed(session, &own, words, visit)) } }
        }
        div .inline {
            form method="post" action=(SIGN_OUT) {
                (token(csrf))
                button .button { (words.sign_out) }
            }
            form method="post" action="/console/account/sign-out-everywhere" {
                (token(csrf))
                button .button { (words.end_all) }
            }
        }
    };
    let status = match told {
        Told::Not((status, _)) => status,
        Told::Nothing | Told::Done(_) => StatusCode::OK,
    };
    frame::page(visit, status, words.account, &body)
}

fn whose(own: &Own<'_>, words: &Words) -> Markup {
    let caller = &own.signed_in.caller;
    let user = caller.user.as_ref();
    let role = user.map(|user| match user.role {
        Role::Admin => words.admin,
        Role::Editor => words.editor,
        Role::Reviewer => words.reviewer,
        Role::Viewer => words.viewer,
    });
    html! {
        p { strong { (caller.app.name) } " " (user.map_or("", |user| &*user.login)) }
        @if let Some(role) = role { p .note { (words.role) ": " (role) } }
    }
}

fn password_form(words: &Words, csrf: &str) -> Markup {
    html! {
        form .stack method="post" action="/console/account/password" {
            (token(csrf))
            label {
                (words.old_password)
                input name="old" type="password" autocomplete="current-password" required;
            }
            label {
                (words.new_password)
                input name="password" type="password" autocomplete="new-password" minlength="10"
                    required aria-describedby="password-why";
            }
            p .note #password-why { (words.password_unfit) }
            label {
                (words.again)
                input name="again" type="password" autocomplete="new-password" required;
            }
            button .button.primary { (words.change) }
        }
    }
}

fn listed(session: &Session, own: &Own<'_>, words: &Words, visit: &Visit) -> Markup {
    let moment = |at| show::moment(at, visit.look.offset_seconds);
    let agent = if session.agent.is_empty() { words.some_browser } else { &*session.agent };
    let is_this = session.hash == own.signed_in.session.hash;
    html! {
        li {
            div {
                div { (agent) @if is_this { " · " strong { (words.this_one) } } }
                div .note {
                    (fill(words.begun, &[&moment(session.begun_at)])) ", "
                    (fill(words.seen, &[&moment(session.seen_at)]))
                }
            }
            form method="post" action="/console/account/sessions/end" {
                (token(&own.signed_in.csrf))
                input type="hidden" name="session" value=(hex::encode(session.hash.0));
                button .button { (words.end) }
            }
        }
    }
}

/// What tells a form of ours from one of another site.
fn token(csrf: &str) -> Markup {
    html! { input type="hidden" name=(CSRF_FIELD) value=(csrf); }
}
