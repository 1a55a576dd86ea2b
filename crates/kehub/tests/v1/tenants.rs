//! A tenant never sees or touches anything of another, call by call (promise 8).

use crate::hub::{TestHub, on_every_engine};
use crate::permissions::described_calls;
use kehub_core::command::Command;
use kehub_core::wechat::{Sealed, WechatChange, WechatSecretsChange, WechatSettingsChange};
use serde_json::json;

on_every_engine! { no_call_reaches_another_tenant, }

const MISSING: &str = r#"{"error_code":40201,"error_description":"permission is not enough"}"#;

async fn no_call_reaches_another_tenant(hub: TestHub) {
    let fields = r#"{"name":"Wang","mobile":"13800000001","email":"a@b.cn"}"#;
    for member in ["member:1", "member:2"] {
        hub.writer.upsert(&[member, "wechat:o1"], fields).await.ok();
    }
    hub.writer.upsert(&["member:3"], "{}").await.ok();
    hub.run(account()).await;
    let before = hub.writer.get("/v1/customers").await.text;
    let identities = hub.writer.get("/v1/customeridentities?customerIds=1,2,3").await.text;

    for (path, method) in described_calls() {
        meets_nothing(&hub, &method, &path).await;
        assert_eq!(hub.writer.get("/v1/customers").await.text, before, "{method} {path}");
    }
    let after = hub.writer.get("/v1/customeridentities?customerIds=1,2,3").await.text;
    assert_eq!(after, identities);
    assert_eq!(hub.writer.get("/v1/customeridentities?identityValue=o9").await.text, "[]");
}

/// A WeChat account to be bound.
fn account() -> Command {
    let secrets = WechatSecretsChange {
        app_secret: Some(Sealed([1].into())),
        ..WechatSecretsChange::default()
    };
    let settings = WechatSettingsChange::default();
    Command::Wechat(WechatChange::Bind { app_id: "wxours".into(), is_new: true, settings, secrets })
}

/// Makes the call as a stranger with ids and values of the first tenant.
async fn meets_nothing(hub: &TestHub, method: &str, path: &str) {
    let stranger = &hub.stranger;
    match (method, path) {
        ("get", "/v1/customeridentities") => {
            for query in
                ["customerIds=1,2,3", "identityValue=o1", "identityType=wechat&identityValue=o1"]
            {
                // The stranger may have made a customer of the same values; it has its own id.
                let found = stranger.get(&format!("{path}?{query}")).await.ok();
                let raw = found.as_array().unwrap();
                assert!(raw.iter().all(|identity| identity["identityName"] == "theirs"), "{found}");
            }
        }
        ("post", "/v1/customeridentities") => {
            let body = r#"{"customerId":3,"identityType":"wechat","identityValue":"o9"}"#;
            assert_eq!(stranger.post(path, body).await.listed_fields(), ["customerId"]);
        }
        ("post", "/v1/customerandidentities") => {
            let body = r#"{"customer":{},"customerIdentities":[{"identityType":"wechat",
                "identityValue":"o1","identityName":"theirs"}]}"#;
            let answer = stranger.post(path, body).await.ok();
            assert_eq!(answer["name"], json!(null), "{answer}");
        }
        ("post", "/v1/customers") => {
            let answer = stranger.post(path, r#"{"mobile":"13800000001"}"#).await.ok();
            assert_eq!(answer["name"], json!(null), "{answer}");
        }
        ("get", "/v1/customers") => {
            let page = stranger.get(&format!("{path}?name=Wang&idList=1,2,3")).await;
            page.is(200, r#"{"records":0,"rows":[],"total":0}"#);
        }
        ("get", "/v1/customers/count") => {
            stranger.get(&format!("{path}?email=a@b.cn")).await.is(200, "0");
        }
        (_, "/v1/customers/{id}") => {
            let (method, body) = (method.to_uppercase(), r#"{"name":"X"}"#);
            stranger.call(&method, "/v1/customers/3", body).await.is(404, MISSING);
        }
        ("get", "/v1/wechataccounts") => stranger.get(path).await.is(200, "[]"),
        ("get", "/v1/users/current") => assert_eq!(stranger.get(path).await.ok()["tid"], 2),
        other => panic!("{other:?} is not tried with another tenant's ids"),
    }
}
