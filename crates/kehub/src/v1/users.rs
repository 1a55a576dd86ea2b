//! `GET /v1/users/current`.

use crate::server::Call;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UserBody<'a> {
    tid: u32,
    tname: &'a str,
    login_name: &'a str,
    name: &'a str,
    email: Option<&'a str>,
}

/// Whose token this is
///
/// The number and name of the tenant, the id and name of the app. Any live token may ask: mobile
/// SDKs do so right after they got one.
#[utoipa::path(get, path = "/v1/users/current", tag = "Access")]
pub(crate) async fn user_current(call: Call) -> Response {
    let caller = &call.caller;
    let body = UserBody {
        tid: caller.tenant.id.0,
        tname: &caller.tenant.name,
        login_name: &caller.app.id,
        name: &caller.app.name,
        email: None,
    };
    json(StatusCode::OK, &body)
}
