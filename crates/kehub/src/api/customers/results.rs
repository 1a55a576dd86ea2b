//! What came of the rows of a batch, written down row by row.

use super::resolution::{OwnResolutionBody, ResolutionBody};
use super::rows::Form;
use crate::api::problem::{Problem, Retry};
use crate::server::problem::JSON;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use kehub_core::command::IdentitySent;
use kehub_core::outcome::{Resolution, ResultKind};
use serde::Serialize;
use serde_json::{Value, json};

const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// Results of rows, in order.
#[derive(Debug)]
pub(crate) struct Results {
    form: Form,
    request_id: Box<str>,
    /// Each result as JSON, behind each but the last what parts them.
    written: Vec<u8>,
    next: usize,
    counts: Counts,
}

/// How many rows came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    /// Done, or in a dry run to be done.
    accepted: usize,
    /// Refused, with nothing stored.
    refused: usize,
    /// Not done because of trouble before it.
    not_applied: usize,
    /// Perhaps done.
    unknown: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done<'a> {
    row: usize,
    status: u16,
    customer_id: i64,
    resolution: RowResolution<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum RowResolution<'a> {
    Whole(ResolutionBody<'a>),
    /// For a caller that may not read customers (W38).
    Own(OwnResolutionBody<'a>),
}

#[derive(Serialize)]
struct NotDone {
    row: usize,
    status: u16,
    problem: Value,
}

impl Results {
    pub(crate) fn new(form: Form, request_id: &str) -> Results {
        let (written, counts) = (Vec::new(), Counts::default());
        Results { form, request_id: request_id.into(), written, next: 0, counts }
    }

    /// The next row is done, or would be. `own` is what its sender said, if it may not know more.
    pub(crate) fn done(
        &mut self,
        resolution: &Resolution,
        own: Option<&[IdentitySent]>,
        is_kept: bool,
    ) {
        self.counts.accepted += 1;
        let created = resolution.result == ResultKind::Created && is_kept;
        let done = Done {
            row: self.next,
            status: if created { 201 } else { 200 },
            customer_id: resolution.customer.id.0,
            resolution: match own {
                None => RowResolution::Whole(ResolutionBody::of(resolution)),
                Some(own) => RowResolution::Own(OwnResolutionBody::of(resolution, own)),
            },
        };
        self.write(&done);
    }

    /// The next row is not done, or it is not known whether it is.
    pub(crate) fn not_done(&mut self, problem: &Problem) {
        let count = match problem.code.retry() {
            Retry::Never => &mut self.counts.refused,
            Retry::Safe => &mut self.counts.not_applied,
            Retry::SameKey => &mut self.counts.unknown,
        };
        *count += 1;
        let (row, status) = (self.next, problem.code.status());
        self.write(&NotDone { row, status, problem: problem.body(&self.request_id) });
    }

    fn write(&mut self, result: &impl Serialize) {
        self.next += 1;
        // Writing to memory does not fail, and no result has keys that are not text.
        let result = serde_json::to_vec(result).unwrap_or_default();
        if !self.written.is_empty() {
            self.written.push(match self.form {
                Form::Array => b',',
                Form::Lines => b'\n',
            });
        }
        self.written.extend(result);
    }

    /// Whether nothing was done, and certainly so.
    pub(crate) fn is_untouched(&self) -> bool {
        self.counts.accepted == 0 && self.counts.unknown == 0
    }

    /// Whether any row was refused.
    pub(crate) fn has_refused(&self) -> bool {
        self.counts.refused > 0
    }

    /// The answer, with a problem that concerns the batch as a whole if there is one.
    pub(crate) fn answer(mut self, problem: Option<Problem>) -> Response {
        match (self.form, problem) {
            (Form::Lines, problem) => {
                if !self.written.is_empty() {
                    self.written.push(b'\n');
                }
                let mut response = ([(CONTENT_TYPE, NDJSON)], self.written).into_response();
                if let Some(problem) = problem {
                    problem.mark(&mut response);
                }
                response
            }
            (Form::Array, Some(problem)) => {
                let items = [b"[".as_slice(), &self.written, b"]"].concat();
                let items: Value = serde_json::from_slice(&items).unwrap_or_default();
                problem.with("items", items).with("counts", json!(self.counts)).into_response()
            }
            (Form::Array, None) => {
                let counts = serde_json::to_vec(&self.counts).unwrap_or_default();
                let body = [br#"{"items":["#.as_slice(), &self.written, br#"],"counts":"#, &counts];
                let body = [body.concat(), b"}".to_vec()].concat();
                let mut response = Response::new(Body::from(body));
                response.headers_mut().insert(CONTENT_TYPE, JSON);
                response
            }
        }
    }
}
