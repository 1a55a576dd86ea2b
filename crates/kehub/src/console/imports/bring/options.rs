//! What a column may be, in groups, in the language of whoever looks.

use super::asked::{CUSTOM, IDENTITY, Pick};
use super::chosen::{CUSTOMER, NOTHING, name_of};
use super::words::words;
use crate::console::words::Language;
use crate::files::clean::ROW_TYPE;
use crate::files::labels::Part;
use crate::files::mapping::Target;
use kehub_core::attribute::{Access, Attribute};
use kehub_core::canonical::type_key;
use kehub_core::policy::{Policy, TypeRules};
use maud::{Markup, html};

/// Choices with what they are called, in groups.
pub(super) struct Options(Vec<(&'static str, Vec<(String, String)>)>);

impl Options {
    /// What there is for a tenant.
    pub(super) fn of(policy: &Policy, language: Language) -> Options {
        let words = words(language);
        let mut kinds: Vec<String> = policy.types().map(|kind| kind.name.to_string()).collect();
        let known = TypeRules::KNOWN.iter().filter(|known| policy.type_named(known).is_none());
        kinds.extend(known.map(|known| (*known).to_owned()));
        kinds.retain(|kind| type_key(kind) != ROW_TYPE);
        let identities = kinds.into_iter().map(|kind| (format!("{IDENTITY}{kind}"), kind));
        let identities = identities.chain([(IDENTITY.to_owned(), words.other_identity.to_owned())]);
        let given = Attribute::ALL.iter().filter(|it| it.access() != Access::Derived);
        let attributes = given.map(|it| (it.name().to_owned(), language.attribute(*it)));
        let parts = Part::ALL.map(|part| (part.name().to_owned(), language.part(part)));
        Options(vec![
            (words.identities, identities.collect()),
            (words.attributes, attributes.collect()),
            (words.custom, vec![(CUSTOM.to_owned(), words.other_custom.to_owned())]),
            (words.parts, parts.to_vec()),
        ])
    }

    /// How a form says what a column is.
    pub(super) fn pick(&self, target: &Target) -> Pick {
        let name = name_of(target);
        if self.has(&name) {
            return Pick { target: name, name: String::new() };
        }
        for open in [IDENTITY, CUSTOM] {
            if let Some(rest) = name.strip_prefix(open) {
                return Pick { target: open.to_owned(), name: rest.to_owned() };
            }
        }
        Pick { target: name, name: String::new() }
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(_, group)| group.iter().any(|(value, _)| value == name))
    }

    /// All of them, for a select with this choice.
    pub(super) fn shown(&self, chosen: &str, language: Language) -> Markup {
        let words = words(language);
        let is_of_file = chosen != NOTHING && !self.has(chosen);
        let of_file = if chosen == CUSTOMER { words.customer_id } else { words.identity_list };
        html! {
            option value=(NOTHING) selected[chosen == NOTHING] { (words.leave_out) }
            @if is_of_file { option value=(chosen) selected { (of_file) } }
            @for (name, group) in &self.0 {
                optgroup label=(name) {
                    @for (value, name) in group {
                        option value=(value) selected[value == chosen] { (name) }
                    }
                }
            }
        }
    }
}
