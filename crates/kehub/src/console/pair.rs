//! Two customers beside each other: what is the same in both, what differs, and what a merge would keep.
//! Each says so in words, not by colour alone.

use super::acts::words::words;
use super::show::Shower;
use kehub_core::attribute::{Attribute, FieldKey, Value};
use kehub_core::customer::Customer;
use kehub_core::facts::TenantFacts;
use kehub_core::filter::SortKey;
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Two customers, and what they would be merged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    pub(super) shower: Shower<'a>,
    pub(super) one: &'a Customer,
    pub(super) other: &'a Customer,
    pub(super) merged: Option<&'a Customer>,
}

/// How a field stands in the two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    Differs,
    OneSided,
    Same,
}

impl<'a> Pair<'a> {
    fn likeness(self, key: &FieldKey) -> Likeness {
        match (self.one.fold.value(key), self.other.fold.value(key)) {
            (Some(one), Some(other)) if one == other => Likeness::Same,
            (Some(_), Some(_)) => Likeness::Differs,
            (_, _) => Likeness::OneSided,
        }
    }

    /// The fields that either shows, those that differ first.
    fn keys(self) -> Vec<&'a FieldKey> {
        let keys: BTreeSet<&FieldKey> =
            self.one.fold.0.keys().chain(self.other.fold.0.keys()).collect();
        let is_shown = |key: &&FieldKey| {
            self.one.fold.value(key).is_some() || self.other.fold.value(key).is_some()
        };
        let mut keys: Vec<&FieldKey> = keys.into_iter().filter(is_shown).collect();
        keys.sort_by_key(|key| self.likeness(key));
        keys
    }

    /// The fields of both, in a table. The heads name the two.
    pub(super) fn fields(self, heads: (&Markup, &Markup)) -> Markup {
        let words = words(self.shower.look.language);
        let keys = self.keys();
        html! {
            @if keys.is_empty() { p .soft { (words.pair_none) } }
            @else {
                table .plain.pair {
                    thead { tr {
                        th scope="col" { (words.field) }
                        th scope="col" { (heads.0) }
                        th scope="col" { (heads.1) }
                    } }
                    tbody { @for key in keys { (self.row(key)) } }
                }
            }
        }
    }

    fn row(self, key: &FieldKey) -> Markup {
        let words = words(self.shower.look.language);
        let likeness = self.likeness(key);
        let (class, told) = match likeness {
            Likeness::Differs => ("warn", words.differs),
            Likeness::OneSided => ("", words.one_sided),
            Likeness::Same => ("good", words.same),
        };
        html! {
            tr .differs[likeness == Likeness::Differs] {
                th scope="row" {
                    (label(self.shower, key))
                    span .tag.(class) {
                        (if likeness == Likeness::Differs { "≠ " } else { "" }) (told)
                    }
                }
                @for side in [self.one, self.other] {
                    td { (self.value(key, side.fold.value(key), likeness)) }
                }
            }
        }
    }

    fn value(self, key: &FieldKey, value: Option<&Value>, likeness: Likeness) -> Markup {
        let words = words(self.shower.look.language);
        let Some(value) = value else { return html! { span .soft { (words.nothing) } } };
        let text = self.shower.field(key, value);
        let wins = self.merged.map(|merged| merged.fold.value(key) == Some(value));
        html! {
            @match (likeness, wins) {
                (Likeness::Same, _) | (_, None) => span .value { (text) },
                (_, Some(true)) => { b .value { (text) } " " span .tag.good { "✓ " (words.stays) } },
                (_, Some(false)) => { s .value { (text) } " " span .tag { (words.loses) } },
            }
        }
    }
}

/// What a field is called.
pub(super) fn label(shower: Shower<'_>, key: &FieldKey) -> String {
    match key {
        FieldKey::Builtin(attribute) => shower.look.language.attribute(*attribute),
        FieldKey::Custom(key) => shower.look.language.field(&SortKey::Custom(key.clone())),
    }
}

/// The name and the id of a customer.
pub(super) fn name(shower: Shower<'_>, customer: &Customer) -> Markup {
    let shown = customer.shown(Attribute::DisplayName);
    html! {
        (shown.as_ref().and_then(|name| name.text()).unwrap_or(shower.words().no_name)) " "
        span .id { "#" (customer.id) }
    }
}

/// Identities, as far as they may be told, those that decide first in front.
pub(super) fn identities(
    shower: Shower<'_>,
    facts: &TenantFacts,
    held: impl IntoIterator<Item = kehub_core::IdentityNumber>,
) -> Markup {
    let policy = facts.policy();
    let mut held: Vec<_> = held.into_iter().filter_map(|number| facts.identity(number)).collect();
    held.sort_by_key(|it| (policy.rules_of(it.key.kind).priority, it.number));
    let words = words(shower.look.language);
    html! {
        @if held.is_empty() { p .soft { (words.nothing) } }
        ul .plain.held {
            @for identity in held {
                li { (one_identity(shower, facts, identity)) }
            }
        }
    }
}

/// An identity, as far as it may be told.
pub(super) fn one_identity(
    shower: Shower<'_>,
    facts: &TenantFacts,
    identity: &kehub_core::identity::Identity,
) -> Markup {
    let policy = facts.policy();
    let kind = policy.type_of(identity.key.kind).map_or("", |kind| &*kind.name);
    html! {
        @if identity.is_erased() { span .soft { (shower.words().erased_identity) } }
        @else {
            span .kind.(policy.rules_of(identity.key.kind).role.name()) { (kind) } " "
            span .value { (shower.identity(kind, &identity.raw)) }
        }
    }
}
