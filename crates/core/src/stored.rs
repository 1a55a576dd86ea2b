//! The stored forms of the small types that journals and folds repeat most: a field key is its
//! name, a value is itself, what came of a field is a number. Everything else is stored as serde
//! derives it.

use crate::Seq;
use crate::attribute::{Attribute, FieldKey, Real, Value};
use crate::journal::FieldEffect;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// What a custom attribute's key begins with.
const CUSTOM: &str = "attr.";

impl Serialize for FieldKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            FieldKey::Builtin(attribute) => serializer.serialize_str(attribute.name()),
            FieldKey::Custom(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for FieldKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FieldKey, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = FieldKey;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a field")
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<FieldKey, E> {
                match name.strip_prefix(CUSTOM) {
                    Some(key) => Ok(FieldKey::Custom(key.into())),
                    None => Attribute::named(name)
                        .map(FieldKey::Builtin)
                        .ok_or_else(|| E::invalid_value(Unexpected::Other("another name"), &self)),
                }
            }
        }
        deserializer.deserialize_str(Name)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Text(text) => serializer.serialize_str(text),
            Value::Integer(number) => serializer.serialize_i64(*number),
            Value::Decimal(number) => serializer.serialize_f64(number.get()),
            Value::Flag(flag) => serializer.serialize_bool(*flag),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, a number or a boolean")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.into()))
            }
            fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
                Ok(Value::Flag(flag))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Integer(number))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
                let fits = i64::try_from(number);
                fits.map(Value::Integer)
                    .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
                Real::new(number)
                    .map(Value::Decimal)
                    .ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// The entry whose value was replaced, 0 if there was none, or one of these.
const REPEATED: i64 = -1;
const SCREENED: i64 = -2;

impl Serialize for FieldEffect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(match self {
            FieldEffect::Written(replaced) => replaced.map_or(0, |seq| seq.0),
            FieldEffect::Repeated => REPEATED,
            FieldEffect::Screened => SCREENED,
        })
    }
}

impl<'de> Deserialize<'de> for FieldEffect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FieldEffect, D::Error> {
        match i64::deserialize(deserializer)? {
            REPEATED => Ok(FieldEffect::Repeated),
            SCREENED => Ok(FieldEffect::Screened),
            0 => Ok(FieldEffect::Written(None)),
            seq if seq > 0 => Ok(FieldEffect::Written(Some(Seq(seq)))),
            other => Err(D::Error::invalid_value(Unexpected::Signed(other), &"an effect")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored<T: Serialize + for<'de> Deserialize<'de> + PartialEq + fmt::Debug>(
        value: &T,
    ) -> Vec<u8> {
        let bytes = rmp_serde::to_vec(value).unwrap();
        assert_eq!(&rmp_serde::from_slice::<T>(&bytes).unwrap(), value);
        bytes
    }

    #[test]
    fn every_attribute_is_stored_by_its_name() {
        for attribute in Attribute::ALL {
            let bytes = stored(&FieldKey::Builtin(*attribute));
            assert_eq!(&bytes[1..], attribute.name().as_bytes());
        }
        stored(&FieldKey::Custom("vip".into()));
    }

    #[test]
    fn a_value_is_stored_as_itself() {
        assert_eq!(stored(&Value::Integer(2)), [2]);
        assert_eq!(stored(&Value::Flag(true)), [0xC3]);
        assert_eq!(stored(&Value::Text("a".into())), [0xA1, b'a']);
        stored(&Value::Integer(i64::MIN));
        stored(&Value::Integer(i64::MAX));
        // A fraction stays one, even where it is a whole number.
        stored(&Value::Decimal(Real::new(2.0).unwrap()));
    }

    #[test]
    fn an_effect_is_stored_as_a_number() {
        for effect in [
            FieldEffect::Written(None),
            FieldEffect::Written(Some(Seq(7))),
            FieldEffect::Repeated,
            FieldEffect::Screened,
        ] {
            assert!(stored(&effect).len() <= 1, "{effect:?}");
        }
    }
}
