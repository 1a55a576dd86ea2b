//! What the changes mean that take something back: an undone merge, an extraction, an erasure.

use super::record::write_fields;
use super::{TenantFacts, reachable};
use crate::conflict::Settlement;
use crate::customer::{Fold, State};
use crate::journal::{Claim, ClaimDecided, Entry, Erased, Extracted, Record, Settled, Unmerged};
use crate::{CustomerId, IdentityNumber, Seq};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl TenantFacts {
    /// Takes an edge away: each side is combined from its own homes again.
    pub(super) fn record_unmerged(&mut self, entry: &Entry, unmerged: &Unmerged) {
        if let Some(merge) = self.merges.get_mut(&unmerged.merge) {
            merge.undone = Some(entry.seq);
        }
        self.dirty.merges.insert(unmerged.merge);
        for claim in &unmerged.undecided {
            self.undecided.insert((unmerged.merge, *claim));
            self.dirty.undecided.insert((unmerged.merge, *claim));
        }
        let (kept, revived) = unmerged.customers;
        let merges = self.merges_among(&self.homes_of(kept));
        let sides = [reachable(kept, &merges), reachable(revived, &merges)];
        for side in sides {
            self.regroup(side);
        }
    }

    pub(super) fn record_extracted(&mut self, extracted: &Extracted) {
        for (number, _) in &extracted.identities {
            self.rehome(*number, Some(extracted.to));
        }
        let homes = extracted.claims.iter().map(|(_, home)| *home).chain([extracted.to]);
        for home in homes.collect::<BTreeSet<_>>() {
            self.refold(home);
        }
    }

    pub(super) fn record_claim_decided(&mut self, decided: &ClaimDecided) {
        self.undecided.remove(&(decided.merge, decided.claim));
        self.dirty.undecided.insert((decided.merge, decided.claim));
        if decided.from == decided.to {
            return;
        }
        for number in &decided.identities {
            self.rehome(*number, Some(decided.to));
        }
        self.refold(decided.from);
        self.refold(decided.to);
    }

    pub(super) fn record_settled(&mut self, entry: &Entry, settled: &Settled) {
        if let Some(conflict) = self.conflicts.get_mut(&settled.conflict) {
            conflict.settled = Some(entry.seq);
            conflict.settlement = Some(settled.settlement);
            self.dirty.conflicts.insert(settled.conflict);
        }
        if let Some((number, _, to)) = settled.moved {
            self.rehome(number, Some(to));
        }
    }

    pub(super) fn record_erased(&mut self, entry: &Entry, erased: &Erased) {
        for id in &erased.customers {
            self.members.remove(id);
            if self.homes.remove(id).is_some() {
                self.dirty.homes.insert(*id);
            }
            self.set_fold(*id, Fold::default());
            self.set_state(*id, State::Erased);
            self.with_customer(*id, |customer| customer.homes = 0);
        }
        for number in &erased.identities {
            self.rehome(*number, None);
            self.erase_identity(*number);
        }
        for claim in &erased.claims {
            self.erase_claim(*claim);
        }
        for id in &erased.conflicts {
            if let Some(conflict) = self.conflicts.get_mut(id) {
                conflict.settled = Some(entry.seq);
                conflict.settlement = Some(Settlement::Erased);
                self.dirty.conflicts.insert(*id);
            }
        }
        for decision in &erased.undecided {
            self.undecided.remove(decision);
            self.dirty.undecided.insert(*decision);
        }
    }

    fn erase_identity(&mut self, number: IdentityNumber) {
        let Some(identity) = self.identities.get_mut(&number) else { return };
        self.by_key.remove(&identity.key);
        identity.erase();
        self.by_key.insert(identity.key.clone(), number);
        self.dirty.identities.insert(number);
    }

    fn erase_claim(&mut self, seq: Seq) {
        let Some(entry) = self.entries.get_mut(&seq) else { return };
        for record in &mut Arc::make_mut(entry).records {
            if let Record::Claim(claim) = record {
                claim.fields.clear();
                claim.observed_at = None;
            }
        }
        self.dirty.rewritten.insert(seq);
    }

    /// Combines the claims of a home anew, after some have come or gone. All of them are loaded.
    fn refold(&mut self, home: CustomerId) {
        if !self.customers.contains_key(&home) && !self.homes.contains_key(&home) {
            return;
        }
        let mut fold = Fold::default();
        for (entry, claim) in self.claims().filter(|(_, _, at)| *at == home).map(|(e, c, _)| (e, c))
        {
            write_fields(entry, claim, &mut fold);
        }
        if !self.homes.contains_key(&home) {
            return self.set_fold(home, fold);
        }
        self.homes.insert(home, fold);
        self.dirty.homes.insert(home);
        if let Some(survivor) = self.survivor(home).map(|customer| customer.id) {
            self.recombine(survivor);
        }
    }

    /// The claims of the entries that are loaded, oldest first, each with the home that it belongs
    /// to by now.
    pub fn claims(&self) -> impl Iterator<Item = (&Entry, &Claim, CustomerId)> {
        let mut homes: BTreeMap<Seq, CustomerId> = BTreeMap::new();
        for record in self.entries.values().flat_map(|entry| &entry.records) {
            if let Record::Extracted(extracted) = record {
                homes.extend(extracted.claims.iter().map(|(claim, _)| (*claim, extracted.to)));
            } else if let Record::ClaimDecided(decided) = record {
                homes.insert(decided.claim, decided.to);
                homes.extend(decided.along.iter().map(|claim| (*claim, decided.to)));
            }
        }
        self.entries.values().filter_map(move |entry| {
            let claim = entry.claim()?;
            let home = homes.get(&entry.seq).copied().unwrap_or(claim.home);
            Some((&**entry, claim, home))
        })
    }
}
