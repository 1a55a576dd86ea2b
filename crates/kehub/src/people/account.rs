//! What users do to themselves: the first one comes into being, passwords change, sessions end.

use super::By;
use super::password::{self, NotDone};
use super::session::{Secret, SignedIn};
use super::sign_in::{Asking, NotLetIn, check_lock, locked, sign_in};
use crate::server::Hub;
use crate::server::problem::Problem;
use kehub_core::command::InsteadOf;
use kehub_core::people::session::{Session, SessionChange, SessionHash};
use kehub_core::people::user::{NAME_CHARS_MAX, NewUser, Role, UserChange, UserSet, fold_login};
use kehub_core::people::{PeopleChange, PeopleRefusal};
use kehub_core::{AppNumber, Micros};

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotChanged {
    /// The code is not the one that `serve` printed.
    CodeWrong,
    /// The hub has users already.
    NotFirst,
    /// This can be no login name.
    LoginUnfit,
    /// This can be no name for people.
    NameUnfit,
    /// This can be no password.
    PasswordUnfit,
    /// This is not the password that is to be replaced, or there were too many attempts, or trouble.
    NotLetIn(NotLetIn),
    /// There is no such session.
    SessionMissing,
}

impl From<NotLetIn> for NotChanged {
    fn from(why: NotLetIn) -> NotChanged {
        NotChanged::NotLetIn(why)
    }
}

impl From<NotDone> for NotChanged {
    fn from(why: NotDone) -> NotChanged {
        NotChanged::NotLetIn(why.into())
    }
}

impl From<Problem> for NotChanged {
    fn from(problem: Problem) -> NotChanged {
        NotChanged::NotLetIn(NotLetIn::Trouble(problem))
    }
}

/// Makes the first user of the hub, an admin, for somebody who knows the code; and signs it in.
pub(crate) async fn create_first(
    hub: &Hub,
    code: &str,
    name: &str,
    asking: Asking<'_>,
) -> Result<Secret, NotChanged> {
    if !hub.people().first_code().is_some_and(|known| known.is(code)) {
        return Err(NotChanged::CodeWrong);
    }
    let login = fold_login(asking.login).ok_or(NotChanged::LoginUnfit)?;
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(NotChanged::NameUnfit);
    }
    if !password::is_fit(asking.password, &login) {
        return Err(NotChanged::PasswordUnfit);
    }
    let hash = hub.people().passwords().hash(asking.password.to_owned()).await?;
    let directory = hub.store().directory().await.map_err(Problem::from)?;
    let tenants = directory.tenants.iter().map(|tenant| tenant.id);
    let tenant = tenants.min().ok_or(Problem::Internal)?;
    let (role, name) = (Role::Admin, name.into());
    let change = UserChange::Create(NewUser { login, name, role, password: hash, is_first: true });
    let by = By { tenant, app: AppNumber(0), now: asking.now, request_id: asking.request_id };
    match by.apply(hub, PeopleChange::User(change)).await? {
        Ok(_) => Ok(sign_in(hub, asking).await?),
        Err(PeopleRefusal::NotFirst) => Err(NotChanged::NotFirst),
        Err(_) => Err(Problem::Internal.into()),
    }
}

/// Somebody who is signed in, at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own<'a> {
    pub(crate) hub: &'a Hub,
    pub(crate) signed_in: &'a SignedIn,
    pub(crate) now: Micros,
    pub(crate) request_id: &'a str,
}

impl Own<'_> {
    fn by(&self) -> By<'_> {
        let caller = &self.signed_in.caller;
        let (tenant, app) = (caller.tenant.id, caller.app.number);
        By { tenant, app, now: self.now, request_id: self.request_id }
    }

    /// Sets another password for somebody who knows the old one. All other sessions end.
    pub(crate) async fn change_password(&self, old: &str, new: &str) -> Result<(), NotChanged> {
        let hub = self.hub;
        let app = self.signed_in.caller.app.number;
        let directory = hub.store().directory().await.map_err(Problem::from)?;
        let user = directory.user(app).ok_or(Problem::TokenInvalid)?;
        if !password::is_fit(new, &user.login) {
            return Err(NotChanged::PasswordUnfit);
        }
        // Who found an open browser does not guess faster than at the door.
        let key = hub.access().login_key(&user.login);
        check_lock(hub, key, self.now).await?;
        let known = Some(user.password.clone());
        if !hub.people().passwords().verify(old.to_owned(), known).await? {
            let fail = SessionChange::Fail { key, app: Some(app), unwritten: Some(0) };
            return Err(match self.by().apply(hub, PeopleChange::Session(fail)).await? {
                Err(PeopleRefusal::Locked { until }) => locked(until, self.now).into(),
                Ok(_) | Err(_) => NotLetIn::Wrong.into(),
            });
        }
        let hash = hub.people().passwords().hash(new.to_owned()).await?;
        let keep = Some(self.signed_in.session.hash);
        let set = UserSet { password: Some(hash), keep, ..UserSet::default() };
        let change = UserChange::Set { app, set };
        let changed = self.by().apply(hub, PeopleChange::User(change)).await?;
        changed.map(drop).map_err(|_| Problem::Internal.into())
    }

    /// The sessions that last, the one that was used last first.
    pub(crate) async fn sessions(&self) -> Result<Vec<Session>, Problem> {
        let mut sessions = self.hub.store().sessions(self.signed_in.session.app).await?;
        sessions.retain(|session| session.is_live(self.now));
        sessions.sort_by_key(|session| std::cmp::Reverse(session.seen_at));
        Ok(sessions)
    }

    /// Ends a session.
    pub(crate) async fn end(&self, hash: SessionHash) -> Result<(), NotChanged> {
        let found = self.hub.store().session(hash).await.map_err(Problem::from)?;
        if found.is_none_or(|session| session.app != self.signed_in.session.app) {
            return Err(NotChanged::SessionMissing);
        }
        let end = PeopleChange::Session(SessionChange::End(hash));
        match self.by().apply(self.hub, end).await? {
            // Somebody else may have ended it meanwhile.
            Ok(_) | Err(PeopleRefusal::SessionMissing) => Ok(()),
            Err(_) => Err(Problem::Internal.into()),
        }
    }

    /// Ends all sessions.
    pub(crate) async fn end_all(&self) -> Result<(), NotChanged> {
        let app = self.signed_in.session.app;
        let change = UserChange::SignOut { app, instead_of: InsteadOf::Whatever };
        let ended = self.by().apply(self.hub, PeopleChange::User(change)).await?;
        ended.map(drop).map_err(|_| Problem::Internal.into())
    }
}
