//! Commands: everything that can be asked to be written.

use crate::attribute::{Attribute, FieldKey, Value};
use crate::directory::{AppChange, NewTenant};
use crate::import::ImportChange;
use crate::limits::CUSTOM_ATTRIBUTES_MAX;
use crate::people::PeopleChange;
use crate::policy::{OnConflict, Preset, TypeChange};
use crate::webhook::{Delivery, WebhookChange};
use crate::wechat::WechatChange;
use crate::{AppNumber, ConflictId, CustomerId, IdentityNumber, MergeId, Micros, Seq, TenantId};
use std::collections::BTreeMap;

/// What somebody saw who changes something, so that nothing is overwritten that somebody else changed
/// meanwhile. What becomes of it is decided with the change itself: a request that comes again under its
/// idempotency key gets the answer that it got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InsteadOf<T> {
    /// Nobody says: it is changed whatever stands there.
    #[default]
    Whatever,
    /// This. It is changed if it stands there still.
    This(T),
    /// Something that stood there before. Nothing is changed.
    Earlier,
}

impl<T: PartialEq> InsteadOf<T> {
    /// Whether it may be changed where this stands.
    pub fn allows(&self, stands: &T) -> bool {
        match self {
            InsteadOf::Whatever => true,
            InsteadOf::This(seen) => seen == stands,
            InsteadOf::Earlier => false,
        }
    }
}

/// One request to write.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Whose data it is about.
    pub tenant: TenantId,
    /// Who asks, and when.
    pub origin: Origin,
    /// Whether to only say what would happen.
    pub dry_run: bool,
    /// What tells this request from another one, if its sender may send it again.
    pub idempotency: Option<Idempotency>,
    /// What to do.
    pub command: Command,
}

/// An idempotency key and the request it came with, as hashes under a key of the store: the texts
/// themselves may hold personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Of the key.
    pub key: [u8; 16],
    /// Of everything that makes two requests the same one.
    pub request: [u8; 16],
}

/// Who asks, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The app.
    pub app: AppNumber,
    /// The person behind the app, where known.
    pub actor: Option<Box<str>>,
    /// The id of the request, for finding it in logs.
    pub request: Box<str>,
    /// Now.
    pub at: Micros,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Decide who this is, and write it down.
    Upsert(Upsert),
    /// Change the fields of one customer.
    Put(Put),
    /// Attach one identity to one customer.
    Attach(Attach),
    /// Delete one customer.
    Delete(CustomerId),
    /// Change the tenant's policy.
    SetPolicy(SetPolicy),
    /// Let a quarantined identity match again.
    Release(IdentityNumber),
    /// Create a tenant. The request's own tenant is not looked at.
    CreateTenant(NewTenant),
    /// Create or change an app.
    ChangeApp(AppChange),
    /// Change nothing, durably: proves that the store can write.
    Probe,
    /// Create or change a webhook.
    Webhook(WebhookChange),
    /// Write down what was delivered to webhooks.
    Deliver(Delivery),
    /// Bind or change a WeChat account, or work on the import of its fans.
    Wechat(WechatChange),
    /// Begin, follow or end an import.
    Import(ImportChange),
    /// Change users or their sessions, or write down what somebody did.
    People(PeopleChange),
    /// Say that two customers are one person.
    Merge(MergeByHand),
    /// Undo a merge.
    Unmerge(MergeId),
    /// Take identities, and the claims that carried only them, out of a customer.
    Extract(Extract),
    /// Say which side of an undone merge a claim belongs to.
    DecideClaim(DecideClaim),
    /// Bring a deleted customer back.
    Restore(CustomerId),
    /// Erase everything about a customer.
    Erase(CustomerId),
    /// Settle a conflict or review entry.
    SettleConflict(SettleConflict),
    /// Say that two customers are different people, or that they may be one after all.
    SetCannotLink(SetCannotLink),
}

impl Command {
    /// Whether it looks at what is only known once the commands before it are done, such as a merge
    /// or a history. An engine loads its facts after those.
    pub fn stands_alone(&self) -> bool {
        match self {
            Command::Merge(_)
            | Command::Unmerge(_)
            | Command::Extract(_)
            | Command::DecideClaim(_)
            | Command::Restore(_)
            | Command::Erase(_)
            | Command::SettleConflict(_)
            | Command::SetCannotLink(_) => true,
            Command::Upsert(_)
            | Command::Put(_)
            | Command::Attach(_)
            | Command::Delete(_)
            | Command::SetPolicy(_)
            | Command::CreateTenant(_)
            | Command::ChangeApp(_)
            | Command::Release(_)
            | Command::Webhook(_)
            | Command::Deliver(_)
            | Command::Wechat(_)
            | Command::Import(_)
            | Command::People(_)
            | Command::Probe => false,
        }
    }
}

/// Fields as they were sent.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldsSent {
    /// Values by field; `None` clears. Only fields that senders write
    /// ([`crate::attribute::Access::Written`]) and custom ones.
    pub values: BTreeMap<FieldKey, Option<Value>>,
    /// Whether the custom attributes that are not among the values are cleared.
    pub clears_custom: bool,
    /// The flag of `mobile`, if sent.
    pub mobile_verified: Option<bool>,
    /// The flag of `email`, if sent.
    pub email_verified: Option<bool>,
    /// How many custom attributes the customer may have afterwards (wire W35). A merge may bring
    /// it above; then nothing new is added to them.
    pub custom_max: usize,
}

impl Default for FieldsSent {
    fn default() -> FieldsSent {
        FieldsSent {
            values: BTreeMap::new(),
            clears_custom: false,
            mobile_verified: None,
            email_verified: None,
            custom_max: CUSTOM_ATTRIBUTES_MAX,
        }
    }
}

impl FieldsSent {
    /// Whether nothing was sent.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
            && !self.clears_custom
            && self.mobile_verified.is_none()
            && self.email_verified.is_none()
    }
}

/// An identity as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentitySent {
    /// The type, as sent.
    pub kind: String,
    /// The value, as sent.
    pub value: String,
    /// The display name, if any.
    pub name: Option<String>,
    /// The account the value belongs to, if known.
    pub scope: Option<String>,
}

/// Decide who this is, and write it down (identity page, "One upsert").
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Upsert {
    /// The identities, in the order of the request.
    pub identities: Vec<IdentitySent>,
    /// The fields.
    pub fields: FieldsSent,
    /// What to do on a conflict, instead of the tenant's setting.
    pub on_conflict: Option<OnConflict>,
    /// When the sender observed it; the arrival if absent.
    pub observed_at: Option<Micros>,
    /// What may find the customer beside the identities.
    pub matching: Matching,
    /// An identity by which the sender alone knows the customer, such as a row of a file. Who owns it is
    /// found by it, as by any identity. If nobody does it is left out where something else finds a
    /// customer, and goes to the customer that is created otherwise. With the id of a customer it is left out.
    pub record: Option<IdentitySent>,
}

/// What may find the customer of an upsert beside its identities, in this order: the id before
/// them, the attributes after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matching {
    /// The id of the customer, if the sender knows it; a redirecting one means its survivor. The
    /// request is about this customer then, and other owners of its identities pass the guards. If
    /// there is no such customer, the request is refused.
    pub customer: Option<CustomerId>,
    /// Whether the attribute `mobile` may find it.
    pub mobile: bool,
    /// Whether the attribute `email` may find it.
    pub email: bool,
}

impl Default for Matching {
    /// By both attributes, and by no id.
    fn default() -> Matching {
        Matching { customer: None, mobile: true, email: true }
    }
}

impl Matching {
    /// Whether this attribute may find the customer.
    pub fn allows(self, attribute: Attribute) -> bool {
        self.mobile && attribute == Attribute::Mobile || self.email && attribute == Attribute::Email
    }
}

/// Change the fields of one customer; a redirecting id means its survivor (wire W22).
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    /// The customer.
    pub customer: CustomerId,
    /// The fields.
    pub fields: FieldsSent,
}

/// Attach one identity to one customer; a redirecting id means its survivor (wire W22, W30).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attach {
    /// The customer.
    pub customer: CustomerId,
    /// The identity.
    pub identity: IdentitySent,
}

/// Change the tenant's policy, all of it or nothing; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetPolicy {
    /// The preset.
    pub preset: Option<Preset>,
    /// What happens on a conflict.
    pub on_conflict: Option<OnConflict>,
    /// Identity types by name, and what is to be set for them. One that nobody has used yet comes
    /// into being with its first setting.
    pub types: Vec<(String, TypeChange)>,
    /// The version that the policy has to have; any if `None`. Who has looked at what a change would be
    /// changes that, and not what somebody else has made of it meanwhile.
    pub if_version: Option<u32>,
}

/// Say that two customers are one person. It goes against every guard but a cannot-link, which has
/// to be removed first, and the number of identities that a customer may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeByHand {
    /// The one customer; a redirecting id means its survivor.
    pub one: CustomerId,
    /// The other.
    pub other: CustomerId,
}

/// Take identities out of a customer (identity page, "Merge and undo").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extract {
    /// The customer; a redirecting id means its survivor.
    pub customer: CustomerId,
    /// What to take out.
    pub identities: Vec<IdentitySent>,
}

/// Say which side of an undone merge a claim belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecideClaim {
    /// The undone merge.
    pub merge: MergeId,
    /// The claim, by its entry.
    pub claim: Seq,
    /// The customer on the side it belongs to; a redirecting id means its survivor.
    pub customer: CustomerId,
}

/// Settle a conflict or review entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettleConflict {
    /// The conflict.
    pub conflict: ConflictId,
    /// What was decided.
    pub decision: Decision,
}

/// What somebody decides about a conflict or review entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The two customers are one person.
    Merge,
    /// They are different people.
    KeepApart,
    /// The identity belongs to the customer that the request answered.
    MoveIdentity,
    /// It is fine as it is.
    Accept,
}

impl Decision {
    /// Every decision.
    pub const ALL: &[Decision] =
        &[Decision::Merge, Decision::KeepApart, Decision::MoveIdentity, Decision::Accept];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Decision::Merge => "merge",
            Decision::KeepApart => "keepApart",
            Decision::MoveIdentity => "moveIdentity",
            Decision::Accept => "accept",
        }
    }

    /// The decision of this name.
    pub fn named(name: &str) -> Option<Decision> {
        Decision::ALL.iter().copied().find(|decision| decision.name() == name)
    }
}

/// Set or remove a cannot-link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetCannotLink {
    /// The one home.
    pub one: CustomerId,
    /// The other home.
    pub other: CustomerId,
    /// Whether they are different people.
    pub apart: bool,
}
