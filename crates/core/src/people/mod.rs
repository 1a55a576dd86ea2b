//! People who sign in: users, their sessions, and what they did that no journal tells.
//!
//! None of it is part of a journal, which tells of customers. A user acts through an app of its own,
//! so that a journal tells who decided.

pub mod audit;
pub mod saved;
pub mod session;
pub mod user;

use crate::directory::App;
use crate::{AppNumber, Micros, TenantId};
use audit::{AuditEntry, AuditNumber, Note};
use saved::{SavedChange, SavedFilter};
use session::{Attempts, LoginKey, Session, SessionChange, SessionHash};
use std::collections::BTreeMap;
use user::{User, UserChange};

/// Sessions, failed attempts to sign in, saved filters and entries of the audit log that a batch may look
/// at or change. Users are part of the [directory](crate::directory::Directory).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// The sessions that the batch has commands about, and all others of the same users.
    pub sessions: BTreeMap<SessionHash, Session>,
    /// Failed attempts to sign in, all of them, by a hash of the name that was tried.
    pub attempts: BTreeMap<LoginKey, Attempts>,
    /// The saved filters of the users that the batch has such commands about, by user and name.
    pub saved: BTreeMap<(AppNumber, Box<str>), SavedFilter>,
    /// The number of the last entry of the audit log, by tenant.
    pub last: BTreeMap<TenantId, AuditNumber>,
    /// Entries of the audit log; an engine with tables keeps only new ones here.
    pub audit: BTreeMap<(TenantId, AuditNumber), AuditEntry>,
}

/// A command about people who sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeopleChange {
    /// Create or change a user.
    User(UserChange),
    /// Begin, follow or end a session.
    Session(SessionChange),
    /// Save or forget a filter.
    Saved(SavedChange),
    /// Write down what the origin of the request did.
    Note(Note),
}

/// What such a command looks at of sessions, beside those of the same user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NeededSessions {
    /// Those of this user.
    Of(AppNumber),
    /// This one.
    One(SessionHash),
}

impl PeopleChange {
    /// What it looks at of sessions.
    pub fn sessions(&self) -> Option<NeededSessions> {
        match self {
            PeopleChange::User(UserChange::Set { app, .. } | UserChange::SignOut { app, .. })
            | PeopleChange::Session(SessionChange::Begin { app, .. }) => {
                Some(NeededSessions::Of(*app))
            }
            PeopleChange::Session(SessionChange::Touch(hash) | SessionChange::End(hash)) => {
                Some(NeededSessions::One(*hash))
            }
            PeopleChange::User(UserChange::Create(_))
            | PeopleChange::Session(SessionChange::Fail { .. })
            | PeopleChange::Saved(_)
            | PeopleChange::Note(_) => None,
        }
    }

    /// Whose saved filters it looks at.
    pub fn saved(&self) -> Option<AppNumber> {
        if let PeopleChange::Saved(change) = self { Some(change.app()) } else { None }
    }

    /// Whether it looks at failed attempts to sign in.
    pub fn attempts(&self) -> bool {
        match self {
            PeopleChange::User(UserChange::Set { .. })
            | PeopleChange::Session(SessionChange::Begin { .. } | SessionChange::Fail { .. }) => {
                true
            }
            PeopleChange::User(UserChange::Create(_) | UserChange::SignOut { .. })
            | PeopleChange::Session(SessionChange::Touch(_) | SessionChange::End(_))
            | PeopleChange::Saved(_)
            | PeopleChange::Note(_) => false,
        }
    }
}

/// What came of a command about people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeopleOutcome {
    /// The user stands like this now.
    User {
        /// The user.
        user: User,
        /// The app that the user acts through.
        app: App,
        /// Whether it is a new one.
        created: bool,
    },
    /// The session stands like this now.
    Session(Session),
    /// The session has ended.
    Ended,
    /// An attempt has failed, and it was counted.
    Failed(Attempts),
    /// The filter is saved like this.
    Saved(SavedFilter),
    /// The filter is forgotten.
    Forgotten,
    /// It was written down.
    Noted(AuditNumber),
}

/// Why a command about people is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeopleRefusal {
    /// Another user of the hub has this login name.
    LoginTaken,
    /// The hub has users already.
    NotFirst,
    /// No such user in this tenant.
    UserMissing(AppNumber),
    /// Something else is set for the user than what was to be changed.
    UserChanged,
    /// The tenant would have no admin who may sign in.
    LastAdmin,
    /// Too many attempts have failed.
    Locked {
        /// Until when no attempt counts.
        until: Micros,
    },
    /// The user was disabled meanwhile, or has another password.
    NotVerified,
    /// No such session, or it has ended.
    SessionMissing,
    /// The user has saved as many filters as it may.
    TooManySaved,
    /// The user has saved no such filter.
    SavedMissing,
}
