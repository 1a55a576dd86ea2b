//! A tenant never sees or touches anything of another, call by call (promise 8).

use crate::hub::{SECRET, TestHub, described_calls, on_every_engine, request};
use kehub::imports::Spool;
use kehub_core::command::Command;
use kehub_core::people::user::Role;
use kehub_core::wechat::{Sealed, WechatChange, WechatSecretsChange, WechatSettingsChange};
use serde_json::{Value, json};

on_every_engine! { no_call_reaches_another_tenant, }

async fn no_call_reaches_another_tenant(hub: TestHub) {
    let fields = json!({ "name": "Wang", "mobile": "13800000001", "email": "a@b.cn" });
    hub.writer.upsert(&["member:1", "wechat:o1"], fields).await.was(201);
    hub.writer.upsert(&["member:2", "wechat:o2"], json!({})).await.was(201);
    hub.writer.upsert(&["member:3"], json!({ "city": "Beijing" })).await.was(201);
    for account in ["member:4", "member:5", "member:6"] {
        hub.writer.upsert(&[account, "wechat-unionid:shared"], json!({})).await;
    }
    hub.writer.upsert(&["club-card:1"], json!({})).await.was(201);
    // A merge, a conflict, a cannot-link and an undecided claim.
    hub.writer.upsert(&["wechat:o1", "wechat:o2"], json!({})).await.was(200);
    let pair = json!({ "customerIds": [1, 3] });
    hub.writer.post("/api/merges", &pair).await.was(201);
    hub.writer.upsert(&["member:1", "member:3"], json!({ "stage": "x" })).await.was(200);
    hub.writer.post("/api/merges/1/undo", &Value::Null).await.was(200);
    for _ in 0..2 {
        let sent = json!({ "url": "https://ours.example.com/" });
        hub.writer.post("/api/webhooks", &sent).await.was(201);
    }
    let secrets = WechatSecretsChange {
        app_secret: Some(Sealed([1].into())),
        ..WechatSecretsChange::default()
    };
    let settings = WechatSettingsChange::default();
    let bind = WechatChange::Bind { app_id: "wxours".into(), is_new: true, settings, secrets };
    hub.run(Command::Wechat(bind)).await;
    let spool = tempfile::tempdir().unwrap();
    hub.hub.keep_files_in(Spool::new(spool.path(), 1_000));
    for source in ["ours", "ours-too"] {
        let path = format!("/api/imports?source={source}");
        hub.writer.ask_with(&path, request("POST", &path, "name\nWang\n")).await.was(202);
    }
    assert_eq!(hub.user("ours", Role::Viewer).await, 5);
    let before = everything(&hub).await;
    for (path, method, _) in described_calls() {
        meets_nothing(&hub, method, path).await;
        assert_eq!(everything(&hub).await, before, "{method} {path}");
    }
}

/// All that the first tenant sees.
async fn everything(hub: &TestHub) -> Vec<Value> {
    let mut all = vec![hub.writer.get("/api/customers?total=1").await.was(200)];
    for id in 1..=6 {
        all.push(hub.writer.get(&format!("/api/customers/{id}")).await.json());
    }
    for path in
        ["policy", "identity-types", "quarantine", "webhooks", "apps", "users", "wechat/accounts"]
    {
        all.push(hub.writer.get(&format!("/api/{path}")).await.was(200));
    }
    for path in ["merges", "conflicts?status=all", "cannot-links", "undecided-claims", "imports"] {
        all.push(hub.writer.get(&format!("/api/{path}")).await.json());
    }
    all.into_iter().map(without_request).collect()
}

fn without_request(mut body: Value) -> Value {
    if let Value::Object(members) = &mut body {
        members.remove("requestId");
    }
    body
}

/// Makes the call as a stranger with ids and values of the first tenant.
async fn meets_nothing(hub: &TestHub, method: &str, path: &str) {
    match path.split('/').nth(2).unwrap() {
        "apps" => apps(hub, method, path).await,
        "customers" if ["/extract", "/erase", "/restore"].iter().any(|it| path.ends_with(it)) => {
            decisions(hub, method, path).await;
        }
        "customers" => customers(hub, method, path).await,
        "merges" | "conflicts" | "cannot-links" | "undecided-claims" => {
            decisions(hub, method, path).await;
        }
        "imports" => imports(hub, method, path).await,
        "users" | "audit" => users(hub, method, path).await,
        "policy" | "identity-types" | "quarantine" => rules(hub, method, path).await,
        "webhooks" => webhooks(hub, method, path).await,
        "wechat" => wechat(hub, method, path).await,
        _ => others(hub, method, path).await,
    }
}

async fn apps(hub: &TestHub, method: &str, path: &str) {
    let stranger = &hub.stranger;
    match (method, path) {
        ("get", "/api/apps") => {
            let apps = stranger.get(path).await.was(200);
            assert!(!apps.to_string().contains(hub.writer.id), "{apps}");
        }
        ("post", "/api/apps") => {
            let sent = json!({ "name": "x", "permissions": ["customers.read"] });
            stranger.post(path, &sent).await.was(201);
        }
        ("patch", "/api/apps/{id}") => {
            let none = json!({ "permissions": [] });
            stranger.patch("/api/apps/2", &none).await.refused(404, "appNotFound");
        }
        ("post", "/api/apps/{id}/rotate" | "/api/apps/{id}/revoke") => {
            let path = path.replace("{id}", "2");
            stranger.post(&path, &Value::Null).await.refused(404, "appNotFound");
        }
        _ => untried(method, path),
    }
}

async fn users(hub: &TestHub, method: &str, path: &str) {
    let stranger = &hub.stranger;
    match (method, path) {
        ("get", "/api/users") => {
            assert_eq!(stranger.get(path).await.was(200)["items"], json!([]));
        }
        ("get", "/api/audit") => {
            // Its own apps were created.
            let apps = stranger.get("/api/apps").await.was(200);
            let ids: Vec<&Value> =
                apps["items"].as_array().unwrap().iter().map(|app| &app["id"]).collect();
            let entries = stranger.get(path).await.was(200);
            for entry in entries["items"].as_array().unwrap() {
                assert_eq!(entry["about"]["kind"], "app", "{entry}");
                assert!(ids.contains(&&entry["about"]["id"]), "{entry}");
            }
        }
        ("post", "/api/users") => {
            // Login names are of the hub, so that this one is taken.
            let sent = json!({
                "login": "ours", "name": "x", "role": "viewer", "password": "correct horse",
            });
            stranger.post(path, &sent).await.refused(409, "loginTaken");
        }
        (_, path) => {
            let path = path.replace("{id}", "5");
            let answer = stranger.ask(&method.to_uppercase(), &path, &json!({})).await;
            answer.refused(404, "userNotFound");
        }
    }
}

async fn imports(hub: &TestHub, method: &str, path: &str) {
    let stranger = &hub.stranger;
    match (method, path) {
        ("get", "/api/imports") => {
            let imports = stranger.get(path).await.was(200);
            assert!(!imports.to_string().contains("ours"), "{imports}");
        }
        ("post", "/api/imports") => {
            let path = "/api/imports?source=ours";
            let made = stranger.ask_with(path, request("POST", path, "name\nWang\n")).await;
            assert_eq!(made.was(202)["id"], 1);
        }
        (
            "get" | "delete",
            "/api/imports/{id}" | "/api/imports/{id}/events" | "/api/imports/{id}/refused",
        ) => {
            // The stranger has one of its own by now.
            let (method, path) = (method.to_uppercase(), path.replace("{id}", "2"));
            stranger.ask(&method, &path, &Value::Null).await.refused(404, "importNotFound");
        }
        _ => untried(method, path),
    }
}

fn untried(method: &str, path: &str) {
    panic!("{method} {path} is not tried with another tenant's ids");
}

async fn customers(hub: &TestHub, method: &str, path: &str) {
    let stranger = &hub.stranger;
    match (method, path) {
        ("post", "/api/customers") => {
            let sent = json!({ "mobile": "13800000001" });
            let made = stranger.upsert(&["wechat:o1"], sent).await.was(201);
            assert_eq!(
                (&made["customer"]["id"], &made["customer"]["name"]),
                (&json!(1), &Value::Null)
            );
        }
        ("get", "/api/customers") => {
            let list = stranger.get("/api/customers?name=Wang&id:in=1,2,3&total=1").await.was(200);
            assert_eq!(list, json!({ "items": [], "nextCursor": null, "total": 0 }));
            // A cursor is a place in an order, and nobody's.
            let theirs = hub.writer.get("/api/customers?limit=1").await.was(200);
            let cursor = theirs["nextCursor"].as_str().unwrap();
            let list = stranger.get(&format!("/api/customers?cursor={cursor}")).await.was(200);
            assert_eq!(list["items"], json!([]));
        }
        ("post", "/api/customers/batch") => {
            let row = json!({ "identities": [{ "type": "member", "value": "3" }] });
            let made = stranger.post(path, &json!([row])).await.was(200);
            // The first call has made the stranger's customer 1.
            assert_eq!(made["items"][0]["resolution"]["result"], "created");
        }
        ("get" | "patch" | "delete", "/api/customers/{id}") => {
            let body = if method == "patch" { json!({ "customer": {} }) } else { Value::Null };
            let answer = stranger.ask(&method.to_uppercase(), "/api/customers/3", &body).await;
            answer.refused(404, "customerNotFound");
        }
        ("get", "/api/customers/{id}/history" | "/api/customers/{id}/export") => {
            let path = path.replace("{id}", "3");
            stranger.get(&path).await.refused(404, "customerNotFound");
        }
        ("get" | "post", "/api/customers/{id}/identities") => {
            let post = json!({ "type": "wechat", "value": "o1" });
            let body = if method == "post" { post } else { Value::Null };
            let path = "/api/customers/3/identities";
            let answer = stranger.ask(&method.to_uppercase(), path, &body).await;
            answer.refused(404, "customerNotFound");
        }
        _ => untried(method, path),
    }
}

async fn rules(hub: &TestHub, method: &str, path: &str) {
    let stranger = &hub.stranger;
    match (method, path) {
        ("get", "/api/policy") => {
            assert_eq!(stranger.get(path).await.was(200)["preset"], "compat");
        }
        ("patch", "/api/policy") => {
            let guarded = json!({ "preset": "guarded" });
            let dry = stranger.patch("/api/policy?dryRun=1", &guarded).await.was(200);
            assert_eq!(dry["affected"], json!({ "customers": 0, "sample": [] }));
            stranger.patch(path, &guarded).await.was(200);
        }
        ("get", "/api/identity-types") => {
            let types = stranger.get(path).await.text;
            assert!(!types.contains("club-card"), "{types}");
        }
        ("get", "/api/identity-types/{type}") => {
            let answer = stranger.get("/api/identity-types/club-card").await;
            answer.refused(404, "identityTypeNotFound");
        }
        ("patch", "/api/identity-types/{type}") => {
            // Ours has identities, so that its case is fixed; theirs has none.
            let case = json!({ "case": "insensitive", "blocked": ["1"] });
            stranger.patch("/api/identity-types/club-card", &case).await.was(200);
        }
        ("get", "/api/quarantine") => {
            assert_eq!(stranger.get(path).await.was(200)["items"], json!([]));
        }
        ("post", "/api/quarantine/{number}/release") => {
            let number =
                hub.reader.get("/api/quarantine").await.was(200)["items"][0]["number"].clone();
            let path = format!("/api/quarantine/{number}/release");
            stranger.post(&path, &Value::Null).await.refused(404, "identityNotFound");
        }
        _ => untried(method, path),
    }
}

async fn others(hub: &TestHub, method: &str, path: &str) {
    let stranger = &hub.stranger;
    match (method, path) {
        ("post", "/api/tokens") => {
            let sent = json!({ "appId": stranger.id, "secret": SECRET });
            hub.ask("POST", path, &sent).await.was(200);
        }
        ("get", "/api/changes") => {
            let page = stranger.get(path).await.was(200);
            let text = page.to_string();
            assert!(!text.contains("o1") && !text.contains("Wang"), "{text}");
        }
        ("get", "/api/identities") => {
            let found = stranger.get("/api/identities?value=o2").await.was(200);
            assert_eq!(found["items"], json!([]));
        }
        ("get", "/api/duplicates") => {
            assert_eq!(stranger.get(path).await.was(200)["items"], json!([]));
            stranger.get(&format!("{path}?customerId=3")).await.refused(404, "customerNotFound");
        }
        ("get", "/api/exports") => {
            for format in ["csv", "ndjson"] {
                let exported = stranger.get(&format!("{path}?format={format}")).await;
                assert_eq!(exported.status, 200);
                for ours in ["Wang", "Beijing", "o2", "club-card"] {
                    assert!(!exported.text.contains(ours), "{}", exported.text);
                }
            }
        }
        ("get", "/api/exports/{id}") => {
            let exported = hub.writer.get("/api/exports").await;
            let ours = exported.header("content-location");
            assert_eq!(hub.writer.get(ours).await.text, exported.text);
            stranger.get(ours).await.refused(404, "exportNotFound");
        }
        ("get", "/api/explanations") => {
            for (query, code) in [
                ("fromCustomer=3&toCustomer=3", "customerNotFound"),
                ("fromType=member&fromValue=2&toCustomer=3", "identityNotFound"),
            ] {
                stranger.get(&format!("{path}?{query}")).await.refused(404, code);
            }
        }
        _ => untried(method, path),
    }
}

/// The same for what people decide.
async fn decisions(hub: &TestHub, method: &str, path: &str) {
    let stranger = &hub.stranger;
    match (method, path) {
        (
            "get",
            "/api/merges" | "/api/conflicts" | "/api/cannot-links" | "/api/undecided-claims",
        ) => {
            assert_eq!(stranger.get(path).await.was(200)["items"], json!([]));
            if path == "/api/conflicts" {
                let theirs = stranger.get("/api/conflicts?status=all&customerId=1").await;
                assert_eq!(theirs.was(200)["items"], json!([]));
            }
        }
        ("post", "/api/merges" | "/api/cannot-links") => {
            let pair = json!({ "customerIds": [2, 3] });
            stranger.post(path, &pair).await.refused(404, "customerNotFound");
        }
        ("get", "/api/merges/{id}") => {
            stranger.get("/api/merges/1").await.refused(404, "mergeNotFound");
        }
        ("post", "/api/merges/{id}/undo") => {
            let undo = stranger.post("/api/merges/1/undo", &Value::Null).await;
            undo.refused(404, "mergeNotFound");
        }
        ("get", "/api/conflicts/{id}") => {
            stranger.get("/api/conflicts/1").await.refused(404, "conflictNotFound");
        }
        ("post", "/api/conflicts/{id}/resolve") => {
            let decision = json!({ "decision": "merge" });
            let resolve = stranger.post("/api/conflicts/1/resolve", &decision).await;
            resolve.refused(404, "conflictNotFound");
        }
        ("delete", "/api/cannot-links/{one}/{other}") => {
            let removed = stranger.ask("DELETE", "/api/cannot-links/1/2", &Value::Null).await;
            removed.refused(404, "cannotLinkNotFound");
        }
        ("post", "/api/undecided-claims/{merge}/{claim}/decide") => {
            let decide = "/api/undecided-claims/1/5/decide";
            let decided = stranger.post(decide, &json!({ "customerId": 1 })).await;
            decided.refused(404, "claimNotUndecided");
        }
        ("post", "/api/customers/{id}/extract") => {
            let identities = json!({ "identities": [{ "type": "member", "value": "3" }] });
            let extract = stranger.post("/api/customers/3/extract", &identities).await;
            extract.refused(404, "customerNotFound");
        }
        ("post", "/api/customers/{id}/erase" | "/api/customers/{id}/restore") => {
            let path = path.replace("{id}", "3");
            stranger.post(&path, &Value::Null).await.refused(404, "customerNotFound");
        }
        _ => untried(method, path),
    }
}

async fn webhooks(hub: &TestHub, method: &str, path: &str) {
    let stranger = &hub.stranger;
    match (method, path) {
        ("get", "/api/webhooks") => {
            assert_eq!(stranger.get(path).await.was(200)["items"], json!([]));
        }
        ("post", "/api/webhooks") => {
            let made = stranger.post(path, &json!({ "url": "https://theirs.example.com/" })).await;
            assert_eq!(made.was(201)["id"], 1);
        }
        (_, path) => {
            // The stranger has one webhook by now, the first tenant two.
            let path = path.replace("{id}", "2");
            let body = if path.ends_with("/replay") { json!({ "seq": 1 }) } else { json!({}) };
            let answer = stranger.ask(&method.to_uppercase(), &path, &body).await;
            answer.refused(404, "webhookNotFound");
        }
    }
}

async fn wechat(hub: &TestHub, method: &str, path: &str) {
    let stranger = &hub.stranger;
    match (method, path) {
        ("get", "/api/wechat/accounts") => {
            assert_eq!(stranger.get(path).await.was(200)["items"], json!([]));
        }
        ("post", "/api/wechat/accounts") => {
            // The same app id is another account here, which has no secret yet.
            let bound = stranger.post(path, &json!({ "appId": "wxours" })).await;
            assert_eq!(bound.unfit(422, "fieldsInvalid"), ["/appSecret missing"]);
        }
        (_, path) => {
            let path = path.replace("{id}", "1");
            let answer = stranger.ask(&method.to_uppercase(), &path, &Value::Null).await;
            answer.refused(404, "wechatAccountNotFound");
        }
    }
}
