//! `POST /v1/customerandidentities`.

use crate::hub::{TestHub, customer_text, on_every_engine};
use kehub_core::policy::{OnConflict, Preset};
use serde_json::json;

on_every_engine! {
    a_new_customer_is_201_with_every_key_in_order,
    a_known_identity_updates_its_customer_with_200,
    nothing_is_cleared_by_null_or_empty_text,
    values_are_read_as_json_or_as_text,
    moments_are_read_in_every_spelling,
    custom_attributes_are_overlaid_key_by_key,
    stage_counts_inside_the_customer_only,
    verified_flags_follow_their_number,
    an_empty_list_of_identities_is_a_plain_upsert,
    items_without_type_or_value_are_skipped,
    a_body_without_its_parts_is_a_bare_string,
    field_errors_come_all_at_once_and_store_nothing,
    types_are_trimmed_and_echoed_as_first_seen,
    two_owners_are_merged_and_the_old_id_redirects,
    nothing_usable_is_refused_and_says_why,
    origin_fields_are_overwritten,
}

async fn a_new_customer_is_201_with_every_key_in_order(hub: TestHub) {
    let body = r#"{"customerIdentities":[{"identityType":"wechat","identityValue":"oAbC","identityName":"shop"}],
        "customer":{"name":"王芳","gender":"2","mobile":"13800000001","attr":{"shoe":38.5,"a":"b"}}}"#;
    let answer = hub.writer.post("/v1/customerandidentities", body).await;
    answer.is(
        201,
        &customer_text(&[
            ("id", "1"),
            ("displayName", "\"王芳\""),
            ("name", "\"王芳\""),
            ("gender", "2"),
            ("mobile", "\"13800000001\""),
            ("attr", r#"{"a":"b","shoe":38.5}"#),
        ]),
    );
    assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8");
    assert_eq!(answer.header("x-request-id").len(), 16);
}

async fn a_known_identity_updates_its_customer_with_200(hub: TestHub) {
    hub.writer.upsert(&["member:1"], r#"{"name":"Wang"}"#).await.ok();
    hub.clock.advance_seconds(10);
    let body = r#"{"customer":{"nickName":"Xiao"},"customerIdentities":[{"identityType":"member","identityValue":"1"}]}"#;
    let answer = hub.writer.post("/v1/customerandidentities", body).await;
    let updated = [
        ("id", "1"),
        ("displayName", "\"Wang\""),
        ("name", "\"Wang\""),
        ("nickName", "\"Xiao\""),
        ("lastUpdated", "\"2026-05-04T01:02:13Z\""),
    ];
    answer.is(200, &customer_text(&updated));
    hub.clock.advance_seconds(10);
    let again = hub.writer.post("/v1/customerandidentities", body).await;
    again.is(200, &customer_text(&updated));
}

async fn nothing_is_cleared_by_null_or_empty_text(hub: TestHub) {
    let full = r#"{"name":"Wang","city":"Shanghai","gender":1,"mobileVerified":true,
        "mobile":"13800000001","employeeNumber":5,"attr":{"a":1}}"#;
    let before = hub.writer.upsert(&["member:1"], full).await.ok();
    let empty = r#"{"name":"","city":null,"gender":"","mobileVerified":null,"mobile":" ",
        "employeeNumber":"","attr":{"a":null}}"#;
    let after = hub.writer.upsert(&["member:1"], empty).await.ok();
    for key in ["name", "city", "gender", "mobileVerified", "mobile", "employeeNumber", "attr"] {
        assert_eq!(after[key], before[key], "{key}");
    }
    assert_eq!(after["_resolution"]["result"], "unchanged");
}

async fn values_are_read_as_json_or_as_text(hub: TestHub) {
    let fields = r#"{"gender":"1","isMember":"true","isEmployee":1,"employeeNumber":"30",
        "annualRevenue":"12.5","mobile":13800000001,"qq":10001,"birthday":"1990-02-28T16:00:00Z",
        "emailVerified":"TRUE","email":"a@b.cn","membershipScore":7}"#;
    let answer = hub.writer.upsert(&["member:1"], fields).await.ok();
    let expected = json!({
        "gender": 1, "isMember": true, "isEmployee": true, "employeeNumber": 30,
        "annualRevenue": 12.5, "mobile": "13800000001", "qq": "10001", "birthday": "1990-02-28",
        "emailVerified": true, "email": "a@b.cn", "membershipScore": 7,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&answer[key], value, "{key}");
    }
}

async fn moments_are_read_in_every_spelling(hub: TestHub) {
    let spellings = [
        "2017-01-31T08:00:00",
        "2017-01-31T08:00:00Z",
        "2017-01-31T08:00:00.999Z",
        "2017-01-31T16:00:00+08:00",
    ];
    for spelling in spellings {
        let fields = format!(r#"{{"dateJoin":"{spelling}","dateMemberReg":"{spelling}"}}"#);
        let answer = hub.writer.upsert(&["member:1"], &fields).await.ok();
        assert_eq!(answer["dateJoin"], "2017-01-31T08:00:00Z", "{spelling}");
        assert_eq!(answer["dateMemberReg"], "2017-01-31T08:00:00Z", "{spelling}");
    }
}

async fn custom_attributes_are_overlaid_key_by_key(hub: TestHub) {
    let first = r#"{"attr":{"attr1":"x","_b.c-d":true,"n":7}}"#;
    hub.writer.upsert(&["member:1"], first).await.ok();
    let answer = hub.writer.upsert(&["member:1"], r#"{"attr":{"n":8,"m":null}}"#).await.ok();
    assert_eq!(answer["attr"], json!({ "_b.c-d": true, "attr1": "x", "n": 8 }));
    let nothing = hub.writer.upsert(&["member:1"], r#"{"name":"W","attr":null}"#).await.ok();
    assert_eq!(nothing["attr"], answer["attr"]);
}

async fn stage_counts_inside_the_customer_only(hub: TestHub) {
    let body = r#"{"stage":"Outside","customer":{"name":"W"},"customerIdentities":[]}"#;
    let answer = hub.writer.post("/v1/customerandidentities", body).await.ok();
    assert_eq!(answer["stage"], json!(null));
    let answer = hub.writer.upsert(&["member:1"], r#"{"stage":"Subscriber"}"#).await.ok();
    assert_eq!(answer["stage"], "Subscriber");
}

async fn verified_flags_follow_their_number(hub: TestHub) {
    let flag = async |fields: &str| {
        hub.writer.upsert(&["member:1"], fields).await.ok()["mobileVerified"].clone()
    };
    assert_eq!(flag(r#"{"mobile":"13800000001","mobileVerified":true}"#).await, true);
    assert_eq!(flag(r#"{"mobile":"13800000001","mobileVerified":false}"#).await, true);
    assert_eq!(flag(r#"{"name":"W"}"#).await, true);
    assert_eq!(flag(r#"{"mobile":"13800000002"}"#).await, false);
    assert_eq!(flag(r#"{"mobileVerified":"1"}"#).await, true);
}

async fn an_empty_list_of_identities_is_a_plain_upsert(hub: TestHub) {
    let plain = async |customer: &str| {
        let body = format!(r#"{{"customer":{customer},"customerIdentities":[]}}"#);
        hub.writer.post("/v1/customerandidentities", &body).await
    };
    let first = plain(r#"{"mobile":"13800000001"}"#).await;
    let second = plain(r#"{"mobile":"+86 138-0000-0001","email":"A@b.cn"}"#).await;
    let third = plain(r#"{"email":"a@B.cn","name":"W"}"#).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 200));
    for answer in [first, second, third] {
        assert_eq!(answer.ok()["id"], 1);
    }
    assert_eq!(plain("{}").await.coded_fields(), ["customerIdentities"]);
}

async fn items_without_type_or_value_are_skipped(hub: TestHub) {
    let body = r#"{"customer":{},"customerIdentities":[{"identityType":"member"},{},
        {"identityType":"","identityValue":"x"},{"identityType":"member","identityValue":" \u200b"},
        {"identityType":"member","identityValue":1001,"identityName":null,"touchPointId":7}]}"#;
    let answer = hub.writer.post("/v1/customerandidentities?resolution=1", body).await.ok();
    let identities = answer["_resolution"]["identities"].as_array().unwrap();
    let outcomes: Vec<&str> =
        identities.iter().map(|identity| identity["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["invalid", "invalid", "invalid", "invalid", "created"]);
    assert_eq!(identities[4]["identityValue"], "1001");

    let none = r#"{"customer":{"x":1},"customerIdentities":[{"identityType":"member"}]}"#;
    let refused = hub.writer.post("/v1/customerandidentities", none).await;
    assert_eq!(refused.coded_fields(), ["customerIdentities"]);
    let customer = r#"{"customer":{"name":"W"},"customerIdentities":[{"identityType":"member"}]}"#;
    assert_eq!(hub.writer.post("/v1/customerandidentities", customer).await.status, 201);
}

async fn a_body_without_its_parts_is_a_bare_string(hub: TestHub) {
    let no_customer = r#""No customer field found""#;
    let no_identities = r#""No customerIdentities field found""#;
    let no_list = r#""customerIdentities must be an array of values in customerIdentity""#;
    let cases = [
        ("{}", no_customer),
        (r#"{"customerIdentities":[]}"#, no_customer),
        (r#"{"customer":null,"customerIdentities":[]}"#, no_customer),
        (r#"{"customer":{}}"#, no_identities),
        (r#"{"customer":{"name":"W"},"customerIdentities":null}"#, no_identities),
        (r#"{"customer":{},"customerIdentities":{}}"#, no_list),
        (r#"{"customer":{},"customerIdentities":"x"}"#, no_list),
        (r#"{"customer":{},"customerIdentities":[1]}"#, no_list),
        ("[]", r#""Request data must be an object, found an array""#),
    ];
    for (body, expected) in cases {
        let answer = hub.writer.post("/v1/customerandidentities", body).await;
        answer.is(400, expected);
        assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8");
    }
    assert_eq!(hub.customer_count().await, 0);
}

async fn field_errors_come_all_at_once_and_store_nothing(hub: TestHub) {
    let long = "x".repeat(256);
    let body = format!(
        r#"{{"customer":{{"gender":"male","birthday":"1990-02-30","name":"{long}","city":{{}},
            "dateJoin":"soon","mobile":"a\u0000b","attr":{{"a b":1,"c":[]}}}},
            "customerIdentities":[{{"identityType":"{t}","identityValue":"{v}","identityName":"{n}"}},
            {{"identityType":{{}},"identityValue":"a\u0000"}}]}}"#,
        t = "t".repeat(33),
        v = "v".repeat(129),
        n = "n".repeat(257),
    );
    let answer = hub.writer.post("/v1/customerandidentities", &body).await;
    assert_eq!(
        answer.coded_fields(),
        [
            "gender",
            "birthday",
            "name",
            "city",
            "dateJoin",
            "mobile",
            "attr.a b",
            "attr.c",
            "customerIdentities[0].identityType",
            "customerIdentities[0].identityValue",
            "customerIdentities[0].identityName",
            "customerIdentities[1].identityType",
            "customerIdentities[1].identityValue",
        ]
    );
    assert_eq!(hub.customer_count().await, 0);
    let one = r#"{"customer":{"gender":"male"},"customerIdentities":[]}"#;
    hub.writer.post("/v1/customerandidentities", one).await.is(
        200,
        r#"{"error":{"code":"C0002","message":"[{\"field\":\"gender\",\"message\":\"expected 0, 1 or 2, found text\"}]"}}"#,
    );
    let customer = hub.writer.upsert(&["member:1"], r#""x""#).await;
    assert_eq!(customer.coded_fields(), ["customer"]);
}

async fn types_are_trimmed_and_echoed_as_first_seen(hub: TestHub) {
    hub.writer.upsert(&["WeChat :oAbC"], "{}").await.ok();
    let again = hub.writer.upsert(&["wechat:oAbC"], "{}").await.ok();
    assert_eq!(again["id"], 1);
    let identity = &again["_resolution"]["identities"][0];
    assert_eq!(identity["identityType"], "WeChat");
    assert_eq!(identity["outcome"], "matched");
    let other = hub.writer.upsert(&["wechat:oabc"], "{}").await.ok();
    assert_eq!(other["id"], 2, "values keep their case");
}

async fn two_owners_are_merged_and_the_old_id_redirects(hub: TestHub) {
    hub.writer.upsert(&["wechat:o1"], r#"{"name":"Wang"}"#).await.ok();
    hub.writer.upsert(&["mobile:13800000001"], r#"{"city":"Shanghai"}"#).await.ok();
    let merged = hub.writer.upsert(&["wechat:o1", "mobile:13800000001"], "{}").await;
    assert_eq!(merged.status, 200);
    let merged = merged.ok();
    assert_eq!(merged["id"], 1);
    assert_eq!(
        (merged["name"].as_str(), merged["city"].as_str()),
        (Some("Wang"), Some("Shanghai"))
    );
    assert_eq!(merged["_resolution"]["result"], "merged");
    assert_eq!(merged["_resolution"]["mergedIds"], json!([2]));
    assert_eq!(hub.writer.get("/v1/customers/2").await.ok()["id"], 1);
}

async fn nothing_usable_is_refused_and_says_why(hub: TestHub) {
    hub.set_policy(Preset::Guarded, OnConflict::Merge).await;
    let answer = hub.writer.upsert(&["member:null", "mobile:00000000000"], "{}").await;
    assert_eq!(
        answer.coded_fields(),
        ["customerIdentities[0].identityValue", "customerIdentities[1].identityValue"]
    );
    assert_eq!(hub.customer_count().await, 0);
}

async fn origin_fields_are_overwritten(hub: TestHub) {
    let first = r#"{"source":"shop","contentName":"a","campaignName":"b"}"#;
    hub.writer.upsert(&["member:1"], first).await.ok();
    let answer = hub.writer.upsert(&["member:1"], r#"{"source":"web"}"#).await.ok();
    assert_eq!(
        (answer["source"].as_str(), answer["contentName"].as_str()),
        (Some("web"), Some("a"))
    );
}
