//! Tenants and their apps: who may ask at all.

use crate::command::InsteadOf;
use crate::people::user::User;
use crate::policy::{OnConflict, Preset};
use crate::{AppNumber, Micros, TenantId};
use serde::{Deserialize, Serialize};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its number.
    pub id: TenantId,
    /// Its name, unique in the hub.
    pub name: Box<str>,
    /// The preset of its policy.
    pub preset: Preset,
    /// What happens on a conflict.
    pub on_conflict: OnConflict,
    /// When it was created.
    pub created_at: Micros,
}

/// What an app may do. Each call maps to one (wire W38).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Permission {
    /// See customers and identities.
    CustomersRead,
    /// Upsert and change customers.
    CustomersWrite,
    /// Delete customers.
    CustomersDelete,
    /// Attach identities.
    IdentitiesWrite,
    /// Erase everything that is held about a customer.
    CustomersErase,
    /// Merge customers by hand, undo merges, move identities, settle conflicts.
    IdentitiesMerge,
    /// Change how identities are resolved.
    PoliciesWrite,
    /// Follow what changes.
    ChangesRead,
    /// Say who is told of changes.
    WebhooksAdmin,
    /// Create apps, and say what they may do.
    AppsAdmin,
    /// Bind WeChat accounts, and import their fans.
    WechatAdmin,
    /// See mobiles, e-mails and identities in full where people look at customers.
    CustomersReveal,
    /// Say which people sign in and what they may do, and read the audit log.
    UsersAdmin,
}

impl Permission {
    /// Every permission.
    pub const ALL: &[Permission] = &[
        Permission::CustomersRead,
        Permission::CustomersWrite,
        Permission::CustomersDelete,
        Permission::IdentitiesWrite,
        Permission::CustomersErase,
        Permission::IdentitiesMerge,
        Permission::PoliciesWrite,
        Permission::ChangesRead,
        Permission::WebhooksAdmin,
        Permission::AppsAdmin,
        Permission::WechatAdmin,
        Permission::CustomersReveal,
        Permission::UsersAdmin,
    ];

    /// The name that people type.
    pub const fn name(self) -> &'static str {
        match self {
            Permission::CustomersRead => "customers.read",
            Permission::CustomersWrite => "customers.write",
            Permission::CustomersDelete => "customers.delete",
            Permission::IdentitiesWrite => "identities.write",
            Permission::CustomersErase => "customers.erase",
            Permission::IdentitiesMerge => "identities.merge",
            Permission::PoliciesWrite => "policies.write",
            Permission::ChangesRead => "changes.read",
            Permission::WebhooksAdmin => "webhooks.admin",
            Permission::AppsAdmin => "apps.admin",
            Permission::WechatAdmin => "wechat.admin",
            Permission::CustomersReveal => "customers.reveal",
            Permission::UsersAdmin => "users.admin",
        }
    }

    /// The permission of this name.
    pub fn named(name: &str) -> Option<Permission> {
        Permission::ALL.iter().copied().find(|permission| permission.name() == name)
    }
}

/// An app: a set of credentials of one tenant, or what one of its users acts through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its number in the hub; tokens carry it.
    pub number: AppNumber,
    /// Whose app it is.
    pub tenant: TenantId,
    /// Its public id, unique in the hub: `cl` and 15 hex characters, or that of a user.
    pub id: Box<str>,
    /// A name for people.
    pub name: Box<str>,
    /// SHA-256 of its secret. The secret itself is kept nowhere.
    pub secret_hash: [u8; 32],
    /// Rises when the secret is rotated, which ends the tokens made before.
    pub key_version: u32,
    /// What it may do, in the order of [`Permission::ALL`].
    pub permissions: Vec<Permission>,
    /// When it was created.
    pub created_at: Micros,
    /// When it was revoked. A revoked app gets no token, and its tokens end.
    pub revoked_at: Option<Micros>,
}

/// Everything that access is decided by: small, and kept in memory by every hub.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// All tenants, by number.
    pub tenants: Vec<Tenant>,
    /// All apps, revoked ones and those of users included, by number.
    pub apps: Vec<App>,
    /// All users, disabled ones included, by the number of their app.
    pub users: Vec<User>,
    /// The secret under which tokens are signed, the same for all hubs of a store.
    pub token_key: [u8; 32],
}

impl Directory {
    /// The app of this number.
    pub fn app(&self, number: AppNumber) -> Option<&App> {
        self.apps.iter().find(|app| app.number == number)
    }

    /// The user that acts through the app of this number, if one does.
    pub fn user(&self, number: AppNumber) -> Option<&User> {
        self.users.iter().find(|user| user.app == number)
    }

    /// The apps of programs, by number.
    pub fn programs(&self) -> impl Iterator<Item = &App> {
        self.apps.iter().filter(|app| self.user(app.number).is_none())
    }
}

/// A tenant to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTenant {
    /// Its name.
    pub name: Box<str>,
    /// The preset of its policy.
    pub preset: Preset,
}

/// An app to be created or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppChange {
    /// Create an app for the request's tenant. With an `id` that exists nothing happens, so that
    /// provisioning may repeat itself; the outcome is the app as it stands.
    Create {
        /// Its public id.
        id: Box<str>,
        /// A name for people.
        name: Box<str>,
        /// SHA-256 of its secret.
        secret_hash: [u8; 32],
        /// What it may do.
        permissions: Vec<Permission>,
    },
    /// Give an app of the request's tenant a new secret.
    Rotate {
        /// Its public id.
        id: Box<str>,
        /// SHA-256 of its new secret.
        secret_hash: [u8; 32],
        /// What it may do as somebody saw it, in order.
        instead_of: InsteadOf<Vec<Permission>>,
    },
    /// End an app of the request's tenant.
    Revoke {
        /// Its public id.
        id: Box<str>,
    },
    /// Set what an app of the request's tenant may do.
    Permit {
        /// Its public id.
        id: Box<str>,
        /// What it may do from now on.
        permissions: Vec<Permission>,
        /// What it may do as somebody saw it, in order.
        instead_of: InsteadOf<Vec<Permission>>,
    },
}
