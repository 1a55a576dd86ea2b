//! What the description of the API tells about identities.

use crate::api::customers::describe::{customer, identity, resolution};
use crate::api::describe::{Described, id, object, query, schema};
use crate::api::problem::Code;
use kehub_core::directory::Permission;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    let list = json!({ "items": [identity()], "nextCursor": null });
    Some(match name {
        "api_identity_list" => Described::read(Permission::CustomersRead)
            .parameter(query("value", "The value; required", "oABC-123"))
            .parameter(query("type", "Of this type only", "wechat"))
            .answer(200, "The identities, by customer", &["ApiIdentityList"], &list),
        "api_customer_identities" => Described::read(Permission::CustomersRead)
            .parameter(id("The id of the customer"))
            .answer(200, "The identities of the customer", &["ApiIdentityList"], &list)
            .meets(&[Code::CustomerNotFound, Code::CustomerDeleted, Code::CustomerErased]),
        "api_identity_attach" => attach(),
        _ => return None,
    })
}

fn attach() -> Described {
    let sent = json!({ "type": "wechat", "value": "oABC-123", "name": "shop" });
    let resolved = json!({ "customer": customer(), "resolution": resolution() });
    let shapes = ["ApiResolved", "ApiOwnResolved"];
    Described::write(Permission::IdentitiesWrite)
        .parameter(id("The id of the customer"))
        .body("ApiIdentityInput", &sent)
        .answer(200, "The customer has it already", &shapes, &resolved)
        .answer(201, "The customer has it now", &shapes, &resolved)
        .meets(&[
            Code::CustomerNotFound,
            Code::CustomerDeleted,
            Code::CustomerErased,
            Code::IdentityNotAttached,
        ])
}

pub(crate) fn schemas() -> Value {
    let list = json!({
        "items": { "type": "array", "items": schema("ApiIdentity") },
        "nextCursor": { "type": "null" },
    });
    json!({ "ApiIdentityList": object("Identities; never more than one part.", &list, &[]) })
}
