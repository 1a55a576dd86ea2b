//! What reviewers decide: conflicts, review entries, cannot-links.

use super::merge::{Joint, live};
use super::settle::{change, record, touch};
use crate::command::{Decision, Request, SetCannotLink, SettleConflict};
use crate::conflict::{Conflict, Settlement};
use crate::facts::TenantFacts;
use crate::journal::{Record, Role, Settled, Touched};
use crate::limits::IDENTITIES_MAX;
use crate::merge::CannotLink;
use crate::outcome::{Outcome, Refusal, SettledConflict, Unfit};
use crate::{ConflictId, CustomerId};

/// Settles a conflict or review entry.
pub(super) fn settle(
    request: &Request,
    wanted: SettleConflict,
    facts: &mut TenantFacts,
) -> Outcome {
    let (touched, records) = match settlement(wanted, facts) {
        Ok(settlement) => settlement,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    let change = change(request, facts, touched, records);
    record(request, change, facts, |after, seq| {
        let Some(conflict) = after.conflict(wanted.conflict).cloned() else {
            return Outcome::Refused(Refusal::ConflictMissing(wanted.conflict));
        };
        let answers = |home| after.survivor(home).map_or(home, |customer| customer.id);
        let customers = (answers(conflict.left), conflict.right.map(answers));
        Outcome::Settled(Box::new(SettledConflict { conflict, customers, seq }))
    })
}

type Settling = (Vec<Touched>, Vec<Record>);

fn settlement(wanted: SettleConflict, facts: &TenantFacts) -> Result<Settling, Refusal> {
    let id = wanted.conflict;
    let conflict = facts.conflict(id).ok_or(Refusal::ConflictMissing(id))?;
    if conflict.settled.is_some() {
        return Err(Refusal::ConflictSettled(id));
    }
    match wanted.decision {
        Decision::Merge => joined(conflict, facts),
        Decision::KeepApart => kept_apart(conflict, facts),
        Decision::MoveIdentity => moved(conflict, facts),
        Decision::Accept => Ok((touched_by(conflict, false, facts), vec![accepted(id)])),
    }
}

fn accepted(conflict: ConflictId) -> Record {
    Record::Settled(Settled { conflict, settlement: Settlement::Accepted, moved: None })
}

fn unfit(decision: Decision, because: Unfit) -> Refusal {
    Refusal::DecisionUnfit { decision, because }
}

/// The customers that answer for the two sides today, as far as they are there.
fn touched_by(conflict: &Conflict, visible: bool, facts: &TenantFacts) -> Vec<Touched> {
    let left = facts.survivor(conflict.left).map(|customer| customer.id);
    let right = conflict.right.and_then(|home| facts.survivor(home)).map(|customer| customer.id);
    let first = left.map(|id| touch(id, Role::Primary, visible, facts));
    let second = right.filter(|id| Some(*id) != left);
    first.into_iter().chain(second.map(|id| touch(id, Role::Other, visible, facts))).collect()
}

fn joined(conflict: &Conflict, facts: &TenantFacts) -> Result<Settling, Refusal> {
    let right = conflict.right.ok_or(unfit(Decision::Merge, Unfit::OneSided))?;
    let joint = match Joint::of((conflict.left, right), vec![conflict.identity], facts) {
        Err(Refusal::SameCustomer(_)) => {
            return Err(unfit(Decision::Merge, Unfit::OneCustomer));
        }
        joint => joint?,
    };
    let (survivor, redirects) = joint.ids();
    let touched = vec![
        touch(survivor, Role::Primary, true, facts),
        touch(redirects, Role::MergedAway, true, facts),
    ];
    Ok((touched, joint.records))
}

fn kept_apart(conflict: &Conflict, facts: &TenantFacts) -> Result<Settling, Refusal> {
    let right = conflict.right.ok_or(unfit(Decision::KeepApart, Unfit::OneSided))?;
    let answers = |home| facts.survivor(home).map(|customer| customer.id);
    if answers(conflict.left).is_some() && answers(conflict.left) == answers(right) {
        return Err(unfit(Decision::KeepApart, Unfit::OneCustomer));
    }
    let settlement = Settlement::KeptApart;
    let mut records =
        vec![Record::Settled(Settled { conflict: conflict.id, settlement, moved: None })];
    let link = CannotLink::between(conflict.left, right);
    if facts.link(link).is_none() {
        records.push(Record::LinkSet(link));
    }
    Ok((touched_by(conflict, false, facts), records))
}

fn moved(conflict: &Conflict, facts: &TenantFacts) -> Result<Settling, Refusal> {
    let number = conflict.identity;
    let to = live(conflict.left, facts)?;
    let identity = facts.identity(number).filter(|identity| !identity.is_erased());
    let before = identity.ok_or(unfit(Decision::MoveIdentity, Unfit::IdentityErased))?.home;
    let owner = facts.owner(number);
    if owner == Some(to.id) {
        return Err(unfit(Decision::MoveIdentity, Unfit::OwnedAlready));
    }
    let found = facts.held_by(to.id).count() + 1;
    if found > IDENTITIES_MAX {
        return Err(Refusal::IdentitiesTooMany { found, limit: IDENTITIES_MAX });
    }
    let mut touched = vec![touch(to.id, Role::Primary, true, facts)];
    touched.extend(owner.map(|owner| touch(owner, Role::Other, true, facts)));
    let settled = Settled {
        conflict: conflict.id,
        settlement: Settlement::IdentityMoved,
        moved: Some((number, before, conflict.left)),
    };
    Ok((touched, vec![Record::Settled(settled)]))
}

/// Sets or removes a cannot-link between two homes.
pub(super) fn link(request: &Request, wanted: SetCannotLink, facts: &mut TenantFacts) -> Outcome {
    let SetCannotLink { one, other, apart } = wanted;
    let link = CannotLink::between(one, other);
    let customers = match linked(wanted, link, facts) {
        Ok(customers) => customers,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    if facts.link(link).is_some() == apart {
        return Outcome::Linked { link, apart, seq: None };
    }
    let records = vec![if apart { Record::LinkSet(link) } else { Record::LinkRemoved(link) }];
    let touched = customers.into_iter().map(|id| touch(id, Role::Other, false, facts)).collect();
    let change = change(request, facts, touched, records);
    record(request, change, facts, |_, seq| Outcome::Linked { link, apart, seq })
}

/// The customers that the link is between today.
fn linked(
    wanted: SetCannotLink,
    link: CannotLink,
    facts: &TenantFacts,
) -> Result<Vec<CustomerId>, Refusal> {
    if !wanted.apart {
        facts.link(link).ok_or(Refusal::CannotLinkMissing(link))?;
        let answers = [link.low, link.high].map(|home| facts.survivor(home).map(|it| it.id));
        let mut there: Vec<CustomerId> = answers.into_iter().flatten().collect();
        there.dedup();
        return Ok(there);
    }
    let (one, other) = (live(wanted.one, facts)?.id, live(wanted.other, facts)?.id);
    if one == other {
        return Err(Refusal::SameCustomer(one));
    }
    Ok(vec![one, other])
}
