//! Exports as answers: whole, or the bytes that were asked for.

use super::body;
use super::growing::Growing;
use super::kept::Export;
use super::range::ByteRange;
use crate::api::Call;
use crate::api::problem::{BYTES, Code, Problem};
use axum::http::header::{CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use std::ops::Range;
use std::time::Duration;

/// The whole export, while it is made.
pub(super) fn whole(export: &Export) -> Response {
    (export.headers.clone(), body::whole(&export.file)).into_response()
}

/// What was asked for of an export.
pub(super) async fn wanted(call: &Call, export: &Export) -> Result<Response, Problem> {
    let Some(range) = range(call, export) else { return Ok(whole(export)) };
    // An answer must come before the request runs out of time.
    let patience = call.hub().settings().request_timeout.mul_f32(0.9);
    let (part, bytes) = part(&export.file, range, patience).await?;
    let last = part.end.saturating_sub(1);
    let told = format!("bytes {}-{last}/{bytes}", part.start);
    let told = HeaderValue::try_from(told).map_err(|_| Problem::unexpected())?;
    let body = body::part(&export.file, part);
    let (headers, told) = (export.headers.clone(), [(CONTENT_RANGE, told)]);
    Ok((StatusCode::PARTIAL_CONTENT, headers, told, body).into_response())
}

/// The range that is asked for, unless it is one of another export.
fn range(call: &Call, export: &Export) -> Option<ByteRange> {
    let range = ByteRange::read(call.header(&RANGE)?).filter(|_| !call.is_head())?;
    let is_of_this = match call.header(&IF_RANGE) {
        Some(tag) => export.headers.get(ETAG).is_some_and(|own| own == tag),
        None => true,
    };
    is_of_this.then_some(range)
}

/// The bytes of a range, and how many there are in all.
///
/// Until a file is whole nobody knows where a range without end ends. To answer what there is by now would be
/// allowed, but `curl -C -` takes that for the rest and ends content, with half a file; and the whole file
/// instead of the rest makes it give up, and a browser begin anew. So a range waits until the file is whole,
/// which it soon is: it is made at full speed. If it takes too long, the client is told to come again, which
/// `curl --retry` does.
async fn part(
    file: &Growing,
    range: ByteRange,
    patience: Duration,
) -> Result<(Range<u64>, u64), Problem> {
    let whole = tokio::time::timeout(patience, file.whole()).await;
    let bytes = whole.map_err(|_| later("the export is still being made"))?;
    let bytes = bytes.ok_or_else(|| later("the export broke off"))?;
    let part = range.of(bytes).ok_or_else(|| {
        let detail = format!("the export has {bytes} bytes");
        Problem::new(Code::RangeNotSatisfiable, detail).with(BYTES, json!(bytes))
    })?;
    Ok((part, bytes))
}

fn later(why: &str) -> Problem {
    let detail = format!("{why}: ask again after the seconds in the header `Retry-After`");
    Problem::new(Code::Busy, detail)
}

/// Nothing is said of what others have asked for.
pub(super) fn missing() -> Problem {
    Problem::new(Code::ExportNotFound, "no export of this id is kept for this caller by this hub")
}

#[cfg(test)]
mod tests {
    use super::super::growing::begin;
    use super::*;
    use std::io::Write as _;

    #[tokio::test]
    async fn a_range_waits_until_the_file_is_whole() {
        let (mut writing, growing) = begin(tempfile::tempfile().unwrap());
        writing.write_all(b"abcdef").unwrap();
        let of = async |range: &str, patience: Duration| {
            part(&growing, ByteRange::read(range).unwrap(), patience).await.map_err(|it| it.code)
        };
        assert_eq!(of("bytes=2-", Duration::ZERO).await, Err(Code::Busy));
        let long = Duration::from_hours(1);
        let (found, ()) = tokio::join!(of("bytes=2-", long), async { writing.end() });
        assert_eq!(found, Ok((2..6, 6)));
        assert_eq!(of("bytes=-1", Duration::ZERO).await, Ok((5..6, 6)));
        assert_eq!(of("bytes=6-", Duration::ZERO).await, Err(Code::RangeNotSatisfiable));
    }

    #[tokio::test]
    async fn a_range_of_what_broke_off_is_refused() {
        let (writing, growing) = begin(tempfile::tempfile().unwrap());
        drop(writing);
        let range = ByteRange::read("bytes=2-").unwrap();
        let refused = part(&growing, range, Duration::ZERO).await.unwrap_err();
        assert_eq!(refused.code, Code::Busy);
        assert!(refused.detail.starts_with("the export broke off"), "{}", refused.detail);
    }
}
