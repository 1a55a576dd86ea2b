//! A PostgreSQL server of our own for the time of a task: in a temporary folder, on a free
//! loopback port, beside whatever else runs on this machine.

use crate::load::usage::family;
use crate::package::{self, find};
use crate::server::free_port;
use anyhow::{Context as _, Result, bail, ensure};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Where tests find the server.
pub(crate) const URL: &str = "KEHUB_TEST_POSTGRES_URL";

/// The oldest version that Kehub runs on.
const VERSION_MIN: u32 = 15;
/// Where Debian puts the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Who owns the server when root starts it, which the server itself refuses to run as.
const OWNER: &str = "postgres";

const START_SECONDS_MAX: u64 = 60;
/// Somebody may take the port between our look and the server's start.
const STARTS_MAX: u32 = 3;

/// With connections for many hubs at once.
const SETTINGS: [&str; 5] = [
    "listen_addresses=127.0.0.1",
    "max_connections=500",
    "max_prepared_transactions=50",
    "timezone=UTC",
    "lc_messages=C",
];

/// Whether what was committed outlives the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It does not: fast, for tests.
    Fast,
    /// As much as it does in production, where somebody has given it memory as well.
    Full,
}

/// The memory of this machine; a little, where nobody tells.
fn memory_kilobytes() -> u64 {
    let told = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = told.lines().find_map(|line| line.strip_prefix("MemTotal:")?.strip_suffix("kB"));
    total.and_then(|total| total.trim().parse().ok()).unwrap_or(2 << 20)
}

impl Durability {
    fn settings(self) -> Vec<String> {
        let own = match self {
            Durability::Fast => {
                vec![
                    "fsync=off",
                    "full_page_writes=off",
                    "shared_buffers=256MB",
                    "max_wal_size=4GB",
                ]
            }
            Durability::Full => vec!["max_wal_size=8GB"],
        };
        let memory = match self {
            Durability::Fast => None,
            // As its manual advises.
            Durability::Full => Some(format!("shared_buffers={}kB", memory_kilobytes() / 4)),
        };
        own.into_iter().map(str::to_owned).chain(memory).collect()
    }
}

/// Ends the server and removes its folder, `$0`, as soon as nobody holds the other end of standard
/// input: also when the task was interrupted or killed. The folder stays if it holds a file `kept`.
const KEEPER: &str = r#"
    exec 3<&0
    "$@" </dev/null 3<&- &
    server=$!
    { read -r line <&3; kill -QUIT "$server"; } &
    watch=$!
    wait "$server"
    kill "$watch" 2>/dev/null
    [ -e "$0/kept" ] || { cd / && rm -rf -- "$0"; }
"#;

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Postgres {
    keeper: Child,
    url: String,
    place: Place,
}

/// Where a server is, and what it is made of: all that it takes to start it again.
#[derive(Debug)]
struct Place {
    programs: PathBuf,
    folder: TempDir,
    owner: Option<(u32, u32)>,
    port: u16,
    durability: Durability,
}

impl Postgres {
    /// Starts the newest server there is, which may have to be installed.
    pub(crate) fn start(durability: Durability) -> Result<Postgres> {
        let programs = installed()?;
        let mut starts = 1;
        loop {
            match start(&programs, durability) {
                Err(_) if starts < STARTS_MAX => starts += 1,
                started => return started,
            }
        }
    }

    /// Where it is, with the name and the password of a superuser.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The process that has started all others of the server.
    pub(crate) fn process(&self) -> Option<u32> {
        self.place.process()
    }

    /// Ends all processes of the server at once, as a power cut would; which one it was.
    pub(crate) fn kill(&mut self) -> Result<u32> {
        let process = self.place.process().context("the server keeps no file about itself")?;
        File::create(self.kept())?;
        let numbers: Vec<String> = family(process)?.iter().map(u32::to_string).collect();
        // A child may have ended by itself meanwhile, which `kill` calls a failure.
        Command::new("kill").arg("-KILL").args(numbers).stderr(Stdio::null()).status()?;
        self.keeper.wait()?;
        Ok(process)
    }

    fn kept(&self) -> PathBuf {
        self.place.folder.path().join("kept")
    }

    /// Starts the server that was killed again, in the same place.
    pub(crate) fn start_again(&mut self, killed: u32) -> Result<()> {
        let mut starts = 1;
        loop {
            // A process that began while the others were killed ends by itself, a little later.
            match self.place.start(Some(killed)) {
                Err(_) if starts < STARTS_MAX => starts += 1,
                started => {
                    self.keeper = started?;
                    return Ok(fs::remove_file(self.kept())?);
                }
            }
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        end(&mut self.keeper);
    }
}

/// The folder of the newest server, which is installed if there is none.
fn installed() -> Result<PathBuf> {
    if let Some(folder) = programs()? {
        return Ok(folder);
    }
    package::install("PostgreSQL", "postgresql")?;
    let old = || format!("the package `postgresql` is older than {VERSION_MIN}");
    programs()?.with_context(old)
}

/// A program that comes with the server.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    Ok(installed()?.join(name))
}

/// The folder of the newest server that is new enough.
fn programs() -> Result<Option<PathBuf>> {
    let debian = fs::read_dir(DEBIAN).into_iter().flatten();
    let mut folders: Vec<PathBuf> =
        debian.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    folders.extend(find("postgres").and_then(|program| Some(program.parent()?.to_owned())));
    folders.retain(|it| it.join("initdb").is_file() && it.join("postgres").is_file());
    let mut newest = None;
    let mut newest_version = VERSION_MIN;
    for folder in folders {
        let version = version(&folder)?;
        if version > newest_version || newest.is_none() && version == newest_version {
            (newest, newest_version) = (Some(folder), version);
        }
    }
    Ok(newest)
}

/// The number before the point: `postgres (PostgreSQL) 15.20 (Debian 15.20-1)`.
fn version(programs: &Path) -> Result<u32> {
    let program = programs.join("postgres");
    let output = Command::new(&program).arg("--version").output();
    let output = output.with_context(|| format!("cannot start {}", program.display()))?;
    let told = String::from_utf8_lossy(&output.stdout);
    let number = told.split_once(") ").map_or("", |(_, rest)| rest);
    let number: String = number.chars().take_while(char::is_ascii_digit).collect();
    number.parse().with_context(|| format!("no version in {told:?}"))
}

fn start(programs: &Path, durability: Durability) -> Result<Postgres> {
    let folder = tempfile::Builder::new().prefix("kehub-postgres-").tempdir()?;
    let owner = match package::user_id(None)? {
        0 => Some((package::user_id(Some(OWNER))?, package::group_id(OWNER)?)),
        _ => None,
    };
    if let Some((user, group)) = owner {
        chown(folder.path(), Some(user), Some(group))?;
    }
    let password = password()?;
    make_cluster(programs, folder.path(), owner, &password)?;

    let port = free_port()?;
    let place = Place { programs: programs.to_owned(), folder, owner, port, durability };
    let keeper = place.start(None)?;
    let url = format!("postgres://kehub:{password}@127.0.0.1:{port}/postgres");
    Ok(Postgres { keeper, url, place })
}

impl Place {
    /// Starts the server here and waits until it is ready; `before` is the one that was here and is
    /// gone.
    fn start(&self, before: Option<u32>) -> Result<Child> {
        let folder = self.folder.path();
        let mut log = tempfile::tempfile()?;
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER]).arg(folder).arg(self.programs.join("postgres"));
        command.arg("-D").arg(folder.join("data"));
        let own = self.durability.settings();
        for setting in SETTINGS.into_iter().chain(own.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        command.args(["-c", &format!("port={}", self.port), "-c"]);
        command.arg(format!("unix_socket_directories={}", folder.display()));
        // In a group of its own, so that Ctrl-C leaves it to tests that are about to end.
        ours(&mut command, folder, self.owner).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log.try_clone()?);
        let mut keeper = command.spawn().context("cannot start `sh`")?;
        if let Err(error) = self.wait_until_ready(&mut keeper, before) {
            end(&mut keeper);
            let mut told = String::new();
            log.rewind()?;
            log.read_to_string(&mut told)?;
            return Err(error.context(format!("PostgreSQL did not start:\n{told}")));
        }
        Ok(keeper)
    }

    /// A file that the server keeps says who it is, and in the last line when it is ready.
    fn state(&self) -> Vec<String> {
        let file = self.folder.path().join("data").join("postmaster.pid");
        let told = fs::read_to_string(file).unwrap_or_default();
        told.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// The number of the server's process.
    fn process(&self) -> Option<u32> {
        self.state().first()?.parse().ok()
    }

    fn wait_until_ready(&self, keeper: &mut Child, before: Option<u32>) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        let is_ready = || self.state().get(7).is_some_and(|line| line == "ready");
        while self.process() == before || !is_ready() {
            if let Some(status) = keeper.try_wait()? {
                bail!("it ended with {status}");
            }
            ensure!(Instant::now() < deadline, "it is not ready after {START_SECONDS_MAX} s");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// Lets a keeper end its server, and waits for both.
fn end(keeper: &mut Child) {
    drop(keeper.stdin.take());
    keeper.wait().ok();
}

/// Texts sort by the rules of a language there, as they may in any database, and not by bytes: what
/// must not depend on it shows.
fn make_cluster(
    programs: &Path,
    folder: &Path,
    owner: Option<(u32, u32)>,
    password: &str,
) -> Result<()> {
    let file = folder.join("password");
    fs::write(&file, password)?;
    if let Some((user, group)) = owner {
        chown(&file, Some(user), Some(group))?;
    }
    let mut command = Command::new(programs.join("initdb"));
    command.arg("-D").arg(folder.join("data")).arg("--pwfile").arg(&file);
    command.args(["--username=kehub", "--auth=scram-sha-256", "--no-sync", "--no-instructions"]);
    command.args(["--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US"]);
    let output = ours(&mut command, folder, owner).stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot start {command:?}"))?;
    fs::remove_file(&file)?;
    if !output.status.success() {
        bail!(
            "{command:?} ended with {}:\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// Runs a command in the folder as its owner, with nothing in the environment that points to another
/// server.
fn ours<'c>(command: &'c mut Command, folder: &Path, owner: Option<(u32, u32)>) -> &'c mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command.current_dir(folder)
}

/// Others on this machine can reach the port, too.
fn password() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{SocketAddr, TcpStream};
    use std::process::Output;

    fn psql(url: &str, sql: &str) -> Output {
        Command::new("psql").args([url, "-AtXc", sql]).output().unwrap()
    }

    fn asked(server: &Postgres, sql: &str) -> String {
        let output = psql(server.url(), sql);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn fast() -> Postgres {
        Postgres::start(Durability::Fast).unwrap()
    }

    fn address(server: &Postgres) -> SocketAddr {
        let (_, rest) = server.url().split_once('@').unwrap();
        rest.split_once('/').unwrap().0.parse().unwrap()
    }

    #[test]
    fn two_servers_of_our_own_answer_and_leave_nothing_behind() {
        let servers = [fast(), fast()];
        assert_ne!(address(&servers[0]), address(&servers[1]));
        for server in servers {
            assert!(asked(&server, "SHOW server_version_num").parse::<u32>().unwrap() >= 150_000);
            assert_eq!(asked(&server, "SELECT 'a' < 'B'"), "t");
            let (address, folder) = (address(&server), server.place.folder.path().to_owned());
            assert!(TcpStream::connect(address).is_ok());
            drop(server);
            assert!(TcpStream::connect(address).is_err());
            assert!(!folder.exists(), "{}", folder.display());
        }
    }

    #[test]
    fn a_server_that_was_killed_is_started_again_with_what_it_had() {
        let mut server = Postgres::start(Durability::Full).unwrap();
        asked(&server, "CREATE TABLE kept AS SELECT 7 AS number");
        let killed = server.kill().unwrap();
        assert!(TcpStream::connect(address(&server)).is_err());
        server.start_again(killed).unwrap();
        assert_eq!(asked(&server, "SELECT number FROM kept"), "7");
        let folder = server.place.folder.path().to_owned();
        drop(server);
        assert!(!folder.exists(), "{}", folder.display());
    }

    #[test]
    fn who_does_not_know_the_password_is_refused() {
        let server = fast();
        let (_, rest) = server.url().split_once('@').unwrap();
        let refused = psql(&format!("postgres://kehub:guess@{rest}"), "SELECT 1");
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(told.contains("password authentication failed"), "{told}");
    }
}
