//! Policy is data: the rules of one tenant, as `decide` is given them.

mod matching;
mod types;

pub use matching::is_blocked;
pub use types::{Limit, Role, TypeRules};

use crate::TypeNumber;
use crate::canonical::type_key;
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
    /// Write nothing and answer the conflicts.
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

    /// How many different values of one distinguishing type quarantine an identity of lower rank
    /// (identity page, "Quarantine").
    pub fn quarantine_after(&self) -> usize {
        3
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

    /// How many types it has that Kehub does not know by name: those have a limit.
    pub fn unknown_types(&self) -> usize {
        let keys = self.by_key.keys();
        keys.filter(|key| !TypeRules::is_known(key)).count()
    }

    /// Rank, limit and role of a type, by its number.
    pub fn rules_of(&self, number: TypeNumber) -> TypeRules {
        let name = self.types.get(&number).map_or("", |kind| &kind.name);
        TypeRules::of(&type_key(name), self.preset)
    }
}
