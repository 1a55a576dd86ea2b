//! The form of a webhook.

use super::words::{Words, words};
use crate::api::problem::Problem;
use crate::console::entry::form::Form;
use crate::console::meanwhile::{Difference, given, state};
use crate::console::visitor::Visitor;
use kehub_core::feed::Kind;
use kehub_core::webhook::Settings;
use maud::{Markup, html};
use serde_json::json;

/// What a form says, as the API takes it.
pub(super) fn json_in(sent: &Form) -> String {
    let kinds: Vec<&str> = sent.all("kind").collect();
    let url = sent.field("url").trim();
    let body =
        json!({ "url": url, "description": sent.field("description").trim(), "kinds": kinds });
    body.to_string()
}

/// All fields: as they are, or as somebody has just sent them.
pub(super) fn fields(
    visitor: &Visitor,
    stands: Option<&Settings>,
    wrong: Option<(&Problem, &Form)>,
) -> Markup {
    let words = words(visitor.look.language);
    let sent = wrong.map(|(_, sent)| sent);
    let is_wrong = |name| wrong.is_some_and(|(problem, _)| problem.fields().contains(&name));
    let invalid = |name| is_wrong(name).then_some("true");
    let typed = |name, stands: Option<&str>| {
        sent.map_or_else(|| stands.unwrap_or_default(), |sent| sent.field(name)).to_owned()
    };
    let is_chosen = |kind: Kind| match sent {
        Some(sent) => sent.all("kind").any(|name| name == kind.name()),
        None => stands.is_some_and(|settings| settings.kinds.contains(&kind)),
    };
    html! {
        label { (words.url)
            input name="url" value=(typed("url", stands.map(|it| &*it.url))) required inputmode="url"
                autocomplete="off" spellcheck="false" placeholder="https://example.com/hook"
                aria-invalid=[invalid("url")];
        }
        @if is_wrong("url") { p .error { (words.wrong_url) } }
        label { (words.description)
            input name="description" value=(typed("description", stands.map(|it| &*it.description)))
                autocomplete="off" placeholder=(words.description_hint)
                aria-invalid=[invalid("description")];
        }
        @if is_wrong("description") { p .error { (words.wrong_text) } }
        fieldset .choices.all {
            legend { (words.kinds) }
            @for one in Kind::ALL {
                label .check {
                    input type="checkbox" name="kind" value=(one.name()) checked[is_chosen(*one)];
                    span { (kind(*one, words)) " " code .soft { (one.name()) } }
                }
            }
        }
        p .note { (words.kinds_about) }
    }
}

/// Whether a webhook is told anything, as a form says that it was shown.
pub(super) const fn enabled(is_enabled: bool) -> &'static str {
    if is_enabled { "enabled" } else { "paused" }
}

/// What somebody typed and ticked, and what is set, where they differ.
pub(super) fn differences(visitor: &Visitor, stands: &Settings, late: &Form) -> Vec<Difference> {
    let (language, words) = (visitor.look.language, words(visitor.look.language));
    let texts = [
        (words.url, &*stands.url, late.field("url").trim()),
        (words.description, &*stands.description, late.field("description").trim()),
    ];
    let kinds = Kind::ALL.iter().map(|one| {
        let yours = late.all("kind").any(|name| name == one.name());
        let both = [stands.kinds.contains(one), yours].map(|it| given(it, language));
        (kind(*one, words), both[0], both[1])
    });
    let differing = texts.into_iter().chain(kinds).filter(|(_, now, yours)| now != yours);
    let differing = differing.map(|(what, now, yours)| (what.into(), now.into(), yours.into()));
    let able = |is_on| if is_on { words.live } else { words.paused };
    let shown = late.given("shown").map_or(stands.enabled, |shown| shown == enabled(true));
    let state = state(words.state, able(stands.enabled), able(shown), language);
    differing.chain(state).collect()
}

/// What a kind of event is called.
const fn kind(kind: Kind, words: &Words) -> &'static str {
    match kind {
        Kind::Created => words.k_created,
        Kind::Updated => words.k_updated,
        Kind::Merged => words.k_merged,
        Kind::IdentityAttached => words.k_attached,
        Kind::IdentityReleased => words.k_identity_released,
        Kind::Quarantined => words.k_quarantined,
        Kind::Released => words.k_released,
        Kind::ConflictOpened => words.k_conflict,
        Kind::Deleted => words.k_deleted,
        Kind::Unmerged => words.k_unmerged,
        Kind::Extracted => words.k_extracted,
        Kind::IdentityMoved => words.k_moved,
        Kind::Restored => words.k_restored,
        Kind::Erased => words.k_erased,
        Kind::ConflictResolved => words.k_resolved,
        Kind::CannotLinkSet => words.k_cannot_set,
        Kind::CannotLinkRemoved => words.k_cannot_removed,
        Kind::PolicyChanged => words.k_policy,
    }
}

/// The kinds that a webhook is told, as people read them.
pub(super) fn kinds(settings: &Settings, words: &Words) -> String {
    if settings.kinds.is_empty() {
        return words.kinds_all.to_owned();
    }
    let names: Vec<&str> = settings.kinds.iter().map(|it| kind(*it, words)).collect();
    names.join(", ")
}
