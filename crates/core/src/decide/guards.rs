//! The guards of a merge (identity page, "One upsert", step 5).

use crate::conflict::Rule;
use crate::facts::TenantFacts;
use crate::limits::IDENTITIES_MAX;
use crate::merge::{Guard, Verdict};
use crate::policy::{Preset, Role};
use crate::{CustomerId, IdentityNumber, TypeNumber};

/// Identities, with their types.
pub(super) type Held = [(IdentityNumber, TypeNumber)];

/// Two customers who may be one.
pub(super) struct Meeting<'a> {
    pub(super) preset: Preset,
    /// What the one holds, or the result so far.
    pub(super) ours: &'a Held,
    /// What the other holds.
    pub(super) theirs: &'a Held,
    pub(super) role_of: &'a dyn Fn(TypeNumber) -> Role,
    /// Whether a cannot-link stands between any of their homes.
    pub(super) linked: bool,
    /// Whether only contacts or devices bring them together.
    pub(super) by_contact: bool,
    /// Whether customers are kept apart by setting or request.
    pub(super) keep: bool,
}

/// What a customer holds, with types.
pub(super) fn held_by(
    customer: CustomerId,
    facts: &TenantFacts,
) -> Vec<(IdentityNumber, TypeNumber)> {
    facts.held_by(customer).map(|identity| (identity.number, identity.key.kind)).collect()
}

/// What every guard says, in the order in which they are asked.
pub(super) fn ask(meeting: &Meeting<'_>) -> Vec<(Guard, Verdict)> {
    let Meeting { ours, theirs, role_of, .. } = meeting;
    let differ = theirs.iter().any(|(_, kind)| {
        role_of(*kind) == Role::Distinguishing && ours.iter().any(|(_, held)| held == kind)
    });
    let own = |held: &Held| held.iter().any(|(_, kind)| role_of(*kind).is_own());
    let doubtful = meeting.by_contact && own(ours) && own(theirs);
    let refuse = |holds: bool| if holds { Verdict::Refuse } else { Verdict::Pass };
    let contact_only = match (doubtful, meeting.preset) {
        (false, _) => Verdict::Pass,
        (true, Preset::Compat) => Verdict::Review,
        (true, Preset::Guarded) => Verdict::Refuse,
    };
    vec![
        (Guard::Distinguishing, refuse(differ)),
        (Guard::CannotLink, refuse(meeting.linked)),
        (Guard::TooManyIdentities, refuse(ours.len() + theirs.len() > IDENTITIES_MAX)),
        (Guard::ContactOnly, contact_only),
        (Guard::Keep, refuse(meeting.keep)),
    ]
}

/// The rule that a guard stands for.
pub(super) fn rule_of(guard: Guard) -> Rule {
    match guard {
        Guard::Distinguishing => Rule::Distinguishing,
        Guard::CannotLink => Rule::CannotLink,
        Guard::TooManyIdentities => Rule::TooManyIdentities,
        Guard::ContactOnly => Rule::ContactOnly,
        Guard::Keep => Rule::Keep,
    }
}
