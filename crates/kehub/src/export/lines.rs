//! NDJSON: a customer a line, in the shape in which `/api` answers one.

use super::options::{Identities, Options};
use super::sink::Sink;
use super::{ExportError, Writer};
use crate::api::customers::body::{CustomerBody, Fields, IdentityBody};
use kehub_core::CustomerId;
use kehub_store::WholeCustomer;
use serde::Serialize;
use std::io::{self, Write as _};

/// A line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LineBody<'a> {
    #[serde(flatten)]
    customer: CustomerBody<'a>,
    /// As part of a whole customer only.
    #[serde(skip_serializing_if = "Option::is_none")]
    merged_ids: Option<&'a [CustomerId]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identities: Option<Vec<IdentityBody<'a>>>,
}

/// Writes a JSON object a line.
pub(super) struct LineWriter {
    fields: Option<Fields>,
    identities: Identities,
    sink: Sink,
}

impl LineWriter {
    pub(super) fn new(options: &Options, sink: Sink) -> LineWriter {
        let fields = options.fields.as_ref().map(|fields| fields.of_body.clone());
        LineWriter { fields, identities: options.identities, sink }
    }
}

impl Writer for LineWriter {
    fn customer(&mut self, whole: &WholeCustomer) -> Result<(), ExportError> {
        let identities = match self.identities {
            Identities::Columns | Identities::Rows => {
                Some(whole.identities.iter().map(IdentityBody::of).collect())
            }
            Identities::None => None,
        };
        let line = LineBody {
            customer: CustomerBody { customer: &whole.customer, fields: self.fields.as_ref() },
            merged_ids: self.fields.is_none().then_some(&whole.merged),
            identities,
        };
        serde_json::to_writer(&mut self.sink, &line).map_err(io::Error::from)?;
        Ok(self.sink.write_all(b"\n")?)
    }

    fn end(self: Box<Self>) -> Result<Sink, ExportError> {
        Ok(self.sink)
    }
}
