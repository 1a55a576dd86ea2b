//! JSON schemas of customers, identities and resolutions under `/api`.

use crate::api::describe::{MOMENT, object, schema};
use kehub_core::attribute::{Access, Attribute, Kind};
use kehub_core::limits::{
    BATCH_MAX, IDENTITY_NAME_CHARS_MAX, IDENTITY_TYPE_CHARS_MAX, IDENTITY_VALUE_CHARS_MAX,
};
use serde_json::{Map, Value, json};

const DAY: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
const CUSTOM_KEY: &str = "^[A-Za-z_][A-Za-z0-9_.-]{0,63}$";

/// Every schema of customers, by name.
pub(crate) fn all() -> Value {
    let mut whole = answered();
    whole.insert("mergedIds".to_owned(), ids("Ids that redirect to this customer"));
    let identities = json!({ "type": "array", "items": schema("ApiIdentity") });
    whole.insert("identities".to_owned(), identities);
    whole.insert("provenance".to_owned(), schema("ApiProvenance"));
    let about = "A customer. Every attribute is always there; what is unset is `null`.";
    let whole_about = "A customer with its identities and the ids merged into it.";
    let mut all = json!({
        "ApiCustomer": object(about, &Value::Object(answered()), &[]),
        "ApiCustomerPart": {
            "type": "object",
            "description": "A customer, or what was asked for of one.",
            "required": ["id"],
            "properties": answered(),
            "additionalProperties": false,
        },
        "ApiCustomerList": object("A part of a list.", &json!({
            "items": { "type": "array", "maxItems": 1000, "items": schema("ApiCustomerPart") },
            "nextCursor": { "type": ["string", "null"], "description": "`null`: this was the end" },
            "total": { "type": "integer", "minimum": 0, "description": "All that match" },
        }), &["total"]),
        "ApiWholeCustomer": object(whole_about, &Value::Object(whole), &["provenance"]),
        "ApiOwnCustomer": own(),
        "ApiCustomerInput": customer_input(),
        "ApiUpsertInput": upsert_input(),
        "ApiBatchInput": {
            "type": "array",
            "description": "Rows, each as of `POST /api/customers`.",
            "maxItems": BATCH_MAX,
            "items": schema("ApiUpsertInput"),
        },
        "ApiPatchInput": object(
            "What changes.",
            &json!({ "customer": schema("ApiCustomerInput") }),
            &[],
        ),
        "ApiIdentity": identity(),
        "ApiIdentityInput": identity_input(),
    });
    for more in [resolution(), batch()] {
        if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
            all.extend(more);
        }
    }
    all
}

/// What every answer shows of a customer.
pub(crate) fn answered() -> Map<String, Value> {
    let attributes = Attribute::ALL.iter();
    let mut properties: Map<String, Value> = attributes
        .map(|attribute| (attribute.name().to_owned(), shown(*attribute, false)))
        .collect();
    let rev = json!({ "type": "integer", "minimum": 1, "description": "Rises with every change" });
    properties.insert("rev".to_owned(), rev);
    properties.insert("attr".to_owned(), custom());
    properties
}

fn own() -> Value {
    let attributes = Attribute::ALL.iter();
    let mut properties: Map<String, Value> = attributes
        .map(|attribute| (attribute.name().to_owned(), shown(*attribute, true)))
        .collect();
    properties.insert("attr".to_owned(), custom());
    json!({
        "type": "object",
        "description": "The answer to an app that may not read customers: the id, and what it sent \
                        itself.",
        "required": ["id", "attr"],
        "properties": properties,
        "additionalProperties": false,
    })
}

fn custom() -> Value {
    json!({
        "type": "object",
        "description": "Custom attributes by their keys",
        "additionalProperties": { "type": ["string", "number", "boolean", "null"] },
    })
}

fn shown(attribute: Attribute, is_own: bool) -> Value {
    let is_set = matches!(attribute, Attribute::Id)
        || (!is_own
            && matches!(
                attribute,
                Attribute::DateJoin | Attribute::DateCreated | Attribute::LastUpdated
            ));
    let kind = |name: &str| if is_set { json!(name) } else { json!([name, "null"]) };
    let mut shape = match attribute.kind() {
        Kind::Text(chars) => json!({ "type": kind("string"), "maxLength": chars }),
        Kind::Gender => json!({ "enum": [0, 1, 2, null] }),
        Kind::Integer => json!({ "type": kind("integer") }),
        Kind::Decimal => json!({ "type": kind("number") }),
        Kind::Flag => json!({ "type": kind("boolean") }),
        Kind::Date => json!({ "type": kind("string"), "pattern": DAY }),
        Kind::Time => json!({ "type": kind("string"), "pattern": MOMENT }),
    };
    if let Value::Object(members) = &mut shape {
        members.insert("description".to_owned(), attribute.about().into());
    }
    shape
}

fn customer_input() -> Value {
    let mut properties = Map::new();
    let sent = Attribute::ALL.iter().filter(|it| it.access() != Access::Derived);
    for attribute in sent {
        let types = match attribute.kind() {
            Kind::Text(_) => json!(["string", "number", "boolean", "null"]),
            Kind::Gender | Kind::Integer | Kind::Decimal => json!(["number", "string", "null"]),
            Kind::Flag => json!(["boolean", "string", "integer", "null"]),
            Kind::Date | Kind::Time => json!(["string", "null"]),
        };
        let mut shape = json!({ "type": types, "description": attribute.about() });
        if let (Value::Object(members), Kind::Text(chars)) = (&mut shape, attribute.kind()) {
            members.insert("maxLength".to_owned(), chars.into());
        }
        properties.insert(attribute.name().to_owned(), shape);
    }
    let attr = json!({
        "type": ["object", "null"],
        "description": "Custom attributes, overlaid key by key",
        "propertyNames": { "pattern": CUSTOM_KEY },
        "additionalProperties": { "type": ["string", "number", "boolean", "null"] },
    });
    let unset = json!({
        "type": "array",
        "items": { "type": "string" },
        "description": "Names of fields to be cleared: attributes, `attr.` and a key, or `attr` \
                        for all custom attributes that are not given",
    });
    properties.insert("attr".to_owned(), attr);
    properties.insert("unset".to_owned(), unset);
    json!({
        "type": "object",
        "description": "Fields of a customer. Numbers, booleans and ids may be text.",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn upsert_input() -> Value {
    let any_of = |name: &str| json!({ "anyOf": [schema(name), { "type": "null" }] });
    let identities = json!({ "type": ["array", "null"], "items": schema("ApiIdentityInput") });
    let observed = "When the sender saw it; the time of arrival unless given";
    let on_conflict = "Instead of the tenant's setting: `merge` customers that meet unless a guard objects, `keep` \
                       them apart, or `reject` the whole request where a guard objects, and merge them otherwise";
    json!({
        "type": "object",
        "description": "A customer and what points at it.",
        "properties": {
            "customer": any_of("ApiCustomerInput"),
            "identities": identities,
            "onConflict": {
                "enum": ["merge", "keep", "reject", null],
                "description": on_conflict,
            },
            "observedAt": { "type": ["string", "null"], "description": observed },
        },
        "additionalProperties": false,
    })
}

fn identity() -> Value {
    object(
        "An identity and the customer it belongs to.",
        &json!({
            "number": { "type": "integer", "minimum": 1, "description": "Its number in the tenant" },
            "type": { "type": "string", "maxLength": IDENTITY_TYPE_CHARS_MAX },
            "value": { "type": "string", "maxLength": IDENTITY_VALUE_CHARS_MAX },
            "name": { "type": ["string", "null"], "maxLength": IDENTITY_NAME_CHARS_MAX },
            "scope": { "type": ["string", "null"], "maxLength": IDENTITY_VALUE_CHARS_MAX },
            "customerId": { "type": "integer", "minimum": 1 },
            "quarantined": {
                "type": "boolean",
                "description": "Seen with too many people to stand for one: it does not match",
            },
        }),
        &[],
    )
}

fn identity_input() -> Value {
    let text = |chars: usize, about: &str| {
        json!({
            "type": ["string", "number", "null"], "maxLength": chars, "description": about,
        })
    };
    object(
        "An identity.",
        &json!({
            "type": text(IDENTITY_TYPE_CHARS_MAX, "Such as `wechat`, `mobile` or `member-id`"),
            "value": text(IDENTITY_VALUE_CHARS_MAX, "The value, unique within the type"),
            "name": text(IDENTITY_NAME_CHARS_MAX, "A name for people"),
            "scope": text(
                IDENTITY_VALUE_CHARS_MAX,
                "The account the value belongs to, such as the app id of a WeChat account",
            ),
        }),
        &["name", "scope"],
    )
}

fn batch() -> Value {
    let place = json!({ "type": "integer", "minimum": 0, "description": "Its place, from 0" });
    let resolutions = json!({ "anyOf": [schema("ApiResolution"), schema("ApiOwnResolution")] });
    let done = object(
        "A row that was done.",
        &json!({
            "row": place,
            "status": { "enum": [200, 201] },
            "customerId": { "type": "integer", "minimum": 1 },
            "resolution": resolutions,
        }),
        &[],
    );
    let not_done = object(
        "A row that was not done, or perhaps.",
        &json!({
            "row": place,
            "status": { "type": "integer", "minimum": 400 },
            "problem": schema("Problem"),
        }),
        &[],
    );
    let count = |about: &str| json!({ "type": "integer", "minimum": 0, "description": about });
    let counts = json!({
        "accepted": count("Done, or in a dry run to be done"),
        "refused": count("Refused, with nothing stored"),
        "notApplied": count("Not done because of trouble: safe to send again"),
        "unknown": count("Perhaps done"),
    });
    let items = json!({ "type": "array", "items": schema("ApiRowResult") });
    json!({
        "ApiRowResult": { "oneOf": [done, not_done] },
        "ApiRowCounts": object("How many rows came to what.", &counts, &[]),
        "ApiBatch": object(
            "What became of each row.",
            &json!({ "items": items, "counts": schema("ApiRowCounts") }),
            &[],
        ),
    })
}

fn ids(about: &str) -> Value {
    json!({
        "type": "array", "items": { "type": "integer", "minimum": 1 }, "description": about,
    })
}

fn resolution() -> Value {
    let id = json!({ "type": "integer", "minimum": 1 });
    let id_or_null = json!({ "type": ["integer", "null"], "minimum": 1 });
    let place = json!({ "type": "integer", "minimum": 0 });
    let text = json!({ "type": "string" });
    let verdicts = json!([
        "matched",
        "moved",
        "created",
        "attached",
        "keptElsewhere",
        "blocked",
        "quarantined",
        "overLimit",
        "invalid"
    ]);
    let outcome = json!({ "type": text, "value": text, "outcome": { "enum": verdicts },
        "customerId": id });
    let outcomes = json!({
        "type": "array",
        "items": object("What came of an identity.", &outcome, &["customerId"]),
    });
    let matched = json!({ "oneOf": [
        object("By an identity.", &json!({ "type": text, "value": text }), &[]),
        object("By an attribute.", &json!({ "attribute": { "enum": ["id", "mobile", "email"] } }), &[]),
        { "type": "null" },
    ]});
    let warning = json!({
        "code": { "enum": ["identityBlocked", "identityQuarantined", "overLimit", "identityInvalid",
            "fieldBlocked", "flagWithoutValue", "nothingWritten"] },
        "identity": place, "type": text, "field": text,
    });
    let warning = object("Something to know.", &warning, &["identity", "type", "field"]);
    let own = object("What came of what was sent.", &json!({ "identities": outcomes }), &[]);
    json!({
        "ApiConflict": object("A conflict or review entry.", &json!({
            "id": id_or_null,
            "kind": { "enum": ["refused", "review"] },
            "rule": { "enum": ["distinguishing", "cannotLink", "tooManyIdentities", "contactOnly",
                "keep", "overLimit", "attributeMatch"] },
            "identity": place,
            "customerId": id_or_null,
            "new": { "type": "boolean" },
        }), &[]),
        "ApiResolution": object("How the customer was found, and what changed.", &json!({
            "result": { "enum": ["created", "updated", "unchanged", "merged"] },
            "matchedBy": matched,
            "identities": outcomes,
            "mergedIds": ids("Ids that redirect from now on"),
            "conflicts": { "type": "array", "items": schema("ApiConflict") },
            "warnings": { "type": "array", "items": schema("ApiWarning") },
            "seq": id_or_null,
        }), &[]),
        "ApiResolved": object("A customer, and what came of the request.", &json!({
            "customer": schema("ApiCustomer"), "resolution": schema("ApiResolution"),
        }), &[]),
        "ApiOwnResolved": object("The same in the sender's own words.", &json!({
            "customer": schema("ApiOwnCustomer"), "resolution": schema("ApiOwnResolution"),
        }), &[]),
        "ApiOwnResolution": own,
        "ApiWarning": warning,
    })
}
