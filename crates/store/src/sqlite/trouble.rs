//! What goes wrong below the port, and what the port says about it.

use crate::tables::Broken;
use crate::{Source, StoreError};
use rusqlite::ErrorCode;

/// What went wrong inside a transaction that was, or is going to be, rolled back.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// SQLite says so.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// What was read, or was about to be written, breaks a rule of ours.
    #[error("{0}")]
    Broken(Source),
}

impl Trouble {
    pub(super) fn broken(cause: impl Into<Source>) -> Trouble {
        Trouble::Broken(cause.into())
    }

    /// Whether somebody else holds the file: nothing is wrong, and it will pass.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Trouble::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            ),
            Trouble::Broken(_) => false,
        }
    }

    /// Whether the cause lies in what was read or written, not in the disk or the machine.
    pub(super) fn is_corrupt(&self) -> bool {
        match self {
            Trouble::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => matches!(
                error.code,
                ErrorCode::DatabaseCorrupt
                    | ErrorCode::NotADatabase
                    | ErrorCode::ConstraintViolation
                    | ErrorCode::TypeMismatch
                    | ErrorCode::TooBig
            ),
            // Everything else that rusqlite reports is about a column or a statement of ours.
            Trouble::Sqlite(_) | Trouble::Broken(_) => true,
        }
    }
}

impl From<Broken> for Trouble {
    fn from(Broken(cause): Broken) -> Trouble {
        Trouble::Broken(cause)
    }
}

impl From<Trouble> for StoreError {
    /// For trouble after which nothing of the transaction is left.
    fn from(trouble: Trouble) -> StoreError {
        if trouble.is_corrupt() {
            StoreError::Corrupt(trouble.into())
        } else {
            StoreError::NotApplied(trouble.into())
        }
    }
}
