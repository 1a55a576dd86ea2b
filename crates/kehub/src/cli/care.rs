//! `kehub check`, `kehub rebuild`, `kehub backup`, `kehub restore` and `kehub migrate`.

use super::progress::Terminal;
use super::say;
use super::store::NOT_DISTRIBUTED;
use crate::config::StoreLocation;
use anyhow::{Result, bail};
use clap::builder::BoolishValueParser;
use kehub_store::{CUSTOMERS_AT_ONCE, PostgresStore, Rebuilt, Report, SqliteStore};
use std::path::{Path, PathBuf};

/// How nice those are that work beside a hub, of 19: of each second that both want, a hub gets nine
/// tenths.
const NICENESS: i32 = 10;

/// Which tenants are looked at, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Only this tenant; all of them, and the store itself, unless given
    #[arg(long)]
    tenant: Option<String>,

    /// Customers held in memory at once, about 5 KB each; with fewer of them, the journal of a large
    /// tenant is read more often
    #[arg(long, value_name = "CUSTOMERS", default_value_t = CUSTOMERS_AT_ONCE,
        value_parser = clap::value_parser!(u32).range(1..))]
    at_once: u32,
}

/// Where a copy goes.
#[derive(Debug, clap::Args)]
pub(super) struct BackupOptions {
    /// The file to make
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Where a store comes from.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreOptions {
    /// A file that `kehub backup` made
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Give up the store that is there
    #[arg(long)]
    replace: bool,
}

/// What becomes of migrations.
#[derive(Debug, clap::Args)]
pub(super) struct MigrateOptions {
    /// Print the SQL that would run, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Spread the tables of a PostgreSQL store over the Citus cluster that it is the coordinator of
    #[arg(long, env = "KEHUB_DISTRIBUTED", value_parser = BoolishValueParser::new())]
    distributed: bool,
}

/// The file of an embedded store.
fn file(location: &StoreLocation) -> Result<&Path> {
    match location {
        StoreLocation::Sqlite(path) => Ok(path),
        StoreLocation::Postgres(_) => bail!(
            "PostgreSQL has its own means for this: `pg_dump` and `pg_restore`, or archived logs"
        ),
    }
}

/// Leaves the processor to a hub that runs beside this process.
pub(super) fn give_way() {
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "the system does not let a process give way");
    }
}

/// Copies the store beside whoever uses it.
pub(super) fn backup(location: &StoreLocation, options: &BackupOptions) -> Result<()> {
    give_way();
    let terminal = Terminal::default();
    let copied = SqliteStore::back_up(file(location)?, &options.to, &terminal);
    terminal.clear();
    say!("copied {location} to {}: {} bytes", options.to.display(), copied?)?;
    Ok(())
}

/// Puts a copy in the place of the store.
pub(super) fn restore(location: &StoreLocation, options: &RestoreOptions) -> Result<()> {
    let terminal = Terminal::default();
    let RestoreOptions { from, replace } = options;
    let report = SqliteStore::restore(file(location)?, from, *replace, &terminal);
    terminal.clear();
    let report = report?;
    tell(&report)?;
    if !report.is_sound() {
        bail!("{} is not as a store must be; nothing was restored", from.display());
    }
    say!("sound\nrestored {location} from {}", from.display())?;
    Ok(())
}

/// Brings the store up to date, or says how.
pub(super) async fn migrate(location: &StoreLocation, options: &MigrateOptions) -> Result<()> {
    let mut spreading = Vec::new();
    let (migrations, becomes) = if options.dry_run {
        let due = match location {
            StoreLocation::Sqlite(_) if options.distributed => bail!(NOT_DISTRIBUTED),
            StoreLocation::Sqlite(path) => SqliteStore::migrations_due(path),
            StoreLocation::Postgres(url) => {
                if options.distributed {
                    spreading = PostgresStore::spreading_due(url).await?;
                }
                PostgresStore::migrations_due(url).await
            }
        };
        (due?, "would be applied")
    } else {
        let applied = match location {
            StoreLocation::Sqlite(_) if options.distributed => bail!(NOT_DISTRIBUTED),
            StoreLocation::Sqlite(path) => SqliteStore::migrate(path),
            StoreLocation::Postgres(url) => PostgresStore::migrate(url, options.distributed).await,
        };
        (applied?, "is applied")
    };
    for migration in migrations {
        say!("-- {} {becomes}", migration.name)?;
        if options.dry_run {
            say!("{}", migration.sql)?;
        }
    }
    if !spreading.is_empty() {
        say!("-- the tables would be spread\n{}", spreading.join("\n"))?;
    } else if migrations.is_empty() {
        say!("-- {location} is up to date")?;
    }
    Ok(())
}

/// Looks at the store beside whoever uses it.
pub(super) async fn check(location: &StoreLocation, options: &Options) -> Result<()> {
    give_way();
    let terminal = Terminal::default();
    let (tenant, at_once) = (options.tenant.as_deref(), options.at_once);
    let report = match location {
        StoreLocation::Sqlite(path) => SqliteStore::check(path, tenant, at_once, &terminal),
        StoreLocation::Postgres(url) => PostgresStore::check(url, tenant, at_once, &terminal).await,
    };
    terminal.clear();
    let report = report?;
    tell(&report)?;
    if !report.is_sound() {
        bail!("the store is not as it must be; `kehub rebuild` mends what its journal knows");
    }
    say!("sound")
}

/// Makes the rows of the store anew from its journal.
pub(super) async fn rebuild(location: &StoreLocation, options: &Options) -> Result<()> {
    let terminal = Terminal::default();
    let (tenant, at_once) = (options.tenant.as_deref(), options.at_once);
    let rebuilt = match location {
        StoreLocation::Sqlite(path) => SqliteStore::rebuild(path, tenant, at_once, &terminal),
        StoreLocation::Postgres(url) => {
            PostgresStore::rebuild(url, tenant, at_once, &terminal).await
        }
    };
    terminal.clear();
    let rebuilt = rebuilt?;
    tell_changes(&rebuilt)?;
    tell(&rebuilt.after)?;
    if !rebuilt.after.is_sound() {
        bail!("the journal does not know how to mend the rest");
    }
    say!("sound")
}

fn tell(report: &Report) -> Result<()> {
    for finding in &report.findings {
        say!("{finding}")?;
    }
    if report.left_out > 0 {
        say!("and {} more", report.left_out)?;
    }
    say!(
        "looked at {} tenants, {} customers, {} identities, {} journal entries",
        report.tenants,
        report.customers,
        report.identities,
        report.entries
    )
}

fn tell_changes(rebuilt: &Rebuilt) -> Result<()> {
    let Rebuilt { added, replaced, removed, reindexed, .. } = rebuilt;
    if *reindexed {
        say!("made the indexes anew")?;
    }
    for (done, counts) in [("added", added), ("replaced", replaced), ("removed", removed)] {
        for (what, count) in counts {
            say!("{done} {count} {what}")?;
        }
    }
    if added.is_empty() && replaced.is_empty() && removed.is_empty() {
        say!("all rows were what the journal says")?;
    }
    Ok(())
}
