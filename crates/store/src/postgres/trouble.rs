//! What goes wrong below the port, and what the port says about it.

use crate::tables::Broken;
use crate::{Source, StoreError};
use std::error::Error as _;
use std::fmt;
use std::time::Duration;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// The first pause between two tries after trouble that may pass, and the longest.
pub(super) const PAUSES: (Duration, Duration) =
    (Duration::from_millis(5), Duration::from_millis(500));

/// Classes of SQLSTATE whose texts may hold values that somebody sent.
const ABOUT_VALUES: &[&str] = &["22", "23"];
/// Classes after which the same statement fails the same way.
const OURS: &[&str] = &["22", "23", "42", "0A"];
/// What our classes hold and is not ours: somebody took a permission away.
const NOT_OURS: &[&str] = &["42501"];
/// Somebody else was faster or in the way, and the session is as good as before.
const IN_THE_WAY: &[&str] = &["40001", "40P01", "55P03", "57014"];
/// The session can do nothing more, and a new one may: a standby, too many sessions, statements that
/// a pooler forgot, and what comes after an error that was told elsewhere.
const OF_THE_SESSION: &[&str] = &[READ_ONLY, "25P02", "26000", "53300"];
/// A server is ending, crashed, or not there yet.
const AWAY: &[&str] = &["57P01", "57P02", "57P03"];
/// What a coordinator says when a node is gone: an internal error, or one of reading and writing if that had to
/// take rows.
const OF_A_NODE: &[&str] = &["XX000", "58030"];
/// What a standby says to who wants to write.
const READ_ONLY: &str = "25006";
/// Where the server says that a prepared statement would answer in another form than before, and that rows which
/// it is sent have not the columns of its table: what it says of the one and of the other.
const STALE: &[(&str, &str)] = &[("0A000", "RevalidateCachedQuery"), ("42804", "record_recv")];

/// What went wrong inside a transaction that was, or is going to be, rolled back.
#[derive(Debug)]
pub(super) enum Trouble {
    /// PostgreSQL or its driver says so.
    Postgres(Box<Error>),
    /// There is no connection to be had.
    Unreachable(Source),
    /// A cluster does not show all that was committed on it.
    Unsettled(String),
    /// All connections that read were busy for too long.
    Busy,
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
            Trouble::Unreachable(_)
            | Trouble::Unsettled(_)
            | Trouble::Busy
            | Trouble::Broken(_) => None,
        }
    }

    fn is_one_of(&self, codes: &[&str]) -> bool {
        self.code().is_some_and(|code| codes.contains(&code))
    }

    fn is_of(&self, classes: &[&str]) -> bool {
        self.code().is_some_and(|code| classes.iter().any(|class| code.starts_with(class)))
    }

    /// Whether the session is over: what it had sent may or may not have been done. An error that is
    /// told on a session which goes on is none of these, whatever it is about.
    pub(super) fn is_lost(&self) -> bool {
        match self {
            Trouble::Postgres(error) => {
                let is_io =
                    error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
                error.is_closed() || is_io || error.as_db_error().is_some_and(is_last_word)
            }
            Trouble::Unreachable(_) => true,
            Trouble::Unsettled(_) | Trouble::Busy | Trouble::Broken(_) => false,
        }
    }

    /// Whether the server says that it did not do a statement: the transaction can only be rolled back.
    /// That another server is gone may be said by what stands between it and us, such as a pooler.
    pub(super) fn is_refusal(&self) -> bool {
        self.code().is_some() && !self.is_lost() && !self.is_of_another_server()
    }

    /// Whether a server that the server works with is gone, as it tells of on a session that goes on.
    pub(super) fn is_of_another_server(&self) -> bool {
        !self.is_lost() && (self.is_one_of(AWAY) || self.is_of(&["08"]))
    }

    /// Whether the same transaction may succeed if it is tried again at once.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Trouble::Unsettled(_))
            || self.is_lost()
            || self.is_of_another_server()
            || self.is_one_of(IN_THE_WAY)
            || self.is_one_of(OF_THE_SESSION)
            || self.is_stale_plan()
    }

    /// Whether it may be a node of a cluster that was lost in the middle: its coordinator has no other words
    /// for that. Of one server it is a fault of the server itself, or of its disk.
    pub(super) fn may_be_of_a_node(&self) -> bool {
        !self.is_lost() && self.is_one_of(OF_A_NODE)
    }

    /// Whether the server refuses who asks, or has no such database: somebody has to mend the address.
    pub(super) fn is_about_the_address(&self) -> bool {
        self.is_of(&["28", "3D"])
    }

    /// Whether the session may be used on, once it is rolled back. After anything that is not known
    /// to leave it alone, a new one is better.
    pub(super) fn spares_the_session(&self) -> bool {
        match self {
            Trouble::Postgres(_) => {
                !self.is_lost() && (self.is_one_of(IN_THE_WAY) || self.is_of(ABOUT_VALUES))
            }
            Trouble::Unsettled(_) | Trouble::Broken(_) => true,
            Trouble::Unreachable(_) | Trouble::Busy => false,
        }
    }

    /// Somebody changed a table beside running hubs.
    fn is_stale_plan(&self) -> bool {
        match self {
            Trouble::Postgres(error) => {
                let routine = error.as_db_error().and_then(DbError::routine);
                STALE.iter().any(|(code, told)| self.is_one_of(&[code]) && routine == Some(told))
            }
            Trouble::Unreachable(_)
            | Trouble::Unsettled(_)
            | Trouble::Busy
            | Trouble::Broken(_) => false,
        }
    }

    /// Whether the cause lies in what was read or written, not in the machine.
    pub(super) fn is_corrupt(&self) -> bool {
        match self {
            Trouble::Broken(_) => true,
            Trouble::Unreachable(_) | Trouble::Unsettled(_) | Trouble::Busy => false,
            // Without a code it is the driver that cannot read a column or write an argument.
            Trouble::Postgres(_) => {
                let is_ours =
                    self.is_of(OURS) && !self.is_one_of(NOT_OURS) && !self.is_stale_plan();
                !self.is_lost()
                    && (self.code().is_none() || is_ours || self.is_one_of(&["XX001", "XX002"]))
            }
        }
    }
}

/// Whether the server ends the session with this error.
fn is_last_word(error: &DbError) -> bool {
    match error.parsed_severity() {
        Some(severity) => matches!(severity, Severity::Fatal | Severity::Panic),
        None => ["FATAL", "PANIC"].contains(&error.severity()),
    }
}

/// What a server says, without the details: they may hold values that somebody sent.
fn told(error: &DbError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let code = error.code().code();
    if ABOUT_VALUES.iter().any(|class| code.starts_with(class)) {
        let place = error.constraint().or(error.table()).unwrap_or("a value");
        write!(f, "the database refused {place} ({code})")
    } else if code == READ_ONLY {
        write!(
            f,
            "the database is read-only, perhaps a standby: the hub needs the primary, which \
             `target_session_attrs=read-write` finds among several hosts ({code})"
        )
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
            Trouble::Busy => f.write_str("all connections that read are busy"),
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
