//! The feed: what a journal entry tells those who follow along.
//!
//! One entry may yield several events, or none if nothing visible changed. Who applies the events
//! in order knows which customers live and which identities each of them owns; [`Event`] says per
//! event what that means. An event names identities by number only: their texts are read from the
//! identity rows when the event is read, so that an erasure reaches the feed.
//!
//! How many events an entry yields depends on what it did and never on what it said, so that a
//! place in the feed stays the same place when content is erased.

use crate::conflict::{Conflict, Settlement};
use crate::journal::{
    Claim, ClaimDecided, ClaimedField, Entry, Extracted, FieldEffect, PolicyState, Record, Role,
    Settled, Touched, Unmerged,
};
use crate::merge::CannotLink;
use crate::outcome::IdentityVerdict;
use crate::policy::TypeSettings;
use crate::{ConflictId, CustomerId, IdentityNumber, MergeId, TypeNumber};
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

    /// The place just before an event.
    pub const fn before(self) -> Cursor {
        match self.index.checked_sub(1) {
            Some(index) => Cursor { position: self.position, index },
            None => Cursor::after(self.position - 1),
        }
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
    /// A merge was undone: a customer that had been merged away is there again. What it owns is
    /// told by events of its own.
    Unmerged {
        /// The customer that answered for both.
        customer: CustomerId,
        /// Its version.
        rev: u64,
        /// The customer that is there again.
        revived: CustomerId,
        /// The version of that one.
        revived_rev: u64,
        /// The merge.
        merge: MergeId,
    },
    /// Somebody took identities out of a customer; the new customer and what it owns are told by
    /// events of their own.
    Extracted {
        /// The customer that held them.
        customer: CustomerId,
        /// Its version.
        rev: u64,
        /// The new customer.
        extracted: CustomerId,
    },
    /// Another customer owns an identity.
    IdentityMoved {
        /// The customer that owns it.
        customer: CustomerId,
        /// The customer that owned it.
        from: CustomerId,
        /// The identity.
        identity: IdentityNumber,
    },
    /// A deleted customer is there again. What it owns is told by events of its own.
    Restored {
        /// The customer.
        customer: CustomerId,
        /// Its version.
        rev: u64,
    },
    /// Everything about a customer was erased: it is no more, and owns nothing.
    Erased {
        /// The customer.
        customer: CustomerId,
        /// Ids that stood for it, itself included.
        ids: Vec<CustomerId>,
    },
    /// A conflict or review entry was settled.
    ConflictResolved {
        /// The conflict.
        conflict: ConflictId,
        /// What was decided.
        settlement: Settlement,
    },
    /// Two homes are different people.
    CannotLinkSet {
        /// The homes.
        link: CannotLink,
    },
    /// Two homes may be one person after all.
    CannotLinkRemoved {
        /// The homes.
        link: CannotLink,
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
    /// [`Event::Unmerged`]
    Unmerged,
    /// [`Event::Extracted`]
    Extracted,
    /// [`Event::IdentityMoved`]
    IdentityMoved,
    /// [`Event::Restored`]
    Restored,
    /// [`Event::Erased`]
    Erased,
    /// [`Event::ConflictResolved`]
    ConflictResolved,
    /// [`Event::CannotLinkSet`]
    CannotLinkSet,
    /// [`Event::CannotLinkRemoved`]
    CannotLinkRemoved,
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
        Kind::Unmerged,
        Kind::Extracted,
        Kind::IdentityMoved,
        Kind::Restored,
        Kind::Erased,
        Kind::ConflictResolved,
        Kind::CannotLinkSet,
        Kind::CannotLinkRemoved,
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
            Kind::Unmerged => "unmerged",
            Kind::Extracted => "extracted",
            Kind::IdentityMoved => "identityMoved",
            Kind::Restored => "restored",
            Kind::Erased => "erased",
            Kind::ConflictResolved => "conflictResolved",
            Kind::CannotLinkSet => "cannotLinkSet",
            Kind::CannotLinkRemoved => "cannotLinkRemoved",
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
            Event::Unmerged { .. } => Kind::Unmerged,
            Event::Extracted { .. } => Kind::Extracted,
            Event::IdentityMoved { .. } => Kind::IdentityMoved,
            Event::Restored { .. } => Kind::Restored,
            Event::Erased { .. } => Kind::Erased,
            Event::ConflictResolved { .. } => Kind::ConflictResolved,
            Event::CannotLinkSet { .. } => Kind::CannotLinkSet,
            Event::CannotLinkRemoved { .. } => Kind::CannotLinkRemoved,
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
            | Event::Deleted { customer }
            | Event::Unmerged { customer, .. }
            | Event::Extracted { customer, .. }
            | Event::IdentityMoved { customer, .. }
            | Event::Restored { customer, .. }
            | Event::Erased { customer, .. } => Some(*customer),
            Event::Quarantined { .. }
            | Event::ConflictResolved { .. }
            | Event::CannotLinkSet { .. }
            | Event::CannotLinkRemoved { .. }
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
            | Event::IdentityMoved { identity, .. }
            | Event::Quarantined { identity }
            | Event::Released { identity } => vec![*identity],
            Event::Updated { named, .. } => named.clone(),
            Event::ConflictOpened { conflict, .. } => vec![conflict.identity],
            Event::Created { .. }
            | Event::Merged { .. }
            | Event::Deleted { .. }
            | Event::Unmerged { .. }
            | Event::Extracted { .. }
            | Event::Restored { .. }
            | Event::Erased { .. }
            | Event::ConflictResolved { .. }
            | Event::CannotLinkSet { .. }
            | Event::CannotLinkRemoved { .. }
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
            Record::Unmerged(unmerged) => telling.unmerged(unmerged),
            Record::Extracted(extracted) => telling.extracted(extracted),
            Record::ClaimDecided(decided) => telling.claim_decided(decided),
            Record::Restored { customer, identities } => {
                let customer = *customer;
                telling.events.push(Event::Restored { customer, rev: telling.rev(customer) });
                let attached = identities
                    .iter()
                    .map(|(identity, _)| Event::IdentityAttached { customer, identity: *identity });
                telling.events.extend(attached);
            }
            Record::Erased(erased) => {
                let ids = erased.customers.clone();
                let customer = ids.first().copied();
                telling.events.extend(customer.map(|customer| Event::Erased { customer, ids }));
            }
            Record::Settled(settled) => telling.settled(settled),
            Record::LinkSet(link) => telling.events.push(Event::CannotLinkSet { link: *link }),
            Record::LinkRemoved(link) => {
                telling.events.push(Event::CannotLinkRemoved { link: *link });
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

    fn unmerged(&mut self, unmerged: &Unmerged) {
        let (customer, revived) = unmerged.customers;
        let (rev, revived_rev) = (self.rev(customer), self.rev(revived));
        let merge = unmerged.merge;
        self.events.push(Event::Unmerged { customer, rev, revived, revived_rev, merge });
        self.moved(customer, revived, unmerged.identities.iter().copied());
    }

    fn extracted(&mut self, extracted: &Extracted) {
        let Extracted { from, to, identities, .. } = extracted;
        let rev = self.rev(*to);
        self.events.push(Event::Created { customer: *to, rev, fields: Vec::new() });
        self.moved(*from, *to, identities.iter().map(|(number, _)| *number));
        let (customer, rev) = (*from, self.rev(*from));
        self.events.push(Event::Extracted { customer, rev, extracted: *to });
    }

    /// Identities that another customer owns.
    fn moved(
        &mut self,
        from: CustomerId,
        customer: CustomerId,
        identities: impl Iterator<Item = IdentityNumber>,
    ) {
        let events = identities.map(|identity| Event::IdentityMoved { customer, from, identity });
        self.events.extend(events);
    }

    /// The customers of the two sides have a new version if the claim went from one to the other.
    fn claim_decided(&mut self, decided: &ClaimDecided) {
        let (to, from) = (self.with_role(Role::Primary), self.with_role(Role::Other));
        if let (Some(to), Some(from)) = (to, from) {
            self.moved(from, to, decided.identities.iter().copied());
        }
        self.updated();
    }

    fn settled(&mut self, settled: &Settled) {
        if let (Some((identity, _, _)), Some(customer)) = (settled.moved, self.answering()) {
            match self.with_role(Role::Other) {
                Some(from) => self.moved(from, customer, [identity].into_iter()),
                None => self.events.push(Event::IdentityAttached { customer, identity }),
            }
            self.updated();
        }
        let (conflict, settlement) = (settled.conflict, settled.settlement);
        self.events.push(Event::ConflictResolved { conflict, settlement });
    }

    /// The customers of this entry that have a new version.
    fn updated(&mut self) {
        let touched = self.entry.touched.iter().filter(|it| it.rev_before != it.rev_after);
        let events = touched.map(|it| Event::Updated {
            customer: it.customer,
            rev: it.rev_after,
            fields: Vec::new(),
            named: Vec::new(),
        });
        self.events.extend(events);
    }

    fn with_role(&self, role: Role) -> Option<CustomerId> {
        let touched = self.entry.touched.iter().find(|touched| touched.role == role);
        touched.map(|touched| touched.customer)
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
