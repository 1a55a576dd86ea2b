//! The form of one identity type. An empty field is as the preset has it.

use super::super::words::{Words, words};
use super::difference::quarantine;
use super::{case_word, over_limit_word, role_word};
use crate::api::problem::Problem;
use crate::console::entry::form::Form;
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use kehub_core::canonical::has_own_form;
use kehub_core::limits::{
    BLOCKED_PATTERNS_MAX, IDENTITIES_MAX, PRIORITY_MAX, QUARANTINE_AFTER_MAX,
};
use kehub_core::policy::{Case, IdentityType, OverLimit, Policy, Role, TypeRules};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

/// The fields, by the names that the API has for them.
pub(super) const FIELDS: &[&str] =
    &["priority", "limit", "overLimit", "role", "case", "quarantineAfter", "blocked"];

/// What a form says, as the API takes it: all settings, `null` for what is as the preset has it.
pub(super) fn json_in(sent: &Form) -> String {
    let mut members = Map::new();
    for name in FIELDS {
        let Some(text) = sent.given(name).map(str::trim) else { continue };
        let value = match *name {
            _ if text.is_empty() => Value::Null,
            "blocked" => {
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                json!(lines.collect::<Vec<&str>>())
            }
            _ => json!(text),
        };
        members.insert((*name).to_owned(), value);
    }
    Value::Object(members).to_string()
}

/// All fields, as they are or as somebody has just sent them.
pub(super) fn fields(
    visitor: &Visitor,
    policy: &Policy,
    kind: &IdentityType,
    own: &[&str],
    wrong: Option<(&Problem, &Form)>,
) -> Markup {
    let words = words(visitor.look.language);
    let preset = TypeRules::of(&kind.key(), policy.preset);
    let rules = policy.rules_for(kind);
    let is_own = |name: &str| own.contains(&name);
    let stands = |name: &'static str, value: String| Field {
        name,
        value: match wrong.and_then(|(_, sent)| sent.given(name)) {
            Some(sent) => sent.to_owned(),
            None if is_own(name) => value,
            None => String::new(),
        },
        is_wrong: wrong.is_some_and(|(problem, _)| problem.fields().contains(&name)),
        words,
    };
    let says = Role::ALL.iter().map(|it| (it.name(), role_word(*it, words)));
    let overs = [OverLimit::Attach, OverLimit::Refuse];
    let overs = overs.map(|it| (it.name(), over_limit_word(it, words)));
    let cases = [Case::Sensitive, Case::Insensitive].map(|it| (it.name(), case_word(it, words)));
    let (priority, limit) = (rules.priority.to_string(), rules.limit.to_string());
    let never = quarantine(preset.quarantine_after, words);
    html! {
        (stands("priority", priority).number(words.rank, words.rank_about, &preset.priority.to_string(), 1, PRIORITY_MAX.into()))
        (stands("role", rules.role.name().to_owned()).choice(words.role, words.role_about, role_word(preset.role, words), says))
        (stands("limit", limit).number(words.limit, words.limit_about, &preset.limit.to_string(), 1, IDENTITIES_MAX))
        (stands("overLimit", rules.over_limit.name().to_owned()).choice(words.over_limit, "", over_limit_word(preset.over_limit, words), overs))
        (stands("quarantineAfter", rules.quarantine_after.to_string()).number(words.quarantine, words.quarantine_about, &never, 0, QUARANTINE_AFTER_MAX))
        @if !has_own_form(&kind.key()) {
            (stands("case", rules.case.name().to_owned()).choice(words.case, words.case_about, case_word(preset.case, words), cases))
        }
        (stands("blocked", kind.settings.blocked.join("\n")).lines(words.blocked, words.blocked_about))
    }
}

/// A field of the form.
struct Field {
    name: &'static str,
    /// Empty if it is as the preset has it.
    value: String,
    is_wrong: bool,
    words: &'static Words,
}

impl Field {
    fn number(&self, label: &str, about: &str, preset: &str, min: usize, max: usize) -> Markup {
        let wrong = fill(self.words.wrong_number, &[&min.to_string(), &max.to_string()]);
        let input = html! {
            input name=(self.name) value=(self.value) inputmode="numeric" autocomplete="off"
                aria-invalid=[self.invalid()];
        };
        // Not in the field, where it looks like what somebody has set.
        let about = format!("{about} {}", fill(self.words.as_empty, &[preset]));
        self.entry(label, &about, &input, &wrong)
    }

    fn choice(
        &self,
        label: &str,
        about: &str,
        preset: &str,
        choices: impl IntoIterator<Item = (&'static str, &'static str)>,
    ) -> Markup {
        let select = html! {
            select name=(self.name) aria-invalid=[self.invalid()] {
                option value="" selected[self.value.is_empty()] { (fill(self.words.as_preset, &[preset])) }
                @for (value, text) in choices {
                    option value=(value) selected[value == self.value] { (text) }
                }
            }
        };
        let wrong =
            if self.name == "case" { self.words.wrong_case } else { self.words.wrong_choice };
        self.entry(label, about, &select, wrong)
    }

    fn lines(&self, label: &str, about: &str) -> Markup {
        let area = html! {
            textarea name=(self.name) rows="4" spellcheck="false" aria-invalid=[self.invalid()] { (self.value) }
        };
        let wrong = fill(self.words.wrong_blocked, &[&BLOCKED_PATTERNS_MAX.to_string()]);
        self.entry(label, about, &area, &wrong)
    }

    fn entry(&self, label: &str, about: &str, field: &Markup, wrong: &str) -> Markup {
        html! {
            div .entry.wrong[self.is_wrong] {
                label { (label) (field) }
                @if self.is_wrong { p .error { (wrong) } }
                @if !about.is_empty() { p .note { (about) } }
            }
        }
    }

    fn invalid(&self) -> Option<&'static str> {
        self.is_wrong.then_some("true")
    }
}
