//! Conflicts and review entries: what the rules refused, and what they did although it deserves a
//! look. Stored once, shown until settled.

use crate::{ConflictId, CustomerId, IdentityNumber, MergeId, Seq};
use serde::{Deserialize, Serialize};

/// Whether something was refused or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConflictKind {
    /// A merge or attachment was refused.
    Refused,
    /// A join was made that deserves a look.
    Review,
}

/// Why it was opened: the first rule that spoke (identity page, "One upsert").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rule {
    /// Both sides hold, or would hold, different values of a distinguishing type.
    Distinguishing,
    /// Somebody said that they are different people.
    CannotLink,
    /// More identities than a customer or a request may have.
    TooManyIdentities,
    /// Joined only by contact or weak identities.
    ContactOnly,
    /// Customers are kept apart by setting or request.
    Keep,
    /// More identities of one type than the policy allows.
    OverLimit,
    /// A match by attribute attached an account, unionid or openid to a customer that holds one.
    AttributeMatch,
    /// What bridged a live merge was extracted from the customer.
    BridgeExtracted,
}

impl Rule {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Rule::Distinguishing => "distinguishing",
            Rule::CannotLink => "cannotLink",
            Rule::TooManyIdentities => "tooManyIdentities",
            Rule::ContactOnly => "contactOnly",
            Rule::Keep => "keep",
            Rule::OverLimit => "overLimit",
            Rule::AttributeMatch => "attributeMatch",
            Rule::BridgeExtracted => "bridgeExtracted",
        }
    }
}

/// How a reviewer should go about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Nothing but a setting or a limit spoke against it: to join them is what the rules would do.
    Recommended,
    /// The rules saw signs of two people.
    WithCare,
}

impl Label {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Label::Recommended => "recommended",
            Label::WithCare => "withCare",
        }
    }
}

impl Rule {
    /// How to go about joining what this rule refused, or joined with a doubt.
    pub const fn label(self) -> Label {
        match self {
            Rule::Keep | Rule::OverLimit => Label::Recommended,
            Rule::Distinguishing
            | Rule::CannotLink
            | Rule::TooManyIdentities
            | Rule::ContactOnly
            | Rule::AttributeMatch
            | Rule::BridgeExtracted => Label::WithCare,
        }
    }
}

/// A conflict or review entry. It names homes; a pair is the same for as long as their survivors
/// are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// Its id within the tenant.
    pub id: ConflictId,
    /// Refused or to be reviewed.
    pub kind: ConflictKind,
    /// The rule that spoke.
    pub rule: Rule,
    /// The identity it is about.
    pub identity: IdentityNumber,
    /// A home of the customer that the request answered.
    pub left: CustomerId,
    /// A home of the other customer; `None` if nobody owns the identity.
    pub right: Option<CustomerId>,
    /// The identities of the request that opened it.
    pub evidence: Vec<IdentityNumber>,
    /// The entry that opened it.
    pub opened: Seq,
    /// The entry that settled it.
    pub settled: Option<Seq>,
    /// What was decided about it.
    #[serde(default)]
    pub settlement: Option<Settlement>,
}

/// What somebody decided about a conflict or review entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Settlement {
    /// The two customers are one person; this merge joined them.
    Merged(MergeId),
    /// They are different people, and are never joined again.
    KeptApart,
    /// The identity belongs to the first customer, and went to its home.
    IdentityMoved,
    /// It is fine as it is.
    Accepted,
    /// A customer of it was erased.
    Erased,
}

impl Settlement {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Settlement::Merged(_) => "merged",
            Settlement::KeptApart => "keptApart",
            Settlement::IdentityMoved => "identityMoved",
            Settlement::Accepted => "accepted",
            Settlement::Erased => "erased",
        }
    }
}
