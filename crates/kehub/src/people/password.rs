//! Passwords: what one must be, and how it is kept and compared. That is slow on purpose, and takes
//! memory, so that only a few are looked at at once.

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, Params};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Characters that a password must have,
pub(crate) const CHARS_MIN: usize = 10;
/// and may have.
pub(crate) const CHARS_MAX: usize = 256;
/// How many are looked at at once. Each takes 19 MiB, and a processor for some ten milliseconds.
const AT_ONCE: usize = 2;
/// How many more may wait.
const WAITING_MAX: usize = 32;

/// What a password must be, for people.
pub(crate) const EXPECTED: &str =
    "10 to 256 characters that are not the login name, and not one character over and over";

/// Why a password was not hashed or compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotDone {
    /// Too many wait already.
    #[error("too many passwords are being looked at")]
    Busy,
    /// The machine has no memory or randomness for it.
    #[error("a password could not be hashed")]
    Failed,
}

/// Whether this may be the password of a user of this name.
pub(crate) fn is_fit(password: &str, login: &str) -> bool {
    let chars = password.chars().count();
    let is_login = password.trim().to_lowercase() == login;
    let first = password.chars().next();
    let is_one = password.chars().all(|c| Some(c) == first);
    (CHARS_MIN..=CHARS_MAX).contains(&chars) && !is_login && !is_one
}

/// The hash of a password: slow.
pub(crate) fn hash(password: &str) -> Result<Box<str>, NotDone> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string().into()).map_err(|_| NotDone::Failed)
}

/// Whether this is the password behind the hash: as slow.
fn is_password(password: &str, hash: &str) -> bool {
    Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

/// A hash that is of no password, and takes as long as others to be compared with one.
fn nobodys() -> Box<str> {
    let params = Params::default();
    let (memory, times, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    let (salt, hash) = (STANDARD_NO_PAD.encode([0; 16]), STANDARD_NO_PAD.encode([0; 32]));
    format!("$argon2id$v=19$m={memory},t={times},p={lanes}${salt}${hash}").into()
}

/// Looks at passwords beside everything else, a few at once.
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords")
    }
}

impl Default for Passwords {
    fn default() -> Passwords {
        let (turns, places) = (Semaphore::new(AT_ONCE), Semaphore::new(AT_ONCE + WAITING_MAX));
        Passwords { turns: turns.into(), places: places.into() }
    }
}

impl Passwords {
    /// The hash of a password.
    pub(crate) async fn hash(&self, password: String) -> Result<Box<str>, NotDone> {
        self.run(move || hash(&password)).await?
    }

    /// Whether this is the password behind a hash. Without one it takes as long, and it is not.
    pub(crate) async fn verify(
        &self,
        password: String,
        hash: Option<Box<str>>,
    ) -> Result<bool, NotDone> {
        let hash = hash.unwrap_or_else(nobodys);
        self.run(move || is_password(&password, &hash)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotDone> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| NotDone::Busy)?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| NotDone::Failed)?;
        // Whoever asked may go away meanwhile: the work goes on, and keeps its place.
        let work = move || {
            let done = work();
            drop((place, turn));
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| NotDone::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_no_login_name() {
        for fit in ["correct horse", "ten chars!", "密码密码密码密码密码"] {
            assert!(is_fit(fit, "anna"), "{fit}");
        }
        let long = "ab".repeat(129);
        for unfit in ["", "nine char", "aaaaaaaaaaaa", "ANNA@example.com", &long] {
            assert!(!is_fit(unfit, "anna@example.com"), "{unfit}");
        }
    }

    #[tokio::test]
    async fn a_password_is_told_from_others_by_its_hash_only() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$") && !hash.contains("horse"), "{hash}");
        assert_ne!(hash, passwords.hash("correct horse".to_owned()).await.unwrap());
        for (password, expected) in
            [("correct horse", true), ("correct horse ", false), ("", false)]
        {
            let verified = passwords.verify(password.to_owned(), Some(hash.clone())).await;
            assert_eq!(verified, Ok(expected), "{password}");
        }
        assert_eq!(passwords.verify("correct horse".to_owned(), None).await, Ok(false));
    }

    #[test]
    fn who_has_no_hash_is_compared_with_one_of_the_same_cost() {
        let cost = |hash: &str| hash.split('$').nth(3).unwrap().to_owned();
        let real = hash("correct horse").unwrap();
        assert_eq!(cost(&nobodys()), cost(&real));
        // It is one that is compared, and not one that is refused at a glance.
        let parts = |hash: &str| hash.split('$').map(str::len).collect::<Vec<_>>();
        assert_eq!(parts(&nobodys()), parts(&real));
        let wrong = argon2::password_hash::Error::PasswordInvalid;
        assert_eq!(Argon2::default().verify_password(b"x", &*nobodys()), Err(wrong));
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let passwords = Passwords::default();
        let all = passwords.turns.acquire_many(2).await.unwrap();
        let hashing = (0..=AT_ONCE + WAITING_MAX).map(|_| passwords.run(|| ()));
        let mut results = Box::pin(futures_util::future::join_all(hashing));
        assert!(futures_util::FutureExt::now_or_never(&mut results).is_none());
        drop(all);
        let results = results.await;
        assert_eq!(results.iter().filter(|done| **done == Err(NotDone::Busy)).count(), 1);
        assert_eq!(results.iter().filter(|done| done.is_ok()).count(), AT_ONCE + WAITING_MAX);
    }
}
