//! `GET`, `PUT` and `DELETE /v1/customers/{id}`.

use crate::hub::{TestHub, customer_text, on_every_engine};
use kehub::server::Settings;

on_every_engine! {
    a_customer_is_answered_whole_or_as_selected,
    a_missing_id_is_404_with_the_recorded_body,
    a_put_changes_what_it_names_and_clears_what_is_empty,
    a_put_of_a_merged_id_acts_on_the_survivor,
    a_put_says_what_does_not_fit,
    a_put_of_nothing_changes_nothing,
    a_put_of_null_clears_all_custom_attributes,
    a_delete_is_204_and_the_id_is_gone,
    a_merged_id_is_not_deleted,
}

const MISSING: &str = r#"{"error_code":40201,"error_description":"permission is not enough"}"#;

async fn a_customer_is_answered_whole_or_as_selected(hub: TestHub) {
    hub.writer.upsert(&["member:1"], r#"{"name":"W"}"#).await.ok();
    let whole = hub.reader.get("/v1/customers/1").await;
    whole.is(200, &customer_text(&[("id", "1"), ("displayName", "\"W\""), ("name", "\"W\"")]));
    let selected = hub.reader.get("/v1/customers/1?select=name,id").await;
    selected.is(200, r#"{"name":"W","id":1}"#);
}

async fn a_missing_id_is_404_with_the_recorded_body(hub: TestHub) {
    for id in ["1", "0", "-1", "abc", "99999999999999999999", "%E7%8E%8B", "1.5"] {
        let path = format!("/v1/customers/{id}");
        hub.writer.get(&path).await.is(404, MISSING);
        hub.writer.put(&path, r#"{"name":"W"}"#).await.is(404, MISSING);
        hub.writer.delete(&path).await.is(404, MISSING);
    }
}

async fn a_put_changes_what_it_names_and_clears_what_is_empty(hub: TestHub) {
    let fields = r#"{"name":"W","city":"Shanghai","remark":"r","mobile":"13800000001",
        "mobileVerified":true,"attr":{"a":1,"b":2}}"#;
    hub.writer.upsert(&["member:1"], fields).await.ok();
    hub.clock.advance_seconds(1);
    let body = r#"{"customerId":"1","id":"9","city":"","remark":null,"nickName":"X",
        "mobile":"","attr":{"a":null,"c":"3"}}"#;
    hub.writer.put("/v1/customers/1", body).await.is(
        200,
        &customer_text(&[
            ("id", "1"),
            ("displayName", "\"W\""),
            ("name", "\"W\""),
            ("nickName", "\"X\""),
            ("lastUpdated", "\"2026-05-04T01:02:04Z\""),
            ("attr", r#"{"b":2,"c":"3"}"#),
        ]),
    );
}

async fn a_put_of_a_merged_id_acts_on_the_survivor(hub: TestHub) {
    merge(&hub).await;
    let answer = hub.writer.put("/v1/customers/2", r#"{"city":"Beijing"}"#).await.ok();
    assert_eq!((answer["id"].as_u64(), answer["city"].as_str()), (Some(1), Some("Beijing")));
}

async fn a_put_says_what_does_not_fit(hub: TestHub) {
    hub.writer.upsert(&["member:1"], r#"{"name":"W"}"#).await.ok();
    let answer = hub.writer.put("/v1/customers/1", r#"{"name":"V","gender":9,"email":{}}"#).await;
    assert_eq!(answer.listed_fields(), ["gender", "email"]);
    assert_eq!(hub.writer.get("/v1/customers/1?select=name").await.text, r#"{"name":"W"}"#);
}

async fn a_put_of_nothing_changes_nothing(hub: TestHub) {
    hub.writer.upsert(&["member:1"], r#"{"name":"W","attr":{"a":1,"b":"x"}}"#).await.ok();
    let before = hub.writer.get("/v1/customers/1").await;
    for body in ["{}", r#"{"x":1}"#, r#"{"mobileVerified":null}"#, r#"{"gender":0}"#, &before.text]
    {
        assert_eq!(hub.writer.put("/v1/customers/1", body).await.text, before.text, "{body}");
    }
    hub.writer.put("/v1/customers/2", "{}").await.is(404, MISSING);
}

async fn a_put_of_null_clears_all_custom_attributes(hub: TestHub) {
    for nothing in ["null", r#""""#] {
        hub.writer.upsert(&["member:1"], r#"{"name":"W","attr":{"a":1,"b":"x"}}"#).await.ok();
        let body = format!(r#"{{"attr":{nothing}}}"#);
        let answer = hub.writer.put("/v1/customers/1", &body).await.ok();
        assert_eq!((answer["attr"].to_string(), &answer["name"]), ("{}".to_owned(), &"W".into()));
        // An upsert never clears (W6).
        hub.writer.upsert(&["member:1"], r#"{"attr":{"a":1}}"#).await.ok();
        let body = format!(r#"{{"name":"W","attr":{nothing}}}"#);
        let answer = hub.writer.upsert(&["member:1"], &body).await.ok();
        assert_eq!(answer["attr"].to_string(), r#"{"a":1}"#);
    }
}

async fn a_delete_is_204_and_the_id_is_gone(hub: TestHub) {
    hub.writer.upsert(&["member:1"], r#"{"name":"W"}"#).await.ok();
    let dry = hub.writer.delete("/v1/customers/1?dryRun=1").await;
    dry.is(204, "");
    assert_eq!(hub.customer_count().await, 1);
    hub.writer.delete("/v1/customers/1").await.is(204, "");
    hub.writer.delete("/v1/customers/1").await.is(404, MISSING);
    hub.writer.get("/v1/customers/1").await.is(404, MISSING);
    hub.writer.put("/v1/customers/1", r#"{"name":"X"}"#).await.is(404, MISSING);
    assert_eq!(hub.writer.upsert(&["member:1"], "{}").await.ok()["id"], 2);
}

async fn a_merged_id_is_not_deleted(hub: TestHub) {
    merge(&hub).await;
    hub.writer.delete("/v1/customers/2").await.is(
        409,
        r#"{"error_code":40901,"error_description":"customer 2 was merged into customer 1: nothing was deleted"}"#,
    );
    hub.writer.delete("/v1/customers/1").await.is(204, "");
    hub.writer.get("/v1/customers/2").await.is(404, MISSING);
}

#[tokio::test]
async fn a_put_may_be_set_to_answer_the_state_before() {
    let settings = Settings { put_answers_before: true, ..Settings::default() };
    let hub = TestHub::with(settings).await;
    hub.writer.upsert(&["member:1"], r#"{"name":"W"}"#).await.ok();
    assert_eq!(hub.writer.put("/v1/customers/1", r#"{"name":"V"}"#).await.ok()["name"], "W");
    assert_eq!(hub.writer.get("/v1/customers/1").await.ok()["name"], "V");
}

/// Customer 2 is merged into 1.
async fn merge(hub: &TestHub) {
    hub.writer.upsert(&["wechat:o1"], "{}").await.ok();
    hub.writer.upsert(&["mobile:13800000001"], "{}").await.ok();
    hub.writer.upsert(&["wechat:o1", "mobile:13800000001"], "{}").await.ok();
}
