//! The audit log: what people did that the journal does not tell, because it changes no customer.
//!
//! It names customers by their ids and holds nothing of them, so that an erasure has nothing to look
//! for here.

use crate::filter::Period;
use crate::{AppNumber, CustomerId, ImportId, Micros, WebhookId, WechatId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Entries of one tenant that are kept: with a new one, the oldest is forgotten.
pub const AUDIT_MAX: i64 = 1_000_000;

/// The place of an entry in a tenant's audit log, from 1, without gaps.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct AuditNumber(pub i64);

impl std::fmt::Display for AuditNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Details of an entry: words by words, such as the role that somebody was given. No personal data.
pub type Details = BTreeMap<Box<str>, Box<str>>;

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number.
    pub number: AuditNumber,
    /// When it was done.
    pub at: Micros,
    /// Who did it, by app; 0 is the command line. `None` if nobody knows.
    pub app: Option<AppNumber>,
    /// What was done.
    pub deed: Deed,
    /// What it was about.
    pub about: Option<About>,
    /// More about it.
    pub details: Details,
}

impl AuditEntry {
    /// Its place in the order of the log.
    pub fn place(&self) -> AuditPlace {
        AuditPlace { at: self.at, number: self.number }
    }
}

/// A place in the order in which the log is read, whether or not an entry stands there: by time, and by
/// number where times are equal. A clock may go back, so that the order of numbers is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditPlace {
    /// When something was done.
    pub at: Micros,
    /// The number of an entry.
    pub number: AuditNumber,
}

/// Which entries of the audit log: those that all of it is true of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Who did it, by app; 0 is the command line. `None`: whoever.
    pub app: Option<AppNumber>,
    /// What was done: one of these. Without any, whatever.
    pub deeds: BTreeSet<Deed>,
    /// What it was about: one of these. Without any, whatever, also nothing.
    pub about: BTreeSet<About>,
    /// When it was done.
    pub within: Period,
}

impl AuditFilter {
    /// Whether an entry is one of these.
    pub fn matches(&self, entry: &AuditEntry) -> bool {
        let is_about = || entry.about.is_some_and(|about| self.about.contains(&about));
        self.within.contains(entry.at)
            && (self.app.is_none() || self.app == entry.app)
            && (self.deeds.is_empty() || self.deeds.contains(&entry.deed))
            && (self.about.is_empty() || is_about())
    }
}

/// What is to be written down of what the origin of a request does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What was done.
    pub deed: Deed,
    /// What it was about.
    pub about: Option<About>,
    /// More about it.
    pub details: Details,
}

/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// Began a session.
    SignedIn,
    /// Tried to, in vain.
    SignInFailed,
    /// Ended a session.
    SignedOut,
    /// Ended all sessions of a user.
    SignedOutEverywhere,
    /// Created a user.
    UserCreated,
    /// Gave a user another name for people.
    UserRenamed,
    /// Gave a user another role.
    RoleChanged,
    /// Gave a user another password.
    PasswordChanged,
    /// Let a user sign in no more.
    UserDisabled,
    /// Let a user sign in again.
    UserEnabled,
    /// Looked at the mobile, the e-mail or an identity of a customer in full.
    CustomerRevealed,
    /// Read customers in full with a call of the API, or those of a file that is to be imported.
    CustomersRead,
    /// Took customers out as a file.
    CustomersExported,
    /// Created an app.
    AppCreated,
    /// Set what an app may do.
    AppPermitted,
    /// Gave an app another secret.
    AppSecretChanged,
    /// Ended an app.
    AppRevoked,
    /// Created a webhook.
    WebhookCreated,
    /// Changed what is set about a webhook.
    WebhookChanged,
    /// Gave a webhook another secret.
    WebhookSecretChanged,
    /// Had a webhook told again what it was told before.
    WebhookReplayed,
    /// Deleted a webhook.
    WebhookDeleted,
    /// Bound a WeChat account.
    WechatBound,
    /// Changed the settings or secrets of a WeChat account.
    WechatChanged,
    /// Unbound a WeChat account.
    WechatUnbound,
}

impl Deed {
    /// What entries about a customer tell: nothing else is done to customers that no journal tells.
    pub const ABOUT_CUSTOMERS: &[Deed] =
        &[Deed::CustomerRevealed, Deed::CustomersRead, Deed::CustomersExported];

    /// Every deed.
    pub const ALL: &[Deed] = &[
        Deed::SignedIn,
        Deed::SignInFailed,
        Deed::SignedOut,
        Deed::SignedOutEverywhere,
        Deed::UserCreated,
        Deed::UserRenamed,
        Deed::RoleChanged,
        Deed::PasswordChanged,
        Deed::UserDisabled,
        Deed::UserEnabled,
        Deed::CustomerRevealed,
        Deed::CustomersRead,
        Deed::CustomersExported,
        Deed::AppCreated,
        Deed::AppPermitted,
        Deed::AppSecretChanged,
        Deed::AppRevoked,
        Deed::WebhookCreated,
        Deed::WebhookChanged,
        Deed::WebhookSecretChanged,
        Deed::WebhookReplayed,
        Deed::WebhookDeleted,
        Deed::WechatBound,
        Deed::WechatChanged,
        Deed::WechatUnbound,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Deed::SignedIn => "signedIn",
            Deed::SignInFailed => "signInFailed",
            Deed::SignedOut => "signedOut",
            Deed::SignedOutEverywhere => "signedOutEverywhere",
            Deed::UserCreated => "userCreated",
            Deed::UserRenamed => "userRenamed",
            Deed::RoleChanged => "roleChanged",
            Deed::PasswordChanged => "passwordChanged",
            Deed::UserDisabled => "userDisabled",
            Deed::UserEnabled => "userEnabled",
            Deed::CustomerRevealed => "customerRevealed",
            Deed::CustomersRead => "customersRead",
            Deed::CustomersExported => "customersExported",
            Deed::AppCreated => "appCreated",
            Deed::AppPermitted => "appPermitted",
            Deed::AppSecretChanged => "appSecretChanged",
            Deed::AppRevoked => "appRevoked",
            Deed::WebhookCreated => "webhookCreated",
            Deed::WebhookChanged => "webhookChanged",
            Deed::WebhookSecretChanged => "webhookSecretChanged",
            Deed::WebhookReplayed => "webhookReplayed",
            Deed::WebhookDeleted => "webhookDeleted",
            Deed::WechatBound => "wechatBound",
            Deed::WechatChanged => "wechatChanged",
            Deed::WechatUnbound => "wechatUnbound",
        }
    }

    /// The deed of this name.
    pub fn named(name: &str) -> Option<Deed> {
        Deed::ALL.iter().copied().find(|deed| deed.name() == name)
    }
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// A customer.
    Customer(CustomerId),
    /// A user, by its app.
    User(AppNumber),
    /// An app of a program.
    App(AppNumber),
    /// An import.
    Import(ImportId),
    /// A webhook.
    Webhook(WebhookId),
    /// A WeChat account.
    WechatAccount(WechatId),
}

impl About {
    /// Every kind, as on the wire.
    pub const KINDS: [&str; 6] = ["customer", "user", "app", "import", "webhook", "wechatAccount"];

    /// Its kind, as on the wire, and its number.
    pub fn parts(self) -> (&'static str, i64) {
        match self {
            About::Customer(id) => ("customer", id.0),
            About::User(app) => ("user", app.0.into()),
            About::App(app) => ("app", app.0.into()),
            About::Import(id) => ("import", id.0),
            About::Webhook(id) => ("webhook", id.0),
            About::WechatAccount(id) => ("wechatAccount", id.0),
        }
    }

    /// What has this kind and number.
    pub fn of(kind: &str, number: i64) -> Option<About> {
        let app = || u32::try_from(number).ok().map(AppNumber);
        match kind {
            "customer" => Some(About::Customer(CustomerId(number))),
            "user" => app().map(About::User),
            "app" => app().map(About::App),
            "import" => Some(About::Import(ImportId(number))),
            "webhook" => Some(About::Webhook(WebhookId(number))),
            "wechatAccount" => Some(About::WechatAccount(WechatId(number))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_again() {
        for deed in Deed::ALL {
            assert_eq!(Deed::named(deed.name()), Some(*deed));
        }
        let all = [
            About::Customer(CustomerId(7)),
            About::User(AppNumber(7)),
            About::App(AppNumber(7)),
            About::Import(ImportId(7)),
            About::Webhook(WebhookId(7)),
            About::WechatAccount(WechatId(7)),
        ];
        for about in all {
            let (kind, number) = about.parts();
            assert_eq!(About::of(kind, number), Some(about));
        }
        let kinds = all.map(|about| about.parts().0);
        assert_eq!(kinds, About::KINDS);
        assert_eq!(About::of("user", -1), None);
        assert_eq!(About::of("nothing", 1), None);
    }
}
