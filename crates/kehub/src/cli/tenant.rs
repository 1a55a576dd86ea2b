//! `kehub tenant`.

use super::say;
use super::store::{apply, must_be_there, tenant, with_store};
use crate::config::StoreLocation;
use anyhow::{Result, bail};
use clap::builder::NonEmptyStringValueParser;
use kehub_core::TenantId;
use kehub_core::command::{self, SetPolicy};
use kehub_core::directory::{NewTenant, Tenant};
use kehub_core::outcome::Outcome;
use kehub_core::policy::{OnConflict, Preset};
use kehub_store::Store;

/// What can be done with tenants.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Create a tenant
    Create {
        /// Its name
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        name: String,
        /// How doubtful cases are decided: compat or guarded
        #[arg(long, default_value = "compat", value_parser = preset)]
        preset: Preset,
    },
    /// List tenants
    List,
    /// Set how a tenant decides doubtful cases
    Preset {
        /// The tenant
        name: String,
        /// compat or guarded
        #[arg(value_parser = preset)]
        preset: Preset,
        /// What happens when a request brings customers together: merge, keep or reject
        ///
        /// `merge` merges them unless a guard objects, and opens a conflict then. `keep` merges nobody, and
        /// opens a conflict. `reject` merges them unless a guard objects, and refuses the whole request then.
        #[arg(long, value_parser = on_conflict)]
        on_conflict: Option<OnConflict>,
    },
}

fn preset(name: &str) -> Result<Preset, &'static str> {
    Preset::named(name).ok_or("expected compat or guarded")
}

fn on_conflict(name: &str) -> Result<OnConflict, &'static str> {
    OnConflict::named(name).ok_or("expected merge, keep or reject")
}

pub(super) async fn run(location: &StoreLocation, command: Command) -> Result<()> {
    if matches!(command, Command::List) {
        must_be_there(location).await?;
    }
    with_store(location, async move |store| match command {
        Command::Create { name, preset } => create(&*store, &name, preset).await,
        Command::List => {
            for tenant in store.directory().await?.tenants {
                print(&tenant)?;
            }
            Ok(())
        }
        Command::Preset { name, preset, on_conflict } => {
            let id = tenant(&*store, &name).await?.id;
            let policy = SetPolicy { preset: Some(preset), on_conflict, ..SetPolicy::default() };
            let outcome = apply(&*store, id, command::Command::SetPolicy(policy)).await?;
            let Outcome::Policy(set) = outcome else {
                bail!("the store gave an outcome of another kind");
            };
            print(&set.tenant)
        }
    })
    .await
}

async fn create(store: &dyn Store, name: &str, preset: Preset) -> Result<()> {
    let new = NewTenant { name: name.into(), preset };
    let outcome = apply(store, TenantId(0), command::Command::CreateTenant(new)).await?;
    let Outcome::Tenant(tenant) = outcome else { bail!("there is a tenant `{name}` already") };
    print(&tenant)
}

fn print(tenant: &Tenant) -> Result<()> {
    let (preset, on_conflict) = (tenant.preset.name(), tenant.on_conflict.name());
    say!("{:4}  {}  {preset}  on conflict: {on_conflict}", tenant.id, tenant.name)
}
