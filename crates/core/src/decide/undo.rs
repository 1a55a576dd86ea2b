//! Undoing a merge, and deciding the claims that it leaves undecided.

use super::extract::carried_only;
use super::merge::live;
use super::settle::{change, record, touch};
use crate::command::{DecideClaim, Request};
use crate::facts::{TenantFacts, reachable};
use crate::journal::{Claim, ClaimDecided, Record, Role, Unmerged};
use crate::merge::{CannotLink, Merge};
use crate::outcome::{Decided, IdentityVerdict, Outcome, Refusal, Undone};
use crate::{CustomerId, IdentityNumber, MergeId, Seq};
use std::collections::BTreeSet;

/// Undoes a merge: its edge goes, and nothing else has to be reconstructed.
pub(super) fn unmerge(request: &Request, id: MergeId, facts: &mut TenantFacts) -> Outcome {
    let parting = match Parting::of(id, facts) {
        Ok(parting) => parting,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    let (kept, revived) = parting.customers();
    let touched =
        vec![touch(kept, Role::Primary, true, facts), touch(revived, Role::Revived, true, facts)];
    let unmerged = parting.unmerged(facts);
    let undecided = unmerged.undecided.clone();
    let mut records = vec![Record::Unmerged(unmerged)];
    let link = CannotLink::between(parting.merge.left, parting.merge.right);
    if facts.link(link).is_none() {
        records.push(Record::LinkSet(link));
    }
    let change = change(request, facts, touched, records);
    record(request, change, facts, |after, seq| {
        match (after.survivor(kept).cloned(), after.survivor(revived).cloned()) {
            (Some(kept), Some(revived)) => Outcome::Unmerged(Box::new(Undone {
                merge: id,
                customers: (kept, revived),
                undecided,
                seq,
            })),
            (_, _) => Outcome::Refused(Refusal::CustomerMissing(kept)),
        }
    })
}

/// A customer that falls into two.
struct Parting {
    merge: Merge,
    /// The homes on the side of the customer's id, and those on the other side.
    sides: (BTreeSet<CustomerId>, BTreeSet<CustomerId>),
}

impl Parting {
    fn of(id: MergeId, facts: &TenantFacts) -> Result<Parting, Refusal> {
        let merge = facts.merge(id).ok_or(Refusal::MergeMissing(id))?.clone();
        if !merge.is_live() {
            return Err(Refusal::MergeUndone(id));
        }
        let customer = live(merge.left, facts)?.id;
        let others: Vec<&Merge> =
            facts.merges().filter(|other| other.is_live() && other.id != id).collect();
        let left = reachable(merge.left, &others);
        let right = reachable(merge.right, &others);
        let sides = if left.contains(&customer) { (left, right) } else { (right, left) };
        Ok(Parting { merge, sides })
    }

    /// The customer that keeps the id, and the one that is there again.
    fn customers(&self) -> (CustomerId, CustomerId) {
        let smallest = |side: &BTreeSet<CustomerId>| side.first().copied();
        let (kept, revived) = (smallest(&self.sides.0), smallest(&self.sides.1));
        (kept.unwrap_or(self.merge.left), revived.unwrap_or(self.merge.right))
    }

    fn unmerged(&self, facts: &TenantFacts) -> Unmerged {
        let mut unmerged = Unmerged {
            merge: self.merge.id,
            customers: self.customers(),
            identities: Vec::new(),
            claims: (Vec::new(), Vec::new()),
            undecided: Vec::new(),
        };
        let (kept, revived) = &self.sides;
        let held = facts.held_by(self.customers().0);
        let leaving = held.filter(|it| it.home.is_some_and(|home| revived.contains(&home)));
        unmerged.identities = leaving.map(|identity| identity.number).collect();
        for (entry, claim, home) in facts.claims() {
            let is_ours = kept.contains(&home) || revived.contains(&home);
            if entry.seq < self.merge.seq || !is_ours {
                continue;
            }
            let side =
                if kept.contains(&home) { &mut unmerged.claims.0 } else { &mut unmerged.claims.1 };
            side.push(entry.seq);
            if self.is_undecided(claim, facts) {
                unmerged.undecided.push(entry.seq);
            }
        }
        unmerged
    }

    /// Whether a claim was found by identities of both sides, or of none.
    fn is_undecided(&self, claim: &Claim, facts: &TenantFacts) -> bool {
        let homes: Vec<CustomerId> =
            finders(claim).filter_map(|number| facts.identity(number)?.home).collect();
        let on = |side: &BTreeSet<CustomerId>| homes.iter().any(|home| side.contains(home));
        on(&self.sides.0) == on(&self.sides.1)
    }
}

/// The identities of a claim that were somebody's before it.
fn finders(claim: &Claim) -> impl Iterator<Item = IdentityNumber> {
    claim.identities.iter().filter_map(|identity| match identity.verdict {
        IdentityVerdict::Matched | IdentityVerdict::Moved => identity.number,
        IdentityVerdict::Created
        | IdentityVerdict::Attached
        | IdentityVerdict::KeptElsewhere
        | IdentityVerdict::Blocked
        | IdentityVerdict::Quarantined
        | IdentityVerdict::OverLimit
        | IdentityVerdict::Invalid => None,
    })
}

/// Says which side of an undone merge a claim belongs to.
pub(super) fn decide_claim(
    request: &Request,
    wanted: DecideClaim,
    facts: &mut TenantFacts,
) -> Outcome {
    let decided = match decision(wanted, facts) {
        Ok(decided) => decided,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    let ends = [decided.from, decided.to].map(|home| live(home, facts).map(|it| it.id));
    let (from, to) = match ends {
        [Ok(from), Ok(to)] => (from, to),
        [Err(refusal), _] | [_, Err(refusal)] => return Outcome::Refused(refusal),
    };
    let moves = decided.from != decided.to;
    let mut touched = vec![touch(to, Role::Primary, moves, facts)];
    if from != to {
        touched.push(touch(from, Role::Other, moves, facts));
    }
    let (claim, home): (Seq, CustomerId) = (decided.claim, decided.to);
    let change = change(request, facts, touched, vec![Record::ClaimDecided(decided)]);
    record(request, change, facts, |after, seq| {
        match (after.survivor(from).cloned(), after.survivor(to).cloned()) {
            (Some(from), Some(to)) => {
                let customers = (from, to);
                Outcome::ClaimDecided(Box::new(Decided { claim, home, customers, seq }))
            }
            (_, _) => Outcome::Refused(Refusal::CustomerMissing(to)),
        }
    })
}

/// The claims of a home that carried only these identities, and that nobody has to decide on their
/// own: what an identity says belongs to whom it belongs to.
fn along(
    claim: Seq,
    home: CustomerId,
    identities: &[IdentityNumber],
    facts: &TenantFacts,
) -> Vec<Seq> {
    let Some(customer) = facts.survivor(home).map(|customer| customer.id) else {
        return Vec::new();
    };
    let undecided: BTreeSet<Seq> = facts.undecided().map(|(_, claim)| claim).collect();
    let others = facts.claims().filter(|(entry, _, at)| {
        *at == home && entry.seq != claim && !undecided.contains(&entry.seq)
    });
    let only =
        |claim: &Claim| carried_only(claim, customer, |number| identities.contains(&number), facts);
    others.filter(|(_, claim, _)| only(claim)).map(|(entry, _, _)| entry.seq).collect()
}

fn decision(wanted: DecideClaim, facts: &TenantFacts) -> Result<ClaimDecided, Refusal> {
    let DecideClaim { merge, claim, customer } = wanted;
    let missing = Refusal::ClaimDecided { merge, claim };
    let listed = facts.undecided().any(|undecided| undecided == (merge, claim));
    let found = facts.claims().find(|(entry, _, _)| entry.seq == claim).filter(|_| listed);
    let (_, sent, from) = found.ok_or(missing)?;
    let edge = facts.merge(merge).ok_or(Refusal::MergeMissing(merge))?;
    let side = live(customer, facts)?.id;
    let homes: BTreeSet<CustomerId> = facts.homes_of(side).into_iter().collect();
    // Where it belongs already, else where an identity that found it is at home, else at an end of
    // the edge. The first two may be neither end by now: the sides of a merge fall apart as well.
    let theirs = finders(sent).filter_map(|number| facts.identity(number)?.home);
    let mut places = [from].into_iter().chain(theirs).chain([edge.left, edge.right]);
    let to = places.find(|home| homes.contains(home)).ok_or(Refusal::CustomerElsewhere(side))?;
    let attached = sent.identities.iter().filter(|identity| {
        matches!(identity.verdict, IdentityVerdict::Attached | IdentityVerdict::Created)
    });
    let is_there = |number: &IdentityNumber| {
        facts.identity(*number).is_some_and(|identity| identity.home == Some(from))
    };
    let identities: Vec<IdentityNumber> =
        attached.filter_map(|identity| identity.number).filter(is_there).collect();
    let identities = if to == from { Vec::new() } else { identities };
    let along = along(claim, from, &identities, facts);
    Ok(ClaimDecided { merge, claim, from, to, identities, along })
}
