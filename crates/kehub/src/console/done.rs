//! What became of what somebody did: told after it, and where it was not done, with what happened to the
//! data.

use super::acts::words::{Words, words};
use super::page::Page;
use super::reasons;
use super::visitor::Visitor;
use super::words::fill;
use crate::api::problem::{Code, Problem};
use crate::wire::query::Query;
use axum::body::Body;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::history::{Happening, Version};
use maud::{Markup, html};

use super::entry::form::Form;

/// Where the address holds the entry that somebody's act left; 0 if it changed nothing.
pub(super) const DONE: &str = "done";

/// What a form of a visitor sends.
pub(super) async fn form(visitor: &Visitor, body: Body) -> Result<Form, Problem> {
    Ok(Form::read(&visitor.call.read(body).await?))
}

/// A parameter of the address; the first of its name, as text.
pub(super) fn parameter(visitor: &Visitor, name: &str) -> Option<String> {
    let mut decoded = Query::new(visitor.call.query()).decoded();
    decoded.find_map(|(key, value)| (key.as_deref() == Some(name)).then_some(value)).flatten()
}

/// What somebody has just done to a customer, if the address says so and the journal bears it out.
pub(super) fn told(visitor: &Visitor, versions: &[Version]) -> Markup {
    let Some(seq) = parameter(visitor, DONE).and_then(|seq| seq.parse::<i64>().ok()) else {
        return html! {};
    };
    let words = words(visitor.look.language);
    let own = visitor.call.app().number;
    let found = versions.iter().find(|it| it.entry.seq.0 == seq && it.entry.app == own);
    let text = match found {
        Some(version) => happened(version, words),
        None if seq == 0 => words.done_nothing,
        None => return html! {},
    };
    html! { p .alert.good role="status" { (text) } }
}

fn happened(version: &Version, words: &Words) -> &'static str {
    let has = |happening| version.happened.contains(&happening);
    if has(Happening::Merged) {
        words.done_merged
    } else if has(Happening::Unmerged) {
        words.done_unmerged
    } else if has(Happening::Extracted) {
        words.done_extracted
    } else if has(Happening::Updated) {
        words.done_updated
    } else {
        words.done_other
    }
}

/// Why something was not done, and what happened to the data.
pub(super) fn why_not(visitor: &Visitor, problem: &Problem) -> String {
    let words = words(visitor.look.language);
    match reason(visitor, problem) {
        Some(why) => fill(words.not_changed, &[&why]),
        None => fill(words.not_known, &[visitor.call.request_id()]),
    }
}

/// Why something cannot be done, where nobody has tried to.
pub(super) fn why_never(visitor: &Visitor, problem: &Problem) -> String {
    let otherwise = || fill(visitor.words().fault_why, &[visitor.call.request_id()]);
    reason(visitor, problem).unwrap_or_else(otherwise)
}

/// Why nothing was changed; `None` if that is not known.
fn reason(visitor: &Visitor, problem: &Problem) -> Option<String> {
    let words = words(visitor.look.language);
    let permission = || {
        let named = |it: &&Permission| problem.detail.contains(it.name());
        Permission::ALL.iter().find(named).map_or("", |permission| permission.name())
    };
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the rest is no answer to what pages ask for"
    )]
    Some(match problem.code {
        Code::PermissionMissing => fill(words.no_permission, &[permission()]),
        Code::Busy => words.no_busy.to_owned(),
        Code::CustomerNotFound => words.no_customer.to_owned(),
        Code::CustomerDeleted => words.no_deleted.to_owned(),
        Code::CustomerErased => words.no_erased.to_owned(),
        Code::CustomerMerged => words.no_redirected.to_owned(),
        Code::SameCustomer => words.no_same.to_owned(),
        Code::CannotLinked => words.no_linked.to_owned(),
        Code::IdentitiesTooMany => words.no_too_many.to_owned(),
        Code::MergeNotFound => words.no_merge.to_owned(),
        Code::MergeUndone => words.no_undone.to_owned(),
        Code::NothingToExtract => words.no_extract.to_owned(),
        Code::ConflictNotFound => words.no_conflict.to_owned(),
        Code::ConflictSettled => words.no_settled.to_owned(),
        Code::DecisionUnfit => words.no_unfit.to_owned(),
        Code::IdentityNotFound => words.no_identity.to_owned(),
        Code::ChangedMeanwhile => super::meanwhile::why(visitor.look.language).to_owned(),
        Code::LoginTaken => words.no_login.to_owned(),
        Code::LastAdmin => words.no_admin.to_owned(),
        Code::PermissionNotHeld => words.no_held.to_owned(),
        Code::UserNotFound => words.no_user.to_owned(),
        Code::ImportNotFound => words.no_import.to_owned(),
        Code::ImportRunning => words.no_running.to_owned(),
        Code::ImportEnded => words.no_ended.to_owned(),
        Code::RefusedNotFound => words.no_report.to_owned(),
        Code::FieldsInvalid => {
            format!(
                "{} {}",
                words.no_fields,
                reasons::lines(problem, visitor.look.language).join("; ")
            )
        }
        Code::CannotLinkNotFound | Code::BodyBroken | Code::BodyTooLarge | Code::BodyNotJson => {
            words.no_page.to_owned()
        }
        other => return super::settings::why(other, visitor.look.language).map(str::to_owned),
    })
}

/// What is said where something was not done.
pub(super) fn alert(text: Option<&str>) -> Markup {
    html! { @if let Some(text) = text { p .alert role="alert" { (text) } } }
}

/// An answer to what was not done: the page it was asked on, which says why. Where even that page cannot
/// be made, one that says nothing else.
pub(super) fn refused(
    visitor: &Visitor,
    problem: &Problem,
    page: Result<Page, Problem>,
) -> Response {
    let alone = |_| {
        let text = why_not(visitor, problem);
        let words = visitor.words();
        let is_refused = problem.code == Code::PermissionMissing;
        let title = if is_refused { words.refused } else { words.fault }.to_owned();
        let body = html! {
            section .empty role="alert" {
                h1 { (title) }
                p { (text) }
                p .actions { a .button href="/console/customers" { (words.to_customers) } }
            }
        };
        Page { title, place: None, body, search: String::new() }
    };
    let mut response = visitor.answer(Ok(page.unwrap_or_else(alone)));
    problem.mark(&mut response);
    response
}
