//! What keeps two customers apart, and what they share all the same.

use super::Seen;
use kehub_core::CustomerId;
use kehub_core::attribute::FieldKey;
use kehub_core::customer::Customer;
use kehub_core::explain::{Apart, apart};
use kehub_core::merge::Verdict;
use maud::{Markup, html};

pub(super) fn section(seen: &Seen<'_>, one: CustomerId, other: CustomerId) -> Markup {
    let (Some(one), Some(other)) = (seen.then.customer(one), seen.then.customer(other)) else {
        return html! {};
    };
    let found = apart(one, other, seen.then);
    html! {
        div .columns {
            div { (against(seen, &found)) }
            div { (shared(seen, &found, one)) }
        }
    }
}

/// What speaks against their being one.
fn against(seen: &Seen<'_>, found: &Apart) -> Markup {
    let words = seen.shower.words();
    html! {
        section .card {
            h3 { (words.why_guards) }
            ul .plain.guards {
                @for (guard, verdict) in &found.guards {
                    li { (words.guard(*guard)) " "
                        span .tag.(class_of(*verdict)) { (words.verdict(*verdict)) }
                    }
                }
            }
        }
        @if !found.differing.is_empty() {
            section .card {
                h3 { (words.why_differing) }
                ul .plain { @for (ours, theirs) in &found.differing {
                    li { (seen.identity(*ours)) " ≠ " (seen.identity(*theirs)) }
                } }
            }
        }
        @if !found.links.is_empty() {
            section .card {
                h3 { (words.why_links) }
                ul .plain { @for (link, seq) in &found.links {
                    li { "#" (link.low) " ≠ #" (link.high) " " (seen.written(*seq)) }
                } }
            }
        }
        @if !found.conflicts.is_empty() {
            section .card {
                h3 { (words.why_conflicts) }
                ul .plain { @for conflict in &found.conflicts {
                    li {
                        (words.rule(conflict.rule)) " " (seen.identity(conflict.identity)) " "
                        span .tag { (words.settlement(conflict.settlement)) }
                        (seen.written(conflict.opened))
                    }
                } }
            }
        }
    }
}

const fn class_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "good",
        Verdict::Review => "warn",
        Verdict::Refuse => "bad",
    }
}

/// What speaks for it.
fn shared(seen: &Seen<'_>, found: &Apart, one: &Customer) -> Markup {
    let words = seen.shower.words();
    let label = |key: &FieldKey| match key {
        FieldKey::Builtin(attribute) => seen.shower.look.language.attribute(*attribute),
        FieldKey::Custom(key) => key.to_string(),
    };
    html! {
        section .card {
            h3 { (words.why_shared) }
            @if found.fields.is_empty() { p .soft { (words.why_shared_none) } }
            dl .fields { @for key in &found.fields {
                div .field {
                    dt { (label(key)) }
                    dd { @if let Some(value) = one.fold.value(key) { (seen.shower.field(key, value)) } }
                }
            } }
        }
        @if !found.requests.is_empty() {
            section .card {
                h3 { (words.why_requests) }
                ul .plain { @for (seq, numbers) in &found.requests {
                    li { @for number in numbers { (seen.identity(*number)) " " } (seen.written(*seq)) }
                } }
            }
        }
    }
}
