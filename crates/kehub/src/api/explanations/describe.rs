//! What the description of the API tells about explanations.

use crate::api::describe::{Described, MOMENT, object, query, schema};
use crate::api::past::describe::{named, stamped};
use crate::api::past::schemas::{list, or_null, stamped as stamped_members};
use crate::api::problem::Code;
use kehub_core::directory::Permission;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_explanation_get" => get(),
        _ => return None,
    })
}

fn get() -> Described {
    let mobile = json!({ "number": 1, "type": "mobile", "value": "13800000001", "name": null });
    let step = stamped(json!({
        "from": { "identity": named() },
        "to": { "identity": mobile },
        "by": "request",
        "matchedBy": { "identity": named() },
        "merge": null,
        "conflictId": null,
    }));
    let example = json!({
        "same": true,
        "asOf": null,
        "from": { "customerId": 1, "identity": named() },
        "to": { "customerId": 1, "identity": mobile },
        "path": [step],
        "whyNot": null,
    });
    let mut described = Described::read(Permission::CustomersRead);
    for (side, others) in [("from", "the one side"), ("to", "the other side")] {
        let kind = format!("Of an identity, {others}: its type, with `{side}Value`");
        let value = format!("Of an identity, {others}: its value");
        described = described
            .parameter(query(&format!("{side}Customer"), &format!("A customer, {others}"), "1"))
            .parameter(query(&format!("{side}Type"), &kind, "mobile"))
            .parameter(query(&format!("{side}Value"), &value, "13800000001"));
    }
    described
        .parameter(query("asOf", "As it stood at this moment", "2026-05-04T01:02:03Z"))
        .answer(
            200,
            "The path between them, or what keeps them apart",
            &["ApiExplanation"],
            &example,
        )
        .meets(&[
            Code::CustomerNotFound,
            Code::IdentityNotFound,
            Code::CustomerDeleted,
            Code::CustomerErased,
        ])
}

pub(crate) fn schemas() -> Value {
    let side = json!({
        "customerId": {
            "type": ["integer", "null"],
            "description": "Whom it belongs to; `null` for an identity that nobody owns",
        },
        "identity": or_null(&schema("ApiNumberedIdentity")),
    });
    let identity = json!({ "identity": schema("ApiNumberedIdentity") });
    let home = json!({ "homeId": { "type": "integer" } });
    let step = stamped_members(json!({
        "from": schema("ApiNode"),
        "to": schema("ApiNode"),
        "by": {
            "enum": ["request", "merge", "extraction", "settlement"],
            "description": "A request named both; a merge joined the two homes; somebody took the \
                            identity out of another customer; somebody gave it to this one when \
                            settling a conflict",
        },
        "matchedBy": schema("ApiMatchedBy"),
        "merge": or_null(&schema("ApiMerge")),
        "conflictId": {
            "type": ["integer", "null"], "description": "The conflict that was settled",
        },
    }));
    let explanation = json!({
        "same": { "type": "boolean", "description": "Whether both belong to one customer" },
        "asOf": { "type": ["string", "null"], "pattern": MOMENT },
        "from": schema("ApiSide"),
        "to": schema("ApiSide"),
        "path": or_null(&list("ApiStep")),
        "whyNot": or_null(&schema("ApiWhyNot")),
    });
    json!({
        "ApiExplanation": object(
            "Why two are one (`path`, the shortest), or are not (`whyNot`).", &explanation, &[],
        ),
        "ApiSide": object("One of the two.", &side, &[]),
        "ApiNode": {
            "description": "An identity, or the home: the id under which something entered the hub.",
            "oneOf": [object("An identity.", &identity, &[]), object("A home.", &home, &[])],
        },
        "ApiStep": object("One step of a path.", &step, &[]),
        "ApiWhyNot": why_not(),
    })
}

fn why_not() -> Value {
    let differing = json!({
        "from": schema("ApiNumberedIdentity"), "to": schema("ApiNumberedIdentity"),
    });
    let request = stamped_members(json!({ "identities": list("ApiNumberedIdentity") }));
    let field = json!({
        "field": { "type": "string" },
        "value": { "type": ["string", "number", "boolean", "null"] },
    });
    let many =
        |about: &str, item: Value| json!({ "type": "array", "description": about, "items": item });
    let about = "What the guards would say to a request that names what the two share, or any \
                 identities of both if they share nothing";
    let properties = json!({
        "guards": many(about, schema("ApiGuard")),
        "differing": many(
            "Values of a distinguishing type in which the two differ",
            object("Two values of one type.", &differing, &[]),
        ),
        "cannotLinks": list("ApiCannotLink"),
        "conflicts": many("Between the two, settled ones included", schema("ApiReview")),
        "requests": many(
            "Requests that named identities of both",
            object("A request.", &request, &[]),
        ),
        "sharedFields": many(
            "Attributes that point at one person and show the same in both",
            object("An attribute.", &field, &[]),
        ),
    });
    object("What two customers share, and what stands between them.", &properties, &[])
}
