//! Filters and orders of list pages. `matches` is their meaning; engines render them as SQL and
//! are tested against it.

mod matches;

use crate::attribute::{Attribute, FieldKey, Value};
use crate::customer::Customer;
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
    /// A field passes a test.
    Field(SortKey, Test),
}

/// A test of one field as it is shown; `mobile` and `email` are tested in their canonical form.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It equals one of these.
    Is(Vec<Value>),
    /// It equals none of these, or is unset.
    IsNot(Vec<Value>),
    /// It stands like this to a value of its kind: flags to flags, numbers to numbers, text to
    /// text. What is unset stands nowhere.
    Stands(Comparison, Value),
    /// It is text that begins with this.
    Begins(String),
    /// It is unset.
    Empty,
    /// It is set.
    NotEmpty,
}

/// How a value stands to another in the order of list pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Behind it.
    Above,
    /// Behind it, or equal.
    AtLeast,
    /// Before it.
    Below,
    /// Before it, or equal.
    AtMost,
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

/// A place in an order, whether or not a customer stands there: what a page begins behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The value of what is sorted by.
    pub value: Option<Value>,
    /// The id of a customer.
    pub id: CustomerId,
}

/// What to sort by, or to test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// Any built-in attribute, derived ones included, as [`crate::customer::Customer::shown`].
    Attribute(Attribute),
    /// A custom attribute.
    Custom(Box<str>),
}

impl SortKey {
    /// The value of a customer, as it is shown.
    pub fn of(&self, customer: &Customer) -> Option<Value> {
        match self {
            SortKey::Attribute(attribute) => customer.shown(*attribute),
            SortKey::Custom(key) => customer.fold.value(&FieldKey::Custom(key.clone())).cloned(),
        }
    }

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

impl std::fmt::Display for SortKey {
    /// `lastUpdated`, `attr.attr1`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SortKey::Attribute(attribute) => attribute.fmt(f),
            SortKey::Custom(key) => write!(f, "attr.{key}"),
        }
    }
}

/// The first text behind all that begin with this one; `None` if there is none. Text is in the
/// order of its characters' numbers, which is that of its UTF-8 bytes.
pub fn behind_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            other => u32::from(other).checked_add(1).and_then(char::from_u32),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{Real, Value};

    #[test]
    fn what_is_behind_a_prefix_is_behind_all_that_begin_with_it() {
        assert_eq!(behind_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(behind_prefix("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(behind_prefix("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(behind_prefix("\u{10FFFF}"), None);
        assert_eq!(behind_prefix(""), None);
        let behind = behind_prefix("上").unwrap();
        assert!(behind.as_bytes() > "上\u{10FFFF}\u{10FFFF}".as_bytes());
    }

    #[test]
    fn a_test_of_whole_numbers_passes_the_same_ones_and_names_no_others() {
        let fraction = |number| Value::Decimal(Real::new(number).unwrap());
        let limits = [-1e300, -1.5, -1.0, 0.0, 0.5, 1.0, 1.67, 2.0, 1e300].map(fraction);
        let signs = [Comparison::Above, Comparison::AtLeast, Comparison::Below, Comparison::AtMost];
        let stands = |limit: &Value| signs.map(|sign| Test::Stands(sign, limit.clone()));
        let mut tests: Vec<Test> = limits.iter().flat_map(stands).collect();
        tests.extend([Test::Is(limits.to_vec()), Test::IsNot(limits.to_vec())]);
        for test in tests {
            let whole = test.of_whole_numbers();
            assert!(!format!("{whole:?}").contains("Decimal"), "{whole:?}");
            for number in [-2, -1, 0, 1, 2, 3, i64::MAX] {
                let value = Some(Value::Integer(number));
                let passes = test.passes(value.as_ref());
                assert_eq!(whole.passes(value.as_ref()), passes, "{number}: {test:?}, {whole:?}");
            }
        }
    }
}
