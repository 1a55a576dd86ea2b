//! Merges: edges between homes. Nothing is rewritten by one, so nothing needs reconstructing
//! when one is undone (identity page, "Merge and undo").

use crate::{CustomerId, IdentityNumber, MergeId, Seq};
use serde::{Deserialize, Serialize};

/// A merge: an edge between two homes, until it is undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merge {
    /// Its id within the tenant.
    pub id: MergeId,
    /// The home of the identity that found the primary.
    pub left: CustomerId,
    /// The home of the identity that found the other owner.
    pub right: CustomerId,
    /// The entry that made it.
    pub seq: Seq,
    /// The identities of the request that found the two sides.
    pub bridge: Vec<IdentityNumber>,
    /// The verdicts of the guards, in the order in which they were asked. Somebody who merges by
    /// hand may go against some of them.
    pub guards: Vec<(Guard, Verdict)>,
    /// The entry that undid it.
    #[serde(default)]
    pub undone: Option<Seq>,
}

impl Merge {
    /// Whether it joins its homes today.
    pub fn is_live(&self) -> bool {
        self.undone.is_none()
    }
}

/// A stored "these two homes are different people".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CannotLink {
    /// The home with the smaller id.
    pub low: CustomerId,
    /// The home with the larger id.
    pub high: CustomerId,
}

impl CannotLink {
    /// The link between two homes, whichever is named first.
    pub fn between(one: CustomerId, other: CustomerId) -> CannotLink {
        CannotLink { low: one.min(other), high: one.max(other) }
    }
}

/// What may refuse a merge (identity page, "One upsert", step 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Guard {
    /// (a) Both sides hold different values of a distinguishing type.
    Distinguishing,
    /// (b) Somebody said that two of their homes are different people.
    CannotLink,
    /// (c) The result would hold too many identities.
    TooManyIdentities,
    /// (d) They are joined only by contact or weak identities, and each holds an account, unionid
    /// or openid of its own.
    ContactOnly,
    /// (e) The tenant or the request keeps customers apart.
    Keep,
}

impl Guard {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Guard::Distinguishing => "distinguishing",
            Guard::CannotLink => "cannotLink",
            Guard::TooManyIdentities => "tooManyIdentities",
            Guard::ContactOnly => "contactOnly",
            Guard::Keep => "keep",
        }
    }
}

/// What a guard said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// Nothing against it.
    Pass,
    /// Merge, but let somebody look at it.
    Review,
    /// Do not merge.
    Refuse,
}

impl Verdict {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Review => "review",
            Verdict::Refuse => "refuse",
        }
    }
}
