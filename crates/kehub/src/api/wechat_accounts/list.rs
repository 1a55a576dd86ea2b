//! `GET /api/wechat/accounts` and `GET /api/wechat/accounts/{id}`.

use super::body::AccountBody;
use crate::api::Call;
use crate::api::problem::{Code, Problem};
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::WechatId;
use kehub_core::directory::Permission;
use kehub_core::wechat::WechatAccount;
use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountsBody<'a> {
    items: Vec<AccountBody<'a>>,
    next_cursor: Option<&'a str>,
}

/// List WeChat accounts
///
/// All of them, with the last import of the fans of each: there are never more than fit on a page.
#[utoipa::path(get, path = "/api/wechat/accounts", tag = "API WeChat")]
pub(crate) async fn api_wechat_account_list(call: Call) -> Result<Response, Problem> {
    call.require(Permission::WechatAdmin)?;
    call.parameters().end()?;
    let accounts = call.store().wechat_accounts(Some(call.tenant())).await?;
    let items = accounts.values().map(|account| AccountBody::of(account, call.now())).collect();
    Ok(json(StatusCode::OK, &AccountsBody { items, next_cursor: None }))
}

/// Get a WeChat account
///
/// With the last import of its fans: how many there are, how many were read and what became of them,
/// and why it failed or waits.
#[utoipa::path(get, path = "/api/wechat/accounts/{id}", tag = "API WeChat")]
pub(crate) async fn api_wechat_account_get(call: Call) -> Result<Response, Problem> {
    call.require(Permission::WechatAdmin)?;
    call.parameters().end()?;
    let account = known(&call, named(&call)?).await?;
    Ok(json(StatusCode::OK, &AccountBody::of(&account, call.now())))
}

/// An account of the caller's tenant.
pub(crate) async fn known(call: &Call, id: WechatId) -> Result<WechatAccount, Problem> {
    let tenant = call.tenant();
    let found = call.store().wechat_accounts(Some(tenant)).await?.remove(&(tenant, id));
    found.ok_or_else(missing)
}

/// The account that the path names.
pub(super) fn named(call: &Call) -> Result<WechatId, Problem> {
    call.number(2, Code::WechatAccountNotFound).map(WechatId)
}

pub(super) fn missing() -> Problem {
    Problem::new(Code::WechatAccountNotFound, "no WeChat account of this id is bound")
}
