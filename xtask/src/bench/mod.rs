//! `cargo xtask bench`: how fast Kehub is, beside what its users would pick instead. Machines differ and
//! are noisy: what counts is the ratio of two figures of one run.

mod ceiling;
mod decisions;
mod engine;
mod hub;
mod peer;
mod peers;
mod place;
mod pocketbase;
mod report;
mod service;

use crate::load::people::Mix;
use crate::{cargo, succeed};
use anyhow::Result;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Bench {
    /// Upserts and look-ups in turns: Kehub on both engines, a hand-written function in PostgreSQL, the same
    /// function behind HTTP, PocketBase, and a hub whose storage costs nothing
    Peers(peers::Options),
    /// Every kind of call to one hub: how many a second, and how long they take
    Hub(hub::Options),
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
        Bench::Ceiling(mix) => ceiling::run(*mix),
        Bench::Service => service::run(),
    }
}

/// Builds the hub as its users get it.
fn build() -> Result<()> {
    succeed(cargo().args(["build", "--release", "--locked", "--package", "kehub"]))
}
