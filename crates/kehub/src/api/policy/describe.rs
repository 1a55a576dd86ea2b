//! What the description of the API tells about policies.

use crate::api::describe::{Described, object, query, schema};
use crate::api::problem::Code;
use kehub_core::directory::Permission;
use kehub_core::policy::impact::SAMPLE_MAX;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_policy_get" => get(),
        "api_policy_patch" => patch(),
        _ => return None,
    })
}

fn get() -> Described {
    Described::read(Permission::CustomersRead).answer(
        200,
        "The policy",
        &["ApiPolicy"],
        &policy("guarded", 3),
    )
}

fn patch() -> Described {
    let shapes = ["ApiPolicy", "ApiPolicyDryChange"];
    Described::write(Permission::PoliciesWrite)
        .parameter(version())
        .body("ApiPolicyInput", &json!({ "preset": "guarded" }))
        .answer(200, "The policy afterwards, or what it would be", &shapes, &policy("guarded", 3))
        .meets(&[Code::PolicyChanged])
}

/// The version that the policy has to have.
pub(crate) fn version() -> Value {
    query("version", "Refused unless the policy has this version: nobody changed it meanwhile", "3")
}

fn policy(preset: &str, version: u32) -> Value {
    json!({ "preset": preset, "onConflict": "merge", "version": version })
}

pub(crate) fn schemas() -> Value {
    let presets = json!({ "enum": ["compat", "guarded"] });
    let choices = json!({
        "enum": ["merge", "keep", "reject"],
        "description": "What happens to customers that meet: `merge` them unless a guard objects, `keep` them apart, \
                        or `reject` the whole request where a guard objects, and merge them otherwise",
    });
    let version =
        json!({ "type": "integer", "minimum": 1, "description": "Rises with every change" });
    let answered = json!({ "preset": presets, "onConflict": choices, "version": version });
    let sent = json!({ "preset": presets, "onConflict": choices });
    json!({
        "ApiPolicy": object("How doubtful cases are decided.", &answered, &[]),
        "ApiPolicyInput": object(
            "What changes; what is absent stays.", &sent, &["preset", "onConflict"],
        ),
        "ApiPolicyDryChange": dry_change("ApiPolicy"),
        "ApiAffected": affected(),
        "ApiAffectedCustomer": customer(),
    })
}

/// A change that was only looked at.
pub(crate) fn dry_change(shape: &str) -> Value {
    let members = json!({
        "before": schema(shape), "after": schema(shape), "affected": schema("ApiAffected"),
    });
    object("What a change would be (`dryRun=1`).", &members, &[])
}

fn affected() -> Value {
    let members = json!({
        "customers": { "type": "integer", "minimum": 0, "description": "How many" },
        "sample": {
            "type": "array", "maxItems": SAMPLE_MAX, "items": schema("ApiAffectedCustomer"),
            "description": "The first of them. Not for an app that may not read customers",
        },
    });
    object("Customers that the next requests would meet with other rules.", &members, &["sample"])
}

fn customer() -> Value {
    let kind = json!({ "type": "string", "description": "An identity type" });
    let count = json!({ "type": "integer", "minimum": 1 });
    let number = json!({ "type": "integer", "description": "The number of an identity" });
    let reason = |name: &str, about: &str, more: &[(&str, &Value)]| {
        let mut members = json!({ "reason": { "const": name } });
        if let Value::Object(members) = &mut members {
            members.extend(more.iter().map(|(name, shape)| ((*name).to_owned(), (*shape).clone())));
        }
        object(about, &members, &[])
    };
    let held = [("type", &kind), ("held", &count)];
    let pair = json!({ "type": "array", "items": kind, "minItems": 2, "maxItems": 2 });
    let reasons = [
        reason(
            "overLimit",
            "It holds more than it might then.",
            &[("type", &kind), ("held", &count), ("limit", &count)],
        ),
        reason("distinguishing", "It holds several values that would tell people apart.", &held),
        reason(
            "reordered",
            "The first of two types would decide before the second, or as early.",
            &[("types", &pair)],
        ),
        reason("blocked", "An identity would never match.", &[("identity", &number)]),
        reason(
            "quarantined",
            "An identity would be quarantined when it is sent again.",
            &[("identity", &number)],
        ),
    ];
    let members = json!({
        "customerId": { "type": "integer" },
        "reasons": { "type": "array", "minItems": 1, "items": { "oneOf": reasons } },
    });
    object("A customer that would be affected, and in which ways.", &members, &[])
}
