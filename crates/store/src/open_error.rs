use std::fmt;

/// Why a store could not be opened, or looked at.
#[derive(Debug, thiserror::Error)]
#[error("cannot use `{place}`: {cause}")]
pub struct OpenError {
    place: String,
    cause: String,
    may_pass: bool,
}

impl OpenError {
    pub(crate) fn of(place: impl fmt::Display, cause: impl fmt::Display) -> OpenError {
        OpenError { place: place.to_string(), cause: cause.to_string(), may_pass: false }
    }

    /// The same, of a cause that may pass by itself.
    pub(crate) fn passing(self, may_pass: bool) -> OpenError {
        OpenError { may_pass, ..self }
    }

    /// Whether the same store may open a little later, without anybody mending the configuration: its
    /// server is away, or starting, or a standby that is about to be promoted.
    pub fn may_pass(&self) -> bool {
        self.may_pass
    }
}
