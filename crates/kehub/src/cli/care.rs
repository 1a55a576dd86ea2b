//! `kehub check` and `kehub rebuild`.

use crate::config::StoreLocation;
use anyhow::{Result, bail};
use kehub_store::{Progress, Rebuilt, Report, SqliteStore};
use std::io::{IsTerminal as _, Write as _, stderr};

/// Which tenants are looked at.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Only this tenant; all of them, and the file itself, unless given
    #[arg(long)]
    tenant: Option<String>,
}

/// Looks at the store beside whoever uses it.
pub(super) fn check(location: &StoreLocation, options: &Options) -> Result<()> {
    let terminal = Terminal::default();
    let report = SqliteStore::check(&location.path, options.tenant.as_deref(), &terminal);
    terminal.clear();
    let report = report?;
    tell(&report);
    if !report.is_sound() {
        bail!("the store is not as it must be; `kehub rebuild` mends what its journal knows");
    }
    println!("sound");
    Ok(())
}

/// Makes the rows of the store anew from its journal.
pub(super) fn rebuild(location: &StoreLocation, options: &Options) -> Result<()> {
    let terminal = Terminal::default();
    let rebuilt = SqliteStore::rebuild(&location.path, options.tenant.as_deref(), &terminal);
    terminal.clear();
    let rebuilt = rebuilt?;
    tell_changes(&rebuilt);
    tell(&rebuilt.after);
    if !rebuilt.after.is_sound() {
        bail!("the journal does not know how to mend the rest");
    }
    println!("sound");
    Ok(())
}

fn tell(report: &Report) {
    for finding in &report.findings {
        println!("{finding}");
    }
    if report.left_out > 0 {
        println!("and {} more", report.left_out);
    }
    println!(
        "looked at {} tenants, {} customers, {} identities, {} journal entries",
        report.tenants, report.customers, report.identities, report.entries
    );
}

fn tell_changes(rebuilt: &Rebuilt) {
    let Rebuilt { added, replaced, removed, reindexed, .. } = rebuilt;
    if *reindexed {
        println!("made the indexes anew");
    }
    for (done, counts) in [("added", added), ("replaced", replaced), ("removed", removed)] {
        for (what, count) in counts {
            println!("{done} {count} {what}");
        }
    }
    if added.is_empty() && replaced.is_empty() && removed.is_empty() {
        println!("all rows were what the journal says");
    }
}

/// Tells progress on one line of the terminal that errors go to; nobody, if that is a file.
struct Terminal {
    is_terminal: bool,
}

impl Default for Terminal {
    fn default() -> Terminal {
        Terminal { is_terminal: stderr().is_terminal() }
    }
}

impl Terminal {
    /// A terminal that cannot be written to has nobody in front of it.
    fn show(&self, line: &str) {
        if self.is_terminal {
            eprint!("\r{line:60}");
            drop(stderr().flush());
        }
    }

    fn clear(&self) {
        if self.is_terminal {
            eprint!("\r{:60}\r", "");
            drop(stderr().flush());
        }
    }
}

impl Progress for Terminal {
    fn at(&self, step: &str, done: u64, total: u64) {
        match done.saturating_mul(100).checked_div(total) {
            Some(percent) => self.show(&format!("looking at {step}: {percent} %")),
            None => self.show(&format!("looking at {step}")),
        }
    }
}
