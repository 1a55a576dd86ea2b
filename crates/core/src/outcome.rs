//! Outcomes: what came of a command. A refusal is an outcome, never an error.
//!
//! What receipts remember of an outcome is stored ([`crate::receipt`]): a variant is only ever added
//! at the end, and so is a field, with a default.

use crate::attribute::FieldKey;
use crate::command::Decision;
use crate::conflict::{Conflict, ConflictKind, Rule};
use crate::customer::Customer;
use crate::directory::{App, Tenant};
use crate::identity::Identity;
use crate::import::{ImportOutcome, ImportRefusal};
use crate::journal::{Erased, Route};
use crate::merge::{CannotLink, Merge};
use crate::people::{PeopleOutcome, PeopleRefusal};
use crate::policy::{IdentityType, Policy, TypeProblem};
use crate::receipt::Receipt;
use crate::webhook::{WebhookOutcome, WebhookRefusal};
use crate::wechat::{WechatOutcome, WechatRefusal};
use crate::{ConflictId, CustomerId, IdentityNumber, MergeId, Seq};
use serde::{Deserialize, Serialize};

/// What came of one command; the `i`-th outcome answers the `i`-th command.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// An upsert, put or attachment was accepted.
    Resolved(Box<Resolution>),
    /// A customer was deleted.
    Deleted(CustomerId),
    /// The policy was set, or stands like this already.
    Policy(Box<PolicySet>),
    /// An identity matches again.
    Released(Released),
    /// The tenant stands like this now.
    Tenant(Tenant),
    /// The app stands like this now; `created` says whether this command made it.
    App {
        /// The app.
        app: App,
        /// Whether it is new.
        created: bool,
    },
    /// The store can write.
    Written,
    /// The same request was answered before under this key, and nothing was done again. What came
    /// of it then, for the answer to be rendered again.
    Repeated(Box<Receipt>),
    /// What came of a command about webhooks.
    Webhook(WebhookOutcome),
    /// What came of a command about WeChat accounts.
    Wechat(WechatOutcome),
    /// Two customers were merged by hand.
    Merged(Box<MergedByHand>),
    /// A merge was undone.
    Unmerged(Box<Undone>),
    /// Identities were taken out of a customer.
    Extracted(Box<Taken>),
    /// A claim went to one side of an undone merge.
    ClaimDecided(Box<Decided>),
    /// A customer is there again.
    Restored {
        /// The customer.
        customer: Box<Customer>,
        /// The entry; `None` in a dry run.
        seq: Option<Seq>,
    },
    /// Everything about a customer was erased.
    Erased {
        /// What went, without any content.
        erased: Box<Erased>,
        /// The entry; `None` in a dry run.
        seq: Option<Seq>,
    },
    /// A conflict was settled.
    Settled(Box<SettledConflict>),
    /// Two homes are different people, or may be one again.
    Linked {
        /// The two homes.
        link: CannotLink,
        /// Whether they are different people.
        apart: bool,
        /// The entry; `None` if it was so before, and in a dry run.
        seq: Option<Seq>,
    },
    /// What came of a command about imports.
    Import(ImportOutcome),
    /// What came of a command about people who sign in.
    People(Box<PeopleOutcome>),
    /// The domain says no; nothing was stored.
    Refused(Refusal),
}

impl Outcome {
    /// What would have come, had it been kept: what was to be stored has no number.
    pub fn withdrawn(self) -> Outcome {
        let Outcome::Resolved(mut resolution) = self else { return self };
        resolution.seq = None;
        for conflict in resolution.conflicts.iter_mut().filter(|conflict| conflict.new) {
            conflict.id = None;
        }
        Outcome::Resolved(resolution)
    }
}

/// Why the domain says no.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// No such customer, or it was deleted.
    CustomerMissing(CustomerId),
    /// The id redirects; what was asked must name the survivor (wire W22).
    CustomerMerged {
        /// The id that was named.
        customer: CustomerId,
        /// The customer that answers for it.
        survivor: CustomerId,
    },
    /// Nothing in the request can find or make a customer (identity page, step 3 and quarantine).
    NothingUsable {
        /// One per identity sent.
        identities: Vec<IdentityOutcome>,
    },
    /// `onConflict` is `reject` and there are conflicts.
    Conflicts {
        /// The conflicts, whether or not they were known before.
        conflicts: Vec<ConflictView>,
        /// One per identity sent, as they would have come out.
        identities: Vec<IdentityOutcome>,
    },
    /// The customer would have more custom attributes than it may (wire W35).
    CustomAttributesTooMany {
        /// How many it would have.
        found: usize,
        /// How many it may have.
        limit: usize,
    },
    /// An identity cannot be attached (wire W30).
    NotAttached(IdentityOutcome),
    /// The idempotency key came with another request before.
    KeyReused,
    /// No such tenant.
    TenantMissing,
    /// A tenant of this name exists.
    TenantExists(Tenant),
    /// No such app in this tenant.
    AppMissing,
    /// An app of this id exists and belongs to another tenant.
    AppTaken,
    /// The app may do something else than what was to be changed.
    AppChanged,
    /// A command about webhooks cannot be done.
    Webhook(WebhookRefusal),
    /// A command about WeChat accounts cannot be done.
    Wechat(WechatRefusal),
    /// A command about imports cannot be done.
    Import(ImportRefusal),
    /// A command about people who sign in cannot be done.
    People(PeopleRefusal),
    /// No such identity.
    IdentityMissing(IdentityNumber),
    /// The identity is not quarantined.
    NotQuarantined(IdentityNumber),
    /// Identity types cannot be set like this: all that is wrong, each with the place of its type
    /// in the request.
    TypesNotSet(Vec<(usize, TypeProblem)>),
    /// The policy has another version than the one that was to be changed: this one.
    PolicyChanged(u32),
    /// The customer was deleted; it can be restored.
    CustomerDeleted(CustomerId),
    /// The customer was erased.
    CustomerErased(CustomerId),
    /// The customer is live, so that it cannot be restored.
    CustomerLive(CustomerId),
    /// A deleted customer cannot be restored: others own these identities now.
    IdentitiesTaken(Vec<(IdentityNumber, CustomerId)>),
    /// Both ids stand for this customer.
    SameCustomer(CustomerId),
    /// Somebody said that the two are different people.
    CannotLinked(CannotLink),
    /// The customer would hold more identities than it may.
    IdentitiesTooMany {
        /// How many it would hold.
        found: usize,
        /// How many it may hold.
        limit: usize,
    },
    /// The customer does not hold the identity at this place of the request.
    IdentityNotHeld(usize),
    /// Nothing would be left of the customer, or nothing was to be taken out.
    NothingToExtract,
    /// No such merge.
    MergeMissing(MergeId),
    /// The merge has been undone.
    MergeUndone(MergeId),
    /// The claim is not listed as undecided for this merge.
    ClaimDecided {
        /// The merge.
        merge: MergeId,
        /// The claim.
        claim: Seq,
    },
    /// The customer is on neither side of the merge.
    CustomerElsewhere(CustomerId),
    /// No such conflict.
    ConflictMissing(ConflictId),
    /// The conflict was settled before.
    ConflictSettled(ConflictId),
    /// The decision does not fit this conflict.
    DecisionUnfit {
        /// The decision.
        decision: Decision,
        /// Why not.
        because: Unfit,
    },
    /// There is no such cannot-link.
    CannotLinkMissing(CannotLink),
}

/// A policy that was set.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySet {
    /// The tenant afterwards.
    pub tenant: Tenant,
    /// The policy before.
    pub before: Policy,
    /// The policy afterwards; equal to the one before if that said all of it.
    pub after: Policy,
    /// The types that the request names, as they stand afterwards.
    pub types: Vec<IdentityType>,
    /// The journal entry of this request; `None` if it left none.
    pub seq: Option<Seq>,
}

/// An identity that matches again.
#[derive(Clone, Debug, PartialEq)]
pub struct Released {
    /// The identity afterwards.
    pub identity: Identity,
    /// The name of its type.
    pub kind: Box<str>,
    /// Who owns it.
    pub owner: Option<CustomerId>,
    /// The journal entry of this request; `None` in a dry run.
    pub seq: Option<Seq>,
}

/// Why a decision does not fit a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It names one customer only: nobody owned the identity.
    OneSided,
    /// Its customers are one customer today.
    OneCustomer,
    /// The first customer owns the identity already.
    OwnedAlready,
    /// The identity was erased with whoever owned it since.
    IdentityErased,
}

/// What came of a merge by hand.
#[derive(Clone, Debug, PartialEq)]
pub struct MergedByHand {
    /// The merge.
    pub merge: Merge,
    /// The customer afterwards.
    pub customer: Customer,
    /// The two customers before.
    pub before: (Customer, Customer),
    /// What the caller should know.
    pub warnings: Vec<Warning>,
    /// Conflicts between the two that it settled.
    pub settled: Vec<ConflictId>,
    /// The entry; `None` in a dry run.
    pub seq: Option<Seq>,
}

/// What came of undoing a merge.
#[derive(Clone, Debug, PartialEq)]
pub struct Undone {
    /// The merge.
    pub merge: MergeId,
    /// The customer that keeps the id, and the one that is there again, afterwards.
    pub customers: (Customer, Customer),
    /// Claims since the merge that carried identities of both sides, or of none. They stay where
    /// they are until somebody decides.
    pub undecided: Vec<Seq>,
    /// The entry; `None` in a dry run.
    pub seq: Option<Seq>,
}

/// What came of taking identities out of a customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// The customer that held them, afterwards.
    pub from: Customer,
    /// The new customer.
    pub to: Customer,
    /// The identities.
    pub identities: Vec<IdentityNumber>,
    /// The claims that went with them.
    pub claims: Vec<Seq>,
    /// Review entries about merges that only these identities had bridged.
    pub reviews: Vec<ConflictId>,
    /// The entry; `None` in a dry run.
    pub seq: Option<Seq>,
}

/// What came of deciding a claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The claim.
    pub claim: Seq,
    /// The home it belongs to.
    pub home: CustomerId,
    /// The customer it was taken from, and the one it belongs to, afterwards; one and the same if
    /// it stays.
    pub customers: (Customer, Customer),
    /// The entry; `None` in a dry run.
    pub seq: Option<Seq>,
}

/// What came of settling a conflict.
#[derive(Clone, Debug, PartialEq)]
pub struct SettledConflict {
    /// The conflict afterwards.
    pub conflict: Conflict,
    /// The customers of its two sides afterwards.
    pub customers: (CustomerId, Option<CustomerId>),
    /// The entry; `None` in a dry run.
    pub seq: Option<Seq>,
}

/// What came of an upsert, put or attachment.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolution {
    /// In one word.
    pub result: ResultKind,
    /// The customer afterwards.
    pub customer: Customer,
    /// The customer before, for a put.
    pub before: Option<Customer>,
    /// How the customer was found.
    pub route: Route,
    /// One per identity sent, in the order of the request (promise 7).
    pub identities: Vec<IdentityOutcome>,
    /// Ids that redirect from now on.
    pub merged: Vec<CustomerId>,
    /// Conflicts and review entries that this request ran into, known ones included.
    pub conflicts: Vec<ConflictView>,
    /// What the sender should know.
    pub warnings: Vec<Warning>,
    /// The journal entry of this request; `None` if it left none, being a plain repeat or dry.
    pub seq: Option<Seq>,
}

/// What came of a request, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResultKind {
    /// A customer was created.
    Created,
    /// The customer has a new version.
    Updated,
    /// Nothing visible changed.
    Unchanged,
    /// Customers were merged.
    Merged,
}

impl ResultKind {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            ResultKind::Created => "created",
            ResultKind::Updated => "updated",
            ResultKind::Unchanged => "unchanged",
            ResultKind::Merged => "merged",
        }
    }
}

/// What came of one identity (identity page, end of "One upsert").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IdentityVerdict {
    /// Owned by the customer already.
    Matched,
    /// Its owner was merged in.
    Moved,
    /// It came into being with the customer.
    Created,
    /// It was free and is the customer's now.
    Attached,
    /// It stays with another customer.
    KeptElsewhere,
    /// A value that never matches.
    Blocked,
    /// It has been seen with too many people to match.
    Quarantined,
    /// More than the policy allows; not attached.
    OverLimit,
    /// Not an identity: empty, too long, or of one type too many.
    Invalid,
}

impl IdentityVerdict {
    /// Whether the customer owns it afterwards.
    pub const fn is_the_customers(self) -> bool {
        match self {
            IdentityVerdict::Matched
            | IdentityVerdict::Moved
            | IdentityVerdict::Created
            | IdentityVerdict::Attached => true,
            IdentityVerdict::KeptElsewhere
            | IdentityVerdict::Blocked
            | IdentityVerdict::Quarantined
            | IdentityVerdict::OverLimit
            | IdentityVerdict::Invalid => false,
        }
    }

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            IdentityVerdict::Matched => "matched",
            IdentityVerdict::Moved => "moved",
            IdentityVerdict::Created => "created",
            IdentityVerdict::Attached => "attached",
            IdentityVerdict::KeptElsewhere => "keptElsewhere",
            IdentityVerdict::Blocked => "blocked",
            IdentityVerdict::Quarantined => "quarantined",
            IdentityVerdict::OverLimit => "overLimit",
            IdentityVerdict::Invalid => "invalid",
        }
    }
}

/// What came of one identity of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityOutcome {
    /// Its number; `None` if it is no identity. In a dry run a new one has none that lasts.
    pub number: Option<IdentityNumber>,
    /// The type as it was first seen in the tenant; as sent if it is no type.
    pub kind: Box<str>,
    /// The text as it was first sent for this identity.
    pub value: Box<str>,
    /// The display name that stands.
    pub name: Option<Box<str>>,
    /// What came of it.
    pub verdict: IdentityVerdict,
    /// Who owns it afterwards.
    pub owner: Option<CustomerId>,
}

/// A conflict or review entry as a request sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictView {
    /// Its id; `None` if it was not stored (`reject`, dry run).
    pub id: Option<ConflictId>,
    /// Refused or to be reviewed.
    pub kind: ConflictKind,
    /// The rule that spoke.
    pub rule: Rule,
    /// The place in the request of the identity it is about.
    pub identity: usize,
    /// The other customer, as it answers today.
    pub with: Option<CustomerId>,
    /// Whether this request opened it.
    pub new: bool,
}

impl ConflictView {
    /// A stored conflict as the request sees it.
    pub fn of(conflict: &Conflict, identity: usize, with: Option<CustomerId>, new: bool) -> Self {
        let (id, kind, rule) = (Some(conflict.id), conflict.kind, conflict.rule);
        ConflictView { id, kind, rule, identity, with, new }
    }
}

/// Something the sender should know; nothing is dropped silently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Warning {
    /// The identity at this place is a value that never matches.
    IdentityBlocked(usize),
    /// The identity at this place does not match any more.
    IdentityQuarantined(usize),
    /// The identity at this place was attached although the type's limit is passed, or is a second
    /// value of a type of which a customer has one.
    IdentityOverLimit(usize),
    /// The identity at this place is no identity.
    IdentityInvalid(usize),
    /// The merged customer holds more identities of this type than the policy allows.
    MergedOverLimit(Box<str>),
    /// This field holds a value that never matches; it is kept only where no good one stands.
    FieldBlocked(FieldKey),
    /// A verified flag came without a number or address, and the customer has none.
    FlagWithoutValue(FieldKey),
    /// The request was answered by the owner of a quarantined identity; its fields and names were
    /// not written.
    NothingWritten,
}

impl Warning {
    /// The stable code on the wire.
    pub const fn code(&self) -> &'static str {
        match self {
            Warning::IdentityBlocked(_) => "identityBlocked",
            Warning::IdentityQuarantined(_) => "identityQuarantined",
            Warning::IdentityOverLimit(_) | Warning::MergedOverLimit(_) => "overLimit",
            Warning::IdentityInvalid(_) => "identityInvalid",
            Warning::FieldBlocked(_) => "fieldBlocked",
            Warning::FlagWithoutValue(_) => "flagWithoutValue",
            Warning::NothingWritten => "nothingWritten",
        }
    }
}
