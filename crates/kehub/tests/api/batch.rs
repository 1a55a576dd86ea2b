//! `POST /api/customers/batch`.

use crate::hub::{Actor, Answer, Endless, TestHub, on_every_engine, request, sent};
use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use hyper::body::{Frame, SizeHint};
use kehub::server::Settings;
use kehub_core::policy::{OnConflict, Preset};
use kehub_store::Fault;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

on_every_engine! {
    every_row_has_its_result_in_order,
    a_row_sees_what_a_far_earlier_one_did,
    a_bad_row_does_not_spoil_its_neighbours,
    lines_are_taken_and_answered,
    an_atomic_batch_is_kept_whole_or_not_at_all,
    a_dry_run_lets_rows_see_those_before_them,
    trouble_in_the_middle_is_told_row_by_row,
    trouble_before_anything_was_done_is_a_problem_of_its_own,
    many_rows_are_taken_and_no_more,
    a_body_that_says_it_is_too_large_is_not_waited_for,
    a_phone_gets_its_own_words_only,
}

const PATH: &str = "/api/customers/batch";

fn row(identities: &[&str], customer: Value) -> Value {
    let mut row = json!({ "identities": sent(identities) });
    row["customer"] = customer;
    row
}

/// `row status` of each, and for refused rows the code.
fn fates(body: &Value) -> Vec<String> {
    let items = body["items"].as_array().unwrap().iter();
    items
        .map(|item| {
            let fate = format!("{} {}", item["row"], item["status"]);
            match item["problem"]["code"].as_str() {
                Some(code) => format!("{fate} {code}"),
                None => fate,
            }
        })
        .collect()
}

async fn post(actor: &Actor, query: &str, rows: &[Value]) -> Answer {
    actor.post(&format!("{PATH}{query}"), &json!(rows)).await
}

async fn count(hub: &TestHub) -> usize {
    let ids = (1..=40).map(|id| format!("/api/customers/{id}"));
    let mut count = 0;
    for path in ids {
        count += usize::from(hub.reader.get(&path).await.status == 200);
    }
    count
}

async fn every_row_has_its_result_in_order(hub: TestHub) {
    let rows = [
        row(&["member:1", "mobile:13800000001"], json!({ "name": "Wang" })),
        row(&["member:2"], json!({})),
        row(&["mobile:13800000001", "email:a@b.cn"], json!({ "city": "Beijing" })),
        row(&["member:1"], json!({ "name": "Wang" })),
    ];
    let body = post(&hub.writer, "", &rows).await.was(200);
    assert_eq!(fates(&body), ["0 201", "1 201", "2 200", "3 200"]);
    let ids = body["items"].as_array().unwrap().iter();
    assert_eq!(ids.map(|item| item["customerId"].clone()).collect::<Value>(), json!([1, 2, 1, 1]));
    assert_eq!(body["items"][2]["resolution"]["identities"][1]["outcome"], "attached");
    assert_eq!(body["items"][3]["resolution"]["result"], "unchanged");
    let counts = json!({ "accepted": 4, "refused": 0, "notApplied": 0, "unknown": 0 });
    assert_eq!(body["counts"], counts);
    assert_eq!(post(&hub.writer, "", &[]).await.was(200)["items"], json!([]));
}

/// Case 23 of the identity page.
async fn a_row_sees_what_a_far_earlier_one_did(hub: TestHub) {
    let mut rows: Vec<Value> =
        (1..=60).map(|n| row(&[&format!("member:{n}")], json!({}))).collect();
    rows[0] = row(&["wechat:o1", "mobile:13800000001"], json!({ "name": "Wang", "city": "Wuxi" }));
    rows[56] = row(&["mobile:+86 138 0000 0001", "email:a@b.cn"], json!({ "name": "Li" }));
    let body = post(&hub.writer, "", &rows).await.was(200);
    let told = |at: usize| {
        let item = &body["items"][at];
        (item["customerId"].clone(), item["resolution"]["result"].clone())
    };
    assert_eq!((told(0), told(56)), ((json!(1), json!("created")), (json!(1), json!("updated"))));
    assert_eq!(
        (told(55), told(57)),
        ((json!(56), json!("created")), (json!(57), json!("created")))
    );
    let one = hub.writer.get("/api/customers/1").await.was(200);
    assert_eq!((&one["name"], &one["city"]), (&json!("Li"), &json!("Wuxi")));
    assert_eq!(one["identities"].as_array().unwrap().len(), 3);
}

async fn a_bad_row_does_not_spoil_its_neighbours(hub: TestHub) {
    hub.set_policy(Preset::Guarded, OnConflict::Merge).await;
    let rows = r#"[
        {"identities":[{"type":"member","value":"1"}]},
        {"identities":[{"type":"member","value":"2"}],"customer":{"gender":9,"x":1}},
        7,
        {"a":1,"a":2},
        {a:1},
        {},
        {"identities":[{"type":"member","value":"null"}]},
        {"identities":[{"type":"member","value":"3"}],"customer":{"remark":"],{\""}}
    ]"#;
    let answer = hub.writer.ask_with(PATH, request("POST", PATH, rows)).await;
    let body = answer.was(200);
    let expected = [
        "0 201",
        "1 422 fieldsInvalid",
        "2 422 fieldsInvalid",
        "3 400 bodyNotJson",
        "4 400 bodyNotJson",
        "5 422 nothingUsable",
        "6 422 nothingUsable",
        "7 201",
    ];
    assert_eq!(fates(&body), expected);
    assert_eq!(body["items"][1]["problem"]["errors"][0]["pointer"], "/customer/gender");
    assert_eq!(body["items"][1]["problem"]["requestId"], answer.header("x-request-id"));
    assert_eq!((&body["counts"]["accepted"], &body["counts"]["refused"]), (&json!(2), &json!(6)));
    for body in ["", "[{}", r#"[{"a":1},]"#, "[] 7"] {
        let answer = hub.writer.ask_with(PATH, request("POST", PATH, body)).await;
        answer.refused(400, "bodyNotJson");
    }
    assert_eq!(count(&hub).await, 2);
}

async fn lines_are_taken_and_answered(hub: TestHub) {
    let lines = "{\"identities\":[{\"type\":\"member\",\"value\":\"1\"}]}\r\n\n[1]\nno JSON\n\
                 {\"identities\":[{\"type\":\"member\",\"value\":\"2\"}]}";
    let mut call = request("POST", PATH, lines);
    call.headers_mut().insert(ACCEPT, "text/plain, application/x-ndjson".parse().unwrap());
    let answer = hub.writer.ask_with(PATH, call).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let items: Vec<Value> =
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = ["0 201", "1 422 fieldsInvalid", "2 400 bodyNotJson", "3 201"];
    assert_eq!(fates(&json!({ "items": items })), expected);
    assert!(answer.text.ends_with("}\n"));

    // The content type rules the form; without one that is known the first byte does.
    for (content_type, body, status) in [
        ("application/json", r#"{"identities":[]}"#, 400),
        ("application/x-ndjson", "[]", 200),
        ("application/x-www-form-urlencoded", "[]", 200),
    ] {
        let mut call = request("POST", PATH, body);
        call.headers_mut().insert(CONTENT_TYPE, content_type.parse().unwrap());
        assert_eq!(hub.writer.ask_with(PATH, call).await.status, status, "{content_type}");
    }
}

async fn an_atomic_batch_is_kept_whole_or_not_at_all(hub: TestHub) {
    hub.set_policy(Preset::Guarded, OnConflict::Merge).await;
    let good = [row(&["member:1"], json!({})), row(&["member:1", "email:a@b.cn"], json!({}))];
    for bad in [json!({ "customer": { "x": 1 } }), row(&["member:null"], json!({}))] {
        let rows = [good[0].clone(), bad, good[1].clone()];
        let answer = post(&hub.writer, "?atomic=1", &rows).await;
        let problem = answer.refused(422, "batchRefused");
        let fates = fates(&problem);
        assert_eq!((&*fates[0], &*fates[2]), ("0 200", "2 200"), "what would have come");
        assert!(fates[1].starts_with("1 422"), "{fates:?}");
        assert_eq!(problem["items"][0]["resolution"]["seq"], Value::Null);
        assert_eq!(count(&hub).await, 0);
    }
    let kept = post(&hub.writer, "?atomic=1", &good).await.was(200);
    assert_eq!(fates(&kept), ["0 201", "1 200"]);
    assert_eq!(count(&hub).await, 1);
    let many: Vec<Value> = (0..1001).map(|n| row(&[&format!("m:{n}")], json!({}))).collect();
    post(&hub.writer, "?atomic=1", &many).await.refused(413, "rowsTooMany");
    assert_eq!(count(&hub).await, 1);
}

async fn a_dry_run_lets_rows_see_those_before_them(hub: TestHub) {
    let rows = [row(&["member:1"], json!({})), row(&["member:1"], json!({ "name": "Wang" }))];
    let body = post(&hub.writer, "?dryRun=1", &rows).await.was(200);
    assert_eq!(fates(&body), ["0 200", "1 200"]);
    let results = body["items"].as_array().unwrap().iter();
    let results: Vec<&Value> = results.map(|item| &item["resolution"]["result"]).collect();
    assert_eq!(results, ["created", "updated"]);
    assert_eq!(body["items"][1]["resolution"]["seq"], Value::Null);
    let refused = [rows[0].clone(), json!({})];
    post(&hub.writer, "?dryRun=1&atomic=1", &refused).await.refused(422, "batchRefused");
    assert_eq!(count(&hub).await, 0);
}

async fn trouble_in_the_middle_is_told_row_by_row(hub: TestHub) {
    let mut rows: Vec<Value> = (0..600).map(|n| row(&[&format!("m:{n}")], json!({}))).collect();
    rows[260] = json!({});
    rows[599] = json!({});
    for (fault, fate) in [(Fault::Before, "503 busy"), (Fault::After, "503 outcomeUnknown")] {
        hub.store.plan([Fault::None, fault]);
        let answer = post(&hub.writer, "", &rows).await;
        let problem = answer.refused(503, "batchInterrupted");
        assert_eq!(problem["retry"], "sameKey");
        assert_eq!(answer.header("retry-after"), "1");
        let fates = fates(&problem);
        assert_eq!(fates.len(), 600);
        assert!(fates[249] == "249 201" || fates[249] == "249 200", "{}", fates[249]);
        assert_eq!(fates[250], format!("250 {fate}"));
        assert_eq!(fates[260], "260 422 nothingUsable");
        assert_eq!(fates[500], "500 503 busy");
        assert_eq!(fates[599], "599 422 nothingUsable");
        let unknown = if fault == Fault::After { 249 } else { 0 };
        assert_eq!(
            problem["counts"],
            json!({
            "accepted": 250, "refused": 2, "notApplied": 348 - unknown, "unknown": unknown })
        );
    }
    let mut call = request("POST", PATH, json!(rows).to_string());
    call.headers_mut().insert(ACCEPT, "application/x-ndjson".parse().unwrap());
    hub.store.plan([Fault::None, Fault::QueueFull]);
    let answer = hub.writer.send_signed(call).await;
    assert_eq!((answer.status.as_u16(), answer.text.lines().count()), (503, 600));
    assert_eq!(answer.header("retry-after"), "1");
}

async fn trouble_before_anything_was_done_is_a_problem_of_its_own(hub: TestHub) {
    let rows = [row(&["member:1"], json!({}))];
    let cases = [(Fault::QueueFull, 503, "busy"), (Fault::Corrupt, 500, "internal")];
    for query in ["", "?atomic=1", "?dryRun=1"] {
        for (fault, status, code) in cases {
            hub.store.plan([fault]);
            post(&hub.writer, query, &rows).await.refused(status, code);
        }
    }
    hub.store.plan([Fault::After]);
    post(&hub.writer, "?atomic=1", &rows).await.refused(503, "outcomeUnknown");
    // A body that does not come in time was not applied.
    let settings = Settings { request_timeout: Duration::from_millis(20), ..Settings::default() };
    let hub = TestHub::with(settings).await;
    let call = request("POST", PATH, Body::new(Endless));
    hub.writer.ask_with(PATH, call).await.refused(400, "bodyBroken");
}

/// A body of which only the length is known yet.
struct Announced(u64);

impl HttpBody for Announced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

async fn a_body_that_says_it_is_too_large_is_not_waited_for(hub: TestHub) {
    let call = request("POST", PATH, Body::new(Announced(33 * 1024 * 1024)));
    hub.writer.ask_with(PATH, call).await.refused(413, "bodyTooLarge");
}

async fn many_rows_are_taken_and_no_more(hub: TestHub) {
    let many: Vec<Value> =
        (0..10_001).map(|n| row(&[&format!("m:{}", 1 + n % 9)], json!({}))).collect();
    let body = post(&hub.writer, "", &many[..10_000]).await.was(200);
    assert_eq!(body["counts"]["accepted"], 10_000);
    assert_eq!(body["items"][9_999]["row"], 9_999);
    assert_eq!(count(&hub).await, 9);
    post(&hub.writer, "", &many).await.refused(413, "rowsTooMany");

    let settings = Settings { batch_bytes_max: 3_000_000, ..Settings::default() };
    let hub = TestHub::with(settings).await;
    let large = row(&["m:1"], json!({ "remark": "x".repeat(1024 * 1024) }));
    let body = post(&hub.writer, "", &[large.clone(), row(&["m:2"], json!({}))]).await.was(200);
    assert_eq!(fates(&body), ["0 413 bodyTooLarge", "1 201"]);
    let answer = post(&hub.writer, "", &[large.clone(), large.clone(), large]).await;
    answer.refused(413, "bodyTooLarge");
}

async fn a_phone_gets_its_own_words_only(hub: TestHub) {
    hub.writer.upsert(&["Member:1"], json!({ "name": "Wang" })).await.was(201);
    let body = post(&hub.phone, "", &[row(&["member:1"], json!({ "city": "x" }))]).await.was(200);
    assert_eq!(
        body["items"],
        json!([{
            "row": 0, "status": 200, "customerId": 1,
            "resolution": { "identities": [{ "type": "member", "value": "1", "outcome": "matched" }] },
        }])
    );
}
