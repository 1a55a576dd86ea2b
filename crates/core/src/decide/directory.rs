//! Commands about tenants and apps.

use crate::command::Request;
use crate::directory::{App, AppChange, Directory, NewTenant, Tenant};
use crate::facts::{Facts, TenantFacts};
use crate::outcome::{Outcome, Refusal};
use crate::policy::OnConflict;
use crate::{AppNumber, TenantId};

/// Creates a tenant under the next number.
pub(super) fn create_tenant(request: &Request, new: &NewTenant, facts: &mut Facts) -> Outcome {
    let directory = &mut facts.directory;
    if let Some(known) = directory.tenants.iter().find(|tenant| tenant.name == new.name) {
        return Outcome::Refused(Refusal::TenantExists(known.clone()));
    }
    let last = directory.tenants.iter().map(|tenant| tenant.id.0).max().unwrap_or(0);
    let tenant = Tenant {
        id: TenantId(last + 1),
        name: new.name.clone(),
        preset: new.preset,
        on_conflict: OnConflict::default(),
        created_at: request.origin.at,
    };
    if !request.dry_run {
        directory.tenants.push(tenant.clone());
        facts.tenants.insert(tenant.id, TenantFacts::of(&tenant));
        facts.directory_dirty = true;
    }
    Outcome::Tenant(tenant)
}

/// Creates or changes an app of the request's tenant.
pub(super) fn change_app(request: &Request, wanted: &AppChange, facts: &mut Facts) -> Outcome {
    let directory = &mut facts.directory;
    if !directory.tenants.iter().any(|tenant| tenant.id == request.tenant) {
        return Outcome::Refused(Refusal::TenantMissing);
    }
    let (AppChange::Create { id, .. }
    | AppChange::Rotate { id, .. }
    | AppChange::Revoke { id }
    | AppChange::Permit { id, .. }) = wanted;
    let place = directory.apps.iter().position(|app| app.id == *id);
    let known = place.and_then(|place| directory.apps.get(place)).cloned();
    if known.as_ref().is_some_and(|app| directory.user(app.number).is_some()) {
        return Outcome::Refused(Refusal::AppMissing);
    }
    let ours = known.as_ref().is_none_or(|app| app.tenant == request.tenant);
    let (mut app, created) = match (wanted, known) {
        (AppChange::Create { .. }, Some(_)) if !ours => {
            return Outcome::Refused(Refusal::AppTaken);
        }
        (AppChange::Create { .. }, Some(app)) => return Outcome::App { app, created: false },
        (AppChange::Create { .. }, None) => (blank_app(next_app(directory), id, request), true),
        (_, Some(app)) if ours => (app, false),
        (_, _) => return Outcome::Refused(Refusal::AppMissing),
    };
    match wanted {
        AppChange::Create { name, secret_hash, permissions, .. } => {
            app.name = name.clone();
            app.secret_hash = *secret_hash;
            app.permissions.clone_from(permissions);
        }
        AppChange::Rotate { secret_hash, instead_of, .. } => {
            if !instead_of.allows(&app.permissions) {
                return Outcome::Refused(Refusal::AppChanged);
            }
            app.secret_hash = *secret_hash;
            app.key_version += 1;
        }
        AppChange::Revoke { .. } => {
            app.revoked_at = app.revoked_at.or(Some(request.origin.at));
        }
        AppChange::Permit { permissions, instead_of, .. } => {
            if !instead_of.allows(&app.permissions) {
                return Outcome::Refused(Refusal::AppChanged);
            }
            app.permissions.clone_from(permissions);
        }
    }
    app.permissions.sort_unstable();
    app.permissions.dedup();
    if !request.dry_run {
        match place.and_then(|place| directory.apps.get_mut(place)) {
            Some(stored) => *stored = app.clone(),
            None => directory.apps.push(app.clone()),
        }
        facts.directory_dirty = true;
    }
    Outcome::App { app, created }
}

/// The number of the next app, or user.
pub(super) fn next_app(directory: &Directory) -> AppNumber {
    let last = directory.apps.iter().map(|app| app.number.0).max().unwrap_or(0);
    AppNumber(last + 1)
}

pub(super) fn blank_app(number: AppNumber, id: &str, request: &Request) -> App {
    App {
        number,
        tenant: request.tenant,
        id: id.into(),
        name: "".into(),
        secret_hash: [0; 32],
        key_version: 1,
        permissions: Vec::new(),
        created_at: request.origin.at,
        revoked_at: None,
    }
}
