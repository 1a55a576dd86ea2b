//! What a customer holds.

use super::Seen;
use kehub_core::customer::Customer;
use kehub_core::identity::{Identity, Quarantine};
use maud::{Markup, html};

pub(super) fn section(seen: &Seen<'_>, customer: &Customer) -> Markup {
    let words = seen.shower.words();
    let mut held: Vec<&Identity> = seen.then.held_by(customer.id).collect();
    // What decides first comes first.
    held.sort_by_key(|it| (seen.then.policy().rules_of(it.key.kind).priority, it.number));
    let is_merged = seen.then.homes_of(customer.id).len() > 1;
    html! {
        section .card #identities {
            h2 { (words.identities) " " span .count { (held.len()) } }
            @if held.is_empty() {
                p .soft { (words.identities_empty) }
            } @else {
                div .scroll {
                    table .plain {
                        thead { tr {
                            th scope="col" { (words.identity_type) }
                            th scope="col" { (words.value) }
                            @if is_merged { th scope="col" { (words.graph_homes) } }
                            th .end scope="col" { (words.why) }
                        } }
                        tbody { @for identity in held { (row(seen, customer, identity, is_merged)) } }
                    }
                }
            }
        }
    }
}

fn row(seen: &Seen<'_>, customer: &Customer, identity: &Identity, is_merged: bool) -> Markup {
    let words = seen.shower.words();
    let rules = seen.then.policy().rules_of(identity.key.kind);
    let (kind, value) = seen.identity(identity.number);
    let known = seen.names.row(identity.number).filter(|row| !row.is_erased());
    // Whether it matches today; an identity of the past may have been another thing then.
    let is_quarantined = known.is_some_and(|row| row.quarantine == Quarantine::Yes);
    html! {
        tr {
            th scope="row" {
                span .kind.(super::picture::class_of(rules.role)) { (kind) }
                span .note { (words.role(rules.role)) }
            }
            td {
                span .value { (value) }
                @if is_quarantined {
                    " " span .tag.bad title=(words.quarantined_why) { (words.quarantined) }
                }
                @if let Some(name) = known.and_then(|row| row.name.as_deref()) {
                    span .note { (name) }
                }
                @if let Some(scope) = known.and_then(|row| row.scope.as_deref()) {
                    span .note { (words.identity_scope) " " (scope) }
                }
            }
            @if is_merged { td { @if let Some(home) = identity.home { "#" (home) } } }
            td .end {
                a href={ "/console/why?from=%23" (customer.id) "&to=%40" (identity.number) } {
                    (words.why)
                }
            }
        }
    }
}
