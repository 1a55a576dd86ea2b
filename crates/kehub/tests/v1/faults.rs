//! What trouble of the store looks like on the wire (W40).

use crate::hub::{Answer, Endless, TestHub, on_every_engine, request};
use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt as _;
use kehub::server::Settings;
use kehub_store::Fault;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

on_every_engine! {
    nothing_applied_is_503_with_a_time_to_come_back,
    an_unknown_outcome_is_told_apart,
    a_corrupt_store_is_a_fault_of_the_hub,
    an_effect_is_never_doubled_by_asking_again,
}

const CALLS: [(&str, &str, &str); 9] = [
    ("GET", "/v1/customers", ""),
    ("GET", "/v1/customers/count", ""),
    ("GET", "/v1/customers/1", ""),
    ("GET", "/v1/customeridentities?identityValue=1", ""),
    ("POST", "/v1/customers", r#"{"name":"W"}"#),
    ("POST", "/v1/customerandidentities", r#"{"customer":{"name":"W"},"customerIdentities":[]}"#),
    (
        "POST",
        "/v1/customeridentities",
        r#"{"customerId":1,"identityType":"a","identityValue":"b"}"#,
    ),
    ("PUT", "/v1/customers/1", r#"{"name":"W"}"#),
    ("DELETE", "/v1/customers/1", ""),
];

async fn nothing_applied_is_503_with_a_time_to_come_back(hub: TestHub) {
    for fault in [Fault::QueueFull, Fault::Before] {
        for answer in answers(&hub, fault).await {
            answer.is(
                503,
                r#"{"error_code":50301,"error_description":"the hub is busy: nothing was stored, send it again"}"#,
            );
            assert_eq!(answer.header("retry-after"), "1");
        }
    }
    assert_eq!(hub.customer_count().await, 0);
}

async fn an_unknown_outcome_is_told_apart(hub: TestHub) {
    for answer in answers(&hub, Fault::After).await {
        answer.is(
            503,
            r#"{"error_code":50302,"error_description":"it is not known whether it was stored: look before sending it again"}"#,
        );
        assert_eq!(answer.header("retry-after"), "1");
    }
}

async fn a_corrupt_store_is_a_fault_of_the_hub(hub: TestHub) {
    for answer in answers(&hub, Fault::Corrupt).await {
        answer.is(500, r#"{"error_code":50001,"error_description":"a fault of the hub"}"#);
    }
}

async fn an_effect_is_never_doubled_by_asking_again(hub: TestHub) {
    for fault in [Fault::Before, Fault::After, Fault::None] {
        hub.store.plan([fault]);
        hub.writer.upsert(&["member:1"], r#"{"name":"W"}"#).await;
    }
    assert_eq!(hub.customer_count().await, 1);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered() {
    let settings = Settings { request_timeout: Duration::from_millis(1), ..Settings::default() };
    let hub = TestHub::with(settings).await;
    for (method, body, code) in [("POST", r#"{"name":"W"}"#, 50302), ("GET", "", 50301)] {
        hub.store.plan([Fault::Never]);
        let answer = hub.writer.call(method, "/v1/customers", body).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.json()["error_code"], code);
    }
}

/// Nothing can have been stored, and it is not the hub that is in trouble.
#[tokio::test]
async fn a_body_that_never_ends_is_told() {
    let settings = Settings { request_timeout: Duration::from_millis(1), ..Settings::default() };
    let hub = TestHub::with(settings).await;
    let path = format!("/v1/customers?access_token={}", hub.writer.token);
    let answer = hub.call(request("POST", &path, Body::new(Endless))).await;
    answer.is(400, r#"{"error_code":40000,"error_description":"the body is not complete"}"#);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_told() {
    let hub = TestHub::on_memory().await;
    let path = format!("/v1/customers?access_token={}", hub.writer.token);
    let broken = Body::new(Broken.boxed_unsync());
    let answer = hub.call(request("POST", &path, broken)).await;
    answer.is(400, r#"{"error_code":40000,"error_description":"the body is not complete"}"#);
}

/// Each call, made while the store has this fault.
async fn answers(hub: &TestHub, fault: Fault) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (method, path, body) in CALLS {
        hub.store.plan([fault]);
        answers.push(hub.writer.call(method, path, body).await);
    }
    answers
}

/// A body whose sender went away.
struct Broken;

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())))
    }
}
