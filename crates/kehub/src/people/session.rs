//! Sessions as a browser holds them: a cookie whose hash is kept, and a token that pages repeat.

use super::By;
use super::origin::CSRF_HEADER;
use crate::server::Hub;
use crate::server::access::Caller;
use crate::server::problem::Problem;
use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use kehub_core::people::PeopleChange;
use kehub_core::people::audit::{About, Deed, Note};
use kehub_core::people::session::{Session, SessionChange, SessionHash};
use kehub_core::{CustomerId, Micros};
use kehub_store::StoreError;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use subtle::ConstantTimeEq as _;
use tracing::debug;

/// What the cookie is called where pages come over TLS: browsers take it from no other host and path,
/// and send it over TLS only.
pub(crate) const SECURE_NAME: &str = "__Host-kehub";
/// What it is called else.
pub(crate) const PLAIN_NAME: &str = "kehub";
const SECRET_BYTES: usize = 32;
/// For how long browsers keep it: as long as a session may last.
const KEPT_SECONDS: u32 = 30 * 24 * 60 * 60;

/// What a browser holds of a session.
pub(crate) struct Secret(Box<str>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    pub(crate) fn draw() -> Result<Secret, getrandom::Error> {
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Secret(hex::encode(bytes).into()))
    }

    pub(crate) fn hash(&self) -> SessionHash {
        SessionHash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The cookie that gives it to a browser.
    pub(crate) fn cookie(&self, hub: &Hub) -> Option<HeaderValue> {
        cookie(hub, &self.0, KEPT_SECONDS)
    }

    /// What a browser sends of it; `None` if it sends nothing of this form.
    fn sent(hub: &Hub, headers: &HeaderMap) -> Option<Secret> {
        let name = name(hub);
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|it| it.split_once('='));
        let (_, value) = pairs.find(|(found, _)| found.trim() == name)?;
        let is_secret =
            value.len() == 2 * SECRET_BYTES && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_secret.then(|| Secret(value.into()))
    }
}

/// The cookie that takes it from a browser again.
pub(crate) fn no_cookie(hub: &Hub) -> Option<HeaderValue> {
    cookie(hub, "", 0)
}

fn cookie(hub: &Hub, value: &str, seconds: u32) -> Option<HeaderValue> {
    let (name, secure) = (name(hub), if is_secure(hub) { "; Secure" } else { "" });
    let cookie =
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(cookie).ok()
}

fn name(hub: &Hub) -> &'static str {
    if is_secure(hub) { SECURE_NAME } else { PLAIN_NAME }
}

fn is_secure(hub: &Hub) -> bool {
    hub.settings().public_url.as_ref().is_some_and(|url| url.scheme() == "https")
}

/// Somebody who is signed in.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) session: Session,
    pub(crate) caller: Arc<Caller>,
    /// What forms and scripts of a page repeat.
    pub(crate) csrf: Box<str>,
    /// Whether a call of the API told of customers in full.
    read_in_full: AtomicBool,
}

impl SignedIn {
    /// Whether this is the token of its pages, in a time that does not depend on where it differs.
    pub(crate) fn is_csrf(&self, token: &[u8]) -> bool {
        self.csrf.as_bytes().ct_eq(token).into()
    }

    /// Remembers that a call of the API is about to tell of customers in full.
    pub(crate) fn reads_in_full(&self) {
        self.read_in_full.store(true, Ordering::Relaxed);
    }

    /// Whether one did.
    pub(crate) fn has_read_in_full(&self) -> bool {
        self.read_in_full.load(Ordering::Relaxed)
    }

    /// Writes down that a call of the API told of customers in full.
    pub(crate) async fn note_reading(
        &self,
        hub: &Hub,
        route: &'static str,
        path: &str,
        now: Micros,
        request_id: &str,
    ) -> Result<(), Problem> {
        let customer = path.strip_prefix("/api/customers/").and_then(|rest| rest.split('/').next());
        let customer = customer.and_then(|id| id.parse().ok()).map(CustomerId);
        let note = Note {
            deed: Deed::CustomersRead,
            about: customer.map(About::Customer),
            details: [("route".into(), route.into())].into(),
        };
        let (tenant, app) = (self.caller.tenant.id, self.caller.app.number);
        let by = By { tenant, app, now, request_id };
        by.apply(hub, PeopleChange::Note(note)).await.map(drop)
    }

    /// Whether a header repeats the token.
    pub(crate) fn is_repeated_in(&self, headers: &HeaderMap) -> bool {
        headers.get(CSRF_HEADER).is_some_and(|token| self.is_csrf(token.as_bytes()))
    }
}

/// Who is signed in and sends a request with these headers, if anybody.
pub(crate) async fn find(
    hub: &Hub,
    headers: &HeaderMap,
    now: Micros,
    request_id: &str,
) -> Result<Option<SignedIn>, StoreError> {
    let Some(secret) = Secret::sent(hub, headers) else { return Ok(None) };
    let found = hub.store().session(secret.hash()).await?;
    let Some(session) = found.filter(|session| session.is_live(now)) else { return Ok(None) };
    let access = hub.access();
    let Some(caller) = access.user(session.app).cloned() else { return Ok(None) };
    if session.is_to_be_noted(now) {
        touch(hub, &session, &caller, now, request_id);
    }
    let csrf = access.form_token(session.hash);
    Ok(Some(SignedIn { session, caller, csrf, read_in_full: AtomicBool::new(false) }))
}

/// Notes that something is done in it, beside what is done.
fn touch(hub: &Hub, session: &Session, caller: &Caller, now: Micros, request_id: &str) {
    let change = PeopleChange::Session(SessionChange::Touch(session.hash));
    let (tenant, app, hub) = (caller.tenant.id, session.app, hub.clone());
    let request_id = request_id.to_owned();
    tokio::spawn(async move {
        let by = By { tenant, app, now, request_id: &request_id };
        // A later request notes it if this one cannot.
        if let Err(problem) = by.apply(&hub, change).await {
            debug!(?problem, "a session could not be noted");
        }
    });
}
