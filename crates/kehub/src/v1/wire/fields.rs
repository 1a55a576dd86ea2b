//! Fields and identities as bodies carry them (W6, W8, W28, W29, W33, W35). Every reader collects
//! all problems instead of stopping at the first.

use crate::v1::problem::FieldError;
use crate::wire::json::{Json, Object, shortened};
use crate::wire::values;
use kehub_core::attribute::{Access, Attribute, FieldKey, FieldProblem, Value};
use kehub_core::command::{FieldsSent, IdentitySent};
use kehub_core::limits::{
    IDENTITY_NAME_CHARS_MAX, IDENTITY_TYPE_CHARS_MAX, IDENTITY_VALUE_CHARS_MAX,
};
use kehub_core::{CustomerId, canonical};

/// What `null` and an empty text mean (W6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Empty {
    /// Nothing: the field was not given.
    NotGiven,
    /// The field is to be cleared.
    Clears,
}

/// Reads bodies, and remembers what does not fit.
#[derive(Debug)]
pub(crate) struct Reader {
    empty: Empty,
    custom_attributes_max: usize,
    /// What does not fit, in the order of the body.
    pub(crate) problems: Vec<FieldError>,
}

impl Reader {
    pub(crate) fn new(empty: Empty, custom_attributes_max: usize) -> Reader {
        Reader { empty, custom_attributes_max, problems: Vec::new() }
    }

    /// The fields of a customer object. Unknown keys and those that the hub sets are ignored (W9).
    pub(crate) fn customer(&mut self, object: &Object<'_>) -> FieldsSent {
        let mut sent =
            FieldsSent { custom_max: self.custom_attributes_max, ..FieldsSent::default() };
        for (key, json) in object.iter() {
            if key == "attr" {
                self.custom(json, &mut sent);
            } else if let Some(attribute) = Attribute::named(key) {
                self.builtin(attribute, json, &mut sent);
            }
        }
        sent
    }

    fn builtin(&mut self, attribute: Attribute, json: &Json<'_>, sent: &mut FieldsSent) {
        match attribute.access() {
            Access::Derived => (),
            Access::PartOf(of) => {
                let Some(Value::Flag(flag)) = self.value(attribute, json) else { return };
                if of == Attribute::Mobile {
                    sent.mobile_verified = Some(flag);
                } else {
                    sent.email_verified = Some(flag);
                }
            }
            Access::Written => {
                let before = self.problems.len();
                let value = self.value(attribute, json);
                if value.is_some() || (self.empty == Empty::Clears && self.problems.len() == before)
                {
                    sent.values.insert(FieldKey::Builtin(attribute), value);
                }
            }
        }
    }

    fn value(&mut self, attribute: Attribute, json: &Json<'_>) -> Option<Value> {
        values::builtin(attribute, json).unwrap_or_else(|problem| {
            self.problem(attribute.name(), &problem);
            None
        })
    }

    fn custom(&mut self, json: &Json<'_>, sent: &mut FieldsSent) {
        let object = match json {
            Json::Object(object) => object,
            Json::Null => return sent.clears_custom = self.empty == Empty::Clears,
            Json::Text(text) if text.trim().is_empty() => {
                return sent.clears_custom = self.empty == Empty::Clears;
            }
            Json::Text(_)
            | Json::Flag(_)
            | Json::Integer(_)
            | Json::Large(_)
            | Json::Real(_)
            | Json::Array(_) => return self.unfit("attr", "an object", json.found()),
        };
        if object.len() > self.custom_attributes_max {
            let expected = format!("at most {} custom attributes", self.custom_attributes_max);
            return self.unfit("attr", &expected, &object.len().to_string());
        }
        for (name, json) in object.iter() {
            let field = || format!("attr.{}", shortened(name));
            let read = values::custom_key(name).and_then(|key| Ok((key, values::custom(json)?)));
            match read {
                Ok((_, None)) if self.empty == Empty::NotGiven => (),
                Ok((key, value)) => {
                    sent.values.insert(key, value);
                }
                Err(problem) => self.problem(field(), &problem),
            }
        }
    }

    /// One item of `customerIdentities`, or the body of `POST customeridentities`; `place` is put
    /// before the names of its fields. A missing type or value is empty text (W28).
    pub(crate) fn identity(&mut self, place: &str, item: &Object<'_>) -> IdentitySent {
        let mut part = |key: &str, chars_max: usize| {
            let text =
                item.get(key).map_or(Ok(String::new()), |json| values::text(json, chars_max));
            text.unwrap_or_else(|problem| {
                self.problem(format!("{place}{key}"), &problem);
                String::new()
            })
        };
        let kind = part("identityType", IDENTITY_TYPE_CHARS_MAX);
        let value = part("identityValue", IDENTITY_VALUE_CHARS_MAX);
        let name = part("identityName", IDENTITY_NAME_CHARS_MAX);
        IdentitySent { kind, value, name: Some(name).filter(|name| !name.is_empty()), scope: None }
    }

    /// A customer id, as a number or as text (W8).
    pub(crate) fn customer_id(&mut self, field: &'static str, json: &Json<'_>) -> CustomerId {
        let id = json.whole_number();
        if id.is_none() {
            self.unfit(field, "the number of a customer", json.found());
        }
        CustomerId(id.unwrap_or(0))
    }

    fn problem(&mut self, field: impl Into<std::borrow::Cow<'static, str>>, it: &FieldProblem) {
        self.problems.push(FieldError::new(field, it.to_string()));
    }

    /// Remembers a field that does not fit.
    pub(crate) fn unfit(
        &mut self,
        field: impl Into<std::borrow::Cow<'static, str>>,
        expected: &str,
        found: &str,
    ) {
        self.problems.push(FieldError::new(field, format!("expected {expected}, found {found}")));
    }
}

/// Whether an identity names a type and a value, so that it can be one (W28).
pub(crate) fn is_whole(identity: &IdentitySent) -> bool {
    !canonical::cleaned(&identity.kind).is_empty()
        && !canonical::cleaned(&identity.value).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(empty: Empty, body: &str) -> (FieldsSent, Vec<FieldError>) {
        let Json::Object(object) = Json::parse(body.as_bytes()).unwrap() else { panic!("{body}") };
        let mut reader = Reader::new(empty, 3);
        let sent = reader.customer(&object);
        (sent, reader.problems)
    }

    #[test]
    fn nothing_is_not_given_to_an_upsert_and_clears_in_a_put() {
        let body = r#"{"name":"","city":null,"gender":" ","mobileVerified":null,"attr":{"a":""}}"#;
        let nothing = FieldsSent { custom_max: 3, ..FieldsSent::default() };
        assert_eq!(read(Empty::NotGiven, body), (nothing, Vec::new()));
        let (sent, problems) = read(Empty::Clears, body);
        assert_eq!(problems, []);
        assert_eq!(sent.values.len(), 4);
        assert!(sent.values.values().all(Option::is_none));
    }

    #[test]
    fn all_problems_are_told_at_once_and_none_repeats_a_value() {
        let body = r#"{"gender":"secret","birthday":"secret","name":["secret"],"mobile":1e20,
            "isMember":"secret","attr":{"1":"secret","b":{"secret":1}},"id":"ignored","x":[]}"#;
        let (sent, problems) = read(Empty::Clears, body);
        assert!(sent.is_empty(), "{sent:?}");
        let fields: Vec<&str> = problems.iter().map(|problem| &*problem.field_name).collect();
        let expected = ["gender", "birthday", "name", "mobile", "isMember", "attr.1", "attr.b"];
        assert_eq!(fields, expected);
        assert!(problems.iter().all(|problem| !problem.message.contains("secret")));
    }

    #[test]
    fn numbers_keep_their_digits_as_text() {
        let (sent, problems) = read(Empty::NotGiven, r#"{"qq":18446744073709551615,"mobile":138}"#);
        assert_eq!(problems, []);
        let text = |attribute| sent.values[&FieldKey::Builtin(attribute)].clone().unwrap();
        assert_eq!(text(Attribute::Qq), Value::Text("18446744073709551615".into()));
        assert_eq!(text(Attribute::Mobile), Value::Text("138".into()));
    }
}
