//! One session of calls, played to a hub on each engine: every answer is the same, byte for byte, whatever the
//! hub keeps its customers in.

use crate::hub::{Answer, TestHub, request};
use axum::http::{HeaderMap, StatusCode};
use percent_encoding::{CONTROLS, utf8_percent_encode};

/// A call: method, path with query, body.
type Call = (&'static str, String, String);

/// Who writes: people who share mobiles, bring each other's identities, and are refused.
fn writes() -> Vec<Call> {
    let mut calls = Vec::new();
    let mut call = |method, path: String, body: String| calls.push((method, path, body));
    let queries =
        ["resolution=1", "", "resolution=1&onConflict=keep", "resolution=1&onConflict=reject"];
    for number in 0..80_u32 {
        // Now and then somebody brings what is another person's.
        let (person, other) = (number / 4, (number * 7 + 3) % 20);
        let union = if number % 9 == 4 { other } else { person };
        let mobile = 13_800_000_000_u64 + u64::from(if number % 11 == 5 { other } else { person });
        let identities = [
            ("member", format!("M{person}"), 1),
            ("wechat-unionid", format!("u{union}"), 3),
            ("wechat", format!("o{number}"), 2),
            ("mobile", mobile.to_string(), 5),
            ("member", "null".to_owned(), 29),
        ];
        let sent: Vec<String> = identities
            .iter()
            .filter(|(_, _, every)| number % every == 0)
            .map(|(kind, value, _)| {
                format!(r#"{{"identityType":"{kind}","identityValue":"{value}"}}"#)
            })
            .collect();
        let customer = format!(
            r#"{{"name":"王{}","gender":"{}","source":"官网{}","stage":"线索","city":"深圳",
                "mobile":"{mobile}","email":"u{}@example.com","attr":{{"points":{},"vip":{}}}}}"#,
            number % 7,
            number % 3,
            number % 3,
            number / 3,
            f64::from(number) / 4.0,
            number % 2 == 0,
        );
        let body =
            format!(r#"{{"customer":{customer},"customerIdentities":[{}]}}"#, sent.join(","));
        let query = queries[usize::try_from(number / 5).unwrap() % queries.len()];
        call("POST", format!("/v1/customerandidentities?{query}"), body);
    }
    for id in 1..8 {
        let body = format!(r#"{{"name":"李{id}","birthday":"1990-0{id}-03","isMember":"true"}}"#);
        call("PUT", format!("/v1/customers/{id}?resolution=1"), body);
        let body = format!(
            r#"{{"customerId":{id},"identityType":"wechat","identityValue":"o{}"}}"#,
            id * 3
        );
        call("POST", "/v1/customeridentities?resolution=1".to_owned(), body);
    }
    for body in ["{}", "[", r#"{"gender":"x"}"#, r#"{"mobile":"13800000003"}"#] {
        call("POST", "/v1/customers?resolution=1".to_owned(), body.to_owned());
    }
    call("DELETE", "/v1/customers/5".to_owned(), String::new());
    calls
}

/// Who decides afterwards.
fn decisions() -> Vec<Call> {
    let calls = [
        ("POST", "/api/merges", r#"{"customerIds":[2,6]}"#),
        ("POST", "/api/merges?dryRun=true", r#"{"customerIds":[1,3]}"#),
        ("POST", "/api/merges/1/undo", ""),
        ("POST", "/api/merges/2/undo", ""),
        ("POST", "/api/conflicts/1/resolve", r#"{"decision":"keepApart"}"#),
        ("POST", "/api/conflicts/2/resolve", r#"{"decision":"accept"}"#),
        ("POST", "/api/cannot-links", r#"{"customerIds":[3,4]}"#),
        ("POST", "/api/customers/1/extract", r#"{"identities":[{"type":"member","value":"M0"}]}"#),
        ("POST", "/api/customers/5/restore", ""),
        ("POST", "/api/customers/7/erase", ""),
        ("PATCH", "/api/customers/2", r#"{"customer":{"city":null,"remark":"一"}}"#),
        ("PATCH", "/api/policy", r#"{"preset":"guarded"}"#),
        ("PATCH", "/api/identity-types/member", r#"{"limit":1}"#),
        (
            "POST",
            "/api/customers",
            r#"{"identities":[{"type":"member","value":"M1"},{"type":"shop","value":"s"}]}"#,
        ),
    ];
    calls.map(|(method, path, body)| (method, path.to_owned(), body.to_owned())).to_vec()
}

/// Who reads all that can be read.
fn reads() -> Vec<Call> {
    let mut paths: Vec<String> = [
        "/v1/customers/count",
        "/v1/customers?rows=100",
        "/v1/customers?rows=3&page=2&sidx=attr.points&sord=desc",
        "/v1/customers?gender=1&select=id,name,attr.vip,mobile",
        "/v1/customers?source=官网1&sidx=lastUpdated",
        "/v1/customers?mobile=13800000004&name=王3",
        "/v1/customers/count?stage=线索&gender=2",
        "/v1/customers?idList=1,2,3,4,5,99",
        "/v1/customeridentities?customerIds=1,2,3,4,6",
        "/v1/customeridentities?identityType=mobile&identityValue=13800000001",
        "/v1/users/current",
        "/v1/wechataccounts",
        "/api/customers?limit=5&total=true&sort=-lastUpdated",
        "/api/customers?limit=50&fields=id,name,city&city=深圳",
        "/api/conflicts?limit=100",
        "/api/conflicts?status=open&kind=review",
        "/api/conflicts/1",
        "/api/merges?limit=100",
        "/api/merges/1",
        "/api/cannot-links",
        "/api/undecided-claims",
        "/api/quarantine",
        "/api/duplicates",
        "/api/changes?limit=1000",
        "/api/identity-types",
        "/api/policy",
        "/api/apps",
        "/api/audit",
        "/api/explanations?fromCustomer=1&toCustomer=2",
        "/api/identities?type=wechat-unionid&value=u1",
        "/api/exports?format=csv",
        "/api/exports?format=csv&identities=rows",
        "/api/exports?format=ndjson",
    ]
    .map(str::to_owned)
    .to_vec();
    for id in 1..12 {
        paths.extend([
            format!("/v1/customers/{id}"),
            format!("/api/customers/{id}?provenance=true"),
            format!("/api/customers/{id}/history"),
            format!("/api/customers/{id}/identities"),
            format!("/api/customers/{id}/export"),
        ]);
    }
    paths.into_iter().map(|path| ("GET", path, String::new())).collect()
}

async fn play(hub: &TestHub, (method, path, body): &Call) -> Answer {
    // Later calls are later, so that nothing is in order by chance.
    hub.clock.advance_seconds(1);
    // What is ASCII is written as it is to be sent.
    let path = utf8_percent_encode(path, CONTROLS).to_string();
    if path.starts_with("/v1") {
        return hub.writer.call(method, &path, body).await;
    }
    let mut request = request(method, &path, body.clone());
    let bearer = format!("Bearer {}", hub.writer.token).parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    hub.writer.send(request).await
}

/// What was answered, without the id of an export, which is drawn, and its length, which is told if it was
/// whole by then.
fn told(answer: &Answer) -> (StatusCode, HeaderMap, &str) {
    let mut headers = answer.headers.clone();
    let place = headers.get("content-location").and_then(|place| place.to_str().ok());
    if let Some(id) = place.and_then(|place| place.strip_prefix("/api/exports/")) {
        assert_eq!(headers["etag"], format!("\"{id}\""));
        for name in ["etag", "content-location", "content-length"] {
            headers.remove(name);
        }
    }
    (answer.status, headers, &answer.text)
}

#[tokio::test]
async fn a_session_is_answered_alike_on_every_engine() {
    let model = TestHub::on_memory().await;
    let others = [
        ("SQLite", TestHub::on_sqlite().await),
        ("PostgreSQL", TestHub::on_postgres().await),
        ("a cluster", TestHub::on_cluster().await),
    ];
    let mut successes = 0;
    for call in writes().iter().chain(&decisions()).chain(&reads()) {
        let expected = play(&model, call).await;
        successes += u32::from(expected.status.is_success());
        for (engine, hub) in &others {
            let found = play(hub, call).await;
            assert_eq!(told(&found), told(&expected), "{call:?} on {engine}");
        }
    }
    // Of the decisions, some meet what is not there.
    assert!(successes > 180, "{successes} calls succeeded");
}
