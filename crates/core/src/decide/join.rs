//! Steps 4 to 6: attach what is free, merge who belongs together, refuse what looks wrong.

use super::guards::{self, Meeting, held_by};
use super::owners::{Found, Side, holds_kind_of, is_free};
use super::sort::Sorted;
use crate::conflict::{Conflict, ConflictKind, Rule};
use crate::facts::TenantFacts;
use crate::journal::Route;
use crate::limits::IDENTITIES_MAX;
use crate::merge::{Guard, Merge, Verdict};
use crate::outcome::{ConflictView, IdentityVerdict, Warning};
use crate::policy::{OnConflict, OverLimit, Preset, Role};
use crate::{ConflictId, CustomerId, IdentityNumber, MergeId, TypeNumber};
use std::collections::BTreeMap;

/// What is to become of a request, gathered step by step.
#[derive(Debug)]
pub(super) struct Joining<'a> {
    facts: &'a TenantFacts,
    sorted: &'a mut Sorted,
    /// The customer that the request answers, before its merges.
    pub(super) primary: CustomerId,
    /// Whether it is new.
    pub(super) created: bool,
    /// The home that the claim and what it attaches belong to.
    pub(super) home: CustomerId,
    /// The identities of the result so far, with their types.
    held: Vec<(IdentityNumber, TypeNumber)>,
    /// The homes of the result so far.
    homes: Vec<CustomerId>,
    /// The merges to be made.
    pub(super) merges: Vec<Merge>,
    /// Customers that are merged in.
    pub(super) merged: Vec<CustomerId>,
    /// Conflicts and review entries to be opened.
    pub(super) opened: Vec<Conflict>,
    /// Conflicts and review entries run into, known ones included.
    pub(super) views: Vec<ConflictView>,
    /// What is to be opened about which item, once it is known who is merged: a pair is the same
    /// while its survivors are.
    spoken: Vec<(ConflictKind, Rule, usize)>,
    evidence: Vec<IdentityNumber>,
    preset: Preset,
    on_conflict: OnConflict,
}

impl<'a> Joining<'a> {
    pub(super) fn new(
        facts: &'a TenantFacts,
        sorted: &'a mut Sorted,
        found: &Found,
        on_conflict: OnConflict,
    ) -> Joining<'a> {
        let policy = facts.policy();
        let new_id = CustomerId(facts.counters().customer.0 + 1);
        let primary = found.primary.unwrap_or(new_id);
        let home = match found.route {
            Route::Identity(number) => {
                facts.identity(number).and_then(|identity| identity.home).unwrap_or(primary)
            }
            Route::Mobile | Route::Email | Route::Id | Route::Created => primary,
        };
        let held = held_by(primary, facts);
        let evidence = sorted.usable().filter_map(|(_, item)| item.number).collect();
        Joining {
            facts,
            sorted,
            primary,
            created: found.primary.is_none(),
            home,
            held,
            homes: facts.homes_of(primary),
            merges: Vec::new(),
            merged: Vec::new(),
            opened: Vec::new(),
            views: Vec::new(),
            spoken: Vec::new(),
            evidence,
            preset: policy.preset,
            on_conflict,
        }
    }

    /// Attaches the free identities, then merges the other owners, then says what came of each.
    pub(super) fn run(&mut self, found: &Found) {
        let by_attribute = matches!(found.route, Route::Mobile | Route::Email);
        let usable: Vec<usize> = self.sorted.usable().map(|(at, _)| at).collect();
        self.refuse_beyond_limit();
        for side in &found.set_aside {
            self.spoken.push((ConflictKind::Refused, Rule::Distinguishing, side.best()));
        }
        for at in &usable {
            self.attach(*at, by_attribute);
        }
        for side in &found.others {
            let spoken = self.meet(found, side);
            self.spoken.extend(spoken);
        }
        for (kind, rule, at) in std::mem::take(&mut self.spoken) {
            self.open(kind, rule, at);
        }
        for at in usable {
            self.conclude(at);
        }
    }

    /// Identities beyond what a request may carry are accounted for as conflicts.
    fn refuse_beyond_limit(&mut self) {
        let items = self.sorted.items.iter().enumerate();
        let beyond: Vec<usize> =
            items.filter(|(_, item)| item.beyond_limit).map(|(at, _)| at).collect();
        for at in beyond {
            self.spoken.push((ConflictKind::Refused, Rule::TooManyIdentities, at));
        }
    }

    /// Step 4 and the limits of step 6, for one free identity.
    pub(super) fn attach(&mut self, at: usize, by_attribute: bool) {
        let Some(item) = self.sorted.items.get(at).filter(|item| is_free(item, self.facts)) else {
            return;
        };
        let (number, kind, rules) = (item.number, item.kind, item.rules);
        let Some(number) = number else { return };
        let contradicts = rules.role == Role::Distinguishing
            && !self.created
            && holds_kind_of(self.primary, item, self.facts);
        let own_beside_own = by_attribute && rules.role.is_own() && self.held_own_before();
        let same_kind = self.held.iter().filter(|(_, held)| *held == kind).count();
        let over_limit = same_kind >= rules.limit;

        let refused = if self.held.len() >= IDENTITIES_MAX {
            Some(Rule::TooManyIdentities)
        } else if self.preset == Preset::Guarded && contradicts {
            Some(Rule::Distinguishing)
        } else if rules.over_limit == OverLimit::Refuse && over_limit {
            Some(Rule::OverLimit)
        } else {
            None
        };
        if let Some(rule) = refused {
            self.conclude_as(at, IdentityVerdict::OverLimit);
            self.sorted.warnings.push(Warning::IdentityOverLimit(at));
            return self.spoken.push((ConflictKind::Refused, rule, at));
        }
        self.held.push((number, kind));
        let verdict =
            if self.created { IdentityVerdict::Created } else { IdentityVerdict::Attached };
        self.conclude_as(at, verdict);
        if over_limit {
            self.sorted.warnings.push(Warning::IdentityOverLimit(at));
        }
        if contradicts {
            self.spoken.push((ConflictKind::Review, Rule::Distinguishing, at));
        } else if own_beside_own {
            self.spoken.push((ConflictKind::Review, Rule::AttributeMatch, at));
        }
    }

    /// Whether the primary held an account, unionid or openid before this request.
    fn held_own_before(&self) -> bool {
        self.facts
            .held_by(self.primary)
            .any(|identity| self.facts.policy().rules_of(identity.key.kind).role.is_own())
    }

    /// Step 5 for one other owner, against the result so far; what is to be opened about it.
    fn meet(&mut self, found: &Found, side: &Side) -> Option<(ConflictKind, Rule, usize)> {
        let best = side.best();
        let number = self.sorted.items.get(best)?.number?;
        let guards = self.ask_guards(found, side);
        let refused = guards.iter().find(|(_, verdict)| *verdict == Verdict::Refuse);
        if let Some((guard, _)) = refused {
            return Some((ConflictKind::Refused, guards::rule_of(*guard), best));
        }
        let review = guards.iter().find(|(_, verdict)| *verdict == Verdict::Review);
        let review = review.map(|(guard, _)| (ConflictKind::Review, guards::rule_of(*guard), best));
        let right = self.facts.identity(number).and_then(|it| it.home).unwrap_or(side.owner);
        let last = self.facts.counters().merge.0;
        let offset = i64::try_from(self.merges.len()).unwrap_or(i64::MAX);
        let bridge = self.bridge(found, side);
        self.merges.push(Merge {
            id: MergeId(last + 1 + offset),
            left: self.home,
            right,
            seq: self.facts.next_seq(),
            bridge,
            guards,
            undone: None,
        });
        self.merged.push(side.owner);
        self.held.extend(held_by(side.owner, self.facts));
        self.homes.extend(self.facts.homes_of(side.owner));
        review
    }

    /// The identities of the request that found the primary and this side.
    fn bridge(&self, found: &Found, side: &Side) -> Vec<IdentityNumber> {
        let number_of = |at: &usize| self.sorted.items.get(*at)?.number;
        found.items.iter().chain(&side.items).filter_map(number_of).collect()
    }

    fn ask_guards(&self, found: &Found, side: &Side) -> Vec<(Guard, Verdict)> {
        let by_contact = self.is_contact_only(&found.items) || self.is_contact_only(&side.items);
        guards::ask(&Meeting {
            preset: self.preset,
            ours: &self.held,
            theirs: &held_by(side.owner, self.facts),
            role_of: &|kind| self.role_of(kind),
            linked: self.facts.cannot_link(&self.homes, &self.facts.homes_of(side.owner)),
            by_contact,
            keep: self.on_conflict == OnConflict::Keep,
        })
    }

    /// Whether a side was found by contacts and devices only. Either side may be: a tenant may let
    /// a contact outrank what is somebody's own.
    fn is_contact_only(&self, items: &[usize]) -> bool {
        let mut found = items.iter().filter_map(|at| self.sorted.items.get(*at));
        !items.is_empty() && found.all(|item| !item.rules.role.is_own())
    }

    /// The role of a type, one that this request brings included.
    fn role_of(&self, kind: TypeNumber) -> Role {
        let new = self.sorted.items.iter().find(|item| item.kind == kind);
        new.map_or_else(|| self.facts.policy().rules_of(kind).role, |item| item.rules.role)
    }

    /// What came of an identity that somebody owned.
    fn conclude(&mut self, at: usize) {
        let Some(item) = self.sorted.items.get(at).filter(|item| item.verdict.is_none()) else {
            return;
        };
        let owner = item.number.and_then(|number| self.facts.owner(number));
        let verdict = match owner {
            Some(owner) if owner == self.primary => IdentityVerdict::Matched,
            Some(owner) if self.merged.contains(&owner) => IdentityVerdict::Moved,
            Some(_) | None => IdentityVerdict::KeptElsewhere,
        };
        self.conclude_as(at, verdict);
    }

    fn conclude_as(&mut self, at: usize, verdict: IdentityVerdict) {
        if let Some(item) = self.sorted.items.get_mut(at) {
            item.verdict = Some(verdict);
        }
    }

    /// Opens a conflict or review entry about an item, unless it is known.
    fn open(&mut self, kind: ConflictKind, rule: Rule, at: usize) {
        let Some(identity) = self.sorted.items.get(at).and_then(|item| item.number) else { return };
        let right = self.facts.identity(identity).and_then(|it| it.home);
        let with = right.and_then(|home| self.facts.survivor(home)).map(|customer| customer.id);
        if with == Some(self.primary) {
            return;
        }
        let same_pair =
            |conflict: &&Conflict| conflict.kind == kind && self.is_between(conflict, with);
        let about = || self.facts.conflicts_about(identity).filter(same_pair);
        let known = about().find(|conflict| conflict.settled.is_none()).or_else(|| {
            about().find(|it| self.evidence.iter().all(|number| it.evidence.contains(number)))
        });
        if let Some(conflict) = known {
            return self.views.push(ConflictView::of(conflict, at, with, false));
        }
        let last = self.facts.counters().conflict.0;
        let offset = i64::try_from(self.opened.len()).unwrap_or(i64::MAX);
        let conflict = Conflict {
            id: ConflictId(last + 1 + offset),
            kind,
            rule,
            identity,
            left: self.home,
            right,
            evidence: self.evidence.clone(),
            opened: self.facts.next_seq(),
            settled: None,
            settlement: None,
        };
        self.views.push(ConflictView::of(&conflict, at, with, true));
        self.opened.push(conflict);
    }

    /// Whether a stored conflict is between the result and this customer: a pair is the same for as
    /// long as its survivors are.
    fn is_between(&self, conflict: &Conflict, with: Option<CustomerId>) -> bool {
        let survivor = |home| self.facts.survivor(home).map(|customer| customer.id);
        let ours = |customer: Option<CustomerId>| {
            customer.is_some_and(|it| it == self.primary || self.merged.contains(&it))
        };
        let left = survivor(conflict.left);
        match (conflict.right, with) {
            (None, None) => ours(left),
            (Some(right), Some(_)) => {
                let right = survivor(right);
                (ours(left) && right == with) || (left == with && ours(right))
            }
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    /// Types of which the result holds more than the policy allows, after a merge.
    pub(super) fn passed_limits(&self) -> Vec<Warning> {
        if self.merges.is_empty() {
            return Vec::new();
        }
        let mut counts: BTreeMap<TypeNumber, usize> = BTreeMap::new();
        for (_, kind) in &self.held {
            *counts.entry(*kind).or_default() += 1;
        }
        let policy = self.facts.policy();
        let passed =
            counts.into_iter().filter(|(kind, count)| *count > policy.rules_of(*kind).limit);
        passed
            .filter_map(|(kind, _)| {
                Some(Warning::MergedOverLimit(policy.type_of(kind)?.name.clone()))
            })
            .collect()
    }
}
