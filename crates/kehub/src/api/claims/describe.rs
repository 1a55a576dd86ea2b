//! What the description of the API tells about undecided claims.

use crate::api::describe::{Described, object, query, schema};
use crate::api::problem::Code;
use crate::api::shapes::page_schema;
use kehub_core::directory::Permission;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_claim_list" => list(),
        "api_claim_decide" => decide(),
        _ => return None,
    })
}

fn list() -> Described {
    let identity = json!({ "number": 4, "type": "mobile", "value": "13800000001", "name": null });
    let page = json!({
        "items": [{
            "mergeId": 1, "claim": 12, "homes": [1, 2], "home": 1,
            "identities": [{ "identity": identity, "outcome": "matched" }],
            "fields": { "name": "Wang Fang" },
            "written": {
                "seq": 12, "at": "2026-05-04T01:02:03.250Z", "app": "cl0123456789abcde",
                "requestId": "5b3c09d100000007",
            },
        }],
        "nextCursor": null,
    });
    Described::read(Permission::CustomersRead)
        .parameter(query("limit", "How many to answer: 1 to 1000, 50 unless given", "50"))
        .parameter(query("cursor", "`nextCursor` of an earlier answer", "1-12"))
        .answer(200, "Undecided claims, by merge and entry", &["ApiClaims"], &page)
}

fn decide() -> Described {
    let part = |name: &str, about: &str| {
        json!({
            "name": name, "in": "path", "required": true, "description": about, "example": 1,
            "schema": { "type": "integer" },
        })
    };
    let decided = json!({
        "claim": 12, "home": 2, "fromCustomerId": 1, "customerId": 2, "seq": 18,
    });
    Described::write(Permission::IdentitiesMerge)
        .parameter(part("merge", "The merge that was undone"))
        .parameter(part("claim", "The claim, by its entry"))
        .body("ApiClaimOwner", &json!({ "customerId": 2 }))
        .answer(200, "The claim is decided", &["ApiClaimDecided"], &decided)
        .meets(&[
            Code::MergeNotFound,
            Code::ClaimNotUndecided,
            Code::CustomerElsewhere,
            Code::CustomerNotFound,
            Code::CustomerDeleted,
            Code::CustomerErased,
        ])
}

pub(crate) fn schemas() -> Value {
    let number = |about: &str| json!({ "type": "integer", "description": about });
    let carried = json!({
        "identity": { "anyOf": [schema("ApiNumberedIdentity"), { "type": "null" }] },
        "outcome": { "type": "string" },
    });
    let claim = json!({
        "mergeId": number("The merge that was undone"),
        "claim": number("The claim, by its entry"),
        "homes": {
            "type": "array", "items": { "type": "integer" },
            "description": "The two ends of the merge",
        },
        "home": { "type": ["integer", "null"], "description": "The home that it was written to" },
        "identities": {
            "type": "array",
            "items": object("An identity that it carried.", &carried, &[]),
        },
        "fields": { "type": ["object", "null"], "description": "What it said" },
        "written": schema("ApiWritten"),
    });
    let decided = json!({
        "claim": number("The claim"),
        "home": number("The home it belongs to"),
        "fromCustomerId": number("The customer it belonged to"),
        "customerId": number("The customer it belongs to"),
        "seq": { "type": ["integer", "null"], "description": "`null` in a dry run" },
    });
    let owner = json!({ "customerId": number("The customer on the side that it belongs to") });
    json!({
        "ApiClaim": object("A claim that nobody has decided.", &claim, &[]),
        "ApiClaims": page_schema("A part of the undecided claims.", "ApiClaim"),
        "ApiClaimOwner": object("Whose a claim is.", &owner, &[]),
        "ApiClaimDecided": object("What came of deciding a claim.", &decided, &[]),
    })
}
