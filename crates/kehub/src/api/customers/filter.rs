//! Filters of lists: `city=Beijing`, `lastUpdated:gte=2026-05-04T00:00:00Z`, `attr.size:in=38,39`.

use crate::api::parameters::Parameters;
use crate::wire::json::Json;
use crate::wire::time;
use kehub_core::attribute::{Attribute, FieldProblem, Kind, Raw, Value, parse, parse_custom};
use kehub_core::filter::{Comparison, Condition, Filter, SortKey, Test};
use kehub_core::misfit::{Expected, Found, counted};
use kehub_core::{CustomerId, canonical};

/// Values that one parameter may list. Ids may be as many as a page answers.
const VALUES_MAX: usize = 100;
const IDS_MAX: usize = 1000;

/// What stands behind the colon of a parameter's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Is,
    Not,
    In,
    Stands(Comparison),
    Prefix,
    Empty,
}

impl Operator {
    fn named(name: &str) -> Option<Operator> {
        Some(match name {
            "not" => Operator::Not,
            "in" => Operator::In,
            "gt" => Operator::Stands(Comparison::Above),
            "gte" => Operator::Stands(Comparison::AtLeast),
            "lt" => Operator::Stands(Comparison::Below),
            "lte" => Operator::Stands(Comparison::AtMost),
            "prefix" => Operator::Prefix,
            "empty" => Operator::Empty,
            _ => return None,
        })
    }
}

/// Reads every parameter that is left as a filter; all of them must hold.
pub(crate) fn read(parameters: &mut Parameters) -> Filter {
    let mut filter = Filter::default();
    for (name, text) in parameters.rest() {
        let (field, operator) = match name.split_once(':') {
            Some((field, operator)) => (field, Operator::named(operator)),
            None => (&*name, Some(Operator::Is)),
        };
        match (SortKey::named(field), operator) {
            (None, _) => parameters.unknown(&name, Expected::FilteredField),
            (Some(_), None) => parameters.unknown(&name, Expected::FilterOperator),
            (Some(key), Some(operator)) => match condition(key, operator, &text) {
                Ok(condition) => filter.conditions.push(condition),
                Err(problem) => parameters.misfit(&name, &problem),
            },
        }
    }
    filter
}

fn condition(key: SortKey, operator: Operator, sent: &str) -> Result<Condition, FieldProblem> {
    let is_id = key == SortKey::Attribute(Attribute::Id);
    let test = match operator {
        Operator::Is if is_id => return Ok(Condition::IdIn(vec![id(sent)?])),
        Operator::In if is_id => {
            let ids = listed(sent, IDS_MAX)?
                .iter()
                .map(|id_text| id(id_text))
                .collect::<Result<_, _>>()?;
            return Ok(Condition::IdIn(ids));
        }
        Operator::Is => Test::Is(candidates(&key, sent)?),
        Operator::Not => Test::IsNot(candidates(&key, sent)?),
        Operator::In => {
            let values = listed(sent, VALUES_MAX)?;
            let values: Result<Vec<Vec<Value>>, FieldProblem> =
                values.iter().map(|value| candidates(&key, value)).collect();
            Test::Is(values?.concat())
        }
        Operator::Stands(comparison) => {
            // The likeliest kind: a number if it can be one.
            let value = candidates(&key, sent)?.into_iter().next();
            let is_flag = matches!(value, None | Some(Value::Flag(_)));
            let Some(value) = value.filter(|_| !is_flag) else {
                return Err(unfit(Expected::OrderedField, Found::FlagField));
            };
            Test::Stands(comparison, value)
        }
        Operator::Prefix => prefix(&key, sent)?,
        Operator::Empty => match sent {
            "" | "1" | "true" => Test::Empty,
            "0" | "false" => Test::NotEmpty,
            _ => return Err(unfit(Expected::OneOrZero, Found::OtherText)),
        },
    };
    Ok(Condition::Field(key, test))
}

/// What a text may stand for: one value of an attribute; for a custom attribute, which may hold
/// any, first what it looks like and then the text itself.
fn candidates(key: &SortKey, text: &str) -> Result<Vec<Value>, FieldProblem> {
    if text.is_empty() {
        return Err(unfit(Expected::ValueOrEmpty, Found::Nothing));
    }
    match key {
        SortKey::Attribute(attribute) => Ok(vec![value_of(*attribute, text)?]),
        SortKey::Custom(_) => custom(text),
    }
}

fn value_of(attribute: Attribute, text: &str) -> Result<Value, FieldProblem> {
    let text = match attribute.kind() {
        // A raw plus in an address arrives as a blank; neither a moment nor an address holds one.
        Kind::Time => text.replace(' ', "+"),
        Kind::Text(_) if attribute == Attribute::Email => canonical::email(&text.replace(' ', "+")),
        Kind::Text(_) if attribute == Attribute::Mobile => canonical::mobile(text),
        Kind::Text(_) | Kind::Gender | Kind::Integer | Kind::Decimal | Kind::Flag | Kind::Date => {
            text.to_owned()
        }
    };
    let value = parse(attribute.kind(), Raw::Text(&text), &time::parse)?;
    value.ok_or_else(|| unfit(Expected::Value, Found::Nothing))
}

fn custom(text: &str) -> Result<Vec<Value>, FieldProblem> {
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let as_text = parse_custom(Raw::Text(quoted.unwrap_or(text)))?;
    let looks = match Json::parse(text.as_bytes()) {
        Ok(json @ (Json::Flag(_) | Json::Integer(_) | Json::Real(_))) => {
            parse_custom(json.raw(&mut String::new()))?
        }
        Ok(_) | Err(_) => None,
    };
    Ok(looks.into_iter().chain(as_text).collect())
}

fn prefix(key: &SortKey, text: &str) -> Result<Test, FieldProblem> {
    let is_text = match key {
        SortKey::Attribute(attribute) => {
            matches!(attribute.kind(), Kind::Text(_) | Kind::Date)
        }
        SortKey::Custom(_) => true,
    };
    if !is_text {
        return Err(unfit(Expected::TextField, Found::OtherField));
    }
    // A raw plus in an address arrives as a blank.
    let beginning = match key {
        SortKey::Attribute(Attribute::Email) => canonical::email(&text.replace(' ', "+")),
        SortKey::Attribute(Attribute::Mobile) => match text.strip_prefix(' ') {
            Some(number) => canonical::mobile_beginning(&format!("+{number}")),
            None => canonical::mobile_beginning(text),
        },
        SortKey::Attribute(_) | SortKey::Custom(_) => text.to_owned(),
    };
    if beginning.is_empty() {
        return Err(unfit(Expected::Beginning, Found::Nothing));
    }
    Ok(Test::Begins(beginning))
}

fn id(text: &str) -> Result<CustomerId, FieldProblem> {
    text.parse().map(CustomerId).map_err(|_| unfit(Expected::CustomerNumber, Found::OtherText))
}

/// The values of a list, parted by commas; a comma within a value is written `\,`.
fn listed(text: &str, values_max: usize) -> Result<Vec<String>, FieldProblem> {
    let mut values = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let literal = match c {
            '\\' => chars.next().unwrap_or(c),
            ',' => {
                values.push(String::new());
                continue;
            }
            other => other,
        };
        if let Some(value) = values.last_mut() {
            value.push(literal);
        }
    }
    if values.len() > values_max {
        let expected = Expected::Values(counted(values_max));
        return Err(unfit(expected, Found::Count(counted(values.len()))));
    }
    Ok(values.iter().map(|value| value.trim().to_owned()).collect())
}

fn unfit(expected: Expected, found: Found) -> FieldProblem {
    FieldProblem::new(expected, found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kehub_core::attribute::Real;

    fn test_of(query: &str) -> Test {
        let mut parameters = Parameters::read(Some(query));
        let mut filter = read(&mut parameters);
        parameters.end().unwrap();
        match filter.conditions.pop() {
            Some(Condition::Field(_, test)) => test,
            other => panic!("{other:?}"),
        }
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn a_list_is_parted_by_commas_that_may_be_written_down() {
        assert_eq!(test_of("city:in=a,%20b%5C,c"), Test::Is(vec![text("a"), text("b,c")]));
    }

    #[test]
    fn a_custom_attribute_is_what_its_value_looks_like_or_text() {
        let number = Value::Integer(38);
        assert_eq!(test_of("attr.size=38"), Test::Is(vec![number.clone(), text("38")]));
        assert_eq!(test_of("attr.size=%2238%22"), Test::Is(vec![text("38")]));
        assert_eq!(test_of("attr.size=038"), Test::Is(vec![text("038")]));
        assert_eq!(
            test_of("attr.vip:not=true"),
            Test::IsNot(vec![Value::Flag(true), text("true")])
        );
        let half = Value::Decimal(Real::new(0.5).unwrap());
        assert_eq!(test_of("attr.size:lt=0.5"), Test::Stands(Comparison::Below, half));
        assert_eq!(
            test_of("attr.a:b".replace(":b", ":gte=b").as_str()),
            Test::Stands(Comparison::AtLeast, text("b"))
        );
    }

    #[test]
    fn numbers_to_call_addresses_and_moments_survive_a_raw_plus() {
        assert_eq!(test_of("mobile=+16505550100"), Test::Is(vec![text("+16505550100")]));
        assert_eq!(test_of("mobile=+86138-0000-0001"), Test::Is(vec![text("13800000001")]));
        assert_eq!(test_of("email=A+b@X.cn"), Test::Is(vec![text("a+b@x.cn")]));
        let moment = Value::Integer(1_485_849_600_000_000);
        let test = test_of("lastUpdated:gt=2017-01-31T16:00:00+08:00");
        assert_eq!(test, Test::Stands(Comparison::Above, moment));
    }
}
