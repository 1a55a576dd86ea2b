//! `/console/wechat`: the official accounts of WeChat that are bound, and the imports of their fans.

mod fields;
mod import;
mod list;
mod one;
pub(super) mod words;

use super::visitor::Visitor;
use super::words::Language;
use crate::api::problem::Problem;
use crate::server::Hub;
use axum::Router;
use axum::routing::get;
use kehub_core::wechat::{FanState, WechatAccount};
use maud::{Markup, html};
use words::{Words, words};

/// Where accounts are.
pub(super) const ADDRESS: &str = "/console/wechat";

/// The pages.
pub(super) fn router() -> Router<Hub> {
    Router::new()
        .route(ADDRESS, get(list::page).post(list::bind))
        .route("/console/wechat/{id}", get(one::page).post(one::act))
}

/// What the page is called.
pub(super) const fn title(language: Language) -> &'static str {
    words(language).accounts
}

/// What is said where there is no key for secrets.
fn no_key(visitor: &Visitor) -> Markup {
    let words = words(visitor.look.language);
    html! {
        @if visitor.call.hub().wechat().key().is_none() {
            section .alert role="alert" {
                h2 { (words.no_key) }
                p { (words.no_key_why) }
            }
        }
    }
}

/// How the import of an account stands.
fn state(account: &WechatAccount, visitor: &Visitor) -> Markup {
    let words = words(visitor.look.language);
    html! {
        @match account.import.state(visitor.call.now()) {
            FanState::Never => span .tag { (words.never) },
            FanState::Running => span .tag { (words.running) },
            FanState::Waiting => span .tag.warn { (words.waiting) },
            FanState::Done => span .tag.good { (words.done) },
            FanState::Failed => span .tag.bad { (words.failed) },
        }
    }
}

/// Whether the account hears who follows.
fn callback(account: &WechatAccount, words: &Words) -> Markup {
    html! {
        @match (&account.secrets.token, &account.secrets.aes_key) {
            (None, _) => span .tag { (words.callback_off) },
            (Some(_), None) => span .tag.warn { (words.callback_plain) },
            (Some(_), Some(_)) => span .tag.good { (words.callback_encrypted) },
        }
    }
}

/// Why a form was refused.
fn why_not(visitor: &Visitor, problem: &Problem) -> String {
    match problem.fields().len() {
        0 => super::done::why_not(visitor, problem),
        count => super::words::fill(words(visitor.look.language).wrong, &[&count.to_string()]),
    }
}
