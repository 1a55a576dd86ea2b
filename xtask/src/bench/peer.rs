//! What Kehub is measured against: the function in `bench/peers/postgres`, called by `pgbench`.

use crate::load::people::Mix;
use crate::postgres::program;
use crate::root;
use anyhow::{Context as _, Result, ensure};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A database of our own; dropping this drops it.
pub(super) struct Database {
    server: String,
    name: &'static str,
    url: String,
}

impl Database {
    pub(super) fn new(server: &str, name: &'static str) -> Result<Database> {
        let (base, options) = server.split_once('?').unwrap_or((server, ""));
        let (scheme, rest) =
            base.split_once("://").context("an address begins with postgres://")?;
        let host = rest.split('/').next().unwrap_or_default();
        let url = format!("{scheme}://{host}/{name}?{options}");
        let database = Database { server: server.to_owned(), name, url };
        let drop_it = format!("DROP DATABASE IF EXISTS {name}");
        let make_it = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        psql(server, &["-c", &drop_it, "-c", &make_it])?;
        Ok(database)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Bytes on disk.
    pub(super) fn size(&self) -> Result<u64> {
        size(&self.url)
    }

    /// Bytes of a table, its indexes included.
    pub(super) fn size_of(&self, table: &str) -> Result<u64> {
        let sql = format!("SELECT pg_total_relation_size('{table}')");
        Ok(psql(&self.url, &["-Atc", &sql])?.trim().parse()?)
    }

    /// Leaves the server with statistics, and with nothing to tidy that is not of the measuring.
    pub(super) fn vacuum(&self) -> Result<()> {
        psql(&self.url, &["-c", "VACUUM ANALYZE"]).map(drop)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        if let Err(error) = psql(&self.server, &["-c", &sql]) {
            eprintln!("xtask: {} is left behind: {error:#}", self.name);
        }
    }
}

pub(super) struct Peer {
    database: Database,
}

impl Peer {
    /// Makes the tables and the function.
    pub(super) fn new(server: &str) -> Result<Peer> {
        let database = Database::new(server, "peer_bench")?;
        let names = ["schema.sql", "upsert.sql", "load.sql"];
        for file in names.map(file) {
            psql(&database.url, &["-f", &file.to_string_lossy()])?;
        }
        Ok(Peer { database })
    }

    /// Lets the function make so many customers.
    pub(super) fn preload(&self, customers: u64) -> Result<()> {
        // Plans that a session made while the tables were empty would read all of them.
        let first = customers.min(1000);
        for count in [first, customers - first] {
            psql(&self.database.url, &["-c", &format!("CALL send_new({count})")])?;
            self.database.vacuum()?;
        }
        Ok(())
    }

    /// Where its tables are.
    pub(super) fn url(&self) -> &str {
        &self.database.url
    }

    /// Calls through so many clients in so much time: how many, and how many a second. Values that belong to nobody are left out: to the function
    /// they would be one person.
    pub(super) fn upserts(&self, mix: &Mix, clients: u32, time: Duration) -> Result<(u64, f64)> {
        let known = psql(&self.database.url, &["-Atc", "SELECT last_value FROM person"])?;
        let [new, changed, bridging, blocked] = mix.shares();
        let script = |name: &str, weight: u64| format!("{}@{weight}", file(name).display());
        let output = Command::new(program("pgbench")?)
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=1"])
            .arg(format!("--client={clients}"))
            .arg(format!("--time={}", time.as_secs().max(1)))
            .arg(format!("--define=known={}", known.trim()))
            .arg(format!("--define=zipf={}", mix.zipf()))
            .args(["--file", &script("new.sql", new)])
            .args(["--file", &script("known.sql", changed + blocked)])
            .args(["--file", &script("bridge.sql", bridging)])
            .arg(&self.database.url)
            .stdin(Stdio::null())
            .output()
            .context("cannot start pgbench")?;
        let told = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "pgbench ended with {}: {errors}", output.status);
        let failed = "number of failed transactions: 0 ";
        ensure!(told.contains(failed), "calls of the function failed: {told}");
        let after = |name: &str| {
            let rest = told.lines().find_map(|line| line.strip_prefix(name))?;
            rest.split_whitespace().next()
        };
        let done = after("number of transactions actually processed:");
        let rate = after("tps =").context("pgbench told no rate")?.parse()?;
        Ok((done.context("pgbench told no number")?.parse()?, rate))
    }
}

fn file(name: &str) -> PathBuf {
    root().join("bench").join("peers").join("postgres").join(name)
}

/// Bytes that a database has on disk.
pub(super) fn size(url: &str) -> Result<u64> {
    let told = psql(url, &["-Atc", "SELECT pg_database_size(current_database())"])?;
    Ok(told.trim().parse()?)
}

/// Bytes that a database has on disk, and those of its server's write-ahead log.
pub(super) fn sizes(url: &str) -> Result<(u64, u64)> {
    let log = psql(url, &["-Atc", "SELECT sum(size) FROM pg_ls_waldir()"])?;
    Ok((size(url)?, log.trim().parse()?))
}

/// Runs statements; what they printed.
fn psql(url: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program("psql")?);
    command.args(["-qXv", "ON_ERROR_STOP=1"]).args(arguments).arg(url).stdin(Stdio::null());
    let output = command.output().context("cannot start psql")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "psql ended with {}: {errors}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}
