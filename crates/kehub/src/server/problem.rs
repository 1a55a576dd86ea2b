//! What goes wrong around a call, as status and body. The only place that knows which trouble of
//! the store is which status (wire W21 to W23, W34, W40).

use super::seldom::Seldom;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use kehub_core::CustomerId;
use kehub_store::StoreError;
use serde::Serialize;
use std::time::Instant;
use tracing::error;

/// The content type of every JSON answer, as clients of the v1 wire know it.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");
/// Seconds after which a refused write may be tried again: a group takes milliseconds.
pub(crate) const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// App id, secret or grant type are wrong (W23).
    CredentialsWrong,
    /// No token, or one that is unknown, expired or revoked (W23).
    TokenInvalid,
    /// The token's app may not do this (W23).
    PermissionMissing,
    /// It is not known that a page of this hub sends it, and not another site.
    CrossSite,
    /// No such customer (W21).
    CustomerMissing,
    /// The id to be deleted redirects (W22).
    CustomerMerged {
        /// The id that was named.
        customer: CustomerId,
        /// The customer that answers for it.
        survivor: CustomerId,
    },
    /// No such path (W40).
    PathUnknown,
    /// The path does not know this method (W40).
    MethodWrong,
    /// The body is larger than the hub takes (W34).
    BodyTooLarge,
    /// The body ended before it was complete.
    BodyBroken,
    /// The header `Idempotency-Key` is there, and is no key.
    KeyInvalid,
    /// Nothing was stored; the same request may be sent again (W40).
    NotApplied,
    /// It is not known whether it was stored (W40).
    OutcomeUnknown,
    /// A fault of the hub.
    Internal,
}

/// An error as an object: `error_code` and `error_description`.
#[derive(Clone, Debug, Serialize)]
struct ErrorObject<'a> {
    error_code: ErrorCode,
    error_description: &'a str,
}

/// Bad credentials have a code as text on the recorded wire, everything else a number.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
enum ErrorCode {
    Text(&'static str),
    Number(u32),
}

impl Problem {
    /// The HTTP status.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Problem::CredentialsWrong | Problem::TokenInvalid | Problem::PermissionMissing => {
                StatusCode::OK
            }
            Problem::CrossSite => StatusCode::FORBIDDEN,
            Problem::CustomerMissing | Problem::PathUnknown => StatusCode::NOT_FOUND,
            Problem::CustomerMerged { .. } => StatusCode::CONFLICT,
            Problem::MethodWrong => StatusCode::METHOD_NOT_ALLOWED,
            Problem::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Problem::BodyBroken | Problem::KeyInvalid => StatusCode::BAD_REQUEST,
            Problem::NotApplied | Problem::OutcomeUnknown => StatusCode::SERVICE_UNAVAILABLE,
            Problem::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(self) -> ErrorCode {
        ErrorCode::Number(match self {
            Problem::CredentialsWrong => return ErrorCode::Text("40004"),
            Problem::BodyBroken | Problem::KeyInvalid => 40000,
            Problem::TokenInvalid => 40001,
            Problem::PermissionMissing | Problem::CustomerMissing => 40201,
            Problem::CrossSite => 40300,
            Problem::PathUnknown => 40400,
            Problem::MethodWrong => 40500,
            Problem::CustomerMerged { .. } => 40901,
            Problem::BodyTooLarge => 41300,
            Problem::Internal => 50001,
            Problem::NotApplied => 50301,
            Problem::OutcomeUnknown => 50302,
        })
    }

    fn description(self) -> &'static str {
        match self {
            Problem::CredentialsWrong => "the params is illegal",
            Problem::TokenInvalid => "the access token is missing, unknown or expired",
            Problem::PermissionMissing | Problem::CustomerMissing => "permission is not enough",
            Problem::CrossSite => "it did not come from a page of this hub",
            Problem::CustomerMerged { .. } => "the customer was merged",
            Problem::PathUnknown => "no such path",
            Problem::MethodWrong => "the path does not know this method",
            Problem::BodyTooLarge => "the body is too large",
            Problem::BodyBroken => "the body is not complete",
            Problem::KeyInvalid => "an idempotency key has 1 to 255 visible ASCII characters",
            Problem::NotApplied => "the hub is busy: nothing was stored, send it again",
            Problem::OutcomeUnknown => {
                "it is not known whether it was stored: look before sending it again"
            }
            Problem::Internal => "a fault of the hub",
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let named = match self {
            Problem::CustomerMerged { customer, survivor } => Some(format!(
                "customer {customer} was merged into customer {survivor}: nothing was deleted"
            )),
            Problem::CredentialsWrong
            | Problem::TokenInvalid
            | Problem::PermissionMissing
            | Problem::CrossSite
            | Problem::CustomerMissing
            | Problem::PathUnknown
            | Problem::MethodWrong
            | Problem::BodyTooLarge
            | Problem::BodyBroken
            | Problem::KeyInvalid
            | Problem::NotApplied
            | Problem::OutcomeUnknown
            | Problem::Internal => None,
        };
        let error_description = named.as_deref().unwrap_or(self.description());
        let object = ErrorObject { error_code: self.code(), error_description };
        let mut response = json(self.status(), &object);
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        // Under `/api` the same problem is told in another form.
        response.extensions_mut().insert(self);
        response
    }
}

/// Trouble of the store, logged here and nowhere else: while a database is away, every request meets it.
impl From<StoreError> for Problem {
    fn from(trouble: StoreError) -> Problem {
        static NOT_APPLIED: Seldom = Seldom::new();
        static UNKNOWN: Seldom = Seldom::new();
        static CORRUPT: Seldom = Seldom::new();
        let now = Instant::now();
        match trouble {
            // Says nothing about a fault: metrics count it.
            StoreError::QueueFull => Problem::NotApplied,
            StoreError::NotApplied(source) => {
                if let Some(more) = NOT_APPLIED.turn(now) {
                    error!(error = %source, more, "the store did not apply a request");
                }
                Problem::NotApplied
            }
            StoreError::Unknown(source) => {
                if let Some(more) = UNKNOWN.turn(now) {
                    let told = "it is not known whether the store applied a request";
                    error!(error = %source, more, "{told}");
                }
                Problem::OutcomeUnknown
            }
            StoreError::Corrupt(source) => {
                if let Some(more) = CORRUPT.turn(now) {
                    error!(error = %source, more, "the store is corrupt");
                }
                Problem::Internal
            }
        }
    }
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    /// Bytes of a customer with few fields set: most of it are keys and `null`.
    const USUAL_BYTES: usize = 2048;
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    if let Err(trouble) = serde_json::to_writer(&mut bytes, body) {
        // Writing to memory does not fail, and no body has keys that are not text.
        error!(error = %trouble, "an answer could not be written");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}
