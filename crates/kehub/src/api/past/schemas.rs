//! JSON schemas of what looks back.

use crate::api::customers::schemas::answered;
use crate::api::describe::{MOMENT, object, schema};
use kehub_core::history::Happening;
use serde_json::{Map, Value, json};

/// Every schema of this folder, by name.
pub(crate) fn all() -> Value {
    let mut all = Map::new();
    for more in [customer(), provenance(), shared(), history(), file()] {
        if let Value::Object(more) = more {
            all.extend(more);
        }
    }
    Value::Object(all)
}

fn number(about: &str) -> Value {
    json!({ "type": "integer", "description": about })
}

fn number_or_null() -> Value {
    json!({ "type": ["integer", "null"] })
}

fn text_or_null() -> Value {
    json!({ "type": ["string", "null"] })
}

fn moment_or_null(about: &str) -> Value {
    json!({ "type": ["string", "null"], "pattern": MOMENT, "description": about })
}

fn value() -> Value {
    json!({ "type": ["string", "number", "boolean", "null"], "description": "`null` is a clear" })
}

pub(crate) fn list(of: &str) -> Value {
    json!({ "type": "array", "items": schema(of) })
}

pub(crate) fn or_null(of: &Value) -> Value {
    json!({ "anyOf": [of, { "type": "null" }] })
}

pub(crate) fn homes() -> Value {
    json!({
        "type": "array", "items": { "type": "integer" },
        "description": "The ids under which the sides entered the hub",
    })
}

/// Members of an entry of the journal, and others.
pub(crate) fn stamped(others: Value) -> Value {
    let mut members = json!({
        "seq": number("The place of the entry in the journal"),
        "at": moment_or_null("When it happened"),
        "app": { "type": ["string", "null"],
            "description": "The app that asked for it; `null` for the command line" },
        "requestId": text_or_null(),
    });
    if let (Value::Object(members), Value::Object(others)) = (&mut members, others) {
        members.extend(others);
    }
    members
}

fn customer() -> Value {
    let identity = json!({
        "number": { "type": "integer", "minimum": 1 },
        "type": text_or_null(),
        "value": text_or_null(),
        "name": text_or_null(),
        "scope": text_or_null(),
        "customerId": { "type": "integer", "minimum": 1 },
    });
    let mut past = answered();
    let ids = json!({ "type": "array", "items": { "type": "integer" } });
    past.insert("mergedIds".to_owned(), ids);
    past.insert("identities".to_owned(), list("ApiPastIdentity"));
    past.insert("asOf".to_owned(), json!({ "type": "string", "pattern": MOMENT }));
    past.insert("provenance".to_owned(), schema("ApiProvenance"));
    json!({
        "ApiPastIdentity": object(
            "An identity and whose it was. Its texts are those of today, and `null` once they are \
             erased.",
            &identity,
            &[],
        ),
        "ApiPastCustomer": object(
            "A customer as it stood at a moment (`asOf`).", &Value::Object(past), &["provenance"],
        ),
    })
}

fn provenance() -> Value {
    let verified = json!({ "type": "boolean", "description": "`mobile` and `email` only" });
    let cell = json!({
        "value": value(),
        "verified": verified,
        "seq": { "type": ["integer", "null"], "description": "The entry that wrote it" },
        "at": moment_or_null("When it was observed"),
        "app": text_or_null(),
        "alsoSentBy": {
            "type": "array", "items": { "type": "string" },
            "description": "Other apps that have sent this very value",
        },
    });
    let lost = json!({
        "value": value(),
        "verified": verified,
        "seq": number("The entry that brought it"),
        "at": moment_or_null("When it was observed"),
        "app": text_or_null(),
        "homeId": number("The id under which it entered the hub"),
        "screened": {
            "type": "boolean",
            "description": "A value that never matches and did not overwrite a good one",
        },
    });
    let mut field = cell.clone();
    if let Value::Object(members) = &mut field {
        members.insert("lost".to_owned(), list("ApiLostValue"));
    }
    let about = "Where the value that stands is from, and which others were sent, newest first, each \
                 once for a home. All of it is `null` where every value was screened.";
    json!({
        "ApiProvenance": {
            "type": "object",
            "description": "By field; custom attributes with `attr.` before the key.",
            "additionalProperties": schema("ApiProvenanceOfField"),
        },
        "ApiProvenanceOfField": object(about, &field, &["verified"]),
        "ApiHeldValue": object("A value of one home.", &cell, &["verified"]),
        "ApiLostValue": object("A value that does not stand.", &lost, &["verified"]),
    })
}

/// Shapes that history, export and explanations share.
fn shared() -> Value {
    let attribute = json!({ "attribute": { "enum": ["id", "mobile", "email"] } });
    let by_identity = json!({ "identity": schema("ApiNumberedIdentity") });
    let outcome = json!({
        "identity": or_null(&schema("ApiNumberedIdentity")),
        "outcome": { "enum": ["matched", "moved", "created", "attached", "keptElsewhere", "blocked",
            "quarantined", "overLimit", "invalid"] },
    });
    json!({
        "ApiMatchedBy": {
            "description": "By what a request found its customer; `null` if it made one.",
            "anyOf": [
                object("By an identity.", &by_identity, &[]),
                object("By an attribute.", &attribute, &[]),
                { "type": "null" },
            ],
        },
        "ApiPastOutcome": object(
            "What came of an identity; `null` stands for what was none.", &outcome, &[],
        ),
    })
}

fn history() -> Value {
    let kinds: Vec<&str> = Happening::ALL.iter().map(|happening| happening.name()).collect();
    let claim = json!({
        "matchedBy": schema("ApiMatchedBy"), "identities": list("ApiPastOutcome"),
    });
    let change = json!({ "field": { "type": "string" }, "before": value(), "after": value() });
    let numbers = |about: &str| json!({ "type": "array", "items": { "type": "integer" }, "description": about });
    let version = stamped(json!({
        "kinds": { "type": "array", "items": { "enum": kinds } },
        "customerId": number("The customer that answers for the id afterwards"),
        "state": { "enum": ["live", "merged", "deleted", "erased"],
            "description": "What has become of the id" },
        "rev": number("The version afterwards"),
        "visible": { "type": "boolean", "description": "Whether it is a new version" },
        "fields": list("ApiFieldChange"),
        "gained": list("ApiNumberedIdentity"),
        "lost": list("ApiNumberedIdentity"),
        "mergeIds": numbers("Merges that were made, undone or decided about"),
        "conflictIds": numbers("Conflicts that were opened or settled"),
        "movedClaims": numbers("Earlier requests that went from one customer to another, by `seq`"),
        "claim": or_null(&object("A request, and how it found the customer.", &claim, &[])),
    }));
    let page = json!({ "items": list("ApiVersion"), "nextCursor": text_or_null() });
    json!({
        "ApiHistory": object("A part of a history.", &page, &[]),
        "ApiVersion": object("One step in the life of a customer.", &version, &[]),
        "ApiFieldChange": object("A field that shows something else since.", &change, &[]),
    })
}

fn file() -> Value {
    let held = json!({ "type": "object", "additionalProperties": schema("ApiHeldValue") });
    let home = json!({
        "id": number("The home"), "createdAt": moment_or_null("When it was created"),
        "fields": or_null(&held),
    });
    let identity = json!({
        "number": { "type": "integer" },
        "type": text_or_null(),
        "value": text_or_null(),
        "name": text_or_null(),
        "canonical": { "type": ["string", "null"], "description": "The form that is compared" },
        "scope": text_or_null(),
        "homeId": number_or_null(),
        "quarantined": { "type": "boolean" },
        "seenWith": { "type": "object", "additionalProperties": { "type": "integer" },
            "description": "With how many different values it was sent, by their type" },
        "apps": { "type": "array", "items": { "type": "string" } },
    });
    let field = json!({
        "field": { "type": "string" }, "value": value(), "verified": { "type": "boolean" },
        "effect": { "enum": ["written", "repeated", "screened"] },
    });
    let claim = stamped(json!({
        "observedAt": moment_or_null("When the sender saw it, if it said so"),
        "homeId": number("The home that it belongs to"),
        "matchedBy": schema("ApiMatchedBy"),
        "identities": list("ApiPastOutcome"),
        "fields": list("ApiSentField"),
    }));
    let undecided = json!({ "mergeId": number("The undone merge"), "seq": number("The claim") });
    let entry = stamped(json!({
        "actor": text_or_null(),
        "kinds": { "type": "array", "items": { "type": "string" } },
    }));
    let document = json!({
        "exportedAt": moment_or_null("When it was read"),
        "state": { "enum": ["live", "deleted"] },
        "customer": schema("ApiCustomer"),
        "mergedIds": homes(),
        "provenance": schema("ApiProvenance"),
        "homes": list("ApiPersonHome"),
        "identities": list("ApiPersonIdentity"),
        "claims": list("ApiPersonClaim"),
        "merges": list("ApiMerge"),
        "conflicts": list("ApiReview"),
        "cannotLinks": list("ApiCannotLink"),
        "undecidedClaims": {
            "type": "array", "items": object("A claim to be decided.", &undecided, &[]),
        },
        "entries": {
            "type": "array", "items": object("Something that happened.", &entry, &[]),
        },
    });
    json!({
        "ApiPerson": object("Everything that is held about one person.", &document, &[]),
        "ApiPersonHome": object("What arrived under one id, on its own.", &home, &[]),
        "ApiPersonIdentity": object("All that is kept of an identity.", &identity, &[]),
        "ApiPersonClaim": object("A request as it arrived.", &claim, &[]),
        "ApiSentField": object("A field as it was sent.", &field, &["verified"]),
    })
}
