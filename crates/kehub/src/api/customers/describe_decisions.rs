//! What the description of the API tells about what people decide about a customer.

use crate::api::describe::{Described, id, object, schema};
use crate::api::problem::Code;
use kehub_core::directory::Permission;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_customer_extract" => extract(),
        "api_customer_restore" => restore(),
        "api_customer_erase" => erase(),
        _ => return None,
    })
}

fn extract() -> Described {
    let sent = json!({ "identities": [{ "type": "mobile", "value": "13800000001" }] });
    let extracted = json!({
        "customerId": 1, "extractedId": 7, "identityNumbers": [4], "claims": [12],
        "reviewIds": [], "seq": 20,
    });
    let shapes = ["ApiExtracted"];
    Described::write(Permission::IdentitiesMerge)
        .parameter(id("The id of the customer"))
        .body("ApiExtractInput", &sent)
        .answer(200, "What would come of it", &shapes, &extracted)
        .answer(201, "The new customer", &shapes, &extracted)
        .meets(&[
            Code::CustomerNotFound,
            Code::CustomerDeleted,
            Code::CustomerErased,
            Code::NothingToExtract,
        ])
}

fn restore() -> Described {
    Described::write(Permission::CustomersDelete)
        .parameter(id("The id of the customer"))
        .answer(
            200,
            "The customer is there again",
            &["ApiRestored"],
            &json!({ "customerId": 1, "seq": 21 }),
        )
        .meets(&[
            Code::CustomerNotFound,
            Code::CustomerLive,
            Code::CustomerErased,
            Code::IdentitiesTaken,
        ])
}

fn erase() -> Described {
    let erased = json!({ "customerIds": [1, 2], "identities": 3, "claims": 5, "seq": 22 });
    Described::write(Permission::CustomersErase)
        .parameter(id("The id of the customer"))
        .answer(200, "Everything about the customer is gone", &["ApiErased"], &erased)
        .meets(&[Code::CustomerNotFound, Code::CustomerErased])
}

pub(crate) fn schemas() -> Value {
    let numbers = |about: &str| json!({ "type": "array", "items": { "type": "integer" }, "description": about });
    let seq = json!({ "type": ["integer", "null"], "description": "`null` in a dry run" });
    let extracted = json!({
        "customerId": { "type": "integer", "description": "The customer that held them" },
        "extractedId": {
            "type": "integer",
            "description": "The new customer; in a dry run the id it would get now",
        },
        "identityNumbers": numbers("What was taken out"),
        "claims": numbers("The claims that went with them, by their entries"),
        "reviewIds": numbers("Review entries about merges that only these identities had bridged"),
        "seq": seq,
    });
    let erased = json!({
        "customerIds": numbers("Every id that stood for the customer"),
        "identities": { "type": "integer", "description": "How many lost their texts" },
        "claims": { "type": "integer", "description": "How many lost their fields" },
        "seq": seq,
    });
    let restored = json!({ "customerId": { "type": "integer" }, "seq": seq });
    let identities = json!({ "type": "array", "items": schema("ApiIdentityInput") });
    json!({
        "ApiExtractInput": object(
            "What to take out.", &json!({ "identities": identities }), &[]),
        "ApiExtracted": object("What came of taking identities out.", &extracted, &[]),
        "ApiRestored": object("What came of restoring a customer.", &restored, &[]),
        "ApiErased": object("What an erasure took.", &erased, &[]),
    })
}
