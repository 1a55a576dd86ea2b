//! What the description of the API tells about merges.

use crate::api::describe::{Described, id, object, query, schema};
use crate::api::problem::Code;
use crate::api::shapes::page_schema;
use kehub_core::directory::Permission;
use kehub_core::merge::{Guard, Verdict};
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_merge_list" => list(),
        "api_merge_get" => get(),
        "api_merge_create" => create(),
        "api_merge_undo" => undo(),
        _ => return None,
    })
}

fn list() -> Described {
    let page = json!({ "items": [merge()], "nextCursor": null });
    Described::read(Permission::CustomersRead)
        .parameter(query("limit", "How many to answer: 1 to 1000, 50 unless given", "50"))
        .parameter(query("cursor", "`nextCursor` of an earlier answer", "50"))
        .answer(200, "Merges, by id", &["ApiMerges"], &page)
}

fn get() -> Described {
    Described::read(Permission::CustomersRead)
        .parameter(id("The id of the merge"))
        .answer(200, "The merge", &["ApiMerge"], &merge())
        .meets(&[Code::MergeNotFound])
}

fn create() -> Described {
    let merged = json!({
        "mergeId": 1, "customerId": 1, "mergedId": 2, "settledConflictIds": [3],
        "warnings": [{ "code": "overLimit", "type": "member-id" }], "seq": 12,
    });
    let previewed = json!({
        "mergeId": 1, "customerId": 1, "mergedId": 2, "settledConflictIds": [], "warnings": [],
        "seq": null,
        "preview": {
            "customerIds": [1, 2],
            "fields": [{ "field": "name", "value": "Li", "values": ["Wang", "Li"] }],
        },
    });
    Described::write(Permission::IdentitiesMerge)
        .body("ApiTwoCustomers", &json!({ "customerIds": [1, 2] }))
        .answer(200, "What would come of it", &["ApiMerged"], &previewed)
        .answer(201, "The merge was made", &["ApiMerged"], &merged)
        .meets(&[
            Code::CustomerNotFound,
            Code::CustomerDeleted,
            Code::CustomerErased,
            Code::SameCustomer,
            Code::CannotLinked,
            Code::IdentitiesTooMany,
        ])
}

fn undo() -> Described {
    let undone = json!({
        "mergeId": 1, "customerIds": [1, 2], "undecidedClaims": [12], "seq": 15,
    });
    Described::write(Permission::IdentitiesMerge)
        .parameter(id("The id of the merge"))
        .answer(200, "The two customers are apart", &["ApiUndone"], &undone)
        .meets(&[
            Code::MergeNotFound,
            Code::MergeUndone,
            Code::CustomerDeleted,
            Code::CustomerErased,
        ])
}

fn merge() -> Value {
    json!({
        "id": 1, "homes": [1, 2],
        "bridge": [{ "number": 1, "type": "wechat", "value": "oABC-123", "name": null }],
        "guards": [{ "guard": "distinguishing", "verdict": "pass" }],
        "made": {
            "seq": 12, "at": "2026-05-04T01:02:03.250Z", "app": "cl0123456789abcde",
            "requestId": "5b3c09d100000007",
        },
        "undone": null,
    })
}

/// The schema of a guard's verdict.
pub(crate) fn guard_schema() -> Value {
    let guards = [
        Guard::Distinguishing,
        Guard::CannotLink,
        Guard::TooManyIdentities,
        Guard::ContactOnly,
        Guard::Keep,
    ];
    let verdicts = [Verdict::Pass, Verdict::Review, Verdict::Refuse];
    let properties = json!({
        "guard": { "enum": guards.map(Guard::name) },
        "verdict": { "enum": verdicts.map(Verdict::name) },
    });
    object("What a guard said to a merge.", &properties, &[])
}

pub(crate) fn schemas() -> Value {
    let ids = |about: &str| json!({ "type": "array", "items": { "type": "integer" }, "description": about });
    let seq = json!({ "type": ["integer", "null"], "description": "`null` in a dry run" });
    let merge = json!({
        "id": { "type": "integer" },
        "homes": ids("The ids under which the two sides entered the hub"),
        "bridge": { "type": "array", "items": schema("ApiNumberedIdentity") },
        "guards": { "type": "array", "items": schema("ApiGuard") },
        "made": schema("ApiWritten"),
        "undone": { "anyOf": [schema("ApiWritten"), { "type": "null" }] },
    });
    let merged = json!({
        "mergeId": { "type": "integer" },
        "customerId": { "type": "integer", "description": "Who answers for both" },
        "mergedId": { "type": "integer", "description": "Who redirects to it" },
        "settledConflictIds": ids("Conflicts between the two that it settled"),
        "warnings": { "type": "array", "items": schema("ApiWarning") },
        "seq": seq,
        "preview": schema("ApiMergePreview"),
    });
    let field = json!({
        "field": { "type": "string", "description": "`mobile`, `attr.shoe_size`" },
        "value": { "description": "What will be shown" },
        "values": { "type": "array", "description": "What the two customers show now" },
        "verified": { "type": "boolean", "description": "Of `mobile` and `email`" },
    });
    let preview = json!({
        "customerIds": ids("The two customers, in the order of `values`"),
        "fields": {
            "type": "array",
            "items": object("A field of the two customers.", &field, &["verified"]),
        },
    });
    let undone = json!({
        "mergeId": { "type": "integer" },
        "customerIds": ids("The customer that keeps the id, and the one that is there again"),
        "undecidedClaims": ids("Claims that nobody has decided, by their entries"),
        "seq": seq,
    });
    let two = json!({
        "customerIds": {
            "type": "array", "minItems": 2, "maxItems": 2, "items": { "type": "integer" },
        },
    });
    json!({
        "ApiMerge": object("A merge: an edge between two homes.", &merge, &[]),
        "ApiMerges": page_schema("A part of the merges.", "ApiMerge"),
        "ApiMerged": object("What came of a merge by hand.", &merged, &["preview"]),
        "ApiMergePreview": object("What the merge would show; for apps that may read.", &preview, &[]),
        "ApiUndone": object("What came of undoing a merge.", &undone, &[]),
        "ApiTwoCustomers": object("Two customers.", &two, &[]),
        "ApiGuard": guard_schema(),
    })
}
