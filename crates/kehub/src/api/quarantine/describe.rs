//! What the description of the API tells about quarantine.

use crate::api::describe::{Described, object, query, schema};
use crate::api::problem::Code;
use kehub_core::directory::Permission;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_quarantine_list" => list(),
        "api_quarantine_release" => release(),
        _ => return None,
    })
}

fn list() -> Described {
    let mut quarantined = identity();
    if let Value::Object(members) = &mut quarantined {
        members.insert("seenWith".to_owned(), json!([{ "type": "member-id", "count": 3 }]));
    }
    let page = json!({ "items": [quarantined], "nextCursor": null });
    Described::read(Permission::CustomersRead)
        .parameter(query("limit", "How many to answer: 1 to 1000, 50 unless given", "50"))
        .parameter(query("cursor", "`nextCursor` of an earlier answer: what comes after it", "7"))
        .answer(200, "Quarantined identities by number", &["ApiQuarantine"], &page)
}

fn release() -> Described {
    let number = json!({
        "name": "number", "in": "path", "required": true, "example": 7,
        "description": "The number of the identity", "schema": { "type": "integer" },
    });
    let mut released = identity();
    if let Value::Object(members) = &mut released {
        members.insert("quarantined".to_owned(), json!(false));
    }
    Described::write(Permission::IdentitiesMerge)
        .parameter(number)
        .answer(200, "It matches again", &["ApiReleased", "ApiOwnReleased"], &released)
        .meets(&[Code::IdentityNotFound, Code::NotQuarantined])
}

fn identity() -> Value {
    json!({
        "number": 7, "type": "mobile", "value": "+86 138 0000 0001", "name": null, "scope": null,
        "customerId": 1,
    })
}

pub(crate) fn schemas() -> Value {
    let text = json!({ "type": "string" });
    let or_null = json!({ "type": ["string", "null"] });
    let quarantined = json!({ "const": false });
    let number = json!({ "type": "integer", "minimum": 1 });
    let identity = |name: &str, shape: &Value| {
        let mut members = json!({
            "number": number, "type": text, "value": text, "name": or_null, "scope": or_null,
            "customerId": { "type": ["integer", "null"], "description": "Who owns it, if anybody" },
        });
        if let Value::Object(members) = &mut members {
            members.insert(name.to_owned(), shape.clone());
        }
        members
    };
    let count = json!({ "type": "integer", "minimum": 1 });
    let seen =
        object("How many values of one type.", &json!({ "type": text, "count": count }), &[]);
    let seen = json!({ "type": "array", "items": seen });
    let page = json!({
        "items": { "type": "array", "items": schema("ApiQuarantined") },
        "nextCursor": or_null,
    });
    let own = json!({ "number": number, "quarantined": quarantined });
    json!({
        "ApiQuarantine": object("A part of the quarantined identities.", &page, &[]),
        "ApiQuarantined": object(
            "An identity that does not match, and what it was seen with since it was last released.",
            &identity("seenWith", &seen),
            &[],
        ),
        "ApiReleased": object(
            "An identity that matches again.", &identity("quarantined", &quarantined), &[],
        ),
        "ApiOwnReleased": object("The answer to an app that may not read customers.", &own, &[]),
    })
}
