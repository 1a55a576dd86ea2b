//! `kehub copy`.

use super::progress::Terminal;
use super::say;
use crate::clock::{Clock as _, SystemClock};
use crate::config::StoreLocation;
use anyhow::{Result, bail};
use kehub_store::{Copied, CopyOptions, Place};

/// From where, and to where.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The store that is copied
    #[arg(
        long,
        env = "KEHUB_COPY_FROM",
        hide_env_values = true,
        value_name = "sqlite:PATH|postgres://…"
    )]
    from: StoreLocation,

    /// The store that it is copied to: an empty one, made if there is none, or the unfinished copy
    #[arg(
        long,
        env = "KEHUB_COPY_TO",
        hide_env_values = true,
        value_name = "sqlite:PATH|postgres://…"
    )]
    to: StoreLocation,

    /// Spread the tables of the target over the Citus cluster that it is the coordinator of
    #[arg(long)]
    distributed: bool,
}

/// Copies a store, and tells what was verified.
pub(super) async fn run(options: &Options) -> Result<()> {
    let Options { from, to, distributed } = options;
    if *distributed && matches!(to, StoreLocation::Sqlite(_)) {
        bail!("--distributed needs a Citus cluster to copy to: --to postgres://…");
    }
    let terminal = Terminal::counting("rows");
    let now = CopyOptions::at(SystemClock.now());
    let options = CopyOptions { distributed: *distributed, ..now };
    let copied = kehub_store::copy(place(from), place(to), options, &terminal).await;
    terminal.clear();
    let copied = copied?;
    tell(&copied)?;
    if !copied.is_verified() {
        bail!("the copy is not what was read, and stays unfinished: empty {to}, and copy again");
    }
    say!("copied {from} to {to}, and verified it")?;
    match copied.since {
        Some(0) => (),
        Some(since) => say!(
            "since it was begun, {since} journal entries came to the source that are not in it"
        )?,
        None => say!("whether the source was written to since it was begun is not known")?,
    }
    Ok(())
}

fn place(location: &StoreLocation) -> Place<'_> {
    match location {
        StoreLocation::Sqlite(path) => Place::Sqlite(path),
        StoreLocation::Postgres(url) => Place::Postgres(url),
    }
}

fn tell(copied: &Copied) -> Result<()> {
    say!("{:14} {:>12}  checksum", "table", "rows")?;
    for table in &copied.tables {
        let (source, target) = (&table.source, &table.target);
        say!("{:14} {:>12}  {source}", table.name, source.rows)?;
        if source != target {
            say!("{:14} {:>12}  {target}  in the copy", "", target.rows)?;
        }
    }
    for problem in &copied.problems {
        say!("{problem}")?;
    }
    if copied.resumed > 0 {
        say!("{} rows were there from an earlier run", copied.resumed)?;
    }
    Ok(())
}
