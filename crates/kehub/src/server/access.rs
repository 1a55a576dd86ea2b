//! Who may ask: the directory of the store, arranged for a look-up per call.

use super::idempotency::Fingerprints;
use super::tokens::{Claimed, Signer};
use crate::credentials::is_secret;
use kehub_core::directory::{App, Directory, Permission, Tenant};
use kehub_core::{AppNumber, Micros};
use std::collections::HashMap;
use std::sync::Arc;

/// An app that may ask, and whose it is.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) app: App,
    pub(crate) tenant: Tenant,
}

impl Caller {
    /// Whether the app has the permission (W38).
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.app.permissions.contains(&permission)
    }
}

/// Every app that is not revoked, by number and by id.
#[derive(Debug)]
pub(crate) struct Access {
    by_number: HashMap<AppNumber, Arc<Caller>>,
    by_id: HashMap<Box<str>, Arc<Caller>>,
    /// The id of every app, revoked ones included: who did what.
    ids: HashMap<AppNumber, Box<str>>,
    /// The name of every app, likewise.
    names: HashMap<AppNumber, Box<str>>,
    signer: Signer,
    fingerprints: Fingerprints,
}

impl Access {
    pub(crate) fn new(directory: Directory) -> Access {
        let tenants: HashMap<_, _> =
            directory.tenants.into_iter().map(|tenant| (tenant.id, tenant)).collect();
        let ids = directory.apps.iter().map(|app| (app.number, app.id.clone())).collect();
        let names = directory.apps.iter().map(|app| (app.number, app.name.clone())).collect();
        let live = directory.apps.into_iter().filter(|app| app.revoked_at.is_none());
        let callers = live.filter_map(|app| {
            let tenant = tenants.get(&app.tenant)?.clone();
            Some(Arc::new(Caller { app, tenant }))
        });
        let callers: Vec<Arc<Caller>> = callers.collect();
        Access {
            by_id: callers.iter().map(|it| (it.app.id.clone(), it.clone())).collect(),
            by_number: callers.into_iter().map(|it| (it.app.number, it)).collect(),
            ids,
            names,
            signer: Signer::new(&directory.token_key),
            fingerprints: Fingerprints::new(&directory.token_key),
        }
    }

    /// The id of an app; the command line, for one, has none.
    pub(crate) fn app_id(&self, number: AppNumber) -> Option<&str> {
        self.ids.get(&number).map(|id| &**id)
    }

    /// What people call an app; the command line, for one, has no name.
    pub(crate) fn app_name(&self, number: AppNumber) -> Option<&str> {
        self.names.get(&number).map(|name| &**name)
    }

    /// A token for an app that shows its secret.
    pub(crate) fn token(&self, id: &str, secret: &str, now: Micros) -> Option<String> {
        let caller = self.by_id.get(id)?;
        let app = &caller.app;
        let known = is_secret(secret, &app.secret_hash);
        known.then(|| self.signer.issue(app.number, app.key_version, now)).flatten()
    }

    /// What makes two requests the same one, for this store.
    pub(crate) fn fingerprints(&self) -> &Fingerprints {
        &self.fingerprints
    }

    /// The app that a token was issued to, if the token is alive.
    pub(crate) fn caller(&self, token: &str, now: Micros) -> Option<&Arc<Caller>> {
        let claimed = Claimed::read(token)?;
        let caller = self.by_number.get(&claimed.app)?;
        self.signer.vouches(&claimed, caller.app.key_version, now).then_some(caller)
    }
}
