//! What operators type.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the command line talks to people")]

mod app;
mod serve;
mod store;
mod tenant;
mod welcome;

use crate::config::{ServeOptions, StoreLocation};
use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};

/// The tenant that is there from the start.
pub(crate) const DEFAULT_TENANT: &str = "default";

/// An open-source customer hub: decides who is who while it answers.
#[derive(Debug, Parser)]
#[command(name = "kehub", version, arg_required_else_help = true)]
struct Cli {
    /// Where customers are kept
    #[arg(
        long,
        global = true,
        env = "KEHUB_STORE",
        value_name = "sqlite:PATH",
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
    /// Manage tenants: customers of one are invisible to all others
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Print the description of the API
    Openapi,
}

/// Runs what the command line says.
pub fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kehub: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Serve(options) => {
            let runtime = Builder::new_multi_thread().enable_all().build();
            runtime.context("cannot start")?.block_on(serve::run(&cli.store, &options))
        }
        Command::App(command) => single()?.block_on(app::run(&cli.store, command)),
        Command::Tenant(command) => single()?.block_on(tenant::run(&cli.store, command)),
        Command::Openapi => {
            println!("{}", serde_json::to_string_pretty(crate::server::openapi())?);
            Ok(())
        }
    }
}

fn single() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("cannot start")
}
