//! A hub in this process, and how clients of `/api` ask it.

#[path = "../support/hub.rs"]
mod shared;

pub(crate) use shared::{Actor, Answer, Endless, SECRET, TestHub, alone, on_every_engine, request};

use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use kehub::clock::Clock as _;
use kehub_core::command::{Command, Origin, Request};
use kehub_core::outcome::Outcome;
use kehub_core::{AppNumber, TenantId};
use kehub_store::{Batch, Store as _};
use serde_json::{Value, json};
use shared::valid;
use tokio::sync::oneshot;

impl TestHub {
    /// A call without a token.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        checked(method, path, self.call(json_request(method, path, body)).await)
    }

    /// Something that people decide in the first tenant, a second after what was before.
    pub(crate) async fn decide(&self, command: Command) {
        self.clock.advance_seconds(1);
        let at = self.clock.now();
        let origin = Origin { app: AppNumber(1), actor: None, request: "decision".into(), at };
        let request =
            Request { tenant: TenantId(1), origin, dry_run: false, idempotency: None, command };
        let outcome = self.store.apply(Batch::one(request)).await.unwrap().remove(0);
        assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    }
}

impl Actor {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.ask("PATCH", path, body).await
    }

    /// What a change is answered whose body arrives after something else was done: all that is known
    /// before the body is asked for is known by then.
    pub(crate) async fn patch_after(
        &self,
        path: &str,
        body: &Value,
        done: impl Future<Output = Answer>,
    ) -> Answer {
        let (asked, is_asked) = oneshot::channel::<()>();
        let (deliver, is_due) = oneshot::channel::<()>();
        let bytes = body.to_string();
        let arriving = futures_util::stream::once(async move {
            asked.send(()).unwrap();
            is_due.await.unwrap();
            Ok::<_, std::io::Error>(bytes)
        });
        let mut call = json_request("PATCH", path, &Value::Null);
        *call.body_mut() = Body::from_stream(arriving);
        let meanwhile = async {
            is_asked.await.unwrap();
            assert_eq!(done.await.status, 200);
            deliver.send(()).unwrap();
        };
        tokio::join!(self.ask_with(path, call), meanwhile).0
    }

    /// A call with the token of this actor. `null` is no body.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.ask_with(path, json_request(method, path, body)).await
    }

    /// A call of any form with the token of this actor.
    pub(crate) async fn ask_with(&self, path: &str, request: axum::http::Request<Body>) -> Answer {
        let method = request.method().to_string();
        checked(&method, path, self.send_signed(request).await)
    }

    /// The same without a look at the description.
    pub(crate) async fn send_signed(&self, mut request: axum::http::Request<Body>) -> Answer {
        let token = format!("Bearer {}", self.token).parse().unwrap();
        request.headers_mut().insert(AUTHORIZATION, token);
        self.send(request).await
    }

    /// `POST /api/customers` with these identities, as `type:value`, and these fields.
    pub(crate) async fn upsert(&self, identities: &[&str], customer: Value) -> Answer {
        let body = json!({ "customer": customer, "identities": sent(identities) });
        self.post("/api/customers", &body).await
    }
}

impl Answer {
    /// The body of a success with this status.
    #[track_caller]
    pub(crate) fn was(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    /// The problem of this status and code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        let problem = self.was(status);
        assert_eq!(problem["code"], code, "{problem}");
        problem
    }

    /// Places and codes of what did not fit.
    #[track_caller]
    pub(crate) fn unfit(&self, status: u16, code: &str) -> Vec<String> {
        let problem = self.refused(status, code);
        let errors = problem["errors"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        errors
            .map(|error| {
                let place = error.get("pointer").or(error.get("parameter")).unwrap();
                format!("{} {}", text(place), text(&error["code"]))
            })
            .collect()
    }
}

/// Identities as they are sent, from `type:value`.
pub(crate) fn sent(identities: &[&str]) -> Value {
    let items = identities.iter().map(|identity| {
        let (kind, value) = identity.split_once(':').unwrap();
        json!({ "type": kind, "value": value })
    });
    items.collect()
}

fn json_request(method: &str, path: &str, body: &Value) -> axum::http::Request<Body> {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    request(method, path, text)
}

/// Every call under `/api` that the description tells of: path template, method, operation.
pub(crate) fn described_calls() -> Vec<(&'static str, &'static str, &'static Value)> {
    let paths = kehub::server::openapi()["paths"].as_object().unwrap();
    let own = paths.iter().filter(|(path, _)| path.starts_with("/api/"));
    own.flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
    .collect()
}

/// Holds an answer against the description of its call. What is not described must be told as a
/// problem all the same.
#[track_caller]
fn checked(method: &str, path: &str, answer: Answer) -> Answer {
    let calls = described_calls();
    let described = calls.iter().find(|(template, described, _)| {
        described.eq_ignore_ascii_case(method) && is_of(template, path)
    });
    let status = answer.status.as_u16();
    let what = format!("{method} {path} {status}");
    if let Some((_, _, operation)) = described {
        let response = &operation["responses"][&status.to_string()];
        assert!(response.is_object(), "{what} is not described: {}", answer.text);
        match response["content"].as_object() {
            None => assert_eq!(answer.text, "", "{what}"),
            Some(content) => {
                let media = answer.header("content-type").split(';').next().unwrap();
                let content = content.get(media).unwrap_or_else(|| panic!("{what}: {media}"));
                if media.ends_with("json") && media != "application/x-ndjson" {
                    valid(&content["schema"], &answer.json(), &what);
                }
            }
        }
    }
    if status >= 400 {
        assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
        let problem = answer.json();
        valid(&json!({ "$ref": "#/components/schemas/Problem" }), &problem, &what);
        assert_eq!(problem["status"], status, "{what}");
        assert_eq!(problem["requestId"], answer.header("x-request-id"), "{what}");
    }
    answer
}

fn is_of(template: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template.zip(path).all(|(word, found)| word.starts_with('{') || word == found)
}
