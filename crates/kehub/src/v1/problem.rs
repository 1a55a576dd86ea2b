//! How the v1 wire says no: field errors in two forms, bare strings, and the objects of
//! [`Problem`] (wire W26, fact file 1.8).

use super::wire::resolution::ConflictBody;
use crate::server::problem::{Problem, json};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kehub_store::StoreError;
use serde::Serialize;
use std::borrow::Cow;

/// Why a call was refused.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Around the call: token, permission, missing id, trouble of the store.
    Problem(Problem),
    /// 400 and a bare JSON string (E4, E5, or where a body stops being JSON).
    Body(Cow<'static, str>),
    /// 200 and the fields that do not fit, all of them; nothing was stored.
    Fields(Form, FieldErrors),
}

/// Which of two forms an endpoint gives to field errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// E6, of `customerandidentities`: the fields stand in a JSON text.
    Coded,
    /// E7, of everything else: the fields stand in `fieldErrors`.
    Listed,
}

/// Fields that do not fit, and conflicts if those are the reason (W39).
#[derive(Debug)]
pub(crate) struct FieldErrors {
    /// Each field once or more, in the order of the request.
    pub(crate) fields: Vec<FieldError>,
    /// What `onConflict=reject` ran into.
    pub(crate) conflicts: Option<Vec<ConflictBody>>,
}

/// A field and what does not fit. The message never repeats the value, which may be personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FieldError {
    pub(crate) field_name: Cow<'static, str>,
    pub(crate) message: Cow<'static, str>,
}

impl FieldError {
    pub(crate) fn new(
        field: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> FieldError {
        FieldError { field_name: field.into(), message: message.into() }
    }
}

impl Refused {
    /// These fields do not fit.
    pub(crate) fn fields(form: Form, fields: Vec<FieldError>) -> Refused {
        Refused::Fields(form, FieldErrors { fields, conflicts: None })
    }

    /// The body is not JSON; the error says where.
    pub(crate) fn not_json(error: &serde_json::Error) -> Refused {
        Refused::Body(format!("Request data is not JSON: {error}").into())
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused::Problem(problem)
    }
}

impl From<StoreError> for Refused {
    fn from(trouble: StoreError) -> Refused {
        Refused::Problem(trouble.into())
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field_errors: Option<&'a [FieldError]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicts: Option<&'a [ConflictBody]>,
}

/// A field in the JSON text of E6.
#[derive(Serialize)]
struct CodedField<'a> {
    field: &'a str,
    message: &'a str,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Refused::Problem(problem) => problem.into_response(),
            Refused::Body(text) => json(StatusCode::BAD_REQUEST, &text),
            Refused::Fields(Form::Coded, errors) => coded(&errors),
            Refused::Fields(Form::Listed, errors) => listed(&errors),
        }
    }
}

fn coded(errors: &FieldErrors) -> Response {
    let fields = errors.fields.iter();
    let fields: Vec<CodedField<'_>> = fields
        .map(|error| CodedField { field: &error.field_name, message: &error.message })
        .collect();
    let Ok(message) = serde_json::to_string(&fields) else {
        return Problem::Internal.into_response();
    };
    let conflicts = errors.conflicts.as_deref();
    let error = ErrorBody { code: "C0002", message: &message, field_errors: None, conflicts };
    json(StatusCode::OK, &Envelope { error })
}

fn listed(errors: &FieldErrors) -> Response {
    let error = ErrorBody {
        code: "400001",
        message: "field validation exception",
        field_errors: Some(&errors.fields),
        conflicts: errors.conflicts.as_deref(),
    };
    json(StatusCode::OK, &Envelope { error })
}
