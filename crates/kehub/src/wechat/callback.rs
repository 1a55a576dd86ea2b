//! `/wechat/{app id}/callback`: what WeChat tells as it happens.
//!
//! WeChat waits five seconds for an answer and then tells it again, three times in all. So what is told
//! is written down before the answer, a repeat (same event, fan and second) is known by a receipt in the
//! store, and what needs a call to WeChat is done afterwards. While no hub answers, events get lost or
//! late: one that is older than what is known changes nothing.

use super::accounts::is_app_id;
use super::fans;
use super::known::{self, Known};
use super::message::{AesKey, Event, Message, is_signed};
use super::seal::{Unsealed, What};
use crate::server::Hub;
use crate::server::context::read;
use crate::server::problem::Problem;
use crate::wire::query::Query;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use kehub_core::command::{Command, Origin, Request};
use kehub_core::outcome::Outcome;
use kehub_core::wechat::WechatAccount;
use kehub_core::{AppNumber, TenantId, WechatId};
use kehub_store::{Batch, StoreError};
use std::time::Duration;
use tracing::{debug, warn};

/// How long it may take until it is written down: what is answered later is told again.
const PATIENCE: Duration = Duration::from_secs(4);
/// Characters of a signature.
const SIGNATURE_CHARS: usize = 40;
/// What tells WeChat that it was heard.
const HEARD: &str = "success";

/// An account that a call is signed for, and its secrets.
struct Addressee {
    tenant: TenantId,
    account: WechatAccount,
    token: String,
    aes_key: Option<AesKey>,
}

/// What a call says about itself.
struct Signed {
    signature: String,
    msg_signature: String,
    timestamp: String,
    nonce: String,
    is_encrypted: bool,
}

impl Signed {
    /// `None` if something is missing that every signed call has, or looks like nothing that WeChat sends:
    /// anybody may call, so that such a call is to cost nothing.
    fn of(query: Option<&str>) -> Option<Signed> {
        let query = Query::new(query);
        let text = |name| query.text(name).ok().flatten().unwrap_or_default().into_owned();
        let signed = Signed {
            signature: text("signature"),
            msg_signature: text("msg_signature"),
            timestamp: text("timestamp"),
            nonce: text("nonce"),
            is_encrypted: text("encrypt_type") == "aes",
        };
        let is_time = |text: &str| text.parse::<u64>().is_ok();
        let is_whole = is_digest(&signed.signature)
            && (!signed.is_encrypted || is_digest(&signed.msg_signature))
            && is_time(&signed.timestamp)
            && !signed.nonce.is_empty();
        is_whole.then_some(signed)
    }
}

/// Whether this may be a SHA-1, as signatures are.
fn is_digest(text: &str) -> bool {
    text.len() == SIGNATURE_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Answers WeChat's question whether this is the address of the account: with what it sent along.
pub(crate) async fn verify(
    State(hub): State<Hub>,
    Path(app_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(signed) = Signed::of(query.as_deref()) else { return refused() };
    match addressees(&hub, &app_id, &signed).await {
        Ok(found) if !found.is_empty() => {
            for to in &found {
                heard(&hub, to);
            }
            let echo = Query::new(query.as_deref()).text("echostr").ok().flatten();
            echo.unwrap_or_default().into_owned().into_response()
        }
        Ok(_) => refused(),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Hears what happened.
pub(crate) async fn receive(
    State(hub): State<Hub>,
    Path(app_id): Path<String>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Response {
    let Some(signed) = Signed::of(query.as_deref()) else { return refused() };
    let hearing = hear(&hub, &app_id, &signed, body);
    match tokio::time::timeout(PATIENCE, hearing).await {
        Ok(Ok(response)) => response,
        Ok(Err(problem)) => problem.into_response(),
        // It may have been written down: told again, it is a repeat.
        Err(_) => Problem::OutcomeUnknown.into_response(),
    }
}

async fn hear(hub: &Hub, app_id: &str, signed: &Signed, body: Body) -> Result<Response, Problem> {
    let addressees = addressees(hub, app_id, signed).await?;
    if addressees.is_empty() {
        return Ok(refused());
    }
    let body = read(hub, body).await?;
    let mut is_heard = false;
    for to in &addressees {
        if let Some(message) = opened(to, signed, &body) {
            heard(hub, to);
            take(hub, to, &message).await?;
            is_heard = true;
        }
    }
    Ok(if is_heard { HEARD.into_response() } else { refused() })
}

fn heard(hub: &Hub, to: &Addressee) {
    hub.wechat().note_heard((to.tenant, to.account.id), hub.clock().now());
}

/// Writes down what a message says, if that counts here.
async fn take(hub: &Hub, to: &Addressee, message: &Message) -> Result<(), Problem> {
    let seconds = message.create_time.trim().parse();
    let (Some(event), Ok(seconds)) = (message.event(), seconds) else { return Ok(()) };
    let (app_id, openid) = (&*to.account.app_id, &*message.from_user_name);
    let at = fans::moment(seconds);
    let mut upsert = match event {
        Event::Followed { scene } => fans::followed(app_id, openid, at, scene),
        Event::Scanned { scene } => fans::scanned(app_id, openid, scene),
        Event::Unfollowed => fans::unfollowed(app_id, openid, at),
    };
    let known = Known::of(hub.store(), to.tenant, &upsert).await?;
    // Somebody who is not known, or not any more, is not made known by leaving.
    if known.is_newer(app_id, at) || (event == Event::Unfollowed && known.is_nobody()) {
        return Ok(());
    }
    if matches!(event, Event::Followed { .. }) {
        let bound = known::bound(hub.store(), to.tenant).await?;
        if !known.is_told_by(app_id, at, &bound) {
            fans::leave_out_person(&mut upsert);
        }
    }
    let told = [app_id, openid, message.create_time.trim(), &*message.event];
    let origin = Origin {
        app: AppNumber(0),
        actor: None,
        request: hub.next_request_id(),
        at: hub.clock().now(),
    };
    let request = Request {
        tenant: to.tenant,
        origin,
        dry_run: false,
        idempotency: Some(hub.access().fingerprints().of_message(to.tenant, &told)),
        command: Command::Upsert(upsert),
    };
    match hub.store().apply(Batch::one(request)).await?.pop() {
        Some(Outcome::Resolved(_)) if matches!(event, Event::Followed { .. }) => {
            hub.wechat().note_fresh((to.tenant, to.account.id), openid);
        }
        Some(Outcome::Refused(_)) => {
            let WechatId(account) = to.account.id;
            warn!(tenant = to.tenant.0, account, "a WeChat event was refused by the rules");
        }
        // A repeat, or nothing more to do.
        _ => (),
    }
    Ok(())
}

/// The accounts of this app id that a call is signed for: several where tenants have bound the same one.
async fn addressees(
    hub: &Hub,
    app_id: &str,
    signed: &Signed,
) -> Result<Vec<Addressee>, StoreError> {
    let mut found = Vec::new();
    if !is_app_id(app_id) {
        return Ok(found);
    }
    for ((tenant, id), account) in hub.store().wechat_accounts(None).await? {
        // Paths come in lower case.
        if !account.app_id.eq_ignore_ascii_case(app_id) {
            continue;
        }
        match addressee(hub, tenant, account, signed) {
            Ok(to) => found.extend(to),
            // As often as anybody likes to call. The worker tells of it when a hub starts.
            Err(error) => {
                debug!(tenant = tenant.0, account = id.0, %error, "WeChat cannot be heard");
            }
        }
    }
    Ok(found)
}

/// The account, if the call is signed for it.
fn addressee(
    hub: &Hub,
    tenant: TenantId,
    account: WechatAccount,
    signed: &Signed,
) -> Result<Option<Addressee>, Unsealed> {
    let (wechat, secrets) = (hub.wechat(), &account.secrets);
    let Some(token) = &secrets.token else { return Ok(None) };
    let token = wechat.open(tenant, &account, What::CallbackToken, token)?;
    if !is_signed(&signed.signature, &token, &[&signed.timestamp, &signed.nonce]) {
        return Ok(None);
    }
    let aes_key = secrets.aes_key.as_ref();
    let aes_key =
        aes_key.map(|key| wechat.open(tenant, &account, What::AesKey, key)).transpose()?;
    let aes_key = aes_key.as_deref().and_then(AesKey::read);
    Ok(Some(Addressee { tenant, account, token, aes_key }))
}

/// The message, decrypted if it is encrypted. An account with a key takes no plain ones: what they say
/// is not signed.
fn opened(to: &Addressee, signed: &Signed, body: &[u8]) -> Option<Message> {
    let message = Message::read(std::str::from_utf8(body).ok()?)?;
    let Some(key) = &to.aes_key else {
        return (!signed.is_encrypted).then_some(message);
    };
    let encrypted = message.encrypt.filter(|_| signed.is_encrypted)?;
    let texts = [&*signed.timestamp, &*signed.nonce, &*encrypted];
    if !is_signed(&signed.msg_signature, &to.token, &texts) {
        return None;
    }
    Message::read(&key.open(&encrypted, &to.account.app_id)?)
}

/// Whether there is such an account is nobody's business who cannot sign for it.
fn refused() -> Response {
    (StatusCode::FORBIDDEN, "expected a call that WeChat has signed for a bound account")
        .into_response()
}
