//! What two policies say differently, field by field.

use super::super::words::{Words, words};
use super::{case_word, on_conflict_word, over_limit_word, preset_word, role_word};
use crate::api::identity_types::list::types_of;
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use kehub_core::policy::{IdentityType, Policy};
use maud::{Markup, html};

/// A rule that would be another one.
pub(super) struct Difference {
    /// The type that it is a rule of; none if it is one of the policy as a whole.
    kind: Option<String>,
    field: &'static str,
    before: String,
    after: String,
}

/// All of them: first those of the policy as a whole, then those of types, by rank.
pub(super) fn between(visitor: &Visitor, before: &Policy, after: &Policy) -> Vec<Difference> {
    let words = words(visitor.look.language);
    let mut found = Vec::new();
    let whole = [
        (words.preset, preset_word(before.preset, words), preset_word(after.preset, words)),
        (
            words.on_conflict,
            on_conflict_word(before.on_conflict, words),
            on_conflict_word(after.on_conflict, words),
        ),
    ];
    for (field, before, after) in whole {
        if before != after {
            let (before, after) = (before.to_owned(), after.to_owned());
            found.push(Difference { kind: None, field, before, after });
        }
    }
    for (_, kind) in ranked(after) {
        let stood = before.type_named(&kind.name).cloned();
        let stood = stood.unwrap_or_else(|| IdentityType::new(kind.number, &*kind.name));
        let rules = rules(before, &stood, words).into_iter().zip(rules(after, &kind, words));
        for ((field, before), (_, after)) in rules {
            if before != after {
                found.push(Difference { kind: Some(kind.name.to_string()), field, before, after });
            }
        }
    }
    found
}

/// Every type with its key, in the order in which they decide.
pub(super) fn ranked(policy: &Policy) -> Vec<(String, IdentityType)> {
    let mut types = types_of(policy);
    types.sort_by_key(|(_, kind)| policy.rules_for(kind).priority);
    types
}

/// Every rule of a type by its name, as people read it.
fn rules(policy: &Policy, kind: &IdentityType, words: &Words) -> [(&'static str, String); 7] {
    let rules = policy.rules_for(kind);
    let blocked = kind.settings.blocked.join(", ");
    [
        (words.rank, rules.priority.to_string()),
        (words.limit, rules.limit.to_string()),
        (words.role, role_word(rules.role, words).to_owned()),
        (words.case, case_word(rules.case, words).to_owned()),
        (words.blocked, if blocked.is_empty() { words.blocked_none.to_owned() } else { blocked }),
        (words.quarantine, quarantine(rules.quarantine_after, words)),
        (words.over_limit, over_limit_word(rules.over_limit, words).to_owned()),
    ]
}

/// When a type is quarantined.
pub(super) fn quarantine(after: usize, words: &Words) -> String {
    match after {
        0 => words.quarantine_never.to_owned(),
        after => fill(words.quarantine_after, &[&after.to_string()]),
    }
}

/// Old and new side by side.
pub(super) fn table(visitor: &Visitor, differences: &[Difference]) -> Markup {
    let words = words(visitor.look.language);
    html! {
        div .scroll {
            table .rows.still {
                thead { tr {
                    th scope="col" { (words.rule) }
                    th scope="col" { (words.now) }
                    th scope="col" { (words.then) }
                } }
                tbody { @for it in differences {
                    tr {
                        th scope="row" {
                            @if let Some(kind) = &it.kind { code { (kind) } " · " }
                            (it.field)
                        }
                        td data-label=(words.now) { s { (it.before) } }
                        td data-label=(words.then) { strong { (it.after) } }
                    }
                } }
            }
        }
    }
}
