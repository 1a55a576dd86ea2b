use super::{Comparison, Condition, Filter, Order, Position, SortKey, Test};
use crate::attribute::{Attribute, Real, Value};
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
            Condition::Field(key, test) => test.passes(tested(key, customer).as_ref()),
        }
    }
}

impl Test {
    /// Whether a value passes; what is unset is `None`.
    pub fn passes(&self, value: Option<&Value>) -> bool {
        let is = |wanted: &[Value]| {
            value.is_some_and(|value| wanted.iter().any(|it| it.compare(value).is_eq()))
        };
        match self {
            Test::Is(wanted) => is(wanted),
            Test::IsNot(unwanted) => !is(unwanted),
            Test::Stands(comparison, limit) => value
                .filter(|value| value.is_like(limit))
                .is_some_and(|value| comparison.holds(value.compare(limit))),
            Test::Begins(prefix) => {
                value.and_then(Value::text).is_some_and(|text| text.starts_with(prefix.as_str()))
            }
            Test::Empty => value.is_none(),
            Test::NotEmpty => value.is_some(),
        }
    }
}

impl Test {
    /// The test that passes the same whole numbers, but for the smallest there is, and names no others:
    /// for an engine that keeps whole numbers as something else, such as ids within keys.
    pub fn of_whole_numbers(&self) -> Test {
        let whole = |values: &[Value]| values.iter().filter_map(as_whole).collect();
        match self {
            Test::Is(wanted) => Test::Is(whole(wanted)),
            Test::IsNot(unwanted) => Test::IsNot(whole(unwanted)),
            Test::Stands(comparison, Value::Decimal(limit)) => {
                let below = Value::Integer(floor(*limit));
                let comparison = match comparison {
                    _ if as_whole(&Value::Decimal(*limit)).is_some() => *comparison,
                    Comparison::Above | Comparison::AtLeast => Comparison::Above,
                    Comparison::Below | Comparison::AtMost => Comparison::AtMost,
                };
                Test::Stands(comparison, below)
            }
            Test::Stands(..) | Test::Begins(_) | Test::Empty | Test::NotEmpty => self.clone(),
        }
    }
}

/// The whole number that a value is, if it is one.
fn as_whole(value: &Value) -> Option<Value> {
    match value {
        Value::Decimal(number) => {
            let whole = Value::Integer(floor(*number));
            whole.compare(value).is_eq().then_some(whole)
        }
        Value::Integer(_) => Some(value.clone()),
        Value::Text(_) | Value::Flag(_) => None,
    }
}

/// The largest whole number that is not above a number; the nearest one, if it is out of range.
fn floor(number: Real) -> i64 {
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "it saturates")]
    let floor = number.get().floor() as i64;
    floor
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Above => ordering.is_gt(),
            Comparison::AtLeast => ordering.is_ge(),
            Comparison::Below => ordering.is_lt(),
            Comparison::AtMost => ordering.is_le(),
        }
    }
}

/// The value that a test looks at.
fn tested(key: &SortKey, customer: &Customer) -> Option<Value> {
    let canonical = |form: fn(&str) -> String, attribute| {
        customer.fold.text(attribute).map(|text| Value::Text(form(text).into()))
    };
    match key {
        SortKey::Attribute(Attribute::Mobile) => canonical(canonical::mobile, Attribute::Mobile),
        SortKey::Attribute(Attribute::Email) => canonical(canonical::email, Attribute::Email),
        SortKey::Attribute(_) | SortKey::Custom(_) => key.of(customer),
    }
}

impl Order {
    /// How two customers stand in this order; only the same customer is equal to itself.
    pub fn compare(&self, one: &Customer, other: &Customer) -> Ordering {
        self.compare_positions(&self.position(one), &self.position(other))
    }

    /// Where a customer stands.
    pub fn position(&self, customer: &Customer) -> Position {
        Position { value: self.by.of(customer), id: customer.id }
    }

    /// Whether a customer stands behind a position.
    pub fn is_behind(&self, customer: &Customer, position: &Position) -> bool {
        self.compare_positions(&self.position(customer), position).is_gt()
    }

    fn compare_positions(&self, one: &Position, other: &Position) -> Ordering {
        let by_value = compare(one.value.as_ref(), other.value.as_ref());
        let ascending = by_value.then(one.id.cmp(&other.id));
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
