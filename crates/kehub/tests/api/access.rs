//! Tokens, and what each permission opens.

use crate::hub::{Actor, SECRET, TestHub, described_calls, on_every_engine, request};
use axum::http::header::AUTHORIZATION;
use kehub_core::directory::{AppChange, Permission};
use serde_json::{Value, json};
use std::fmt::Write as _;

on_every_engine! {
    a_token_is_given_for_credentials_in_the_body,
    bad_credentials_are_401,
    a_token_counts_in_the_header_only,
    every_call_without_a_good_token_is_401,
    a_revoked_app_is_out,
}

#[tokio::test]
async fn every_call_needs_its_permission() {
    const IDS: [&str; 14] = [
        "cl00000000000000a",
        "cl00000000000000b",
        "cl00000000000000c",
        "cl00000000000000d",
        "cl00000000000000e",
        "cl00000000000000f",
        "cl000000000000010",
        "cl000000000000011",
        "cl000000000000012",
        "cl000000000000013",
        "cl000000000000014",
        "cl000000000000015",
        "cl000000000000016",
        "cl000000000000017",
    ];
    let hub = TestHub::on_memory().await;
    let mut apps = vec![(hub.app_with(IDS[0], &[]).await, "none")];
    for (permission, id) in Permission::ALL.iter().zip(&IDS[1..]) {
        apps.push((hub.app_with(id, &[*permission]).await, permission.name()));
    }
    assert_eq!(apps.len(), Permission::ALL.len() + 1, "an app for each permission");
    let mut table = String::new();
    for (path, method, operation) in described_calls() {
        let mut open_to = Vec::new();
        for (app, permission) in &apps {
            if may(app, method, path).await {
                open_to.push(*permission);
            }
        }
        let told = operation["x-permission"].as_str();
        let open_to =
            if open_to.len() == apps.len() { "everybody".into() } else { open_to.join(" ") };
        assert_eq!(open_to, told.unwrap_or("everybody"), "{method} {path} is described otherwise");
        writeln!(table, "{:6} {path:45} {open_to}", method.to_uppercase()).unwrap();
    }
    assert_eq!(table, include_str!("permissions.txt"), "\n{table}");
}

async fn may(app: &Actor, method: &str, path: &str) -> bool {
    let answer = app.ask(&method.to_uppercase(), &with_ids(path), &json!({})).await;
    answer.status != 403 || answer.json()["code"] != "permissionMissing"
}

/// A path of this template.
pub(crate) fn with_ids(template: &str) -> String {
    let words = template.split('/').map(|word| if word.starts_with('{') { "1" } else { word });
    words.collect::<Vec<_>>().join("/")
}

async fn a_token_is_given_for_credentials_in_the_body(hub: TestHub) {
    let sent = json!({ "appId": hub.writer.id, "secret": SECRET });
    let token = hub.ask("POST", "/api/tokens", &sent).await.was(200);
    assert_eq!((&token["tokenType"], &token["expiresIn"]), (&json!("Bearer"), &json!(7200)));
    let mut call = request("GET", "/api/customers/1", "");
    let bearer = format!("bearer {}", token["accessToken"].as_str().unwrap());
    call.headers_mut().insert(AUTHORIZATION, bearer.parse().unwrap());
    assert_eq!(hub.call(call).await.status, 404, "the token is good");
}

async fn bad_credentials_are_401(hub: TestHub) {
    let other = "00000000000000000000000000000000000000ac";
    for (app, secret) in [(hub.writer.id, other), ("cl00000000000000f", SECRET)] {
        let sent = json!({ "appId": app, "secret": secret });
        let answer = hub.ask("POST", "/api/tokens", &sent).await;
        let problem = answer.refused(401, "credentialsWrong");
        assert_eq!(problem["retry"], "never");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        assert!(!answer.text.contains(secret) && !answer.text.contains(app));
    }
    let path = format!("/api/tokens?secret={SECRET}");
    let unfit = hub.ask("POST", &path, &json!({})).await.unfit(400, "parametersInvalid");
    assert_eq!(unfit, ["secret unknown"]);
    let unfit = hub.ask("POST", "/api/tokens", &json!({ "secret": 7, "x": 1 })).await;
    let unfit = unfit.unfit(422, "fieldsInvalid");
    assert_eq!(unfit, ["/x unknown", "/appId missing", "/secret invalid"]);
}

async fn a_token_counts_in_the_header_only(hub: TestHub) {
    let path = format!("/api/customers/1?access_token={}", hub.writer.token);
    hub.ask("GET", &path, &Value::Null).await.refused(401, "tokenMissing");
    let unfit = hub.writer.get(&path).await.unfit(400, "parametersInvalid");
    assert_eq!(unfit, ["access_token unknown"]);
}

async fn every_call_without_a_good_token_is_401(hub: TestHub) {
    for (template, method, operation) in described_calls() {
        if operation["x-permission"].is_null() {
            continue;
        }
        let (method, path) = (method.to_uppercase(), with_ids(template));
        let answer = hub.ask(&method, &path, &json!({})).await;
        assert_eq!(answer.refused(401, "tokenMissing")["retry"], "never");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        let mut wrong = hub.writer.clone();
        wrong.token = "0".repeat(32);
        let answer = wrong.ask(&method, &path, &json!({})).await;
        answer.refused(401, "tokenInvalid");
        assert_eq!(answer.header("www-authenticate"), r#"Bearer error="invalid_token""#);
    }
}

async fn a_revoked_app_is_out(hub: TestHub) {
    hub.change_app(AppChange::Revoke { id: hub.writer.id.into() }).await;
    hub.writer.get("/api/customers/1").await.refused(401, "tokenInvalid");
    let sent = json!({ "appId": hub.writer.id, "secret": SECRET });
    hub.ask("POST", "/api/tokens", &sent).await.refused(401, "credentialsWrong");
}
