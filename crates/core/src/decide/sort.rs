//! Step 1: sort out what was sent.

use crate::canonical::{cleaned, identity_value, type_key};
use crate::command::IdentitySent;
use crate::facts::TenantFacts;
use crate::identity::{Identity, IdentityKey, Quarantine};
use crate::journal::Counted;
use crate::limits::{IDENTITIES_MAX, IDENTITY_VALUE_CHARS_MAX};
use crate::outcome::{IdentityVerdict, Warning};
use crate::policy::{IdentityType, TypeRules};
use crate::receipt::name_taken;
use crate::{IdentityNumber, TypeNumber};
use std::collections::HashMap;

/// One identity of a request.
#[derive(Debug)]
pub(super) struct Item {
    /// The type as it is shown.
    pub(super) kind_name: Box<str>,
    /// The value as it is shown.
    pub(super) raw: Box<str>,
    /// A name to be taken over, if the identity turns out to be the customer's.
    pub(super) name: Option<Box<str>>,
    /// The identity; `None` if it is none.
    pub(super) number: Option<IdentityNumber>,
    /// Its type.
    pub(super) kind: TypeNumber,
    /// The rules of its type.
    pub(super) rules: TypeRules,
    /// What came of it, once that is known.
    pub(super) verdict: Option<IdentityVerdict>,
    /// The place of an earlier item that is the same identity, whose outcome this one shares.
    pub(super) same_as: Option<usize>,
    /// Whether it is beyond what a request may carry.
    pub(super) beyond_limit: bool,
}

impl Item {
    /// Whether it may find and join customers.
    pub(super) fn is_usable(&self) -> bool {
        self.verdict.is_none() && self.same_as.is_none()
    }
}

/// A request, sorted out.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// One per identity sent, in order.
    pub(super) items: Vec<Item>,
    /// Types seen for the first time.
    pub(super) types: Vec<IdentityType>,
    /// Identities seen for the first time: free rows.
    pub(super) rows: Vec<Identity>,
    /// Identities seen together for the first time.
    pub(super) counted: Counted,
    /// What the sender should know of it.
    pub(super) warnings: Vec<Warning>,
    /// How many different blocked values there were so far, and how many others.
    blocked: usize,
    unblocked: usize,
}

impl Sorted {
    /// Items that may find and join customers, with their places.
    pub(super) fn usable(&self) -> impl Iterator<Item = (usize, &Item)> {
        self.items.iter().enumerate().filter(|(_, item)| item.is_usable())
    }

    /// Whether any item came out like this.
    pub(super) fn any(&self, verdict: IdentityVerdict) -> bool {
        self.items.iter().any(|item| item.verdict == Some(verdict))
    }

    /// Whether the identity of this type and canonical value is quarantined, by an earlier request
    /// or by this one, which may be the first to name it.
    pub(super) fn is_quarantined(&self, key: &str, value: &str, facts: &TenantFacts) -> bool {
        let known = facts.policy().type_named(key).and_then(|kind| {
            facts.identity_of(&IdentityKey { kind: kind.number, value: value.into() })
        });
        known.is_some_and(|identity| identity.quarantine == Quarantine::Yes)
            || self.items.iter().any(|item| {
                item.verdict == Some(IdentityVerdict::Quarantined)
                    && type_key(&item.kind_name) == key
                    && identity_value(key, &item.raw) == value
            })
    }
}

/// Canonicalises and sets aside what is invalid, blocked, repeated, quarantined, too much, or a
/// second value of a type of which a customer has one.
pub(super) fn sort_out(sent: &[IdentitySent], facts: &TenantFacts) -> Sorted {
    let mut sorted = Sorted::default();
    let mut seen: HashMap<IdentityKey, usize> = HashMap::new();
    for identity in sent {
        let item = sorted.read(identity, facts, &mut seen);
        sorted.items.push(item);
    }
    sorted.set_aside_beyond_limit();
    sorted.count(facts);
    sorted.set_aside_quarantined(facts);
    sorted.set_aside_second_values();
    sorted.warn();
    sorted
}

impl Sorted {
    fn read(
        &mut self,
        sent: &IdentitySent,
        facts: &TenantFacts,
        seen: &mut HashMap<IdentityKey, usize>,
    ) -> Item {
        let raw = cleaned(&sent.value);
        let fits = (1..=IDENTITY_VALUE_CHARS_MAX).contains(&raw.chars().count())
            && !sent.value.contains('\0')
            && !sent.kind.contains('\0');
        let kind = if fits { self.kind_of(&sent.kind, facts) } else { None };
        let Some(kind) = kind else { return invalid(sent, raw) };

        let value = kind.canonical(&raw);
        let rules = facts.policy().rules_for(&kind);
        let blocked = facts.policy().is_blocked(&kind.key(), &value);
        let key = IdentityKey { kind: kind.number, value: value.into() };
        let name = name_taken(sent);

        let same_as = seen.get(&key).copied();
        let (number, raw) =
            match (same_as.and_then(|at| self.items.get_mut(at)), facts.identity_of(&key)) {
                (Some(first), _) => {
                    if first.name.is_none() {
                        first.name.clone_from(&name);
                    }
                    (first.number, first.raw.clone())
                }
                (None, Some(identity)) => (Some(identity.number), identity.raw.clone()),
                (None, None) => {
                    let raw: Box<str> = raw.into();
                    let row = self.has_room_for_row(blocked);
                    let row = row.then(|| self.new_row(key.clone(), raw.clone(), sent, facts));
                    (row, raw)
                }
            };
        if same_as.is_none() {
            seen.insert(key, self.items.len());
            *if blocked { &mut self.blocked } else { &mut self.unblocked } += 1;
        }
        let verdict = blocked.then_some(IdentityVerdict::Blocked);
        let (kind_name, kind) = (kind.name, kind.number);
        Item { kind_name, raw, name, number, kind, rules, verdict, same_as, beyond_limit: false }
    }

    /// The type of this name: a known one, or a new one while there is room.
    fn kind_of(&mut self, name: &str, facts: &TenantFacts) -> Option<IdentityType> {
        if let Some(known) = facts.policy().type_named(name) {
            return Some(known.clone());
        }
        let key = type_key(name);
        if let Some(new) = self.types.iter().find(|kind| kind.key() == key) {
            return Some(new.clone());
        }
        let kind = facts.policy().new_type(name, &self.types).ok()?;
        self.types.push(kind.clone());
        Some(kind)
    }

    /// Whether another new identity is written down. A request may carry a hundred of them; the
    /// first one beyond stands for the rest in the conflict, and those need no rows of their own.
    fn has_room_for_row(&self, blocked: bool) -> bool {
        let before = if blocked { self.blocked } else { self.unblocked };
        before <= IDENTITIES_MAX
    }

    fn new_row(
        &mut self,
        key: IdentityKey,
        raw: Box<str>,
        sent: &IdentitySent,
        facts: &TenantFacts,
    ) -> IdentityNumber {
        let last = self.rows.last().map_or(facts.counters().identity, |row| row.number);
        let number = IdentityNumber(last.0 + 1);
        let scope = sent.scope.as_deref().map(cleaned).filter(|scope| !scope.is_empty());
        self.rows.push(Identity {
            number,
            key,
            raw,
            name: None,
            scope: scope.map(Into::into),
            home: None,
            companions: Vec::new(),
            quarantine: Quarantine::No,
            apps: Vec::new(),
            pardoned: 0,
        });
        number
    }

    fn set_aside_beyond_limit(&mut self) {
        let beyond = self.items.iter_mut().filter(|item| item.is_usable()).skip(IDENTITIES_MAX);
        for item in beyond {
            item.verdict = Some(IdentityVerdict::OverLimit);
            item.beyond_limit = true;
        }
    }

    /// Counts with how many different values of each distinguishing type of higher rank an
    /// identity was sent, and quarantines it from the request that reaches the threshold. Where the
    /// threshold was lowered since, that is the next request that sends it.
    fn count(&mut self, facts: &TenantFacts) {
        let mut counted = Counted::default();
        for (_, item) in self.usable() {
            let Some(number) = item.number else { continue };
            let threshold = item.rules.quarantine_after;
            let known = facts.identity(number);
            if known.is_some_and(|identity| identity.quarantine == Quarantine::Yes) {
                continue;
            }
            let mut companions = known.map_or(Vec::new(), |it| it.companions.clone());
            let pardoned = known.map_or(0, |it| it.companions.len() - it.suspects().len());
            let mut too_many = known.is_some_and(|it| facts.policy().is_suspect(it));
            for (_, other) in self.usable() {
                let Some(companion) = other.number else { continue };
                let counts = other.rules.counts_against(item.rules);
                if too_many
                    || threshold == 0
                    || !counts
                    || companions.contains(&(other.kind, companion))
                {
                    continue;
                }
                companions.push((other.kind, companion));
                counted.pairs.push((number, companion));
                let since = companions.iter().skip(pardoned);
                too_many = since.filter(|(kind, _)| *kind == other.kind).count() >= threshold;
            }
            if too_many {
                counted.quarantined.push(number);
            }
        }
        self.counted = counted;
    }

    fn set_aside_quarantined(&mut self, facts: &TenantFacts) {
        for item in self.items.iter_mut().filter(|item| item.is_usable()) {
            let Some(number) = item.number else { continue };
            let known = facts.identity(number);
            if known.is_some_and(|identity| identity.quarantine == Quarantine::Yes)
                || self.counted.quarantined.contains(&number)
            {
                item.verdict = Some(IdentityVerdict::Quarantined);
            }
        }
    }

    fn set_aside_second_values(&mut self) {
        let mut taken = Vec::new();
        for item in self.items.iter_mut().filter(|item| item.is_usable()) {
            if item.rules.limit == 1 && taken.contains(&item.kind) {
                item.verdict = Some(IdentityVerdict::OverLimit);
            }
            taken.push(item.kind);
        }
    }

    fn warn(&mut self) {
        let warnings = self.items.iter().enumerate().filter_map(|(at, item)| match item.verdict {
            Some(IdentityVerdict::Blocked) => Some(Warning::IdentityBlocked(at)),
            Some(IdentityVerdict::Quarantined) => Some(Warning::IdentityQuarantined(at)),
            Some(IdentityVerdict::Invalid) => Some(Warning::IdentityInvalid(at)),
            Some(IdentityVerdict::OverLimit) => Some(Warning::IdentityOverLimit(at)),
            Some(
                IdentityVerdict::Matched
                | IdentityVerdict::Moved
                | IdentityVerdict::Created
                | IdentityVerdict::Attached
                | IdentityVerdict::KeptElsewhere,
            )
            | None => None,
        });
        self.warnings = warnings.collect();
    }
}

fn invalid(sent: &IdentitySent, raw: String) -> Item {
    Item {
        kind_name: cleaned(&sent.kind).into(),
        raw: raw.into(),
        name: None,
        number: None,
        kind: TypeNumber(0),
        rules: TypeRules::of("", crate::policy::Preset::Compat),
        verdict: Some(IdentityVerdict::Invalid),
        same_as: None,
        beyond_limit: false,
    }
}
