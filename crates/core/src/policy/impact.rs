//! What a change of policy would mean for the customers there are. A change rewrites nobody; this
//! says whom the next requests would meet with other rules.

use super::{Limit, Policy, Role, TypeRules};
use crate::identity::{Identity, Quarantine};
use crate::{CustomerId, IdentityNumber, TypeNumber};
use std::collections::BTreeMap;

/// Customers that [`Impact::sample`] names.
pub const SAMPLE_MAX: usize = 20;

/// How many customers a change would affect, and some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impact {
    /// How many.
    pub customers: u64,
    /// The first of them, at most [`SAMPLE_MAX`].
    pub sample: Vec<Affected>,
}

/// A customer that a change would affect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    /// The customer.
    pub customer: CustomerId,
    /// In which ways: at least one.
    pub reasons: Vec<Reason>,
}

/// In which way a customer would be affected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It holds more of a type than it might then, and not more than it may now.
    OverLimit {
        /// The type.
        kind: TypeNumber,
        /// How many it holds.
        held: usize,
        /// How many it might then.
        limit: Limit,
    },
    /// It holds several values of a type that would then be distinguishing.
    Distinguishing {
        /// The type.
        kind: TypeNumber,
        /// How many it holds.
        held: usize,
    },
    /// It holds two types of which the other one would then decide first.
    Reordered {
        /// The type that would then decide first, or as early as the other one.
        first: TypeNumber,
        /// The other one.
        second: TypeNumber,
    },
    /// It holds an identity that would then never match.
    Blocked(IdentityNumber),
    /// It holds an identity that would then be quarantined when it is sent again.
    Quarantined(IdentityNumber),
}

/// Two policies of one tenant, side by side.
#[derive(Debug)]
pub struct Comparison<'p> {
    before: &'p Policy,
    after: &'p Policy,
    types: BTreeMap<TypeNumber, Compared>,
}

/// A type, side by side.
#[derive(Debug)]
struct Compared {
    key: String,
    before: TypeRules,
    after: TypeRules,
    /// Whether other values are blocked.
    blocks_others: bool,
}

impl<'p> Comparison<'p> {
    /// Compares what is and what would be.
    pub fn of(before: &'p Policy, after: &'p Policy) -> Comparison<'p> {
        let compared = after.types().map(|kind| {
            let stands = before.type_of(kind.number);
            let compared = Compared {
                key: kind.key(),
                before: before.rules_for(stands.unwrap_or(kind)),
                after: after.rules_for(kind),
                blocks_others: stands
                    .is_some_and(|it| it.settings.blocked != kind.settings.blocked),
            };
            (kind.number, compared)
        });
        Comparison { before, after, types: compared.collect() }
    }

    /// Whether no customer can be affected.
    pub fn is_same(&self) -> bool {
        self.types.values().all(|it| it.before == it.after && !it.blocks_others)
    }

    /// In which ways a customer that holds these identities would be affected.
    pub fn reasons(&self, held: &[Identity]) -> Vec<Reason> {
        let mut counts: BTreeMap<TypeNumber, usize> = BTreeMap::new();
        for identity in held {
            *counts.entry(identity.key.kind).or_default() += 1;
        }
        let mut reasons = Vec::new();
        for (kind, held) in &counts {
            reasons.extend(self.types.get(kind).into_iter().flat_map(|it| it.held(*kind, *held)));
        }
        for (place, first) in counts.keys().enumerate() {
            reasons.extend(counts.keys().skip(place + 1).filter_map(|it| self.order(*first, *it)));
        }
        reasons.extend(held.iter().filter_map(|identity| self.matching(identity)));
        reasons
    }

    fn order(&self, one: TypeNumber, other: TypeNumber) -> Option<Reason> {
        let (a, b) = (self.types.get(&one)?, self.types.get(&other)?);
        let after = a.after.priority.cmp(&b.after.priority);
        if a.before.priority.cmp(&b.before.priority) == after {
            return None;
        }
        let (first, second) = if after.is_le() { (one, other) } else { (other, one) };
        Some(Reason::Reordered { first, second })
    }

    fn matching(&self, identity: &Identity) -> Option<Reason> {
        let compared = self.types.get(&identity.key.kind)?;
        let value = &identity.key.value;
        if compared.blocks_others
            && self.after.is_blocked(&compared.key, value)
            && !self.before.is_blocked(&compared.key, value)
        {
            return Some(Reason::Blocked(identity.number));
        }
        let quarantines = identity.quarantine == Quarantine::No
            && self.after.is_suspect(identity)
            && !self.before.is_suspect(identity);
        quarantines.then_some(Reason::Quarantined(identity.number))
    }
}

impl Compared {
    /// What it means to hold so many of the type.
    fn held(&self, kind: TypeNumber, held: usize) -> impl Iterator<Item = Reason> {
        let limit = self.after.limit;
        let over_limit = held > limit && held <= self.before.limit;
        let distinguishing = held > 1
            && self.after.role == Role::Distinguishing
            && self.before.role != Role::Distinguishing;
        let over_limit = over_limit.then_some(Reason::OverLimit { kind, held, limit });
        over_limit
            .into_iter()
            .chain(distinguishing.then_some(Reason::Distinguishing { kind, held }))
    }
}

impl Impact {
    /// Looks at one more customer, and at all identities that it holds.
    pub fn look(&mut self, comparison: &Comparison<'_>, customer: CustomerId, held: &[Identity]) {
        let reasons = comparison.reasons(held);
        if reasons.is_empty() {
            return;
        }
        self.customers += 1;
        if self.sample.len() < SAMPLE_MAX {
            self.sample.push(Affected { customer, reasons });
        }
    }
}
