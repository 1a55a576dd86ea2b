//! Restoring what was deleted, and erasing a person.

use super::settle::{change, record, touch};
use crate::command::Request;
use crate::customer::State;
use crate::facts::TenantFacts;
use crate::identity::{Identity, Quarantine};
use crate::journal::{Claim, Erased, Record, Role};
use crate::merge::Merge;
use crate::outcome::{IdentityVerdict, Outcome, Refusal};
use crate::policy::is_blocked;
use crate::{CustomerId, IdentityNumber, Seq};
use std::collections::{BTreeMap, BTreeSet};

/// The row that says what became of an id: its own, or that of the customer it redirects to.
fn root(id: CustomerId, facts: &TenantFacts) -> Result<(CustomerId, State), Refusal> {
    let customer = facts.customer(id).ok_or(Refusal::CustomerMissing(id))?;
    let root = match customer.state {
        State::MergedInto(survivor) => facts.customer(survivor),
        State::Live | State::Deleted | State::Erased => Some(customer),
    };
    root.map(|root| (root.id, root.state)).ok_or(Refusal::CustomerMissing(id))
}

/// What a deleted customer held, with homes: its newest entry says so.
fn held_when_deleted(
    customer: CustomerId,
    facts: &TenantFacts,
) -> Vec<(IdentityNumber, CustomerId)> {
    let head = facts.customer(customer).and_then(|it| facts.entry(it.head));
    let records = head.map(|entry| entry.records.as_slice()).unwrap_or_default();
    for record in records {
        if let Record::Deleted { customer: deleted, identities } = record
            && *deleted == customer
        {
            return identities.clone();
        }
    }
    Vec::new()
}

/// Brings a deleted customer back, while nobody else owns its identities.
pub(super) fn restore(request: &Request, id: CustomerId, facts: &mut TenantFacts) -> Outcome {
    let customer = match root(id, facts) {
        Ok((root, State::Deleted)) => root,
        Ok((root, State::Erased)) => return Outcome::Refused(Refusal::CustomerErased(root)),
        Ok((root, State::Live | State::MergedInto(_))) => {
            return Outcome::Refused(Refusal::CustomerLive(root));
        }
        Err(refusal) => return Outcome::Refused(refusal),
    };
    let held = held_when_deleted(customer, facts);
    let owned = held.iter().filter_map(|(number, _)| Some((*number, facts.owner(*number)?)));
    let taken: Vec<(IdentityNumber, CustomerId)> = owned.collect();
    if !taken.is_empty() {
        return Outcome::Refused(Refusal::IdentitiesTaken(taken));
    }
    // What was erased with a later owner stays erased.
    let is_there = |number| facts.identity(number).is_some_and(|identity| !identity.is_erased());
    let identities = held.into_iter().filter(|(number, _)| is_there(*number)).collect();
    let touched = vec![touch(customer, Role::Restored, true, facts)];
    let records = vec![Record::Restored { customer, identities }];
    let change = change(request, facts, touched, records);
    record(request, change, facts, |after, seq| match after.survivor(customer).cloned() {
        Some(customer) => Outcome::Restored { customer: Box::new(customer), seq },
        None => Outcome::Refused(Refusal::CustomerMissing(customer)),
    })
}

/// Erases a person: the content of all homes and claims, and the texts of the identities.
pub(super) fn erase(request: &Request, id: CustomerId, facts: &mut TenantFacts) -> Outcome {
    let erased = match erasure(id, facts) {
        Ok(erased) => erased,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    let touched = erased.customers.iter().map(|id| touch(*id, Role::Erased, true, facts)).collect();
    let mut change = change(request, facts, touched, vec![Record::Erased(erased.clone())]);
    change.unnamed = names_given(&erased, facts);
    let erased = Box::new(erased);
    record(request, change, facts, |_, seq| Outcome::Erased { erased, seq })
}

fn erasure(id: CustomerId, facts: &TenantFacts) -> Result<Erased, Refusal> {
    let (customer, state) = root(id, facts)?;
    if state == State::Erased {
        return Err(Refusal::CustomerErased(customer));
    }
    let homes: BTreeSet<CustomerId> = facts.homes_of(customer).into_iter().collect();
    let mut identities: BTreeSet<IdentityNumber> =
        facts.held_by(customer).map(|identity| identity.number).collect();
    if state == State::Deleted {
        let held = held_when_deleted(customer, facts).into_iter().map(|(number, _)| number);
        identities.extend(held.filter(|number| is_nobodys(*number, facts)));
    }
    let (held, mut claims) = (identities.clone(), Vec::new());
    for (entry, claim, _) in facts.claims().filter(|(_, _, home)| homes.contains(home)) {
        claims.push(entry.seq);
        identities.extend(loose(claim).filter(|number| is_left_behind(*number, &held, facts)));
    }
    let names = |home: &CustomerId| homes.contains(home);
    let open = facts.conflicts().filter(|conflict| conflict.settled.is_none());
    let conflicts = open
        .filter(|conflict| names(&conflict.left) || conflict.right.as_ref().is_some_and(names))
        .map(|conflict| conflict.id)
        .collect();
    let touches = |merge: &Merge| names(&merge.left) || names(&merge.right);
    let undecided = facts
        .undecided()
        .filter(|(merge, claim)| claims.contains(claim) || facts.merge(*merge).is_some_and(touches))
        .collect();
    Ok(Erased {
        customers: homes.into_iter().collect(),
        identities: identities.into_iter().collect(),
        claims,
        conflicts,
        undecided,
    })
}

/// Identities that the person came with, whatever the rules made of them.
fn loose(claim: &Claim) -> impl Iterator<Item = IdentityNumber> {
    claim.identities.iter().filter_map(|identity| match identity.verdict {
        IdentityVerdict::OverLimit
        | IdentityVerdict::Created
        | IdentityVerdict::Attached
        | IdentityVerdict::Matched
        | IdentityVerdict::Moved
        | IdentityVerdict::Blocked
        | IdentityVerdict::Quarantined => identity.number,
        IdentityVerdict::KeptElsewhere | IdentityVerdict::Invalid => None,
    })
}

fn is_nobodys(number: IdentityNumber, facts: &TenantFacts) -> bool {
    let is_there = facts.identity(number).is_some_and(|identity| !identity.is_erased());
    is_there && facts.owner(number).is_none()
}

/// Whether an identity that the person came with is nobody's and says something of nobody else:
/// what everybody makes up stays, and so does a quarantined one that came with identities of others.
fn is_left_behind(
    number: IdentityNumber,
    held: &BTreeSet<IdentityNumber>,
    facts: &TenantFacts,
) -> bool {
    let Some(identity) = facts.identity(number) else { return false };
    let kind = facts.policy().type_of(identity.key.kind);
    let is_made_up = kind.is_some_and(|kind| is_blocked(&kind.key(), &identity.key.value));
    let is_erased = |number| facts.identity(number).is_some_and(Identity::is_erased);
    let is_others = |companion| !held.contains(&companion) && !is_erased(companion);
    let is_shared = identity.quarantine == Quarantine::Yes
        && identity.companions.iter().any(|(_, companion)| is_others(*companion));
    is_nobodys(number, facts) && !is_made_up && !is_shared
}

/// Identities that somebody else has, or nobody, and that still go by a name which the person's
/// claims gave them: their owner has not named them since.
fn names_given(erased: &Erased, facts: &TenantFacts) -> Vec<IdentityNumber> {
    let claims: BTreeSet<Seq> = erased.claims.iter().copied().collect();
    let mut given: BTreeMap<IdentityNumber, bool> = BTreeMap::new();
    for (entry, claim, home) in facts.claims() {
        let named = claim.identities.iter().filter(|identity| identity.named);
        for number in named.filter_map(|identity| identity.number) {
            let of_owner = facts.owner(number).is_some_and(|it| facts.homes_of(it).contains(&home));
            if claims.contains(&entry.seq) {
                given.insert(number, true);
            } else if of_owner {
                given.insert(number, false);
            }
        }
    }
    given.retain(|number, is_theirs| *is_theirs && !erased.identities.contains(number));
    let is_named = |number: &IdentityNumber| {
        facts.identity(*number).is_some_and(|identity| identity.name.is_some())
    };
    given.into_keys().filter(is_named).collect()
}
