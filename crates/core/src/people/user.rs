//! Users: people of one tenant, and what they may do.

use super::session::SessionHash;
use crate::command::InsteadOf;
use crate::directory::Permission;
use crate::{AppNumber, Micros};

/// What a user is there for. Everything that a user may do follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Does everything, and says who else may.
    Admin,
    /// Works with customers.
    Editor,
    /// Settles who is one person, and changes nothing else.
    Reviewer,
    /// Looks, without mobiles and e-mails in full.
    Viewer,
}

impl Role {
    /// Every role.
    pub const ALL: &[Role] = &[Role::Admin, Role::Editor, Role::Reviewer, Role::Viewer];

    /// The name that people type.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Editor => "editor",
            Role::Reviewer => "reviewer",
            Role::Viewer => "viewer",
        }
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Role> {
        Role::ALL.iter().copied().find(|role| role.name() == name)
    }

    /// What a user of this role may do, in the order of [`Permission::ALL`].
    pub const fn permissions(self) -> &'static [Permission] {
        match self {
            Role::Admin => Permission::ALL,
            Role::Editor => &[
                Permission::CustomersRead,
                Permission::CustomersWrite,
                Permission::CustomersDelete,
                Permission::IdentitiesWrite,
                Permission::IdentitiesMerge,
                Permission::ChangesRead,
                Permission::CustomersReveal,
            ],
            Role::Reviewer => &[
                Permission::CustomersRead,
                Permission::IdentitiesMerge,
                Permission::CustomersReveal,
            ],
            Role::Viewer => &[Permission::CustomersRead],
        }
    }
}

/// A user. The rest of it is in its app: the tenant, the name for people, when it was created, and
/// since when it is disabled, which is when the app was revoked.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The app that it acts through, whose number is the user's own.
    pub app: AppNumber,
    /// What it signs in with, unique in the hub: [folded](fold_login).
    pub login: Box<str>,
    /// What it is there for.
    pub role: Role,
    /// A slow, salted hash of its password, with its parameters (a PHC string).
    pub password: Box<str>,
    /// When that was last set.
    pub password_at: Micros,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("app", &self.app)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// A login name as it is compared and kept: without blanks around it, in lower case. `None` if it is
/// none: it has 1 to 128 characters, without blanks and control characters.
pub fn fold_login(text: &str) -> Option<Box<str>> {
    let folded = text.trim().to_lowercase();
    let fits = (1..=LOGIN_CHARS_MAX).contains(&folded.chars().count());
    let is_one_word = !folded.contains(|c: char| c.is_whitespace() || c.is_control());
    (fits && is_one_word).then(|| folded.into())
}

/// Characters in a login name.
pub const LOGIN_CHARS_MAX: usize = 128;
/// Characters in the name of a user, for people.
pub const NAME_CHARS_MAX: usize = 64;
/// What the id of a user's app begins with; its login name follows. No program has such an id.
pub const APP_ID_PREFIX: &str = "user:";

/// A user to be created.
#[derive(Clone, PartialEq, Eq)]
pub struct NewUser {
    /// Its login name, folded.
    pub login: Box<str>,
    /// Its name for people.
    pub name: Box<str>,
    /// What it is there for.
    pub role: Role,
    /// The hash of its password.
    pub password: Box<str>,
    /// Whether to do so only if the hub has no user at all.
    pub is_first: bool,
}

/// What is to be set for a user; what is `None` stays.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UserSet {
    /// Its name for people.
    pub name: Option<Box<str>>,
    /// What it is there for.
    pub role: Option<Role>,
    /// The hash of its password. Its sessions end with the old one,
    pub password: Option<Box<str>>,
    /// but for this one.
    pub keep: Option<SessionHash>,
    /// Whether it may no longer sign in. Then its sessions end.
    pub is_disabled: Option<bool>,
    /// What is set as somebody saw it.
    pub instead_of: InsteadOf<UserShown>,
}

/// What people see of a user before they change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserShown {
    /// Its name for people.
    pub name: Box<str>,
    /// What it is there for.
    pub role: Role,
    /// Whether it may no longer sign in.
    pub is_disabled: bool,
}

/// A change of users.
#[derive(Clone, PartialEq, Eq)]
pub enum UserChange {
    /// Create one for the request's tenant.
    Create(NewUser),
    /// Change one of the request's tenant.
    Set {
        /// The user.
        app: AppNumber,
        /// What is to be set.
        set: UserSet,
    },
    /// End all sessions of one.
    SignOut {
        /// The user.
        app: AppNumber,
        /// What the user is there for as somebody saw it.
        instead_of: InsteadOf<Role>,
    },
}

impl std::fmt::Debug for UserChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            UserChange::Create(_) => "Create",
            UserChange::Set { .. } => "Set",
            UserChange::SignOut { .. } => "SignOut",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_may_do_what_the_next_one_may_and_names_it_in_order() {
        for pair in Role::ALL.windows(2) {
            let (more, less) = (pair[0].permissions(), pair[1].permissions());
            assert!(less.iter().all(|permission| more.contains(permission)), "{pair:?}");
            assert!(more.len() > less.len(), "{pair:?}");
        }
        for role in Role::ALL {
            assert!(role.permissions().is_sorted(), "{role:?}");
            assert_eq!(Role::named(role.name()), Some(*role));
        }
    }

    #[test]
    fn login_names_are_one_word_in_any_case() {
        assert_eq!(fold_login(" Li.Na@Example.CN ").as_deref(), Some("li.na@example.cn"));
        assert_eq!(fold_login("李娜").as_deref(), Some("李娜"));
        for text in ["", "  ", "li na", "li\u{7}na", &"x".repeat(129)] {
            assert_eq!(fold_login(text), None, "{text:?}");
        }
    }
}
