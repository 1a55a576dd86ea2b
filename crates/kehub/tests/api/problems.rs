//! What goes wrong around a call is told as a problem document under `/api`, and there only.

use crate::hub::{TestHub, on_every_engine, request};
use kehub::server::Settings;
use kehub_store::Fault;
use serde_json::{Value, json};
use std::time::Duration;

on_every_engine! {
    an_unknown_path_and_a_wrong_method_are_problems,
    trouble_of_the_store_says_what_happened_to_the_data,
    parameters_are_read_strictly,
    a_body_that_is_no_json_or_too_large_is_told,
    elsewhere_nothing_is_a_problem_document,
}

async fn an_unknown_path_and_a_wrong_method_are_problems(hub: TestHub) {
    for path in ["/api", "/api/customer", "/api/customers/1/more", "/API//nowhere"] {
        hub.writer.get(path).await.refused(404, "pathUnknown");
    }
    let answer = hub.writer.ask("PUT", "/api/customers/1", &json!({})).await;
    answer.refused(405, "methodNotAllowed");
    let allow = answer.header("allow");
    assert!(allow.contains("GET") && allow.contains("PATCH") && !allow.contains("PUT"), "{allow}");
}

async fn trouble_of_the_store_says_what_happened_to_the_data(hub: TestHub) {
    let cases = [
        (Fault::QueueFull, 503, "busy", "safe"),
        (Fault::Before, 503, "busy", "safe"),
        (Fault::After, 503, "outcomeUnknown", "sameKey"),
        (Fault::Corrupt, 500, "internal", "never"),
    ];
    for (fault, status, code, retry) in cases {
        hub.store.plan([fault]);
        let answer = hub.writer.upsert(&["member:1"], json!({ "name": "W" })).await;
        assert_eq!(answer.refused(status, code)["retry"], retry);
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
    }
    let settings = Settings { request_timeout: Duration::from_millis(1), ..Settings::default() };
    let hub = TestHub::with(settings).await;
    hub.store.plan([Fault::Never, Fault::Never]);
    hub.writer.upsert(&["member:1"], json!({})).await.refused(503, "outcomeUnknown");
    hub.writer.get("/api/customers/1").await.refused(503, "busy");
}

async fn parameters_are_read_strictly(hub: TestHub) {
    let upsert = json!({ "identities": [{ "type": "member", "value": "1" }] });
    let ask = |query: &'static str| hub.writer.post(query, &upsert);
    let unfit = ask("/api/customers?dryRun=maybe&x=13800000001&dry_run=1").await;
    let expected = ["dryRun invalid", "x unknown", "dry_run unknown"];
    assert_eq!(unfit.unfit(400, "parametersInvalid"), expected);
    assert!(!unfit.text.contains("13800000001"), "values may be personal");
    let unfit = ask("/api/customers?dryRun=1&dryRun=1").await;
    assert_eq!(unfit.unfit(400, "parametersInvalid"), ["dryRun repeated"]);
    assert_eq!(hub.writer.get("/api/customers/1").await.status, 404);
    ask("/api/customers?dryRun=0").await.was(201);
}

async fn a_body_that_is_no_json_or_too_large_is_told(hub: TestHub) {
    let path = "/api/customers";
    for body in ["", "no JSON", r#"{"customer":{"name":"a","name":"b"}}"#] {
        let answer = hub.writer.ask_with(path, request("POST", path, body)).await;
        let problem = answer.refused(400, "bodyNotJson");
        assert!(problem["detail"].as_str().unwrap().contains("line 1"), "{problem}");
    }
    let large = json!({ "customer": { "remark": "x".repeat(2 * 1024 * 1024) } });
    hub.writer.post(path, &large).await.refused(413, "bodyTooLarge");
}

async fn elsewhere_nothing_is_a_problem_document(hub: TestHub) {
    for path in ["/v1/customers/1", "/apis", "/nowhere"] {
        let answer = hub.call(request("GET", path, "")).await;
        assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8", "{path}");
        assert_ne!(answer.json()["error_code"], Value::Null, "{path}");
    }
}
