//! All webhooks, and the form for a new one.

use super::fields::{fields, json_in, kinds};
use super::words::words;
use super::{ADDRESS, secret, state};
use crate::api::problem::Problem;
use crate::api::webhooks::change::create as create_webhook;
use crate::api::webhooks::list::newest;
use crate::console::done::{alert, form as sent_form, parameter, refused, why_not};
use crate::console::entry::form::Form;
use crate::console::page::{Page, Place};
use crate::console::show::count;
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use axum::body::Body;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::webhook::Webhook;
use maud::{Markup, html};

/// The list.
pub(super) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, None).await;
    visitor.answer(page)
}

/// Creates a webhook, and shows its secret.
pub(super) async fn create(visitor: Visitor, body: Body) -> Response {
    let sent = match sent_form(&visitor, body).await {
        Ok(sent) => sent,
        Err(problem) => return refused(&visitor, &problem, Err(problem.clone())),
    };
    match created(&visitor, &sent).await {
        Ok(page) => visitor.answer(Ok(page)),
        Err(problem) => {
            let page = shown(&visitor, Some((&problem, &sent))).await;
            refused(&visitor, &problem, page)
        }
    }
}

async fn created(visitor: &Visitor, sent: &Form) -> Result<Page, Problem> {
    visitor.call.require(Permission::WebhooksAdmin)?;
    let webhook = create_webhook(&visitor.call, json_in(sent).as_bytes(), false).await?;
    Ok(secret(visitor, &webhook))
}

async fn shown(visitor: &Visitor, wrong: Option<(&Problem, &Form)>) -> Result<Page, Problem> {
    visitor.call.require(Permission::WebhooksAdmin)?;
    let (call, words) = (&visitor.call, words(visitor.look.language));
    let all = call.store().webhooks(Some(call.tenant())).await?;
    let webhooks: Vec<&Webhook> = all.values().collect();
    let newest = newest(call).await?;
    let is_deleted = parameter(visitor, "done").as_deref() == Some("deleted");
    let told = wrong.map(|(problem, _)| match problem.fields().len() {
        0 => why_not(visitor, problem),
        count => fill(words.wrong, &[&count.to_string()]),
    });
    let body = html! {
        header .title { h1 { (words.webhooks) } span .count { (webhooks.len()) } }
        p .lead { (words.about) }
        @if is_deleted { p .alert.good role="status" { (words.done_deleted) } }
        (alert(told.as_deref()))
        @if webhooks.is_empty() {
            section .empty { h2 { (words.empty) } p { (words.empty_why) } }
        } @else { (table(visitor, &webhooks, newest)) }
        details .card.narrow.more open[webhooks.is_empty() || wrong.is_some()] {
            summary { (words.new) }
            form .act.stack method="post" action=(ADDRESS) {
                (visitor.csrf())
                (fields(visitor, None, wrong))
                div { button .button.primary { (words.create) } }
            }
        }
    };
    let (title, search) = (words.webhooks.to_owned(), String::new());
    Ok(Page { title, place: Some(Place::Webhooks), body, search })
}

fn table(visitor: &Visitor, webhooks: &[&Webhook], newest: i64) -> Markup {
    let words = words(visitor.look.language);
    html! {
        div .scroll {
            table .rows.rules {
                thead { tr {
                    th scope="col" { (words.url) }
                    th scope="col" { (words.description) }
                    th scope="col" { (words.kinds) }
                    th scope="col" { (words.state) }
                    th scope="col" { (words.told) }
                    th scope="col" .number { (words.undelivered) }
                } }
                tbody { @for webhook in webhooks {
                    @let address = format!("{ADDRESS}/{}", webhook.id);
                    tr data-href=(address) {
                        th scope="row" { a href=(address) { span .name { (webhook.settings.url) } } }
                        td data-label=(words.description) { (webhook.settings.description) }
                        td data-label=(words.kinds) { (kinds(&webhook.settings, words)) }
                        td data-label=(words.state) { (state(webhook, words)) }
                        td data-label=(words.told) { (lag(webhook, newest, visitor)) }
                        td .number data-label=(words.undelivered) { (webhook.progress.undelivered.len()) }
                    }
                } }
            }
        }
    }
}

/// How far a webhook is behind.
fn lag(webhook: &Webhook, newest: i64, visitor: &Visitor) -> String {
    let words = words(visitor.look.language);
    match u64::try_from(newest.saturating_sub(webhook.progress.cursor.settled())) {
        Ok(lag) if lag > 0 => fill(words.told_lag, &[&count(lag)]),
        Ok(_) | Err(_) => words.told_up.to_owned(),
    }
}
