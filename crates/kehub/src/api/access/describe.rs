//! What the description of the API tells about tokens.

use crate::api::describe::{Described, object};
use crate::api::problem::Code;
use serde_json::{Value, json};

pub(crate) fn operation(name: &str) -> Option<Described> {
    Some(match name {
        "api_token_create" => token_create(),
        _ => return None,
    })
}

fn token_create() -> Described {
    let sent = json!({
        "appId": "cl0123456789abcde", "secret": "0123456789abcdef0123456789abcdef01234567",
    });
    let token = json!({
        "accessToken": "00000100b2a41f0c9d8e7f6a5b4c3d2e", "tokenType": "Bearer", "expiresIn": 7200,
    });
    Described::open()
        .body("ApiTokenInput", &sent)
        .answer(200, "A token", &["ApiToken"], &token)
        .meets(&[Code::CredentialsWrong])
}

pub(crate) fn schemas() -> Value {
    let text = json!({ "type": "string", "minLength": 1, "maxLength": 64 });
    let sent = json!({ "appId": text, "secret": text });
    let token = json!({
        "accessToken": { "type": "string", "pattern": "^[0-9a-f]{32}$" },
        "tokenType": { "const": "Bearer" },
        "expiresIn": { "const": 7200, "description": "Seconds" },
    });
    json!({
        "ApiTokenInput": object("The credentials of an app.", &sent, &[]),
        "ApiToken": object("A token for `Authorization: Bearer`.", &token, &[]),
    })
}
