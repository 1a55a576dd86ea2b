//! `GET /v1/wechataccounts`.

use super::problem::Refused;
use crate::server::Call;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::wechat::WechatAccount;
use serde::Serialize;

/// An account. `serverTypeInfo` is spelt as the original spells it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountBody<'a> {
    id: i64,
    app_id: &'a str,
    name: &'a str,
    server_type_info: Option<i32>,
    verify_type_info: Option<i32>,
}

impl<'a> AccountBody<'a> {
    fn of(account: &'a WechatAccount) -> AccountBody<'a> {
        AccountBody {
            id: account.id.0,
            app_id: &account.app_id,
            name: &account.settings.name,
            server_type_info: account.settings.service_type,
            verify_type_info: account.settings.verify_type,
        }
    }
}

/// List WeChat accounts
///
/// The official accounts that are bound, by id.
#[utoipa::path(get, path = "/v1/wechataccounts", tag = "Identities")]
pub(crate) async fn wechat_account_list(call: Call) -> Result<Response, Refused> {
    call.require(Permission::CustomersRead)?;
    let accounts = call.hub.store().wechat_accounts(Some(call.tenant())).await?;
    let bodies: Vec<AccountBody<'_>> = accounts.values().map(AccountBody::of).collect();
    Ok(json(StatusCode::OK, &bodies))
}
