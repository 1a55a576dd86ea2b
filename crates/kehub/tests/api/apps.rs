//! Apps: created, permitted, rotated and revoked.

use crate::hub::{Actor, TestHub, alone, on_every_engine, request};
use axum::http::header::AUTHORIZATION;
use kehub_core::TenantId;
use kehub_core::command::{Command, InsteadOf};
use kehub_core::directory::{AppChange, Permission};
use serde_json::{Value, json};

on_every_engine! {
    an_app_is_created_and_may_do_what_it_was_given,
    nobody_gives_what_it_lacks,
    nobody_gives_back_what_was_taken_meanwhile,
    what_somebody_else_changed_meanwhile_stays,
    a_rotated_app_needs_its_new_secret,
    a_revoked_app_is_out_for_good,
    apps_are_listed_page_by_page_without_secrets,
    a_dry_run_changes_nothing,
    an_app_is_read_strictly,
    a_repeat_under_its_key_makes_no_app_and_tells_no_secret,
}

/// The status of a call with a token for these credentials; 401 if there is none.
async fn status_with(hub: &TestHub, app: &Value, secret: &Value, path: &str) -> u16 {
    let sent = json!({ "appId": app, "secret": secret });
    let token = hub.ask("POST", "/api/tokens", &sent).await;
    if token.status != 200 {
        return token.status.as_u16();
    }
    let mut call = request("GET", path, "");
    let bearer = format!("Bearer {}", token.json()["accessToken"].as_str().unwrap());
    call.headers_mut().insert(AUTHORIZATION, bearer.parse().unwrap());
    hub.call(call).await.status.as_u16()
}

async fn create(actor: &Actor, permissions: &[&str]) -> Value {
    let sent = json!({ "name": " web shop ", "permissions": permissions });
    actor.post("/api/apps", &sent).await.was(201)
}

async fn an_app_is_created_and_may_do_what_it_was_given(hub: TestHub) {
    let app = create(&hub.writer, &["customers.write", "customers.read", "customers.read"]).await;
    assert_eq!((&app["id"], &app["name"]), (&json!(5), &json!("web shop")));
    assert_eq!(app["permissions"], json!(["customers.read", "customers.write"]));
    let list = "/api/customers";
    assert_eq!(status_with(&hub, &app["appId"], &app["secret"], list).await, 200);
    assert_eq!(status_with(&hub, &app["appId"], &app["secret"], "/api/apps").await, 403);
    let less = json!({ "permissions": [] });
    let patched = hub.writer.patch("/api/apps/5", &less).await.was(200);
    assert_eq!((&patched["permissions"], &patched["secret"]), (&json!([]), &Value::Null));
    assert_eq!(status_with(&hub, &app["appId"], &app["secret"], list).await, 403);
}

async fn nobody_gives_what_it_lacks(hub: TestHub) {
    let permissions = [Permission::AppsAdmin, Permission::CustomersRead];
    let keeper = hub.app_with("cl0000000000000aa", &permissions).await;
    let more = json!({ "name": "x", "permissions": ["customers.read", "customers.delete"] });
    let problem = keeper.post("/api/apps", &more).await.refused(403, "permissionNotHeld");
    assert!(problem["detail"].as_str().unwrap().contains("customers.delete"), "{problem}");
    // Neither by way of itself nor by a secret of a stronger app.
    let more = json!({ "permissions": ["apps.admin", "customers.write"] });
    keeper.patch("/api/apps/5", &more).await.refused(403, "permissionNotHeld");
    keeper.post("/api/apps/1/rotate", &Value::Null).await.refused(403, "permissionNotHeld");
    // What another app has may stay, and may be taken.
    let phone = json!({ "permissions": ["identities.write", "customers.read"] });
    let patched = keeper.patch("/api/apps/4", &phone).await.was(200);
    assert_eq!(patched["permissions"], json!(["customers.read", "identities.write"]));
    hub.reader.get("/api/apps").await.refused(403, "permissionMissing");
}

/// Whoever lacks a permission leaves it to an app that has it, and gives it to none from which it was taken
/// while the body of the call was under way.
async fn nobody_gives_back_what_was_taken_meanwhile(hub: TestHub) {
    let keeper = [Permission::AppsAdmin, Permission::UsersAdmin, Permission::CustomersRead];
    let keeper = hub.app_with("cl0000000000000aa", &keeper).await;
    let made = create(&hub.writer, &["customers.read", "customers.delete"]).await;
    let app = format!("/api/apps/{}", made["id"]);
    let stays = json!({ "permissions": ["customers.read", "customers.delete"] });
    let taken = json!({ "permissions": ["customers.read"] });
    let late = keeper.patch_after(&app, &stays, hub.writer.patch(&app, &taken)).await;
    late.refused(409, "changedMeanwhile");
    keeper.patch(&app, &stays).await.refused(403, "permissionNotHeld");
    // Nor does it get the secret of one that was given more at the same moment.
    let path = format!("{app}/rotate");
    let secret = || keeper.post(&path, &Value::Null);
    let permit = |permissions: &[Permission]| {
        let (id, permissions) = (made["appId"].as_str().unwrap().into(), permissions.to_vec());
        let instead_of = InsteadOf::Whatever;
        Command::ChangeApp(AppChange::Permit { id, permissions, instead_of })
    };
    hub.store.meanwhile(alone(TenantId(1), permit(Permission::ALL)));
    secret().await.refused(409, "changedMeanwhile");
    secret().await.refused(403, "permissionNotHeld");
    let own = status_with(&hub, &made["appId"], &made["secret"], "/api/customers").await;
    assert_eq!(own, 200, "its secret is the one that it had");
    hub.store.meanwhile(alone(TenantId(1), permit(&[Permission::CustomersRead])));
    hub.writer.post(&path, &Value::Null).await.was(200);
    // Whoever may give all of it decides, whatever stood there.
    let whole = hub.writer.patch_after(&app, &stays, hub.writer.patch(&app, &taken)).await.was(200);
    assert_eq!(whole["permissions"], stays["permissions"]);
}

/// Of two who change one thing at once, the later one is told.
async fn what_somebody_else_changed_meanwhile_stays(hub: TestHub) {
    let app = create(&hub.writer, &["customers.read"]).await;
    let hook = json!({ "url": "https://a.example/", "kinds": ["created"] });
    let hook = hub.writer.post("/api/webhooks", &hook).await.was(201);
    let user = json!({ "login": "li.na", "name": "Li Na", "role": "viewer", "password": "correct horse battery" });
    let user = hub.writer.post("/api/users", &user).await.was(201);
    let path = |noun: &str, one: &Value| format!("/api/{noun}/{}", one["id"]);
    for (path, seen, first, second) in [
        (
            path("apps", &app),
            app,
            json!({ "permissions": ["customers.read", "changes.read"] }),
            json!({ "permissions": [] }),
        ),
        (
            path("webhooks", &hook),
            hook,
            json!({ "description": "shop" }),
            json!({ "description": "till" }),
        ),
        (path("users", &user), user, json!({ "role": "reviewer" }), json!({ "role": "editor" })),
    ] {
        let version = seen["version"].as_str().unwrap();
        let of = |version: &str| format!("{path}?version={version}");
        let dry = hub.writer.patch(&format!("{}&dryRun=1", of(version)), &first).await.was(200);
        let changed = hub.writer.patch(&of(version), &first).await.was(200);
        assert_eq!(dry["version"], changed["version"], "{path}");
        assert_ne!(changed["version"], seen["version"], "{path}");
        let late = hub.writer.patch(&of(version), &second).await;
        let problem = late.refused(409, "changedMeanwhile");
        assert!(problem["detail"].as_str().unwrap().contains("`version`"), "{problem}");
        // Whoever has looked again changes it, and whoever does not ask for a version, too.
        let version = changed["version"].as_str().unwrap().to_uppercase();
        let again = hub.writer.patch(&of(&version), &second).await.was(200);
        hub.writer.patch(&path, &first).await.was(200);
        assert_ne!(again["version"], changed["version"], "{path}");
        for unfit in ["7", "", "5f2ad9c1b0e34d7z"] {
            let unfit = hub.writer.patch(&of(unfit), &second).await;
            assert_eq!(unfit.unfit(400, "parametersInvalid"), ["version invalid"]);
        }
        // A repeat under its key gets the answer that it got, although there is another version by now.
        let current = hub.writer.patch(&path, &first).await.was(200);
        let current = of(current["version"].as_str().unwrap());
        let mut answers = Vec::new();
        for _ in 0..2 {
            let mut call = request("PATCH", &current, second.to_string());
            call.headers_mut().insert("idempotency-key", path.replace('/', "-").parse().unwrap());
            call.headers_mut().insert("content-type", "application/json".parse().unwrap());
            answers.push(hub.writer.send_signed(call).await.was(200)["version"].clone());
        }
        assert_eq!(answers[0], answers[1]);
    }
}

async fn a_rotated_app_needs_its_new_secret(hub: TestHub) {
    let app = create(&hub.writer, &["customers.read"]).await;
    let rotated = hub.writer.post("/api/apps/5/rotate", &Value::Null).await.was(200);
    assert_ne!(rotated["secret"], app["secret"]);
    let path = "/api/customers";
    assert_eq!(status_with(&hub, &app["appId"], &app["secret"], path).await, 401);
    assert_eq!(status_with(&hub, &app["appId"], &rotated["secret"], path).await, 200);
}

async fn a_revoked_app_is_out_for_good(hub: TestHub) {
    let app = create(&hub.writer, &["customers.read"]).await;
    let revoked = hub.writer.post("/api/apps/5/revoke", &Value::Null).await.was(200);
    assert_eq!(revoked["revokedAt"], "2026-05-04T01:02:03.250Z");
    assert_eq!(status_with(&hub, &app["appId"], &app["secret"], "/api/customers").await, 401);
    hub.clock.advance_seconds(60);
    let again = hub.writer.post("/api/apps/5/revoke", &Value::Null).await.was(200);
    assert_eq!(again["revokedAt"], revoked["revokedAt"]);
    hub.writer.post("/api/apps/5/rotate", &Value::Null).await.refused(409, "appRevoked");
    let none = json!({ "permissions": [] });
    hub.writer.patch("/api/apps/5", &none).await.refused(409, "appRevoked");
    for id in ["3", "99", "x"] {
        let path = format!("/api/apps/{id}/revoke");
        hub.writer.post(&path, &Value::Null).await.refused(404, "appNotFound");
    }
}

async fn apps_are_listed_page_by_page_without_secrets(hub: TestHub) {
    create(&hub.writer, &[]).await;
    let all = hub.writer.get("/api/apps").await.was(200);
    let ids = |list: &Value| -> Vec<u64> {
        list["items"].as_array().unwrap().iter().map(|it| it["id"].as_u64().unwrap()).collect()
    };
    assert_eq!((ids(&all), &all["nextCursor"]), (vec![1, 2, 4, 5], &Value::Null));
    assert!(all["items"].as_array().unwrap().iter().all(|app| app.get("secret").is_none()));
    let first = hub.writer.get("/api/apps?limit=3").await.was(200);
    assert_eq!(ids(&first), [1, 2, 4]);
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = hub.writer.get(&format!("/api/apps?limit=3&cursor={cursor}")).await.was(200);
    assert_eq!((ids(&rest), &rest["nextCursor"]), (vec![5], &Value::Null));
}

async fn a_dry_run_changes_nothing(hub: TestHub) {
    let before = hub.writer.get("/api/apps").await.was(200);
    let sent = json!({ "name": "x", "permissions": ["customers.read"] });
    let dry = hub.writer.post("/api/apps?dryRun=1", &sent).await.was(200);
    assert_eq!((&dry["permissions"], dry.get("secret")), (&json!(["customers.read"]), None));
    for path in ["/api/apps/2/rotate?dryRun=1", "/api/apps/2/revoke?dryRun=1"] {
        assert!(hub.writer.post(path, &Value::Null).await.was(200).get("secret").is_none());
    }
    let none = json!({ "permissions": [] });
    hub.writer.patch("/api/apps/2?dryRun=1", &none).await.was(200);
    assert_eq!(hub.writer.get("/api/apps").await.was(200), before);
    assert_eq!(hub.reader.get("/api/customers").await.status, 200, "its token lives");
}

async fn an_app_is_read_strictly(hub: TestHub) {
    let sent = json!({ "permissions": ["customers.read", "all", 7], "secret": "chosen" });
    let unfit = hub.writer.post("/api/apps", &sent).await.unfit(422, "fieldsInvalid");
    let expected =
        ["/secret unknown", "/name missing", "/permissions/1 invalid", "/permissions/2 invalid"];
    assert_eq!(unfit, expected);
    let unfit = hub.writer.patch("/api/apps/2", &json!({ "name": "x" })).await;
    assert_eq!(unfit.unfit(422, "fieldsInvalid"), ["/name unknown", "/permissions missing"]);
}

async fn a_repeat_under_its_key_makes_no_app_and_tells_no_secret(hub: TestHub) {
    let repeat = async |path: &str, body: &Value, key: &str| {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let mut call = request("POST", path, text);
        call.headers_mut().insert("idempotency-key", key.parse().unwrap());
        hub.writer.ask_with(path, call).await
    };
    let sent = json!({ "name": "x", "permissions": ["customers.read"] });
    let first = repeat("/api/apps", &sent, "create").await.was(201);
    let again = repeat("/api/apps", &sent, "create").await.was(201);
    assert_eq!((&again["id"], &again["appId"]), (&first["id"], &first["appId"]));
    assert_eq!(again.get("secret"), None);
    let customers = "/api/customers";
    assert_eq!(status_with(&hub, &first["appId"], &first["secret"], customers).await, 200);
    let rotated = repeat("/api/apps/5/rotate", &Value::Null, "rotate").await.was(200);
    assert_eq!(
        repeat("/api/apps/5/rotate", &Value::Null, "rotate").await.was(200).get("secret"),
        None
    );
    assert_eq!(status_with(&hub, &first["appId"], &rotated["secret"], customers).await, 200);
}
