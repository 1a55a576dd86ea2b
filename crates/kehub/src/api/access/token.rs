//! `POST /api/tokens`.

use crate::api::Problem;
use crate::api::call::json_of;
use crate::api::parameters::Parameters;
use crate::api::problem::Code;
use crate::api::reader::Reader;
use crate::server::Hub;
use crate::server::context::read;
use crate::server::problem::json;
use crate::server::tokens::LIFE_SECONDS;
use crate::wire::json::Object;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;

/// Characters that an app id or a secret may have; those that the hub makes are shorter.
const CREDENTIAL_CHARS_MAX: usize = 64;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenBody {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
}

/// Get a token
///
/// App id and secret stand in the body, never in an address. A token lives for two hours; any
/// number of them may live side by side, and one before every call costs the hub nothing.
#[utoipa::path(post, path = "/api/tokens", tag = "API access")]
pub(crate) async fn api_token_create(
    State(hub): State<Hub>,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    Parameters::read(uri.query()).end()?;
    let body = read(&hub, body).await?;
    let sent = json_of(&body)?;
    let mut reader = Reader::default();
    let nothing = Object::default();
    let object = reader.object("", &sent).unwrap_or(&nothing);
    reader.known("", object, &["appId", "secret"]);
    let app = reader.required_text(object, "appId", CREDENTIAL_CHARS_MAX);
    let secret = reader.required_text(object, "secret", CREDENTIAL_CHARS_MAX);
    reader.end()?;
    let token = hub.access().token(&app, &secret, hub.clock().now());
    let wrong = || Problem::new(Code::CredentialsWrong, "no live app has this id and secret");
    let access_token = token.ok_or_else(wrong)?;
    let body = TokenBody { access_token, token_type: "Bearer", expires_in: LIFE_SECONDS };
    Ok(json(StatusCode::OK, &body))
}
