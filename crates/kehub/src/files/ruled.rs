//! Why the rules refuse a row, told by names, so that pages say it in any language.

use kehub_core::CustomerId;
use kehub_core::conflict::Rule;
use kehub_core::outcome::Refusal;

/// Why the rules say no to a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Ruled {
    /// Nothing finds or makes a customer.
    #[error(
        "expected an identity that matches, or another way to find or make a customer, found none"
    )]
    NothingUsable,
    /// It would open conflicts, and that is refused.
    #[error("expected no conflict, found {}", named(.0))]
    InConflict(Vec<Rule>),
    /// The customer would have too many custom attributes.
    #[error("expected at most {limit} custom attributes on a customer, found {found}")]
    TooManyCustom {
        /// How many it would have.
        found: usize,
        /// How many it may have.
        limit: usize,
    },
    /// The row names a customer that never was.
    #[error("expected the id of a customer of this hub, found one that it never gave: {0}")]
    NoCustomer(CustomerId),
    /// The row names a customer that was deleted.
    #[error("expected the id of a customer of this hub, found one that was deleted: {0}")]
    Deleted(CustomerId),
    /// The row names a customer that was erased.
    #[error("expected the id of a customer of this hub, found one that was erased: {0}")]
    Erased(CustomerId),
    /// Anything else.
    #[error("expected an upsert that the rules allow, found another")]
    Other,
}

impl From<&Refusal> for Ruled {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other refusal is one of an upsert")]
    fn from(refusal: &Refusal) -> Ruled {
        match refusal {
            Refusal::NothingUsable { .. } => Ruled::NothingUsable,
            Refusal::Conflicts { conflicts, .. } => {
                Ruled::InConflict(conflicts.iter().map(|it| it.rule).collect())
            }
            Refusal::CustomAttributesTooMany { found, limit } => {
                Ruled::TooManyCustom { found: *found, limit: *limit }
            }
            Refusal::CustomerMissing(id) => Ruled::NoCustomer(*id),
            Refusal::CustomerDeleted(id) => Ruled::Deleted(*id),
            Refusal::CustomerErased(id) => Ruled::Erased(*id),
            _ => Ruled::Other,
        }
    }
}

fn named(rules: &[Rule]) -> String {
    rules.iter().map(|rule| rule.name()).collect::<Vec<_>>().join(", ")
}
