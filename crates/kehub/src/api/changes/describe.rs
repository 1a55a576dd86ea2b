//! What the description of the API tells about the change feed.

use super::list::{LIMIT_MAX, WAIT_SECONDS_MAX};
use crate::api::describe::{Described, MOMENT, object, query, schema};
use crate::api::shapes::{numbered_schema, written_schema};
use kehub_core::directory::Permission;
use kehub_core::feed::Kind;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_change_list" => list(),
        _ => return None,
    })
}

fn list() -> Described {
    let limit = format!("How many events at most: 1 to {LIMIT_MAX}, 50 unless given");
    let wait = format!(
        "Seconds to wait for an event if there is none yet: 0 to {WAIT_SECONDS_MAX}, 0 unless given"
    );
    let after = "Where to go on: the `nextCursor` of the last answer, or `latest` for what comes \
                 from now on; from the beginning unless given";
    Described::read(Permission::ChangesRead)
        .parameter(query("after", after, "7"))
        .parameter(query("limit", &limit, "100"))
        .parameter(query("wait", &wait, "20"))
        .parameter(query("kinds", "Only these kinds, separated by commas", "created,merged"))
        .answer(
            200,
            "Events in order; none if nothing came in time",
            &["ApiChanges"],
            &json!({ "items": [created(), attached()], "nextCursor": "1" }),
        )
}

/// The event of a new customer.
fn created() -> Value {
    json!({
        "seq": 1, "index": 0, "kind": "created", "at": "2026-05-04T01:02:03.250Z",
        "app": "cl0123456789abcde", "requestId": "5b3c09d100000007", "customerId": 1, "rev": 1,
        "fields": { "name": "Wang Fang", "attr": { "shoe_size": 38 } },
    })
}

/// The event of an identity that found its owner.
pub(crate) fn attached() -> Value {
    json!({
        "seq": 1, "index": 1, "kind": "identityAttached", "at": "2026-05-04T01:02:03.250Z",
        "app": "cl0123456789abcde", "requestId": "5b3c09d100000007", "customerId": 1,
        "identity": { "number": 1, "type": "wechat", "value": "oABC-123", "name": null },
    })
}

pub(crate) fn schemas() -> Value {
    let page = json!({
        "items": { "type": "array", "items": schema("ApiEvent") },
        "nextCursor": { "type": "string", "description": "Where to go on, also if nothing came" },
    });
    json!({
        "ApiChanges": object("A part of the change feed.", &page, &[]),
        "ApiEvent": event(),
        "ApiNumberedIdentity": numbered_schema(),
        "ApiWritten": written_schema(),
        "ApiEventConflict": conflict(),
        "ApiEventPolicy": policy(),
    })
}

fn event() -> Value {
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let about = |kinds: &str, mut schema: Value| {
        if let Value::Object(members) = &mut schema {
            members.insert("description".to_owned(), json!(kinds));
        }
        schema
    };
    let number = || json!({ "type": "integer" });
    let named = json!({ "type": "array", "items": schema("ApiNumberedIdentity") });
    let fields = json!({ "type": "object" });
    let policy = || schema("ApiEventPolicy");
    let common = ["seq", "index", "kind", "at", "app", "requestId", "customerId"];
    let properties = json!({
        "seq": about("The place of the entry in the journal", number()),
        "index": about("The place of the event in its entry, from 0", number()),
        "kind": { "enum": kinds },
        "at": { "type": "string", "pattern": MOMENT },
        "app": about("The app that asked for it; `null` for the command line",
            json!({ "type": ["string", "null"] })),
        "requestId": { "type": "string" },
        "customerId": about("The customer that it is about, if it is about one",
            json!({ "type": ["integer", "null"] })),
        "rev": about("The version of the customer", number()),
        "fields": about("`created`, `updated`: what was written; `null` is a clear", fields),
        "namedIdentities": about("`updated`: identities that got a new display name", named),
        "mergedId": about("`merged`: the customer that is no more", number()),
        "mergeId": about("`merged`, `unmerged`: the merge", number()),
        "revivedId": about("`unmerged`: the customer that is there again", number()),
        "revivedRev": about("`unmerged`: the version of that one", number()),
        "extractedId": about("`extracted`: the new customer", number()),
        "fromCustomerId": about("`identityMoved`: the customer that owned it", number()),
        "erasedIds": about("`erased`: every id that stood for the customer",
            json!({ "type": "array", "items": number() })),
        "conflictId": about("`conflictResolved`: the conflict", number()),
        "settlement": about("`conflictResolved`: what was decided",
            json!({ "enum": ["merged", "keptApart", "identityMoved", "accepted", "erased"] })),
        "homes": about("`cannotLinkSet`, `cannotLinkRemoved`: the two homes",
            json!({ "type": "array", "items": number() })),
        "identity": schema("ApiNumberedIdentity"),
        "conflict": schema("ApiEventConflict"),
        "before": policy(),
        "after": policy(),
        "identityType": about("`policyChanged`: the type whose rules changed",
            json!({ "type": ["string", "null"] })),
    });
    let members = properties.as_object().into_iter().flatten();
    let optional: Vec<&str> =
        members.map(|(name, _)| name.as_str()).filter(|name| !common.contains(name)).collect();
    object("Something that happened. What it holds depends on its kind.", &properties, &optional)
}

fn conflict() -> Value {
    let homes = json!({
        "type": "array", "items": { "type": "integer" },
        "description": "The ids under which the two sides entered the hub",
    });
    let properties = json!({
        "id": { "type": "integer" },
        "kind": { "enum": ["refused", "review"] },
        "rule": { "type": "string" },
        "identity": schema("ApiNumberedIdentity"),
        "homes": homes,
    });
    object("A conflict or review entry that was opened.", &properties, &[])
}

fn policy() -> Value {
    let properties = json!({
        "preset": { "enum": ["compat", "guarded"] },
        "onConflict": { "enum": ["merge", "keep", "reject"] },
    });
    object("`policyChanged`: the policy of the tenant.", &properties, &[])
}
