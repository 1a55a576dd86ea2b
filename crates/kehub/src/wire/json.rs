//! JSON as it arrives, before it is known what it should be.
//!
//! A tree of its own and not `serde_json::Value`, because text is borrowed from the body, large
//! whole numbers keep their digits, and a key that is given twice is refused instead of read once.

use kehub_core::attribute::Raw;
use kehub_core::misfit::Found;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Keys of an object that are compared pair by pair; more are sorted first.
const PAIRWISE_KEYS_MAX: usize = 16;
/// Characters of a key that a message repeats.
const KEY_CHARS_SHOWN_MAX: usize = 64;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Flag(bool),
    Integer(i64),
    /// A whole number above `i64::MAX`.
    Large(u64),
    Real(f64),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// A JSON object: its members in the order of the body, each key once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Json<'a> {
    /// Reads a body; the error says where it stops being JSON (wire W26).
    pub(crate) fn parse(body: &'a [u8]) -> Result<Json<'a>, serde_json::Error> {
        let body = body.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(body);
        serde_json::from_slice(body)
    }

    /// The value as a field reads it; `digits` holds those of a number beyond 64 signed bits.
    pub(crate) fn raw<'b>(&'b self, digits: &'b mut String) -> Raw<'b> {
        match self {
            Json::Null => Raw::Null,
            Json::Flag(flag) => Raw::Flag(*flag),
            Json::Integer(number) => Raw::Integer(*number),
            Json::Large(number) => {
                *digits = number.to_string();
                Raw::Text(digits)
            }
            Json::Real(number) => Raw::Real(*number),
            Json::Text(text) => Raw::Text(text),
            Json::Array(_) => Raw::Array,
            Json::Object(_) => Raw::Object,
        }
    }

    /// The same, so that it outlives the body.
    pub(crate) fn owned(&self) -> Json<'static> {
        match self {
            Json::Null => Json::Null,
            Json::Flag(flag) => Json::Flag(*flag),
            Json::Integer(number) => Json::Integer(*number),
            Json::Large(number) => Json::Large(*number),
            Json::Real(number) => Json::Real(*number),
            Json::Text(text) => Json::Text(Cow::Owned(text.clone().into_owned())),
            Json::Array(items) => Json::Array(items.iter().map(Json::owned).collect()),
            Json::Object(Object(members)) => {
                let members = members.iter();
                let owned = |(key, json): &(Cow<'a, str>, Json<'a>)| {
                    (Cow::Owned(key.clone().into_owned()), json.owned())
                };
                Json::Object(Object(members.map(owned).collect()))
            }
        }
    }

    /// A whole number, also where it is text.
    pub(crate) fn whole_number(&self) -> Option<i64> {
        match self {
            Json::Integer(number) => Some(*number),
            Json::Text(text) => text.trim().parse().ok(),
            Json::Null
            | Json::Flag(_)
            | Json::Large(_)
            | Json::Real(_)
            | Json::Array(_)
            | Json::Object(_) => None,
        }
    }

    /// What it is, where something else was expected.
    pub(crate) fn kind(&self) -> Found {
        match self {
            Json::Null => Found::Null,
            Json::Flag(_) => Found::Flag,
            Json::Integer(_) | Json::Large(_) => Found::WholeNumber,
            Json::Real(_) => Found::Number,
            Json::Text(_) => Found::Text,
            Json::Array(_) => Found::Array,
            Json::Object(_) => Found::Object,
        }
    }

    /// What it is, for people.
    pub(crate) fn found(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Flag(_) => "a boolean",
            Json::Integer(_) | Json::Large(_) => "a whole number",
            Json::Real(_) => "a number",
            Json::Text(_) => "text",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }
}

impl<'a> Object<'a> {
    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Its members, in the order of the body.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    /// How many members it has.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// A key that is given twice, if any.
    fn repeated_key(&self) -> Option<&str> {
        let mut keys: Vec<&str> = self.0.iter().map(|(key, _)| &**key).collect();
        if keys.len() > PAIRWISE_KEYS_MAX {
            keys.sort_unstable();
            return keys.array_windows().find(|[one, next]| one == next).map(|[one, _]| *one);
        }
        let mut rest = keys.as_slice();
        while let Some((key, later)) = rest.split_first() {
            if later.contains(key) {
                return Some(key);
            }
            rest = later;
        }
        None
    }
}

/// The beginning of a key, for a message.
pub(crate) fn shortened(key: &str) -> String {
    key.chars().take(KEY_CHARS_SHOWN_MAX).collect()
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json<'de>, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json<'de>, E> {
        Ok(Json::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(i64::try_from(number).map_or(Json::Large(number), Json::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json<'de>, E> {
        Ok(Json::Real(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json<'de>, A::Error> {
        let mut object = Object::default();
        while let Some((Key(key), value)) = members.next_entry()? {
            object.0.push((key, value));
        }
        if let Some(key) = object.repeated_key() {
            return Err(A::Error::custom(format_args!(
                "the key `{}` is given twice",
                shortened(key)
            )));
        }
        Ok(Json::Object(object))
    }
}

/// A key, borrowed where it holds no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key<'de>, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_given_twice_is_refused_wherever_it_stands() {
        for body in [r#"{"a":1,"a":2}"#, r#"[{"x":{"\u0061":1,"a":1}}]"#] {
            let error = Json::parse(body.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("the key `a` is given twice at line 1"), "{error}");
        }
        let many: Vec<String> = (0..40).chain([7]).map(|key| format!("\"k{key}\":0")).collect();
        let many = format!("{{{}}}", many.join(","));
        assert!(Json::parse(many.as_bytes()).unwrap_err().to_string().contains("`k7`"));
    }

    #[test]
    fn depth_encoding_and_size_of_numbers_have_limits() {
        let deep = "[".repeat(100_000);
        for body in [deep.as_bytes(), b"\"\xff\"", b"1e999", b"", b"{", b"{} x", b"\"\\ud800\""] {
            assert!(Json::parse(body).is_err());
        }
        assert_eq!(Json::parse(b"18446744073709551615").unwrap(), Json::Large(u64::MAX));
        assert_eq!(Json::parse("\u{FEFF}null".as_bytes()).unwrap(), Json::Null);
    }
}
