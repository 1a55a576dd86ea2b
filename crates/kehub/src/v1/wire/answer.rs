//! A customer as an answer shows it (W2, W17, W38), written in one pass: no tree in between.

use super::filter::{Selected, Selection};
use super::resolution::ResolutionBody;
use crate::wire::time;
use kehub_core::CustomerId;
use kehub_core::attribute::{Access, Attribute, FieldKey, Kind, Value};
use kehub_core::command::FieldsSent;
use kehub_core::customer::{Customer, Fold};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// What of a customer the caller may see.
#[derive(Clone, Copy, Debug)]
pub(crate) enum View<'a> {
    /// All of it.
    Whole(&'a Customer),
    /// Its id and what the caller sent itself: an app secret that is shipped in a phone must not
    /// become a directory (W38).
    OwnWords {
        /// The customer.
        id: CustomerId,
        /// What was sent.
        sent: &'a FieldsSent,
    },
}

/// A customer in an answer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) view: View<'a>,
    pub(crate) selection: &'a Selection,
    /// How it was found, if that was asked for.
    pub(crate) resolution: Option<ResolutionBody>,
}

impl<'a> Answer<'a> {
    /// A whole customer.
    pub(crate) fn whole(customer: &'a Customer, selection: &'a Selection) -> Answer<'a> {
        Answer { view: View::Whole(customer), selection, resolution: None }
    }
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match (self.selection, self.view) {
            (Selection::All, View::Whole(customer)) => whole(customer, &mut map)?,
            (Selection::All, View::OwnWords { .. }) => {
                for attribute in Attribute::ALL {
                    map.serialize_entry(attribute.name(), &self.view.shown(*attribute))?;
                }
                map.serialize_entry("attr", &CustomMap { view: self.view, keys: None })?;
            }
            (Selection::Some(fields), view) => {
                for field in fields {
                    selected(view, field, &mut map)?;
                }
            }
        }
        if let Some(resolution) = &self.resolution {
            map.serialize_entry("_resolution", resolution)?;
        }
        map.end()
    }
}

/// All attributes of a customer: its fields and the table of attributes are in the same order, so
/// that both are walked once.
fn whole<M: SerializeMap>(customer: &Customer, map: &mut M) -> Result<(), M::Error> {
    let mut cells = customer.fold.0.iter().peekable();
    for attribute in Attribute::ALL {
        let cell = cells.next_if(|(key, _)| **key == FieldKey::Builtin(*attribute));
        let value = cell.and_then(|(_, cell)| cell.value.as_ref());
        let is_plain = attribute.access() == Access::Written && *attribute != Attribute::DateJoin;
        if is_plain {
            map.serialize_entry(attribute.name(), &Shown::of(*attribute, value))?;
        } else {
            map.serialize_entry(attribute.name(), &View::Whole(customer).shown(*attribute))?;
        }
    }
    map.serialize_entry("attr", &CustomMap { view: View::Whole(customer), keys: None })
}

fn selected<M: SerializeMap>(
    view: View<'_>,
    field: &Selected,
    map: &mut M,
) -> Result<(), M::Error> {
    match field {
        Selected::Attribute(attribute) => {
            map.serialize_entry(attribute.name(), &view.shown(*attribute))
        }
        Selected::AllCustom => map.serialize_entry("attr", &CustomMap { view, keys: None }),
        Selected::Custom(keys) => {
            map.serialize_entry("attr", &CustomMap { view, keys: Some(keys) })
        }
    }
}

impl<'a> View<'a> {
    fn shown(self, attribute: Attribute) -> Shown<'a> {
        match self {
            View::Whole(customer) => whole_shown(customer, attribute),
            View::OwnWords { id, sent } => own_shown(id, sent, attribute),
        }
    }

    fn custom(self, key: &str) -> Option<&'a Value> {
        let key = FieldKey::custom(key)?;
        match self {
            View::Whole(customer) => customer.fold.value(&key),
            View::OwnWords { sent, .. } => sent.values.get(&key)?.as_ref(),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what is not derived is a field")]
fn whole_shown(customer: &Customer, attribute: Attribute) -> Shown<'_> {
    let fold: &Fold = &customer.fold;
    match attribute {
        Attribute::Id => Shown::Number(customer.id.0),
        Attribute::DisplayName => {
            let name = fold.attribute(Attribute::Name);
            Shown::of(attribute, name.or_else(|| fold.attribute(Attribute::NickName)))
        }
        Attribute::DateCreated => Shown::Moment(customer.created_at),
        Attribute::LastUpdated => Shown::Moment(customer.updated_at),
        Attribute::DateJoin => match fold.attribute(Attribute::DateJoin) {
            None => Shown::Moment(customer.created_at),
            joined @ Some(_) => Shown::of(attribute, joined),
        },
        Attribute::MobileVerified => verified(fold, Attribute::Mobile),
        Attribute::EmailVerified => verified(fold, Attribute::Email),
        _ => Shown::of(attribute, fold.attribute(attribute)),
    }
}

fn verified(fold: &Fold, of: Attribute) -> Shown<'_> {
    let cell = fold.cell(&FieldKey::Builtin(of));
    Shown::Flag(cell.is_some_and(|cell| cell.verified && cell.value.is_some()))
}

/// What was sent is shown; everything else is `null`, defaults included: `false` would be a
/// statement about the customer.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not derived is a field")]
fn own_shown(id: CustomerId, sent: &FieldsSent, attribute: Attribute) -> Shown<'_> {
    let flag = |flag: Option<bool>| flag.map_or(Shown::Null, Shown::Flag);
    match attribute {
        Attribute::Id => Shown::Number(id.0),
        Attribute::MobileVerified => flag(sent.mobile_verified),
        Attribute::EmailVerified => flag(sent.email_verified),
        _ => match sent.values.get(&FieldKey::Builtin(attribute)) {
            Some(Some(value)) => Shown::of(attribute, Some(value)),
            Some(None) | None => Shown::Null,
        },
    }
}

/// A value as the wire writes it.
#[derive(Clone, Copy, Debug)]
enum Shown<'a> {
    Null,
    Number(i64),
    Flag(bool),
    Moment(i64),
    Value(&'a Value),
}

impl<'a> Shown<'a> {
    fn of(attribute: Attribute, value: Option<&'a Value>) -> Shown<'a> {
        match (attribute.kind(), value) {
            (Kind::Time, Some(Value::Integer(at))) => Shown::Moment(*at),
            (_, Some(value)) => Shown::Value(value),
            (Kind::Gender, None) => Shown::Number(0),
            (Kind::Flag, None) => Shown::Flag(false),
            (Kind::Text(_) | Kind::Integer | Kind::Decimal | Kind::Date | Kind::Time, None) => {
                Shown::Null
            }
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
            Shown::Moment(at) => time::format(*at).serialize(serializer),
            Shown::Value(Value::Text(text)) => serializer.serialize_str(text),
            Shown::Value(Value::Decimal(number)) => serializer.serialize_f64(number.get()),
        }
    }
}

/// The object of custom attributes: all that are set, or the asked ones, unset ones as `null`.
struct CustomMap<'a> {
    view: View<'a>,
    keys: Option<&'a [Box<str>]>,
}

impl Serialize for CustomMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.keys, self.view) {
            (Some(keys), view) => serializer.collect_map(
                keys.iter().map(|key| (key, view.custom(key).map_or(Shown::Null, Shown::Value))),
            ),
            (None, View::Whole(customer)) => serializer
                .collect_map(customer.fold.custom().map(|(key, value)| (key, Shown::Value(value)))),
            (None, View::OwnWords { sent, .. }) => {
                serializer.collect_map(sent.values.iter().filter_map(|(key, value)| {
                    let FieldKey::Custom(key) = key else { return None };
                    Some((key, Shown::Value(value.as_ref()?)))
                }))
            }
        }
    }
}

/// A page of customers (W16).
#[derive(Debug)]
pub(crate) struct List<'a> {
    /// All matches.
    pub(crate) records: u64,
    /// The customers of this page.
    pub(crate) customers: &'a [Customer],
    /// Pages in all.
    pub(crate) pages: u64,
    pub(crate) selection: &'a Selection,
}

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("records", &self.records)?;
        map.serialize_entry("rows", &Rows(self.customers, self.selection))?;
        map.serialize_entry("total", &self.pages)?;
        map.end()
    }
}

struct Rows<'a>(&'a [Customer], &'a Selection);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|customer| Answer::whole(customer, self.1)))
    }
}
