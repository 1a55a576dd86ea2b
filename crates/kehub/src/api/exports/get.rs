//! `GET /api/exports`.

use super::body;
use crate::api::Call;
use crate::api::customers::filter;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::export::options::{self, Fields, Headings, Identities, Word};
use crate::export::{Asked, Compression, Format, Options};
use crate::wire::time;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use kehub_core::Micros;
use kehub_core::directory::Permission;

/// Export customers
///
/// All customers that match, with their identities, as one file: as of the moment of the request, in the
/// order of their ids, however many there are. Filters are those of `GET /api/customers`. The answer
/// arrives while it is being made; when it breaks off, it ends without the last chunk of its encoding, as
/// every HTTP client tells: only an answer that comes to its end is whole. A hub makes a few exports at a
/// time, and is `busy` for others. A client that takes nothing for a minute is cut off.
#[utoipa::path(get, path = "/api/exports", tag = "API customers")]
pub(crate) async fn api_export_get(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    let mut parameters = call.parameters();
    let export = export(&mut parameters);
    let filter = filter::read(&mut parameters);
    parameters.end()?;
    // Without one, that was an error.
    let export = export.ok_or_else(Problem::unexpected)?;
    let walk = call.store().walk(call.tenant(), &filter, export.survey()).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media(&export))),
        (CONTENT_DISPOSITION, disposition(&export, call.now())?),
    ];
    Ok((headers, body::stream(walk, export)).into_response())
}

fn word<T: Word>(parameters: &mut Parameters, name: &'static str) -> Option<T> {
    parameters.parsed(name, format!("one of {}", T::names()), T::named)
}

fn export(parameters: &mut Parameters) -> Option<Options> {
    let format = word(parameters, "format").unwrap_or(Format::Ndjson);
    let asked = Asked {
        compression: word(parameters, "compression"),
        fields: parameters.parsed("fields", Fields::EXPECTED, Fields::named),
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
