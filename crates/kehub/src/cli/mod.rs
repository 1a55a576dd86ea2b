//! What operators type.
#![expect(clippy::print_stderr, reason = "the command line talks to people")]

mod app;
mod care;
mod copy;
mod export;
mod import;
mod progress;
mod serve;
mod store;
mod tenant;
mod user;
mod wechat;
mod welcome;

use crate::config::{ServeOptions, StoreLocation};
use anyhow::{Context as _, Result};
use clap::error::{ContextKind, ContextValue};
use clap::{Parser, Subcommand};
use std::fmt;
use std::io::{ErrorKind, Write as _, stdout};
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};

/// The tenant that is there from the start.
pub(crate) const DEFAULT_TENANT: &str = "default";

/// How many of something, for people.
fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What there is any of, and how many, for people; empty if there is nothing.
fn listed(counts: &[(u64, &str)]) -> String {
    let some = counts.iter().filter(|(count, _)| *count > 0);
    some.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}

/// An open-source customer hub: decides who is who while it answers.
#[derive(Debug, Parser)]
#[command(name = "kehub", version, arg_required_else_help = true)]
struct Cli {
    /// Where customers are kept
    #[arg(
        long,
        global = true,
        env = "KEHUB_STORE",
        hide_env_values = true,
        value_name = "sqlite:PATH|postgres://…",
        default_value = "sqlite:kehub-data/kehub.db"
    )]
    store: StoreLocation,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer calls
    Serve(Box<ServeOptions>),
    /// Manage apps: the credentials that programs call with
    #[command(subcommand)]
    App(app::Command),
    /// Manage users: people who sign in to the console
    #[command(subcommand)]
    User(user::Command),
    /// Manage tenants: customers of one are invisible to all others
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Bind WeChat accounts, and import their fans
    #[command(subcommand)]
    Wechat(wechat::Command),
    /// Bring customers in from files: CSV, XLSX or NDJSON, also packed, of any size
    ///
    /// Each row is an upsert, as `POST /api/customers` takes it. What each column is shows in its
    /// heading, Chinese or English, and is printed first; --map says what does not show. Identities,
    /// then the mobile, then the e-mail decide who a row is, so that a file that is imported again
    /// doubles nobody. Rows that do not fit go to a file of their own, with the reason: mend them
    /// there and import that file. A running hub is left time for its requests meanwhile. Ctrl-C ends it
    /// after the batch under way, and the same command goes on there, also after kill -9. Ends with 1 if a row was refused, with 2 if nothing was begun.
    Import(Box<import::Options>),
    /// Look whether the store keeps its promises and is what its journal says, beside a running hub
    ///
    /// Reads only, as of one moment, and ends with 1 if something is wrong. What the journal makes
    /// of some customers at a time is held in memory. Until it ends, the write-ahead log of a busy
    /// hub's file grows, and a PostgreSQL server keeps what was replaced.
    Check(care::Options),
    /// Make the rows of the store anew from its journal, where they are not what it says
    ///
    /// No hub may have the file open; one on PostgreSQL waits with its writes. One transaction;
    /// afterwards everything is checked.
    Rebuild(care::Options),
    /// Copy an embedded store to a file, beside a running hub
    ///
    /// As of one moment, without what was erased, on disk when it ends, for its owner only; a file
    /// that is there is not overwritten. Until it ends, a busy hub's write-ahead log grows.
    Backup(care::BackupOptions),
    /// Put a copy of an embedded store in its place, if a check finds nothing wrong with it
    ///
    /// No hub may be running. A copy of an older Kehub is brought up to date; the file itself stays
    /// as it is. What was written, erased or revoked since is as it was before.
    Restore(care::RestoreOptions),
    /// Copy a store to another place, of the same kind or another, and verify the copy
    ///
    /// Everything goes along, as of one moment, beside a running hub, which goes on with the old store:
    /// end it first if you want to move. Killed, it goes on where it stopped if it is run again. Until
    /// the copy is verified, nothing else opens it. Passwords are better given in the environment.
    Copy(copy::Options),
    /// Write customers to a file: CSV, NDJSON or XLSX, beside a running hub
    ///
    /// All that match, as of one moment, in the order of their ids, for its owner only: it holds personal
    /// data. The file is there when it is whole, and not before. Until it ends, the write-ahead log of a
    /// busy hub's file grows, and a PostgreSQL server keeps what was replaced.
    Export(Box<export::Options>),
    /// Bring the store up to date, as `serve` does when it starts
    Migrate(care::MigrateOptions),
    /// Print the description of the API
    Openapi,
}

/// Prints a line; an error if that is not possible.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::cli::print_line(format_args!($($text)*))
    };
}
pub(crate) use say;

/// Whoever reads may have read enough and gone away, which is no error.
fn print_line(line: fmt::Arguments<'_>) -> Result<()> {
    match writeln!(stdout().lock(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("cannot print"),
    }
}

/// Runs what the command line says.
pub fn main() -> ExitCode {
    match run(Cli::try_parse().unwrap_or_else(|error| discreet(error).exit())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kehub: {error:#}");
            if error.is::<import::NotBegun>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// Flags whose values are secrets.
const SECRET_FLAGS: [&str; 2] = ["--secret-key", "--bootstrap-app"];

/// What was mistyped, without secrets, and without the addresses in it: they may hold passwords.
fn discreet(mut error: clap::Error) -> clap::Error {
    let is_address = |value: &ContextValue| {
        let value = value.to_string();
        value.contains("//") || value.contains('@')
    };
    let flag = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    if SECRET_FLAGS.iter().any(|secret| flag.starts_with(secret)) {
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
    } else if error.get(ContextKind::InvalidValue).is_some_and(is_address) {
        let hidden = ContextValue::String("…".to_owned());
        error.insert(ContextKind::InvalidValue, hidden);
    }
    error
}

fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Serve(options) => {
            let runtime = Builder::new_multi_thread().enable_all().build();
            runtime.context("cannot start")?.block_on(serve::run(&cli.store, &options))
        }
        Command::App(command) => single()?.block_on(app::run(&cli.store, command)),
        Command::User(command) => single()?.block_on(user::run(&cli.store, command)),
        Command::Tenant(command) => single()?.block_on(tenant::run(&cli.store, command)),
        Command::Wechat(command) => single()?.block_on(wechat::run(&cli.store, command)),
        Command::Import(options) => single()?.block_on(import::run(&cli.store, &options)),
        Command::Check(options) => single()?.block_on(care::check(&cli.store, &options)),
        Command::Rebuild(options) => single()?.block_on(care::rebuild(&cli.store, &options)),
        Command::Backup(options) => care::backup(&cli.store, &options),
        Command::Restore(options) => care::restore(&cli.store, &options),
        Command::Copy(options) => single()?.block_on(copy::run(&options)),
        Command::Export(options) => single()?.block_on(export::run(&cli.store, *options)),
        Command::Migrate(options) => single()?.block_on(care::migrate(&cli.store, &options)),
        Command::Openapi => {
            say!("{}", serde_json::to_string_pretty(crate::server::openapi())?)
        }
    }
}

fn single() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("cannot start")
}
