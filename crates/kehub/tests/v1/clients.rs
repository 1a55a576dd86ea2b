//! What real clients of the original send and read, each in its own way (fact file, 6). Replayed
//! with merging and with keeping apart, because both must do for them.

use crate::hub::{Answer, SECRET, TestHub, on_every_engine, request};
use kehub_core::policy::{OnConflict, Preset};
use serde_json::{Value, json};

on_every_engine! {
    an_importer_of_files_where_every_value_is_text,
    a_generator_of_demo_data_with_useless_headers,
    an_order_bridge_that_takes_element_zero,
    a_poller_that_always_asks_for_one_page_too_many,
    a_mobile_sdk_that_needs_objects,
    a_ruby_sdk_that_checks_error_codes,
    a_photo_backend_that_reads_text,
}

/// An un-encoded query is sent as it is: `@`, `:` and `+` are allowed in one.
async fn an_importer_of_files_where_every_value_is_text(hub: TestHub) {
    for on_conflict in [OnConflict::Merge, OnConflict::Keep] {
        hub.set_policy(Preset::Compat, on_conflict).await;
        let body = r#"{"customer":{"name":"Li","gender":"1","isMember":"true","employeeNumber":"30",
            "annualRevenue":"12.5","company":"","mobile":"13800000001","email":"li@x.com"},
            "customerIdentities":[{"identityType":"crm","identityValue":"7","identityName":""}]}"#;
        hub.writer.post("/v1/customerandidentities", body).await.ok();
        let found = hub.writer.get("/v1/customers?email=li@x.com").await.ok();
        let id: i32 = found["rows"][0]["id"].as_i64().unwrap().try_into().unwrap();
        let by_mobile = hub.writer.get("/v1/customers?mobile=+8613800000001").await.ok();
        assert_eq!(by_mobile["rows"][0]["id"], id);

        let path = "/v1/customeridentities?identityType=crm&identityValue=";
        hub.writer.get(&format!("{path}8")).await.is(200, "[]");
        let identity = hub.writer.get(&format!("{path}7")).await.ok();
        let owner: i32 = identity[0]["customerId"].as_str().unwrap().parse().unwrap();
        assert_eq!(owner, id);

        let body = format!(
            r#"{{"customerId":"{id}","city":"Beijing","gender":"2","mobileVerified":"true"}}"#
        );
        let put = hub.writer.put(&format!("/v1/customers/{id}"), &body).await.ok();
        assert_eq!((put["city"].as_str(), put["gender"].as_u64()), (Some("Beijing"), Some(2)));
        let attach = format!(r#"{{"customerId":{id},"identityType":"erp","identityValue":"x"}}"#);
        hub.writer.post("/v1/customeridentities", &attach).await.ok();
    }
}

/// Two content types, a Basic header beside the token, double slashes, `stage` beside the customer.
async fn a_generator_of_demo_data_with_useless_headers(hub: TestHub) {
    let path = format!(
        "/security/accesstoken?appid={}&secret={SECRET}&grant_type=client_credentials",
        hub.writer.id
    );
    let token = hub.get(&path).await.json();
    assert!(token["error_code"].is_number() && token["error_code"] == 0);
    let body = r#"{"customerIdentities":[{"identityType":"ID","identityValue":"42"}],
        "stage":"Lead","customer":{"name":"张三","gender":1,"img":"http://x.cn/a.png",
        "dateJoin":"2016-12-01T10:00:00"}}"#;
    let path = format!(
        "//v1/customerandidentities?access_token={}",
        token["access_token"].as_str().unwrap()
    );
    let mut request = request("POST", &path, body);
    for (name, value) in [
        ("content-type", "application/json"),
        ("content-type", "application/json"),
        ("authorization", "Basic YWRtaW46"),
    ] {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let customer = hub.call(request).await.ok();
    for key in ["id", "name", "dateJoin", "source", "city"] {
        assert!(customer.get(key).is_some(), "{key}");
    }
    assert!(customer["dateJoin"].as_str().unwrap().starts_with("2016-12-01T10:00:00"));
    let rows = hub.writer.get("/v1/customers?rows=759&page=1").await.ok();
    assert_eq!(rows["rows"].as_array().unwrap().len(), 1);
    let identities = hub.writer.get("/v1/customeridentities?identityValue=42").await.ok();
    assert_eq!(identities[0]["identityType"], "ID");
    assert_eq!(hub.writer.delete("/v1/customers/1").await.status, 204);
}

async fn an_order_bridge_that_takes_element_zero(hub: TestHub) {
    hub.writer.upsert(&["shop:1"], r#"{"name":"A","mobile":"13800000001"}"#).await.ok();
    let path = "/v1/customers?mobile=13800000001&select=name,email,telephone,mobile,birthday";
    let found = hub.writer.get(path).await.ok();
    assert_eq!(
        found["rows"][0],
        json!({ "name": "A", "email": null, "telephone": null, "mobile": "13800000001",
            "birthday": null })
    );
    let attach = r#"{"customerId":"1","identityType":"shop","identityValue":"2"}"#;
    assert_eq!(hub.writer.post("/v1/customeridentities", attach).await.status, 200);
}

async fn a_poller_that_always_asks_for_one_page_too_many(hub: TestHub) {
    for number in 0..4 {
        hub.writer.upsert(&[&format!("m:{number}")], "{}").await.ok();
    }
    let filter = "lastUpdatedFrom=2026-05-04T01:02:03Z";
    let count = hub.writer.get(&format!("/v1/customers/count?{filter}")).await;
    assert_eq!(count.text.parse(), Ok(4));
    let mut seen = 0;
    for page in 1..=3 {
        let path = format!("/v1/customers?orderby=lastUpdated:desc&rows=2&page={page}&{filter}");
        let answer = hub.writer.get(&path).await;
        assert_eq!(answer.status, 200);
        seen += answer.json()["rows"].as_array().unwrap().len();
    }
    assert_eq!(seen, 4);
}

async fn a_mobile_sdk_that_needs_objects(hub: TestHub) {
    let user = hub.phone.get("/v1/users/current").await.ok();
    assert!(user["tid"].is_u64());
    let body = r#"{"customer":{"name":"unknown","gender":"0"},"customerIdentities":[
        {"identityType":"jpush-android-id","identityValue":"1a2b","identityName":"device",
        "touchPointType":"app","touchPointId":"7","date":"2017-05-01T00:00:00Z"}]}"#;
    let customer = hub.phone.post("/v1/customerandidentities", body).await;
    assert_eq!(customer.status, 201);
    assert!(customer.json().is_object() && customer.json()["id"].is_u64());
}

async fn a_ruby_sdk_that_checks_error_codes(hub: TestHub) {
    let fine = |answer: &Answer| match answer.status.as_u16() {
        200 | 201 => !matches!(answer.json().get("error_code"), Some(code) if *code != json!(0)),
        204 => answer.text.is_empty(),
        _ => false,
    };
    let body = r#"{"name":"Xu","mobile":"13800000001","external_id":"silently ignored"}"#;
    let created = hub.writer.post("/v1/customers", body).await;
    assert!(fine(&created) && created.json()["externalId"] == Value::Null);
    let id = created.json()["id"].clone();
    let path = format!("/v1/customers/{id}");
    let put = hub.writer.put(&path, r#"{"name":"Yu"}"#).await;
    assert!(fine(&put) && put.json()["name"] == "Yu");
    let found = hub.writer.get("/v1/customers?mobile=13800000001").await;
    assert!(found.json()["records"].is_u64() && found.json()["rows"][0]["id"] == id);
    assert!(fine(&hub.writer.delete(&path).await));
    assert!(!fine(&hub.writer.get(&path).await));
}

async fn a_photo_backend_that_reads_text(hub: TestHub) {
    hub.writer.upsert(&["wechat :o1"], "{}").await.ok();
    let page = hub.writer.get("/v1/customers?idList=1&rows=100").await.ok();
    assert!(page["records"].is_u64() && page["total"].is_u64());
    let identities = hub.writer.get("/v1/customeridentities?customerIds=1").await.ok();
    for key in ["customerId", "identityType", "identityValue"] {
        assert!(identities[0][key].is_string(), "{key}");
    }
    assert_eq!(identities[0]["identityType"], "wechat");
}
