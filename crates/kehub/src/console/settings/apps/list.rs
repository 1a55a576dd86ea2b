//! All apps, and the form for a new one.

use super::words::{Words, words};
use super::{ADDRESS, permissions, secret, sent_permissions, why_not};
use crate::api::apps::change::{NAME_CHARS_MAX, create as create_app};
use crate::api::apps::list::apps;
use crate::api::problem::Problem;
use crate::console::done::{alert, form as sent_form, refused};
use crate::console::entry::form::Form;
use crate::console::page::{Page, Place};
use crate::console::show::{count, moment};
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use axum::body::Body;
use axum::response::Response;
use kehub_core::directory::{App, Permission};
use maud::{Markup, html};

/// The list.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, None, None).await;
    visitor.answer(page)
}

/// Creates an app, and shows its secret.
pub(super) async fn create(visitor: Visitor, body: Body) -> Response {
    let sent = match sent_form(&visitor, body).await {
        Ok(sent) => sent,
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    match created(&visitor, &sent).await {
        Ok(Some(page)) => visitor.answer(Ok(page)),
        Ok(None) => {
            let page = shown(&visitor, Some(&sent), None).await;
            visitor.unfit(page)
        }
        Err(problem) => {
            let text = why_not(&visitor, &problem);
            let page = shown(&visitor, Some(&sent), Some(&text)).await;
            refused(&visitor, &problem, page)
        }
    }
}

/// The page with the secret; nothing if the name does not fit.
async fn created(visitor: &Visitor, sent: &Form) -> Result<Option<Page>, Problem> {
    visitor.call.require(Permission::AppsAdmin)?;
    let Some(name) = name_in(sent) else { return Ok(None) };
    let (app, drawn) = create_app(&visitor.call, name, sent_permissions(sent), false).await?;
    let drawn = drawn.ok_or_else(Problem::unexpected)?;
    Ok(Some(secret(visitor, &app, &drawn)))
}

fn name_in(sent: &Form) -> Option<&str> {
    let name = sent.field("name").trim();
    (1..=NAME_CHARS_MAX).contains(&name.chars().count()).then_some(name)
}

async fn shown(
    visitor: &Visitor,
    sent: Option<&Form>,
    told: Option<&str>,
) -> Result<Page, Problem> {
    visitor.call.require(Permission::AppsAdmin)?;
    let words = words(visitor.look.language);
    let apps = apps(&visitor.call).await?;
    let is_unfit = sent.is_some_and(|sent| name_in(sent).is_none());
    let wrong = is_unfit.then(|| fill(words.wrong, &["1"]));
    let body = html! {
        header .title {
            h1 { (words.apps) }
            span .count { (count(u64::try_from(apps.len()).unwrap_or(u64::MAX))) }
        }
        p .lead { (words.about) }
        (alert(wrong.as_deref().or(told)))
        @if apps.is_empty() {
            section .empty { h2 { (words.empty) } p { (words.empty_why) } }
        } @else { (table(visitor, &apps)) }
        details .card.narrow.more open[apps.is_empty() || sent.is_some()] {
            summary { (words.new) }
            (form(visitor, sent, is_unfit))
        }
    };
    let (title, search) = (words.apps.to_owned(), String::new());
    Ok(Page { title, place: Some(Place::Apps), body, search })
}

fn table(visitor: &Visitor, apps: &[App]) -> Markup {
    let words = words(visitor.look.language);
    let offset = visitor.look.offset_seconds;
    html! {
        div .scroll {
            table .rows.rules {
                thead { tr {
                    th scope="col" { (words.name) }
                    th scope="col" { (words.app_id) }
                    th scope="col" { (words.may) }
                    th scope="col" { (words.state) }
                    th scope="col" { (words.created) }
                } }
                tbody { @for app in apps {
                    @let address = format!("{ADDRESS}/{}", app.number);
                    tr data-href=(address) {
                        th scope="row" { a href=(address) { span .name { (app.name) } } }
                        td data-label=(words.app_id) { code { (app.id) } }
                        td data-label=(words.may) { (may(app, words)) }
                        td data-label=(words.state) { (state(visitor, app)) }
                        td data-label=(words.created) { (moment(app.created_at, offset)) }
                    }
                } }
            }
        }
    }
}

/// What an app may do, by the names that programs know.
fn may(app: &App, words: &Words) -> Markup {
    let names: Vec<&str> = app.permissions.iter().map(|it| it.name()).collect();
    html! {
        @if names.is_empty() { span .soft { (words.may_nothing) } }
        @else if names.len() == Permission::ALL.len() { (words.may_all) }
        @else { (names.join(", ")) }
    }
}

/// Whether an app is in use.
pub(super) fn state(visitor: &Visitor, app: &App) -> Markup {
    let words = words(visitor.look.language);
    let offset = visitor.look.offset_seconds;
    html! {
        @match app.revoked_at {
            None => span .tag.good { (words.live) },
            Some(at) => span .tag.bad { (fill(words.revoked, &[&moment(at, offset)])) },
        }
    }
}

fn form(visitor: &Visitor, sent: Option<&Form>, is_unfit: bool) -> Markup {
    let words = words(visitor.look.language);
    let chosen = sent.map(sent_permissions).unwrap_or_default();
    html! {
        form .act.stack method="post" action=(ADDRESS) {
            (visitor.csrf())
            label { (words.name)
                input name="name" value=(sent.map_or("", |sent| sent.field("name"))) required
                    autocomplete="off" placeholder=(words.name_hint)
                    aria-invalid=[is_unfit.then_some("true")];
            }
            @if is_unfit { p .error { (words.wrong_name) } }
            (permissions(visitor, &chosen, true))
            div { button .button.primary { (words.create) } }
        }
    }
}
