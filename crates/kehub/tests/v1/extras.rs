//! What may be asked for beside the v1 wire: `resolution`, `dryRun`, `onConflict` (W39).

use crate::hub::{TestHub, on_every_engine, request};
use kehub_core::policy::{OnConflict, Preset};
use serde_json::json;

on_every_engine! {
    a_resolution_tells_how_the_customer_was_found,
    a_resolution_comes_only_when_asked_for,
    a_match_by_attribute_says_so,
    warnings_and_conflicts_are_told,
    a_dry_run_changes_nothing,
    a_request_may_choose_what_conflicts_do,
    a_rejected_request_answers_its_conflicts,
    an_unreadable_choice_is_a_field_error,
}

async fn a_resolution_tells_how_the_customer_was_found(hub: TestHub) {
    let created = hub.writer.upsert(&["wechat:oAbC", "member:1"], "{}").await.ok();
    assert_eq!(
        created["_resolution"],
        json!({
            "result": "created",
            "identities": [
                { "identityType": "wechat", "identityValue": "oAbC", "outcome": "created", "customerId": 1 },
                { "identityType": "member", "identityValue": "1", "outcome": "created", "customerId": 1 },
            ],
            "mergedIds": [], "conflicts": [], "warnings": [], "seq": 1,
        })
    );
    let known = hub.writer.upsert(&["email:a@b.cn", "wechat:oAbC"], "{}").await.ok();
    let resolution = &known["_resolution"];
    assert_eq!(resolution["result"], "updated");
    assert_eq!(
        resolution["matchedBy"],
        json!({ "identityType": "wechat", "identityValue": "oAbC" })
    );
    assert_eq!(resolution["identities"][0]["outcome"], "attached");
    assert_eq!(resolution["identities"][1]["outcome"], "matched");
    let again = hub.writer.upsert(&["email:a@b.cn", "wechat:oAbC"], "{}").await.ok();
    assert_eq!(again["_resolution"]["result"], "unchanged");
    assert_eq!(again["_resolution"]["seq"], json!(null));
}

async fn a_resolution_comes_only_when_asked_for(hub: TestHub) {
    let body = r#"{"customer":{"name":"W"},"customerIdentities":[]}"#;
    let path = "/v1/customerandidentities";
    for off in ["", "?resolution=0", "?resolution=False"] {
        let answer = hub.writer.post(&format!("{path}{off}"), body).await.ok();
        assert!(answer.get("_resolution").is_none(), "{off}");
    }
    for on in ["?resolution=1", "?Resolution", "?RESOLUTION=true", "?re_solution=yes"] {
        let answer = hub.writer.post(&format!("{path}{on}"), body).await.ok();
        assert!(answer["_resolution"].is_object(), "{on}");
    }
    for (prefer, on) in [("resolution", true), ("wait=1, Resolution", true), ("else", false)] {
        let path = format!("{path}?access_token={}", hub.writer.token);
        let mut request = request("POST", &path, body);
        request.headers_mut().insert("prefer", prefer.parse().unwrap());
        assert_eq!(hub.call(request).await.ok()["_resolution"].is_object(), on, "{prefer}");
    }
}

async fn a_match_by_attribute_says_so(hub: TestHub) {
    let path = "/v1/customers?resolution=1";
    hub.writer.post(path, r#"{"mobile":"13800000001","email":"a@b.cn"}"#).await.ok();
    let by = async |path: &str, body: &str| {
        hub.writer.post(path, body).await.ok()["_resolution"]["matchedBy"].clone()
    };
    assert_eq!(by(path, r#"{"mobile":"13800000001"}"#).await, json!({ "attribute": "mobile" }));
    assert_eq!(by(path, r#"{"email":"a@b.cn"}"#).await, json!({ "attribute": "email" }));
    let put = hub.writer.put("/v1/customers/1?resolution=1", r#"{"name":"W"}"#).await.ok();
    assert_eq!(put["_resolution"]["matchedBy"], json!({ "attribute": "id" }));
}

async fn warnings_and_conflicts_are_told(hub: TestHub) {
    hub.writer.upsert(&["member:1", "mobile:13800000001"], "{}").await.ok();
    let answer = hub.writer.upsert(&["member:2", "mobile:13800000001", "wechat:null"], "{}").await;
    let resolution = answer.ok()["_resolution"].clone();
    let conflict = &resolution["conflicts"][0];
    assert_eq!(conflict["kind"], "review", "{resolution}");
    assert!(conflict["id"].is_u64() && conflict["new"] == true);
    assert_eq!(resolution["warnings"][0], json!({ "code": "identityBlocked", "identity": 2 }));

    let flag = hub.writer.upsert(&["member:9"], r#"{"mobileVerified":true}"#).await.ok();
    let warning = json!({ "code": "flagWithoutValue", "field": "mobile" });
    assert_eq!(flag["_resolution"]["warnings"], json!([warning]));
}

async fn a_dry_run_changes_nothing(hub: TestHub) {
    let body = r#"{"customer":{"name":"W"},"customerIdentities":[{"identityType":"m","identityValue":"1"}]}"#;
    for name in ["dryRun=1", "dry_run=true", "DRYRUN=", "dryrun=yes"] {
        let path = format!("/v1/customerandidentities?resolution=1&{name}");
        let answer = hub.writer.post(&path, body).await;
        assert_eq!(answer.status, 200, "{name}");
        let answer = answer.ok();
        assert_eq!(answer["name"], "W");
        assert_eq!(answer["_resolution"]["result"], "created");
        assert_eq!(answer["_resolution"]["seq"], json!(null));
    }
    assert_eq!(hub.customer_count().await, 0);
    for name in ["dryRun=0", "dry_run=False"] {
        hub.writer.post(&format!("/v1/customerandidentities?{name}"), body).await.ok();
    }
    let put = hub.writer.put("/v1/customers/1?dryRun=1", r#"{"name":"V"}"#).await.ok();
    assert_eq!(put["name"], "V");
    let attach = r#"{"customerId":1,"identityType":"wechat","identityValue":"o1"}"#;
    hub.writer.post("/v1/customeridentities?dryRun=1", attach).await.ok();
    hub.writer.post("/v1/customers?dryRun=1", r#"{"name":"X"}"#).await.ok();
    assert_eq!(
        hub.writer.get("/v1/customers?select=name").await.ok()["rows"],
        json!([{ "name": "W" }])
    );
    hub.writer.get("/v1/customeridentities?identityValue=o1").await.is(200, "[]");
}

async fn a_request_may_choose_what_conflicts_do(hub: TestHub) {
    two_customers(&hub).await;
    let kept = hub.writer.post(&meeting("onConflict=keep"), MEETING).await.ok();
    assert_eq!(kept["_resolution"]["conflicts"][0]["rule"], "keep");
    assert_eq!(hub.customer_count().await, 2);
    let merged = hub.writer.post(&meeting("on_conflict=MERGE"), MEETING).await.ok();
    assert_eq!(merged["_resolution"]["result"], "merged");
    assert_eq!(hub.customer_count().await, 1);
}

async fn a_rejected_request_answers_its_conflicts(hub: TestHub) {
    two_customers(&hub).await;
    hub.set_policy(Preset::Guarded, OnConflict::Reject).await;
    let answer = hub.writer.post(&meeting(""), MEETING).await;
    assert_eq!(answer.coded_fields(), ["onConflict"]);
    let conflicts = answer.json()["error"]["conflicts"].clone();
    assert_eq!(conflicts[0]["id"], json!(null), "{conflicts}");
    assert!(conflicts[0]["customerId"].is_u64(), "{conflicts}");
    assert_eq!(hub.customer_count().await, 2);

    let hidden = hub.phone.post(&meeting(""), MEETING).await;
    assert_eq!(hidden.coded_fields(), ["onConflict"]);
    assert!(hidden.json()["error"].get("conflicts").is_none(), "a phone learns no ids");
}

async fn an_unreadable_choice_is_a_field_error(hub: TestHub) {
    let coded = hub.writer.post(&meeting("onConflict=maybe"), MEETING).await;
    assert_eq!(coded.coded_fields(), ["onConflict"]);
    let listed =
        hub.writer.post("/v1/customers?onconflict=%ff", r#"{"name":"W","gender":9}"#).await;
    assert_eq!(listed.listed_fields(), ["gender", "onConflict"]);
    assert_eq!(hub.customer_count().await, 0);
    hub.writer.post(&meeting("onConflict="), MEETING).await.ok();
}

const MEETING: &str = r#"{"customer":{},"customerIdentities":[
    {"identityType":"wechat","identityValue":"o1"},
    {"identityType":"mobile","identityValue":"13800000001"}]}"#;

fn meeting(extra: &str) -> String {
    format!("/v1/customerandidentities?resolution=1&{extra}")
}

async fn two_customers(hub: &TestHub) {
    hub.writer.upsert(&["wechat:o1"], "{}").await.ok();
    hub.writer.upsert(&["mobile:13800000001", "wechat:o2"], "{}").await.ok();
}
