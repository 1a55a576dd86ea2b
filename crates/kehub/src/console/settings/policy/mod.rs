//! Identity types and the policy: what is in force, and what a change would be before it is made.

pub(super) mod difference;
pub(super) mod form;
pub(super) mod list;
pub(super) mod one;
pub(super) mod preset;
pub(super) mod preview;

use super::TYPES;
use super::words::Words;
use crate::console::done::parameter;
use crate::console::visitor::Visitor;
use kehub_core::policy::{Case, OnConflict, OverLimit, Policy, Preset, Role};
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The version of the policy that a page was made of, where a form holds it.
const VERSION: &str = "version";
/// What a form asks for: to see what would change, or to save it.
const ACT: &str = "act";
/// The act of saving.
const SAVE: &str = "save";

/// Where a type is. What is called as a folder is, or the one above it, is taken away by whoever resolves
/// addresses, with or without escapes; with a blank behind it, which no name ends with, it is a name again.
fn address_of(name: &str) -> String {
    let blank = if matches!(name, "." | "..") { "%20" } else { "" };
    format!("{TYPES}/{}{blank}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

/// What was just saved, if the policy bears it out.
fn told(visitor: &Visitor, policy: &Policy) -> Markup {
    let words = super::words::words(visitor.look.language);
    let done = parameter(visitor, "done");
    let text = match done.as_deref() {
        Some("0") => Some(words.done_nothing),
        Some(version) if version == policy.version.to_string() => Some(words.done_policy),
        _ => None,
    };
    html! { @if let Some(text) = text { p .alert.good role="status" { (text) } } }
}

const fn preset_word(preset: Preset, words: &Words) -> &'static str {
    match preset {
        Preset::Compat => words.compat,
        Preset::Guarded => words.guarded,
    }
}

const fn on_conflict_word(choice: OnConflict, words: &Words) -> &'static str {
    match choice {
        OnConflict::Merge => words.conflict_merge,
        OnConflict::Keep => words.conflict_keep,
        OnConflict::Reject => words.conflict_reject,
    }
}

const fn role_word(role: Role, words: &Words) -> &'static str {
    match role {
        Role::Distinguishing => words.role_distinguishing,
        Role::Normal => words.role_normal,
        Role::Contact => words.role_contact,
        Role::Weak => words.role_weak,
    }
}

const fn case_word(case: Case, words: &Words) -> &'static str {
    match case {
        Case::Sensitive => words.case_sensitive,
        Case::Insensitive => words.case_insensitive,
    }
}

const fn over_limit_word(over_limit: OverLimit, words: &Words) -> &'static str {
    match over_limit {
        OverLimit::Attach => words.over_attach,
        OverLimit::Refuse => words.over_refuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    #[test]
    fn every_name_has_an_address_that_stays_as_it_is() {
        let base = Url::parse("http://localhost/console/settings").unwrap();
        let names = [
            ".",
            "..",
            "...",
            ".a",
            "a/b",
            "a/../b",
            "a?b#c",
            "a%2Fb",
            "会员 卡",
            "a\\b",
            ";",
            "+",
        ];
        for name in names {
            let there = base.join(&address_of(name)).unwrap();
            let word = there.path().strip_prefix("/console/settings/types/").unwrap();
            let read = percent_encoding::percent_decode_str(word).decode_utf8().unwrap();
            assert_eq!(kehub_core::canonical::cleaned(&read), name);
            assert!(!word.contains('/') && there.query().is_none() && there.fragment().is_none());
        }
    }
}
