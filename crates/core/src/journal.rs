//! The journal: what happened, as effects. Recording its entries in order into empty facts gives
//! the state again; nothing is decided twice (promise 6).
//!
//! The types here are the stored format: engines write them field by field in this order. A field
//! is only ever added at the end, with a default; a variant only at the end.

use crate::attribute::{FieldKey, Value};
use crate::conflict::Conflict;
use crate::identity::Identity;
use crate::merge::Merge;
use crate::outcome::IdentityVerdict;
use crate::policy::{IdentityType, OnConflict, Preset, TypeSettings};
use crate::{AppNumber, CustomerId, IdentityNumber, Micros, Seq, TypeNumber};
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
}
