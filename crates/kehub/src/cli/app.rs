//! `kehub app`.

use super::store::{change_app, default_tenant, must_be_there, tenant, with_store};
use super::{DEFAULT_TENANT, say};
use crate::config::StoreLocation;
use crate::credentials::{Credentials, draw_secret, secret_hash};
use anyhow::{Context as _, Result};
use kehub_core::command::InsteadOf;
use kehub_core::directory::{App, AppChange, Permission};
use kehub_store::Store;

/// What can be done with apps.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Create an app, and print its secret once
    Create {
        /// A name for people
        #[arg(long)]
        name: String,
        /// The tenant it belongs to
        #[arg(long, default_value = DEFAULT_TENANT)]
        tenant: String,
        /// What it may do, separated by commas; everything unless given
        #[arg(long, value_delimiter = ',', value_parser = permission)]
        permissions: Vec<Permission>,
    },
    /// List apps
    List,
    /// Give an app a new secret, print it once, and end the tokens of the old one
    Rotate {
        /// The app id
        app: String,
    },
    /// End an app and its tokens
    Revoke {
        /// The app id
        app: String,
    },
    /// Set what an app may do
    Permissions {
        /// The app id
        app: String,
        /// What it may do, separated by commas or blanks
        #[arg(required = true, value_delimiter = ',', value_parser = permission)]
        permissions: Vec<Permission>,
    },
}

fn permission(name: &str) -> Result<Permission, String> {
    let names = || Permission::ALL.iter().map(|it| it.name()).collect::<Vec<_>>().join(", ");
    Permission::named(name).ok_or_else(|| format!("expected one of {}", names()))
}

pub(super) async fn run(location: &StoreLocation, command: Command) -> Result<()> {
    if matches!(command, Command::List) {
        must_be_there(location).await?;
    }
    with_store(location, async move |store| match command {
        Command::Create { name, tenant, permissions } => {
            create(&*store, name, &tenant, permissions).await
        }
        Command::List => list(&*store).await,
        Command::Rotate { app } => rotate(&*store, app).await,
        Command::Revoke { app } => {
            let tenant = known(&*store, &app).await?.tenant;
            change_app(&*store, tenant, AppChange::Revoke { id: app.as_str().into() }).await?;
            say!("{app} is revoked; running hubs know it within seconds")
        }
        Command::Permissions { app, permissions } => {
            let tenant = known(&*store, &app).await?.tenant;
            let (id, instead_of) = (app.into(), InsteadOf::Whatever);
            let change = AppChange::Permit { id, permissions, instead_of };
            let (app, _) = change_app(&*store, tenant, change).await?;
            say!("{} may do: {}", app.id, permitted(&app))
        }
    })
    .await
}

async fn create(
    store: &dyn Store,
    name: String,
    tenant_name: &str,
    mut permissions: Vec<Permission>,
) -> Result<()> {
    let tenant = if tenant_name == DEFAULT_TENANT {
        default_tenant(store).await?
    } else {
        tenant(store, tenant_name).await?
    };
    if permissions.is_empty() {
        permissions = Permission::ALL.to_vec();
    }
    let Credentials { app: id, secret } = Credentials::draw().context("cannot draw a secret")?;
    let secret_hash = secret_hash(&secret);
    let change = AppChange::Create { id, name: name.into(), secret_hash, permissions };
    let (app, _) = change_app(store, tenant.id, change).await?;
    say!("app id  {}\nsecret  {secret}", app.id)?;
    say!("tenant  {tenant_name}\nmay do  {}", permitted(&app))?;
    say!("The secret is kept nowhere: note it now.")
}

async fn rotate(store: &dyn Store, app: String) -> Result<()> {
    let tenant = known(store, &app).await?.tenant;
    let secret = draw_secret().context("cannot draw a secret")?;
    let (secret_hash, instead_of) = (secret_hash(&secret), InsteadOf::Whatever);
    change_app(store, tenant, AppChange::Rotate { id: app.into(), secret_hash, instead_of })
        .await?;
    say!("secret  {secret}")?;
    say!("The old secret and its tokens end within seconds. The new one is kept nowhere.")
}

async fn list(store: &dyn Store) -> Result<()> {
    let directory = store.directory().await?;
    for app in directory.programs() {
        let tenant = directory.tenants.iter().find(|tenant| tenant.id == app.tenant);
        let tenant = tenant.map_or("?", |tenant| &*tenant.name);
        let state = if app.revoked_at.is_some() { "revoked" } else { "live" };
        say!("{}  {state:7}  {tenant}  {}  {}", app.id, permitted(app), app.name)?;
    }
    Ok(())
}

/// The app of this id, whichever tenant it belongs to.
async fn known(store: &dyn Store, id: &str) -> Result<App> {
    let directory = store.directory().await?;
    let app = directory.programs().find(|app| &*app.id == id).cloned();
    app.with_context(|| format!("there is no app `{id}`"))
}

fn permitted(app: &App) -> String {
    app.permissions.iter().map(|it| it.name()).collect::<Vec<_>>().join(",")
}
