//! One upsert, step by step (identity page, "One upsert").

use super::fields;
use super::join::Joining;
use super::merge::live;
use super::owners::{Found, find, given_by_id, has_usable_attribute, quarantined_owner};
use super::settle::{Plan, change, outcomes, settle, views};
use super::sort::{Sorted, sort_out};
use crate::Seq;
use crate::command::{IdentitySent, Request, Upsert};
use crate::conflict::ConflictKind;
use crate::facts::TenantFacts;
use crate::journal::{Counted, Record, Route};
use crate::outcome::{IdentityVerdict, Outcome, Refusal, Warning};
use crate::policy::{OnConflict, Preset};

/// Decides who an upsert is about, and writes it down.
pub(super) fn upsert(request: &Request, upsert: &Upsert, facts: &mut TenantFacts) -> Outcome {
    let given = upsert.matching.customer.map(|id| live(id, facts).map(|customer| customer.id));
    let given = match given.transpose() {
        Ok(given) => given,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    let mut sorted = sort_out(&upsert.identities, facts);
    if given.is_none() && upsert.record.is_none() && sorted.usable().next().is_none() {
        match without_identity(upsert, &sorted, facts) {
            Unmatched::Refused => return refuse(request, sorted, facts),
            Unmatched::Quarantined(mut plan) => {
                if !upsert.fields.is_empty() {
                    plan.warnings.push(Warning::NothingWritten);
                }
                let seq = keep_counts(request, &mut sorted, facts);
                plan.sorted = sorted;
                return unchanged(*plan, seq, facts);
            }
            Unmatched::Open => (),
        }
    }

    let found = match (given, &upsert.record) {
        (Some(customer), _) => given_by_id(customer, &sorted, facts),
        (None, None) => find(&sorted, upsert, facts),
        (None, Some(record)) => {
            let (whole, found) = found_with(record, sorted, upsert, facts);
            sorted = whole;
            found
        }
    };
    let on_conflict = upsert.on_conflict.unwrap_or(facts.policy().on_conflict);
    let mut joining = Joining::new(facts, &mut sorted, &found, on_conflict);
    joining.run(&found);
    let warnings = joining.passed_limits();
    let Joining { primary, created, home, merges, merged, opened, views, .. } = joining;
    if on_conflict == OnConflict::Reject
        && views.iter().any(|view| view.kind == ConflictKind::Refused)
    {
        return reject(views, &sorted, facts);
    }
    let mut plan = Plan {
        created,
        home,
        merges,
        merged,
        opened,
        views,
        observed_at: upsert.observed_at,
        warnings,
        ..Plan::about(primary, found.route, sorted)
    };
    let (home_fold, shown) = plan.shown_after_merges(facts);
    if let Some(refusal) = fields::too_many_custom(&upsert.fields, &shown) {
        return Outcome::Refused(refusal);
    }
    let created_at = facts.survivor(primary).map(|customer| customer.created_at);
    let stands = fields::Stands { home: &home_fold, shown: &shown, policy: facts.policy() };
    plan.fields = fields::plan(&upsert.fields, fields::Spelling::Free, stands, created_at);
    settle(request, plan, facts)
}

/// Which customer a request is about that brings a record of its sender, and the request sorted out, with the
/// record if that is one of its identities.
fn found_with(
    record: &IdentitySent,
    sorted: Sorted,
    upsert: &Upsert,
    facts: &TenantFacts,
) -> (Sorted, Found) {
    let identities: Vec<IdentitySent> = upsert.identities.iter().chain([record]).cloned().collect();
    let whole = sort_out(&identities, facts);
    let number = whole.items.last().and_then(|item| item.number);
    if number.and_then(|number| facts.owner(number)).is_none() {
        let without = find(&sorted, upsert, facts);
        if without.primary.is_some() {
            return (sorted, without);
        }
    }
    let found = find(&whole, upsert, facts);
    (whole, found)
}

/// What becomes of a request whose identities cannot find anybody.
enum Unmatched {
    /// It goes on: by attribute, or by creating a customer.
    Open,
    /// Nothing in it can find or make a customer.
    Refused,
    /// Compat answers the owner of a quarantined identity, unchanged.
    Quarantined(Box<Plan>),
}

fn without_identity(upsert: &Upsert, sorted: &Sorted, facts: &TenantFacts) -> Unmatched {
    let blocked = sorted.any(IdentityVerdict::Blocked);
    let quarantined = sorted.any(IdentityVerdict::Quarantined);
    if !blocked && !quarantined {
        return if upsert.fields.is_empty() { Unmatched::Refused } else { Unmatched::Open };
    }
    match facts.policy().preset {
        Preset::Compat => match quarantined_owner(sorted, facts) {
            Some((owner, number)) => Unmatched::Quarantined(Box::new(Plan::about(
                owner,
                Route::Identity(number),
                Sorted::default(),
            ))),
            None => Unmatched::Open,
        },
        Preset::Guarded if has_usable_attribute(sorted, upsert, facts) => Unmatched::Open,
        Preset::Guarded => Unmatched::Refused,
    }
}

/// Answers a customer without writing anything about it.
fn unchanged(plan: Plan, seq: Option<Seq>, facts: &TenantFacts) -> Outcome {
    let Some(customer) = facts.survivor(plan.primary).cloned() else {
        return Outcome::Refused(Refusal::CustomerMissing(plan.primary));
    };
    let mut identities = outcomes(&plan.sorted, facts);
    for identity in &mut identities {
        // What was not written down has no number: somebody else's identity will get it.
        identity.number = identity.number.filter(|number| facts.identity(*number).is_some());
    }
    let mut warnings = plan.sorted.warnings;
    warnings.extend(plan.warnings);
    Outcome::Resolved(Box::new(crate::outcome::Resolution {
        result: crate::outcome::ResultKind::Unchanged,
        customer,
        before: None,
        route: plan.route,
        identities,
        merged: Vec::new(),
        conflicts: Vec::new(),
        warnings,
        seq,
    }))
}

/// Refuses; what identities were seen together is kept all the same.
fn refuse(request: &Request, mut sorted: Sorted, facts: &mut TenantFacts) -> Outcome {
    keep_counts(request, &mut sorted, facts);
    Outcome::Refused(Refusal::NothingUsable { identities: outcomes(&sorted, facts) })
}

/// Writes down which identities were seen together, of a request that writes nothing else; the
/// entry that says so, if there is anything to say.
fn keep_counts(request: &Request, sorted: &mut Sorted, facts: &mut TenantFacts) -> Option<Seq> {
    if request.dry_run || sorted.counted == Counted::default() {
        return None;
    }
    let counted = std::mem::take(&mut sorted.counted);
    let mut change = change(request, facts, Vec::new(), vec![Record::Counted(counted)]);
    change.types = std::mem::take(&mut sorted.types);
    change.identities = std::mem::take(&mut sorted.rows);
    let seq = change.entry.seq;
    facts.record(change);
    Some(seq)
}

/// `onConflict=reject`: nothing is stored, quarantine counts included.
fn reject(
    found: Vec<crate::outcome::ConflictView>,
    sorted: &Sorted,
    facts: &TenantFacts,
) -> Outcome {
    Outcome::Refused(Refusal::Conflicts {
        conflicts: views(found, true, facts),
        identities: outcomes(sorted, facts),
    })
}
