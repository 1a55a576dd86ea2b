//! What the description of the API tells about customers.

use crate::api::describe::{Described, id, query};
use crate::api::problem::Code;
use kehub_core::attribute::Attribute;
use kehub_core::directory::Permission;
use serde_json::{Map, Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_customer_upsert" => upsert(),
        "api_customer_batch" => batch(),
        "api_customer_list" => list(),
        "api_customer_delete" => delete(),
        "api_customer_get" => get(),
        "api_customer_patch" => patch(),
        _ => return None,
    })
}

fn upsert() -> Described {
    let sent = json!({
        "customer": {
            "name": "Wang Fang", "mobile": "13800000001", "attr": { "shoe_size": 38 },
            "unset": ["remark"],
        },
        "identities": [
            { "type": "member-id", "value": "M-1001" },
            { "type": "wechat", "value": "oABC-123", "name": "shop", "scope": "wx0123456789" },
        ],
        "onConflict": "keep",
    });
    let resolved = json!({ "customer": customer(), "resolution": resolution() });
    let shapes = ["ApiResolved", "ApiOwnResolved"];
    Described::write(Permission::CustomersWrite)
        .body("ApiUpsertInput", &sent)
        .answer(200, "The customer afterwards, and what came of the request", &shapes, &resolved)
        .answer(201, "The customer is new", &shapes, &resolved)
        .meets(&[Code::ConflictsFound, Code::NothingUsable, Code::CustomerErased])
}

fn batch() -> Described {
    let row = json!({
        "customer": { "name": "Wang Fang" },
        "identities": [{ "type": "member-id", "value": "M-1001" }],
    });
    let done = json!({ "row": 0, "status": 201, "customerId": 1, "resolution": resolution() });
    let answer = json!({
        "items": [done],
        "counts": { "accepted": 1, "refused": 0, "notApplied": 0, "unknown": 0 },
    });
    let atomic = "`1`: keep all rows or none; at most 1,000";
    Described::write(Permission::CustomersWrite)
        .parameter(query("atomic", atomic, "1"))
        .body("ApiBatchInput", &json!([row]))
        .answer(200, "What became of each row, in order", &["ApiBatch"], &answer)
        .lines(row, done)
        .meets(&[Code::RowsTooMany, Code::BatchRefused, Code::BatchInterrupted])
}

fn list() -> Described {
    let found = json!({
        "items": [{ "id": 1, "name": "Wang Fang", "attr": { "shoe_size": 38 } }],
        "nextCursor": "5b226e616d65222c2257616e672046616e67222c315d",
    });
    let moment = "2026-05-04T00:00:00Z";
    let filters = [
        ("{field}", "The attribute equals this", "Beijing"),
        ("{field}:not", "It equals anything else, or is unset", "Lead"),
        ("{field}:in", "It equals one of these, parted by commas; at most 100", "Lead,Member"),
        ("{field}:gt", "It is larger, later or behind this", moment),
        ("{field}:gte", "The same, or equal", moment),
        ("{field}:lt", "It is smaller, earlier or before this", moment),
        ("{field}:lte", "The same, or equal", moment),
        ("{field}:prefix", "It is text that begins with this", "Wang"),
        ("{field}:empty", "`1`: it is unset; `0`: it is set", "1"),
    ];
    let mut described = Described::read(Permission::CustomersRead)
        .parameter(query("sort", "A field; with `-` before it descending", "-lastUpdated"))
        .parameter(query("limit", "How many to answer: 1 to 1000, 50 unless given", "50"))
        .parameter(query(
            "cursor",
            "`nextCursor` of an earlier answer to the same filters and `sort`",
            "5b226e616d65222c2257616e672046616e67222c315d",
        ))
        .parameter(query("total", "`1`: also count all that match, which takes longer", "1"))
        .parameter(query(
            "fields",
            "Only these fields, parted by commas; the id always comes along",
            "name,rev,attr.shoe_size",
        ));
    for (name, about, example) in filters {
        described = described.parameter(query(name, about, example));
    }
    described.answer(200, "The customers that match, in order", &["ApiCustomerList"], &found)
}

fn get() -> Described {
    let mut whole = customer();
    if let Value::Object(members) = &mut whole {
        members.insert("mergedIds".to_owned(), json!([2]));
        members.insert("identities".to_owned(), json!([identity()]));
    }
    Described::read(Permission::CustomersRead)
        .parameter(id("The id of the customer"))
        .parameter(query("asOf", "As it stood at this moment", "2026-05-04T01:02:03Z"))
        .parameter(query("provenance", "`1`: where every value is from", "1"))
        .answer(200, "The customer", &["ApiWholeCustomer", "ApiPastCustomer"], &whole)
        .meets(&[Code::CustomerNotFound, Code::CustomerDeleted, Code::CustomerErased])
}

fn delete() -> Described {
    Described::write(Permission::CustomersDelete)
        .parameter(id("The id of the customer"))
        .silent("The customer is gone")
        .meets(&[
            Code::CustomerNotFound,
            Code::CustomerDeleted,
            Code::CustomerErased,
            Code::CustomerMerged,
        ])
}

fn patch() -> Described {
    let sent = json!({ "customer": { "city": "Beijing", "unset": ["remark", "attr.shoe_size"] } });
    let resolved = json!({ "customer": customer(), "resolution": resolution() });
    let shapes = ["ApiResolved", "ApiOwnResolved"];
    Described::write(Permission::CustomersWrite)
        .parameter(id("The id of the customer"))
        .body("ApiPatchInput", &sent)
        .answer(200, "The customer afterwards", &shapes, &resolved)
        .meets(&[Code::CustomerNotFound, Code::CustomerDeleted, Code::CustomerErased])
}

/// A customer with few fields set.
pub(crate) fn customer() -> Value {
    let moment = json!("2026-05-04T01:02:03.250Z");
    let set = [
        ("id", json!(1)),
        ("displayName", json!("Wang Fang")),
        ("name", json!("Wang Fang")),
        ("mobile", json!("13800000001")),
        ("mobileVerified", json!(false)),
        ("dateJoin", moment.clone()),
        ("dateCreated", moment.clone()),
        ("lastUpdated", moment),
    ];
    let names = Attribute::ALL.iter().map(|attribute| (attribute.name().to_owned(), Value::Null));
    let mut customer: Map<String, Value> = names.collect();
    customer.extend(set.map(|(name, value)| (name.to_owned(), value)));
    customer.insert("rev".to_owned(), json!(1));
    customer.insert("attr".to_owned(), json!({ "shoe_size": 38 }));
    Value::Object(customer)
}

/// An identity of the customer.
pub(crate) fn identity() -> Value {
    json!({
        "number": 2, "type": "wechat", "value": "oABC-123", "name": "shop",
        "scope": "wx0123456789", "customerId": 1, "quarantined": false,
    })
}

/// What came of it.
pub(crate) fn resolution() -> Value {
    json!({
        "result": "created",
        "matchedBy": null,
        "identities": [
            { "type": "member-id", "value": "M-1001", "outcome": "created", "customerId": 1 },
            { "type": "wechat", "value": "oABC-123", "outcome": "created", "customerId": 1 },
        ],
        "mergedIds": [],
        "conflicts": [],
        "warnings": [],
        "seq": 1,
    })
}
