//! Sessions of users, and what failed attempts to begin one lead to.

use crate::{AppNumber, Micros};

const SECOND: Micros = 1_000_000;
/// For how long a session lasts at most, whatever is done in it.
pub const SESSION_LIFE_MICROS: Micros = 30 * 24 * 3600 * SECOND;
/// For how long a session lasts in which nothing is done.
pub const SESSION_IDLE_MICROS: Micros = 12 * 3600 * SECOND;
/// How old the note may be of when something was last done in a session.
pub const SESSION_SEEN_MICROS: Micros = 60 * SECOND;
/// Sessions of one user: with a new one, the one that was left alone for longest ends.
pub const SESSIONS_MAX: usize = 50;
/// Characters that are kept of how a browser calls itself.
pub const AGENT_CHARS_MAX: usize = 200;

/// Attempts that may fail before nothing is let in for a while.
pub const ATTEMPTS_FREE: u32 = 5;
/// For how long then; it doubles with every further one that fails,
pub const LOCK_MICROS: Micros = 30 * SECOND;
/// up to this.
pub const LOCK_MICROS_MAX: Micros = 15 * 60 * SECOND;
/// After how long a failed attempt is forgotten, unless another one follows.
pub const ATTEMPTS_LIFE_MICROS: Micros = 24 * 3600 * SECOND;
/// For how many names that nobody has failed attempts are remembered. With a new one, the oldest is
/// forgotten.
pub const UNKNOWN_LOGINS_MAX: usize = 4096;

/// SHA-256 of what a browser holds of a session. That itself is kept nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionHash(pub [u8; 32]);

/// A keyed hash of a folded login name, whether or not there is a user of this name: what people
/// mistype into it may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginKey(pub [u8; 16]);

/// A session of a user. One that has ended is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What tells it from others.
    pub hash: SessionHash,
    /// The user.
    pub app: AppNumber,
    /// When it began.
    pub begun_at: Micros,
    /// When something was last done in it, within [`SESSION_SEEN_MICROS`].
    pub seen_at: Micros,
    /// How the browser calls itself.
    pub agent: Box<str>,
}

impl Session {
    /// Whether it lasts.
    pub fn is_live(&self, now: Micros) -> bool {
        now < self.begun_at.saturating_add(SESSION_LIFE_MICROS)
            && now < self.seen_at.saturating_add(SESSION_IDLE_MICROS)
    }

    /// Whether it is time to note that something is done in it.
    pub fn is_to_be_noted(&self, now: Micros) -> bool {
        now >= self.seen_at.saturating_add(SESSION_SEEN_MICROS)
    }
}

/// Attempts to sign in under one name that failed since the last one that did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// The user of this name, if there is one.
    pub app: Option<AppNumber>,
    /// How many.
    pub failed: u32,
    /// When the last one failed.
    pub failed_at: Micros,
    /// Until when nothing is let in under this name.
    pub locked_until: Micros,
}

impl Attempts {
    /// Whether nothing is let in under this name.
    pub fn is_locked(&self, now: Micros) -> bool {
        now < self.locked_until
    }

    /// Whether all of it is to be forgotten.
    pub fn is_past(&self, now: Micros) -> bool {
        now >= self.failed_at.saturating_add(ATTEMPTS_LIFE_MICROS)
    }

    /// With one more that fails now.
    #[must_use]
    pub fn and_one(self, now: Micros) -> Attempts {
        let failed = if self.is_past(now) { 1 } else { self.failed.saturating_add(1) };
        let locked_until = match failed.checked_sub(ATTEMPTS_FREE) {
            None => 0,
            // From 2^10 on it is at its most, and beyond 2^30 it would be too large a number.
            Some(doubled) => now + (LOCK_MICROS << doubled.min(10)).min(LOCK_MICROS_MAX),
        };
        Attempts { failed, failed_at: now, locked_until, ..self }
    }
}

/// A change of sessions.
#[derive(Clone, PartialEq, Eq)]
pub enum SessionChange {
    /// Begin one for a user of the request's tenant whose password was just verified.
    Begin {
        /// The name that the user typed.
        key: LoginKey,
        /// The user.
        app: AppNumber,
        /// The hash that the password was verified against.
        password: Box<str>,
        /// What tells the session from others.
        hash: SessionHash,
        /// How the browser calls itself.
        agent: Box<str>,
    },
    /// Count an attempt that failed.
    Fail {
        /// The name that was typed.
        key: LoginKey,
        /// The user of this name, if there is one.
        app: Option<AppNumber>,
        /// How many that failed before and were not written down are to be with this one; `None` if it is
        /// not to be written down either.
        unwritten: Option<u64>,
    },
    /// Note that something is done in it, so that it goes on.
    Touch(SessionHash),
    /// End it.
    End(SessionHash),
}

impl std::fmt::Debug for SessionChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            SessionChange::Begin { .. } => "Begin",
            SessionChange::Fail { .. } => "Fail",
            SessionChange::Touch(_) => "Touch",
            SessionChange::End(_) => "End",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_double_up_to_a_quarter_of_an_hour_and_are_forgotten_after_a_day() {
        let mut attempts = Attempts::default();
        let mut now = 1_790_000_000 * SECOND;
        let mut seconds = Vec::new();
        for _ in 0..12 {
            attempts = attempts.and_one(now);
            let lock = (attempts.locked_until - now).max(0);
            assert_eq!(attempts.is_locked(now), lock > 0);
            seconds.push(lock / SECOND);
            now += lock;
            assert!(!attempts.is_locked(now));
        }
        assert_eq!(seconds, [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]);
        let many = Attempts { failed: u32::MAX, ..attempts };
        assert_eq!(many.and_one(now).locked_until, now + LOCK_MICROS_MAX);
        let next_day = now + ATTEMPTS_LIFE_MICROS;
        assert!(attempts.is_past(next_day));
        assert_eq!((attempts.and_one(next_day).failed, attempts.and_one(now).failed), (1, 13));
    }

    #[test]
    fn a_session_ends_after_half_a_day_of_nothing_and_after_a_month_of_everything() {
        let (hash, app, agent) = (SessionHash([7; 32]), AppNumber(3), "".into());
        let mut session = Session { hash, app, begun_at: 100, seen_at: 100, agent };
        assert!(session.is_live(99 + SESSION_IDLE_MICROS));
        assert!(!session.is_live(100 + SESSION_IDLE_MICROS));
        session.seen_at = 99 + SESSION_LIFE_MICROS;
        assert!(session.is_live(99 + SESSION_LIFE_MICROS));
        assert!(!session.is_live(100 + SESSION_LIFE_MICROS));
        assert!(!session.is_to_be_noted(session.seen_at + SESSION_SEEN_MICROS - 1));
        assert!(session.is_to_be_noted(session.seen_at + SESSION_SEEN_MICROS));
    }
}
