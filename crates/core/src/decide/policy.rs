//! Commands about the rules themselves.

use super::settle::change;
use crate::command::{Request, SetPolicy};
use crate::directory::Tenant;
use crate::facts::{Facts, TenantFacts};
use crate::identity::Quarantine;
use crate::journal::{PolicyState, Record, Role, Touched};
use crate::outcome::{Outcome, PolicySet, Refusal, Released};
use crate::policy::{IdentityType, TypeProblem};
use crate::{CustomerId, IdentityNumber};

/// Changes the tenant's policy; a policy that is set already is answered without an entry.
pub(super) fn set_policy(request: &Request, wanted: &SetPolicy, facts: &mut Facts) -> Outcome {
    let stored = facts.directory.tenants.iter_mut().find(|tenant| tenant.id == request.tenant);
    let (Some(stored), Some(tenant)) = (stored, facts.tenants.get_mut(&request.tenant)) else {
        return Outcome::Refused(Refusal::TenantMissing);
    };
    let version = tenant.policy().version;
    if wanted.if_version.is_some_and(|wanted| wanted != version) {
        return Outcome::Refused(Refusal::PolicyChanged(version));
    }
    let Plan { types, records, problems } = Plan::of(wanted, tenant);
    if !problems.is_empty() {
        return Outcome::Refused(Refusal::TypesNotSet(problems));
    }
    let before = tenant.policy().clone();
    let mut seq = None;
    let mut excerpt = None;
    if !records.is_empty() {
        let mut change = change(request, tenant, Vec::new(), records);
        change.types = types;
        if request.dry_run {
            let mut preview = tenant.excerpt(&[], &[]);
            preview.record(change);
            excerpt = Some(preview);
        } else {
            seq = Some(change.entry.seq);
            tenant.record(change);
        }
    }
    let after = excerpt.as_ref().unwrap_or(tenant).policy().clone();
    let answer = Tenant { preset: after.preset, on_conflict: after.on_conflict, ..stored.clone() };
    if seq.is_some() && *stored != answer {
        *stored = answer.clone();
        facts.directory_dirty = true;
    }
    let types = wanted.types.iter().filter_map(|(name, _)| after.type_named(name).cloned());
    let types = types.collect();
    Outcome::Policy(Box::new(PolicySet { tenant: answer, before, after, types, seq }))
}

/// Lets a quarantined identity match again.
pub(super) fn release(
    request: &Request,
    number: IdentityNumber,
    facts: &mut TenantFacts,
) -> Outcome {
    let Some(identity) = facts.identity(number).filter(|identity| !identity.is_erased()) else {
        return Outcome::Refused(Refusal::IdentityMissing(number));
    };
    if identity.quarantine == Quarantine::No {
        return Outcome::Refused(Refusal::NotQuarantined(number));
    }
    // The owner's history tells it; nothing that is seen of the owner changes.
    let owner = facts.owner(number);
    let touched = owner.and_then(|owner| facts.customer(owner)).map(|customer| Touched {
        customer: customer.id,
        role: Role::Primary,
        previous: Some(customer.head),
        rev_before: customer.rev,
        rev_after: customer.rev,
    });
    let touched = touched.into_iter().collect();
    let change = change(request, facts, touched, vec![Record::Released(number)]);
    let seq = (!request.dry_run).then_some(change.entry.seq);
    let mut excerpt = None;
    if request.dry_run {
        let owners: Vec<CustomerId> = owner.into_iter().collect();
        let mut preview = facts.excerpt(&owners, &[number]);
        preview.record(change);
        excerpt = Some(preview);
    } else {
        facts.record(change);
    }
    let after = excerpt.as_ref().unwrap_or(facts);
    let identity = after.identity(number).cloned();
    let kind = |kind| after.policy().type_of(kind).map(|kind| kind.name.clone());
    match identity.and_then(|identity| Some((kind(identity.key.kind)?, identity))) {
        Some((kind, identity)) => Outcome::Released(Released { identity, kind, owner, seq }),
        None => Outcome::Refused(Refusal::IdentityMissing(number)),
    }
}

/// What a change of a policy comes to.
#[derive(Default)]
struct Plan {
    /// Types that nobody has used.
    types: Vec<IdentityType>,
    records: Vec<Record>,
    /// What is wrong, with the places of the types.
    problems: Vec<(usize, TypeProblem)>,
}

impl Plan {
    fn of(wanted: &SetPolicy, facts: &TenantFacts) -> Plan {
        let mut plan = Plan::default();
        let policy = facts.policy();
        let before = PolicyState { preset: policy.preset, on_conflict: policy.on_conflict };
        let after = PolicyState {
            preset: wanted.preset.unwrap_or(before.preset),
            on_conflict: wanted.on_conflict.unwrap_or(before.on_conflict),
        };
        if before != after {
            plan.records.push(Record::PolicyChanged { before, after });
        }
        // Each type as it stands after the changes before: a request may name one twice.
        let mut changed: Vec<IdentityType> = Vec::new();
        for (at, (name, change)) in wanted.types.iter().enumerate() {
            let key = crate::canonical::type_key(name);
            let place = changed.iter().position(|kind| kind.key() == key);
            let known = place.and_then(|place| changed.get(place)).or(policy.type_named(name));
            let (mut kind, is_new) = match known.cloned() {
                Some(kind) => (kind, false),
                None => match policy.new_type(name, &plan.types) {
                    Ok(kind) => (kind, true),
                    Err(problem) => {
                        plan.problems.push((at, problem));
                        continue;
                    }
                },
            };
            let is_used = || facts.is_used(kind.number);
            let after = match kind.settings.changed(&key, change.clone(), is_used) {
                Ok(after) => after,
                Err(problems) => {
                    plan.problems.extend(problems.into_iter().map(|problem| (at, problem)));
                    continue;
                }
            };
            if after == kind.settings {
                continue;
            }
            if is_new {
                plan.types.push(kind.clone());
            }
            let before = std::mem::replace(&mut kind.settings, after.clone());
            plan.records.push(Record::TypeChanged { kind: kind.number, before, after });
            match place.and_then(|place| changed.get_mut(place)) {
                Some(stands) => *stands = kind,
                None => changed.push(kind),
            }
        }
        plan
    }
}
