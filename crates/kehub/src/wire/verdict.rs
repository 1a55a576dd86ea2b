//! Outcomes of identities, for people.

use kehub_core::outcome::{IdentityOutcome, IdentityVerdict};

/// Why an identity could not be used, as far as its sender may know.
pub(crate) fn why_not_usable(outcome: &IdentityOutcome) -> Option<&'static str> {
    match outcome.verdict {
        IdentityVerdict::Matched
        | IdentityVerdict::Moved
        | IdentityVerdict::Created
        | IdentityVerdict::Attached => None,
        IdentityVerdict::KeptElsewhere => Some("the identity belongs to another customer"),
        IdentityVerdict::Blocked => Some("the value is a placeholder that stands for nobody"),
        IdentityVerdict::Quarantined => {
            Some("the identity has been seen with too many people to stand for one")
        }
        IdentityVerdict::OverLimit => {
            Some("the customer holds another identity of this type, or as many as it may")
        }
        IdentityVerdict::Invalid if outcome.kind.is_empty() || outcome.value.is_empty() => {
            Some("expected a type and a value, found none")
        }
        IdentityVerdict::Invalid => Some("the tenant has as many identity types as it may"),
    }
}
