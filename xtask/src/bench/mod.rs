//! `cargo xtask bench`: how fast Kehub is, beside what its users would pick instead. Machines differ and
//! are noisy: what counts is the ratio of two figures of one run.

mod ceiling;
mod decisions;
mod engine;
mod filled;
mod hub;
mod import;
mod peer;
mod peers;
mod place;
mod pocketbase;
mod report;
mod service;
mod soak;

use crate::load::people::Mix;
use crate::server::Server;
use crate::{cargo, succeed, target};
use anyhow::Result;
use std::io::Write as _;
use std::path::Path;
use tokio::net::TcpListener;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Bench {
    /// Upserts and look-ups in turns: Kehub on both engines, a hand-written function in PostgreSQL, the same
    /// function behind HTTP, PocketBase, and a hub whose storage costs nothing
    Peers(peers::Options),
    /// Every kind of call to one hub: how many a second, and how long they take
    Hub(hub::Options),
    /// Files that `kehub import` brings in: beside requests, which are timed, and alone
    Import(import::Options),
    /// Mixed load on one hub for long, with batches, files, merges, backups and checks beside it: whether memory,
    /// files and times level off
    Soak(soak::Options),
    /// A hub whose storage costs nothing
    #[command(hide = true)]
    Ceiling(Mix),
    /// The hand-written function behind HTTP
    #[command(hide = true)]
    Service,
}

/// What is measured is built for speed, so this task builds itself anew for it.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    if cfg!(debug_assertions) {
        let arguments = std::env::args_os().skip(1);
        let mut command = cargo();
        command.args(["run", "--release", "--locked", "--quiet", "--package", "xtask", "--"]);
        return succeed(command.args(arguments));
    }
    match bench {
        Bench::Peers(options) => peers::run(options),
        Bench::Hub(options) => hub::run(options),
        Bench::Import(options) => import::run(options),
        Bench::Soak(options) => soak::run(options),
        Bench::Ceiling(mix) => ceiling::run(*mix),
        Bench::Service => service::run(),
    }
}

/// Builds the hub as its users get it.
fn build() -> Result<()> {
    succeed(cargo().args(["build", "--release", "--locked", "--package", "kehub"]))
}

/// Starts that hub on a store.
fn start(store: &str) -> Result<Server> {
    Server::start(&target().join("release").join("kehub"), store)
}

/// What a store in a folder is called.
const FILE: &str = "kehub.db";

/// A store in a folder, as the command line names it.
fn file_in(folder: &Path) -> String {
    format!("sqlite:{}", folder.join(FILE).display())
}

/// A socket of our own for a server that was started by [`Server::launch`], which is told where it is.
async fn announced(name: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut output = std::io::stdout();
    writeln!(output, "The {name} listens on http://{}", listener.local_addr()?)?;
    output.flush()?;
    Ok(listener)
}
