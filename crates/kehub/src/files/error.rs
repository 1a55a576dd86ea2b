//! Why a file cannot be read.

use std::io;

/// Why a file cannot be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The system says no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is not what it should be.
    #[error("expected {expected}, found {found}")]
    Unfit {
        /// Such as `a row of headings`.
        expected: String,
        /// What is there instead.
        found: String,
    },
    /// From this line on it cannot be told what belongs together.
    #[error("line {line}: expected {expected}, found {found}")]
    Line {
        /// Counted from 1, as editors do.
        line: u64,
        /// Such as `a row of at most 1048576 bytes`.
        expected: String,
        /// What is there instead.
        found: String,
    },
}

impl FileError {
    pub(crate) fn unfit(expected: impl Into<String>, found: impl Into<String>) -> FileError {
        FileError::Unfit { expected: expected.into(), found: found.into() }
    }

    pub(crate) fn at(
        line: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> FileError {
        FileError::Line { line, expected: expected.into(), found: found.into() }
    }
}
