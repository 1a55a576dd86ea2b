//! Filters and orders of list pages. `matches` is their meaning; engines render them as SQL and
//! are tested against it.

mod matches;

use crate::attribute::{Attribute, FieldKey};
use crate::{CustomerId, Micros};

/// Which customers; all conditions must hold (wire W18).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// The conditions.
    pub conditions: Vec<Condition>,
}

/// One condition on a customer.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A text attribute equals this text.
    TextIs(Attribute, String),
    /// A text attribute is unset.
    Empty(Attribute),
    /// The canonical form of `mobile` is this.
    MobileIs(String),
    /// The canonical form of `email` is this.
    EmailIs(String),
    /// `gender` is this; 0 also matches unset.
    GenderIs(i64),
    /// The id is one of these. An engine first replaces redirecting ids by their survivors.
    IdIn(Vec<CustomerId>),
    /// Created within these moments.
    Created(Period),
    /// Last changed within these moments.
    Updated(Period),
}

/// From a moment, to before a moment; each may be open. The wire's inclusive bounds at the second
/// (W13) become `from` = the second, `before` = the second after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// The first moment within.
    pub from: Option<Micros>,
    /// The first moment not within any more.
    pub before: Option<Micros>,
}

impl Period {
    /// Whether a moment is within.
    pub fn contains(self, at: Micros) -> bool {
        self.from.is_none_or(|from| from <= at) && self.before.is_none_or(|before| at < before)
    }
}

/// The order of a page: by one field, ties by id in the same direction (wire W15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What to sort by.
    pub by: SortKey,
    /// Whether largest first.
    pub descending: bool,
}

impl Default for Order {
    fn default() -> Order {
        Order { by: SortKey::Attribute(Attribute::Id), descending: false }
    }
}

/// What to sort by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// Any built-in attribute, derived ones included, as [`crate::customer::Customer::shown`].
    Attribute(Attribute),
    /// A custom attribute.
    Custom(Box<str>),
}

impl SortKey {
    /// `lastUpdated`, `attr.attr1`; `None` if there is no such field.
    pub fn named(name: &str) -> Option<SortKey> {
        if let Some(attribute) = Attribute::named(name) {
            return Some(SortKey::Attribute(attribute));
        }
        match FieldKey::custom(name.strip_prefix("attr.")?)? {
            FieldKey::Custom(key) => Some(SortKey::Custom(key)),
            FieldKey::Builtin(_) => None,
        }
    }
}
