use super::{Condition, Filter, Order, SortKey};
use crate::attribute::{Attribute, FieldKey, Value};
use crate::canonical;
use crate::customer::{Customer, State};
use std::cmp::Ordering;

impl Filter {
    /// Whether a customer is live and meets every condition.
    pub fn matches(&self, customer: &Customer) -> bool {
        customer.state == State::Live && self.conditions.iter().all(|c| c.matches(customer))
    }
}

impl Condition {
    fn matches(&self, customer: &Customer) -> bool {
        let fold = &customer.fold;
        match self {
            Condition::TextIs(attribute, text) => fold.text(*attribute) == Some(text),
            Condition::Empty(attribute) => fold.attribute(*attribute).is_none(),
            Condition::MobileIs(mobile) => fold
                .text(Attribute::Mobile)
                .is_some_and(|shown| canonical::mobile(shown) == *mobile),
            Condition::EmailIs(email) => {
                fold.text(Attribute::Email).is_some_and(|shown| canonical::email(shown) == *email)
            }
            Condition::GenderIs(gender) => {
                let shown = fold.attribute(Attribute::Gender);
                *shown.unwrap_or(&Value::Integer(0)) == Value::Integer(*gender)
            }
            Condition::IdIn(ids) => ids.contains(&customer.id),
            Condition::Created(period) => period.contains(customer.created_at),
            Condition::Updated(period) => period.contains(customer.updated_at),
        }
    }
}

impl Order {
    /// How two customers stand in this order; only the same customer is equal to itself.
    pub fn compare(&self, one: &Customer, other: &Customer) -> Ordering {
        let by_key = match &self.by {
            SortKey::Attribute(attribute) => {
                compare(one.shown(*attribute).as_ref(), other.shown(*attribute).as_ref())
            }
            SortKey::Custom(key) => {
                let key = FieldKey::Custom(key.clone());
                compare(one.fold.value(&key), other.fold.value(&key))
            }
        };
        let ascending = by_key.then(one.id.cmp(&other.id));
        if self.descending { ascending.reverse() } else { ascending }
    }
}

/// Unset first.
fn compare(one: Option<&Value>, other: Option<&Value>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => one.compare(other),
        _ => one.is_some().cmp(&other.is_some()),
    }
}
