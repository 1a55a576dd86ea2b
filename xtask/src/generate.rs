//! `cargo xtask generate`: the files that are made from the code and committed.

use crate::{cargo, root};
use anyhow::{Context as _, Result};
use std::fs;

/// Writes `openapi.json` as `kehub openapi` prints it. A test of `kehub` fails while they differ.
pub(crate) fn run() -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--quiet", "--package", "kehub", "--", "openapi"]);
    let output = command.output().context("cannot start cargo")?;
    anyhow::ensure!(
        output.status.success(),
        "`kehub openapi` ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let path = root().join("openapi.json");
    if fs::read(&path).is_ok_and(|before| before == output.stdout) {
        println!("{} is up to date", path.display());
        return Ok(());
    }
    fs::write(&path, &output.stdout).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{} written", path.display());
    Ok(())
}
