//! What the description of the API tells about looking back.

use crate::api::customers::describe::{customer, identity};
use crate::api::describe::{Described, id, query};
use crate::api::problem::Code;
use kehub_core::directory::Permission;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_customer_history" => history(),
        "api_customer_export" => export(),
        _ => return None,
    })
}

fn history() -> Described {
    let answer = json!({ "items": [version()], "nextCursor": null });
    Described::read(Permission::CustomersRead)
        .parameter(id("The id of the customer"))
        .parameter(query("limit", "How many versions at most: 1 to 1000, 50 unless given", "50"))
        .parameter(query("cursor", "`nextCursor` of an earlier answer", "7"))
        .parameter(query("order", "`newest` first, unless given, or `oldest`", "oldest"))
        .answer(200, "A part of the history", &["ApiHistory"], &answer)
        .meets(&[Code::CustomerNotFound])
}

fn export() -> Described {
    Described::read(Permission::CustomersRead)
        .parameter(id("The id of the customer"))
        .answer(200, "All of it, as one document", &["ApiPerson"], &person())
        .meets(&[Code::CustomerNotFound, Code::CustomerErased])
}

/// An entry of the journal.
pub(crate) fn stamp() -> Value {
    json!({
        "seq": 1, "at": "2026-05-04T01:02:03.250Z", "app": "cl0123456789abcde",
        "requestId": "5b3c09d100000007",
    })
}

/// An identity as it is named.
pub(crate) fn named() -> Value {
    json!({ "number": 2, "type": "wechat", "value": "oABC-123", "name": "shop" })
}

/// An entry with more.
pub(crate) fn stamped(more: Value) -> Value {
    let mut all = stamp();
    if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
        all.extend(more);
    }
    all
}

fn version() -> Value {
    stamped(json!({
        "kinds": ["created"],
        "customerId": 1,
        "state": "live",
        "rev": 1,
        "visible": true,
        "fields": [{ "field": "name", "before": null, "after": "Wang Fang" }],
        "gained": [named()],
        "lost": [],
        "mergeIds": [],
        "conflictIds": [],
        "movedClaims": [],
        "claim": {
            "matchedBy": null,
            "identities": [{ "identity": named(), "outcome": "created" }],
        },
    }))
}

fn held() -> Value {
    json!({
        "value": "Wang Fang", "seq": 1, "at": "2026-05-04T01:02:03.250Z",
        "app": "cl0123456789abcde", "alsoSentBy": [],
    })
}

fn person() -> Value {
    let mut of_field = held();
    if let Value::Object(members) = &mut of_field {
        members.insert("lost".to_owned(), json!([]));
    }
    let mut owned = identity();
    if let Value::Object(members) = &mut owned {
        members.remove("customerId");
        members.insert("homeId".to_owned(), json!(1));
        members.insert("canonical".to_owned(), json!("oABC-123"));
        members.insert("seenWith".to_owned(), json!({}));
        members.insert("apps".to_owned(), json!(["cl0123456789abcde"]));
    }
    json!({
        "exportedAt": "2026-05-04T01:02:03.250Z",
        "state": "live",
        "customer": customer(),
        "mergedIds": [],
        "provenance": { "name": of_field },
        "homes": [{
            "id": 1, "createdAt": "2026-05-04T01:02:03.250Z", "fields": { "name": held() },
        }],
        "identities": [owned],
        "claims": [stamped(json!({
            "observedAt": null,
            "homeId": 1,
            "matchedBy": null,
            "identities": [{ "identity": named(), "outcome": "created" }],
            "fields": [{ "field": "name", "value": "Wang Fang", "effect": "written" }],
        }))],
        "merges": [],
        "conflicts": [],
        "cannotLinks": [],
        "undecidedClaims": [],
        "entries": [stamped(json!({ "actor": null, "kinds": ["created"] }))],
    })
}
