//! Decisions: a command and the facts in, a change and an outcome out. Nothing here waits or
//! fails; what the rules forbid is an outcome.
//!
//! An upsert is decided in the steps of the identity page, one file each: [`sort`] (1),
//! [`owners`] (2 to 4), [`join`] (4 to 6), [`fields`] (7); [`settle`] (8) turns the plan into a
//! journal entry and an outcome.

mod direct;
mod directory;
mod fields;
mod join;
mod owners;
mod settle;
mod sort;
mod upsert;

use crate::command::{Command, Request};
use crate::facts::Facts;
use crate::outcome::{Outcome, Refusal};

/// Decides the requests in order and records each change, so that later ones see earlier ones.
/// Outcome `i` answers request `i`. What has to be written is dirty in the facts afterwards.
pub fn decide_batch(batch: &[Request], facts: &mut Facts) -> Vec<Outcome> {
    batch.iter().map(|request| decide(request, facts)).collect()
}

fn decide(request: &Request, facts: &mut Facts) -> Outcome {
    match &request.command {
        Command::CreateTenant(tenant) => return directory::create_tenant(request, tenant, facts),
        Command::ChangeApp(change) => return directory::change_app(request, change, facts),
        Command::SetPolicy(policy) => return directory::set_policy(request, *policy, facts),
        Command::Probe => return Outcome::Written,
        Command::Upsert(_) | Command::Put(_) | Command::Attach(_) | Command::Delete(_) => (),
    }
    let Some(tenant) = facts.tenants.get_mut(&request.tenant) else {
        return Outcome::Refused(Refusal::TenantMissing);
    };
    match &request.command {
        Command::Upsert(upsert) => upsert::upsert(request, upsert, tenant),
        Command::Put(put) => direct::put(request, put, tenant),
        Command::Attach(attach) => direct::attach(request, attach, tenant),
        Command::Delete(customer) => direct::delete(request, *customer, tenant),
        Command::CreateTenant(_)
        | Command::ChangeApp(_)
        | Command::SetPolicy(_)
        | Command::Probe => Outcome::Written,
    }
}
