//! `cargo xtask soak`: a long run of random writes of every kind, over HTTP and side by side, after
//! which `kehub check` must find nothing.

use crate::client::Connection;
use crate::load::people::Chance;
use crate::server::Server;
use crate::{cargo, succeed, target};
use anyhow::{Result, bail, ensure};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use tokio::task::LocalSet;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Writes in all
    #[arg(long, default_value_t = 20_000)]
    writes: u64,
    /// Connections that write side by side
    #[arg(long, default_value_t = 16)]
    connections: u64,
    /// Makes the same writes again, though not in the same order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// An empty folder for the store, which stays there; one in the system's temporary folder by default
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// Few values, so that requests overlap and bridge.
const VALUES: u64 = 400;
/// Customers, merges, conflicts and claims that may be there by now: what is not is refused.
const KNOWN: u64 = 600;

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.connections > 0, "--connections must be at least 1");
    succeed(cargo().args(["build", "--release", "--locked", "--package", "kehub"]))?;
    let binary = target().join("release").join("kehub");
    let temporary = tempfile::tempdir()?;
    let store = options.folder.as_deref().unwrap_or(temporary.path()).join("kehub.db");
    let server = Server::start(&binary, &store)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answers = LocalSet::new().block_on(&runtime, write(options, server.address()))?;
    // Beside the running server first, then alone.
    let check = || {
        let store = format!("sqlite:{}", store.display());
        succeed(Command::new(&binary).args(["--store", &store, "check"]))
    };
    check()?;
    server.stop()?;
    check()?;
    for ((write, status), count) in answers {
        println!("{write:12} {status} {count:>8}");
    }
    Ok(())
}

/// How many writes of a kind were answered with a status.
type Answers = BTreeMap<(&'static str, u16), u64>;

async fn write(options: &Options, address: SocketAddr) -> Result<Answers> {
    let token: Rc<str> = Connection::open(address).await?.token().await?.into();
    let one = |connection: u64| {
        let token = Rc::clone(&token);
        let writes = options.writes / options.connections;
        let chance = Chance::new(options.seed ^ (connection << 32));
        tokio::task::spawn_local(async move { some(address, &token, writes, chance).await })
    };
    let tasks: Vec<_> = (0..options.connections).map(one).collect();
    let mut all = Answers::new();
    for task in tasks {
        for (what, count) in task.await?? {
            *all.entry(what).or_default() += count;
        }
    }
    Ok(all)
}

async fn some(
    address: SocketAddr,
    token: &str,
    writes: u64,
    mut chance: Chance,
) -> Result<Answers> {
    let mut connection = Connection::open(address).await?;
    connection.sign(token);
    let mut answers = Answers::new();
    for _ in 0..writes {
        let (what, method, path, body) = any(&mut chance);
        let answer = connection.send(method, &path, &body).await?;
        if answer.status >= 500 && answer.status != 503 || answer.status == 400 {
            bail!("{method} {path} {body}: {}", String::from_utf8_lossy(answer.body));
        }
        *answers.entry((what, answer.status)).or_default() += 1;
    }
    Ok(answers)
}

/// Any write: its kind, method, path and body.
fn any(chance: &mut Chance) -> (&'static str, &'static str, String, String) {
    let id = 1 + chance.below(KNOWN);
    let pair = format!("{{\"customerIds\":[{id},{}]}}", 1 + chance.below(KNOWN));
    match chance.below(100) {
        0..70 => ("upsert", "POST", "/api/customers".to_owned(), upsert(chance)),
        70..75 => ("merge", "POST", "/api/merges".to_owned(), pair),
        75..81 => ("undo", "POST", format!("/api/merges/{id}/undo"), String::new()),
        81..85 => {
            let identities = format!("{{\"identities\":{}}}", identities(chance));
            ("extract", "POST", format!("/api/customers/{id}/extract"), identities)
        }
        85..88 => {
            let decisions = ["merge", "keepApart", "moveIdentity", "accept"];
            let decision = format!("{{\"decision\":\"{}\"}}", chance.of(&decisions));
            ("resolve", "POST", format!("/api/conflicts/{id}/resolve"), decision)
        }
        88..91 => {
            let claim = 1 + chance.below(KNOWN * 20);
            let path = format!("/api/undecided-claims/{id}/{claim}/decide");
            ("decide", "POST", path, format!("{{\"customerId\":{id}}}"))
        }
        91..93 => ("link", "POST", "/api/cannot-links".to_owned(), pair),
        93 => ("erase", "POST", format!("/api/customers/{id}/erase"), String::new()),
        94..96 => ("delete", "DELETE", format!("/v1/customers/{id}"), String::new()),
        96..98 => ("restore", "POST", format!("/api/customers/{id}/restore"), String::new()),
        98 => ("release", "POST", format!("/api/quarantine/{id}/release"), String::new()),
        _ => {
            let presets = ["{\"preset\":\"compat\"}", "{\"preset\":\"guarded\"}"];
            ("policy", "PATCH", "/api/policy".to_owned(), chance.of(&presets).to_owned())
        }
    }
}

fn upsert(chance: &mut Chance) -> String {
    let name = chance.of(&["Wang", "Li", "Zhang", "null"]);
    let mobile = chance.below(VALUES);
    let choice = chance.of(&["merge", "keep", "reject"]);
    format!(
        "{{\"customer\":{{\"name\":\"{name}\",\"mobile\":\"138{mobile:08}\",\"attr\":{{\"n\":{}}}}},\
         \"identities\":{},\"onConflict\":\"{choice}\"}}",
        chance.below(9),
        identities(chance)
    )
}

/// One to three identities: accounts, unionids, openids, mobiles, devices, and blocked values.
fn identities(chance: &mut Chance) -> String {
    let count = 1 + chance.below(3);
    let items: Vec<String> = (0..count)
        .map(|_| {
            let kinds = ["member-id", "wechat-unionid", "wechat", "wechat", "mobile", "cookie"];
            let kind = chance.of(&kinds);
            let value = chance.below(VALUES);
            let value = match (kind, chance.below(100)) {
                (_, 0) => "null".to_owned(),
                ("mobile", _) => format!("139{value:08}"),
                (_, _) => format!("v{value}"),
            };
            format!("{{\"type\":\"{kind}\",\"value\":\"{value}\"}}")
        })
        .collect();
    format!("[{}]", items.join(","))
}
