//! A journal told again from its beginning, with a look at every entry: whether the journal is
//! sound, and what ought to be kept.

use super::TenantFacts;
use crate::customer::{Customer, State};
use crate::identity::Identity;
use crate::journal::{Change, Claim, Entry, Record, Role, Touched};
use crate::outcome::IdentityVerdict;
use crate::policy::{IdentityType, Policy};
use crate::{CustomerId, IdentityNumber, Seq, TenantId};
use std::collections::{BTreeMap, BTreeSet};

/// What the entries of a journal will look back at: the claims of the homes that an extraction or a
/// decision combines anew. All entries are seen for it before the first one is told, so that of a long
/// journal only those have to be remembered.
#[derive(Debug, Default)]
pub struct Foresight {
    homes: BTreeSet<CustomerId>,
}

impl Foresight {
    /// Sees an entry; the order does not matter.
    pub fn see(&mut self, entry: &Entry) {
        for record in &entry.records {
            if let Record::Extracted(extracted) = record {
                self.homes.extend(extracted.claims.iter().map(|(_, home)| *home));
                self.homes.insert(extracted.to);
            } else if let Record::ClaimDecided(decided) = record {
                self.homes.extend([decided.from, decided.to]);
            }
        }
    }

    /// Whether a later entry looks back at this one: at its claim, or at where it moved one.
    fn needs(&self, entry: &Entry) -> bool {
        entry.records.iter().any(|record| {
            if let Record::Claim(claim) = record {
                self.homes.contains(&claim.home)
            } else {
                matches!(record, Record::Extracted(_) | Record::ClaimDecided(_))
            }
        })
    }
}

/// A journal being told. It holds what the tenant would keep, and the entries that it will have to
/// look back at.
#[derive(Debug)]
pub struct Retelling {
    facts: TenantFacts,
    foresight: Foresight,
    /// Identities that entries name and that have no row.
    without_row: BTreeSet<IdentityNumber>,
    found: Vec<String>,
}

impl Retelling {
    /// Before the first entry. The texts of identities and types come from their rows; of the
    /// policy nothing is taken but the names of the types, and the preset that a journal without a
    /// change of policy does not tell.
    pub fn new(
        tenant: TenantId,
        policy: &Policy,
        identities: &[Identity],
        foresight: Foresight,
    ) -> Retelling {
        let mut beginning = Policy::new(policy.preset, policy.on_conflict);
        for kind in policy.types() {
            beginning.add_type(IdentityType::new(kind.number, kind.name.clone()));
        }
        Retelling {
            facts: TenantFacts::beginning(tenant, beginning, identities),
            foresight,
            without_row: BTreeSet::new(),
            found: Vec::new(),
        }
    }

    /// Tells the next entry.
    pub fn tell(&mut self, entry: Entry) {
        let expected = Seq(self.facts.counters().seq.0 + 1);
        if entry.seq != expected {
            self.found.push(format!("journal entry {} follows {}", entry.seq, expected.0 - 1));
        }
        for touched in &entry.touched {
            self.look_at_customer(&entry, touched);
        }
        for record in &entry.records {
            if let Record::Claim(claim) = record {
                self.look_at_claim(entry.seq, claim);
            }
        }
        let (seq, is_needed) = (entry.seq, self.foresight.needs(&entry));
        self.facts.record(Change::replayed(entry));
        self.facts.take_dirty();
        if !is_needed {
            self.facts.entries.remove(&seq);
        }
    }

    /// The chain of a customer's history has no gap, and its versions and times run on.
    fn look_at_customer(&mut self, entry: &Entry, touched: &Touched) {
        let (seq, id) = (entry.seq, touched.customer);
        let found = &mut self.found;
        match (self.facts.customer(id), touched.role) {
            (Some(_), Role::Created) => {
                found.push(format!("journal entry {seq} creates customer {id} again"));
            }
            (None, Role::Created) if (touched.previous, touched.rev_before) == (None, 0) => (),
            (None, _) => {
                found.push(format!("journal entry {seq} is about customer {id}, who is missing"));
            }
            (Some(customer), _) => {
                if touched.previous != Some(customer.head) || touched.rev_before != customer.rev {
                    found.push(format!(
                        "journal entry {seq} does not follow entry {} of customer {id}",
                        customer.head
                    ));
                }
                if entry.at < customer.seen_at {
                    found.push(format!("journal entry {seq} is older than customer {id}"));
                }
            }
        }
    }

    /// Promise 7: every identity of a claim is accounted for once.
    fn look_at_claim(&mut self, seq: Seq, claim: &Claim) {
        let mut outcomes: BTreeMap<IdentityNumber, IdentityVerdict> = BTreeMap::new();
        for identity in &claim.identities {
            let Some(number) = identity.number else { continue };
            let verdict = *outcomes.entry(number).or_insert(identity.verdict);
            if verdict != identity.verdict {
                let message =
                    format!("journal entry {seq} accounts for identity {number} in two ways");
                self.found.push(message);
            }
            if self.facts.identity(number).is_none() {
                self.without_row.insert(number);
            }
        }
    }

    /// After the last entry.
    pub fn end(mut self) -> Retold {
        look_at_owners(&self.facts, &mut self.found);
        look_at_ids(&self.facts, &mut self.found);
        Retold { facts: self.facts, problems: self.found, without_row: self.without_row }
    }
}

/// A journal that was told.
#[derive(Debug)]
pub struct Retold {
    /// What ought to be kept; of the journal, the entries that others look back at.
    pub facts: TenantFacts,
    /// What is wrong with the journal, and which promises it breaks.
    pub problems: Vec<String>,
    /// Identities that it names and that have no row: their texts are lost.
    pub without_row: BTreeSet<IdentityNumber>,
}

/// Promise 1: no value is owned twice, and no owned identity is without a live home.
fn look_at_owners(facts: &TenantFacts, found: &mut Vec<String>) {
    for identity in facts.identities() {
        let number = identity.number;
        let of_key = facts.identity_of(&identity.key).map(|identity| identity.number);
        if of_key != Some(number) {
            found.push(format!("identity {number} has the same type and value as another one"));
        }
        if let Some(home) = identity.home
            && facts.owner(number).is_none()
        {
            found.push(format!("identity {number} belongs to customer {home}, who is not live"));
        }
    }
}

/// Promise 2: no customer id has disappeared, and a redirect leads to the smallest of its ids.
fn look_at_ids(facts: &TenantFacts, found: &mut Vec<String>) {
    for id in (1..=facts.counters().customer.0).map(CustomerId) {
        let Some(customer) = facts.customer(id) else {
            found.push(format!("customer {id} has disappeared"));
            continue;
        };
        let State::MergedInto(survivor) = customer.state else { continue };
        let answers = facts.customer(survivor).is_some_and(|survivor| {
            survivor.id < id && !matches!(survivor.state, State::MergedInto(_))
        });
        if !answers {
            found.push(format!("customer {id} redirects to {survivor}, who does not answer"));
        }
    }
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
