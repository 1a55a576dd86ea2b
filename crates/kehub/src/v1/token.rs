//! `GET /security/accesstoken`.

use crate::server::Hub;
use crate::server::problem::{Problem, json};
use crate::server::tokens::LIFE_SECONDS;
use crate::wire::query::Query;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

/// A token. `error_code` is the number 0 and never text, because clients compare it as it is.
#[derive(Clone, Debug, Serialize)]
struct TokenBody {
    error_code: u32,
    access_token: String,
    expires_in: i64,
}

/// Get an access token
///
/// A token lives for two hours. Any number of them may live side by side, and one before every
/// call costs the hub nothing.
#[utoipa::path(get, path = "/security/accesstoken", tag = "Access")]
pub(crate) async fn access_token(
    State(hub): State<Hub>,
    request: Request,
) -> Result<Response, Problem> {
    let query = Query::new(request.uri().query());
    let text = |name: &str| query.text(name).ok().flatten().ok_or(Problem::CredentialsWrong);
    let (grant_type, app, secret) = (text("grant_type")?, text("appid")?, text("secret")?);
    // The second spelling stands in one table of the original's documentation (W24).
    if !matches!(&*grant_type, "client_credentials" | "client_credential") {
        return Err(Problem::CredentialsWrong);
    }
    let token = hub.access().token(&app, &secret, hub.clock().now());
    let access_token = token.ok_or(Problem::CredentialsWrong)?;
    let body = TokenBody { error_code: 0, access_token, expires_in: LIFE_SECONDS };
    Ok(json(StatusCode::OK, &body))
}
