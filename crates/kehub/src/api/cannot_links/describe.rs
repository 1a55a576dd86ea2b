//! What the description of the API tells about cannot-links.

use crate::api::describe::{Described, object, query, schema};
use crate::api::problem::Code;
use crate::api::shapes::page_schema;
use kehub_core::directory::Permission;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_cannot_link_list" => list(),
        "api_cannot_link_create" => create(),
        "api_cannot_link_delete" => delete(),
        _ => return None,
    })
}

fn list() -> Described {
    let page = json!({
        "items": [{
            "homes": [1, 2],
            "set": {
                "seq": 15, "at": "2026-05-04T01:02:03.250Z", "app": "cl0123456789abcde",
                "requestId": "5b3c09d100000007",
            },
        }],
        "nextCursor": null,
    });
    Described::read(Permission::CustomersRead)
        .parameter(query("limit", "How many to answer: 1 to 1000, 50 unless given", "50"))
        .parameter(query("cursor", "`nextCursor` of an earlier answer", "1-2"))
        .answer(200, "Cannot-links, in order", &["ApiCannotLinks"], &page)
}

fn create() -> Described {
    Described::write(Permission::IdentitiesMerge)
        .body("ApiTwoCustomers", &json!({ "customerIds": [1, 2] }))
        .answer(
            200,
            "They are different people",
            &["ApiLinked"],
            &json!({ "homes": [1, 2], "apart": true, "seq": 16 }),
        )
        .meets(&[
            Code::CustomerNotFound,
            Code::CustomerDeleted,
            Code::CustomerErased,
            Code::SameCustomer,
        ])
}

fn delete() -> Described {
    let home = |name: &str| {
        json!({
            "name": name, "in": "path", "required": true, "example": 1,
            "description": "A home of the cannot-link", "schema": { "type": "integer" },
        })
    };
    Described::write(Permission::IdentitiesMerge)
        .parameter(home("one"))
        .parameter(home("other"))
        .answer(
            200,
            "They may be joined again",
            &["ApiLinked"],
            &json!({ "homes": [1, 2], "apart": false, "seq": 17 }),
        )
        .meets(&[Code::CannotLinkNotFound])
}

pub(crate) fn schemas() -> Value {
    let homes = json!({
        "type": "array", "minItems": 2, "maxItems": 2, "items": { "type": "integer" },
        "description": "The ids under which the two entered the hub, the smaller one first",
    });
    let link = json!({ "homes": homes, "set": schema("ApiWritten") });
    let linked = json!({
        "homes": homes,
        "apart": { "type": "boolean", "description": "Whether they are different people" },
        "seq": {
            "type": ["integer", "null"],
            "description": "`null` if it was so before, and in a dry run",
        },
    });
    json!({
        "ApiCannotLink": object("Two homes that are different people.", &link, &[]),
        "ApiCannotLinks": page_schema("A part of the cannot-links.", "ApiCannotLink"),
        "ApiLinked": object("What came of setting or removing a cannot-link.", &linked, &[]),
    })
}
