//! Logs tell of every request, and of no token, secret or person.

use crate::captured::Captured;
use crate::hub::{SECRET, TestHub, request};
use kehub_store::Fault;

#[tokio::test]
async fn no_token_secret_or_person_reaches_a_log() {
    let captured = Captured::default();
    let lines = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    let lines = lines.json().flatten_event(true).with_writer(captured.clone());
    let guard = tracing::subscriber::set_default(lines.finish());
    let hub = TestHub::on_memory().await;

    let person =
        r#"{"name":"王小明","mobile":"13812345678","email":"wang@private.cn","gender":"x"}"#;
    let fits = r#"{"name":"王小明","mobile":"13812345678","email":"wang@private.cn"}"#;
    hub.writer.upsert(&["wechat:oPrivate"], fits).await;
    hub.writer.upsert(&["wechat:oPrivate"], person).await;
    hub.writer.post("/v1/customers", person).await;
    hub.writer.post("/v1/customers", "{\"name\":\"王小明\",\"name\":").await;
    hub.writer.put("/v1/customers/1", fits).await;
    for query in ["mobile=13812345678", "email=wang@private.cn", "idList=oPrivate"] {
        hub.writer.get(&format!("/v1/customers?{query}")).await;
    }
    hub.writer.get("/v1/customeridentities?identityValue=oPrivate").await;
    hub.writer.get("/13812345678/wang@private.cn").await;
    for fault in [Fault::Before, Fault::After, Fault::Corrupt, Fault::QueueFull] {
        hub.store.plan([fault]);
        hub.writer.upsert(&["wechat:oPrivate"], fits).await;
    }
    let mut bearer = request("GET", "/v1/customers/1", "");
    let header = format!("Bearer {}", hub.writer.token).parse().unwrap();
    bearer.headers_mut().insert("authorization", header);
    hub.call(bearer).await;

    drop(guard);
    let logged = captured.text();
    let requests: Vec<&str> =
        logged.lines().filter(|line| line.contains("\"message\":\"request\"")).collect();
    assert!(requests.len() >= 16, "{logged}");
    for key in ["method", "route", "status", "latency_us", "request_id"] {
        assert!(
            requests.iter().all(|line| line.contains(&format!("\"{key}\":"))),
            "{key}: {logged}"
        );
    }
    assert!(requests.iter().any(|line| line.contains("\"app\":1")), "{logged}");
    let private = [
        SECRET,
        &hub.writer.token,
        "王小明",
        "13812345678",
        "wang@private.cn",
        "oPrivate",
        "access_token",
        "secret=",
    ];
    for text in private {
        assert!(!logged.contains(text), "`{text}` was logged:\n{logged}");
    }
}
