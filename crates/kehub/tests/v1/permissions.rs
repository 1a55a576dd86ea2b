//! Which permission each call needs, and what a token without `customers.read` gets (W38).

use crate::hub::{Actor, TestHub, on_every_engine};
use kehub_core::directory::Permission;
use serde_json::{Value, json};
use std::fmt::Write as _;

on_every_engine! {
    an_upsert_of_a_phone_answers_its_own_words,
    a_phone_learns_nothing_about_a_known_customer,
    a_phone_learns_what_came_of_its_identities_only,
    an_attachment_of_a_phone_answers_its_own_words,
}

#[tokio::test]
async fn every_call_needs_its_permission() {
    let hub = TestHub::on_memory().await;
    let permissions = [
        ("cl00000000000000a", vec![Permission::CustomersRead]),
        ("cl00000000000000b", vec![Permission::CustomersWrite]),
        ("cl00000000000000c", vec![Permission::CustomersDelete]),
        ("cl00000000000000d", vec![Permission::IdentitiesWrite]),
        ("cl00000000000000e", vec![]),
    ];
    let mut apps = Vec::new();
    for (id, permissions) in permissions {
        apps.push(hub.app_with(id, &permissions).await);
    }
    let mut table = format!("{:38} read write delete attach none\n", "");
    for (path, method) in described_calls() {
        write!(table, "{:6} {path:30}", method.to_uppercase()).unwrap();
        for (app, width) in apps.iter().zip([6, 6, 7, 7, 5]) {
            let may = if may(app, &method, &path).await { "yes" } else { "-" };
            write!(table, "{may:>width$}").unwrap();
        }
        table.push('\n');
    }
    assert_eq!(table, include_str!("permissions.txt"), "\n{table}");
}

/// Every call under `/v1` that the description of the API tells of.
pub(crate) fn described_calls() -> Vec<(String, String)> {
    let paths = kehub::server::openapi()["paths"].as_object().unwrap();
    let under_v1 = paths.iter().filter(|(path, _)| path.starts_with("/v1/"));
    let mut calls: Vec<(String, String)> = under_v1
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| (path.clone(), method.clone()))
        })
        .collect();
    calls.sort();
    calls
}

async fn may(app: &Actor, method: &str, path: &str) -> bool {
    let path = path.replace("{id}", "1");
    let answer = app.call(&method.to_uppercase(), &path, "{}").await;
    let refused = r#"{"error_code":40201,"error_description":"permission is not enough"}"#;
    !(answer.status == 200 && answer.text == refused)
}

async fn an_upsert_of_a_phone_answers_its_own_words(hub: TestHub) {
    let fields = r#"{"name":"W","gender":"1","mobileVerified":true,"attr":{"a":1},"x":2}"#;
    let answer = hub.phone.upsert(&["member:1"], fields).await;
    assert_eq!(answer.status, 201);
    let answer = answer.ok();
    let shown = [
        ("id", json!(1)),
        ("name", json!("W")),
        ("gender", json!(1)),
        ("mobileVerified", json!(true)),
        ("attr", json!({ "a": 1 })),
    ];
    only(&answer, &shown);
    assert!(answer["_resolution"].is_object());
}

async fn a_phone_learns_nothing_about_a_known_customer(hub: TestHub) {
    let known =
        r#"{"name":"Wang","mobile":"13800000001","email":"w@b.cn","isMember":true,"attr":{"k":1}}"#;
    hub.writer.upsert(&["member:1", "wechat:o1"], known).await.ok();
    let upsert = hub.phone.upsert(&["member:1"], r#"{"city":"Shanghai"}"#).await;
    assert_eq!(upsert.status, 200);
    only(&upsert.ok(), &[("id", json!(1)), ("city", json!("Shanghai")), ("attr", json!({}))]);
    let flat = hub.phone.post("/v1/customers?resolution=1", r#"{"mobile":"+8613800000001"}"#).await;
    let shown = [("id", json!(1)), ("mobile", json!("+8613800000001")), ("attr", json!({}))];
    only(&flat.ok(), &shown);
    let put =
        hub.phone.put("/v1/customers/1?resolution=1", r#"{"stage":"Lead","city":null}"#).await;
    only(&put.ok(), &[("id", json!(1)), ("stage", json!("Lead")), ("attr", json!({}))]);
    for path in ["/v1/customers/1", "/v1/customers", "/v1/customers/count"] {
        assert_eq!(hub.phone.get(path).await.json()["error_code"], 40201);
    }
}

async fn a_phone_learns_what_came_of_its_identities_only(hub: TestHub) {
    hub.writer.upsert(&["Member :1", "mobile:+86 138 0000 0001"], "{}").await.ok();
    let answer = hub.phone.upsert(&["member:2", "mobile:13800000001"], "{}").await.ok();
    assert_eq!(
        answer["_resolution"],
        json!({ "identities": [
            { "identityType": "member", "identityValue": "2", "outcome": "attached" },
            { "identityType": "mobile", "identityValue": "13800000001", "outcome": "matched" },
        ] })
    );
}

async fn an_attachment_of_a_phone_answers_its_own_words(hub: TestHub) {
    let body = r#"{"customer":{},"customerIdentities":[
        {"identityType":"Mobile","identityValue":"+86 13800000001","identityName":"private"}]}"#;
    hub.writer.post("/v1/customerandidentities", body).await.ok();
    let sent = r#"{"customerId":1,"identityType":"mobile","identityValue":"13800000001"}"#;
    hub.phone.post("/v1/customeridentities", sent).await.is(
        200,
        r#"{"customerId":"1","identityType":"mobile","identityValue":"13800000001","identityName":null}"#,
    );
    let answer = hub.phone.post("/v1/customeridentities?resolution=1", sent).await.ok();
    let outcome = json!({ "identityType": "mobile", "identityValue": "13800000001",
        "outcome": "matched" });
    assert_eq!(answer["_resolution"], json!({ "identities": [outcome] }));
}

/// All keys are there, and these alone are not `null`.
#[track_caller]
fn only(answer: &Value, shown: &[(&str, Value)]) {
    let members = answer.as_object().unwrap();
    assert!(members.len() >= 80, "{answer}");
    for (key, value) in members.iter().filter(|(key, _)| *key != "_resolution") {
        let expected = shown.iter().find(|(known, _)| known == key).map(|(_, value)| value);
        assert_eq!(value, expected.unwrap_or(&Value::Null), "{key}");
    }
}
