//! Identities: what is known to point at one customer.

use crate::{AppNumber, CustomerId, IdentityNumber, TypeNumber};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What makes an identity the same identity: its type and its canonical value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IdentityKey {
    /// The type, within the tenant.
    pub kind: TypeNumber,
    /// The value in canonical form, see [`crate::canonical`].
    pub value: Box<str>,
}

/// Whether an identity still matches (identity page, "Quarantine").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quarantine {
    /// It matches.
    #[default]
    No,
    /// It was sent with too many different values of one distinguishing type.
    Yes,
}

/// One identity row. It exists from the first time the value was sent, whether or not somebody
/// owns it, and is the only place that holds its text: claims point here by number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its number within the tenant.
    pub number: IdentityNumber,
    /// Type and canonical value.
    pub key: IdentityKey,
    /// The text as it was first sent, trimmed.
    pub raw: Box<str>,
    /// Display name, the newest that was not empty.
    pub name: Option<Box<str>>,
    /// The account a value belongs to, such as the app id of the WeChat account that issued an
    /// openid. Not part of the key.
    pub scope: Option<Box<str>>,
    /// The customer under which it entered the hub; `None` while it is free. Merging does not
    /// change it: the owner is the home's survivor.
    pub home: Option<CustomerId>,
    /// Distinguishing identities of higher rank that it was sent together with, by type, in the
    /// order in which they were seen; no more of one type than it takes to quarantine it again.
    pub companions: Vec<(TypeNumber, IdentityNumber)>,
    /// Whether it matches.
    pub quarantine: Quarantine,
    /// Apps that have sent it.
    pub apps: Vec<AppNumber>,
    /// How many of the companions, from the first one on, do not count: those that were known when
    /// somebody released it.
    #[serde(default)]
    pub pardoned: u32,
}

impl Identity {
    /// The companions that count: those seen since it was last released.
    pub fn suspects(&self) -> &[(TypeNumber, IdentityNumber)] {
        let pardoned = usize::try_from(self.pardoned).unwrap_or(usize::MAX);
        self.companions.get(pardoned..).unwrap_or_default()
    }

    /// How many companions of each type count.
    pub fn suspects_by_type(&self) -> BTreeMap<TypeNumber, usize> {
        let mut counts = BTreeMap::new();
        for (kind, _) in self.suspects() {
            *counts.entry(*kind).or_default() += 1;
        }
        counts
    }
}

impl Identity {
    /// Takes the texts away and leaves the number, which claims point to, and the type, which
    /// counts. What stands for the value can be no canonical one: those hold no control characters.
    pub fn erase(&mut self) {
        let nothing: Box<str> = format!("\u{1}{}", self.number).into();
        self.key.value.clone_from(&nothing);
        self.raw = nothing;
        self.name = None;
        self.scope = None;
    }

    /// Whether its texts were erased.
    pub fn is_erased(&self) -> bool {
        self.key.value.starts_with('\u{1}')
    }
}
