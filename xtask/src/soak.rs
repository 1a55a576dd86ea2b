//! `cargo xtask soak`: a long run of random writes of every kind, over HTTP and side by side, after
//! which `kehub check` must find nothing.

use crate::client::Connection;
use crate::load::people::Chance;
use crate::server::Server;
use crate::{cargo, succeed, target};
use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use std::cell::RefCell;
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
    #[arg(long, conflicts_with = "store")]
    folder: Option<PathBuf>,
    /// Another store instead, such as an empty database at `postgres://…`
    #[arg(long)]
    store: Option<String>,
}

/// Few values, so that requests overlap and bridge.
const VALUES: u64 = 400;
/// How many of the newest customers, merges and conflicts are written to: older ones tend to be gone.
const RECENT: u64 = 200;

/// The place of one of the newest of a list.
fn one_of_last(chance: &mut Chance, length: usize) -> usize {
    let back = usize::try_from(1 + chance.below(RECENT)).unwrap_or(usize::MAX);
    length.saturating_sub(back)
}

/// What the answers told so far.
#[derive(Default)]
struct Known {
    customers: u64,
    merges: u64,
    conflicts: u64,
    /// Undone merges, and claims that wait for a decision since.
    undecided: Vec<(u64, u64)>,
    /// Identities as they are sent, with the customers that had them.
    held: Vec<(u64, String)>,
}

impl Known {
    /// Learns from the answer to a write.
    fn learn(&mut self, answer: &Value) {
        let number = |pointer: &str| answer.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let created = number("/customer/id").max(number("/extractedId"));
        self.customers = self.customers.max(created);
        let list =
            |pointer| answer.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        let merge = number("/mergeId");
        let bridged = list("/resolution/mergedIds").count();
        self.merges = merge.max(self.merges + u64::try_from(bridged).unwrap_or(0));
        let opened = list("/resolution/conflicts").filter_map(|conflict| conflict["id"].as_u64());
        self.conflicts = opened.fold(self.conflicts, u64::max);
        self.undecided
            .extend(list("/undecidedClaims").filter_map(Value::as_u64).map(|it| (merge, it)));
        self.held.extend(list("/resolution/identities").filter_map(|identity| {
            let sent = json!({ "type": identity["type"], "value": identity["value"] });
            Some((identity["customerId"].as_u64()?, sent.to_string()))
        }));
        for item in list("/items") {
            self.learn(item);
        }
    }
}

/// One of the newest of so many.
fn recent(chance: &mut Chance, last: u64) -> u64 {
    last.saturating_sub(chance.below(RECENT)).max(1)
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.connections > 0, "--connections must be at least 1");
    succeed(cargo().args(["build", "--release", "--locked", "--package", "kehub"]))?;
    let binary = target().join("release").join("kehub");
    let temporary = tempfile::tempdir()?;
    let folder = options.folder.as_deref().unwrap_or(temporary.path());
    let file = || format!("sqlite:{}", folder.join("kehub.db").display());
    let store = options.store.clone().unwrap_or_else(file);
    let server = Server::start(&binary, &store)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answers = LocalSet::new().block_on(&runtime, write(options, server.address()))?;
    // Beside the running server first, then alone.
    let check = || succeed(Command::new(&binary).arg("check").env("KEHUB_STORE", &store));
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
    let known = Rc::new(RefCell::new(Known::default()));
    let one = |connection: u64| {
        let (token, known) = (Rc::clone(&token), Rc::clone(&known));
        let writes = options.writes / options.connections;
        let chance = Chance::new(options.seed ^ (connection << 32));
        tokio::task::spawn_local(async move { some(address, &token, &known, writes, chance).await })
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
    known: &RefCell<Known>,
    writes: u64,
    mut chance: Chance,
) -> Result<Answers> {
    let mut connection = Connection::open(address).await?;
    connection.sign(token);
    let mut answers = Answers::new();
    for _ in 0..writes {
        let (what, method, path, body) = any(&mut chance, &known.borrow());
        let answer = connection.send(method, &path, &body).await?;
        if answer.status >= 500 && answer.status != 503 || answer.status == 400 {
            bail!("{method} {path} {body}: {}", String::from_utf8_lossy(answer.body));
        }
        if answer.status < 300 && !answer.body.is_empty() {
            known.borrow_mut().learn(&serde_json::from_slice(answer.body)?);
        }
        *answers.entry((what, answer.status)).or_default() += 1;
    }
    Ok(answers)
}

/// Any write: its kind, method, path and body.
fn any(chance: &mut Chance, known: &Known) -> (&'static str, &'static str, String, String) {
    let id = recent(chance, known.customers);
    let pair = format!("{{\"customerIds\":[{id},{}]}}", recent(chance, known.customers));
    let (merge, conflict) = (recent(chance, known.merges), recent(chance, known.conflicts));
    match chance.below(100) {
        0..62 => ("upsert", "POST", "/api/customers".to_owned(), upsert(chance)),
        62..66 => {
            let rows: Vec<String> = (0..5).map(|_| upsert(chance)).collect();
            let path = chance.of(&["/api/customers/batch", "/api/customers/batch?atomic=1"]);
            ("batch", "POST", path.to_owned(), format!("[{}]", rows.join(",")))
        }
        66..68 => ("attach", "POST", format!("/api/customers/{id}/identities"), identity(chance)),
        68..70 => {
            let fields = "{\"customer\":{\"city\":\"Beijing\",\"unset\":[\"name\"]}}";
            ("patch", "PATCH", format!("/api/customers/{id}"), fields.to_owned())
        }
        70..75 => ("merge", "POST", "/api/merges".to_owned(), pair),
        75..81 => ("undo", "POST", format!("/api/merges/{merge}/undo"), String::new()),
        81..85 => {
            let place = one_of_last(chance, known.held.len());
            let (customer, identity) = known.held.get(place).cloned().unwrap_or_default();
            let identities = format!("{{\"identities\":[{identity}]}}");
            ("extract", "POST", format!("/api/customers/{customer}/extract"), identities)
        }
        85..88 => {
            let decisions = ["merge", "keepApart", "moveIdentity", "accept"];
            let decision = format!("{{\"decision\":\"{}\"}}", chance.of(&decisions));
            ("resolve", "POST", format!("/api/conflicts/{conflict}/resolve"), decision)
        }
        88..91 => {
            let place = one_of_last(chance, known.undecided.len());
            let (merge, claim) = known.undecided.get(place).copied().unwrap_or((1, 1));
            let path = format!("/api/undecided-claims/{merge}/{claim}/decide");
            ("decide", "POST", path, format!("{{\"customerId\":{id}}}"))
        }
        91..93 => ("link", "POST", "/api/cannot-links".to_owned(), pair),
        93 => ("erase", "POST", format!("/api/customers/{id}/erase"), String::new()),
        94..96 => ("delete", "DELETE", format!("/v1/customers/{id}"), String::new()),
        96..98 => ("restore", "POST", format!("/api/customers/{id}/restore"), String::new()),
        98 => {
            let number = 1 + chance.below(VALUES);
            ("release", "POST", format!("/api/quarantine/{number}/release"), String::new())
        }
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

/// One to three identities.
fn identities(chance: &mut Chance) -> String {
    let count = 1 + chance.below(3);
    let items: Vec<String> = (0..count).map(|_| identity(chance)).collect();
    format!("[{}]", items.join(","))
}

/// An account, unionid, openid, mobile or device, or a blocked value.
fn identity(chance: &mut Chance) -> String {
    let kinds = ["member-id", "wechat-unionid", "wechat", "wechat", "mobile", "cookie"];
    let kind = chance.of(&kinds);
    let value = chance.below(VALUES);
    let value = match (kind, chance.below(100)) {
        (_, 0) => "null".to_owned(),
        ("mobile", _) => format!("139{value:08}"),
        (_, _) => format!("v{value}"),
    };
    format!("{{\"type\":\"{kind}\",\"value\":\"{value}\"}}")
}
