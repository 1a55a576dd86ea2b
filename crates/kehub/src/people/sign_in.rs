//! Signing in. An answer does not tell whether a name exists: whoever fails, fails in the same way,
//! in the same time, and is locked out in the same way.

use super::By;
use super::password::NotDone;
use super::session::Secret;
use crate::server::Hub;
use crate::server::problem::Problem;
use kehub_core::directory::{App, Directory};
use kehub_core::people::session::{AGENT_CHARS_MAX, LoginKey, SessionChange};
use kehub_core::people::user::{User, fold_login};
use kehub_core::people::{PeopleChange, PeopleOutcome, PeopleRefusal};
use kehub_core::{AppNumber, Micros, TenantId};
use kehub_store::StoreError;
use std::time::Instant;
use tracing::error;

/// The app of a request that nobody sends yet.
const NOBODY: AppNumber = AppNumber(0);

/// Somebody who wants to be let in.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) login: &'a str,
    pub(crate) password: &'a str,
    /// How the browser calls itself.
    pub(crate) agent: &'a str,
    pub(crate) now: Micros,
    pub(crate) request_id: &'a str,
}

impl Asking<'_> {
    async fn apply(
        self,
        hub: &Hub,
        tenant: TenantId,
        app: AppNumber,
        change: SessionChange,
    ) -> Result<Result<PeopleOutcome, PeopleRefusal>, NotLetIn> {
        let by = By { tenant, app, now: self.now, request_id: self.request_id };
        by.apply(hub, PeopleChange::Session(change)).await.map_err(NotLetIn::Trouble)
    }
}

/// Why somebody was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotLetIn {
    /// There is no such name, or it has another password, or it may not sign in.
    Wrong,
    /// Too many attempts have failed under this name: none counts for so many seconds.
    Locked {
        /// At least 1.
        seconds: i64,
    },
    /// Too many want to be let in at once.
    Busy,
    /// The hub is in trouble.
    Trouble(Problem),
}

impl From<StoreError> for NotLetIn {
    fn from(error: StoreError) -> NotLetIn {
        NotLetIn::Trouble(error.into())
    }
}

impl From<NotDone> for NotLetIn {
    fn from(not_done: NotDone) -> NotLetIn {
        match not_done {
            NotDone::Busy => NotLetIn::Busy,
            NotDone::Failed => NotLetIn::Trouble(Problem::Internal),
        }
    }
}

/// Begins a session for somebody who knows the password of a user.
pub(crate) async fn sign_in(hub: &Hub, asking: Asking<'_>) -> Result<Secret, NotLetIn> {
    // What is no name is nobody's, and is counted as others are.
    let login = fold_login(asking.login).unwrap_or_default();
    let key = hub.access().login_key(&login);
    check_lock(hub, key, asking.now).await?;
    // The hub's own list may be seconds old: another password may have been set.
    let directory = hub.store().directory().await?;
    let found = let_in(&directory, &login);
    let hash = found.map(|(user, _)| user.password.clone());
    let password = asking.password.to_owned();
    let is_right = hub.people().passwords().verify(password, hash).await?;
    match found.filter(|_| is_right) {
        Some((user, app)) => begin(hub, asking, key, user, app).await,
        None => fail(hub, asking, key, &directory, &login).await,
    }
}

/// The user of this name, if it may sign in.
fn let_in<'d>(directory: &'d Directory, login: &str) -> Option<(&'d User, &'d App)> {
    let user = directory.users.iter().find(|user| &*user.login == login)?;
    let app = directory.app(user.app).filter(|app| app.revoked_at.is_none())?;
    Some((user, app))
}

/// Refuses what comes under a name too often.
pub(super) async fn check_lock(hub: &Hub, key: LoginKey, now: Micros) -> Result<(), NotLetIn> {
    match hub.store().attempts(key).await? {
        Some(attempts) if attempts.is_locked(now) => Err(locked(attempts.locked_until, now)),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn locked(until: Micros, now: Micros) -> NotLetIn {
    NotLetIn::Locked { seconds: seconds_of((until - now).max(1)) }
}

/// Whole seconds that hold so many microseconds.
fn seconds_of(micros: Micros) -> i64 {
    (micros + 999_999).div_euclid(1_000_000)
}

async fn begin(
    hub: &Hub,
    asking: Asking<'_>,
    key: LoginKey,
    user: &User,
    app: &App,
) -> Result<Secret, NotLetIn> {
    let secret = Secret::draw().map_err(|error| {
        error!(%error, "no secret could be drawn");
        NotLetIn::Trouble(Problem::Internal)
    })?;
    let agent: String = asking.agent.chars().filter(|c| !c.is_control()).collect();
    let change = SessionChange::Begin {
        key,
        app: user.app,
        password: user.password.clone(),
        hash: secret.hash(),
        agent: agent.chars().take(AGENT_CHARS_MAX).collect::<String>().into(),
    };
    // A user that this hub has not read yet is let in at once.
    if hub.access().user(user.app).is_none() {
        hub.refresh().await?;
    }
    match asking.apply(hub, app.tenant, user.app, change).await? {
        Ok(PeopleOutcome::Session(_)) => Ok(secret),
        Err(PeopleRefusal::Locked { until }) => Err(locked(until, asking.now)),
        Err(PeopleRefusal::NotVerified) => Err(NotLetIn::Wrong),
        Ok(_) | Err(_) => Err(NotLetIn::Trouble(Problem::Internal)),
    }
}

async fn fail(
    hub: &Hub,
    asking: Asking<'_>,
    key: LoginKey,
    directory: &Directory,
    login: &str,
) -> Result<Secret, NotLetIn> {
    let user = directory.users.iter().find(|user| &*user.login == login);
    let app = user.and_then(|user| directory.app(user.app));
    let unwritten = match app {
        Some(_) => Some(0),
        None => hub.people().unknown.turn(Instant::now()),
    };
    // Nobody's attempts are told to the first tenant: whoever runs the hub is there.
    let first = directory.tenants.iter().map(|tenant| tenant.id).min();
    let Some(tenant) = app.map(|app| app.tenant).or(first) else { return Err(NotLetIn::Wrong) };
    let change = SessionChange::Fail { key, app: app.map(|app| app.number), unwritten };
    match asking.apply(hub, tenant, NOBODY, change).await? {
        Err(PeopleRefusal::Locked { until }) => Err(locked(until, asking.now)),
        Ok(_) | Err(_) => Err(NotLetIn::Wrong),
    }
}
