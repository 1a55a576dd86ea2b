//! What a change means: the only place that says it.

use super::{TenantFacts, combine, same_contact};
use crate::attribute::{Attribute, FieldKey};
use crate::customer::{Cell, Customer, Fold, State};
use crate::identity::{Identity, Quarantine};
use crate::journal::{Change, Claim, ClaimedField, Counted, Entry, FieldEffect, Record, Role};
use crate::merge::Merge;
use crate::outcome::IdentityVerdict;
use crate::{CustomerId, IdentityNumber, Micros, Seq};
use smallvec::smallvec;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl TenantFacts {
    /// Applies a change: to the facts of a batch, so that later commands see earlier ones; to the
    /// in-memory engine; to an empty store that replays a journal.
    pub fn record(&mut self, change: Change) {
        for kind in change.types {
            self.dirty.types.insert(kind.number);
            self.policy.add_type(kind);
        }
        for identity in change.identities {
            self.counters.identity = self.counters.identity.max(identity.number);
            self.dirty.identities.insert(identity.number);
            self.load_identity(identity);
        }
        for (number, name) in change.names {
            self.with_identity(number, |identity| identity.name = Some(name));
        }
        for number in change.unnamed {
            self.with_identity(number, |identity| identity.name = None);
        }
        self.replay(Arc::new(change.entry));
    }

    /// Applies an entry of the journal that is told again, to facts that know its texts.
    pub fn replay(&mut self, entry: Arc<Entry>) {
        // Some effects look at the claims of a history, which this entry is part of.
        self.entries.insert(entry.seq, Arc::clone(&entry));
        for touched in entry.touched.iter().filter(|touched| touched.role == Role::Created) {
            self.create(touched.customer, &entry);
        }
        for record in &entry.records {
            self.record_effect(&entry, record);
        }
        for touched in &entry.touched {
            self.with_customer(touched.customer, |customer| {
                customer.head = entry.seq;
                customer.seen_at = entry.at;
                if touched.rev_after != touched.rev_before {
                    customer.rev = touched.rev_after;
                    customer.updated_at = entry.at;
                }
            });
        }
        self.counters.seq = self.counters.seq.max(entry.seq);
        self.dirty.entries.push(entry);
    }

    fn record_effect(&mut self, entry: &Entry, record: &Record) {
        match record {
            Record::Counted(counted) => self.record_counted(counted),
            Record::Merged(merge) => self.record_merge(merge),
            Record::Claim(claim) => self.record_claim(entry, claim),
            Record::Opened(conflict) => {
                self.counters.conflict = self.counters.conflict.max(conflict.id);
                self.dirty.conflicts.insert(conflict.id);
                self.load_conflict(conflict.clone());
            }
            Record::Deleted { customer, identities } => {
                for (number, _) in identities {
                    self.rehome(*number, None);
                }
                self.set_state(*customer, State::Deleted);
            }
            Record::PolicyChanged { after, .. } => {
                self.policy.preset = after.preset;
                self.policy.on_conflict = after.on_conflict;
                self.policy.version += 1;
                self.dirty.policy = true;
            }
            Record::TypeChanged { kind, after, .. } => {
                self.policy.set_type(*kind, after.clone());
                self.policy.version += 1;
                self.dirty.types.insert(*kind);
                self.dirty.policy = true;
            }
            Record::Released(number) => self.with_identity(*number, |identity| {
                identity.quarantine = Quarantine::No;
                identity.pardoned = u32::try_from(identity.companions.len()).unwrap_or(u32::MAX);
            }),
            Record::Unmerged(unmerged) => self.record_unmerged(entry, unmerged),
            Record::Extracted(extracted) => self.record_extracted(extracted),
            Record::ClaimDecided(decided) => self.record_claim_decided(decided),
            Record::Restored { customer, identities } => {
                self.set_state(*customer, State::Live);
                for (number, home) in identities {
                    self.rehome(*number, Some(*home));
                }
            }
            Record::Erased(erased) => self.record_erased(entry, erased),
            Record::Settled(settled) => self.record_settled(entry, settled),
            Record::LinkSet(link) => {
                self.links.insert(*link, entry.seq);
                self.dirty.links.insert(*link);
            }
            Record::LinkRemoved(link) => {
                self.links.remove(link);
                self.dirty.links.insert(*link);
            }
        }
    }

    fn create(&mut self, id: CustomerId, entry: &Entry) {
        self.counters.customer = self.counters.customer.max(id);
        self.dirty.customers.insert(id);
        let customer = Customer {
            id,
            state: State::Live,
            fold: Fold::default(),
            homes: 1,
            rev: 0,
            head: entry.seq,
            created_at: entry.at,
            updated_at: entry.at,
            seen_at: entry.at,
        };
        self.customers.insert(id, customer);
    }

    fn record_counted(&mut self, counted: &Counted) {
        for (number, companion) in &counted.pairs {
            let Some(kind) = self.kind_of(*companion) else { continue };
            self.with_identity(*number, |identity| identity.companions.push((kind, *companion)));
        }
        for number in &counted.quarantined {
            self.with_identity(*number, |identity| identity.quarantine = Quarantine::Yes);
        }
    }

    /// Joins two homes; see [`Record::Merged`].
    pub(crate) fn record_merge(&mut self, merge: &Merge) {
        self.counters.merge = self.counters.merge.max(merge.id);
        let (Some(left), Some(right)) = (
            self.survivor(merge.left).map(|customer| customer.id),
            self.survivor(merge.right).map(|customer| customer.id),
        ) else {
            return;
        };
        let members: BTreeSet<CustomerId> =
            [left, right].iter().flat_map(|side| self.homes_of(*side)).collect();
        for side in [left, right] {
            // The first merge gives a customer a home row of its own: until then it is its home.
            if !self.homes.contains_key(&side)
                && let Some(customer) = self.customers.get(&side)
            {
                self.homes.insert(side, customer.fold.clone());
            }
        }
        self.dirty.homes.extend([left, right]);
        self.dirty.merges.insert(merge.id);
        self.load_merge(merge.clone());

        self.members.remove(&left.max(right));
        self.regroup(members);
    }

    /// Makes one customer of these homes, which live merges connect. Each has a row of its own.
    pub(super) fn regroup(&mut self, members: BTreeSet<CustomerId>) {
        let Some(survivor) = members.first().copied() else { return };
        let homes = u32::try_from(members.len()).unwrap_or(u32::MAX);
        let redirects = State::MergedInto(survivor);
        for home in members.iter().filter(|home| **home != survivor) {
            if self.customers.get(home).is_some_and(|customer| customer.state != redirects) {
                self.set_fold(*home, Fold::default());
                self.set_state(*home, redirects);
                self.with_customer(*home, |customer| customer.homes = 0);
            }
        }
        self.set_state(survivor, State::Live);
        self.with_customer(survivor, |customer| customer.homes = homes);
        if homes > 1 {
            self.members.insert(survivor, members);
            return self.recombine(survivor);
        }
        self.members.remove(&survivor);
        if let Some(fold) = self.homes.remove(&survivor) {
            self.dirty.homes.insert(survivor);
            self.set_fold(survivor, fold);
        }
    }

    fn record_claim(&mut self, entry: &Entry, claim: &Claim) {
        for identity in &claim.identities {
            let Some(number) = identity.number else { continue };
            if matches!(identity.verdict, IdentityVerdict::Created | IdentityVerdict::Attached) {
                self.rehome(number, Some(claim.home));
            }
            let known = self.identities.get(&number).is_some_and(|i| i.apps.contains(&entry.app));
            if !known {
                self.with_identity(number, |identity| identity.apps.push(entry.app));
            }
        }
        let changes = claim.fields.iter().any(|field| field.effect != FieldEffect::Screened);
        if !changes {
            return;
        }
        if let Some(fold) = self.homes.get_mut(&claim.home) {
            write_fields(entry, claim, fold);
            self.dirty.homes.insert(claim.home);
            self.recombine(claim.customer);
        } else if let Some(mut customer) = self.customers.remove(&claim.customer) {
            // A customer that is its own home: its fold is changed where it stands.
            let carried = claim.fields.iter().any(|field| is_match_key(&field.key));
            if carried {
                self.uncarry(&customer);
            }
            write_fields(entry, claim, &mut customer.fold);
            if carried {
                self.carry(&customer);
            }
            self.customers.insert(claim.customer, customer);
            self.dirty.customers.insert(claim.customer);
        }
    }

    pub(super) fn recombine(&mut self, survivor: CustomerId) {
        let homes: BTreeMap<CustomerId, &Fold> = self
            .homes_of(survivor)
            .into_iter()
            .filter_map(|home| Some((home, self.homes.get(&home)?)))
            .collect();
        let fold = combine(&homes, &self.merges_among(homes.keys()));
        self.set_fold(survivor, fold);
    }

    pub(super) fn set_fold(&mut self, id: CustomerId, fold: Fold) {
        let Some(mut customer) = self.customers.remove(&id) else { return };
        self.uncarry(&customer);
        customer.fold = fold;
        if customer.state == State::Live {
            self.carry(&customer);
        }
        self.customers.insert(id, customer);
        self.dirty.customers.insert(id);
    }

    pub(super) fn set_state(&mut self, id: CustomerId, state: State) {
        let Some(mut customer) = self.customers.remove(&id) else { return };
        self.uncarry(&customer);
        customer.state = state;
        if state == State::Live {
            self.carry(&customer);
        }
        self.customers.insert(id, customer);
        self.dirty.customers.insert(id);
    }

    pub(super) fn rehome(&mut self, number: IdentityNumber, home: Option<CustomerId>) {
        let Some(identity) = self.identities.get_mut(&number) else { return };
        let before = std::mem::replace(&mut identity.home, home);
        if let Some(held) = before.and_then(|home| self.held.get_mut(&home)) {
            held.remove(&number);
        }
        if let Some(home) = home {
            self.held.entry(home).or_default().insert(number);
        }
        self.dirty.identities.insert(number);
    }

    pub(super) fn with_identity(
        &mut self,
        number: IdentityNumber,
        change: impl FnOnce(&mut Identity),
    ) {
        if let Some(identity) = self.identities.get_mut(&number) {
            change(identity);
            self.dirty.identities.insert(number);
        }
    }

    pub(super) fn with_customer(&mut self, id: CustomerId, change: impl FnOnce(&mut Customer)) {
        if let Some(customer) = self.customers.get_mut(&id) {
            change(customer);
            self.dirty.customers.insert(id);
        }
    }

    /// The next place in the journal.
    pub(crate) fn next_seq(&self) -> Seq {
        Seq(self.counters.seq.0 + 1)
    }
}

/// Writes what a claim says into the fold of its home.
pub(super) fn write_fields(entry: &Entry, claim: &Claim, fold: &mut Fold) {
    let at = claim.observed_at.unwrap_or(entry.at);
    for field in &claim.fields {
        match field.effect {
            FieldEffect::Written(_) => write_field(entry, field, at, fold),
            FieldEffect::Repeated => match fold.0.get_mut(&field.key) {
                Some(cell) if is_repeat(cell, field) => {
                    if !cell.apps.contains(&entry.app) {
                        cell.apps.push(entry.app);
                    }
                }
                None if field.value.is_none() => (),
                // The claim that it repeated has left this home.
                Some(_) | None => write_field(entry, field, at, fold),
            },
            FieldEffect::Screened => (),
        }
    }
}

fn write_field(entry: &Entry, field: &ClaimedField, at: Micros, fold: &mut Fold) {
    let (value, verified) = (field.value.clone(), field.verified);
    let cell = Cell { value, verified, seq: entry.seq, at, apps: smallvec![entry.app] };
    fold.0.insert(field.key.clone(), cell);
}

fn is_repeat(cell: &Cell, field: &ClaimedField) -> bool {
    cell.value == field.value || same_contact(&field.key, cell.value.as_ref(), field.value.as_ref())
}

fn is_match_key(key: &FieldKey) -> bool {
    matches!(key, FieldKey::Builtin(Attribute::Mobile | Attribute::Email))
}
