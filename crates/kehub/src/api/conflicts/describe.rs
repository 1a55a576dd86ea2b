//! What the description of the API tells about conflicts.

use crate::api::describe::{Described, id, object, query, schema};
use crate::api::problem::Code;
use crate::api::shapes::page_schema;
use kehub_core::command::Decision;
use kehub_core::directory::Permission;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_conflict_list" => list(),
        "api_conflict_get" => get(),
        "api_conflict_resolve" => resolve(),
        _ => return None,
    })
}

fn list() -> Described {
    let page = json!({ "items": [conflict()], "nextCursor": null });
    let status = "`open` (those that wait for somebody, the usual), `settled` or `all`";
    Described::read(Permission::CustomersRead)
        .parameter(query("status", status, "open"))
        .parameter(query("kind", "`refused` or `review`", "refused"))
        .parameter(query("customerId", "Only those of this customer", "1"))
        .parameter(query("limit", "How many to answer: 1 to 1000, 50 unless given", "50"))
        .parameter(query("cursor", "`nextCursor` of an earlier answer", "50"))
        .answer(200, "Conflicts and review entries, by id", &["ApiReviews"], &page)
}

fn get() -> Described {
    Described::read(Permission::CustomersRead)
        .parameter(id("The id of the conflict"))
        .answer(200, "The conflict", &["ApiReview"], &conflict())
        .meets(&[Code::ConflictNotFound])
}

fn resolve() -> Described {
    let settled = json!({
        "conflictId": 3, "settlement": "merged", "mergeId": 1, "customerIds": [1, 1], "seq": 12,
    });
    Described::write(Permission::IdentitiesMerge)
        .parameter(id("The id of the conflict"))
        .body("ApiDecision", &json!({ "decision": "merge" }))
        .answer(200, "It is settled", &["ApiSettled"], &settled)
        .meets(&[
            Code::ConflictNotFound,
            Code::ConflictSettled,
            Code::DecisionUnfit,
            Code::CannotLinked,
            Code::IdentitiesTooMany,
            Code::CustomerNotFound,
            Code::CustomerDeleted,
            Code::CustomerErased,
        ])
}

fn conflict() -> Value {
    let identity = json!({ "number": 4, "type": "mobile", "value": "13800000001", "name": null });
    json!({
        "id": 3, "kind": "refused", "rule": "contactOnly", "label": "withCare",
        "identity": identity, "ownerId": 2, "evidence": [identity], "homes": [1, 2], "customerIds": [1, 2],
        "opened": {
            "seq": 9, "at": "2026-05-04T01:02:03.250Z", "app": "cl0123456789abcde",
            "requestId": "5b3c09d100000007",
        },
        "settled": null, "settlement": null, "mergeId": null,
    })
}

pub(crate) fn schemas() -> Value {
    let pair = |about: &str| {
        json!({
            "type": "array", "minItems": 2, "maxItems": 2, "description": about,
            "items": { "type": ["integer", "null"] },
        })
    };
    let settlements =
        json!({ "enum": ["merged", "keptApart", "identityMoved", "accepted", "erased", null] });
    let rules = [
        "distinguishing",
        "cannotLink",
        "tooManyIdentities",
        "contactOnly",
        "keep",
        "overLimit",
        "attributeMatch",
        "bridgeExtracted",
    ];
    let review = json!({
        "id": { "type": "integer" },
        "kind": { "enum": ["refused", "review"] },
        "rule": { "enum": rules },
        "label": {
            "enum": ["recommended", "withCare"],
            "description": "`recommended`: nothing but a setting or a limit stood against joining \
                            them. `withCare`: the rules saw signs of two people",
        },
        "identity": schema("ApiNumberedIdentity"),
        "ownerId": {
            "type": ["integer", "null"],
            "description": "Who owns the identity today: one of the two customers, a third, or \
                            nobody",
        },
        "evidence": {
            "type": "array", "items": schema("ApiNumberedIdentity"),
            "description": "The identities of the request",
        },
        "homes": pair("The ids under which the two sides entered the hub; one of them may be \
                       missing, where nobody owned the identity"),
        "customerIds": pair("Who answers for the two sides today; `null` if it is gone"),
        "opened": schema("ApiWritten"),
        "settled": { "anyOf": [schema("ApiWritten"), { "type": "null" }] },
        "settlement": settlements,
        "mergeId": { "type": ["integer", "null"], "description": "The merge that settled it" },
    });
    let names: Vec<&str> = Decision::ALL.iter().map(|decision| decision.name()).collect();
    let settled = json!({
        "conflictId": { "type": "integer" },
        "settlement": settlements,
        "mergeId": { "type": ["integer", "null"] },
        "customerIds": pair("Who answers for the two sides afterwards"),
        "seq": { "type": ["integer", "null"], "description": "`null` in a dry run" },
    });
    json!({
        "ApiReview": object("A conflict or review entry.", &review, &[]),
        "ApiReviews": page_schema("A part of the conflicts and review entries.", "ApiReview"),
        "ApiDecision": object("What is decided.", &json!({ "decision": { "enum": names } }), &[]),
        "ApiSettled": object("What came of settling a conflict.", &settled, &[]),
    })
}
