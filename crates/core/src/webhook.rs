//! Webhooks: addresses that are told the events of a tenant's feed, and how far each has been told.
//!
//! What is kept names places in the feed and reasons, never content: an event is read from the
//! journal whenever it is tried, so that what was erased is not delivered any more.

use crate::command::InsteadOf;
use crate::feed::{Cursor, Kind};
use crate::{Micros, TenantId, WebhookId};
use std::collections::BTreeMap;
use std::fmt;

/// A webhook of one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id within the tenant.
    pub id: WebhookId,
    /// What people set.
    pub settings: Settings,
    /// What its calls are signed with.
    pub secret: Secret,
    /// What they are signed with as well for some time after the secret was rotated, and until
    /// when.
    pub old_secret: Option<(Secret, Micros)>,
    /// When it was created.
    pub created_at: Micros,
    /// When its settings or its secret last changed.
    pub updated_at: Micros,
    /// How far it has been told.
    pub progress: Progress,
}

/// What people set about a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The address that is called.
    pub url: Box<str>,
    /// A note for people.
    pub description: Box<str>,
    /// The kinds of events that it is told, in the order of [`Kind::ALL`]; all if empty.
    pub kinds: Vec<Kind>,
    /// Whether it is told anything at present. Nothing is lost while it is not.
    pub enabled: bool,
}

impl Settings {
    /// Whether it is told events of this kind.
    pub fn wants(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

/// A secret that calls are signed with. It has no readable form here, so that none gets into a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub [u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// How far a webhook has been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Rises when somebody changes what is to be told: progress made before does not count any
    /// more.
    pub epoch: u64,
    /// Every event up to here was delivered, or was not wanted, or is undelivered.
    pub cursor: Cursor,
    /// Events up to the cursor that were not delivered, by their places.
    pub undelivered: BTreeMap<Cursor, Undelivered>,
    /// When an event was last delivered.
    pub delivered_at: Option<Micros>,
    /// The last failure.
    pub failure: Option<Failure>,
}

impl Progress {
    /// Of a webhook that is told what comes after this place.
    pub fn after(cursor: Cursor) -> Progress {
        Progress {
            epoch: 0,
            cursor,
            undelivered: BTreeMap::new(),
            delivered_at: None,
            failure: None,
        }
    }

    /// Events that are not tried any more unless somebody asks for it, by their places.
    pub fn dead_letters(&self) -> impl Iterator<Item = (Cursor, &Undelivered)> {
        let undelivered = self.undelivered.iter();
        undelivered.filter(|(_, it)| it.due.is_none()).map(|(cursor, it)| (*cursor, it))
    }
}

/// An event that was not delivered, because it failed or because an earlier one of the same
/// customer did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next; `None` if it is a dead letter.
    pub due: Option<Micros>,
    /// How the last try failed.
    pub failure: Option<Failure>,
}

/// How a try failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: Micros,
    /// Why.
    pub reason: Reason,
}

/// Why a try failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The host has no address.
    NotResolved,
    /// The address is one that may not be called.
    AddressRefused,
    /// No connection came about.
    NotConnected,
    /// No answer came in time.
    TimedOut,
    /// The connection broke off.
    BrokenOff,
    /// The answer had this status, which is no success.
    Status(u16),
}

impl Reason {
    /// Every reason but those with a status.
    pub const WITHOUT_STATUS: [Reason; 5] = [
        Reason::NotResolved,
        Reason::AddressRefused,
        Reason::NotConnected,
        Reason::TimedOut,
        Reason::BrokenOff,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::NotResolved => "notResolved",
            Reason::AddressRefused => "addressRefused",
            Reason::NotConnected => "notConnected",
            Reason::TimedOut => "timedOut",
            Reason::BrokenOff => "brokenOff",
            Reason::Status(_) => "status",
        }
    }

    /// The status of the answer, if there was one.
    pub const fn status(self) -> Option<u16> {
        match self {
            Reason::Status(status) => Some(status),
            Reason::NotResolved
            | Reason::AddressRefused
            | Reason::NotConnected
            | Reason::TimedOut
            | Reason::BrokenOff => None,
        }
    }

    /// The reason of this name and status.
    pub fn named(name: &str, status: Option<u16>) -> Option<Reason> {
        match status {
            Some(status) => Some(Reason::Status(status)).filter(|reason| reason.name() == name),
            None => Reason::WITHOUT_STATUS.into_iter().find(|reason| reason.name() == name),
        }
    }
}

/// Which hub delivers: one at a time for all webhooks of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// The hub, by a number that it drew.
    pub holder: i64,
    /// Until when.
    pub until: Micros,
}

/// The webhooks that a batch may look at or change, and who delivers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Webhooks {
    /// By tenant and id.
    pub all: BTreeMap<(TenantId, WebhookId), Webhook>,
    /// The last id given out, by tenant.
    pub last: BTreeMap<TenantId, WebhookId>,
    /// Who delivers.
    pub lease: Lease,
}

impl Webhooks {
    /// Those of a tenant, or of all.
    pub fn of(&self, tenant: Option<TenantId>) -> BTreeMap<(TenantId, WebhookId), Webhook> {
        let theirs = self.all.iter().filter(|((it, _), _)| tenant.is_none_or(|of| of == *it));
        theirs.map(|(key, it)| (*key, it.clone())).collect()
    }
}

/// A change of a tenant's webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookChange {
    /// Create one, which is told what comes from now on.
    Create {
        /// What is set about it.
        settings: Settings,
        /// What its calls are signed with.
        secret: Secret,
    },
    /// Set what is set about one.
    Set {
        /// The webhook.
        id: WebhookId,
        /// What changes.
        settings: SettingsChange,
    },
    /// Give one a new secret; calls are signed with the old one as well until `old_until`.
    Rotate {
        /// The webhook.
        id: WebhookId,
        /// The new secret.
        secret: Secret,
        /// How long the old one lasts.
        old_until: Micros,
    },
    /// Delete one, and what it was not told yet.
    Delete(WebhookId),
    /// Tell one again everything after this position of the feed. What waits or is dead before it
    /// stays; what is after it is forgotten, because it is told again.
    Replay {
        /// The webhook.
        id: WebhookId,
        /// The position.
        after: i64,
    },
    /// Try dead letters again, from the first try on.
    Retry {
        /// The webhook.
        id: WebhookId,
        /// The place of one; all if `None`.
        place: Option<Cursor>,
    },
}

/// A change of [`Settings`]; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsChange {
    /// The address.
    pub url: Option<Box<str>>,
    /// The note.
    pub description: Option<Box<str>>,
    /// The kinds.
    pub kinds: Option<Vec<Kind>>,
    /// Whether it is told anything.
    pub enabled: Option<bool>,
    /// What is set as somebody saw it.
    pub instead_of: InsteadOf<Box<Settings>>,
}

/// What the hub that delivers has to write down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It wants to deliver, or to go on delivering, until then; or to stop, if that is past.
    Lease(Lease),
    /// It has told a webhook of the request's tenant something.
    Progress {
        /// The hub.
        holder: i64,
        /// The webhook.
        id: WebhookId,
        /// What has been done.
        step: Step,
    },
}

/// What has been done for a webhook since the last step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The epoch that it was done in.
    pub epoch: u64,
    /// As [`Progress::cursor`].
    pub cursor: Cursor,
    /// Events that are undelivered now, or whose state changed.
    pub failed: Vec<(Cursor, Undelivered)>,
    /// Events that are not undelivered any more.
    pub settled: Vec<Cursor>,
    /// As [`Progress::delivered_at`]; what it was if `None`.
    pub delivered_at: Option<Micros>,
    /// As [`Progress::failure`].
    pub failure: Option<Failure>,
}

/// What came of a command about webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// The webhook stands like this now.
    Stands(Box<Webhook>),
    /// It was deleted.
    Deleted(WebhookId),
    /// Who delivers now.
    Lease(Lease),
    /// The progress was written down.
    Kept,
}

/// Why a command about webhooks is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookRefusal {
    /// No such webhook in this tenant.
    Missing(WebhookId),
    /// The tenant has as many as it may have.
    TooMany {
        /// How many that is.
        limit: usize,
    },
    /// Something else is set than what was to be changed.
    SettingsChanged,
    /// No dead letter at this place.
    NoDeadLetter(Cursor),
    /// The feed does not go that far.
    BeyondFeed {
        /// The newest position.
        newest: i64,
    },
    /// Another hub delivers.
    NotHolder,
    /// What is to be told has changed since.
    Changed,
}
