//! A customer as `/api` answers it. Unlike on the v1 wire nothing is made up: what is unset is
//! `null`, and moments keep their fractions.

use crate::wire::time;
use kehub_core::attribute::{Access, Attribute, FieldKey, Kind, Value};
use kehub_core::command::FieldsSent;
use kehub_core::customer::Customer;
use kehub_core::filter::SortKey;
use kehub_core::{CustomerId, Micros};
use kehub_store::OwnedIdentity;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::collections::BTreeSet;

/// A customer: its id and version, every attribute, `attr`; or what was asked for of it.
#[derive(Debug)]
pub(crate) struct CustomerBody<'a> {
    pub(crate) customer: &'a Customer,
    /// All of them, unless chosen.
    pub(crate) fields: Option<&'a Fields>,
}

impl<'a> CustomerBody<'a> {
    /// All of a customer.
    pub(crate) fn whole(customer: &'a Customer) -> CustomerBody<'a> {
        CustomerBody { customer, fields: None }
    }
}

impl Serialize for CustomerBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.fields {
            None => whole(self.customer, &mut map)?,
            Some(fields) => fields.write(self.customer, &mut map)?,
        }
        map.end()
    }
}

/// Which fields of a customer are answered. The id always is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    attributes: BTreeSet<Attribute>,
    rev: bool,
    /// All custom attributes that are set.
    all_custom: bool,
    /// These, set or not.
    custom: BTreeSet<FieldKey>,
}

impl Fields {
    /// Adds the field of this name; `false` if there is none.
    pub(crate) fn add(&mut self, name: &str) -> bool {
        match (name, SortKey::named(name)) {
            ("rev", _) => self.rev = true,
            ("attr", _) => self.all_custom = true,
            (_, Some(SortKey::Attribute(attribute))) => {
                self.attributes.insert(attribute);
            }
            (_, Some(SortKey::Custom(key))) => {
                self.custom.insert(FieldKey::Custom(key));
            }
            (_, None) => return false,
        }
        true
    }

    fn write<M: SerializeMap>(&self, customer: &Customer, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(Attribute::Id.name(), &customer.id)?;
        if self.rev {
            map.serialize_entry("rev", &customer.rev)?;
        }
        for attribute in self.attributes.iter().filter(|it| **it != Attribute::Id) {
            map.serialize_entry(attribute.name(), &Shown::in_customer(customer, *attribute))?;
        }
        if self.all_custom {
            map.serialize_entry("attr", &CustomBody(customer))?;
        } else if !self.custom.is_empty() {
            map.serialize_entry("attr", &ChosenCustom(customer, &self.custom))?;
        }
        Ok(())
    }
}

/// Custom attributes that were asked for; unset ones are `null`.
struct ChosenCustom<'a>(&'a Customer, &'a BTreeSet<FieldKey>);

impl Serialize for ChosenCustom<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = self.1.iter().filter_map(|key| {
            let FieldKey::Custom(name) = key else { return None };
            Some((name, self.0.fold.value(key).map_or(Shown::Null, Shown::Value)))
        });
        serializer.collect_map(values)
    }
}

/// A customer with what belongs to it.
#[derive(Debug)]
pub(crate) struct WholeBody<'a> {
    pub(crate) customer: &'a Customer,
    /// Ids that redirect to it.
    pub(crate) merged: &'a [CustomerId],
    pub(crate) identities: &'a [OwnedIdentity],
}

impl Serialize for WholeBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        whole(self.customer, &mut map)?;
        map.serialize_entry("mergedIds", self.merged)?;
        let identities: Vec<_> = self.identities.iter().map(IdentityBody::of).collect();
        map.serialize_entry("identities", &identities)?;
        map.end()
    }
}

fn whole<M: SerializeMap>(customer: &Customer, map: &mut M) -> Result<(), M::Error> {
    for attribute in Attribute::ALL {
        map.serialize_entry(attribute.name(), &Shown::in_customer(customer, *attribute))?;
        if *attribute == Attribute::Id {
            map.serialize_entry("rev", &customer.rev)?;
        }
    }
    map.serialize_entry("attr", &CustomBody(customer))
}

/// All custom attributes that are set.
struct CustomBody<'a>(&'a Customer);

impl Serialize for CustomBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.fold.custom().map(|(key, value)| (key, Shown::Value(value))))
    }
}

/// What a caller that may not read customers gets: the id, and what it sent itself (W38).
#[derive(Debug)]
pub(crate) struct OwnBody<'a> {
    pub(crate) id: CustomerId,
    pub(crate) sent: &'a FieldsSent,
}

impl Serialize for OwnBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        let flags = [
            (Attribute::MobileVerified, self.sent.mobile_verified),
            (Attribute::EmailVerified, self.sent.email_verified),
        ];
        for (attribute, flag) in flags {
            if let Some(flag) = flag {
                map.serialize_entry(attribute.name(), &flag)?;
            }
        }
        for (key, value) in &self.sent.values {
            if let FieldKey::Builtin(attribute) = key {
                map.serialize_entry(attribute.name(), &Shown::of(*attribute, value.as_ref()))?;
            }
        }
        map.serialize_entry("attr", &OwnCustom(self.sent))?;
        map.end()
    }
}

struct OwnCustom<'a>(&'a FieldsSent);

impl Serialize for OwnCustom<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = self.0.values.iter().filter_map(|(key, value)| {
            let FieldKey::Custom(key) = key else { return None };
            Some((key, value.as_ref().map_or(Shown::Null, Shown::Value)))
        });
        serializer.collect_map(values)
    }
}

/// A value as `/api` writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown<'a> {
    Null,
    Number(i64),
    Flag(bool),
    Moment(Micros),
    Value(&'a Value),
}

impl<'a> Shown<'a> {
    /// A built-in attribute of a customer; its meaning is [`Customer::shown`].
    pub(crate) fn in_customer(customer: &'a Customer, attribute: Attribute) -> Shown<'a> {
        let fold = &customer.fold;
        #[expect(clippy::wildcard_enum_match_arm, reason = "all other attributes are plain fields")]
        match attribute {
            Attribute::Id => Shown::Number(customer.id.0),
            Attribute::DateCreated => Shown::Moment(customer.created_at),
            Attribute::LastUpdated => Shown::Moment(customer.updated_at),
            Attribute::DisplayName => {
                let name = fold.attribute(Attribute::Name);
                Shown::of(attribute, name.or_else(|| fold.attribute(Attribute::NickName)))
            }
            Attribute::DateJoin => match fold.attribute(Attribute::DateJoin) {
                None => Shown::Moment(customer.created_at),
                joined @ Some(_) => Shown::of(attribute, joined),
            },
            _ => match attribute.access() {
                Access::PartOf(of) => match fold.cell(&FieldKey::Builtin(of)) {
                    Some(cell) if cell.value.is_some() => Shown::Flag(cell.verified),
                    Some(_) | None => Shown::Null,
                },
                Access::Written | Access::Derived => {
                    Shown::of(attribute, fold.attribute(attribute))
                }
            },
        }
    }

    /// A value of a built-in attribute.
    pub(crate) fn of(attribute: Attribute, value: Option<&'a Value>) -> Shown<'a> {
        match (attribute.kind(), value) {
            (Kind::Time, Some(Value::Integer(at))) => Shown::Moment(*at),
            (_, Some(value)) => Shown::Value(value),
            (_, None) => Shown::Null,
        }
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Shown::Null => serializer.serialize_unit(),
            Shown::Number(number) | Shown::Value(Value::Integer(number)) => {
                serializer.serialize_i64(*number)
            }
            Shown::Flag(flag) | Shown::Value(Value::Flag(flag)) => serializer.serialize_bool(*flag),
            Shown::Moment(at) => time::precise(*at).serialize(serializer),
            Shown::Value(Value::Text(text)) => serializer.serialize_str(text),
            Shown::Value(Value::Decimal(number)) => serializer.serialize_f64(number.get()),
        }
    }
}

/// An identity and whose it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IdentityBody<'a> {
    number: i64,
    #[serde(rename = "type")]
    kind: &'a str,
    value: &'a str,
    name: Option<&'a str>,
    scope: Option<&'a str>,
    customer_id: i64,
    quarantined: bool,
}

impl<'a> IdentityBody<'a> {
    pub(crate) fn of(found: &'a OwnedIdentity) -> IdentityBody<'a> {
        let identity = &found.identity;
        IdentityBody {
            number: identity.number.0,
            kind: &found.kind,
            value: &identity.raw,
            name: identity.name.as_deref(),
            scope: identity.scope.as_deref(),
            customer_id: found.owner.0,
            quarantined: identity.quarantine == kehub_core::identity::Quarantine::Yes,
        }
    }
}
