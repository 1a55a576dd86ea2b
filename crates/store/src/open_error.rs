use std::fmt;

/// Why a store could not be opened, or looked at.
#[derive(Debug, thiserror::Error)]
#[error("cannot use `{place}`: {cause}")]
pub struct OpenError {
    place: String,
    cause: String,
}

impl OpenError {
    pub(crate) fn of(place: impl fmt::Display, cause: impl fmt::Display) -> OpenError {
        OpenError { place: place.to_string(), cause: cause.to_string() }
    }
}
