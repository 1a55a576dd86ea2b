//! Policy is data: the rules of one tenant, as `decide` is given them.

pub mod impact;
mod matching;
mod settings;
mod types;

pub use matching::is_blocked;
pub use settings::{Case, OverLimit, Setting, TypeChange, TypeProblem, TypeSettings};
pub use types::{Limit, Role, TypeRules};

use crate::TypeNumber;
use crate::canonical::{self, cleaned, folded, type_key};
use crate::identity::Identity;
use crate::limits::{IDENTITY_TYPE_CHARS_MAX, IDENTITY_TYPES_MAX};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// How doubtful cases are decided (identity page, "Identity types").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Preset {
    /// The literal reading of the v1 contract: a known identity never creates a new customer.
    #[default]
    Compat,
    /// Recommended for new tenants: what looks like two people stays two people.
    Guarded,
}

impl Preset {
    /// The name that people type.
    pub const fn name(self) -> &'static str {
        match self {
            Preset::Compat => "compat",
            Preset::Guarded => "guarded",
        }
    }
    /// The preset of this name.
    pub fn named(name: &str) -> Option<Preset> {
        [Preset::Compat, Preset::Guarded].into_iter().find(|preset| preset.name() == name)
    }
}

/// What happens when a request brings customers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OnConflict {
    /// Merge them unless a guard refuses.
    #[default]
    Merge,
    /// Never merge by itself; open a conflict.
    Keep,
    /// Merge them unless a guard refuses: then write nothing and answer the conflicts.
    Reject,
}

impl OnConflict {
    /// The name that people type.
    pub const fn name(self) -> &'static str {
        match self {
            OnConflict::Merge => "merge",
            OnConflict::Keep => "keep",
            OnConflict::Reject => "reject",
        }
    }
    /// The choice of this name.
    pub fn named(name: &str) -> Option<OnConflict> {
        let all = [OnConflict::Merge, OnConflict::Keep, OnConflict::Reject];
        all.into_iter().find(|choice| choice.name() == name)
    }
}

/// An identity type of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityType {
    /// Its number within the tenant.
    pub number: TypeNumber,
    /// Its name as it was first seen, trimmed (wire W29).
    pub name: Box<str>,
    /// What the tenant has set for it.
    #[serde(default)]
    pub settings: TypeSettings,
}

impl IdentityType {
    /// A type that nothing is set for.
    pub fn new(number: TypeNumber, name: impl Into<Box<str>>) -> IdentityType {
        IdentityType { number, name: name.into(), settings: TypeSettings::default() }
    }

    /// The key by which types are compared.
    pub fn key(&self) -> String {
        type_key(&self.name)
    }

    /// The canonical form of a value of this type: the only way to it that knows its case rule.
    pub fn canonical(&self, value: &str) -> String {
        let key = self.key();
        let value = canonical::identity_value(&key, value);
        match self.settings.case {
            Some(Case::Insensitive) if !canonical::has_own_form(&key) => folded(&value),
            Some(Case::Insensitive | Case::Sensitive) | None => value,
        }
    }

    /// Whether the tenant has blocked this canonical value.
    fn blocks(&self, canonical: &str) -> bool {
        if self.settings.blocked.is_empty() {
            return false;
        }
        let value = folded(canonical);
        self.settings.blocked.iter().any(|pattern| matching::fits(pattern, &value))
    }
}

/// The rules of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Rises with every change; written into every journal entry.
    pub version: u32,
    /// The preset.
    pub preset: Preset,
    /// What happens on a conflict, unless a request says otherwise.
    pub on_conflict: OnConflict,
    types: BTreeMap<TypeNumber, IdentityType>,
    by_key: HashMap<String, TypeNumber>,
}

impl Policy {
    /// The policy of a new tenant.
    pub fn new(preset: Preset, on_conflict: OnConflict) -> Policy {
        Policy { version: 1, preset, on_conflict, ..Policy::default() }
    }

    /// The type of this name, compared trimmed and without case.
    pub fn type_named(&self, name: &str) -> Option<&IdentityType> {
        self.types.get(self.by_key.get(&type_key(name))?)
    }

    /// The type of this number.
    pub fn type_of(&self, number: TypeNumber) -> Option<&IdentityType> {
        self.types.get(&number)
    }

    /// Every type that the tenant has used, by number.
    pub fn types(&self) -> impl ExactSizeIterator<Item = &IdentityType> {
        self.types.values()
    }

    /// Adds a type that was seen for the first time.
    pub fn add_type(&mut self, kind: IdentityType) {
        self.by_key.insert(type_key(&kind.name), kind.number);
        self.types.insert(kind.number, kind);
    }

    /// A type of this name, to be added to these and to the new ones of the request at hand, or why
    /// there can be none.
    pub fn new_type(&self, name: &str, new: &[IdentityType]) -> Result<IdentityType, TypeProblem> {
        let name = cleaned(name);
        if !(1..=IDENTITY_TYPE_CHARS_MAX).contains(&name.chars().count()) {
            return Err(TypeProblem::Name);
        }
        let is_unknown = |key: &str| !TypeRules::is_known(key);
        let unknown = || {
            self.by_key.keys().filter(|key| is_unknown(key)).count()
                + new.iter().filter(|kind| is_unknown(&kind.key())).count()
        };
        let taken = self.types.len() + new.len();
        match u16::try_from(taken + 1) {
            Ok(number) if !is_unknown(&type_key(&name)) || unknown() < IDENTITY_TYPES_MAX => {
                Ok(IdentityType::new(TypeNumber(number), name))
            }
            Ok(_) | Err(_) => Err(TypeProblem::TooMany),
        }
    }

    /// Sets what is set for a type.
    pub(crate) fn set_type(&mut self, number: TypeNumber, settings: TypeSettings) {
        if let Some(kind) = self.types.get_mut(&number) {
            kind.settings = settings;
        }
    }

    /// The rules of a type, by its number: those of the preset, and what the tenant has set.
    pub fn rules_of(&self, number: TypeNumber) -> TypeRules {
        self.types
            .get(&number)
            .map_or_else(|| TypeRules::of("", self.preset), |kind| self.rules_for(kind))
    }

    /// The rules of a type, which may be about to be added.
    pub fn rules_for(&self, kind: &IdentityType) -> TypeRules {
        kind.settings.over(TypeRules::of(&kind.key(), self.preset))
    }

    /// Whether an identity was sent with so many different values of one distinguishing type of
    /// higher rank, since it was last released, that the next request quarantines it.
    pub fn is_suspect(&self, identity: &Identity) -> bool {
        if identity.suspects().is_empty() {
            return false;
        }
        let rules = self.rules_of(identity.key.kind);
        rules.quarantine_after > 0
            && identity.suspects_by_type().into_iter().any(|(kind, count)| {
                count >= rules.quarantine_after && self.rules_of(kind).counts_against(rules)
            })
    }

    /// Whether a canonical value never matches anybody: for no tenant, or not for this one.
    /// `type_key` is the key of an identity type, `mobile` or `email` for those attributes.
    pub fn is_blocked(&self, type_key: &str, canonical: &str) -> bool {
        if is_blocked(type_key, canonical) {
            return true;
        }
        let kind = self.by_key.get(type_key).and_then(|number| self.types.get(number));
        kind.is_some_and(|kind| kind.blocks(canonical))
    }
}
