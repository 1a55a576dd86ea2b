//! `cargo xtask test`: installs what the tests need, then runs every test.

use crate::{cargo, succeed};
use anyhow::{Context as _, Result, bail};
use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only the tests whose name contains this text
    filter: Option<String>,
}

/// Runs the tests with nextest where it is installed, else with cargo itself. The examples in
/// documentation come first, so that the last lines are the summary of the tests proper.
pub(crate) fn run(options: &Options) -> Result<()> {
    install_chromium()?;
    if options.filter.is_none() {
        succeed(cargo().args(["test", "--quiet", "--workspace", "--locked", "--doc"]))?;
    }
    let mut command = cargo();
    if has_nextest() {
        command.args(["nextest", "run", "--workspace", "--locked"]);
    } else {
        command.args(["test", "--workspace", "--locked", "--lib", "--bins", "--tests"]);
    }
    succeed(command.args(&options.filter))
}

fn has_nextest() -> bool {
    let mut command = cargo();
    command.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The test of the API page opens it in a real browser.
fn install_chromium() -> Result<()> {
    if ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .any(|name| find(name).is_some())
    {
        return Ok(());
    }
    println!("Chromium is missing: installing the package `chromium`");
    if find("apt-get").is_none() {
        bail!("the tests need Chromium: install the package `chromium` and try again");
    }
    apt_get(&["update"])?;
    apt_get(&["install", "--yes", "--no-install-recommends", "chromium"])
}

/// Runs apt-get as root, through sudo if need be; never asks for a password.
fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = if is_root()? {
        Command::new("apt-get")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "apt-get"]);
        sudo
    };
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    succeed(command.stdout(Stdio::null())).context(
        "the tests need Chromium, and it could not be installed here: \
         run `apt-get install chromium` as root and try again",
    )
}

fn is_root() -> Result<bool> {
    let output = Command::new("id").arg("-u").output().context("cannot start `id`")?;
    Ok(output.stdout.trim_ascii() == b"0")
}

/// A program of this name on the search path.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
