//! Merging by hand.

use super::guards::{self, Meeting, held_by};
use super::settle::{change, record, touch};
use crate::command::{MergeByHand, Request};
use crate::conflict::Settlement;
use crate::customer::{Customer, State};
use crate::facts::TenantFacts;
use crate::journal::{Record, Role, Settled};
use crate::limits::IDENTITIES_MAX;
use crate::merge::{CannotLink, Guard, Merge, Verdict};
use crate::outcome::{MergedByHand, Outcome, Refusal, Warning};
use crate::{ConflictId, CustomerId, IdentityNumber, MergeId, TypeNumber};
use std::collections::BTreeMap;

/// The live customer behind an id, or why there is none.
pub(super) fn live(id: CustomerId, facts: &TenantFacts) -> Result<&Customer, Refusal> {
    if let Some(customer) = facts.survivor(id) {
        return Ok(customer);
    }
    let root = match facts.customer(id).map(|customer| customer.state) {
        Some(State::MergedInto(survivor)) => facts.customer(survivor),
        Some(State::Live | State::Deleted | State::Erased) | None => facts.customer(id),
    };
    Err(match root.map(|customer| (customer.id, customer.state)) {
        Some((root, State::Deleted)) => Refusal::CustomerDeleted(root),
        Some((root, State::Erased)) => Refusal::CustomerErased(root),
        Some((_, State::Live | State::MergedInto(_))) | None => Refusal::CustomerMissing(id),
    })
}

/// A merge that somebody asks for, and what it settles.
pub(super) struct Joint {
    pub(super) merge: Merge,
    /// The two customers before.
    pub(super) before: (Customer, Customer),
    pub(super) records: Vec<Record>,
    pub(super) settled: Vec<ConflictId>,
    pub(super) warnings: Vec<Warning>,
}

impl Joint {
    /// Whether these two may be joined by hand: not across a cannot-link, and not beyond what a
    /// customer may hold. `homes` are those that the edge runs between.
    pub(super) fn of(
        homes: (CustomerId, CustomerId),
        bridge: Vec<IdentityNumber>,
        facts: &TenantFacts,
    ) -> Result<Joint, Refusal> {
        let (one, other) = (live(homes.0, facts)?, live(homes.1, facts)?);
        if one.id == other.id {
            return Err(Refusal::SameCustomer(one.id));
        }
        let (ours, theirs) = (held_by(one.id, facts), held_by(other.id, facts));
        let link = between(one.id, other.id, facts);
        let guards = guards::ask(&Meeting {
            preset: facts.policy().preset,
            ours: &ours,
            theirs: &theirs,
            role_of: &|kind| facts.policy().rules_of(kind).role,
            linked: link.is_some(),
            by_contact: false,
            keep: false,
        });
        if let Some(link) = link {
            return Err(Refusal::CannotLinked(link));
        }
        let found = ours.len() + theirs.len();
        if guards.contains(&(Guard::TooManyIdentities, Verdict::Refuse)) {
            return Err(Refusal::IdentitiesTooMany { found, limit: IDENTITIES_MAX });
        }
        let id = MergeId(facts.counters().merge.0 + 1);
        let seq = facts.next_seq();
        let merge = Merge { id, left: homes.0, right: homes.1, seq, bridge, guards, undone: None };
        let settled: Vec<ConflictId> = open_between(one.id, other.id, facts);
        let settlement = Settlement::Merged(id);
        let settle = |conflict: &ConflictId| {
            Record::Settled(Settled { conflict: *conflict, settlement, moved: None })
        };
        let records =
            [Record::Merged(merge.clone())].into_iter().chain(settled.iter().map(settle)).collect();
        let kinds = ours.iter().chain(&theirs).map(|(_, kind)| *kind);
        let warnings = passed_limits(kinds, facts);
        Ok(Joint { merge, before: (one.clone(), other.clone()), records, settled, warnings })
    }

    /// The customer that answers afterwards, and the one that redirects to it.
    pub(super) fn ids(&self) -> (CustomerId, CustomerId) {
        let (one, other) = (self.before.0.id, self.before.1.id);
        (one.min(other), one.max(other))
    }
}

/// Types of which the two hold more than the policy allows together.
fn passed_limits(kinds: impl Iterator<Item = TypeNumber>, facts: &TenantFacts) -> Vec<Warning> {
    let mut counts: BTreeMap<TypeNumber, usize> = BTreeMap::new();
    for kind in kinds {
        *counts.entry(kind).or_default() += 1;
    }
    let policy = facts.policy();
    let passed = counts.into_iter().filter(|(kind, count)| *count > policy.rules_of(*kind).limit);
    passed
        .filter_map(|(kind, _)| Some(Warning::MergedOverLimit(policy.type_of(kind)?.name.clone())))
        .collect()
}

/// A cannot-link between a home of the one and a home of the other.
fn between(one: CustomerId, other: CustomerId, facts: &TenantFacts) -> Option<CannotLink> {
    let theirs = facts.homes_of(other);
    let links = facts.homes_of(one).into_iter().flat_map(|home| {
        theirs.iter().map(move |other| CannotLink::between(home, *other)).collect::<Vec<_>>()
    });
    links.into_iter().find(|link| facts.link(*link).is_some())
}

/// Open conflicts between two customers.
fn open_between(one: CustomerId, other: CustomerId, facts: &TenantFacts) -> Vec<ConflictId> {
    let survivor = |home| facts.survivor(home).map(|customer| customer.id);
    let open = facts.conflicts().filter(|conflict| conflict.settled.is_none());
    open.filter(|conflict| {
        let sides = (survivor(conflict.left), conflict.right.and_then(survivor));
        sides == (Some(one), Some(other)) || sides == (Some(other), Some(one))
    })
    .map(|conflict| conflict.id)
    .collect()
}

/// Says that two customers are one person.
pub(super) fn merge(request: &Request, wanted: MergeByHand, facts: &mut TenantFacts) -> Outcome {
    let ends = live(wanted.one, facts).and_then(|one| Ok((one.id, live(wanted.other, facts)?.id)));
    let joint = match ends.and_then(|ends| Joint::of(ends, Vec::new(), facts)) {
        Ok(joint) => joint,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    let (survivor, redirects) = joint.ids();
    let touched = vec![
        touch(survivor, Role::Primary, true, facts),
        touch(redirects, Role::MergedAway, true, facts),
    ];
    let Joint { merge, before, records, settled, warnings } = joint;
    let change = change(request, facts, touched, records);
    record(request, change, facts, |after, seq| {
        let Some(customer) = after.survivor(survivor).cloned() else {
            return Outcome::Refused(Refusal::CustomerMissing(survivor));
        };
        Outcome::Merged(Box::new(MergedByHand { merge, customer, before, warnings, settled, seq }))
    })
}
