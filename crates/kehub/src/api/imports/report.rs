//! `/api/imports/{id}/refused`.

use super::body::{place_of_report, report};
use super::list::known;
use crate::api::Call;
use crate::api::problem::{Code, Problem};
use crate::files::job::Settings;
use crate::files::workbook;
use crate::imports::spool;
use crate::server::problem::Problem as Around;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, TryStreamExt as _, stream};
use kehub_core::directory::Permission;
use kehub_core::import::Import;
use serde_json::json;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, Take};
use tracing::warn;

/// Bytes that are sent at once.
const PIECE: usize = 64 * 1024;
/// Why no workbook is made now.
const BUSY: &str = "the hub looks at as many files as it may: ask again after the seconds in the header `Retry-After`";

/// Fetch refused rows
///
/// A file in the form of the one that was sent, with two more columns: the line, and the reason. In a workbook, all
/// cells are text. Mend the rows and send it: the two columns say nothing then. Of an import that is under way, what is refused so far. One
/// of the command line has its file where that put it.
#[utoipa::path(get, path = "/api/imports/{id}/refused", tag = "API imports")]
pub(crate) async fn api_import_refused(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersRead)?;
    call.parameters().end()?;
    let import = known(&call).await?;
    let path = report(&import, call.hub().spool()).ok_or_else(|| missing(&import))?;
    let is_workbook = workbook::made_of(path).is_some();
    let (media, extension) = if is_workbook {
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx")
    } else if path.extension().is_some_and(|it| it == "ndjson") {
        ("application/x-ndjson", "ndjson")
    } else {
        ("text/csv; charset=utf-8; header=present", "csv")
    };
    let name = format!("attachment; filename=\"import-{}.refused.{extension}\"", import.id);
    let name = HeaderValue::try_from(name).map_err(|_| Problem::unexpected())?;
    let path = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || File::open(path)).await;
    let file = opened.map_err(io::Error::other).flatten().map_err(|_| Around::Internal)?;
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(media)), (CONTENT_DISPOSITION, name)];
    let bytes = import.progress.report_bytes;
    let body = if is_workbook {
        Body::from_stream(made(&call, &import, file.take(bytes)).await?)
    } else {
        Body::from_stream(pieces(file, bytes))
    };
    Ok((headers, body).into_response())
}

/// A workbook of refused rows. The answer begins before it is made: of many rows that takes longer than a request
/// may.
async fn made(
    call: &Call,
    import: &Import,
    rows: Take<File>,
) -> Result<impl Stream<Item = io::Result<Bytes>> + use<>, Problem> {
    let spool = call.hub().spool().clone();
    // Whoever makes one reads all rows, as whoever looks at a file does.
    let place = spool.look().await.map_err(|_| Problem::new(Code::Busy, BUSY))?;
    let sheet = Settings::read(&import.plan.settings).and_then(|settings| settings.sheet);
    let work = move || {
        let mut out = BufWriter::new(spool.scratch()?);
        let sheet = sheet.as_deref().unwrap_or(workbook::SHEET);
        workbook::make(BufReader::new(rows), &mut out, sheet)?;
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let bytes = file.metadata()?.len();
        file.rewind()?;
        drop(place);
        io::Result::Ok(pieces(file, bytes))
    };
    let made = async {
        let pieces = tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten();
        pieces.inspect_err(|error| warn!(%error, "no workbook is made of refused rows"))
    };
    Ok(stream::once(made).try_flatten())
}

/// Remove refused rows
///
/// Of an import that has ended. They hold personal data, which no erasure reaches. What else is known of the
/// import stays. Removed again, they are removed.
#[utoipa::path(delete, path = "/api/imports/{id}/refused", tag = "API imports")]
pub(crate) async fn api_import_refused_delete(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersWrite)?;
    let dry_run = call.dry_run()?;
    let import = known(&call).await?;
    remove_refused(&call, &import, dry_run)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Removes the refused rows of an import that has ended.
pub(crate) fn remove_refused(call: &Call, import: &Import, dry_run: bool) -> Result<(), Problem> {
    if import.is_open() {
        let problem = Problem::new(Code::ImportRunning, "expected an import that has ended");
        return Err(problem.with("importId", json!(import.id.0)));
    }
    let path = place_of_report(import, call.hub().spool()).ok_or_else(|| missing(import))?;
    if !dry_run && let Err(error) = spool::remove(path) {
        warn!(%error, "refused rows cannot be removed");
        return Err(Around::Internal.into());
    }
    Ok(())
}

fn missing(import: &Import) -> Problem {
    let detail = match import.progress.refused {
        0 => "no row was refused",
        _ => "the refused rows are not kept by this hub",
    };
    Problem::new(Code::RefusedNotFound, detail)
}

/// The first bytes of a file, piece by piece.
fn pieces(file: File, bytes: u64) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold(file.take(bytes), |mut file| async move {
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = Vec::with_capacity(PIECE);
            let limit = u64::try_from(PIECE).unwrap_or(u64::MAX);
            file.by_ref().take(limit).read_to_end(&mut piece)?;
            io::Result::Ok((Bytes::from(piece), file))
        });
        let (piece, file) = read.await.map_err(io::Error::other)??;
        Ok((!piece.is_empty()).then_some((piece, file)))
    })
}
