//! `cargo xtask test`: installs what the tests need, then runs every test.

use crate::package::{find, install};
use crate::postgres::{self, Durability, Postgres};
use crate::{cargo, root, succeed, target};
use anyhow::{Context as _, Result};
use std::process::{Command, Stdio};
use std::{env, fs};

/// Names a cluster to be tested on.
const CLUSTER: &str = "KEHUB_TEST_CITUS_URL";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only the tests whose name contains this text
    filter: Option<String>,
}

/// Runs the tests with nextest where it is installed, else with cargo itself. The examples in
/// documentation come first, so that the last lines are the summary of the tests proper.
pub(crate) fn run(options: &Options) -> Result<()> {
    install_chromium()?;
    install_axe()?;
    if options.filter.is_none() {
        succeed(cargo().args(["test", "--quiet", "--workspace", "--locked", "--doc"]))?;
    }
    let mut command = cargo();
    if has_nextest() {
        command.args(["nextest", "run", "--workspace", "--locked"]);
        if env::var_os(CLUSTER).is_some() {
            command.args(["--profile", "cluster"]);
        }
    } else {
        command.args(["test", "--workspace", "--locked", "--lib", "--bins", "--tests"]);
    }
    let server = start_postgres()?;
    command.envs(server.iter().map(|server| (postgres::URL, server.url())));
    succeed(command.args(&options.filter))
}

fn has_nextest() -> bool {
    let mut command = cargo();
    command.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The test of the API page opens it in a real browser.
fn install_chromium() -> Result<()> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    if names.into_iter().any(|name| find(name).is_some()) {
        return Ok(());
    }
    install("Chromium", "chromium")
}

/// The checker of accessibility that tests run on each page of the console, by its lock file. It comes to
/// where builds are, so that none of it is in the repository.
fn install_axe() -> Result<()> {
    let (from, into) = (root().join("crates/kehub/tests/axe"), target().join("axe"));
    let lock = fs::read(from.join("package-lock.json")).context("no lock file of axe-core")?;
    let source = into.join("node_modules/axe-core/axe.min.js");
    if source.is_file() && fs::read(into.join("package-lock.json")).is_ok_and(|it| it == lock) {
        return Ok(());
    }
    fs::create_dir_all(&into).context("no folder for axe-core")?;
    fs::copy(from.join("package.json"), into.join("package.json"))?;
    if find("npm").is_none() {
        install("npm", "npm")?;
    }
    fs::write(into.join("package-lock.json"), lock)?;
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&into);
    succeed(npm.stdin(Stdio::null()).stdout(Stdio::null()))
}

/// A server for the time of the tests, unless the environment names one.
fn start_postgres() -> Result<Option<Postgres>> {
    if env::var_os(postgres::URL).is_some() {
        return Ok(None);
    }
    Postgres::start(Durability::Fast).map(Some)
}
