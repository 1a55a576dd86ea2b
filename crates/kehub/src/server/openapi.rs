//! The description of the API: `utoipa` ties each operation to the handler that answers it, the
//! rest is what [`crate::v1::document`] and [`crate::api::describe`] tell about it.

use super::problem;
use super::router::described;
use crate::api::describe;
use crate::people::session;
use crate::v1::{document, schemas};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

const ABOUT: &str = "Kehub decides while a request is being answered which customer it is about. \
Calls under `/api` are its own: real statuses, problem documents (RFC 9457), a token of \
`POST /api/tokens` as `Authorization: Bearer`. Calls under `/v1` speak the v1 wire of DM Hub: \
errors about tokens and fields come with status 200 and say so in the body, and the token is the \
parameter `access_token` or `Authorization: Bearer`.";

static DOCUMENT: LazyLock<Value> = LazyLock::new(build);

/// The OpenAPI document of this version.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// The document as it is served.
pub(crate) async fn json() -> Response {
    problem::json(StatusCode::OK, document())
}

fn build() -> Value {
    let generated = described().into_openapi();
    let mut document = serde_json::to_value(generated).unwrap_or_default();
    if let Value::Object(members) = &mut document {
        members.insert("info".to_owned(), info());
        members.insert("security".to_owned(), json!([{ "accessToken": [] }, { "bearer": [] }]));
        members.insert("tags".to_owned(), tags());
        members.insert("components".to_owned(), components());
    }
    if let Some(Value::Object(paths)) = document.get_mut("paths") {
        let operations = paths.values_mut().filter_map(Value::as_object_mut).flatten();
        for (method, operation) in operations {
            if let Value::Object(operation) = operation {
                complete(operation);
                open_to_sessions(method, operation);
            }
        }
    }
    document
}

/// Adds parameters, bodies and answers to an operation. A test holds both lists together.
fn complete(operation: &mut Map<String, Value>) {
    let name = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let described = document::operation(name).or_else(|| describe::operation(name));
    if let Some(Value::Object(more)) = described {
        operation.extend(more);
    }
}

/// Tells that a call which needs a permission is open to a session as well; if it writes, with the token
/// of a page.
fn open_to_sessions(method: &str, operation: &mut Map<String, Value>) {
    if !operation.contains_key("x-permission") {
        return;
    }
    let session = if method == "get" {
        json!({ "session": [] })
    } else {
        json!({ "session": [], "pageToken": [] })
    };
    operation.insert("security".to_owned(), json!([{ "bearer": [] }, session]));
}

fn info() -> Value {
    json!({
        "title": "Kehub",
        "version": env!("CARGO_PKG_VERSION"),
        "description": ABOUT,
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    })
}

fn tags() -> Value {
    let mut tags = describe::tags().to_vec();
    let v1 = json!([
        { "name": "Access", "description": "Tokens, and whose they are." },
        { "name": "Customers", "description": "Who is who, and what is known of them." },
        { "name": "Identities", "description": "What points at one customer." },
        { "name": "Operation", "description": "Whether the hub is well. No token is needed." },
    ]);
    tags.extend(v1.as_array().into_iter().flatten().cloned());
    Value::Array(tags)
}

fn components() -> Value {
    let mut schemas = schemas::all();
    if let Value::Object(schemas) = &mut schemas {
        schemas.extend(describe::schemas());
    }
    json!({
        "schemas": schemas,
        "securitySchemes": {
            "accessToken": {
                "type": "apiKey",
                "in": "query",
                "name": "access_token",
                "description": "A token of `/security/accesstoken`. It wins over the header.",
            },
            "bearer": { "type": "http", "scheme": "bearer" },
            "session": {
                "type": "apiKey",
                "in": "cookie",
                "name": session::PLAIN_NAME,
                "description": format!(
                    "The session of a user who signed in to the console; `{}` where the hub has a public \
                     address with TLS. It opens calls under `/api` only, and none that tells of customers \
                     to a user without `customers.reveal`. A token wins over it.",
                    session::SECURE_NAME
                ),
            },
            "pageToken": {
                "type": "apiKey",
                "in": "header",
                "name": "X-CSRF-Token",
                "description": "The token that pages of the session hold. A write with a session repeats it, \
                    and its browser has to say that a page of this hub sends it.",
            },
        },
    })
}
