//! A journal told again from its beginning, with a look at every entry: whether the journal is
//! sound, and what ought to be kept. It is told in parts, each from the first entry to the last one, so
//! that no more of a tenant is held at once than one part.

use super::numbered::Numbered;
use super::parts::{Foresight, Part, Parts};
use super::{Counters, TenantFacts};
use crate::customer::{Customer, State};
use crate::identity::Identity;
use crate::journal::{Change, Claim, Entry, Record, Role, Touched};
use crate::outcome::IdentityVerdict;
use crate::policy::{IdentityType, Policy};
use crate::{CustomerId, IdentityNumber, Seq, TenantId};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What a problem is about, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Entry(Seq),
    Identity(IdentityNumber),
    Customer(CustomerId),
}

/// What is wrong: the first of it, whatever the order in which it is found.
#[derive(Debug, Default)]
struct Problems {
    first: BTreeSet<(About, String)>,
    left_out: u64,
}

impl Problems {
    fn add(&mut self, about: About, text: String) {
        self.first.insert((about, text));
        if self.first.len() > Retold::PROBLEMS_MAX {
            self.first.pop_last();
            self.left_out += 1;
        }
    }
}

/// A journal being told: what one part of the tenant would keep, the entries that it will have to look
/// back at, and of the parts before it no more than is compared across them.
#[derive(Debug)]
pub struct Retelling {
    tenant: TenantId,
    /// The policy that the journal is told to: the one that it ends with, once it was told.
    policy: Policy,
    parts: Arc<Parts>,
    part: Part,
    facts: TenantFacts,
    /// For each entry the next part that it concerns, or the last one; 0 if that is the first.
    due: Numbered<u16>,
    /// For each part the first and the last entry that concern it.
    due_between: Vec<(i64, i64)>,
    problems: Problems,
    /// Identities that entries name and that have no row.
    without_row: BTreeSet<IdentityNumber>,
    /// Customers that nobody answers for.
    silent: HashSet<CustomerId>,
    /// The homes of identities that are in another part.
    elsewhere: Vec<(IdentityNumber, CustomerId)>,
    customers: u64,
    identities: u64,
}

impl Retelling {
    /// Before the first entry, in parts of about so many customers. Of the policy nothing is taken but
    /// the names of the types, and the preset that a journal without a change of policy does not tell.
    pub fn new(tenant: TenantId, policy: &Policy, foresight: Foresight, at_once: u32) -> Retelling {
        let mut beginning = Policy::new(policy.preset, policy.on_conflict);
        for kind in policy.types() {
            beginning.add_type(IdentityType::new(kind.number, kind.name.clone()));
        }
        let parts = Arc::new(foresight.parts(at_once));
        Retelling {
            tenant,
            policy: beginning,
            part: Part { parts: Arc::clone(&parts), index: 0 },
            facts: nothing(tenant),
            due: Numbered::default(),
            due_between: vec![(i64::MAX, i64::MIN); parts.count()],
            parts,
            problems: Problems::default(),
            without_row: BTreeSet::new(),
            silent: HashSet::new(),
            elsewhere: Vec::new(),
            customers: 0,
            identities: 0,
        }
    }

    /// The part that is to be told; `None` after the last one. It begins with
    /// [`Retelling::begin`], and ends with [`Retelling::told`].
    pub fn part(&self) -> Option<Part> {
        (self.part.index < self.parts.count()).then(|| self.part.clone())
    }

    /// Begins a part. The texts of its identities come from their rows.
    pub fn begin(&mut self, identities: impl IntoIterator<Item = Identity>) {
        self.facts = TenantFacts::beginning(self.tenant, self.policy.clone(), identities);
        self.facts.kinds = Some(Arc::clone(&self.parts.kinds));
    }

    /// The places in the journal between which the entries are that concern the part. The first part is
    /// told all of them.
    pub fn due_between(&self) -> RangeInclusive<i64> {
        match self.due_between.get(self.part.index) {
            Some((first, last)) if !self.part.is_first() => *first..=*last,
            Some(_) | None => i64::MIN..=i64::MAX,
        }
    }

    /// Whether the entry at this place of the journal concerns the part. Others need not be read.
    pub fn is_due(&self, place: Seq) -> bool {
        self.part.is_first() || usize::from(self.due.get(place.0)) == self.part.index
    }

    /// Tells the next entry that is due, which stands at this place of the journal.
    pub fn tell(&mut self, place: Seq, mut entry: Entry) {
        self.note_due(place.0, &entry);
        if self.part.is_first() {
            let expected = Seq(self.facts.counters().seq.0 + 1);
            if entry.seq != expected {
                let before = expected.0 - 1;
                self.wrong(entry.seq, format!("journal entry {} follows {before}", entry.seq));
            }
        }
        self.part.keep_own(&mut entry);
        for touched in &entry.touched {
            self.look_at_customer(&entry, touched);
        }
        for record in &entry.records {
            if let Record::Claim(claim) = record {
                self.look_at_claim(entry.seq, claim);
            }
        }
        let (seq, is_needed) = (entry.seq, self.needs(&entry));
        self.facts.record(Change::replayed(entry));
        self.facts.take_dirty();
        if !is_needed {
            self.facts.entries.remove(&seq);
        }
    }

    /// Tells what else is wrong with an entry.
    pub fn wrong(&mut self, entry: Seq, text: String) {
        self.problems.add(About::Entry(entry), text);
    }

    /// After the last entry: what ought to be kept of this part; of the journal, the entries that others
    /// look back at.
    pub fn told(&mut self) -> TenantFacts {
        let facts = std::mem::replace(&mut self.facts, nothing(self.tenant));
        self.look_at_owners(&facts);
        self.look_at_ids(&facts);
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.customers += count(facts.customers.len());
        self.identities += count(facts.identities.len());
        if self.part.is_first() {
            self.policy = facts.policy().clone();
        }
        self.part.index += 1;
        facts
    }

    /// After the last part.
    pub fn end(mut self) -> Retold {
        for (number, home) in std::mem::take(&mut self.elsewhere) {
            let is_known = (CustomerId(1)..=self.parts.last.customer).contains(&home);
            if !is_known || self.silent.contains(&home) {
                self.belongs_to_nobody(number, home);
            }
        }
        Retold {
            policy: self.policy,
            counters: self.parts.last,
            problems: self.problems.first.into_iter().map(|(_, text)| text).collect(),
            left_out: self.problems.left_out,
            without_row: self.without_row,
            customers: self.customers,
            identities: self.identities,
        }
    }

    /// Notes when an entry is to be told again.
    fn note_due(&mut self, place: i64, entry: &Entry) {
        if self.parts.count() == 1 {
            return;
        }
        let Some(part) = self.parts.next(entry, self.part.index) else { return };
        self.due.set(place, u16::try_from(part).unwrap_or(u16::MAX));
        if let Some((first, last)) = self.due_between.get_mut(part) {
            (*first, *last) = ((*first).min(place), (*last).max(place));
        }
    }

    /// Whether a later entry looks back at this one: at its claim, or at where it moved one.
    fn needs(&self, entry: &Entry) -> bool {
        entry.records.iter().any(|record| {
            if let Record::Claim(claim) = record {
                self.parts.homes.contains(&claim.home) && self.part.has_customer(claim.home)
            } else {
                matches!(record, Record::Extracted(_) | Record::ClaimDecided(_))
            }
        })
    }

    /// The chain of a customer's history has no gap, and its versions and times run on.
    fn look_at_customer(&mut self, entry: &Entry, touched: &Touched) {
        let (seq, id) = (entry.seq, touched.customer);
        match (self.facts.customer(id), touched.role) {
            (Some(_), Role::Created) => {
                self.wrong(seq, format!("journal entry {seq} creates customer {id} again"));
            }
            (None, Role::Created) if (touched.previous, touched.rev_before) == (None, 0) => (),
            (None, _) => {
                let text = format!("journal entry {seq} is about customer {id}, who is missing");
                self.wrong(seq, text);
            }
            (Some(customer), _) => {
                let (head, seen_at) = (customer.head, customer.seen_at);
                if touched.previous != Some(head) || touched.rev_before != customer.rev {
                    let text = format!(
                        "journal entry {seq} does not follow entry {head} of customer {id}"
                    );
                    self.wrong(seq, text);
                }
                if entry.at < seen_at {
                    self.wrong(seq, format!("journal entry {seq} is older than customer {id}"));
                }
            }
        }
    }

    /// Promise 7: every identity of a claim is accounted for once.
    fn look_at_claim(&mut self, seq: Seq, claim: &Claim) {
        let mut outcomes: BTreeMap<IdentityNumber, IdentityVerdict> = BTreeMap::new();
        for identity in &claim.identities {
            let Some(number) = identity.number.filter(|it| self.part.has_identity(*it)) else {
                continue;
            };
            let verdict = *outcomes.entry(number).or_insert(identity.verdict);
            if verdict != identity.verdict {
                let text =
                    format!("journal entry {seq} accounts for identity {number} in two ways");
                self.wrong(seq, text);
            }
            if self.facts.identity(number).is_none() {
                self.without_row.insert(number);
            }
        }
    }

    /// Promise 1: no owned identity is without a live home. That no value is owned twice is seen where
    /// the rows are.
    fn look_at_owners(&mut self, facts: &TenantFacts) {
        for identity in facts.identities() {
            let (number, Some(home)) = (identity.number, identity.home) else { continue };
            if !self.part.has_customer(home) {
                self.elsewhere.push((number, home));
            } else if facts.owner(number).is_none() {
                self.belongs_to_nobody(number, home);
            }
        }
    }

    fn belongs_to_nobody(&mut self, number: IdentityNumber, home: CustomerId) {
        let text = format!("identity {number} belongs to customer {home}, who is not live");
        self.problems.add(About::Identity(number), text);
    }

    /// Promise 2: no customer id has disappeared, and a redirect leads to the smallest of its ids.
    fn look_at_ids(&mut self, facts: &TenantFacts) {
        let between = self.part.customers();
        let last = self.parts.last.customer.0;
        let ids = (*between.start()).max(1)..=last.min(*between.end());
        for id in ids.map(CustomerId).filter(|id| self.part.has_customer(*id)) {
            if self.parts.count() > 1 && facts.survivor(id).is_none() {
                self.silent.insert(id);
            }
            let Some(customer) = facts.customer(id) else {
                let text = format!("customer {id} has disappeared");
                self.problems.add(About::Customer(id), text);
                continue;
            };
            let State::MergedInto(survivor) = customer.state else { continue };
            let answers = facts.customer(survivor).is_some_and(|survivor| {
                survivor.id < id && !matches!(survivor.state, State::MergedInto(_))
            });
            if !answers {
                let text = format!("customer {id} redirects to {survivor}, who does not answer");
                self.problems.add(About::Customer(id), text);
            }
        }
    }
}

/// Facts that hold nothing, between two parts.
fn nothing(tenant: TenantId) -> TenantFacts {
    TenantFacts::new(tenant, Policy::default(), Counters::default())
}

/// A journal that was told.
#[derive(Debug)]
pub struct Retold {
    /// The policy that it ends with.
    pub policy: Policy,
    /// The last numbers that it gave out, and the last identity that has a row.
    pub counters: Counters,
    /// What is wrong with the journal, and which promises it breaks; no more than
    /// [`Retold::PROBLEMS_MAX`].
    pub problems: Vec<String>,
    /// How many more there are.
    pub left_out: u64,
    /// Identities that it names and that have no row: their texts are lost.
    pub without_row: BTreeSet<IdentityNumber>,
    /// How many customer ids it made.
    pub customers: u64,
    /// How many identities have rows.
    pub identities: u64,
}

impl Retold {
    /// How many problems are told; more say nothing new.
    pub const PROBLEMS_MAX: usize = 1000;
}

impl Customer {
    /// The parts in which two rows of one customer differ, for people.
    pub fn differences(&self, other: &Customer) -> Vec<&'static str> {
        let parts = [
            ("what has become of it", self.state != other.state),
            ("its fields", self.fold != other.fold),
            ("how many homes it has", self.homes != other.homes),
            ("its version", self.rev != other.rev),
            ("its newest entry", self.head != other.head),
            (
                "its times",
                (self.created_at, self.updated_at, self.seen_at)
                    != (other.created_at, other.updated_at, other.seen_at),
            ),
        ];
        parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect()
    }
}
