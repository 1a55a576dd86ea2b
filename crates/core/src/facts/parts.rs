//! Which part of a tenant is told at once: so many customers, with whatever they were ever joined with,
//! and a share of everything that can be told without them.
//!
//! What an entry does to a customer depends on the homes that were merged with it and on nobody else, so
//! that customers who were ever joined make a group, and a part is made of whole groups. Identities,
//! conflicts, cannot-links and undecided claims depend on no customer: each part has those of a range of
//! numbers.

use super::numbered::Numbered;
use super::{Counters, TenantFacts};
use crate::journal::{Entry, Record, Role};
use crate::{ConflictId, CustomerId, IdentityNumber, MergeId, TypeNumber};
use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// How small a share of all customers a part may be, so that the number of a part has few bits.
const SMALLEST_SHARE: i64 = 16_000;

/// The types of identities, by number; 0 for one that has no row.
pub(super) type Kinds = Numbered<u16>;

/// What has to be known of a journal before its first entry is told: who belongs together, and what the
/// entries will look back at, which are the claims of the homes that an extraction or a decision combines
/// anew. Of a long journal only those have to be remembered.
#[derive(Debug, Default)]
pub struct Foresight {
    homes: BTreeSet<CustomerId>,
    /// For each customer that was joined with one of a smaller id, such a one.
    leaders: Numbered<i64>,
    /// The highest id of those.
    joined_last: i64,
    /// The left home of each merge.
    merges: Numbered<i64>,
    kinds: Kinds,
    last: Counters,
}

impl Foresight {
    /// Sees the row of an identity.
    pub fn know(&mut self, identity: IdentityNumber, kind: TypeNumber) {
        self.kinds.set(identity.0, kind.0);
        self.last.identity = self.last.identity.max(identity);
    }

    /// Sees an entry; the order does not matter.
    pub fn see(&mut self, entry: &Entry) {
        self.last.seq = self.last.seq.max(entry.seq);
        for touched in entry.touched.iter().filter(|touched| touched.role == Role::Created) {
            self.last.customer = self.last.customer.max(touched.customer);
        }
        for record in &entry.records {
            self.see_record(record);
        }
    }

    fn see_record(&mut self, record: &Record) {
        match record {
            Record::Merged(merge) => {
                self.last.merge = self.last.merge.max(merge.id);
                self.join(merge.left, merge.right);
                let told_before = self.merges.get(merge.id.0);
                if told_before != 0 {
                    self.join(merge.left, CustomerId(told_before));
                }
                self.merges.set(merge.id.0, merge.left.0);
            }
            Record::Claim(claim) => self.join(claim.customer, claim.home),
            Record::Opened(conflict) => {
                self.last.conflict = self.last.conflict.max(conflict.id);
            }
            Record::Unmerged(unmerged) => self.join(unmerged.customers.0, unmerged.customers.1),
            Record::Extracted(extracted) => {
                for (_, home) in &extracted.claims {
                    self.homes.insert(*home);
                    self.join(extracted.to, *home);
                }
                self.homes.insert(extracted.to);
            }
            Record::ClaimDecided(decided) => {
                self.homes.extend([decided.from, decided.to]);
                self.join(decided.from, decided.to);
            }
            Record::Erased(erased) => {
                for pair in erased.customers.windows(2) {
                    if let [one, other] = pair {
                        self.join(*one, *other);
                    }
                }
            }
            Record::Counted(_)
            | Record::Deleted { .. }
            | Record::PolicyChanged { .. }
            | Record::TypeChanged { .. }
            | Record::Released(_)
            | Record::Restored { .. }
            | Record::Settled(_)
            | Record::LinkSet(_)
            | Record::LinkRemoved(_) => (),
        }
    }

    /// Makes one group of the groups of two customers. It is led by the smallest id.
    fn join(&mut self, one: CustomerId, other: CustomerId) {
        if one == other {
            return;
        }
        self.joined_last = self.joined_last.max(one.0).max(other.0);
        let (one, other) = (self.leader(one.0), self.leader(other.0));
        if one != other {
            self.leaders.set(one.max(other), one.min(other));
        }
    }

    /// The leader of a group; the way there is shortened for who asks next.
    fn leader(&mut self, member: i64) -> i64 {
        let mut at = member;
        loop {
            let next = self.leaders.get(at);
            if next == 0 {
                return at;
            }
            let behind = self.leaders.get(next);
            if behind == 0 {
                return next;
            }
            self.leaders.set(at, behind);
            at = behind;
        }
    }

    /// Makes parts of at most so many customers, but for those who were all joined with each other.
    pub(super) fn parts(mut self, at_once: u32) -> Parts {
        let last = self.last.customer.0;
        let at_once = i64::from(at_once.max(1)).max(last / SMALLEST_SHARE);
        let mut sizes: HashMap<i64, i64> = HashMap::new();
        for id in 1..=last {
            let leader = self.leader(id);
            if leader != id {
                self.leaders.set(id, leader);
                *sizes.entry(leader).or_insert(1) += 1;
            }
        }
        let (mut starts, mut held) = (Vec::new(), 0);
        for id in (1..=last).filter(|id| self.leaders.get(*id) == 0) {
            let size = sizes.get(&id).copied().unwrap_or(1);
            if held > 0 && held + size > at_once {
                starts.push(id);
                held = 0;
            }
            held += size;
        }
        let Foresight { homes, leaders, joined_last, merges, kinds, last: counters } = self;
        let share = |last| Shares::new(last, starts.len() + 1);
        let mut parts = Parts {
            identities: share(counters.identity.0),
            conflicts: share(counters.conflict.0),
            merge_shares: share(counters.merge.0),
            links: share(last),
            homes,
            leaders,
            merges,
            kinds: Arc::new(kinds),
            ends: vec![0; starts.len() + 1],
            starts,
            last: counters,
        };
        for id in 1..=last {
            let part = parts.of_customer(CustomerId(id));
            if let Some(end) = parts.ends.get_mut(part) {
                // Where the journal joins somebody whom it does not make, it is damaged.
                *end = if joined_last > last { i64::MAX } else { id };
            }
        }
        parts
    }
}

/// What is told together.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) homes: BTreeSet<CustomerId>,
    /// For each customer that was joined with one of a smaller id, the smallest.
    leaders: Numbered<i64>,
    merges: Numbered<i64>,
    pub(super) kinds: Arc<Kinds>,
    /// The first leader of each part but the first one.
    starts: Vec<i64>,
    /// The last customer of each part.
    ends: Vec<i64>,
    identities: Shares,
    conflicts: Shares,
    merge_shares: Shares,
    links: Shares,
    /// The last numbers that the journal gave out, and the last identity that has a row.
    pub(super) last: Counters,
}

impl Parts {
    pub(super) fn count(&self) -> usize {
        self.starts.len() + 1
    }

    fn of_customer(&self, id: CustomerId) -> usize {
        let mut leader = id.0;
        // One step for all customers that were created.
        loop {
            match self.leaders.get(leader) {
                0 => break,
                next => leader = next,
            }
        }
        self.starts.partition_point(|start| *start <= leader)
    }

    /// The first part behind this one that an entry concerns.
    pub(super) fn next(&self, entry: &Entry, after: usize) -> Option<usize> {
        let mut next: Option<usize> = None;
        let mut concerns = |part: usize| {
            if part > after {
                next = Some(next.map_or(part, |known| known.min(part)));
            }
        };
        for touched in &entry.touched {
            concerns(self.of_customer(touched.customer));
        }
        for record in &entry.records {
            match record {
                Record::Counted(counted) => {
                    let paired = counted.pairs.iter().map(|(number, _)| number);
                    for number in paired.chain(&counted.quarantined) {
                        concerns(self.identities.of(number.0));
                    }
                }
                Record::Merged(merge) => concerns(self.of_customer(merge.left)),
                Record::Claim(claim) => {
                    concerns(self.of_customer(claim.home));
                    for number in claim.identities.iter().filter_map(|it| it.number) {
                        concerns(self.identities.of(number.0));
                    }
                }
                Record::Opened(conflict) => concerns(self.conflicts.of(conflict.id.0)),
                Record::PolicyChanged { .. } | Record::TypeChanged { .. } => (),
                // What people decide may reach anywhere, and there is little of it.
                Record::Deleted { .. }
                | Record::Released(_)
                | Record::Unmerged(_)
                | Record::Extracted(_)
                | Record::ClaimDecided(_)
                | Record::Restored { .. }
                | Record::Erased(_)
                | Record::Settled(_)
                | Record::LinkSet(_)
                | Record::LinkRemoved(_) => concerns(after + 1),
            }
        }
        next.filter(|part| *part < self.count())
    }
}

/// One part of a tenant, of those that its journal is told in. Everything that has a number is in
/// exactly one of them, also what the journal does not know.
#[derive(Clone, Debug)]
pub struct Part {
    pub(super) parts: Arc<Parts>,
    pub(super) index: usize,
}

impl Part {
    /// Its place among all of them, from 0, and how many there are.
    pub fn place(&self) -> (usize, usize) {
        (self.index, self.parts.count())
    }

    /// Whether this is the first one: what concerns no customer is told with it.
    pub fn is_first(&self) -> bool {
        self.index == 0
    }

    /// The numbers between which its customers are. Others may be between them as well.
    pub fn customers(&self) -> RangeInclusive<i64> {
        let first = match self.index.checked_sub(1).and_then(|at| self.parts.starts.get(at)) {
            Some(start) => *start,
            None => i64::MIN,
        };
        let is_last = self.index + 1 == self.parts.count();
        let last = self.parts.ends.get(self.index).copied().filter(|_| !is_last);
        first..=last.unwrap_or(i64::MAX)
    }

    /// Whether a customer, and what it is as a home, is in this part.
    pub fn has_customer(&self, id: CustomerId) -> bool {
        self.parts.of_customer(id) == self.index
    }

    /// Whether a merge is in this part: with its homes. One that the journal does not know is in the first.
    pub fn has_merge(&self, id: MergeId) -> bool {
        match self.parts.merges.get(id.0) {
            0 => self.is_first(),
            left => self.has_customer(CustomerId(left)),
        }
    }

    /// The numbers of its identities.
    pub fn identities(&self) -> RangeInclusive<i64> {
        self.parts.identities.range(self.index)
    }

    /// The ids of its conflicts and review entries.
    pub fn conflicts(&self) -> RangeInclusive<i64> {
        self.parts.conflicts.range(self.index)
    }

    /// The merges whose undecided claims are in this part.
    pub fn undecided(&self) -> RangeInclusive<i64> {
        self.parts.merge_shares.range(self.index)
    }

    /// The smaller ones of the two customers of its cannot-links.
    pub fn links(&self) -> RangeInclusive<i64> {
        self.parts.links.range(self.index)
    }

    pub(super) fn has_identity(&self, number: IdentityNumber) -> bool {
        self.parts.identities.of(number.0) == self.index
    }

    fn has_conflict(&self, id: ConflictId) -> bool {
        self.parts.conflicts.of(id.0) == self.index
    }

    /// Takes from an entry what would make something that is not in this part. What it would change is
    /// not there to be changed.
    pub(super) fn keep_own(&self, entry: &mut Entry) {
        if self.parts.count() == 1 {
            return;
        }
        entry.touched.retain(|touched| self.has_customer(touched.customer));
        entry.records.retain(|record| match record {
            Record::Opened(conflict) => self.has_conflict(conflict.id),
            Record::LinkSet(link) => self.parts.links.of(link.low.0) == self.index,
            Record::PolicyChanged { .. } | Record::TypeChanged { .. } => self.is_first(),
            Record::Counted(_)
            | Record::Merged(_)
            | Record::Claim(_)
            | Record::Deleted { .. }
            | Record::Released(_)
            | Record::Unmerged(_)
            | Record::Extracted(_)
            | Record::ClaimDecided(_)
            | Record::Restored { .. }
            | Record::Erased(_)
            | Record::Settled(_)
            | Record::LinkRemoved(_) => true,
        });
        for record in &mut entry.records {
            if let Record::Unmerged(unmerged) = record
                && self.parts.merge_shares.of(unmerged.merge.0) != self.index
            {
                unmerged.undecided.clear();
            }
        }
    }
}

/// The numbers up to a last one in equal shares, as many as there are parts. The first and the last have
/// what is before and behind them.
#[derive(Clone, Copy, Debug)]
struct Shares {
    last: i64,
    count: i64,
}

impl Shares {
    /// Higher numbers are never given out, see [`CustomerId`].
    const LAST_MAX: i64 = 1 << 40;

    fn new(last: i64, count: usize) -> Shares {
        let count = i64::try_from(count).unwrap_or(1);
        Shares { last: last.clamp(1, Shares::LAST_MAX), count }
    }

    /// The share that a number is in.
    fn of(self, number: i64) -> usize {
        let share = match number {
            ..=0 => 0,
            number if number > self.last => self.count - 1,
            number => (number - 1) * self.count / self.last,
        };
        usize::try_from(share).unwrap_or_default()
    }

    /// The numbers of a share.
    fn range(self, index: usize) -> RangeInclusive<i64> {
        let index = i64::try_from(index).unwrap_or_default();
        let before = |share: i64| (share * self.last + self.count - 1) / self.count;
        let first = if index == 0 { i64::MIN } else { before(index) + 1 };
        let last = if index + 1 == self.count { i64::MAX } else { before(index + 1) };
        first..=last
    }
}

impl TenantFacts {
    /// The type of an identity, which may be in another part.
    pub(super) fn kind_of(&self, number: IdentityNumber) -> Option<TypeNumber> {
        let Some(kinds) = &self.kinds else {
            return self.identities.get(&number).map(|identity| identity.key.kind);
        };
        let kind = kinds.get(number.0);
        (kind != 0).then_some(TypeNumber(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::{Foresight, Shares};
    use crate::CustomerId;

    #[test]
    fn every_number_is_in_the_share_whose_range_has_it() {
        for (last, count) in [(0, 1), (1, 3), (2, 3), (7, 3), (10, 10), (1000, 7)] {
            let shares = Shares::new(last, count);
            for number in (-2..last + 3).chain([i64::MIN, i64::MAX]) {
                let of: Vec<usize> =
                    (0..count).filter(|index| shares.range(*index).contains(&number)).collect();
                assert_eq!(of, [shares.of(number)], "{number} of {last} in {count}");
            }
        }
    }

    /// Whom a part has, of customers 1 to 9, after these were joined.
    fn told_together(joined: &[(i64, i64)], at_once: u32) -> Vec<Vec<i64>> {
        let mut foresight = Foresight::default();
        foresight.last.customer = CustomerId(9);
        for (one, other) in joined {
            foresight.join(CustomerId(*one), CustomerId(*other));
        }
        let parts = foresight.parts(at_once);
        let mut told = vec![Vec::new(); parts.count()];
        for id in 1..=9 {
            told[parts.of_customer(CustomerId(id))].push(id);
        }
        told
    }

    #[test]
    fn who_was_joined_is_told_together() {
        assert_eq!(told_together(&[], 4), [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9]]);
        let joined = [(9, 5), (8, 9), (2, 8), (3, 4)];
        // 2, 5, 8 and 9 are one group, larger than what is wanted; 3 and 4 are another one.
        assert_eq!(told_together(&joined, 2), [vec![1], vec![2, 5, 8, 9], vec![3, 4], vec![6, 7]]);
        assert_eq!(told_together(&joined, 5), [vec![1, 2, 5, 8, 9], vec![3, 4, 6, 7]]);
        assert_eq!(told_together(&joined, u32::MAX), [(1..=9).collect::<Vec<_>>()]);
        assert_eq!(told_together(&joined, 0).len(), 5);
    }
}
