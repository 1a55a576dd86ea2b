//! Examples for the description of the API: a real customer, written by the code that answers.

use super::wire::answer::Answer;
use super::wire::filter::Selection;
use kehub_core::attribute::{Attribute, FieldKey, Value};
use kehub_core::customer::{Cell, Customer, Fold, State};
use kehub_core::{AppNumber, CustomerId, Seq};
use serde_json::{Value as Json, json};

/// 2026-05-04T01:02:03Z.
const AT: i64 = 1_777_856_523_000_000;

/// What a shop sends about a customer, with an account, an openid and a mobile number.
pub(crate) fn upsert() -> Json {
    json!({
        "customer": customer_fields(),
        "customerIdentities": [
            { "identityType": "member-id", "identityValue": "M-1001" },
            { "identityType": "wechat", "identityValue": "oABC-123", "identityName": "shop" },
        ],
    })
}

/// The fields of the example.
pub(crate) fn customer_fields() -> Json {
    json!({
        "name": "Wang Fang",
        "gender": 2,
        "mobile": "13800000001",
        "city": "Shanghai",
        "source": "web shop",
        "attr": { "shoe_size": 38 },
    })
}

/// The customer that comes of it.
pub(crate) fn customer() -> Json {
    let cell = |value: Value| Cell {
        value: Some(value),
        verified: false,
        seq: Seq(1),
        at: AT,
        apps: vec![AppNumber(1)].into(),
    };
    let text = |text: &str| cell(Value::Text(text.into()));
    let fields = [
        (FieldKey::Builtin(Attribute::Name), text("Wang Fang")),
        (FieldKey::Builtin(Attribute::Gender), cell(Value::Integer(2))),
        (FieldKey::Builtin(Attribute::Mobile), text("13800000001")),
        (FieldKey::Builtin(Attribute::City), text("Shanghai")),
        (FieldKey::Builtin(Attribute::Source), text("web shop")),
        (FieldKey::Custom("shoe_size".into()), cell(Value::Integer(38))),
    ];
    let customer = Customer {
        id: CustomerId(1),
        state: State::Live,
        fold: Fold(fields.into_iter().collect()),
        homes: 1,
        rev: 1,
        head: Seq(1),
        created_at: AT,
        updated_at: AT,
        seen_at: AT,
    };
    let answer = Answer::whole(&customer, &Selection::All);
    serde_json::to_value(answer).unwrap_or_default()
}

/// An identity of the customer.
pub(crate) fn identity() -> Json {
    json!({
        "customerId": "1",
        "identityType": "wechat",
        "identityValue": "oABC-123",
        "identityName": "shop",
    })
}
