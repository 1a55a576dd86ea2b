//! People who sign in: their passwords, their sessions, and how a call of theirs is told from one that
//! another site makes their browser send. Pages for it are in [`crate::console`], what is kept in
//! [`kehub_core::people`].

pub(crate) mod account;
mod first;
pub(crate) mod origin;
pub(crate) mod password;
pub(crate) mod session;
pub(crate) mod sign_in;

use crate::server::Hub;
use crate::server::problem::Problem;
use crate::server::seldom::Seldom;
pub use first::FirstCode;
use kehub_core::command::{Command, Origin, Request};
use kehub_core::outcome::{Outcome, Refusal};
use kehub_core::people::{PeopleChange, PeopleOutcome, PeopleRefusal};
use kehub_core::{AppNumber, Micros, TenantId};
use password::Passwords;

use std::sync::OnceLock;
use std::time::Duration;
use tracing::error;

/// At most one failed attempt under names that nobody has is written down in this time, with how many
/// there were: who guesses must not fill the audit log.
const WRITTEN_EVERY: Duration = Duration::from_mins(1);

/// What a hub has in memory of people who sign in.
#[derive(Debug)]
pub(crate) struct People {
    passwords: Passwords,
    unknown: Seldom,
    /// What the first user is made with, if the hub started without any.
    first: OnceLock<FirstCode>,
}

impl Default for People {
    fn default() -> People {
        People {
            passwords: Passwords::default(),
            unknown: Seldom::every(WRITTEN_EVERY),
            first: OnceLock::new(),
        }
    }
}

impl People {
    /// Lets somebody who knows the code make the first user. The first code stays.
    pub(crate) fn expect_first(&self, code: FirstCode) {
        self.first.get_or_init(|| code);
    }

    /// What the first user is made with.
    pub(crate) fn first_code(&self) -> Option<&FirstCode> {
        self.first.get()
    }

    /// Passwords, and how many are looked at at once.
    pub(crate) fn passwords(&self) -> &Passwords {
        &self.passwords
    }
}

/// Who changes something about people, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct By<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) app: AppNumber,
    pub(crate) now: Micros,
    pub(crate) request_id: &'a str,
}

impl By<'_> {
    /// Applies a change. A refusal is for the caller; only trouble is a problem.
    pub(crate) async fn apply(
        self,
        hub: &Hub,
        change: PeopleChange,
    ) -> Result<Result<PeopleOutcome, PeopleRefusal>, Problem> {
        let By { tenant, app, now: at, request_id } = self;
        let origin = Origin { app, actor: None, request: request_id.into(), at };
        let command = Command::People(change);
        let request = Request { tenant, origin, dry_run: false, idempotency: None, command };
        let outcome = hub.apply(request).await?;
        if let Outcome::People(outcome) = outcome {
            return Ok(Ok(*outcome));
        }
        if let Outcome::Refused(Refusal::People(refusal)) = outcome {
            return Ok(Err(refusal));
        }
        error!("the store gave an outcome of another kind");
        Err(Problem::Internal)
    }
}
