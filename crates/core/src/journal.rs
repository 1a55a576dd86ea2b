//! The journal: what happened, as effects. Recording its entries in order into empty facts gives
//! the state again; nothing is decided twice (promise 6).
//!
//! The types here are the stored format: engines write them field by field in this order. A field
//! is only ever added at the end, with a default; a variant only at the end.

use crate::attribute::{FieldKey, Value};
use crate::conflict::{Conflict, Settlement};
use crate::identity::Identity;
use crate::merge::{CannotLink, Merge};
use crate::outcome::IdentityVerdict;
use crate::policy::{IdentityType, OnConflict, Preset, TypeSettings};
use crate::{AppNumber, ConflictId, CustomerId, IdentityNumber, MergeId, Micros, Seq, TypeNumber};
use serde::{Deserialize, Serialize};

/// One write, with everything it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the tenant's journal.
    pub seq: Seq,
    /// Its place in the feed. Equal to `seq` where one hub writes; given later where several do.
    pub position: i64,
    /// When it happened; never earlier than what the customers it touches have seen.
    pub at: Micros,
    /// The app that asked for it.
    pub app: AppNumber,
    /// The person behind the app, where known.
    pub actor: Option<Box<str>>,
    /// The request it came with, for finding it in logs.
    pub request: Box<str>,
    /// The version of the policy that decided it.
    pub policy: u32,
    /// The version of the canonical form, see [`crate::canonical::VERSION`].
    pub canonical: u16,
    /// The customers it concerns, each with its previous entry: the chain of a history. Those that
    /// were merged away come in the order of the merges that did it.
    pub touched: Vec<Touched>,
    /// What was done, in order.
    pub records: Vec<Record>,
}

impl Entry {
    /// Whether it erased somebody. What is erased need not be in a claim: an identity that was taken
    /// out of a customer has a text and no claim of its own.
    pub fn has_erased(&self) -> bool {
        self.records.iter().any(|record| matches!(record, Record::Erased(_)))
    }

    /// The claim of this entry; there is one at most.
    pub fn claim(&self) -> Option<&Claim> {
        self.records.iter().find_map(|record| match record {
            Record::Claim(claim) => Some(claim),
            Record::Counted(_)
            | Record::Merged(_)
            | Record::Opened(_)
            | Record::Deleted { .. }
            | Record::PolicyChanged { .. }
            | Record::Unmerged(_)
            | Record::Extracted(_)
            | Record::ClaimDecided(_)
            | Record::Restored { .. }
            | Record::Erased(_)
            | Record::Settled(_)
            | Record::LinkSet(_)
            | Record::LinkRemoved(_)
            | Record::TypeChanged { .. }
            | Record::Released(_) => None,
        })
    }
}

/// A customer that an entry concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// The customer.
    pub customer: CustomerId,
    /// What it was to the entry.
    pub role: Role,
    /// The entry that touched it before.
    pub previous: Option<Seq>,
    /// Its version before; 0 if it did not exist.
    pub rev_before: u64,
    /// Its version after; equal to the one before if nothing visible changed.
    pub rev_after: u64,
}

/// What a customer was to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// It was created.
    Created,
    /// It is the one that the entry answers.
    Primary,
    /// It was merged away.
    MergedAway,
    /// It was deleted.
    Deleted,
    /// It was merged away and is a customer of its own again.
    Revived,
    /// It was deleted and is there again.
    Restored,
    /// Everything about it was erased.
    Erased,
    /// It is on the other side of what was decided.
    Other,
}

/// One effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Identities were seen together for the first time, which may have quarantined some.
    Counted(Counted),
    /// Two homes were joined.
    Merged(Merge),
    /// An upsert, put or attachment as it arrived, and what it changed.
    Claim(Claim),
    /// A conflict or review entry was opened.
    Opened(Conflict),
    /// A customer was deleted; its identities, by number and home, are free again.
    Deleted {
        /// The customer.
        customer: CustomerId,
        /// What it held.
        identities: Vec<(IdentityNumber, CustomerId)>,
    },
    /// The tenant's policy changed.
    PolicyChanged {
        /// The policy before.
        before: PolicyState,
        /// The policy after.
        after: PolicyState,
    },
    /// What is set for an identity type changed.
    TypeChanged {
        /// The type.
        kind: TypeNumber,
        /// What was set before.
        before: TypeSettings,
        /// What is set afterwards.
        after: TypeSettings,
    },
    /// A quarantined identity matches again. What it was seen together with so far stays known and
    /// does not count any more.
    Released(IdentityNumber),
    /// A merge was undone.
    Unmerged(Unmerged),
    /// Identities, and the claims that carried only them, became a customer of their own.
    Extracted(Extracted),
    /// Somebody said which side of an undone merge a claim belongs to.
    ClaimDecided(ClaimDecided),
    /// A deleted customer is there again, with its identities, by number and home.
    Restored {
        /// The customer.
        customer: CustomerId,
        /// What it holds again.
        identities: Vec<(IdentityNumber, CustomerId)>,
    },
    /// Everything about a customer was erased.
    Erased(Erased),
    /// A conflict or review entry was settled.
    Settled(Settled),
    /// Two homes are different people.
    LinkSet(CannotLink),
    /// Two homes may be one person after all.
    LinkRemoved(CannotLink),
}

/// A merge was undone: its edge is gone, and each side is combined from its own homes again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmerged {
    /// The merge.
    pub merge: MergeId,
    /// The customer that keeps the id, and the one that is there again.
    pub customers: (CustomerId, CustomerId),
    /// The identities that went with the one that is there again.
    pub identities: Vec<IdentityNumber>,
    /// Claims since the merge that belong to the first and to the second of the customers.
    pub claims: (Vec<Seq>, Vec<Seq>),
    /// Those among them that carried identities of both sides, or of none.
    pub undecided: Vec<Seq>,
}

/// Identities became a customer of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extracted {
    /// The customer that held them.
    pub from: CustomerId,
    /// The new customer.
    pub to: CustomerId,
    /// The identities, each with the home it had.
    pub identities: Vec<(IdentityNumber, CustomerId)>,
    /// The claims that carried only them, each with the home it had.
    pub claims: Vec<(Seq, CustomerId)>,
}

/// A claim listed as undecided was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimDecided {
    /// The undone merge.
    pub merge: MergeId,
    /// The claim.
    pub claim: Seq,
    /// The home it belonged to.
    pub from: CustomerId,
    /// The home it belongs to; the same if it stays.
    pub to: CustomerId,
    /// The identities that it had attached, which go with it.
    pub identities: Vec<IdentityNumber>,
    /// The claims that carried only those, which go along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub along: Vec<Seq>,
}

/// What an erasure took, without any content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// The customer, and every id that redirected to it.
    pub customers: Vec<CustomerId>,
    /// Identities whose texts were erased.
    pub identities: Vec<IdentityNumber>,
    /// Claims whose fields were erased.
    pub claims: Vec<Seq>,
    /// Conflicts and review entries that it settled.
    pub conflicts: Vec<ConflictId>,
    /// Claims that need no decision any more.
    pub undecided: Vec<(MergeId, Seq)>,
}

/// A conflict or review entry was settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The conflict.
    pub conflict: ConflictId,
    /// What was decided.
    pub settlement: Settlement,
    /// The identity that went to another home, the home it had, and the one it has.
    pub moved: Option<(IdentityNumber, Option<CustomerId>, CustomerId)>,
}

/// What of a policy can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyState {
    /// The preset.
    pub preset: Preset,
    /// What happens on a conflict.
    pub on_conflict: OnConflict,
}

/// Identities seen together for the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// An identity, and the distinguishing one of higher rank it was sent together with.
    pub pairs: Vec<(IdentityNumber, IdentityNumber)>,
    /// Identities that stopped matching.
    pub quarantined: Vec<IdentityNumber>,
}

/// One upsert, put or attachment as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// How its customer was found.
    pub route: Route,
    /// The customer it belongs to, after its merges.
    pub customer: CustomerId,
    /// The home it belongs to, which keeps what it attaches and says.
    pub home: CustomerId,
    /// The identities it carried, in the order of the request.
    pub identities: Vec<ClaimedIdentity>,
    /// The fields it carried, flags and clears included.
    pub fields: Vec<ClaimedField>,
    /// When the sender observed it, if it said so.
    pub observed_at: Option<Micros>,
}

/// How a claim found its customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Route {
    /// By this identity.
    Identity(IdentityNumber),
    /// By the attribute `mobile`.
    Mobile,
    /// By the attribute `email`.
    Email,
    /// By the customer's id.
    Id,
    /// Not at all: it created one.
    Created,
}

/// An identity of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedIdentity {
    /// Its number; `None` if it was no identity at all.
    pub number: Option<IdentityNumber>,
    /// What came of it.
    pub verdict: IdentityVerdict,
    /// Whether its name was taken from this claim. The name itself stands in the identity row.
    pub named: bool,
}

/// A field of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedField {
    /// The field.
    pub key: FieldKey,
    /// What was sent; `None` is a clear.
    pub value: Option<Value>,
    /// For `mobile` and `email`: the flag the value stands with afterwards.
    pub verified: bool,
    /// What came of it.
    pub effect: FieldEffect,
}

/// What came of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldEffect {
    /// Written; the entry whose value it replaced in its home, if there was one.
    Written(Option<Seq>),
    /// Already shown by both the home and the customer: the value keeps its time.
    Repeated,
    /// A blocked value that did not overwrite a good one.
    Screened,
}

/// An entry and the texts it brought along. The texts live outside the journal, so that erasing
/// an identity reaches every claim that points to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub entry: Entry,
    /// Identity types that nobody had used before.
    pub types: Vec<IdentityType>,
    /// Identity rows that did not exist, free and uncounted: the entry says what became of them.
    pub identities: Vec<Identity>,
    /// New display names.
    pub names: Vec<(IdentityNumber, Box<str>)>,
    /// Identities that lose their display names.
    pub unnamed: Vec<IdentityNumber>,
}

impl Change {
    /// An entry of the journal that is told again, to facts that know its texts.
    pub fn replayed(entry: Entry) -> Change {
        let (types, identities) = (Vec::new(), Vec::new());
        Change { entry, types, identities, names: Vec::new(), unnamed: Vec::new() }
    }
}
