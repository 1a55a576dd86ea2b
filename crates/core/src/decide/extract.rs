//! Taking identities out of a customer: the cure for a wrong attachment, where there is no merge to
//! undo.

use super::merge::live;
use super::settle::{change, record, touch};
use crate::command::{Extract, IdentitySent, Request};
use crate::conflict::{Conflict, ConflictKind, Rule};
use crate::customer::Customer;
use crate::facts::TenantFacts;
use crate::identity::{Identity, IdentityKey};
use crate::journal::{Claim, Extracted, Record, Role};
use crate::merge::CannotLink;
use crate::outcome::{Outcome, Refusal, Taken};
use crate::{ConflictId, CustomerId, IdentityNumber, Seq};
use std::collections::BTreeSet;

/// Makes a customer of its own of some identities and the claims that carried only them.
pub(super) fn extract(request: &Request, wanted: &Extract, facts: &mut TenantFacts) -> Outcome {
    let extracted = match extraction(wanted, facts) {
        Ok(extracted) => extracted,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    let (from, to) = (extracted.from, extracted.to);
    let touched =
        vec![touch(from, Role::Primary, true, facts), touch(to, Role::Created, true, facts)];
    let identities: Vec<IdentityNumber> =
        extracted.identities.iter().map(|(number, _)| *number).collect();
    let claims: Vec<Seq> = extracted.claims.iter().map(|(claim, _)| *claim).collect();
    let reviews = unbridged(&extracted, facts);
    let ids: Vec<ConflictId> = reviews.iter().map(|review| review.id).collect();
    let homes: BTreeSet<CustomerId> = extracted.identities.iter().map(|(_, home)| *home).collect();
    let mut records = vec![Record::Extracted(extracted)];
    records.extend(homes.into_iter().map(|home| Record::LinkSet(CannotLink::between(home, to))));
    records.extend(reviews.into_iter().map(Record::Opened));
    let change = change(request, facts, touched, records);
    record(request, change, facts, |after, seq| {
        let found = |id: CustomerId| -> Option<Customer> { after.survivor(id).cloned() };
        match (found(from), found(to)) {
            (Some(from), Some(to)) => Outcome::Extracted(Box::new(Taken {
                from,
                to,
                identities,
                claims,
                reviews: ids,
                seq,
            })),
            (_, _) => Outcome::Refused(Refusal::CustomerMissing(from)),
        }
    })
}

fn extraction(wanted: &Extract, facts: &TenantFacts) -> Result<Extracted, Refusal> {
    let from = live(wanted.customer, facts)?.id;
    let mut chosen: Vec<(IdentityNumber, CustomerId)> = Vec::new();
    for (place, sent) in wanted.identities.iter().enumerate() {
        let held = named(sent, facts).filter(|it| facts.owner(it.number) == Some(from));
        let (number, home) = held
            .and_then(|identity| Some((identity.number, identity.home?)))
            .ok_or(Refusal::IdentityNotHeld(place))?;
        if !chosen.contains(&(number, home)) {
            chosen.push((number, home));
        }
    }
    if chosen.is_empty() || chosen.len() == facts.held_by(from).count() {
        return Err(Refusal::NothingToExtract);
    }
    let homes = facts.homes_of(from);
    let is_chosen = |number| chosen.iter().any(|(one, _)| *one == number);
    let theirs = facts.claims().filter(|(_, _, home)| homes.contains(home));
    let carried_only = theirs.filter(|(_, claim, _)| carried_only(claim, from, is_chosen, facts));
    let claims = carried_only.map(|(entry, _, home)| (entry.seq, home)).collect();
    let to = CustomerId(facts.counters().customer.0 + 1);
    Ok(Extracted { from, to, identities: chosen, claims })
}

/// Whether a claim carried some of a customer's identities, and no others of them than these.
pub(super) fn carried_only(
    claim: &Claim,
    customer: CustomerId,
    is_one: impl Fn(IdentityNumber) -> bool,
    facts: &TenantFacts,
) -> bool {
    let numbers = claim.identities.iter().filter_map(|identity| identity.number);
    let mut theirs = numbers.filter(|number| facts.owner(*number) == Some(customer)).peekable();
    theirs.peek().is_some() && theirs.all(is_one)
}

/// The identity of this type and value.
fn named<'f>(sent: &IdentitySent, facts: &'f TenantFacts) -> Option<&'f Identity> {
    let kind = facts.policy().type_named(&sent.kind)?;
    let value = kind.canonical(&sent.value).into();
    facts.identity_of(&IdentityKey { kind: kind.number, value })
}

/// Review entries about live merges of the customer that nothing bridges any more.
fn unbridged(extracted: &Extracted, facts: &TenantFacts) -> Vec<Conflict> {
    let homes = facts.homes_of(extracted.from);
    let is_taken =
        |number: &IdentityNumber| extracted.identities.iter().any(|(taken, _)| taken == number);
    // Others may have left before: an extraction may come in several goes.
    let is_gone =
        |number: &IdentityNumber| is_taken(number) || facts.owner(*number) != Some(extracted.from);
    let merges = facts.merges().filter(|merge| merge.is_live() && homes.contains(&merge.left));
    let last = facts.counters().conflict.0;
    let loose = merges.filter_map(|merge| {
        let first = merge.bridge.iter().copied().find(is_taken)?;
        merge.bridge.iter().all(is_gone).then_some((merge, first))
    });
    loose
        .zip(1..)
        .map(|((merge, identity), offset)| Conflict {
            id: ConflictId(last + offset),
            kind: ConflictKind::Review,
            rule: Rule::BridgeExtracted,
            identity,
            left: merge.left,
            right: Some(merge.right),
            evidence: merge.bridge.clone(),
            opened: facts.next_seq(),
            settled: None,
            settlement: None,
        })
        .collect()
}
