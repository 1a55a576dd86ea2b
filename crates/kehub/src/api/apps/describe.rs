//! What the description of the API tells about apps.

use crate::api::describe::{Described, MOMENT, id, object, query, schema};
use crate::api::problem::Code;
use crate::api::version;
use kehub_core::directory::Permission;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    let change = || Described::write(Permission::AppsAdmin);
    let one = || change().parameter(id("The number of the app")).meets(&[Code::AppNotFound]);
    let given = json!({ "permissions": ["customers.read"] });
    Some(match name {
        "api_app_list" => list(),
        "api_app_create" => change()
            .body("ApiAppInput", &json!({ "name": "web shop", "permissions": ["customers.write"] }))
            .answer(200, "A dry run: the app as it would be", &["ApiApp"], &app(None))
            .answer(201, "The app, with its secret", &["ApiApp"], &app(Some(SECRET)))
            .meets(&[Code::PermissionNotHeld]),
        "api_app_patch" => one()
            .parameter(version::parameter())
            .body("ApiAppPatch", &given)
            .answer(200, "The app afterwards", &["ApiApp"], &app(None))
            .meets(&[Code::AppRevoked, Code::PermissionNotHeld, Code::ChangedMeanwhile]),
        "api_app_rotate" => one()
            .answer(200, "The app, with its new secret", &["ApiApp"], &app(Some(SECRET)))
            .meets(&[Code::AppRevoked, Code::PermissionNotHeld, Code::ChangedMeanwhile]),
        "api_app_revoke" => one().answer(200, "The app afterwards", &["ApiApp"], &app(None)),
        _ => return None,
    })
}

const SECRET: &str = "0123456789abcdef0123456789abcdef01234567";

fn list() -> Described {
    Described::read(Permission::AppsAdmin)
        .parameter(query("limit", "How many to answer: 1 to 1000, 50 unless given", "50"))
        .parameter(query("cursor", "`nextCursor` of an earlier answer", "7"))
        .answer(
            200,
            "The apps, by number",
            &["ApiAppList"],
            &json!({ "items": [app(None)], "nextCursor": null }),
        )
}

fn app(secret: Option<&str>) -> Value {
    let mut app = json!({
        "id": 2, "appId": "cl0123456789abcde", "name": "web shop",
        "permissions": ["customers.write"], "version": "5f2ad9c1b0e34d77", "createdAt": "2026-05-04T01:02:03.250Z",
        "revokedAt": null,
    });
    if let (Value::Object(members), Some(secret)) = (&mut app, secret) {
        members.insert("secret".to_owned(), json!(secret));
    }
    app
}

pub(crate) fn schemas() -> Value {
    let names: Vec<&str> = Permission::ALL.iter().map(|permission| permission.name()).collect();
    let permissions = json!({ "type": "array", "items": { "enum": names } });
    let name = json!({ "type": "string", "maxLength": 64, "description": "A name for people" });
    let app = json!({
        "id": { "type": "integer", "minimum": 1, "description": "Its number, which paths hold" },
        "appId": { "type": "string", "description": "What `POST /api/tokens` takes" },
        "name": { "type": "string" },
        "permissions": permissions,
        "version": { "type": "string", "description": "Another one whenever `permissions` are others" },
        "createdAt": { "type": "string", "pattern": MOMENT },
        "revokedAt": { "type": ["string", "null"], "pattern": MOMENT },
        "secret": { "type": "string", "description": "Answered once, and kept nowhere: a repeat under \
            the same `Idempotency-Key` has none" },
    });
    let list = json!({
        "items": { "type": "array", "items": schema("ApiApp") },
        "nextCursor": { "type": ["string", "null"] },
    });
    let input = json!({ "name": name, "permissions": permissions });
    json!({
        "ApiApp": object("An app.", &app, &["secret"]),
        "ApiAppList": object("A part of the apps.", &list, &[]),
        "ApiAppInput": object("An app to be created.", &input, &[]),
        "ApiAppPatch": object("What changes.", &json!({ "permissions": permissions }), &[]),
    })
}
