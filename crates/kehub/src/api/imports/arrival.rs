//! The body of an import: a file as it is, or a form that holds one.

use crate::api::Call;
use crate::api::problem::{Code, Problem};
use crate::imports::spool::{ReceiveError, Received, Receiving};
use crate::server::problem::Problem as Around;
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use multer::Multipart;
use std::time::Duration;
use tracing::error;

/// Bytes of the part of a form that says what columns are.
const MAPPING_BYTES_MAX: usize = 1 << 20;

/// What came.
pub(crate) struct Arrived {
    pub(crate) received: Received,
    /// What the sender calls the file.
    pub(crate) name: Option<String>,
    /// What columns are, as JSON.
    pub(super) mapping: Option<Bytes>,
}

/// Takes all of a body, for as long as something comes.
pub(crate) async fn arrive(call: &Call, body: Body) -> Result<Arrived, Problem> {
    let form = call.header(&CONTENT_TYPE).map(multer::parse_boundary);
    match form {
        Some(Ok(boundary)) => {
            form_of(call, Multipart::new(body.into_data_stream(), boundary)).await
        }
        Some(Err(multer::Error::NoBoundary)) => Err(unfit("a form with a boundary", "none")),
        Some(Err(_)) | None => {
            let received = whole(call, body).await?;
            Ok(Arrived { received, name: None, mapping: None })
        }
    }
}

async fn whole(call: &Call, mut body: Body) -> Result<Received, Problem> {
    let patience = patience(call);
    let mut receiving = begin(call)?;
    while let Some(frame) = in_time(patience, body.frame()).await? {
        let frame = frame.map_err(|_| broken())?;
        if let Ok(bytes) = frame.into_data() {
            take(&mut receiving, bytes).await?;
        }
    }
    end(receiving).await
}

/// Takes all parts of a form that are left.
pub(crate) async fn form_of(call: &Call, mut form: Multipart<'_>) -> Result<Arrived, Problem> {
    let patience = patience(call);
    let (mut file, mut name, mut mapping) = (None, None, None);
    while let Some(mut part) =
        in_time(patience, form.next_field()).await?.map_err(|error| torn(&error))?
    {
        match part.name() {
            Some("file") if file.is_none() => {
                name = part.file_name().map(str::to_owned).filter(|name| !name.is_empty());
                let mut receiving = begin(call)?;
                while let Some(bytes) =
                    in_time(patience, part.chunk()).await?.map_err(|error| torn(&error))?
                {
                    take(&mut receiving, bytes).await?;
                }
                file = Some(end(receiving).await?);
            }
            Some("mapping") if mapping.is_none() => {
                let mut text = Vec::new();
                while let Some(bytes) =
                    in_time(patience, part.chunk()).await?.map_err(|error| torn(&error))?
                {
                    text.extend_from_slice(&bytes);
                    if text.len() > MAPPING_BYTES_MAX {
                        return Err(Problem::new(
                            Code::BodyTooLarge,
                            "the part `mapping` is too large",
                        ));
                    }
                }
                mapping = Some(text.into());
            }
            _ => {
                return Err(unfit(
                    "one part `file`, and perhaps one part `mapping`",
                    "another one",
                ));
            }
        }
    }
    let received = file.ok_or_else(|| unfit("a part `file`", "none"))?;
    Ok(Arrived { received, name, mapping })
}

/// How long is waited for the next piece: nothing of it is stored unless all of it comes.
fn patience(call: &Call) -> Duration {
    call.hub().settings().request_timeout
}

async fn in_time<T>(patience: Duration, coming: impl Future<Output = T>) -> Result<T, Problem> {
    tokio::time::timeout(patience, coming).await.map_err(|_| broken())
}

fn begin(call: &Call) -> Result<Receiving, Problem> {
    call.hub().spool().receive().map_err(|error| unwritten(&error.into()))
}

async fn take(receiving: &mut Receiving, bytes: Bytes) -> Result<(), Problem> {
    receiving.take(bytes).await.map_err(|error| unwritten(&error))
}

async fn end(receiving: Receiving) -> Result<Received, Problem> {
    receiving.end().await.map_err(|error| unwritten(&error))
}

fn unwritten(trouble: &ReceiveError) -> Problem {
    match trouble {
        ReceiveError::TooLarge => {
            Problem::new(Code::BodyTooLarge, "the hub takes no file of this size")
        }
        ReceiveError::Io(trouble) => {
            error!(error = %trouble, "a file cannot be kept");
            Around::Internal.into()
        }
    }
}

fn broken() -> Problem {
    Around::BodyBroken.into()
}

/// A form that is none, or that broke off.
fn torn(trouble: &multer::Error) -> Problem {
    let broke_off = matches!(
        trouble,
        multer::Error::IncompleteStream
            | multer::Error::IncompleteHeaders
            | multer::Error::IncompleteFieldData { .. }
            | multer::Error::StreamReadFailed(_)
    );
    if broke_off { broken() } else { unfit("a form of several parts", "something else") }
}

fn unfit(expected: &str, found: &str) -> Problem {
    Problem::new(Code::FileUnfit, format!("expected {expected}, found {found}"))
}
