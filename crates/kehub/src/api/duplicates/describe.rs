//! What the description of the API tells about duplicates.

use crate::api::describe::{Described, MOMENT, object, query};
use crate::api::problem::Code;
use kehub_core::directory::Permission;
use kehub_core::duplicates::Reason;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_duplicate_list" => list(),
        _ => return None,
    })
}

fn list() -> Described {
    let found = json!({
        "computedAt": "2026-05-04T01:02:03.250Z",
        "items": [
            { "customerIds": [7, 12], "score": 95, "reasons": ["sameMobile", "sameNameAndBirthday"] },
        ],
        "crowds": [{ "reason": "sameMobile", "count": 312, "customerIds": [3, 4, 9] }],
        "isCut": false,
        "nextCursor": "5f.7.c",
    });
    Described::read(Permission::CustomersRead)
        .parameter(query("reason", "Only pairs that have this in common", "sameMobile"))
        .parameter(query("customerId", "Only pairs that this customer is part of", "7"))
        .parameter(query("limit", "How many to answer: 1 to 1000, 50 unless given", "50"))
        .parameter(query(
            "cursor",
            "`nextCursor` of an earlier answer: what comes after it",
            "5f.7.c",
        ))
        .parameter(query("refresh", "`1`: look again, for a first page", "1"))
        .answer(200, "Pairs of customers, the likeliest first", &["ApiDuplicates"], &found)
        .meets(&[Code::CustomerNotFound])
}

pub(crate) fn schemas() -> Value {
    let names: Vec<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    let id = json!({ "type": "integer", "minimum": 1 });
    let pair = json!({
        "customerIds": { "type": "array", "minItems": 2, "maxItems": 2, "items": id },
        "score": {
            "type": "integer", "minimum": 30, "maximum": 99,
            "description": "How likely it looks. It orders the list and promises nothing",
        },
        "reasons": { "type": "array", "minItems": 1, "items": { "enum": names } },
    });
    let crowd = json!({
        "reason": { "enum": names },
        "count": { "type": "integer" },
        "customerIds": {
            "type": "array", "maxItems": 20, "items": id,
            "description": "The first of them",
        },
    });
    let list = json!({
        "computedAt": { "type": "string", "pattern": MOMENT, "description": "When it was found" },
        "items": { "type": "array", "items": crate::api::describe::schema("ApiDuplicate") },
        "crowds": {
            "type": "array", "items": crate::api::describe::schema("ApiCrowd"),
            "description": "What so many share that no pair of them is suggested for it: on the \
                            first page, largest first",
        },
        "isCut": {
            "type": "boolean",
            "description": "Whether there was more to look at than the hub looks at",
        },
        "nextCursor": { "type": ["string", "null"] },
    });
    json!({
        "ApiDuplicates": object("A part of the duplicates.", &list, &[]),
        "ApiDuplicate": object("Two customers that look like one person.", &pair, &[]),
        "ApiCrowd": object("Many customers that share one thing.", &crowd, &[]),
    })
}
