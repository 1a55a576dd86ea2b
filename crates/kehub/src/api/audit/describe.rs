//! What the description of the API tells about the audit log.

use crate::api::describe::{Described, MOMENT, object, query};
use crate::api::shapes::page_schema;
use kehub_core::directory::Permission;
use kehub_core::people::audit::{About, Deed};
use serde_json::{Value, json};

const WHO: &str = "Who did it: the id of an app, ended ones included, `user:` and a login name, or \
    `kehub:commandLine` for the command line";
const ABOUT: &str = "What it was about: `customer`, `user`, `app`, `import`, `webhook` or `wechatAccount`, \
    a colon, and its id";

pub(crate) fn operation(name: &str) -> Option<Described> {
    if name != "api_audit_list" {
        return None;
    }
    let entry = json!({
        "id": 41, "at": "2026-05-04T01:02:03.250Z", "app": "user:li.na@example.com",
        "deed": "customerRevealed", "about": { "kind": "customer", "id": 1007 },
        "details": { "field": "mobile" },
    });
    let described = Described::read(Permission::UsersAdmin)
        .parameter(query("limit", "How many to answer: 1 to 1000, 50 unless given", "50"))
        .parameter(query("cursor", "`nextCursor` of an earlier answer", "1777856523250000.41"))
        .parameter(query("app", WHO, "user:li.na@example.com"))
        .parameter(query(
            "deed",
            "What was done: one or several, parted by commas",
            "customerRevealed,customersRead",
        ))
        .parameter(query("about", ABOUT, "customer:1007"))
        .parameter(query(
            "from",
            "Only what was done at this moment or later",
            "2026-05-01T00:00:00+08:00",
        ))
        .parameter(query(
            "before",
            "Only what was done before this moment",
            "2026-06-01T00:00:00+08:00",
        ))
        .answer(
            200,
            "Entries, newest first",
            &["ApiAuditList"],
            &json!({ "items": [entry], "nextCursor": null }),
        );
    Some(described)
}

pub(crate) fn schemas() -> Value {
    let deeds: Vec<&str> = Deed::ALL.iter().map(|deed| deed.name()).collect();
    let about = json!({
        "kind": { "enum": About::KINDS },
        "id": { "type": "integer", "minimum": 1 },
    });
    let mut about = object("What it was about.", &about, &[]);
    if let Value::Object(members) = &mut about {
        members.insert("type".to_owned(), json!(["object", "null"]));
    }
    let entry = json!({
        "id": { "type": "integer", "minimum": 1, "description": "Its number, without gaps" },
        "at": { "type": "string", "pattern": MOMENT },
        "app": { "type": ["string", "null"], "description": "Who did it: `user:` and a login name, or the \
            id of an app; `null` if nobody knows, or it was done on the command line" },
        "deed": { "enum": deeds },
        "about": about,
        "details": { "type": "object", "additionalProperties": { "type": "string" } },
    });
    json!({
        "ApiAuditEntry": object("What somebody did.", &entry, &[]),
        "ApiAuditList": page_schema("A part of the audit log.", "ApiAuditEntry"),
    })
}
