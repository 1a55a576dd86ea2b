//! `/console/users` and `/console/audit`: who may sign in, and what they did.

mod audit;
mod list;
mod one;
mod words;

use super::visitor::Visitor;
use super::words::Language;
use crate::server::Hub;
use axum::Router;
use axum::routing::get;
use kehub_core::people::user::Role;
use maud::{Markup, html};
use words::{Words, words};

/// Where users are.
pub(super) const USERS: &str = "/console/users";
/// Where the audit log is.
pub(super) const AUDIT: &str = "/console/audit";
/// How many of either stand on a page.
const ROWS: usize = 50;

/// The pages.
pub(super) fn router() -> Router<Hub> {
    Router::new()
        .route(AUDIT, get(audit::page))
        .route(USERS, get(list::page).post(list::create))
        .route("/console/users/{id}", get(one::page).post(one::act))
}

/// What the page of users is called.
pub(super) const fn users_title(language: Language) -> &'static str {
    words(language).users
}

/// What the page of the audit log is called.
pub(super) const fn audit_title(language: Language) -> &'static str {
    words(language).audit
}

/// What a role is there for.
const fn role(role: Role, words: &Words) -> &'static str {
    match role {
        Role::Admin => words.role_admin,
        Role::Editor => words.role_editor,
        Role::Reviewer => words.role_reviewer,
        Role::Viewer => words.role_viewer,
    }
}

/// A choice of roles, of which the first ones may do most.
fn roles(visitor: &Visitor, chosen: Option<Role>, wrong: Option<&str>) -> Markup {
    let words = words(visitor.look.language);
    html! {
        label { (words.role)
            select name="role" required aria-invalid=[wrong.map(|_| "true")] {
                @if chosen.is_none() { option value="" selected { "–" } }
                @for one in Role::ALL {
                    option value=(one.name()) selected[chosen == Some(*one)] { (role(*one, words)) }
                }
            }
        }
        @if let Some(wrong) = wrong { p .error { (wrong) } }
    }
}
