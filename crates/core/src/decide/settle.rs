//! Step 8: turn a plan into a journal entry and an outcome, or find that nothing is new.

use super::fields::FieldPlan;
use super::sort::Sorted;
use crate::canonical;
use crate::command::Request;
use crate::conflict::Conflict;
use crate::customer::{Customer, Fold};
use crate::facts::TenantFacts;
use crate::journal::{
    Change, Claim, ClaimedIdentity, Counted, Entry, FieldEffect, Record, Role, Route, Touched,
};
use crate::merge::Merge;
use crate::outcome::{
    ConflictView, IdentityOutcome, IdentityVerdict, Outcome, Resolution, ResultKind, Warning,
};
use crate::{AppNumber, CustomerId, IdentityNumber, Micros, Seq};
use std::borrow::Cow;

/// Everything that was decided about an upsert, put or attachment.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) route: Route,
    /// The customer that the request is about, before its merges.
    pub(super) primary: CustomerId,
    pub(super) created: bool,
    pub(super) home: CustomerId,
    pub(super) merges: Vec<Merge>,
    /// Customers that are merged in.
    pub(super) merged: Vec<CustomerId>,
    pub(super) opened: Vec<Conflict>,
    pub(super) views: Vec<ConflictView>,
    pub(super) sorted: Sorted,
    pub(super) fields: FieldPlan,
    pub(super) observed_at: Option<Micros>,
    pub(super) warnings: Vec<Warning>,
    /// Whether the outcome tells the state before.
    pub(super) tells_before: bool,
}

impl Plan {
    /// A plan about an existing customer, with nothing to do yet.
    pub(super) fn about(customer: CustomerId, route: Route, sorted: Sorted) -> Plan {
        Plan {
            route,
            primary: customer,
            created: false,
            home: customer,
            merges: Vec::new(),
            merged: Vec::new(),
            opened: Vec::new(),
            views: Vec::new(),
            sorted,
            fields: FieldPlan::default(),
            observed_at: None,
            warnings: Vec::new(),
            tells_before: false,
        }
    }

    /// The customer that answers afterwards.
    fn survivor(&self) -> CustomerId {
        self.merged.iter().copied().fold(self.primary, CustomerId::min)
    }

    /// What the home and the customer show once the merges are made: what fields are compared to.
    pub(super) fn shown_after_merges<'f>(
        &self,
        facts: &'f TenantFacts,
    ) -> (Cow<'f, Fold>, Cow<'f, Fold>) {
        if self.merges.is_empty() {
            let home = facts.fold_of(self.home).map(Cow::Borrowed);
            let shown = facts.customer(self.primary).map(|customer| Cow::Borrowed(&customer.fold));
            return (home.unwrap_or_default(), shown.unwrap_or_default());
        }
        let customers: Vec<CustomerId> =
            self.merged.iter().copied().chain([self.primary]).collect();
        let mut excerpt = facts.excerpt(&customers, &[]);
        for merge in &self.merges {
            excerpt.record_merge(merge);
        }
        let home = excerpt.fold_of(self.home).cloned().unwrap_or_default();
        let shown = excerpt.customer(self.survivor()).map(|customer| customer.fold.clone());
        (Cow::Owned(home), Cow::Owned(shown.unwrap_or_default()))
    }

    /// New display names for identities that are the customer's.
    fn names(&self, facts: &TenantFacts) -> Vec<(IdentityNumber, Box<str>)> {
        let ours = self.sorted.items.iter().filter(|item| {
            item.same_as.is_none() && item.verdict.is_some_and(IdentityVerdict::is_the_customers)
        });
        ours.filter_map(|item| {
            let (number, name) = (item.number?, item.name.clone()?);
            let known = facts.identity(number).and_then(|identity| identity.name.as_ref());
            (known != Some(&name)).then_some((number, name))
        })
        .collect()
    }

    /// Whether the customer gets a new version.
    fn is_visible(&self, names: &[(IdentityNumber, Box<str>)]) -> bool {
        self.created
            || !self.merges.is_empty()
            || !self.opened.is_empty()
            || !names.is_empty()
            || self.fields.visible
            || self.sorted.any(IdentityVerdict::Attached)
    }

    /// Whether the journal needs this claim although nothing visible changed: only a plain repeat,
    /// by an app that has supplied all of it before, of a customer without merges is left out.
    fn is_news(&self, app: AppNumber, facts: &TenantFacts) -> bool {
        let merged = facts.customer(self.primary).is_some_and(|customer| customer.homes > 1);
        let counted = &self.sorted.counted;
        merged
            || *counted != Counted::default()
            || self.sorted.items.iter().filter_map(|item| item.number).any(|number| {
                facts.identity(number).is_none_or(|identity| !identity.apps.contains(&app))
            })
            || self.fields.fields.iter().any(|field| match field.effect {
                FieldEffect::Written(_) | FieldEffect::Screened => true,
                FieldEffect::Repeated => facts
                    .fold_of(self.home)
                    .and_then(|fold| fold.cell(&field.key))
                    .is_some_and(|cell| !cell.apps.contains(&app)),
            })
    }

    fn touched(&self, visible: bool, facts: &TenantFacts) -> Vec<Touched> {
        let survivor = self.survivor();
        let touch = |id, role, visible| touch(id, role, visible, facts);
        let role = if self.created { Role::Created } else { Role::Primary };
        let mut touched = vec![touch(survivor, role, visible)];
        // Each merge makes one customer redirect: they are touched in the order of the merges.
        let mut answering = self.primary;
        for other in &self.merged {
            let away = answering.max(*other);
            answering = answering.min(*other);
            touched.push(touch(away, Role::MergedAway, true));
        }
        touched
    }

    fn records(&mut self, named: &[(IdentityNumber, Box<str>)]) -> Vec<Record> {
        let mut records = Vec::new();
        let counted = std::mem::take(&mut self.sorted.counted);
        if counted != Counted::default() {
            records.push(Record::Counted(counted));
        }
        records.extend(std::mem::take(&mut self.merges).into_iter().map(Record::Merged));
        records.push(Record::Claim(Claim {
            route: self.route,
            customer: self.survivor(),
            home: self.home,
            identities: self.claimed(named),
            fields: std::mem::take(&mut self.fields.fields),
            observed_at: self.observed_at,
        }));
        records.extend(std::mem::take(&mut self.opened).into_iter().map(Record::Opened));
        records
    }

    fn claimed(&self, named: &[(IdentityNumber, Box<str>)]) -> Vec<ClaimedIdentity> {
        let items = self.sorted.items.iter();
        items
            .map(|item| ClaimedIdentity {
                number: item.number,
                verdict: verdict_of(&self.sorted, item.same_as, item.verdict),
                named: item.same_as.is_none()
                    && named.iter().any(|(number, _)| Some(*number) == item.number),
            })
            .collect()
    }
}

/// Settles a plan: records what is new, or only looks at it for a dry run.
pub(super) fn settle(request: &Request, mut plan: Plan, facts: &mut TenantFacts) -> Outcome {
    let names = plan.names(facts);
    let visible = plan.is_visible(&names);
    let result = match (plan.created, plan.merges.is_empty(), visible) {
        (true, _, _) => ResultKind::Created,
        (false, false, _) => ResultKind::Merged,
        (false, true, true) => ResultKind::Updated,
        (false, true, false) => ResultKind::Unchanged,
    };
    let before = if plan.tells_before { facts.survivor(plan.primary).cloned() } else { None };
    let kept = visible || plan.is_news(request.origin.app, facts);
    let survivor = plan.survivor();
    let merged: Vec<CustomerId> =
        plan.merged.iter().copied().chain([plan.primary]).filter(|id| *id != survivor).collect();
    let customers: Vec<CustomerId> = plan.merged.iter().copied().chain([plan.primary]).collect();
    let mut seq = None;
    let mut excerpt = None;
    if kept {
        let touched = plan.touched(visible, facts);
        let records = plan.records(&names);
        let mut change = change(request, facts, touched, records);
        change.types = std::mem::take(&mut plan.sorted.types);
        change.identities = std::mem::take(&mut plan.sorted.rows);
        change.names = names;
        if request.dry_run {
            excerpt = Some(preview(change, &customers, &plan.sorted, facts));
        } else {
            seq = Some(change.entry.seq);
            facts.record(change);
        }
    }
    let after = excerpt.as_ref().unwrap_or(facts);
    let Some(customer) = after.survivor(survivor).cloned() else {
        return Outcome::Refused(crate::outcome::Refusal::CustomerMissing(survivor));
    };
    let mut warnings = std::mem::take(&mut plan.sorted.warnings);
    warnings.extend(std::mem::take(&mut plan.fields.warnings));
    warnings.extend(std::mem::take(&mut plan.warnings));
    Outcome::Resolved(Box::new(Resolution {
        result,
        customer,
        before,
        route: plan.route,
        identities: outcomes(&plan.sorted, after),
        merged,
        conflicts: views(std::mem::take(&mut plan.views), request.dry_run, after),
        warnings,
        seq,
    }))
}

/// What the facts would be after a change.
fn preview(
    change: Change,
    customers: &[CustomerId],
    sorted: &Sorted,
    facts: &TenantFacts,
) -> TenantFacts {
    let numbers: Vec<IdentityNumber> = sorted.items.iter().filter_map(|item| item.number).collect();
    let owners = numbers.iter().filter_map(|number| facts.owner(*number));
    let mut whole: Vec<CustomerId> = customers.iter().copied().chain(owners).collect();
    whole.sort_unstable();
    whole.dedup();
    let mut excerpt = facts.excerpt(&whole, &numbers);
    excerpt.record(change);
    excerpt
}

/// What an entry says about a customer that it concerns.
pub(super) fn touch(id: CustomerId, role: Role, visible: bool, facts: &TenantFacts) -> Touched {
    let customer = facts.customer(id);
    let rev_before = customer.map_or(0, |customer| customer.rev);
    Touched {
        customer: id,
        role,
        previous: customer.map(|customer| customer.head),
        rev_before,
        rev_after: rev_before + u64::from(visible),
    }
}

/// Records a change, and looks at what came of it; a dry run looks at a copy.
pub(super) fn record<T>(
    request: &Request,
    change: Change,
    facts: &mut TenantFacts,
    look: impl FnOnce(&TenantFacts, Option<Seq>) -> T,
) -> T {
    if request.dry_run {
        let mut copy = facts.clone();
        copy.record(change);
        return look(&copy, None);
    }
    let seq = change.entry.seq;
    facts.record(change);
    look(facts, Some(seq))
}

/// An entry of this request, with no texts yet.
pub(super) fn change(
    request: &Request,
    facts: &TenantFacts,
    touched: Vec<Touched>,
    records: Vec<Record>,
) -> Change {
    let origin = &request.origin;
    let seq: Seq = facts.next_seq();
    // Time never runs backwards along a customer (wire W13).
    let seen = touched.iter().filter_map(|touched| facts.customer(touched.customer));
    let at = seen.map(|customer: &Customer| customer.seen_at).fold(origin.at, Micros::max);
    Change {
        entry: Entry {
            seq,
            position: seq.0,
            at,
            app: origin.app,
            actor: origin.actor.clone(),
            request: origin.request.clone(),
            policy: facts.policy().version,
            canonical: canonical::VERSION,
            touched,
            records,
        },
        types: Vec::new(),
        identities: Vec::new(),
        names: Vec::new(),
        unnamed: Vec::new(),
    }
}

fn verdict_of(
    sorted: &Sorted,
    same_as: Option<usize>,
    verdict: Option<IdentityVerdict>,
) -> IdentityVerdict {
    let first = same_as.and_then(|at| sorted.items.get(at)).and_then(|item| item.verdict);
    first.or(verdict).unwrap_or(IdentityVerdict::KeptElsewhere)
}

/// One outcome per identity sent (promise 7), as the facts stand.
pub(super) fn outcomes(sorted: &Sorted, facts: &TenantFacts) -> Vec<IdentityOutcome> {
    let items = sorted.items.iter();
    items
        .map(|item| {
            let identity = item.number.and_then(|number| facts.identity(number));
            IdentityOutcome {
                number: item.number,
                kind: item.kind_name.clone(),
                value: item.raw.clone(),
                name: identity.and_then(|identity| identity.name.clone()),
                verdict: verdict_of(sorted, item.same_as, item.verdict),
                owner: identity.and_then(|identity| facts.owner(identity.number)),
            }
        })
        .collect()
}

/// Conflicts as they look afterwards; what was not stored has no id.
pub(super) fn views(
    views: Vec<ConflictView>,
    dry_run: bool,
    facts: &TenantFacts,
) -> Vec<ConflictView> {
    let after = |mut view: ConflictView| {
        let answers = view.with.and_then(|with| facts.survivor(with));
        view.with = answers.map(|customer| customer.id).or(view.with);
        if dry_run && view.new {
            view.id = None;
        }
        view
    };
    views.into_iter().map(after).collect()
}
