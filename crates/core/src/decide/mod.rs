//! Decisions: a command and the facts in, a change and an outcome out. Nothing here waits or
//! fails; what the rules forbid is an outcome.
//!
//! An upsert is decided in the steps of the identity page, one file each: [`sort`] (1),
//! [`owners`] (2 to 4), [`join`] (4 to 6), [`fields`] (7); [`settle`] (8) turns the plan into a
//! journal entry and an outcome. What people decide afterwards is in [`merge`], [`undo`],
//! [`extract`], [`erase`] and [`review`].

mod direct;
mod directory;
mod erase;
mod extract;
mod fields;
mod guards;
mod import;
mod join;
mod merge;
mod noted;
mod owners;
mod people;
mod policy;
mod review;
mod saved;
mod sessions;
mod settle;
mod sort;
mod undo;
mod upsert;
mod webhook;
mod wechat;

use crate::CustomerId;
use crate::command::{Command, Request};
use crate::facts::{Facts, TenantFacts};
use crate::merge::{Guard, Verdict};
use crate::outcome::{Outcome, Refusal};
use crate::policy::OnConflict;
use crate::receipt::{Receipt, ReceiptKey};

/// Decides the requests in order and records each change, so that later ones see earlier ones.
/// Outcome `i` answers request `i`. What has to be written is dirty in the facts afterwards.
pub fn decide_batch(batch: &[Request], facts: &mut Facts) -> Vec<Outcome> {
    batch.iter().map(|request| decide(request, facts)).collect()
}

/// Decides the requests as [`decide_batch`] does, all of them or none: if one is refused, the facts
/// stay as they were, and the other outcomes tell what would have come.
pub fn decide_together(batch: &[Request], facts: &mut Facts) -> Vec<Outcome> {
    let mut trial = facts.clone();
    let outcomes = decide_batch(batch, &mut trial);
    if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Refused(_))) {
        return outcomes.into_iter().map(Outcome::withdrawn).collect();
    }
    *facts = trial;
    outcomes
}

/// Tells what would come of the requests, each of which sees those before it. Nothing is kept.
pub fn decide_on_trial(batch: &[Request], mut facts: Facts) -> Vec<Outcome> {
    decide_batch(batch, &mut facts).into_iter().map(Outcome::withdrawn).collect()
}

/// Decides a request, unless its sender has its answer already. Whatever its command is, its key is
/// looked at here and nowhere else.
fn decide(request: &Request, facts: &mut Facts) -> Outcome {
    let key = ReceiptKey::of(request);
    let known = key.and_then(|(key, _)| facts.tenants.get(&request.tenant)?.receipt(key));
    if let (Some((_, idempotency)), Some(known)) = (key, known)
        && !known.has_expired(request.origin.at)
    {
        return if known.request == idempotency.request {
            Outcome::Repeated(Box::new(known.clone()))
        } else {
            Outcome::Refused(Refusal::KeyReused)
        };
    }
    let outcome = decide_anew(request, facts);
    if let Some(tenant) = facts.tenants.get_mut(&request.tenant)
        && let Some(receipt) = Receipt::of(request, &outcome, tenant.counters().seq)
    {
        tenant.remember(receipt);
    }
    outcome
}

fn decide_anew(request: &Request, facts: &mut Facts) -> Outcome {
    let outcome = decide_command(request, facts);
    noted::note(request, &outcome, facts);
    outcome
}

fn decide_command(request: &Request, facts: &mut Facts) -> Outcome {
    match &request.command {
        Command::Upsert(upsert) => {
            in_tenant(request, facts, |tenant| upsert::upsert(request, upsert, tenant))
        }
        Command::Put(put) => in_tenant(request, facts, |tenant| direct::put(request, put, tenant)),
        Command::Attach(attach) => {
            in_tenant(request, facts, |tenant| direct::attach(request, attach, tenant))
        }
        Command::Delete(customer) => {
            in_tenant(request, facts, |tenant| direct::delete(request, *customer, tenant))
        }
        Command::Release(identity) => {
            in_tenant(request, facts, |tenant| policy::release(request, *identity, tenant))
        }
        Command::CreateTenant(tenant) => directory::create_tenant(request, tenant, facts),
        Command::ChangeApp(change) => directory::change_app(request, change, facts),
        Command::SetPolicy(policy) => policy::set_policy(request, policy, facts),
        Command::Probe => Outcome::Written,
        Command::Webhook(change) => webhook::change_webhook(request, change, facts),
        Command::Deliver(delivery) => webhook::deliver(request, delivery, facts),
        Command::Wechat(change) => wechat::change(request, change, facts),
        Command::Import(change) => import::change_import(request, change, facts),
        Command::People(change) => people::change(request, change, facts),
        Command::Merge(merge) => {
            in_tenant(request, facts, |tenant| merge::merge(request, *merge, tenant))
        }
        Command::Unmerge(merge) => {
            in_tenant(request, facts, |tenant| undo::unmerge(request, *merge, tenant))
        }
        Command::Extract(wanted) => {
            in_tenant(request, facts, |tenant| extract::extract(request, wanted, tenant))
        }
        Command::DecideClaim(decision) => {
            in_tenant(request, facts, |tenant| undo::decide_claim(request, *decision, tenant))
        }
        Command::Restore(customer) => {
            in_tenant(request, facts, |tenant| erase::restore(request, *customer, tenant))
        }
        Command::Erase(customer) => {
            in_tenant(request, facts, |tenant| erase::erase(request, *customer, tenant))
        }
        Command::SettleConflict(wanted) => {
            in_tenant(request, facts, |tenant| review::settle(request, *wanted, tenant))
        }
        Command::SetCannotLink(wanted) => {
            in_tenant(request, facts, |tenant| review::link(request, *wanted, tenant))
        }
    }
}

/// Decides on the facts of the request's tenant, if there is one.
fn in_tenant(
    request: &Request,
    facts: &mut Facts,
    decide: impl FnOnce(&mut TenantFacts) -> Outcome,
) -> Outcome {
    let tenant = facts.tenants.get_mut(&request.tenant);
    tenant.map_or(Outcome::Refused(Refusal::TenantMissing), decide)
}

/// What the guards of a merge say about two live customers.
pub(crate) fn guards_between(
    one: CustomerId,
    other: CustomerId,
    by_contact: bool,
    facts: &TenantFacts,
) -> Vec<(Guard, Verdict)> {
    guards::ask(&guards::Meeting {
        preset: facts.policy().preset,
        ours: &guards::held_by(one, facts),
        theirs: &guards::held_by(other, facts),
        role_of: &|kind| facts.policy().rules_of(kind).role,
        linked: facts.cannot_link(&facts.homes_of(one), &facts.homes_of(other)),
        by_contact,
        keep: facts.policy().on_conflict == OnConflict::Keep,
    })
}
