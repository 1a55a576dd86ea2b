//! What would change: the page between a form and its being saved.

use super::super::words::{Words, words};
use super::difference::{between, table};
use super::{ACT, SAVE, VERSION};
use crate::api::policy::body::impact;
use crate::api::problem::Problem;
use crate::console::done::alert;
use crate::console::entry::form::Form;
use crate::console::page::{Page, Place};
use crate::console::show::count;
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use kehub_core::TypeNumber;
use kehub_core::directory::Permission;
use kehub_core::outcome::PolicySet;
use kehub_core::policy::Policy;
use kehub_core::policy::impact::{Affected, Impact, Reason};
use maud::{Markup, html};

/// Where a form stands, and what it is called.
pub(super) struct Origin<'a> {
    /// Where it is sent to, and where one goes back to.
    pub(super) address: &'a str,
    pub(super) title: String,
    /// The fields of which the change is made, which are sent again to save it.
    pub(super) fields: &'a [&'a str],
}

/// What a change that was only looked at would be.
pub(super) async fn page(
    visitor: &Visitor,
    origin: Origin<'_>,
    sent: &Form,
    change: &PolicySet,
    told: Option<&str>,
) -> Result<Page, Problem> {
    let words = words(visitor.look.language);
    let differences = between(visitor, &change.before, &change.after);
    let body = html! {
        header .title { h1 { (words.preview) } span .count { (origin.title) } }
        (alert(told))
        @if differences.is_empty() {
            section .empty {
                h2 { (words.preview_nothing) }
                p { (words.preview_nothing_why) }
                p .actions { a .button href=(origin.address) { (words.go_back) } }
            }
        } @else {
            p .lead { (words.preview_about) }
            (table(visitor, &differences))
            (whom(visitor, &impact(&visitor.call, change).await?, change))
            form .act method="post" action=(origin.address) {
                (visitor.csrf())
                input type="hidden" name=(ACT) value=(SAVE);
                input type="hidden" name=(VERSION) value=(change.before.version);
                @for name in origin.fields {
                    input type="hidden" name=(name) value=(sent.field(name));
                }
                div .actions.start {
                    button .button.primary { (words.save) }
                    a .button href=(origin.address) { (words.go_back) }
                }
            }
        }
    };
    let (title, search) = (words.preview.to_owned(), String::new());
    Ok(Page { title, place: Some(Place::Settings), body, search })
}

/// Whom it would affect. Customers are named to who may read them.
fn whom(visitor: &Visitor, impact: &Impact, change: &PolicySet) -> Markup {
    let words = words(visitor.look.language);
    let shown = if visitor.may(Permission::CustomersRead) { &*impact.sample } else { &[] };
    let rest = impact.customers.saturating_sub(u64::try_from(shown.len()).unwrap_or(u64::MAX));
    let (before, after) = (&change.before, &change.after);
    let is_whole = (before.preset, before.on_conflict) != (after.preset, after.on_conflict);
    html! {
        section .card {
            @if impact.customers == 0 {
                h2 { (words.affected_nobody) }
                p .note { (words.affected_nobody_why) }
            } @else {
                h2 { (fill(words.affected, &[&count(impact.customers)])) }
                p .note { (words.affected_why) }
                ul .plain {
                    @for customer in shown { li { (affected(customer, &change.after, words)) } }
                    @if rest > 0 && !shown.is_empty() {
                        li .soft { (fill(words.affected_more, &[&count(rest)])) }
                    }
                }
            }
            @if is_whole { p .note { (words.affected_whole) } }
        }
    }
}

fn affected(customer: &Affected, after: &Policy, words: &Words) -> Markup {
    let name = |kind: TypeNumber| after.type_of(kind).map_or("", |kind| &kind.name);
    let text = |reason: &Reason| match reason {
        Reason::OverLimit { kind, held, limit } => {
            fill(words.r_over, &[name(*kind), &held.to_string(), &limit.to_string()])
        }
        Reason::Distinguishing { kind, held } => {
            fill(words.r_distinguishing, &[name(*kind), &held.to_string()])
        }
        Reason::Reordered { first, second } => {
            fill(words.r_reordered, &[name(*first), name(*second)])
        }
        Reason::Blocked(_) => words.r_blocked.to_owned(),
        Reason::Quarantined(_) => words.r_quarantined.to_owned(),
    };
    let texts: Vec<String> = customer.reasons.iter().map(text).collect();
    html! {
        a href={ "/console/customers/" (customer.customer) } { "#" (customer.customer) }
        " " (texts.join(words.between))
    }
}
