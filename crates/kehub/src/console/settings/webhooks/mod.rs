//! `/console/settings/webhooks`: who is told of events, and how far each has been told.

mod calls;
mod fields;
mod list;
mod one;
mod undelivered;
pub(super) mod words;

use super::super::page::{Page, Place};
use super::super::show::{Contacts, Shower};
use super::super::visitor::Visitor;
use super::super::words::fill;
use crate::server::Hub;
use crate::webhooks::sign::secret_text;
use axum::Router;
use axum::routing::get;
use kehub_core::webhook::{Failure, Reason, Webhook};
use maud::{Markup, html};
use words::{Words, words};

/// Where webhooks are.
pub(in crate::console) const ADDRESS: &str = "/console/settings/webhooks";

/// The pages.
pub(super) fn router() -> Router<Hub> {
    Router::new()
        .route(ADDRESS, get(list::page).post(list::create))
        .route("/console/settings/webhooks/{id}", get(one::page).post(one::act))
}

/// The page that shows a secret, in the only moment in which it is shown.
fn secret(visitor: &Visitor, webhook: &Webhook) -> Page {
    let words = words(visitor.look.language);
    let title = words.secret_title.to_owned();
    let body = html! {
        header .title { h1 { (title) } }
        p .alert.info role="status" { (words.secret_about) }
        section .card.narrow {
            dl .fields {
                div .field { dt { (words.url) } dd .value { (webhook.settings.url) } }
                div .field { dt { (words.secret) } dd { code #secret { (secret_text(&webhook.secret)) } } }
            }
            p .note.spaced { (words.secret_use) }
        }
        p { a .button.primary href={ (ADDRESS) "/" (webhook.id) } { (words.secret_done) } }
    };
    Page { title, place: Some(Place::Webhooks), body, search: String::new() }
}

/// How a webhook stands.
fn state(webhook: &Webhook, words: &Words) -> Markup {
    let progress = &webhook.progress;
    html! {
        @if !webhook.settings.enabled { span .tag.warn { (words.paused) } }
        @else if !progress.undelivered.is_empty() { span .tag.bad { (words.failing) } }
        @else { span .tag.good { (words.live) } }
    }
}

/// Why a try failed.
fn reason(reason: Reason, words: &Words) -> String {
    match reason {
        Reason::NotResolved => words.f_not_resolved.to_owned(),
        Reason::AddressRefused => words.f_address_refused.to_owned(),
        Reason::NotConnected => words.f_not_connected.to_owned(),
        Reason::TimedOut => words.f_timed_out.to_owned(),
        Reason::BrokenOff => words.f_broken_off.to_owned(),
        Reason::Status(status) => fill(words.f_status, &[&status.to_string()]),
    }
}

/// When a try failed, and why.
fn failure(visitor: &Visitor, failure: Failure) -> Markup {
    let words = words(visitor.look.language);
    let shower = Shower { look: &visitor.look, contacts: Contacts::Masked };
    html! { (shower.time(failure.at)) " · " (reason(failure.reason, words)) }
}
