//! `/console/imports`: files that are brought in, and what came of their rows. What is done is the same
//! as by `/api/imports`, under the same permissions.

mod bring;
mod counts;
mod list;
mod one;
mod taken_for;
pub(super) mod words;

use super::visitor::Visitor;
use super::words::{Language, fill};
use crate::api::imports::body::{Around, state};
use crate::server::Hub;
use axum::Router;
use axum::routing::get;
use kehub_core::import::Import;
use maud::{Markup, html};
use words::{Words, words};

/// Where imports are.
pub(super) const ADDRESS: &str = "/console/imports";
/// How many stand on a page.
const ROWS: usize = 50;

/// The pages.
pub(super) fn router() -> Router<Hub> {
    Router::new()
        .route(ADDRESS, get(list::page).post(bring::upload))
        .route("/console/imports/{id}", get(one::page).post(one::act))
        .merge(bring::router())
}

/// What the page is called.
pub(super) const fn title(language: Language) -> &'static str {
    words(language).imports
}

/// What has become of an import, in words.
struct Became {
    word: &'static str,
    class: &'static str,
    /// Whether it has more to tell soon.
    is_live: bool,
}

impl Became {
    fn of(visitor: &Visitor, import: &Import) -> Became {
        let call = &visitor.call;
        let access = call.hub().access();
        let around = Around::new(call.hub(), &access, call.tenant());
        let words = words(visitor.look.language);
        let (word, class, is_live) = match state(import, &around) {
            "running" if import.is_unwanted => (words.s_ending, "warn", true),
            "running" => (words.s_running, "good", true),
            "waiting" => (words.s_waiting, "", true),
            "done" => (words.s_done, "good", false),
            "failed" => (words.s_failed, "bad", false),
            "cancelled" => (words.s_cancelled, "warn", false),
            _ => (words.s_interrupted, "warn", false),
        };
        Became { word, class, is_live }
    }

    fn tag(&self) -> Markup {
        html! { span .tag.(self.class) { (self.word) } }
    }
}

/// Who began it.
fn who(visitor: &Visitor, import: &Import, words: &'static Words) -> String {
    let access = visitor.call.hub().access();
    match import.app.0 {
        0 => words.command_line.to_owned(),
        _ => {
            access.app_name(visitor.call.tenant(), import.app).unwrap_or(words.somebody).to_owned()
        }
    }
}

/// What refused rows hold, for whoever may not have them.
fn masked(words: &Words) -> String {
    fill(words.report_masked, &[kehub_core::directory::Permission::CustomersReveal.name()])
}
