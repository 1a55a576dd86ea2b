//! All identity types, with the policy above them.

use super::super::words::{Words, words};
use super::super::{ADDRESS, TYPES};
use super::difference::{quarantine, ranked};
use super::{address_of, over_limit_word, preset, role_word, told};
use crate::api::policy::body::policy_of;
use crate::api::problem::Problem;
use crate::console::done::{alert, parameter};
use crate::console::page::{Page, Place, elsewhere};
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use axum::response::Response;
use kehub_core::canonical::cleaned;
use kehub_core::directory::Permission;
use kehub_core::limits::IDENTITY_TYPE_CHARS_MAX;
use kehub_core::policy::{IdentityType, Policy};
use maud::{Markup, html};

/// The list.
pub(in crate::console::settings) async fn page(visitor: Visitor) -> Response {
    let page = shown(&visitor, None).await;
    visitor.answer(page)
}

/// Leads to the type whose name somebody typed.
pub(in crate::console::settings) async fn named(visitor: Visitor) -> Response {
    let name = parameter(&visitor, "name").map(|name| cleaned(&name));
    elsewhere(
        &name
            .filter(|name| !name.is_empty())
            .map_or_else(|| ADDRESS.to_owned(), |name| address_of(&name)),
    )
}

pub(super) async fn shown(visitor: &Visitor, told_not: Option<&str>) -> Result<Page, Problem> {
    visitor.call.require_only(Permission::CustomersRead)?;
    let words = words(visitor.look.language);
    let policy = policy_of(&visitor.call).await?;
    let types = ranked(&policy);
    let body = html! {
        header .title { h1 { (words.types) } span .count { (types.len()) } }
        p .lead { (words.types_about) }
        (told(visitor, &policy))
        (alert(told_not))
        (preset::card(visitor, &policy))
        div .scroll {
            table .rows.rules {
                thead { tr {
                    th scope="col" { (words.kind) }
                    th scope="col" .number { (words.rank) }
                    th scope="col" { (words.role) }
                    th scope="col" { (words.limit) }
                    th scope="col" { (words.quarantine) }
                    th scope="col" { (words.blocked) }
                } }
                tbody { @for (_, kind) in &types { (row(&policy, kind, words)) } }
            }
        }
        @if visitor.may(Permission::PoliciesWrite) { (another(words)) }
    };
    let (title, search) = (words.types.to_owned(), String::new());
    Ok(Page { title, place: Some(Place::Settings), body, search })
}

fn row(policy: &Policy, kind: &IdentityType, words: &Words) -> Markup {
    let rules = policy.rules_for(kind);
    let address = address_of(&kind.name);
    let limit =
        fill(words.limit_is, &[&rules.limit.to_string(), over_limit_word(rules.over_limit, words)]);
    let blocked = kind.settings.blocked.len();
    html! {
        tr data-href=(address) {
            th scope="row" {
                a href=(address) {
                    span .name { (kind.name) }
                    @if !kind.settings.is_default() { span .tag { (words.own_rules) } }
                }
            }
            td .number data-label=(words.rank) { (rules.priority) }
            td data-label=(words.role) { (role_word(rules.role, words)) }
            td data-label=(words.limit) { (limit) }
            td data-label=(words.quarantine) { (quarantine(rules.quarantine_after, words)) }
            td data-label=(words.blocked) {
                @if blocked == 0 { span .soft { (words.blocked_none) } }
                @else { (fill(words.blocked_some, &[&blocked.to_string()])) }
            }
        }
    }
}

/// A way to a type that nobody has used yet.
fn another(words: &Words) -> Markup {
    html! {
        form .inline.card.narrow action=(TYPES) {
            label { (words.another)
                input name="name" required maxlength=(IDENTITY_TYPE_CHARS_MAX) autocomplete="off"
                    autocapitalize="none" spellcheck="false" placeholder="member-card";
            }
            button .button { (words.another_open) }
        }
    }
}
