//! A running hub tells a receiver what happens, also what another process did, and goes on after a
//! restart.

use crate::hub::{APP, Folder, Hub, SECRET, client, eventually};
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

pub(crate) type Told = Arc<Mutex<Vec<(String, Value)>>>;

async fn hear(State(told): State<Told>, headers: HeaderMap, body: String) {
    let id = headers["webhook-id"].to_str().unwrap().to_owned();
    told.lock().unwrap().push((id, serde_json::from_str(&body).unwrap()));
}

pub(crate) async fn receiver() -> (String, Told) {
    let told = Told::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let router = Router::new().fallback(hear).with_state(told.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, told)
}

async fn start(folder: &Folder) -> Hub {
    let app = format!("{APP}:{SECRET}");
    let variables = [("KEHUB_BOOTSTRAP_APP", &*app), ("KEHUB_WEBHOOKS_ALLOW_PRIVATE", "1")];
    folder.start_with(&variables).await
}

async fn upsert(hub: &Hub, member: &str) {
    let identity = json!({ "identityType": "member-id", "identityValue": member });
    let body = json!({ "customer": {}, "customerIdentities": [identity] });
    hub.upsert(&hub.token().await, &body).await.unwrap();
}

/// Waits for so many events of this kind.
async fn hears(told: &Told, kind: &str, count: usize) {
    eventually(&format!("{count} times {kind}"), async || {
        let told = told.lock().unwrap();
        told.iter().filter(|(_, event)| event["type"] == kind).count() == count
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_told_across_processes_and_restarts() {
    let folder = Folder::new();
    let (url, told) = receiver().await;
    let mut hub = start(&folder).await;
    let created = client()
        .post(hub.url("/api/webhooks"))
        .bearer_auth(hub.token().await)
        .json(&json!({ "url": url }))
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), 201);

    upsert(&hub, "M-1").await;
    hears(&told, "created", 1).await;
    // The command line is another process: what it writes is announced to nobody.
    folder.run(&["tenant", "preset", "default", "guarded"]);
    hears(&told, "policyChanged", 1).await;

    hub.terminate();
    assert_eq!(hub.ended().await.code(), Some(0), "{}", folder.read("stderr"));
    folder.run(&["tenant", "preset", "default", "compat"]);
    let hub = start(&folder).await;
    hears(&told, "policyChanged", 2).await;
    upsert(&hub, "M-2").await;
    hears(&told, "created", 2).await;
    hears(&told, "identityAttached", 2).await;
    let ids: Vec<String> = told.lock().unwrap().iter().map(|(id, _)| id.clone()).collect();
    let mut once = ids.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), ids.len(), "nothing is told twice after a proper end: {ids:?}");
}
