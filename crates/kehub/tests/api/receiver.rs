//! A receiver of webhooks on this machine, and what it was told.

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, body};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// A call as it arrived, and how it was answered.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) status: u16,
}

impl Seen {
    /// The event.
    pub(crate) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Place, kind and customer of the event.
    pub(crate) fn told(&self) -> (i64, i64, String, i64) {
        let data = &self.event()["data"];
        let number = |key: &str| data[key].as_i64().unwrap_or_default();
        let kind = data["kind"].as_str().unwrap().to_owned();
        (number("seq"), number("index"), kind, number("customerId"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// Whether one of the signatures is good, as a receiver would find out.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let head = format!("{}.{}.", self.header("webhook-id"), self.header("webhook-timestamp"));
        mac.update(head.as_bytes());
        mac.update(&self.body);
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|signature| signature == expected)
    }
}

type Answer = dyn FnMut(&Seen) -> Response + Send;

struct Inner {
    seen: Vec<Seen>,
    answer: Box<Answer>,
}

/// A running receiver.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Receiver {
    /// One that takes everything.
    pub(crate) async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer: Box<Answer> = Box::new(|_| StatusCode::OK.into_response());
        let inner = Arc::new(Mutex::new(Inner { seen: Vec::new(), answer }));
        let router = Router::new().fallback(hear).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Receiver { address, inner }
    }

    /// Answers from now on like this.
    pub(crate) fn answers(&self, mut status: impl FnMut(&Seen) -> u16 + Send + 'static) {
        self.responds(move |seen| StatusCode::from_u16(status(seen)).unwrap().into_response());
    }

    pub(crate) fn responds(&self, answer: impl FnMut(&Seen) -> Response + Send + 'static) {
        self.inner.lock().unwrap().answer = Box::new(answer);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Every call so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner.lock().unwrap().seen.clone()
    }

    /// The calls that it took, once there are so many.
    pub(crate) async fn taken(&self, count: usize) -> Vec<Seen> {
        let mut taken = Vec::new();
        eventually(&format!("{count} events are told"), async || {
            taken = self.seen().into_iter().filter(|seen| seen.status < 300).collect();
            taken.len() >= count
        })
        .await;
        assert_eq!(taken.len(), count, "{:?}", taken.iter().map(Seen::told).collect::<Vec<_>>());
        taken
    }
}

async fn hear(State(inner): State<Arc<Mutex<Inner>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body::to_bytes(body, usize::MAX).await.unwrap();
    let path = parts.uri.path().to_owned();
    let mut seen = Seen { path, headers: parts.headers, body, status: 0 };
    let mut inner = inner.lock().unwrap();
    let response = (inner.answer)(&seen);
    seen.status = response.status().as_u16();
    inner.seen.push(seen);
    response
}

/// Looks again and again until it is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_so().await {
        assert!(Instant::now() < deadline, "waited, but not: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
