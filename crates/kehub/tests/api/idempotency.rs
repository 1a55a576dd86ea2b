//! The header `Idempotency-Key`: a write that is sent again is not done again, and gets the same
//! answer.

use crate::hub::{Actor, Answer, TestHub, on_every_engine, request, sent};
use axum::http::HeaderValue;
use kehub_store::Fault;
use serde_json::{Value, json};

on_every_engine! {
    a_write_gets_the_same_answer_again,
    what_was_erased_is_not_told_again,
    another_body_under_the_key_is_422,
    what_is_no_key_is_400,
    an_unknown_outcome_is_settled_by_asking_again,
    the_rows_of_a_batch_are_done_once,
    what_people_set_is_answered_again,
    what_people_decide_is_answered_again,
}

async fn send(actor: &Actor, key: &str, method: &str, path: &str, body: &Value) -> Answer {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let mut request = request(method, path, text);
    request.headers_mut().insert("idempotency-key", HeaderValue::from_str(key).unwrap());
    actor.ask_with(path, request).await
}

fn wang() -> Value {
    json!({ "customer": { "name": "Wang", "mobile": "13800000001" }, "identities": [
        { "type": "member", "value": "1", "name": "card" },
    ] })
}

async fn a_write_gets_the_same_answer_again(hub: TestHub) {
    let patch = json!({ "customer": { "name": "Li", "unset": ["mobile"] } });
    let calls = [("POST", "/api/customers", wang()), ("PATCH", "/api/customers/1", patch)];
    for actor in [&hub.writer, &hub.phone] {
        let mut first = Vec::new();
        for (method, path, body) in &calls {
            first.push(send(actor, method, method, path, body).await);
            hub.writer.upsert(&["member:1"], json!({ "city": "Beijing" })).await.was(200);
            hub.clock.advance_seconds(1);
        }
        for ((method, path, body), first) in calls.iter().zip(first) {
            let again = send(actor, method, method, path, body).await;
            assert_eq!((again.status, &again.text), (first.status, &first.text), "{method}");
        }
    }
}

async fn what_people_set_is_answered_again(hub: TestHub) {
    for account in ["member:1", "member:2", "member:3"] {
        hub.writer.upsert(&[account, "mobile:13800000001"], json!({})).await;
    }
    let calls = [
        ("PATCH", "/api/policy", json!({ "preset": "guarded" })),
        ("PATCH", "/api/identity-types/member", json!({ "limit": 3 })),
        ("POST", "/api/quarantine/2/release", Value::Null),
    ];
    let mut first = Vec::new();
    for (method, path, body) in &calls {
        let answer = send(&hub.writer, path, method, path, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
        first.push(answer);
    }
    let version = hub.writer.get("/api/policy").await.was(200);
    for ((method, path, body), first) in calls.iter().zip(first) {
        let again = send(&hub.writer, path, method, path, body).await;
        assert_eq!((again.status, &again.text), (first.status, &first.text), "{path}");
    }
    assert_eq!(hub.writer.get("/api/policy").await.was(200), version);
}

/// Each decision is made once, whatever came of it since; all of them are asked for again at the end.
async fn what_people_decide_is_answered_again(hub: TestHub) {
    hub.writer.upsert(&["wechat:o1", "email:a@b.cn"], json!({ "name": "Wang" })).await.was(201);
    hub.writer.upsert(&["wechat:o2"], json!({ "city": "Beijing" })).await.was(201);
    hub.writer.upsert(&["wechat:o3", "mobile:13800000003"], json!({})).await.was(201);
    let calls = [
        ("POST", "/api/merges", json!({ "customerIds": [1, 2] })),
        ("POST", "/api/merges/1/undo", Value::Null),
        ("DELETE", "/api/cannot-links/1/2", Value::Null),
        ("POST", "/api/cannot-links", json!({ "customerIds": [1, 3] })),
        (
            "POST",
            "/api/customers/3/extract",
            json!({ "identities": sent(&["mobile:13800000003"]) }),
        ),
        ("POST", "/api/customers/3/erase", Value::Null),
    ];
    let mut first = Vec::new();
    for (method, path, body) in &calls {
        let answer = send(&hub.writer, path, method, path, body).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
        first.push(answer);
        hub.writer.upsert(&["email:a@b.cn"], json!({ "remark": path })).await.was(200);
        hub.clock.advance_seconds(1);
    }
    let journal = hub.reader.get("/api/customers/1/history").await.was(200);
    for ((method, path, body), first) in calls.iter().zip(first) {
        let again = send(&hub.writer, path, method, path, body).await;
        if *path == "/api/customers/3/extract" {
            // It was erased since.
            again.refused(410, "customerErased");
            continue;
        }
        assert_eq!((again.status, &again.text), (first.status, &first.text), "{method} {path}");
    }
    assert_eq!(hub.reader.get("/api/customers/1/history").await.was(200), journal);
}

async fn what_was_erased_is_not_told_again(hub: TestHub) {
    let body = wang();
    let upsert = |key| send(&hub.writer, key, "POST", "/api/customers", &body);
    upsert("k").await.was(201);
    hub.writer.post("/api/customers/1/erase", &Value::Null).await.was(200);
    upsert("k").await.refused(410, "customerErased");
    assert_eq!(upsert("new").await.was(201)["customer"]["id"], 2);
}

async fn another_body_under_the_key_is_422(hub: TestHub) {
    send(&hub.writer, "k", "POST", "/api/customers", &wang()).await.was(201);
    let other = json!({ "customer": { "name": "Li" } });
    let refused = send(&hub.writer, "k", "POST", "/api/customers", &other).await;
    assert_eq!(refused.refused(422, "idempotencyKeyReused")["retry"], "never");
    let refused = send(&hub.writer, "k", "PATCH", "/api/customers/1", &other).await;
    refused.refused(422, "idempotencyKeyReused");
    assert_eq!(hub.reader.get("/api/customers/1").await.was(200)["name"], "Wang");
}

async fn what_is_no_key_is_400(hub: TestHub) {
    for key in ["", "a b", &"k".repeat(256)] {
        let refused = send(&hub.writer, key, "POST", "/api/customers", &wang()).await;
        refused.refused(400, "idempotencyKeyInvalid");
    }
    hub.reader.get("/api/customers/1").await.refused(404, "customerNotFound");
}

async fn an_unknown_outcome_is_settled_by_asking_again(hub: TestHub) {
    let body = json!({ "customer": { "name": "Wang" } });
    hub.store.plan([Fault::After]);
    let unknown = send(&hub.writer, "k", "POST", "/api/customers", &body).await;
    assert_eq!(unknown.refused(503, "outcomeUnknown")["retry"], "sameKey");
    let again = send(&hub.writer, "k", "POST", "/api/customers", &body).await.was(201);
    assert_eq!(again["customer"]["id"], 1);
    hub.reader.get("/api/customers/2").await.refused(404, "customerNotFound");
}

async fn the_rows_of_a_batch_are_done_once(hub: TestHub) {
    let row = |name: &str| json!({ "customer": { "name": name } });
    let path = "/api/customers/batch";
    let rows = json!([row("Wang"), row("Wang"), row("Li")]);
    let dry = send(&hub.writer, "k", "POST", &format!("{path}?dryRun=1"), &rows).await;
    assert_eq!(dry.was(200)["items"].as_array().unwrap().len(), 3);
    let first = send(&hub.writer, "k", "POST", path, &rows).await;
    hub.store.plan([Fault::After]);
    let more = json!([row("Wang"), row("Wang"), row("Li"), row("Zhao")]);
    send(&hub.writer, "k", "POST", path, &more).await.refused(503, "batchInterrupted");
    // What was done is done, and what was not comes now.
    let again = send(&hub.writer, "k", "POST", path, &more).await.was(200);
    let (first, again) = (first.was(200), again["items"].as_array().unwrap().clone());
    assert_eq!(first["items"].as_array().unwrap()[..], again[..3]);
    assert_eq!(again.len(), 4);
    hub.reader.get("/api/customers/4").await.was(200);
    hub.reader.get("/api/customers/5").await.refused(404, "customerNotFound");
}
