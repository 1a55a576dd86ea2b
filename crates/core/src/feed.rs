//! The feed: what a journal entry tells those who follow along.
//!
//! One entry may yield several events, or none if nothing visible changed. Who applies the events
//! in order knows which customers live and which identities each of them owns; [`Event`] says per
//! event what that means. An event names identities by number only: their texts are read from the
//! identity rows when the event is read, so that an erasure reaches the feed.
//!
//! How many events an entry yields depends on what it did and never on what it said, so that a
//! place in the feed stays the same place when content is erased.

use crate::conflict::Conflict;
use crate::journal::{Claim, ClaimedField, Entry, FieldEffect, PolicyState, Record, Role, Touched};
use crate::outcome::IdentityVerdict;
use crate::policy::TypeSettings;
use crate::{CustomerId, IdentityNumber, MergeId, TypeNumber};
use std::collections::BTreeSet;

/// How far somebody has followed the feed: everything up to here has been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// The position of an entry.
    pub position: i64,
    /// The last event of it that was seen.
    pub index: u32,
}

impl Cursor {
    /// Before everything.
    pub const START: Cursor = Cursor::after(0);

    /// After all events of the entry at this position.
    pub const fn after(position: i64) -> Cursor {
        Cursor { position, index: u32::MAX }
    }

    /// The position after which entries may hold events that have not been seen.
    pub fn settled(self) -> i64 {
        if self.index == u32::MAX { self.position } else { self.position - 1 }
    }
}

/// One event. It names customers by the ids that answer after the entry, unless it says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'e> {
    /// A customer came into being; what it owns is told by events of its own.
    Created {
        /// The customer.
        customer: CustomerId,
        /// Its version.
        rev: u64,
        /// The fields it began with.
        fields: Vec<&'e ClaimedField>,
    },
    /// A claim gave a customer a new version.
    Updated {
        /// The customer.
        customer: CustomerId,
        /// Its version.
        rev: u64,
        /// The fields that were written, with the values that are shown now.
        fields: Vec<&'e ClaimedField>,
        /// Its identities that got a new display name.
        named: Vec<IdentityNumber>,
    },
    /// A customer is no more: another one answers for it and owns what it owned.
    Merged {
        /// The customer that answers.
        customer: CustomerId,
        /// Its version.
        rev: u64,
        /// The customer that is no more.
        merged: CustomerId,
        /// The merge.
        merge: MergeId,
    },
    /// A customer owns an identity that was free.
    IdentityAttached {
        /// The customer.
        customer: CustomerId,
        /// The identity.
        identity: IdentityNumber,
    },
    /// Nobody owns an identity any more.
    IdentityReleased {
        /// The customer that owned it.
        customer: CustomerId,
        /// The identity.
        identity: IdentityNumber,
    },
    /// An identity stopped matching; who owns it stays the owner.
    Quarantined {
        /// The identity.
        identity: IdentityNumber,
    },
    /// A quarantined identity matches again.
    Released {
        /// The identity.
        identity: IdentityNumber,
    },
    /// A conflict or review entry was opened.
    ConflictOpened {
        /// The customer that the request answered.
        customer: CustomerId,
        /// The conflict.
        conflict: &'e Conflict,
    },
    /// A customer is no more, and owns nothing.
    Deleted {
        /// The customer.
        customer: CustomerId,
    },
    /// The tenant's policy changed.
    PolicyChanged {
        /// The policy before.
        before: PolicyState,
        /// The policy after.
        after: PolicyState,
    },
    /// What the tenant has set for an identity type changed: of the kind [`Kind::PolicyChanged`].
    TypeChanged {
        /// The type.
        kind: TypeNumber,
        /// What was set before.
        before: &'e TypeSettings,
        /// What is set afterwards.
        after: &'e TypeSettings,
    },
}

/// What kind of event, for choosing some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`Event::Created`]
    Created,
    /// [`Event::Updated`]
    Updated,
    /// [`Event::Merged`]
    Merged,
    /// [`Event::IdentityAttached`]
    IdentityAttached,
    /// [`Event::IdentityReleased`]
    IdentityReleased,
    /// [`Event::Quarantined`]
    Quarantined,
    /// [`Event::Released`]
    Released,
    /// [`Event::ConflictOpened`]
    ConflictOpened,
    /// [`Event::Deleted`]
    Deleted,
    /// [`Event::PolicyChanged`] and [`Event::TypeChanged`]
    PolicyChanged,
}

impl Kind {
    /// Every kind.
    pub const ALL: &[Kind] = &[
        Kind::Created,
        Kind::Updated,
        Kind::Merged,
        Kind::IdentityAttached,
        Kind::IdentityReleased,
        Kind::Quarantined,
        Kind::Released,
        Kind::ConflictOpened,
        Kind::Deleted,
        Kind::PolicyChanged,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Created => "created",
            Kind::Updated => "updated",
            Kind::Merged => "merged",
            Kind::IdentityAttached => "identityAttached",
            Kind::IdentityReleased => "identityReleased",
            Kind::Quarantined => "quarantined",
            Kind::Released => "released",
            Kind::ConflictOpened => "conflictOpened",
            Kind::Deleted => "deleted",
            Kind::PolicyChanged => "policyChanged",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl Event<'_> {
    /// What kind of event it is.
    pub fn kind(&self) -> Kind {
        match self {
            Event::Created { .. } => Kind::Created,
            Event::Updated { .. } => Kind::Updated,
            Event::Merged { .. } => Kind::Merged,
            Event::IdentityAttached { .. } => Kind::IdentityAttached,
            Event::IdentityReleased { .. } => Kind::IdentityReleased,
            Event::Quarantined { .. } => Kind::Quarantined,
            Event::Released { .. } => Kind::Released,
            Event::ConflictOpened { .. } => Kind::ConflictOpened,
            Event::Deleted { .. } => Kind::Deleted,
            Event::PolicyChanged { .. } | Event::TypeChanged { .. } => Kind::PolicyChanged,
        }
    }

    /// The customer it is about, if it is about one.
    pub fn customer(&self) -> Option<CustomerId> {
        match self {
            Event::Created { customer, .. }
            | Event::Updated { customer, .. }
            | Event::Merged { customer, .. }
            | Event::IdentityAttached { customer, .. }
            | Event::IdentityReleased { customer, .. }
            | Event::ConflictOpened { customer, .. }
            | Event::Deleted { customer } => Some(*customer),
            Event::Quarantined { .. }
            | Event::Released { .. }
            | Event::PolicyChanged { .. }
            | Event::TypeChanged { .. } => None,
        }
    }

    /// The identities that it names.
    pub fn identities(&self) -> Vec<IdentityNumber> {
        match self {
            Event::IdentityAttached { identity, .. }
            | Event::IdentityReleased { identity, .. }
            | Event::Quarantined { identity }
            | Event::Released { identity } => vec![*identity],
            Event::Updated { named, .. } => named.clone(),
            Event::ConflictOpened { conflict, .. } => vec![conflict.identity],
            Event::Created { .. }
            | Event::Merged { .. }
            | Event::Deleted { .. }
            | Event::PolicyChanged { .. }
            | Event::TypeChanged { .. } => Vec::new(),
        }
    }
}

/// The events of an entry, in order: the first one has the index 0.
pub fn events(entry: &Entry) -> Vec<Event<'_>> {
    let mut telling = Telling { entry, events: Vec::new() };
    let mut merged_away = entry.touched.iter().filter(|it| it.role == Role::MergedAway);
    for record in &entry.records {
        match record {
            Record::Counted(counted) => {
                let quarantined = counted.quarantined.iter();
                let events = quarantined.map(|it| Event::Quarantined { identity: *it });
                telling.events.extend(events);
            }
            Record::Merged(merge) => telling.merged(merge.id, merged_away.next()),
            Record::Claim(claim) => telling.claim(claim),
            Record::Opened(conflict) => {
                let customer = telling.answering().unwrap_or(conflict.left);
                telling.events.push(Event::ConflictOpened { customer, conflict });
            }
            Record::Deleted { customer, identities } => {
                let customer = *customer;
                let released = identities
                    .iter()
                    .map(|(identity, _)| Event::IdentityReleased { customer, identity: *identity });
                telling.events.extend(released);
                telling.events.push(Event::Deleted { customer });
            }
            Record::PolicyChanged { before, after } => {
                let (before, after) = (*before, *after);
                telling.events.push(Event::PolicyChanged { before, after });
            }
            Record::TypeChanged { kind, before, after } => {
                telling.events.push(Event::TypeChanged { kind: *kind, before, after });
            }
            Record::Released(identity) => {
                telling.events.push(Event::Released { identity: *identity });
            }
        }
    }
    telling.events
}

/// The customers that an entry is about: its events have to come after those of every earlier entry
/// that is about one of them.
pub fn customers(entry: &Entry) -> BTreeSet<CustomerId> {
    let touched = entry.touched.iter().map(|touched| touched.customer);
    touched.chain(events(entry).iter().filter_map(Event::customer)).collect()
}

/// The identities that the events of these entries name.
pub fn identities(entries: &[Entry]) -> BTreeSet<IdentityNumber> {
    entries.iter().flat_map(events).flat_map(|event| event.identities()).collect()
}

/// The identity types that the events of these entries name beside those of identities.
pub fn types(entries: &[Entry]) -> BTreeSet<TypeNumber> {
    let mut types = BTreeSet::new();
    for record in entries.iter().flat_map(|entry| &entry.records) {
        if let Record::TypeChanged { kind, .. } = record {
            types.insert(*kind);
        }
    }
    types
}

struct Telling<'e> {
    entry: &'e Entry,
    events: Vec<Event<'e>>,
}

impl<'e> Telling<'e> {
    fn touched(&self, customer: CustomerId) -> Option<&'e Touched> {
        self.entry.touched.iter().find(|touched| touched.customer == customer)
    }

    fn rev(&self, customer: CustomerId) -> u64 {
        self.touched(customer).map_or(0, |touched| touched.rev_after)
    }

    /// The customer that the entry answers.
    fn answering(&self) -> Option<CustomerId> {
        let mut touched = self.entry.touched.iter();
        let answers = |role| matches!(role, Role::Created | Role::Primary);
        touched.find(|touched| answers(touched.role)).map(|touched| touched.customer)
    }

    /// The merges of an entry come in the order of the customers that they merged away.
    fn merged(&mut self, merge: MergeId, away: Option<&Touched>) {
        let (Some(customer), Some(away)) = (self.answering(), away) else { return };
        let (rev, merged) = (self.rev(customer), away.customer);
        self.events.push(Event::Merged { customer, rev, merged, merge });
    }

    fn claim(&mut self, claim: &'e Claim) {
        let customer = claim.customer;
        let Some(touched) = self.touched(customer) else { return };
        if touched.rev_before == touched.rev_after {
            return;
        }
        let is_new = touched.role == Role::Created;
        let (rev, fields) = (touched.rev_after, written(claim));
        if is_new {
            self.events.push(Event::Created { customer, rev, fields });
            self.attached(claim);
        } else {
            self.attached(claim);
            let named = claim.identities.iter().filter(|claimed| claimed.named);
            let named = named.filter_map(|claimed| claimed.number).collect();
            self.events.push(Event::Updated { customer, rev, fields, named });
        }
    }

    /// The identities that came to the customer with a claim, each once.
    fn attached(&mut self, claim: &Claim) {
        let mut told = BTreeSet::new();
        for claimed in &claim.identities {
            let attached =
                matches!(claimed.verdict, IdentityVerdict::Created | IdentityVerdict::Attached);
            let Some(identity) = claimed.number.filter(|_| attached) else { continue };
            if told.insert(identity) {
                let customer = claim.customer;
                self.events.push(Event::IdentityAttached { customer, identity });
            }
        }
    }
}

/// The fields of a claim that were written: those that repeat what was shown, or did not come to
/// be shown, are no news.
fn written(claim: &Claim) -> Vec<&ClaimedField> {
    let fields = claim.fields.iter();
    fields.filter(|field| matches!(field.effect, FieldEffect::Written(_))).collect()
}
