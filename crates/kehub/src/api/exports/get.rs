//! `GET /api/exports`.

use super::kept::{Export, Owner, draw_id};
use super::{answer, growing, make};
use crate::api::Call;
use crate::api::customers::filter;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::export::options::{self, Fields, Headings, Identities, Word};
use crate::export::{Asked, Compression, Format, Options};
use crate::server::Hub;
use crate::server::problem::Problem as Around;
use crate::wire::time;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LOCATION, CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use kehub_core::Micros;
use kehub_core::directory::Permission;
use std::fs::File;
use std::io;
use std::sync::Arc;
use tracing::error;

/// Export customers
///
/// All customers that match, with their identities, as one file: as of the moment of the request, in the
/// order of their ids, however many there are. Filters are those of `GET /api/customers`. The answer
/// arrives while it is being made; when it breaks off, it ends without the last chunk of its encoding, as
/// every HTTP client tells: only an answer that comes to its end is whole. The rest of one that broke off is
/// at the path in `Content-Location` for an hour, and here for a `Range` with its `ETag` as `If-Range`. A hub
/// makes a few exports at a time, and is `busy` for others. A client that takes nothing for a minute is cut
/// off, and can go on likewise.
#[utoipa::path(get, path = "/api/exports", tag = "API customers")]
pub(crate) async fn api_export_get(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    let mut parameters = call.parameters();
    let export = export(&mut parameters);
    let filter = filter::read(&mut parameters);
    parameters.end()?;
    // Without one, that was an error.
    let options = export.ok_or_else(Problem::unexpected)?;
    if call.is_head() {
        // Nothing is made for who takes no file.
        return Ok(about(&options, call.now())?.into_response());
    }
    if let Some(export) = resumed(&call) {
        return answer::wanted(&call, &export).await;
    }
    let id = draw_id().map_err(|error| unmade(&io::Error::other(error)))?;
    let headers = named(about(&options, call.now())?, &id)?;
    let file = scratch(call.hub()).await.map_err(|error| unmade(&error))?;
    let erasures = call.hub().exports().erasures();
    let walk = call.store().walk(call.tenant(), &filter, options.survey()).await?;
    let (writing, file) = growing::begin(file);
    let (owner, asked) = (Owner::of(&call), call.query().unwrap_or_default().into());
    let export = Arc::new(Export { id, owner, asked, headers, file });
    call.hub().exports().add(Arc::clone(&export), erasures, call.now());
    make::make(call.hub(), &export.id, walk, options, writing);
    Ok(answer::whole(&export))
}

/// The export of which the rest is asked for, as browsers do at the address that they know. A range without
/// the tag of an export says nothing here: it would be one of a file that is yet to be made.
fn resumed(call: &Call) -> Option<Arc<Export>> {
    call.header(&RANGE)?;
    let id = call.header(&IF_RANGE)?.strip_prefix('"')?.strip_suffix('"')?;
    let export = call.hub().exports().find(id, Owner::of(call), call.now())?;
    (*export.asked == *call.query().unwrap_or_default()).then_some(export)
}

/// A file for an export.
async fn scratch(hub: &Hub) -> io::Result<File> {
    let spool = hub.spool().clone();
    tokio::task::spawn_blocking(move || spool.scratch()).await.map_err(io::Error::other)?
}

fn unmade(error: &io::Error) -> Problem {
    error!(%error, "an export has no file to be written to");
    Around::Internal.into()
}

/// What is said of an export before it is made.
fn about(options: &Options, now: Micros) -> Result<HeaderMap, Problem> {
    Ok(HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static(media(options))),
        (CONTENT_DISPOSITION, disposition(options, now)?),
        (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
    ]))
}

/// The same with what it is known by.
fn named(mut headers: HeaderMap, id: &str) -> Result<HeaderMap, Problem> {
    for (name, value) in
        [(ETAG, format!("\"{id}\"")), (CONTENT_LOCATION, format!("/api/exports/{id}"))]
    {
        headers.insert(name, HeaderValue::try_from(value).map_err(|_| Problem::unexpected())?);
    }
    Ok(headers)
}

fn word<T: Word>(parameters: &mut Parameters, name: &'static str) -> Option<T> {
    parameters.parsed(name, format!("one of {}", T::names()), T::named)
}

fn fields(parameters: &mut Parameters) -> Option<Fields> {
    let named = Fields::named(&parameters.text("fields")?);
    named.map_err(|unknown| parameters.unfit("fields", Fields::EXPECTED, unknown)).ok()
}

fn export(parameters: &mut Parameters) -> Option<Options> {
    let format = word(parameters, "format").unwrap_or(Format::Ndjson);
    let asked = Asked {
        compression: word(parameters, "compression"),
        fields: fields(parameters),
        identities: word::<Identities>(parameters, "identities"),
        headings: word::<Headings>(parameters, "headings"),
        delimiter: parameters.parsed("delimiter", options::DELIMITER, options::delimiter),
        raw: parameters.flag("raw"),
        utc_offset: parameters.parsed("utcOffset", options::UTC_OFFSET, options::utc_offset),
    };
    match asked.of(format) {
        Ok(export) => Some(export),
        Err(unfit) => {
            for it in unfit {
                parameters.unfit(it.parameter, it.expected, it.found);
            }
            None
        }
    }
}

/// What the file is, for programs.
fn media(export: &Options) -> &'static str {
    match (export.compression, export.format) {
        (Compression::Gzip, _) => "application/gzip",
        (Compression::Zstd, _) => "application/zstd",
        (Compression::None, Format::Csv) => "text/csv; charset=utf-8; header=present",
        (Compression::None, Format::Ndjson) => "application/x-ndjson",
        (Compression::None, Format::Xlsx) => {
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        }
    }
}

/// What the file is called, by the day of the request.
fn disposition(export: &Options, now: Micros) -> Result<HeaderValue, Problem> {
    let packed = match export.compression {
        Compression::None => "",
        Compression::Gzip => ".gz",
        Compression::Zstd => ".zst",
    };
    let moment = time::format(now).unwrap_or_default();
    let (day, _) = moment.split_once('T').unwrap_or_default();
    let name = format!("customers-{day}.{}{packed}", export.format.name());
    HeaderValue::try_from(format!("attachment; filename=\"{name}\""))
        .map_err(|_| Problem::unexpected())
}
