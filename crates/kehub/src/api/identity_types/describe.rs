//! What the description of the API tells about identity types.

use super::body::SETTINGS;
use crate::api::describe::{Described, object, query, schema};
use crate::api::policy::describe::{dry_change, version};
use crate::api::problem::Code;
use kehub_core::directory::Permission;
use kehub_core::limits::{
    BLOCKED_PATTERNS_MAX, IDENTITIES_MAX, IDENTITY_VALUE_CHARS_MAX, PRIORITY_MAX,
    QUARANTINE_AFTER_MAX,
};
use kehub_core::policy::Role;
use serde_json::{Map, Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_identity_type_list" => list(),
        "api_identity_type_get" => get(),
        "api_identity_type_patch" => patch(),
        _ => return None,
    })
}

fn list() -> Described {
    let page = json!({ "items": [mobile()], "nextCursor": null });
    Described::read(Permission::CustomersRead)
        .parameter(query("limit", "How many to answer: 1 to 1000, 50 unless given", "50"))
        .parameter(query(
            "cursor",
            "`nextCursor` of an earlier answer: what comes after it",
            "email",
        ))
        .answer(200, "Identity types by name", &["ApiIdentityTypes"], &page)
}

fn get() -> Described {
    Described::read(Permission::CustomersRead)
        .parameter(name())
        .answer(200, "The identity type", &["ApiIdentityType"], &mobile())
        .meets(&[Code::IdentityTypeNotFound])
}

fn patch() -> Described {
    let sent = json!({ "limit": 2, "blocked": ["138 0000 0000", "400*"], "role": null });
    let shapes = ["ApiIdentityType", "ApiIdentityTypeDryChange"];
    Described::write(Permission::PoliciesWrite)
        .parameter(name())
        .parameter(version())
        .body("ApiIdentityTypeInput", &sent)
        .answer(200, "The identity type afterwards, or what it would be", &shapes, &mobile())
        .meets(&[Code::IdentityTypeNotFound, Code::PolicyChanged])
}

fn name() -> Value {
    json!({
        "name": "type", "in": "path", "required": true, "example": "mobile",
        "description": "The name of the type, in any case", "schema": { "type": "string" },
    })
}

fn mobile() -> Value {
    json!({
        "type": "mobile", "priority": 40, "limit": 2, "role": "contact", "case": "sensitive",
        "blocked": ["13800000000", "400*"], "quarantineAfter": 3, "overLimit": "attach",
        "set": ["limit", "blocked"],
    })
}

pub(crate) fn schemas() -> Value {
    let rules = rules();
    let mut answered = rules.clone();
    answered.insert("type".to_owned(), json!({ "type": "string", "description": "Its name" }));
    let is_set = json!({
        "type": "array", "items": { "enum": SETTINGS },
        "description": "What the tenant has set; everything else is as the preset has it",
    });
    answered.insert("set".to_owned(), is_set);
    let nullable = rules.into_iter().map(|(name, shape)| {
        let or_null = json!({ "anyOf": [shape, { "type": "null" }] });
        (name, or_null)
    });
    let sent: Map<String, Value> = nullable.collect();
    let page = json!({
        "items": { "type": "array", "items": schema("ApiIdentityType") },
        "nextCursor": { "type": ["string", "null"] },
    });
    let about = "What changes: what is absent stays, `null` sets back to what the preset has.";
    json!({
        "ApiIdentityType": object("An identity type and its rules.", &Value::Object(answered), &[]),
        "ApiIdentityTypeInput": object(about, &Value::Object(sent), &SETTINGS),
        "ApiIdentityTypeDryChange": dry_change("ApiIdentityType"),
        "ApiIdentityTypes": object("A part of the identity types.", &page, &[]),
    })
}

fn rules() -> Map<String, Value> {
    let whole = |min: usize, max: usize, about: &str| json!({ "type": "integer", "minimum": min, "maximum": max, "description": about });
    let roles: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
    let pattern = json!({
        "type": "string", "minLength": 1, "maxLength": IDENTITY_VALUE_CHARS_MAX,
    });
    let shapes = [
        whole(1, usize::from(PRIORITY_MAX), "Its rank: the smallest number decides first"),
        whole(1, IDENTITIES_MAX, "How many a customer may hold"),
        json!({
            "enum": roles,
            "description": "`distinguishing`: two values are two people. `normal`: somebody's own. \
                            `contact`: shared and inherited. `weak`: a device",
        }),
        json!({
            "enum": ["sensitive", "insensitive"],
            "description": "Whether the case of letters tells two values apart. Fixed once the \
                            type has identities, and for `mobile` and `email`",
        }),
        json!({
            "type": "array", "maxItems": BLOCKED_PATTERNS_MAX, "items": pattern,
            "description": "Values that never match, beside those that never match for anybody; \
                            `*` stands for any characters. Compared in canonical form and without \
                            case",
        }),
        whole(
            0,
            QUARANTINE_AFTER_MAX,
            "With how many different values of one distinguishing type of higher rank an identity \
             is quarantined; 0 for never",
        ),
        json!({
            "enum": ["attach", "refuse"],
            "description": "What becomes of one more than `limit`: attached with a warning, or not \
                            attached, with a conflict",
        }),
    ];
    SETTINGS.into_iter().map(str::to_owned).zip(shapes).collect()
}
