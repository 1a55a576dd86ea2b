//! Commands that name a customer by its id: put, attach, delete.

use super::fields;
use super::join::Joining;
use super::merge::live;
use super::owners::Found;
use super::settle::{Plan, change, outcomes, settle, touch};
use super::sort::sort_out;
use crate::CustomerId;
use crate::command::{Attach, Put, Request};
use crate::facts::TenantFacts;
use crate::journal::{Record, Role, Route};
use crate::outcome::{IdentityVerdict, Outcome, Refusal};
use crate::policy::OnConflict;

/// Changes the fields of a customer.
pub(super) fn put(request: &Request, put: &Put, facts: &mut TenantFacts) -> Outcome {
    let customer = match live(put.customer, facts) {
        Ok(customer) => customer.id,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    let mut plan = Plan::about(customer, Route::Id, sort_out(&[], facts));
    plan.tells_before = true;
    let (home, shown) = plan.shown_after_merges(facts);
    if let Some(refusal) = fields::too_many_custom(&put.fields, &shown) {
        return Outcome::Refused(refusal);
    }
    let created_at = facts.customer(customer).map(|customer| customer.created_at);
    let stands = fields::Stands { home: &home, shown: &shown, policy: facts.policy() };
    plan.fields = fields::plan(&put.fields, fields::Spelling::Exact, stands, created_at);
    settle(request, plan, facts)
}

/// Attaches an identity to a customer, or says why not (wire W30).
pub(super) fn attach(request: &Request, attach: &Attach, facts: &mut TenantFacts) -> Outcome {
    let customer = match live(attach.customer, facts) {
        Ok(customer) => customer.id,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    let mut sorted = sort_out(std::slice::from_ref(&attach.identity), facts);
    let found = Found {
        primary: Some(customer),
        route: Route::Id,
        items: Vec::new(),
        set_aside: Vec::new(),
        others: Vec::new(),
    };
    let mut joining = Joining::new(facts, &mut sorted, &found, OnConflict::Keep);
    joining.run(&found);
    let Joining { opened, views, .. } = joining;
    let verdict = sorted.items.first().and_then(|item| item.verdict);
    if !matches!(verdict, Some(IdentityVerdict::Attached | IdentityVerdict::Matched)) {
        let refused = outcomes(&sorted, facts).into_iter().next();
        return Outcome::Refused(
            refused.map_or(Refusal::NothingUsable { identities: Vec::new() }, Refusal::NotAttached),
        );
    }
    let plan = Plan { opened, views, ..Plan::about(customer, Route::Id, sorted) };
    settle(request, plan, facts)
}

/// Deletes a customer: it is gone from every read, and its identities are free again.
pub(super) fn delete(request: &Request, id: CustomerId, facts: &mut TenantFacts) -> Outcome {
    let survivor = match live(id, facts) {
        Ok(survivor) => survivor.id,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    if survivor != id {
        return Outcome::Refused(Refusal::CustomerMerged { customer: id, survivor });
    }
    let touched = touch(id, Role::Deleted, true, facts);
    let held = facts.held_by(id).filter_map(|identity| Some((identity.number, identity.home?)));
    let identities = held.collect();
    let records = vec![Record::Deleted { customer: id, identities }];
    if !request.dry_run {
        let change = change(request, facts, vec![touched], records);
        facts.record(change);
    }
    Outcome::Deleted(id)
}
