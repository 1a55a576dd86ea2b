//! The project's tasks, all of them in Rust: `cargo xtask --help`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to people")]

mod bench;
#[path = "../../crates/kehub/tests/support/browser.rs"]
#[expect(
    dead_code,
    clippy::indexing_slicing,
    reason = "tests of the console use the rest; what is missing in JSON is null"
)]
mod browser;
mod client;
mod generate;
mod load;
mod package;
mod postgres;
#[expect(clippy::indexing_slicing, reason = "what is missing in JSON is null")]
mod sample;
mod screenshots;
mod server;
mod soak;
mod test;
mod tidy;

use anyhow::{Context as _, Result};
use clap::Parser;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

// As the server has it, whose engine is measured in this process.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The project's tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Install what the tests need, then run every test
    Test(test::Options),
    /// Check what the compiler does not: file lengths, leftovers, links, titles, crate borders
    Tidy,
    /// Take pictures of every page of the console, into target/screenshots
    Screenshots(screenshots::Options),
    /// Write openapi.json as the code describes it
    Generate,
    /// Send random writes of every kind to a real server, then check its store
    Soak(soak::Options),
    /// Measure how fast it is
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let result = match Task::parse() {
        Task::Test(options) => test::run(&options),
        Task::Tidy => tidy::run(),
        Task::Screenshots(options) => screenshots::run(&options),
        Task::Generate => generate::run(),
        Task::Bench(bench) => bench::run(&bench),
        Task::Soak(options) => soak::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// `cargo`, run at the root: the very one that started this task.
fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Runs a command to its end; an error unless it succeeds.
fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    anyhow::ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// Where cargo puts what it builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
