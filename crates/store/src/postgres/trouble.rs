//! What goes wrong below the port, and what the port says about it.

use crate::tables::Broken;
use crate::{Source, StoreError};
use std::error::Error as _;
use std::fmt;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

/// Classes of SQLSTATE whose texts may hold values that somebody sent.
const ABOUT_VALUES: &[&str] = &["22", "23"];
/// Classes after which the same statement fails the same way.
const OURS: &[&str] = &["22", "23", "42", "0A"];
/// The server ends the session, or does not take a new one yet.
const ENDED: &[&str] = &["57P01", "57P02", "57P03", "57P05", "25P03"];
/// Somebody else was faster, and nothing was done.
const LOST_A_RACE: &[&str] = &["40001", "40P01"];

/// What went wrong inside a transaction that was, or is going to be, rolled back.
#[derive(Debug)]
pub(super) enum Trouble {
    /// PostgreSQL or its driver says so.
    Postgres(Box<Error>),
    /// There is no connection to be had.
    Unreachable(Source),
    /// A cluster does not show all that was committed on it.
    Unsettled(String),
    /// What was read, or was about to be written, breaks a rule of ours.
    Broken(Source),
}

impl Trouble {
    pub(super) fn broken(cause: impl Into<Source>) -> Trouble {
        Trouble::Broken(cause.into())
    }

    fn code(&self) -> Option<&str> {
        match self {
            Trouble::Postgres(error) => error.code().map(SqlState::code),
            Trouble::Unreachable(_) | Trouble::Unsettled(_) | Trouble::Broken(_) => None,
        }
    }

    fn is_one_of(&self, codes: &[&str]) -> bool {
        self.code().is_some_and(|code| codes.contains(&code))
    }

    fn is_of(&self, classes: &[&str]) -> bool {
        self.code().is_some_and(|code| classes.iter().any(|class| code.starts_with(class)))
    }

    /// Whether the session is over: what it had sent may or may not have been done.
    pub(super) fn is_lost(&self) -> bool {
        match self {
            Trouble::Postgres(error) => {
                let is_io =
                    error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
                error.is_closed() || is_io || self.is_one_of(ENDED) || self.is_of(&["08"])
            }
            Trouble::Unreachable(_) => true,
            Trouble::Unsettled(_) | Trouble::Broken(_) => false,
        }
    }

    /// Whether the same transaction may succeed if it is tried again at once.
    pub(super) fn is_passing(&self) -> bool {
        let is_unsettled = matches!(self, Trouble::Unsettled(_));
        is_unsettled || self.is_lost() || self.is_one_of(LOST_A_RACE)
    }

    /// Whether the cause lies in what was read or written, not in the machine.
    pub(super) fn is_corrupt(&self) -> bool {
        match self {
            Trouble::Broken(_) => true,
            Trouble::Unreachable(_) | Trouble::Unsettled(_) => false,
            // Without a code it is the driver that cannot read a column or write an argument.
            Trouble::Postgres(_) => {
                !self.is_lost()
                    && (self.code().is_none()
                        || self.is_of(OURS)
                        || self.is_one_of(&["XX001", "XX002"]))
            }
        }
    }
}

/// What a server says, without the details: they may hold values that somebody sent.
fn told(error: &DbError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let code = error.code().code();
    if ABOUT_VALUES.iter().any(|class| code.starts_with(class)) {
        let place = error.constraint().or(error.table()).unwrap_or("a value");
        write!(f, "the database refused {place} ({code})")
    } else {
        write!(f, "{} ({code})", error.message())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Postgres(error) => match error.as_db_error() {
                Some(error) => told(error, f),
                None => error.fmt(f),
            },
            Trouble::Unreachable(cause) => write!(f, "cannot connect to the database: {cause}"),
            Trouble::Unsettled(cause) => cause.fmt(f),
            Trouble::Broken(cause) => cause.fmt(f),
        }
    }
}

impl std::error::Error for Trouble {}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Postgres(Box::new(error))
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
