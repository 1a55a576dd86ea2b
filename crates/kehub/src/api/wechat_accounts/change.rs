//! Writes of WeChat accounts: bind, import fans, unbind.

use super::body::AccountBody;
use super::list::{missing, named};
use super::sent;
use crate::api::Call;
use crate::api::problem::Problem;
use crate::server::problem::json;
use crate::wechat::accounts::Given;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use kehub_core::WechatId;
use kehub_core::command::Command;
use kehub_core::directory::Permission;
use kehub_core::outcome::Outcome;
use kehub_core::wechat::{WechatAccount, WechatChange, WechatOutcome};

/// Bind a WeChat account
///
/// Or change the one of this `appId`: what is absent stays. `created` tells which of the two it was, or
/// would be. Secrets are encrypted under the key of the
/// hub (`KEHUB_SECRET_KEY`), and shown by no call.
#[utoipa::path(post, path = "/api/wechat/accounts", tag = "API WeChat")]
pub(crate) async fn api_wechat_account_bind(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::WechatAdmin)?;
    let dry_run = call.dry_run()?;
    let body = call.read(body).await?;
    let (account, created) = bind(&call, &body, false, dry_run).await?;
    let status = if created && !dry_run { StatusCode::CREATED } else { StatusCode::OK };
    Ok(json(status, &AccountBody::of(&account, call.now()).bound(created)))
}

/// Binds or changes the account that a body names; the account afterwards, and whether it is new. Where only a
/// new one `is_new`, one that is bound by now stays as it is.
pub(crate) async fn bind(
    call: &Call,
    body: &[u8],
    is_new: bool,
    dry_run: bool,
) -> Result<(WechatAccount, bool), Problem> {
    let given = Given { is_new, ..sent::read(body)? };
    let key = call.hub().wechat().key();
    let bind = given.sealed(key, call.tenant()).map_err(|bad| sent::unsealed(&bad))?;
    changed(call, bind, dry_run).await
}

/// Import the fans of a WeChat account
///
/// All of them, page by page, in the background: `import` of the account tells how it goes. One that is
/// under way goes on at once instead of at the end of its pause, one that failed goes on at the page
/// where it stopped. With `fromStart=1` either begins again with the first page.
#[utoipa::path(post, path = "/api/wechat/accounts/{id}/imports", tag = "API WeChat")]
pub(crate) async fn api_wechat_import_start(call: Call) -> Result<Response, Problem> {
    call.require(Permission::WechatAdmin)?;
    let mut parameters = call.parameters();
    let (dry_run, from_start) = (parameters.dry_run(), parameters.flag("fromStart"));
    parameters.end()?;
    let account = import_fans(&call, named(&call)?, from_start, dry_run).await?;
    let status = if dry_run { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(json(status, &AccountBody::of(&account, call.now())))
}

/// Asks for an import of the fans of an account, which begins with the first page in any case, or goes on where
/// one has stopped.
pub(crate) async fn import_fans(
    call: &Call,
    id: WechatId,
    from_start: bool,
    dry_run: bool,
) -> Result<WechatAccount, Problem> {
    let ask = WechatChange::Ask { id, from_start, unless_since: None };
    changed(call, ask, dry_run).await.map(|(account, _)| account)
}

/// Unbind a WeChat account
///
/// Its secrets are forgotten, its callback hears nothing more, an import ends. Customers stay.
#[utoipa::path(delete, path = "/api/wechat/accounts/{id}", tag = "API WeChat")]
pub(crate) async fn api_wechat_account_unbind(call: Call) -> Result<Response, Problem> {
    call.require(Permission::WechatAdmin)?;
    let dry_run = call.dry_run()?;
    unbind(&call, named(&call)?, dry_run).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Forgets an account.
pub(crate) async fn unbind(call: &Call, id: WechatId, dry_run: bool) -> Result<(), Problem> {
    let unbind = Command::Wechat(WechatChange::Unbind(id));
    let Outcome::Wechat(WechatOutcome::Unbound(_)) = call.apply(unbind, dry_run).await? else {
        return Err(Problem::unexpected());
    };
    if !dry_run {
        call.hub().wechat().forget_heard((call.tenant(), id));
    }
    Ok(())
}

/// Applies a change; the account afterwards, and whether it is new.
async fn changed(
    call: &Call,
    change: WechatChange,
    dry_run: bool,
) -> Result<(WechatAccount, bool), Problem> {
    let outcome = call.apply(Command::Wechat(change), dry_run).await?;
    let Outcome::Wechat(outcome) = outcome else { return Err(Problem::unexpected()) };
    match outcome {
        WechatOutcome::Stands { account, created } => {
            call.hub().wechat().news().notify_one();
            Ok((*account, created))
        }
        // A request that came before under its idempotency key, about one that is gone by now.
        WechatOutcome::Unbound(_) => Err(missing()),
    }
}
