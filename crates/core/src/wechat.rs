//! WeChat accounts that a tenant has bound, and how far the import of their fans has come.
//!
//! Secrets are sealed before they come here: nothing in this crate can read them.

use crate::{Micros, TenantId, WechatId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// An official account of WeChat that a tenant has bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WechatAccount {
    /// Its id within the tenant.
    pub id: WechatId,
    /// The app id that WeChat gave it: unique within the tenant, letters and digits.
    pub app_id: Box<str>,
    /// What people set.
    pub settings: WechatSettings,
    /// What WeChat and the hub know each other by.
    pub secrets: WechatSecrets,
    /// When it was bound.
    pub created_at: Micros,
    /// When its settings or its secrets last changed.
    pub updated_at: Micros,
    /// The import of its fans.
    pub import: FanImport,
}

/// What people set about an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WechatSettings {
    /// A name for people; may be empty.
    pub name: Box<str>,
    /// WeChat's `service_type_info`: 0 and 1 a subscription account, 2 a service account.
    pub service_type: Option<i32>,
    /// WeChat's `verify_type_info`: -1 not verified, 0 verified.
    pub verify_type: Option<i32>,
    /// Whether its fans are imported again every night.
    pub nightly: bool,
}

/// The secrets of an account, each sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WechatSecrets {
    /// What access tokens are asked for with.
    pub app_secret: Sealed,
    /// What callbacks are signed with; without it there are none.
    pub token: Option<Sealed>,
    /// What callbacks are encrypted with; without it they are plain.
    pub aes_key: Option<Sealed>,
}

/// A secret as it is kept: encrypted, with what it takes to open it but the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Box<[u8]>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

/// The last import of the fans of an account.
///
/// It is stored with the names of its fields: a field is only ever added, with a default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FanImport {
    /// Rises when one is asked for: what was done for an earlier one does not count any more.
    pub run: u64,
    /// When it was asked for; `None` if there never was one.
    pub asked_at: Option<Micros>,
    /// When it ended, well or not; `None` while it goes on.
    pub ended_at: Option<Micros>,
    /// When it goes on; `None` if there is nothing to go on with.
    pub due: Option<Micros>,
    /// Who works on it, by a number that it drew.
    pub holder: i64,
    /// Until when nobody else may work on it.
    pub held_until: Micros,
    /// How often it failed since it last came on.
    pub tries: u32,
    /// How it failed last; `None` once it came on after that.
    pub failure: Option<FanFailure>,
    /// Fans there are, as WeChat said it last.
    pub total: Option<u64>,
    /// Pages that are done.
    pub pages: u64,
    /// What came of the fans of these pages.
    pub counts: FanCounts,
    /// What came of the fans of the page under way so far. It is begun again if it is interrupted.
    pub under_way: FanCounts,
    /// The last fan of the last page, behind whom the next one begins, sealed; `None` at the
    /// beginning, and once the import is done.
    #[serde(skip)]
    pub next: Option<Sealed>,
}

/// What came of fans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FanCounts {
    /// Fans that were read.
    pub read: u64,
    /// Customers that are new.
    pub created: u64,
    /// Customers that changed.
    pub updated: u64,
    /// Customers that stayed as they were.
    pub unchanged: u64,
    /// Customers that others were merged into.
    pub merged: u64,
    /// Fans that the rules refused, or that WeChat does not count as fans any more.
    pub refused: u64,
    /// Why, as far as it is known of each.
    pub refused_because: FanRefusals,
    /// Names of tags that the attribute of a fan had no room for.
    pub tags_left_out: u64,
}

/// Why fans were refused. It says how many and not who: what names a person stands in its row alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FanRefusals {
    /// WeChat does not count them as fans any more.
    pub gone: u64,
    /// Nothing about them finds or makes a customer.
    pub unusable: u64,
    /// They would open conflicts, and the policy refuses that.
    pub in_conflict: u64,
    /// Their customers would have more custom attributes than they may.
    pub too_many_attributes: u64,
    /// Anything else.
    pub other: u64,
}

impl FanCounts {
    /// Both together.
    pub fn with(self, other: FanCounts) -> FanCounts {
        FanCounts {
            read: self.read + other.read,
            created: self.created + other.created,
            updated: self.updated + other.updated,
            unchanged: self.unchanged + other.unchanged,
            merged: self.merged + other.merged,
            refused: self.refused + other.refused,
            refused_because: self.refused_because.with(other.refused_because),
            tags_left_out: self.tags_left_out + other.tags_left_out,
        }
    }
}

impl FanRefusals {
    /// Both together.
    pub fn with(self, other: FanRefusals) -> FanRefusals {
        FanRefusals {
            gone: self.gone + other.gone,
            unusable: self.unusable + other.unusable,
            in_conflict: self.in_conflict + other.in_conflict,
            too_many_attributes: self.too_many_attributes + other.too_many_attributes,
            other: self.other + other.other,
        }
    }
}

/// Why an import could not go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FanFailure {
    /// When.
    pub at: Micros,
    /// The error code of WeChat, if it was WeChat that said no.
    pub code: Option<i64>,
    /// What that means, for people.
    pub reason: Box<str>,
}

/// How an import stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanState {
    /// None was ever asked for.
    Never,
    /// Somebody works on it.
    Running,
    /// It waits until it is due.
    Waiting,
    /// All fans are there.
    Done,
    /// It was given up. Asked for again, it goes on where it stopped.
    Failed,
}

impl FanState {
    /// Every state.
    pub const ALL: [FanState; 5] =
        [FanState::Never, FanState::Running, FanState::Waiting, FanState::Done, FanState::Failed];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            FanState::Never => "never",
            FanState::Running => "running",
            FanState::Waiting => "waiting",
            FanState::Done => "done",
            FanState::Failed => "failed",
        }
    }
}

impl FanImport {
    /// How it stands at this moment.
    pub fn state(&self, now: Micros) -> FanState {
        match (self.asked_at, self.due, &self.failure) {
            (None, ..) => FanState::Never,
            (Some(_), Some(_), _) if self.held_until > now => FanState::Running,
            (Some(_), Some(_), _) => FanState::Waiting,
            (Some(_), None, None) => FanState::Done,
            (Some(_), None, Some(_)) => FanState::Failed,
        }
    }
}

/// The accounts that a batch may look at or change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WechatAccounts {
    /// By tenant and id.
    pub all: BTreeMap<(TenantId, WechatId), WechatAccount>,
    /// The last id given out, by tenant.
    pub last: BTreeMap<TenantId, WechatId>,
}

impl WechatAccounts {
    /// Those of a tenant, or of all.
    pub fn of(&self, tenant: Option<TenantId>) -> BTreeMap<(TenantId, WechatId), WechatAccount> {
        let theirs = self.all.iter().filter(|((it, _), _)| tenant.is_none_or(|of| of == *it));
        theirs.map(|(key, it)| (*key, it.clone())).collect()
    }
}

/// A change of a tenant's accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WechatChange {
    /// Bind an account, or change the one of this app id.
    Bind {
        /// The app id.
        app_id: Box<str>,
        /// Whether to do so only if no account has this app id.
        is_new: bool,
        /// What is set about it.
        settings: WechatSettingsChange,
        /// Its secrets. An account that is not bound yet needs an app secret.
        secrets: WechatSecretsChange,
    },
    /// Forget an account. Its fans stay.
    Unbind(WechatId),
    /// Import its fans. One that is under way goes on at once; one that failed goes on where it
    /// stopped.
    Ask {
        /// The account.
        id: WechatId,
        /// Whether to begin with the first page in any case.
        from_start: bool,
        /// If one was asked for at this moment or later, nothing is changed.
        unless_since: Option<Micros>,
    },
    /// Work on the import, unless somebody else does: see [`FanImport::holder`] afterwards.
    Hold {
        /// The account.
        id: WechatId,
        /// Who wants to work on it.
        holder: i64,
        /// Until when.
        until: Micros,
    },
    /// Write down how far the import has come. Only the holder may.
    Step {
        /// The account.
        id: WechatId,
        /// All of the import, as its holder knows it.
        import: Box<FanImport>,
    },
}

/// A change of [`WechatSettings`]; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WechatSettingsChange {
    /// The name.
    pub name: Option<Box<str>>,
    /// The service type.
    pub service_type: Option<i32>,
    /// The verify type.
    pub verify_type: Option<i32>,
    /// Whether fans are imported every night.
    pub nightly: Option<bool>,
}

/// A change of [`WechatSecrets`]; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WechatSecretsChange {
    /// What access tokens are asked for with.
    pub app_secret: Option<Sealed>,
    /// What callbacks are signed with.
    pub token: Option<Sealed>,
    /// What callbacks are encrypted with.
    pub aes_key: Option<Sealed>,
}

/// What came of a command about accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WechatOutcome {
    /// The account stands like this now.
    Stands {
        /// The account.
        account: Box<WechatAccount>,
        /// Whether this command has bound it.
        created: bool,
    },
    /// It is forgotten.
    Unbound(WechatId),
}

/// Why a command about accounts is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WechatRefusal {
    /// No such account in this tenant.
    Missing(WechatId),
    /// The tenant has as many as it may have.
    TooMany {
        /// How many that is.
        limit: usize,
    },
    /// An account without an app secret cannot be bound.
    SecretMissing,
    /// This account has the app id by now.
    Bound(WechatId),
    /// Somebody else works on the import, or it is another one by now.
    NotHolder,
}
