//! What a merge would show, field by field.

use crate::api::customers::body::Shown;
use kehub_core::attribute::{Attribute, FieldKey};
use kehub_core::customer::Customer;
use kehub_core::outcome::MergedByHand;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::collections::BTreeSet;

/// Every field that either customer has.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviewBody<'a> {
    /// The two customers, in the order in which `values` shows them.
    customer_ids: [i64; 2],
    fields: Vec<FieldBody<'a>>,
}

#[derive(Debug)]
struct FieldBody<'a> {
    key: &'a FieldKey,
    merged: &'a MergedByHand,
}

impl<'a> PreviewBody<'a> {
    pub(crate) fn of(merged: &'a MergedByHand) -> PreviewBody<'a> {
        let (one, other) = &merged.before;
        let keys: BTreeSet<&FieldKey> = one.fold.0.keys().chain(other.fold.0.keys()).collect();
        let fields = keys.into_iter().map(|key| FieldBody { key, merged });
        PreviewBody { customer_ids: [one.id.0, other.id.0], fields: fields.collect() }
    }
}

impl Serialize for FieldBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (one, other) = &self.merged.before;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("field", &self.key.to_string())?;
        map.serialize_entry("value", &shown(&self.merged.customer, self.key))?;
        map.serialize_entry("values", &[shown(one, self.key), shown(other, self.key)])?;
        if matches!(self.key, FieldKey::Builtin(Attribute::Mobile | Attribute::Email)) {
            let verified = |customer: &Customer| {
                customer.fold.cell(self.key).is_some_and(|cell| cell.verified)
            };
            map.serialize_entry("verified", &verified(&self.merged.customer))?;
        }
        map.end()
    }
}

/// A field of a customer.
fn shown<'a>(customer: &'a Customer, key: &FieldKey) -> Shown<'a> {
    match key {
        FieldKey::Builtin(attribute) => Shown::of(*attribute, customer.fold.value(key)),
        FieldKey::Custom(_) => customer.fold.value(key).map_or(Shown::Null, Shown::Value),
    }
}
