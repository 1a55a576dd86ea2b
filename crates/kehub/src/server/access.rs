//! Who may ask: the directory of the store, arranged for a look-up per call.

use super::idempotency::Fingerprints;
use super::tokens::{Claimed, Signer, keyed};
use crate::credentials::is_secret;
use hmac::{Hmac, Mac as _};
use kehub_core::directory::{App, Directory, Permission, Tenant};
use kehub_core::people::session::{LoginKey, SessionHash};
use kehub_core::people::user::User;
use kehub_core::{AppNumber, Micros, TenantId};
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::Arc;

/// Keeps the tokens of forms apart from any other use of the key,
const FORMS: &[u8] = b"kehub form 1";
/// what says who has brought a file,
const FILES: &[u8] = b"kehub file 1";
/// and what names people sign in under.
const LOGINS: &[u8] = b"kehub login 1";

/// An app that may ask, or a user, and whose it is.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) app: App,
    pub(crate) tenant: Tenant,
    /// The user that acts through the app, if one does.
    pub(crate) user: Option<User>,
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
    names: HashMap<(TenantId, AppNumber), Box<str>>,
    signer: Signer,
    fingerprints: Fingerprints,
    /// Makes the tokens of forms,
    forms: Hmac<Sha256>,
    /// the codes of files, and
    files: Hmac<Sha256>,
    /// the keys under which failed attempts to sign in are kept.
    logins: Hmac<Sha256>,
    has_users: bool,
}

impl Access {
    pub(crate) fn new(directory: Directory) -> Access {
        let tenants: HashMap<_, _> =
            directory.tenants.into_iter().map(|tenant| (tenant.id, tenant)).collect();
        let ids = directory.apps.iter().map(|app| (app.number, app.id.clone())).collect();
        let name_of = |app: &App| ((app.tenant, app.number), app.name.clone());
        let names = directory.apps.iter().map(name_of).collect();
        let has_users = !directory.users.is_empty();
        let mut users: HashMap<_, _> =
            directory.users.into_iter().map(|user| (user.app, user)).collect();
        let live = directory.apps.into_iter().filter(|app| app.revoked_at.is_none());
        let callers = live.filter_map(|app| {
            let tenant = tenants.get(&app.tenant)?.clone();
            let user = users.remove(&app.number);
            let permissions = user.as_ref().map(|user| user.role.permissions().to_vec());
            // A role may have got more since it was given.
            let app = App { permissions: permissions.unwrap_or(app.permissions), ..app };
            Some(Arc::new(Caller { app, tenant, user }))
        });
        let callers: Vec<Arc<Caller>> = callers.collect();
        Access {
            by_id: callers.iter().map(|it| (it.app.id.clone(), it.clone())).collect(),
            by_number: callers.into_iter().map(|it| (it.app.number, it)).collect(),
            ids,
            names,
            signer: Signer::new(&directory.token_key),
            fingerprints: Fingerprints::new(&directory.token_key),
            forms: keyed(&directory.token_key, FORMS),
            files: keyed(&directory.token_key, FILES),
            logins: keyed(&directory.token_key, LOGINS),
            has_users,
        }
    }

    /// The id of an app; the command line, for one, has none.
    pub(crate) fn app_id(&self, number: AppNumber) -> Option<&str> {
        self.ids.get(&number).map(|id| &**id)
    }

    /// What people call an app of this tenant; the command line, for one, has no name, and an app of
    /// another tenant has none here.
    pub(crate) fn app_name(&self, tenant: TenantId, number: AppNumber) -> Option<&str> {
        self.names.get(&(tenant, number)).map(|name| &**name)
    }

    /// The user that acts through this app, if it may sign in.
    pub(crate) fn user(&self, number: AppNumber) -> Option<&Arc<Caller>> {
        self.by_number.get(&number).filter(|caller| caller.user.is_some())
    }

    /// Whether the hub has any user, disabled ones included.
    pub(crate) fn has_users(&self) -> bool {
        self.has_users
    }

    /// What forms and scripts of a session repeat, so that no other site sends them.
    pub(crate) fn form_token(&self, session: SessionHash) -> Box<str> {
        let mut mac = self.forms.clone();
        mac.update(&session.0);
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        hex::encode(whole).into()
    }

    /// What says that this caller has brought this file, so that nobody else looks into it.
    pub(crate) fn file_code(&self, caller: &Caller, file: &str) -> Box<str> {
        let mut mac = self.files.clone();
        mac.update(&caller.tenant.id.0.to_be_bytes());
        mac.update(&caller.app.number.0.to_be_bytes());
        mac.update(file.as_bytes());
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        hex::encode(whole).into()
    }

    /// What attempts to sign in under a folded name are kept by.
    pub(crate) fn login_key(&self, login: &str) -> LoginKey {
        let mut mac = self.logins.clone();
        mac.update(login.as_bytes());
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let (key, _) = whole.split_first_chunk().unwrap_or((&[0; 16], &[]));
        LoginKey(*key)
    }

    /// A token for an app that shows its secret.
    pub(crate) fn token(&self, id: &str, secret: &str, now: Micros) -> Option<String> {
        let caller = self.by_id.get(id).filter(|caller| caller.user.is_none())?;
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
