//! Programs that tasks need: found on this machine, or installed by its package manager.

use crate::succeed;
use anyhow::{Context as _, Result, bail};
use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A program of this name on the search path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Installs a package of Debian, of which people say `name`: as root, through sudo if need be. Never
/// asks for a password.
pub(crate) fn install(name: &str, package: &str) -> Result<()> {
    println!("{name} is missing: installing the package `{package}`");
    if find("apt-get").is_none() {
        bail!("the tests need {name}: install the package `{package}` and try again");
    }
    let apt_get = |arguments: &[&str]| {
        succeed(apt_get()?.args(arguments)).with_context(|| {
            format!(
                "the tests need {name}, and it could not be installed here: \
                 run `apt-get install {package}` as root and try again"
            )
        })
    };
    apt_get(&["update"])?;
    apt_get(&["install", "--yes", "--no-install-recommends", package])
}

fn apt_get() -> Result<Command> {
    let mut command = if user_id(None)? == 0 {
        Command::new("apt-get")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "apt-get"]);
        sudo
    };
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
    Ok(command)
}

/// The number of a user, or of the one who runs this.
pub(crate) fn user_id(name: Option<&str>) -> Result<u32> {
    id("-u", name)
}

/// The number of the group of a user.
pub(crate) fn group_id(name: &str) -> Result<u32> {
    id("-g", Some(name))
}

fn id(what: &str, name: Option<&str>) -> Result<u32> {
    let output = Command::new("id").arg(what).args(name).output().context("cannot start `id`")?;
    let told = String::from_utf8_lossy(&output.stdout);
    let unknown = || format!("there is no user `{}`", name.unwrap_or_default());
    told.trim().parse().with_context(unknown)
}
