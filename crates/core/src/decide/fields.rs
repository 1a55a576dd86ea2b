//! Step 7: fields.

use crate::Micros;
use crate::attribute::{Attribute, FieldKey, Kind, Value};
use crate::command::FieldsSent;
use crate::customer::{Cell, Fold};
use crate::facts::{contact_of, same_contact};
use crate::journal::{ClaimedField, FieldEffect};
use crate::outcome::{Refusal, Warning};
use crate::policy::Policy;

/// What the fields of a request come to.
#[derive(Debug, Default)]
pub(super) struct FieldPlan {
    /// One per field sent, in the order of their keys.
    pub(super) fields: Vec<ClaimedField>,
    /// Whether a value or flag is shown differently afterwards.
    pub(super) visible: bool,
    /// What the sender should know.
    pub(super) warnings: Vec<Warning>,
    spelling: Option<Spelling>,
    /// When the customer was created; `None` if it is about to be.
    created_at: Option<Micros>,
}

/// The refusal of a request that adds custom attributes beyond the limit.
pub(super) fn too_many_custom(sent: &FieldsSent, shown: &Fold) -> Option<Refusal> {
    let is_new = |(key, value): &(&FieldKey, &Option<Value>)| {
        matches!(key, FieldKey::Custom(_))
            && value.is_some()
            && (sent.clears_custom || shown.value(key).is_none())
    };
    let cleared = |(key, value): &(&FieldKey, &Option<Value>)| {
        matches!(key, FieldKey::Custom(_)) && value.is_none() && shown.value(key).is_some()
    };
    let new = sent.values.iter().filter(is_new).count();
    let cleared = sent.values.iter().filter(cleared).count();
    let kept = if sent.clears_custom { 0 } else { shown.custom().count() - cleared };
    let (found, limit) = (kept + new, sent.custom_max);
    (new > 0 && found > limit).then_some(Refusal::CustomAttributesTooMany { found, limit })
}

/// What makes a value of `mobile` or `email` a repeat of the one that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// The same number or address, however it is spelled: two systems that spell it differently
    /// do not take turns in changing a customer.
    Free,
    /// The same text: who edits a customer may correct a spelling.
    Exact,
}

/// What fields are compared with.
#[derive(Clone, Copy)]
pub(super) struct Stands<'a> {
    /// What the home that the claim belongs to shows on its own.
    pub(super) home: &'a Fold,
    /// What the customer shows after its merges.
    pub(super) shown: &'a Fold,
    /// What never matches.
    pub(super) policy: &'a Policy,
}

/// Plans the fields of a claim.
pub(super) fn plan(
    sent: &FieldsSent,
    spelling: Spelling,
    stands: Stands<'_>,
    created_at: Option<Micros>,
) -> FieldPlan {
    let mut plan = FieldPlan { spelling: Some(spelling), created_at, ..FieldPlan::default() };
    let shown = stands.shown;
    for (key, value) in &sent.values {
        plan.field(key, value.as_ref(), flag_of(key, sent), stands);
    }
    if sent.clears_custom {
        let rest = shown
            .0
            .keys()
            .filter(|key| matches!(key, FieldKey::Custom(_)) && !sent.values.contains_key(key));
        for key in rest {
            plan.field(key, None, None, stands);
        }
    }
    for (attribute, flag) in
        [(Attribute::Mobile, sent.mobile_verified), (Attribute::Email, sent.email_verified)]
    {
        let key = FieldKey::Builtin(attribute);
        if let Some(flag) = flag.filter(|_| !sent.values.contains_key(&key)) {
            plan.flag_alone(key, flag, stands);
        }
    }
    plan
}

fn flag_of(key: &FieldKey, sent: &FieldsSent) -> Option<bool> {
    match key {
        FieldKey::Builtin(Attribute::Mobile) => sent.mobile_verified,
        FieldKey::Builtin(Attribute::Email) => sent.email_verified,
        FieldKey::Builtin(_) | FieldKey::Custom(_) => None,
    }
}

impl FieldPlan {
    fn field(
        &mut self,
        key: &FieldKey,
        value: Option<&Value>,
        flag: Option<bool>,
        stands: Stands<'_>,
    ) {
        let Stands { home, shown, policy } = stands;
        let (home_cell, shown_cell) = (home.cell(key), shown.cell(key));
        let is_blocked = |value| {
            contact_of(key, value).is_some_and(|(of, value)| policy.is_blocked(of.name(), &value))
        };
        if is_blocked(value) {
            self.warnings.push(Warning::FieldBlocked(key.clone()));
            let stands = shown.value(key);
            if stands.is_some() && !is_blocked(stands) {
                return self.push(key, value, false, FieldEffect::Screened);
            }
        }
        // W7: with the same number a flag stays true, whatever is sent.
        let stays = |cell: Option<&Cell>| {
            cell.is_some_and(|cell| cell.verified && same_contact(key, cell.value.as_ref(), value))
        };
        // The home keeps what it was told; the customer also shows what another home has verified.
        let at_home = value.is_some() && (flag == Some(true) || stays(home_cell));
        let seen = at_home || (value.is_some() && stays(shown_cell));
        let free = self.spelling == Some(Spelling::Free);
        let agrees = |cell: Option<&Cell>, verified: bool| {
            let stands = cell.and_then(|cell| cell.value.as_ref());
            (stands == value || free && same_contact(key, stands, value))
                && cell.is_some_and(|cell| cell.verified) == verified
        };
        let visible = !agrees(shown_cell, seen) && !self.is_shown_unset(key, value, shown);
        self.visible |= visible;
        let effect = if !visible && agrees(home_cell, at_home) {
            FieldEffect::Repeated
        } else {
            FieldEffect::Written(home_cell.map(|cell| cell.seq))
        };
        self.push(key, value, at_home, effect);
    }

    /// Whether an unset field is answered with this value anyway (wire W2): who reads a customer
    /// and sends it back has changed nothing.
    fn is_shown_unset(&self, key: &FieldKey, value: Option<&Value>, shown: &Fold) -> bool {
        let FieldKey::Builtin(attribute) = key else { return false };
        if shown.value(key).is_some() {
            return false;
        }
        match (attribute.kind(), value) {
            (Kind::Gender, Some(Value::Integer(0))) | (Kind::Flag, Some(Value::Flag(false))) => {
                true
            }
            (Kind::Time, Some(Value::Integer(at))) if *attribute == Attribute::DateJoin => {
                let second = |at: Micros| at.div_euclid(1_000_000);
                self.created_at.map(second) == Some(second(*at))
            }
            _ => false,
        }
    }

    /// A flag without its number belongs to the number that is shown.
    fn flag_alone(&mut self, key: FieldKey, flag: bool, stands: Stands<'_>) {
        match stands.shown.value(&key) {
            Some(value) if flag => self.field(&key, Some(value), Some(flag), stands),
            None if flag => self.warnings.push(Warning::FlagWithoutValue(key)),
            // With the same number a flag never goes back (W7).
            Some(_) | None => (),
        }
    }

    fn push(&mut self, key: &FieldKey, value: Option<&Value>, verified: bool, effect: FieldEffect) {
        let (key, value) = (key.clone(), value.cloned());
        self.fields.push(ClaimedField { key, value, verified, effect });
    }
}
