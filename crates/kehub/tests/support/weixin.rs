//! A stand-in for WeChat on this machine, as its documentation describes it: tokens, pages of 10,000
//! openids, a hundred fans at a time, tags, error codes, and whatever trouble a test plans. It has two
//! accounts.

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub(crate) const APP_ID: &str = "wx0123456789abcdef";
/// Another account, with the same secret.
pub(crate) const OTHER_APP_ID: &str = "wxfedcba9876543210";
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
struct Account {
    fans: Vec<Value>,
    by_openid: HashMap<String, usize>,
    token: Option<String>,
    /// What does not count though the stable interface gives it out.
    revoked: Option<String>,
}

#[derive(Default)]
struct Inner {
    accounts: BTreeMap<&'static str, Account>,
    tokens_made: usize,
    forced: usize,
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
        let accounts = [APP_ID, OTHER_APP_ID].map(|app_id| (app_id, Account::default())).into();
        let inner = Arc::new(Mutex::new(Inner { accounts, ..Inner::default() }));
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
        self.follow_one(APP_ID, fans);
    }

    /// More people follow this account.
    pub(crate) fn follow_one(&self, app_id: &str, fans: Vec<Value>) {
        let mut inner = self.inner();
        let account = inner.accounts.get_mut(app_id).unwrap();
        for fan in fans {
            let place = account.fans.len();
            account.by_openid.insert(fan["openid"].as_str().unwrap().to_owned(), place);
            account.fans.push(fan);
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
        Some(Fault::Expired) => {
            inner.accounts.values_mut().for_each(|account| account.token = None);
        }
        Some(Fault::Revoked) => {
            for account in inner.accounts.values_mut() {
                account.revoked.clone_from(&account.token);
            }
        }
        None => (),
    }
    match (&parts.method, &*path) {
        (&Method::POST, STABLE_TOKEN) => stable_token(&mut inner, &body),
        (&Method::GET, TOKEN) => plain_token(&mut inner, &query),
        (&Method::GET, STABLE_TOKEN) => refuse(43002),
        (method, USER_GET | BATCH_GET | TAGS_GET) => {
            let Some(token) = query.get("access_token") else { return refuse(41001) };
            let mut accounts = inner.accounts.values();
            match accounts.find(|account| account.token.as_ref() == Some(token)) {
                None => refuse(42001),
                Some(account) if account.revoked.as_ref() == Some(token) => refuse(40001),
                Some(account) => match (method, &*path) {
                    (&Method::GET, USER_GET) => page(account, query.get("next_openid")),
                    (&Method::POST, BATCH_GET) => told(account, &body),
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

fn new_token(inner: &mut Inner, app_id: &str) -> String {
    inner.tokens_made += 1;
    let token = format!("token-{}-{}", inner.tokens_made, "x".repeat(120));
    inner.accounts.get_mut(app_id).unwrap().token = Some(token.clone());
    token
}

fn given(token: &str) -> Response {
    Json(json!({ "access_token": token, "expires_in": 7200 })).into_response()
}

/// The account of these credentials, or the code that says why there is none.
fn account<'a>(app_id: Option<&'a str>, secret: Option<&str>) -> Result<&'a str, i64> {
    match (app_id, secret) {
        (Some(app_id @ (APP_ID | OTHER_APP_ID)), Some(APP_SECRET)) => Ok(app_id),
        (Some(APP_ID | OTHER_APP_ID), _) => Err(40125),
        _ => Err(40013),
    }
}

fn stable_token(inner: &mut Inner, body: &Bytes) -> Response {
    let sent: Value = serde_json::from_slice(body).unwrap();
    if sent["grant_type"] != "client_credential" {
        return refuse(40002);
    }
    let app_id = match account(sent["appid"].as_str(), sent["secret"].as_str()) {
        Ok(app_id) => app_id,
        Err(code) => return refuse(code),
    };
    let force = sent["force_refresh"] == true;
    if force {
        inner.forced += 1;
    }
    match inner.accounts[app_id].token.clone().filter(|_| !force) {
        Some(token) => given(&token),
        None => given(&new_token(inner, app_id)),
    }
}

fn plain_token(inner: &mut Inner, query: &HashMap<String, String>) -> Response {
    let get = |name: &str| query.get(name).map(String::as_str);
    match account(get("appid"), get("secret")) {
        Ok(app_id) => given(&new_token(inner, app_id)),
        Err(code) => refuse(code),
    }
}

fn page(account: &Account, behind: Option<&String>) -> Response {
    let start = match behind.filter(|behind| !behind.is_empty()) {
        None => 0,
        Some(behind) => match account.by_openid.get(behind) {
            Some(place) => place + 1,
            None => return refuse(40003),
        },
    };
    let openids: Vec<&Value> =
        account.fans.iter().skip(start).take(PAGE).map(|fan| &fan["openid"]).collect();
    let (total, count) = (account.fans.len(), openids.len());
    let Some(last) = openids.last() else {
        return Json(json!({ "total": total, "count": 0, "next_openid": "" })).into_response();
    };
    let body = json!({
        "total": total, "count": count, "data": { "openid": openids }, "next_openid": last,
    });
    Json(body).into_response()
}

fn told(account: &Account, body: &Bytes) -> Response {
    let sent: Value = serde_json::from_slice(body).unwrap();
    let list = sent["user_list"].as_array().unwrap();
    if list.len() > TOLD_MAX {
        return refuse(40032);
    }
    let fans = list.iter().map(|asked| {
        let openid = asked["openid"].as_str().unwrap();
        match account.by_openid.get(openid) {
            Some(place) => account.fans[*place].clone(),
            None => json!({ "subscribe": 0, "openid": openid }),
        }
    });
    Json(json!({ "user_info_list": fans.collect::<Vec<_>>() })).into_response()
}
