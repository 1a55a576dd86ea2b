//! The header `Idempotency-Key`: a write that is sent again is not done again, and gets the same
//! answer.

use crate::hub::{Actor, Answer, TestHub, on_every_engine, request};
use axum::http::HeaderValue;
use kehub::server::Settings;
use kehub_core::directory::Permission;
use kehub_store::Fault;
use std::sync::Arc;
use tokio::task::JoinSet;

on_every_engine! {
    every_write_gets_the_same_text_again,
    an_unknown_outcome_is_settled_by_asking_again,
    equal_requests_at_once_are_done_once,
    another_request_under_the_key_is_refused,
    a_key_belongs_to_its_app,
    a_dry_run_and_a_refusal_leave_the_key_free,
    a_key_is_forgotten_after_a_day,
    what_is_no_key_is_told,
    whoever_may_not_read_gets_its_own_words_again,
    what_was_erased_is_not_told_again,
}

const UPSERT: &str = "/v1/customerandidentities?resolution=1";
const WANG: &str = r#"{"customer":{"name":"Wang","mobile":"13800000001","attr":{"a":1}},
    "customerIdentities":[{"identityType":"wechat","identityValue":" oAbC ","identityName":"shop"},
    {"identityType":"crm","identityValue":"null"},{"identityType":"","identityValue":"x"}]}"#;

/// A call with a key, as this actor.
async fn send(actor: &Actor, key: &str, method: &str, path: &str, body: &'static str) -> Answer {
    let glue = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{glue}access_token={}", actor.token);
    let mut request = request(method, &path, body);
    request.headers_mut().insert("idempotency-key", HeaderValue::from_str(key).unwrap());
    actor.send(request).await
}

async fn every_write_gets_the_same_text_again(hub: TestHub) {
    let calls = [
        ("POST", UPSERT, WANG),
        ("POST", "/v1/customers?resolution=1", r#"{"mobile":"13800000001","city":"Beijing"}"#),
        ("PUT", "/v1/customers/1", r#"{"name":"Li","city":null}"#),
        (
            "POST",
            "/v1/customeridentities?resolution=1",
            r#"{"customerId":1,"identityType":"email","identityValue":"a@b.cn","identityName":"x"}"#,
        ),
        (
            "POST",
            UPSERT,
            r#"{"customer":{},"customerIdentities":[{"identityType":"wechat","identityValue":"oAbC"}]}"#,
        ),
        ("DELETE", "/v1/customers/1", ""),
    ];
    let mut first = Vec::new();
    for (place, (method, path, body)) in calls.iter().enumerate() {
        let answer = send(&hub.writer, &format!("key-{place}"), method, path, body).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
        first.push(answer);
        // What others do meanwhile is not told.
        hub.writer.post("/v1/customers", r#"{"mobile":"13800000001","nickName":"W"}"#).await.ok();
        hub.clock.advance_seconds(5);
    }
    let count = hub.customer_count().await;
    for (place, (method, path, body)) in calls.iter().enumerate() {
        let again = send(&hub.writer, &format!("key-{place}"), method, path, body).await;
        let answer = &first[place];
        assert_eq!((again.status, &again.text), (answer.status, &answer.text), "{method} {path}");
    }
    assert_eq!(hub.customer_count().await, count);
    assert_eq!(first[0].status, 201);
}

#[tokio::test]
async fn a_put_that_answers_the_state_before_does_so_again() {
    let hub = TestHub::with(Settings { put_answers_before: true, ..Settings::default() }).await;
    hub.writer.upsert(&["member:1"], r#"{"name":"Wang"}"#).await.ok();
    let put = || send(&hub.writer, "k", "PUT", "/v1/customers/1", r#"{"name":"Li"}"#);
    let first = put().await;
    assert_eq!(first.json()["name"], "Wang");
    hub.writer.put("/v1/customers/1", r#"{"name":"Zhao"}"#).await.ok();
    assert_eq!(put().await.text, first.text);
}

async fn an_unknown_outcome_is_settled_by_asking_again(hub: TestHub) {
    // Without an identity, each of these would create a customer.
    let body = r#"{"name":"Wang"}"#;
    hub.store.plan([Fault::After]);
    let unknown = send(&hub.writer, "k", "POST", "/v1/customers", body).await;
    assert_eq!(unknown.json()["error_code"], 50302);
    let again = send(&hub.writer, "k", "POST", "/v1/customers", body).await;
    assert_eq!((again.status.as_u16(), &again.json()["name"]), (201, &"Wang".into()));
    hub.store.plan([Fault::Before]);
    let busy = send(&hub.writer, "l", "POST", "/v1/customers", body).await;
    assert_eq!(busy.json()["error_code"], 50301);
    assert_eq!(send(&hub.writer, "l", "POST", "/v1/customers", body).await.status, 201);
    assert_eq!(hub.customer_count().await, 2);
}

async fn equal_requests_at_once_are_done_once(hub: TestHub) {
    let writer = Arc::new(hub.writer.clone());
    let mut calls = JoinSet::new();
    for _ in 0..64 {
        let writer = writer.clone();
        calls.spawn(async move {
            let body = r#"{"name":"Wang"}"#;
            send(&writer, "k", "POST", "/v1/customers?resolution=1", body).await
        });
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.text == answers[0].text));
    assert_eq!(hub.customer_count().await, 1);
}

async fn another_request_under_the_key_is_refused(hub: TestHub) {
    send(&hub.writer, "k", "POST", UPSERT, WANG).await.ok();
    let other = r#"{"customer":{"name":"Li"},"customerIdentities":[]}"#;
    let coded = send(&hub.writer, "k", "POST", UPSERT, other).await;
    assert_eq!(coded.coded_fields(), ["Idempotency-Key"]);
    let kept = send(&hub.writer, "k", "POST", &format!("{UPSERT}&onConflict=keep"), WANG).await;
    assert_eq!(kept.coded_fields(), ["Idempotency-Key"]);
    for (method, path, body) in [
        ("POST", "/v1/customers", r#"{"name":"Li"}"#),
        ("PUT", "/v1/customers/1", r#"{"name":"Li"}"#),
        (
            "POST",
            "/v1/customeridentities",
            r#"{"customerId":1,"identityType":"a","identityValue":"b"}"#,
        ),
        ("DELETE", "/v1/customers/1", ""),
    ] {
        let listed = send(&hub.writer, "k", method, path, body).await;
        assert_eq!(listed.listed_fields(), ["Idempotency-Key"], "{method} {path}");
    }
    assert_eq!(hub.customer_count().await, 1);
    assert_eq!(hub.reader.get("/v1/customers/1").await.ok()["name"], "Wang");
}

async fn a_key_belongs_to_its_app(hub: TestHub) {
    let body = r#"{"name":"Wang"}"#;
    for actor in [&hub.writer, &hub.phone, &hub.stranger] {
        assert_eq!(send(actor, "k", "POST", "/v1/customers", body).await.status, 201);
    }
    assert_eq!(hub.customer_count().await, 2);
}

async fn a_dry_run_and_a_refusal_leave_the_key_free(hub: TestHub) {
    let body = r#"{"name":"Wang"}"#;
    let dry = send(&hub.writer, "k", "POST", "/v1/customers?dryRun=1", body).await;
    assert_eq!(dry.status, 200);
    assert_eq!(send(&hub.writer, "k", "POST", "/v1/customers", body).await.status, 201);
    assert_eq!(send(&hub.writer, "d", "DELETE", "/v1/customers/2", "").await.status, 404);
    hub.writer.post("/v1/customers", r#"{"name":"Li"}"#).await.ok();
    for _ in 0..2 {
        assert_eq!(send(&hub.writer, "d", "DELETE", "/v1/customers/2", "").await.status, 204);
    }
    assert_eq!(hub.writer.delete("/v1/customers/2").await.status, 404);
}

async fn a_key_is_forgotten_after_a_day(hub: TestHub) {
    let body = r#"{"name":"Wang"}"#;
    let ask = || send(&hub.writer, "k", "POST", "/v1/customers", body);
    let first = ask().await;
    hub.clock.advance_seconds(7000);
    assert_eq!(ask().await.text, first.text);
    // Tokens do not live that long.
    hub.clock.advance_seconds(24 * 60 * 60 - 7000);
    let writer = hub.app_with(hub.writer.id, Permission::ALL).await;
    let anew = send(&writer, "k", "POST", "/v1/customers", body).await;
    assert_eq!((anew.status.as_u16(), &anew.json()["id"]), (201, &2.into()));
}

async fn what_is_no_key_is_told(hub: TestHub) {
    let long = "k".repeat(256);
    for key in ["", "a b", &long] {
        let coded = send(&hub.writer, key, "POST", UPSERT, WANG).await;
        assert_eq!(coded.coded_fields(), ["Idempotency-Key"], "{key}");
        let listed = send(&hub.writer, key, "DELETE", "/v1/customers/1", "").await;
        assert_eq!(listed.listed_fields(), ["Idempotency-Key"], "{key}");
    }
    assert_eq!(hub.customer_count().await, 0);
    // Reads look at no key.
    assert_eq!(send(&hub.reader, "a b", "GET", "/v1/customers/count", "").await.text, "0");
}

async fn whoever_may_not_read_gets_its_own_words_again(hub: TestHub) {
    let first = send(&hub.phone, "k", "POST", UPSERT, WANG).await;
    hub.writer.upsert(&["wechat:oAbC"], r#"{"email":"a@b.cn"}"#).await.ok();
    let again = send(&hub.phone, "k", "POST", UPSERT, WANG).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert!(!again.text.contains("a@b.cn"));
}

async fn what_was_erased_is_not_told_again(hub: TestHub) {
    send(&hub.writer, "k", "POST", UPSERT, WANG).await.ok();
    hub.erase(1).await;
    let again = send(&hub.writer, "k", "POST", UPSERT, WANG).await;
    assert_eq!(again.status, 404);
    for path in ["/v1/customers", "/v1/customerandidentities"] {
        let described = &kehub::server::openapi()["paths"][path]["post"]["responses"]["404"];
        assert!(described.is_object(), "{path}");
    }
    assert!(!again.text.contains("Wang") && !again.text.contains("13800000001"));
    // Nor is anybody made of it again.
    assert_eq!(hub.customer_count().await, 0);
}
