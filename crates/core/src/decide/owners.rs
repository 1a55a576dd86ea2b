//! Steps 2 to 4: who owns what was sent, and which customer the request is about.

use super::sort::{Item, Sorted};
use crate::attribute::{Attribute, FieldKey};
use crate::canonical;
use crate::command::Upsert;
use crate::facts::TenantFacts;
use crate::journal::Route;
use crate::limits::CARRIERS_MAX;
use crate::policy::{Preset, Role};
use crate::{CustomerId, IdentityNumber};

/// A customer that identities of the request found.
#[derive(Debug)]
pub(super) struct Side {
    /// The customer.
    pub(super) owner: CustomerId,
    /// The places of the identities that found it, the best-ranked one first.
    pub(super) items: Vec<usize>,
}

impl Side {
    /// The place of the best-ranked identity that found it.
    pub(super) fn best(&self) -> usize {
        self.items.first().copied().unwrap_or_default()
    }
}

/// Which customer a request is about.
#[derive(Debug)]
pub(super) struct Found {
    /// The customer; `None` means a new one.
    pub(super) primary: Option<CustomerId>,
    /// How it was found.
    pub(super) route: Route,
    /// The places of the identities that found it.
    pub(super) items: Vec<usize>,
    /// Owners that the request contradicts (guarded, step 4).
    pub(super) set_aside: Vec<Side>,
    /// Further owners, in the order in which they are to be merged.
    pub(super) others: Vec<Side>,
}

/// The owners that count, in the order of rank, ties in the order of the request (steps 2 and 5).
/// Who else the request names (`is_given`), it names by more than devices.
fn sides(sorted: &Sorted, is_given: bool, facts: &TenantFacts) -> Vec<Side> {
    let only_weak = !is_given && sorted.usable().all(|(_, item)| item.rules.role == Role::Weak);
    let mut ranked: Vec<(u16, usize, CustomerId)> = sorted
        .usable()
        .filter_map(|(at, item)| Some((item.rules.priority, at, facts.owner(item.number?)?, item)))
        .filter(|(_, _, owner, item)| {
            item.rules.role != Role::Weak || only_weak || holds_only_weak(*owner, facts)
        })
        .map(|(priority, at, owner, _)| (priority, at, owner))
        .collect();
    ranked.sort_unstable_by_key(|(priority, at, _)| (*priority, *at));
    let mut sides: Vec<Side> = Vec::new();
    for (_, at, owner) in ranked {
        match sides.iter_mut().find(|side| side.owner == owner) {
            Some(side) => side.items.push(at),
            None => sides.push(Side { owner, items: vec![at] }),
        }
    }
    sides
}

fn holds_only_weak(owner: CustomerId, facts: &TenantFacts) -> bool {
    facts
        .held_by(owner)
        .all(|identity| facts.policy().rules_of(identity.key.kind).role == Role::Weak)
}

/// The customer that a request names by its id is the primary; all other owners are met.
pub(super) fn given_by_id(customer: CustomerId, sorted: &Sorted, facts: &TenantFacts) -> Found {
    let sides = sides(sorted, true, facts).into_iter();
    let (own, others): (Vec<Side>, _) = sides.partition(|side| side.owner == customer);
    let items = own.into_iter().flat_map(|side| side.items).collect();
    let set_aside = Vec::new();
    Found { primary: Some(customer), route: Route::Id, items, set_aside, others }
}

/// The primary and what becomes of the other owners.
pub(super) fn find(sorted: &Sorted, upsert: &Upsert, facts: &TenantFacts) -> Found {
    let sides = sides(sorted, false, facts);
    if sides.is_empty() {
        let (primary, route) = match match_by_attribute(sorted, upsert, facts) {
            Some((customer, route)) => (Some(customer), route),
            None => (None, Route::Created),
        };
        return Found {
            primary,
            route,
            items: Vec::new(),
            set_aside: Vec::new(),
            others: Vec::new(),
        };
    }
    let guarded = facts.policy().preset == Preset::Guarded;
    let mut set_aside = Vec::new();
    let mut rest = sides.into_iter();
    let primary = rest.by_ref().find_map(|side| {
        if guarded && is_contradicted(&side, sorted, facts) {
            set_aside.push(side);
            return None;
        }
        Some(side)
    });
    let route = primary
        .as_ref()
        .and_then(|side| sorted.items.get(side.best())?.number)
        .map_or(Route::Created, Route::Identity);
    let (primary, items) = primary.map(|side| (side.owner, side.items)).unzip();
    let items = items.unwrap_or_default();
    Found { primary, route, items, set_aside, others: rest.collect() }
}

/// Whether the request brings a free distinguishing identity that differs from one the owner
/// holds, and that outranks everything that found the owner (step 4, guarded).
fn is_contradicted(side: &Side, sorted: &Sorted, facts: &TenantFacts) -> bool {
    sorted.usable().any(|(_, free)| {
        free.rules.role == Role::Distinguishing
            && is_free(free, facts)
            && holds_kind_of(side.owner, free, facts)
            && side
                .items
                .iter()
                .filter_map(|at| sorted.items.get(*at))
                .all(|matched| free.rules.priority < matched.rules.priority)
    })
}

/// Whether nobody owns the identity of this item.
pub(super) fn is_free(item: &Item, facts: &TenantFacts) -> bool {
    item.number.is_some_and(|number| facts.owner(number).is_none())
}

/// Whether a customer holds an identity of this item's type.
pub(super) fn holds_kind_of(customer: CustomerId, item: &Item, facts: &TenantFacts) -> bool {
    facts.held_by(customer).any(|identity| identity.key.kind == item.kind)
}

/// The canonical value of `mobile` or `email` in the request, if it may match.
fn usable_value(
    attribute: Attribute,
    sorted: &Sorted,
    upsert: &Upsert,
    facts: &TenantFacts,
) -> Option<String> {
    upsert.matching.allows(attribute).then_some(())?;
    let sent = upsert.fields.values.get(&FieldKey::Builtin(attribute))?.as_ref()?.text()?;
    let value = canonical::identity_value(attribute.name(), sent);
    let usable = !value.is_empty()
        && !facts.policy().is_blocked(attribute.name(), &value)
        && !sorted.is_quarantined(attribute.name(), &value, facts);
    usable.then_some(value)
}

/// Whether the request has a `mobile` or `email` attribute that may match.
pub(super) fn has_usable_attribute(sorted: &Sorted, upsert: &Upsert, facts: &TenantFacts) -> bool {
    [Attribute::Mobile, Attribute::Email]
        .into_iter()
        .any(|attribute| usable_value(attribute, sorted, upsert, facts).is_some())
}

/// Step 3: the smallest live customer that shows the request's `mobile`, else its `email`.
fn match_by_attribute(
    sorted: &Sorted,
    upsert: &Upsert,
    facts: &TenantFacts,
) -> Option<(CustomerId, Route)> {
    let guarded = facts.policy().preset == Preset::Guarded;
    if guarded && sorted.usable().next().is_some() {
        return None;
    }
    let mobile = usable_value(Attribute::Mobile, sorted, upsert, facts);
    let by_mobile = mobile.as_ref().and_then(|mobile| {
        first_carrier(Attribute::Mobile, mobile, facts, |customer| fits(customer, sorted, facts))
    });
    if let Some(customer) = by_mobile {
        return Some((customer, Route::Mobile));
    }
    let email = usable_value(Attribute::Email, sorted, upsert, facts)?;
    let sent_mobile = upsert.fields.values.get(&FieldKey::Builtin(Attribute::Mobile));
    let sent_mobile = sent_mobile.and_then(|value| honest_mobile(value.as_ref()?.text()?, facts));
    let by_email = first_carrier(Attribute::Email, &email, facts, |customer| {
        let shown = facts.customer(customer).and_then(|it| it.fold.text(Attribute::Mobile));
        let shown = shown.and_then(|mobile| honest_mobile(mobile, facts));
        let mobiles_differ = sent_mobile.is_some() && shown.is_some() && sent_mobile != shown;
        !mobiles_differ && fits(customer, sorted, facts)
    });
    by_email.map(|customer| (customer, Route::Email))
}

/// A mobile in canonical form, unless it is one that says nothing about who this is.
fn honest_mobile(text: &str, facts: &TenantFacts) -> Option<String> {
    let mobile = canonical::mobile(text);
    let says_nothing =
        mobile.is_empty() || facts.policy().is_blocked(Attribute::Mobile.name(), &mobile);
    (!says_nothing).then_some(mobile)
}

fn first_carrier(
    attribute: Attribute,
    value: &str,
    facts: &TenantFacts,
    fits: impl Fn(CustomerId) -> bool,
) -> Option<CustomerId> {
    facts.carriers(attribute, value).take(CARRIERS_MAX).find(|id| fits(*id))
}

/// Whether the customer holds no other value of a distinguishing type in the request.
fn fits(customer: CustomerId, sorted: &Sorted, facts: &TenantFacts) -> bool {
    !sorted.usable().any(|(_, item)| {
        item.rules.role == Role::Distinguishing && holds_kind_of(customer, item, facts)
    })
}

/// The owner of the best-ranked quarantined identity of a request that has nothing better.
pub(super) fn quarantined_owner(
    sorted: &Sorted,
    facts: &TenantFacts,
) -> Option<(CustomerId, IdentityNumber)> {
    use crate::outcome::IdentityVerdict::Quarantined;
    let quarantined = sorted.items.iter().filter(|item| item.verdict == Some(Quarantined));
    quarantined
        .filter_map(|item| {
            let number = item.number?;
            Some((item.rules.priority, facts.owner(number)?, number))
        })
        .min_by_key(|(priority, _, _)| *priority)
        .map(|(_, owner, number)| (owner, number))
}
