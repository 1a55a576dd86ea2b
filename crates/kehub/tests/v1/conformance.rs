//! Every call over a real socket, each answer checked against the description of the API.
//!
//! With `KEHUB_TEST_URL`, `KEHUB_TEST_APP` and `KEHUB_TEST_SECRET` it asks a hub that runs
//! elsewhere; it leaves a few customers there.

use crate::hub::{SECRET, TestHub, valid};
use kehub::server::{Limits, serve};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Mutex;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

struct Target {
    client: reqwest::Client,
    base: String,
    token: String,
    /// The calls that were made, as `get /v1/customers`.
    made: Mutex<BTreeSet<String>>,
}

#[tokio::test]
async fn every_answer_is_as_described() {
    let hub = TestHub::on_memory().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("http://{}", listener.local_addr().unwrap());
    let (end, ended) = oneshot::channel::<()>();
    let app = hub.app.clone();
    let server = tokio::spawn(serve(listener, app, Limits::default(), async {
        ended.await.unwrap();
    }));

    let or = |name: &str, here: &str| std::env::var(name).unwrap_or(here.to_owned());
    let base = or("KEHUB_TEST_URL", &here);
    let (id, secret) = (or("KEHUB_TEST_APP", hub.writer.id), or("KEHUB_TEST_SECRET", SECRET));
    // Who links a client for TLS has to choose who does the sums.
    drop(rustls::crypto::ring::default_provider().install_default());
    let (client, made) = (reqwest::Client::new(), Mutex::default());
    let mut target = Target { client, base, token: String::new(), made };
    let query = format!("grant_type=client_credentials&appid={id}&secret={secret}");
    let token = target.call("get", "/security/accesstoken", "", &query, "").await;
    target.token = token["access_token"].as_str().unwrap().to_owned();

    writes(&target).await;
    reads(&target).await;
    refusals(&target).await;
    all_were_made(&target);
    drop(target);
    end.send(()).unwrap();
    server.await.unwrap();
}

async fn writes(target: &Target) {
    let both = "/v1/customerandidentities";
    let body = r#"{"customer":{"name":"W","gender":"1","mobile":"13800000001","attr":{"a":1.5}},
        "customerIdentities":[{"identityType":"conformance","identityValue":"1"}]}"#;
    for query in ["", "resolution=1", "dryRun=1&resolution=1", "onConflict=keep"] {
        target.call("post", both, "", query, body).await;
    }
    let customer = target
        .call("post", "/v1/customers", "", "resolution=1", r#"{"mobile":"13800000001"}"#)
        .await;
    let id = customer["id"].to_string();
    target.call("put", "/v1/customers/{id}", &id, "resolution=1", r#"{"city":"Beijing"}"#).await;
    let attach =
        format!(r#"{{"customerId":{id},"identityType":"wechat","identityValue":"conformance"}}"#);
    target.call("post", "/v1/customeridentities", "", "resolution=1", &attach).await;
    let gone =
        target.call("post", "/v1/customers", "", "", r#"{"email":"gone@example.com"}"#).await;
    let gone = gone["id"].to_string();
    target.call("delete", "/v1/customers/{id}", &gone, "", "").await;
    target.call("delete", "/v1/customers/{id}", &gone, "", "").await;
}

async fn reads(target: &Target) {
    for query in ["", "rows=1&sidx=attr.a&sord=desc", "select=id,attr.a", "gender=x", "page=99"] {
        target.call("get", "/v1/customers", "", query, "").await;
        target.call("get", "/v1/customers/count", "", query, "").await;
    }
    for query in ["customerIds=1", "customerIds=x", "identityValue=conformance", ""] {
        target.call("get", "/v1/customeridentities", "", query, "").await;
    }
    target.call("get", "/v1/customers/{id}", "1", "", "").await;
    target.call("get", "/v1/customers/{id}", "1", "select=name", "").await;
    for path in ["/v1/users/current", "/v1/wechataccounts", "/healthz", "/readyz", "/metrics"] {
        target.call("get", path, "", "", "").await;
    }
}

async fn refusals(target: &Target) {
    for body in ["{}", "no JSON", r#"{"customer":{"gender":9},"customerIdentities":[]}"#] {
        target.call("post", "/v1/customerandidentities", "", "", body).await;
        target.call("post", "/v1/customers", "", "", body).await;
        target.call("post", "/v1/customeridentities", "", "", body).await;
        target.call("put", "/v1/customers/{id}", "1", "", body).await;
    }
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    target.call("post", "/v1/customers", "", "", &large).await;
    for (method, path) in [("get", "/v1/customers/{id}"), ("put", "/v1/customers/{id}")] {
        target.call(method, path, "987654321", "", r#"{"name":"W"}"#).await;
    }
    target.call("get", "/security/accesstoken", "", "", "").await;
    let made = target.made.lock().unwrap().clone();
    for call in made {
        let (method, path) = call.split_once(' ').unwrap();
        target.call_as("", method, path, "1", "", "{}").await;
    }
}

fn all_were_made(target: &Target) {
    let paths = kehub::server::openapi()["paths"].as_object().unwrap();
    // Those under `/api` are held against the description with every call of their own tests.
    for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("/api/")) {
        for method in item.as_object().unwrap().keys() {
            let call = format!("{method} {path}");
            assert!(target.made.lock().unwrap().contains(&call), "{call} was never made");
        }
    }
}

impl Target {
    async fn call(&self, method: &str, path: &str, id: &str, query: &str, body: &str) -> Value {
        self.call_as(&self.token, method, path, id, query, body).await
    }

    /// Makes a call and holds its answer against the description.
    async fn call_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        id: &str,
        query: &str,
        body: &str,
    ) -> Value {
        let call = format!("{method} {path}");
        self.made.lock().unwrap().insert(call.clone());
        let url = format!("{}{}?{query}&access_token={token}", self.base, path.replace("{id}", id));
        let method_name = reqwest::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let request = self.client.request(method_name, url).body(body.to_owned());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16().to_string();
        let described = &kehub::server::openapi()["paths"][path][method]["responses"][&status];
        assert!(described.is_object(), "{call} answered {status}, which is not described");
        let content_type = answer.headers().get("content-type").cloned();
        let text = answer.text().await.unwrap();
        let Some(contents) = described["content"].as_object() else {
            assert_eq!(text, "", "{call} {status}");
            return Value::Null;
        };
        let (media, content) = contents.iter().next().unwrap();
        let content_type = content_type.unwrap();
        assert!(content_type.to_str().unwrap().starts_with(media), "{call} {content_type:?}");
        let value = if media == "application/json" {
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{call}: {text}"))
        } else {
            Value::String(text)
        };
        valid(&content["schema"], &value, &format!("{call} {status}"));
        value
    }
}
