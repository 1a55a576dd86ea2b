//! `GET` and `POST /v1/customeridentities` (W30, W31).

use crate::hub::{TestHub, on_every_engine};
use kehub_core::policy::{OnConflict, Preset};
use serde_json::json;

on_every_engine! {
    identities_are_found_by_owner_by_type_and_value_and_by_value_alone,
    nothing_found_is_exactly_an_empty_list,
    a_search_without_terms_or_with_wrong_ones_is_a_field_error,
    an_identity_of_a_merged_customer_names_the_survivor,
    a_free_identity_is_attached_with_200,
    an_identity_of_the_same_customer_is_answered_as_it_is,
    what_cannot_be_attached_says_why_and_changes_nothing,
    guarded_tenants_keep_their_limits,
}

const PATH: &str = "/v1/customeridentities";

async fn identities_are_found_by_owner_by_type_and_value_and_by_value_alone(hub: TestHub) {
    let body = r#"{"customer":{},"customerIdentities":[
        {"identityType":"wechat","identityValue":"oAbC","identityName":"shop"},
        {"identityType":"mobile","identityValue":"+86 138-0000-0001"}]}"#;
    hub.writer.post("/v1/customerandidentities", body).await.ok();
    hub.writer.upsert(&["taobao-account:13800000001"], "{}").await.ok();

    let wechat = r#"{"customerId":"1","identityType":"wechat","identityValue":"oAbC","identityName":"shop"}"#;
    let mobile = r#"{"customerId":"1","identityType":"mobile","identityValue":"+86 138-0000-0001","identityName":null}"#;
    let taobao = r#"{"customerId":"2","identityType":"taobao-account","identityValue":"13800000001","identityName":null}"#;
    let cases = [
        ("customerIds=1", vec![wechat, mobile]),
        ("customerIds=2,%201,7", vec![wechat, mobile, taobao]),
        ("customerId=2", vec![taobao]),
        ("identityType=WeChat&identityValue=oAbC", vec![wechat]),
        ("identityType=mobile&identityValue=13800000001", vec![mobile]),
        ("identityType=mobile&identityValue=+8613800000001", vec![mobile]),
        ("identityValue=13800000001", vec![mobile, taobao]),
    ];
    for (query, expected) in cases {
        let answer = hub.reader.get(&format!("{PATH}?{query}")).await;
        answer.is(200, &format!("[{}]", expected.join(",")));
    }
}

async fn nothing_found_is_exactly_an_empty_list(hub: TestHub) {
    for query in ["customerIds=1", "identityType=a&identityValue=b", "identityValue=b"] {
        hub.reader.get(&format!("{PATH}?{query}")).await.is(200, "[]");
    }
}

async fn a_search_without_terms_or_with_wrong_ones_is_a_field_error(hub: TestHub) {
    hub.reader.get(&format!("{PATH}?customerIds=1,x")).await.is(
        200,
        concat!(
            r#"{"error":{"code":"400001","message":"field validation exception","fieldErrors":["#,
            r#"{"fieldName":"customerIds","message":"customer id should be a number"}]}}"#,
        ),
    );
    let cases = [
        ("", "customerIds"),
        ("customerIds=", "customerIds"),
        ("identityType=wechat", "identityValue"),
        ("identityType=%ff&identityValue=x", "identityType"),
        ("identityValue=a%00b", "identityValue"),
    ];
    for (query, field) in cases {
        let answer = hub.reader.get(&format!("{PATH}?{query}")).await;
        assert_eq!(answer.listed_fields(), [field], "{query}");
    }
    let many: Vec<String> = (1..=1001).map(|id| id.to_string()).collect();
    let answer = hub.reader.get(&format!("{PATH}?customerIds={}", many.join(","))).await;
    assert_eq!(answer.listed_fields(), ["customerIds"]);
}

async fn an_identity_of_a_merged_customer_names_the_survivor(hub: TestHub) {
    merge(&hub).await;
    let found = hub.reader.get(&format!("{PATH}?customerIds=2")).await.ok();
    let owners: Vec<&str> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|identity| identity["customerId"].as_str().unwrap())
        .collect();
    assert_eq!(owners, ["1", "1"]);
}

async fn a_free_identity_is_attached_with_200(hub: TestHub) {
    hub.writer.upsert(&["member:1"], "{}").await.ok();
    let body = r#"{"customerId":"1","identityType":"wechat ","identityValue":" oAbC ","identityName":"shop","x":1}"#;
    let attached = r#"{"customerId":"1","identityType":"wechat","identityValue":"oAbC","identityName":"shop"}"#;
    hub.writer.post(PATH, body).await.is(200, attached);
    let number = r#"{"customerId":1,"identityType":"mobile","identityValue":13800000001}"#;
    let answer = hub.writer.post(PATH, number).await.ok();
    assert_eq!(answer["identityValue"], "13800000001");
    let found = hub.reader.get(&format!("{PATH}?identityValue=oAbC")).await;
    found.is(200, &format!("[{attached}]"));

    merge_into_first(&hub).await;
    let merged = r#"{"customerId":2,"identityType":"email","identityValue":"a@b.cn"}"#;
    assert_eq!(hub.writer.post(PATH, merged).await.ok()["customerId"], "1");
}

async fn an_identity_of_the_same_customer_is_answered_as_it_is(hub: TestHub) {
    hub.writer.upsert(&["member:1"], "{}").await.ok();
    let before = hub.reader.get("/v1/customers/1").await.text;
    hub.clock.advance_seconds(5);
    let body = r#"{"customerId":1,"identityType":"MEMBER","identityValue":"1"}"#;
    let answer = hub.writer.post(&format!("{PATH}?resolution=1"), body).await.ok();
    assert_eq!(answer["identityType"], "member");
    assert_eq!(answer["_resolution"]["result"], "unchanged");
    assert_eq!(hub.reader.get("/v1/customers/1").await.text, before);
}

async fn what_cannot_be_attached_says_why_and_changes_nothing(hub: TestHub) {
    hub.writer.upsert(&["member:1"], "{}").await.ok();
    hub.writer.upsert(&["member:2", "wechat:o2"], "{}").await.ok();
    let cases = [
        (r#"{"customerId":7,"identityType":"wechat","identityValue":"o7"}"#, "customerId"),
        (r#"{"customerId":"x","identityType":"wechat","identityValue":"o7"}"#, "customerId"),
        (r#"{"identityType":"wechat","identityValue":"o7"}"#, "customerId"),
        (r#"{"customerId":1,"identityValue":"o7"}"#, "identityType"),
        (r#"{"customerId":1,"identityType":"wechat","identityValue":""}"#, "identityValue"),
        (r#"{"customerId":1,"identityType":"wechat","identityValue":{}}"#, "identityValue"),
        (r#"{"customerId":1,"identityType":"wechat","identityValue":"a\u0000"}"#, "identityValue"),
        (r#"{"customerId":1,"identityType":"wechat","identityValue":"unknown"}"#, "identityValue"),
        (r#"{"customerId":1,"identityType":"wechat","identityValue":"o2"}"#, "identityValue"),
    ];
    for (body, field) in cases {
        let answer = hub.writer.post(PATH, body).await;
        assert_eq!(answer.listed_fields(), [field], "{body}");
    }
    let owned = r#"{"customerId":1,"identityType":"wechat","identityValue":"o2"}"#;
    let answer = hub.writer.post(PATH, owned).await.json();
    let why = &answer["error"]["fieldErrors"][0]["message"];
    assert_eq!(why, "the identity belongs to another customer");
    let found = hub.reader.get(&format!("{PATH}?customerIds=1")).await.ok();
    assert_eq!(found.as_array().unwrap().len(), 1);
    let all_at_once = r#"{"customerId":{},"identityType":[],"identityValue":{}}"#;
    let answer = hub.writer.post(PATH, all_at_once).await;
    assert_eq!(answer.listed_fields(), ["customerId", "identityType", "identityValue"]);
}

async fn guarded_tenants_keep_their_limits(hub: TestHub) {
    hub.set_policy(Preset::Guarded, OnConflict::Merge).await;
    hub.writer.upsert(&["member:1"], "{}").await.ok();
    let second = r#"{"customerId":1,"identityType":"member","identityValue":"2"}"#;
    assert_eq!(hub.writer.post(PATH, second).await.listed_fields(), ["identityValue"]);
    let found = hub.reader.get(&format!("{PATH}?customerIds=1")).await.ok();
    assert_eq!(
        found,
        json!([{ "customerId": "1", "identityType": "member",
        "identityValue": "1", "identityName": null }])
    );
}

/// Customer 2 is merged into 1.
async fn merge(hub: &TestHub) {
    hub.writer.upsert(&["wechat:o1"], "{}").await.ok();
    hub.writer.upsert(&["mobile:13800000009"], "{}").await.ok();
    hub.writer.upsert(&["wechat:o1", "mobile:13800000009"], "{}").await.ok();
}

/// Customer 2 is created and merged into 1.
async fn merge_into_first(hub: &TestHub) {
    hub.writer.upsert(&["mobile:13800000008"], "{}").await.ok();
    hub.writer.upsert(&["member:1", "mobile:13800000008"], "{}").await.ok();
}
