//! A stand-in for WeChat on this machine, as its documentation describes it: tokens, pages of 10,000
//! openids, a hundred fans at a time, tags, error codes, and whatever trouble a test plans.

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub(crate) const APP_ID: &str = "wx0123456789abcdef";
pub(crate) const APP_SECRET: &str = "0123456789abcdef0123456789abcdef";
/// Openids on one page.
const PAGE: usize = 10_000;
/// Fans that are told at a time.
const TOLD_MAX: usize = 100;

pub(crate) const STABLE_TOKEN: &str = "/cgi-bin/stable_token";
pub(crate) const TOKEN: &str = "/cgi-bin/token";
pub(crate) const USER_GET: &str = "/cgi-bin/user/get";
pub(crate) const BATCH_GET: &str = "/cgi-bin/user/info/batchget";
const TAGS_GET: &str = "/cgi-bin/tags/get";

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// It is answered with this error code.
    Code(i64),
    /// The token is over from then on; whoever asks gets another one.
    Expired,
    /// The token does not count, and the stable interface does not know it: only a forced renewal
    /// helps.
    Revoked,
    /// The answer is no JSON.
    Garbled,
}

#[derive(Default)]
struct Inner {
    fans: Vec<Value>,
    by_openid: HashMap<String, usize>,
    token: Option<String>,
    tokens_made: usize,
    forced: usize,
    /// What does not count though the stable interface gives it out.
    revoked: Option<String>,
    calls: Vec<String>,
    faults: Vec<(&'static str, usize, Fault)>,
    /// Calls of this path wait.
    gate: Option<(&'static str, Arc<Semaphore>)>,
}

/// A running stand-in.
#[derive(Clone)]
pub(crate) struct Weixin {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Weixin {
    /// One whose account has these fans.
    pub(crate) async fn start(fans: Vec<Value>) -> Weixin {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Mutex::new(Inner::default()));
        let router = Router::new().fallback(answer).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let weixin = Weixin { address, inner };
        weixin.follow(fans);
        weixin
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}/", self.address)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// More people follow the account.
    pub(crate) fn follow(&self, fans: Vec<Value>) {
        let mut inner = self.inner();
        for fan in fans {
            let place = inner.fans.len();
            inner.by_openid.insert(fan["openid"].as_str().unwrap().to_owned(), place);
            inner.fans.push(fan);
        }
    }

    /// Lets calls of a path wait, until there are permits.
    pub(crate) fn hold(&self, path: &'static str) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        self.inner().gate = Some((path, Arc::clone(&gate)));
        gate
    }

    /// Plans trouble for the so-manieth call of a path, counted from the first one ever.
    pub(crate) fn plan(&self, path: &'static str, call: usize, fault: Fault) {
        self.inner().faults.push((path, call, fault));
    }

    /// How often a path was called.
    pub(crate) fn calls(&self, path: &str) -> usize {
        self.inner().calls.iter().filter(|called| *called == path).count()
    }

    /// How often a token was renewed by force.
    pub(crate) fn forced(&self) -> usize {
        self.inner().forced
    }
}

/// A fan as WeChat tells of it.
pub(crate) fn fan(number: usize) -> Value {
    json!({
        "subscribe": 1, "openid": openid(number), "nickname": "", "sex": 0, "language": "zh_CN",
        "city": "", "province": "", "country": "", "headimgurl": "",
        "subscribe_time": 1_434_093_047 + number, "unionid": format!("oUnion-{number:06}"),
        "remark": "", "groupid": 0, "tagid_list": [], "subscribe_scene": "ADD_SCENE_QR_CODE",
        "qr_scene": 0, "qr_scene_str": "",
    })
}

pub(crate) fn openid(number: usize) -> String {
    format!("oFan-{number:06}")
}

pub(crate) fn fans(count: usize) -> Vec<Value> {
    (1..=count).map(fan).collect()
}

async fn answer(State(inner): State<Arc<Mutex<Inner>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let query: HashMap<String, String> = url_pairs(parts.uri.query().unwrap_or_default());
    let path = parts.uri.path().to_owned();
    let (planned, gate) = called(&mut inner.lock().unwrap(), &path);
    if let Some(gate) = gate {
        let _passed = gate.acquire().await.unwrap();
    }
    let mut inner = inner.lock().unwrap();
    match planned {
        Some(Fault::Code(code)) => return refuse(code),
        Some(Fault::Garbled) => return "<html>502</html>".into_response(),
        Some(Fault::Expired) => inner.token = None,
        Some(Fault::Revoked) => {
            let token = inner.token.clone();
            inner.revoked = token;
        }
        None => (),
    }
    match (&parts.method, &*path) {
        (&Method::POST, STABLE_TOKEN) => stable_token(&mut inner, &body),
        (&Method::GET, TOKEN) => plain_token(&mut inner, &query),
        (&Method::GET, STABLE_TOKEN) => refuse(43002),
        (method, USER_GET | BATCH_GET | TAGS_GET) => {
            let token = query.get("access_token");
            match token {
                None => refuse(41001),
                Some(token) if inner.token.as_ref() != Some(token) => refuse(42001),
                Some(token) if inner.revoked.as_ref() == Some(token) => refuse(40001),
                Some(_) => match (method, &*path) {
                    (&Method::GET, USER_GET) => page(&inner, query.get("next_openid")),
                    (&Method::POST, BATCH_GET) => told(&inner, &body),
                    (&Method::GET, TAGS_GET) => Json(json!({
                        "tags": [{ "id": 2, "name": "星标组", "count": 1 }]
                    }))
                    .into_response(),
                    _ => refuse(43001),
                },
            }
        }
        _ => refuse(40066),
    }
}

/// Counts a call; what goes wrong with it, and what it waits for.
fn called(inner: &mut Inner, path: &str) -> (Option<Fault>, Option<Arc<Semaphore>>) {
    inner.calls.push(path.to_owned());
    let call = inner.calls.iter().filter(|called| *called == path).count();
    let planned = inner.faults.iter().find(|(of, at, _)| *of == path && *at == call);
    let gate = inner.gate.as_ref().filter(|(of, _)| *of == path);
    (planned.map(|(.., fault)| *fault), gate.map(|(_, gate)| Arc::clone(gate)))
}

fn url_pairs(query: &str) -> HashMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://x/?{query}")).unwrap();
    url.query_pairs().into_owned().collect()
}

fn refuse(code: i64) -> Response {
    Json(json!({ "errcode": code, "errmsg": format!("error rid: {code}") })).into_response()
}

fn new_token(inner: &mut Inner) -> String {
    inner.tokens_made += 1;
    let token = format!("token-{}-{}", inner.tokens_made, "x".repeat(120));
    inner.token = Some(token.clone());
    token
}

fn given(token: &str) -> Response {
    Json(json!({ "access_token": token, "expires_in": 7200 })).into_response()
}

fn credentials(app_id: Option<&str>, secret: Option<&str>) -> Option<Response> {
    match (app_id, secret) {
        (Some(APP_ID), Some(APP_SECRET)) => None,
        (Some(APP_ID), _) => Some(refuse(40125)),
        _ => Some(refuse(40013)),
    }
}

fn stable_token(inner: &mut Inner, body: &Bytes) -> Response {
    let sent: Value = serde_json::from_slice(body).unwrap();
    if sent["grant_type"] != "client_credential" {
        return refuse(40002);
    }
    if let Some(refused) = credentials(sent["appid"].as_str(), sent["secret"].as_str()) {
        return refused;
    }
    let force = sent["force_refresh"] == true;
    if force {
        inner.forced += 1;
    }
    match inner.token.clone().filter(|_| !force) {
        Some(token) => given(&token),
        None => given(&new_token(inner)),
    }
}

fn plain_token(inner: &mut Inner, query: &HashMap<String, String>) -> Response {
    let get = |name: &str| query.get(name).map(String::as_str);
    credentials(get("appid"), get("secret")).unwrap_or_else(|| given(&new_token(inner)))
}

fn page(inner: &Inner, behind: Option<&String>) -> Response {
    let start = match behind.filter(|behind| !behind.is_empty()) {
        None => 0,
        Some(behind) => match inner.by_openid.get(behind) {
            Some(place) => place + 1,
            None => return refuse(40003),
        },
    };
    let openids: Vec<&Value> =
        inner.fans.iter().skip(start).take(PAGE).map(|fan| &fan["openid"]).collect();
    let (total, count) = (inner.fans.len(), openids.len());
    let Some(last) = openids.last() else {
        return Json(json!({ "total": total, "count": 0, "next_openid": "" })).into_response();
    };
    let body = json!({
        "total": total, "count": count, "data": { "openid": openids }, "next_openid": last,
    });
    Json(body).into_response()
}

fn told(inner: &Inner, body: &Bytes) -> Response {
    let sent: Value = serde_json::from_slice(body).unwrap();
    let list = sent["user_list"].as_array().unwrap();
    if list.len() > TOLD_MAX {
        return refuse(40032);
    }
    let fans = list.iter().map(|asked| {
        let openid = asked["openid"].as_str().unwrap();
        match inner.by_openid.get(openid) {
            Some(place) => inner.fans[*place].clone(),
            None => json!({ "subscribe": 0, "openid": openid }),
        }
    });
    Json(json!({ "user_info_list": fans.collect::<Vec<_>>() })).into_response()
}
