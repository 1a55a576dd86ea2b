//! Where values are from: the member `provenance` of a customer.

use super::names::Names;
use crate::api::customers::body::Shown;
use crate::wire::time;
use kehub_core::attribute::{Attribute, FieldKey, Value};
use kehub_core::customer::{Cell, Fold};
use kehub_core::history::{Provenance, Source};
use serde::Serialize;
use serde::ser::Serializer;

/// A value of a field as `/api` writes it.
pub(crate) fn shown<'a>(key: &FieldKey, value: Option<&'a Value>) -> Shown<'a> {
    match key {
        FieldKey::Builtin(attribute) => Shown::of(*attribute, value),
        FieldKey::Custom(_) => value.map_or(Shown::Null, Shown::Value),
    }
}

/// The attribute that tells whether a value is verified, for those that may be.
pub(crate) fn flag_of(key: &FieldKey) -> Option<Attribute> {
    match key {
        FieldKey::Builtin(Attribute::Mobile) => Some(Attribute::MobileVerified),
        FieldKey::Builtin(Attribute::Email) => Some(Attribute::EmailVerified),
        FieldKey::Builtin(_) | FieldKey::Custom(_) => None,
    }
}

/// By field, where the value is from that stands, and which others lost against it.
#[derive(Debug)]
pub(crate) struct ProvenanceBody<'a> {
    pub(crate) fields: &'a [Provenance],
    pub(crate) names: &'a Names<'a>,
}

impl Serialize for ProvenanceBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.fields.iter().map(|field| {
            let lost =
                field.lost.iter().map(|source| SourceBody::of(&field.key, source, self.names));
            let stands = CellBody::of(&field.key, field.cell.as_ref(), self.names);
            (&field.key, FieldBody { stands, lost: lost.collect() })
        }))
    }
}

/// The values of one home, by field, with where they are from.
#[derive(Debug)]
pub(crate) struct FoldBody<'a> {
    pub(crate) fold: &'a Fold,
    pub(crate) names: &'a Names<'a>,
}

impl Serialize for FoldBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cells = self.fold.0.iter();
        serializer.collect_map(cells.map(|(key, cell)| {
            let body = CellBody::of(key, Some(cell), self.names);
            (key, body)
        }))
    }
}

#[derive(Serialize)]
struct FieldBody<'a> {
    #[serde(flatten)]
    stands: CellBody<'a>,
    lost: Vec<SourceBody<'a>>,
}

/// The value that stands: nothing but `null` if every value was screened.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CellBody<'a> {
    value: Shown<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
    seq: Option<i64>,
    at: Option<String>,
    app: Option<&'a str>,
    /// Other apps that have sent this very value.
    also_sent_by: Vec<&'a str>,
}

impl<'a> CellBody<'a> {
    fn of(key: &FieldKey, cell: Option<&'a Cell>, names: &'a Names<'a>) -> CellBody<'a> {
        let apps = cell.map(|cell| cell.apps.as_slice()).unwrap_or_default();
        let others = apps.iter().skip(1).filter_map(|app| names.app(*app));
        CellBody {
            value: shown(key, cell.and_then(|cell| cell.value.as_ref())),
            verified: flag_of(key).map(|_| cell.is_some_and(|cell| cell.verified)),
            seq: cell.map(|cell| cell.seq.0),
            at: cell.and_then(|cell| time::precise(cell.at)),
            app: apps.first().and_then(|app| names.app(*app)),
            also_sent_by: others.collect(),
        }
    }
}

/// A value that was sent and does not stand.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SourceBody<'a> {
    value: Shown<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
    seq: i64,
    at: Option<String>,
    app: Option<&'a str>,
    home_id: i64,
    screened: bool,
}

impl<'a> SourceBody<'a> {
    fn of(key: &FieldKey, source: &'a Source, names: &'a Names<'a>) -> SourceBody<'a> {
        SourceBody {
            value: shown(key, source.value.as_ref()),
            verified: flag_of(key).map(|_| source.verified),
            seq: source.seq.0,
            at: time::precise(source.at),
            app: names.app(source.app),
            home_id: source.home.0,
            screened: source.is_screened,
        }
    }
}
