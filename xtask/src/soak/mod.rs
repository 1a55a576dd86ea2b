//! `cargo xtask soak`: a long run of random writes of every kind, over HTTP and side by side, at one hub
//! or at several that are killed meanwhile. Afterwards `kehub check` must find nothing, and the feed of
//! changes must tell of every write what its sender was told.

mod feed;
mod hubs;
mod ledger;
mod writer;
mod writes;

use crate::client::Connection;
use crate::load::people::Chance;
use crate::postgres::{Durability, Postgres};
use crate::server::SECRET;
use crate::{cargo, succeed, target};
use anyhow::{Context as _, Result, ensure};
use feed::{Event, OWN};
use hubs::{Addresses, Hubs, Kills};
use ledger::{Agreement, Fate};
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::{LocalSet, spawn_local};
use writer::{Common, Tally, Until, Writer};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Writes in all
    #[arg(long, default_value_t = 20_000)]
    writes: u64,
    /// Write for so long instead
    #[arg(long, conflicts_with = "writes")]
    seconds: Option<u64>,
    /// Connections that write side by side
    #[arg(long, default_value_t = 16)]
    connections: u64,
    /// Makes the same writes again, though not in the same order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Hubs on one PostgreSQL, a server of our own unless --store names another one
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    hubs: u64,
    /// Kill hubs again and again, and the PostgreSQL if it is our own
    #[arg(long, requires = "seconds")]
    kill: bool,
    /// An empty folder for the store, which stays there; one in the system's temporary folder by default
    #[arg(long, conflicts_with = "store")]
    folder: Option<PathBuf>,
    /// Another store instead, such as an empty database at `postgres://…`
    #[arg(long)]
    store: Option<String>,
    /// Spread the tables over the Citus cluster that the store is the coordinator of
    #[arg(long, requires = "store")]
    distributed: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.connections > 0, "--connections must be at least 1");
    succeed(cargo().args(["build", "--release", "--locked", "--package", "kehub"]))?;
    let binary = target().join("release").join("kehub");
    let temporary = tempfile::tempdir()?;
    let folder = options.folder.as_deref().unwrap_or(temporary.path());
    let mut postgres = None;
    let store = match &options.store {
        Some(store) => store.clone(),
        None if options.hubs > 1 => {
            postgres.insert(Postgres::start(Durability::Full)?).url().to_owned()
        }
        None => format!("sqlite:{}", folder.join("kehub.db").display()),
    };
    let arguments: &[&str] = if options.distributed { &["--distributed"] } else { &[] };
    let log = temporary.path().join("log");
    let hubs = Hubs::start(usize::try_from(options.hubs)?, &binary, &store, arguments, log)?;
    let soaked = soak(options, hubs, &mut postgres, || check(&binary, &store))?;
    check(&binary, &store)?;
    print(&soaked);
    Ok(())
}

fn check(binary: &Path, store: &str) -> Result<()> {
    succeed(Command::new(binary).arg("check").env("KEHUB_STORE", store))
}

/// What a soak came to.
struct Soaked {
    common: Rc<Common>,
    kills: Kills,
    agreement: Agreement,
    events: usize,
    followed: usize,
    log_lines: usize,
}

/// Writes, kills, and compares; the hubs are looked at by `check` while they run, and end.
fn soak(
    options: &Options,
    mut hubs: Hubs,
    postgres: &mut Option<Postgres>,
    check: impl Fn() -> Result<()>,
) -> Result<Soaked> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    let addresses = hubs.addresses();
    let until = options.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let common = tasks.block_on(&runtime, common(options, addresses, until))?;
    let (kills, followed) = std::thread::scope(|scope| {
        let killing = until.filter(|_| options.kill).map(|until| {
            let (hubs, mut chance) = (&mut hubs, Chance::new(options.seed));
            let postgres = postgres.as_mut();
            scope.spawn(move || hubs::kill_until(until, hubs, postgres, &mut chance))
        });
        let followed = tasks.block_on(&runtime, write(options, &common));
        let kills = killing.map_or(Ok(Ok(Kills::default())), std::thread::ScopedJoinHandle::join);
        let kills = kills.ok().context("the killer failed")?;
        anyhow::Ok((kills?, followed?))
    })
    .with_context(|| log_end(&hubs))?;
    let compared = tasks.block_on(&runtime, compare(&common, &followed));
    let (agreement, events) = compared.with_context(|| log_end(&hubs))?;
    check()?;
    let log = hubs.log()?;
    hubs.stop()?;
    let token = &*common.token;
    for text in ["panicked", SECRET, token, "13800000", "13900000", OWN] {
        ensure!(!log.contains(text), "the hubs' log has something that it must not have: {log}");
    }
    let (followed, log_lines) = (followed.len(), log.lines().count());
    Ok(Soaked { common, kills, agreement, events, followed, log_lines })
}

/// The last lines that the hubs wrote, for who looks for the reason of a failure.
fn log_end(hubs: &Hubs) -> String {
    let log = hubs.log().unwrap_or_default();
    let mut lines: Vec<&str> = log.lines().rev().take(20).collect();
    lines.reverse();
    format!("the hubs said at last:\n{}", lines.join("\n"))
}

async fn common(
    options: &Options,
    addresses: Addresses,
    until: Option<Instant>,
) -> Result<Rc<Common>> {
    let first = addresses.any(&mut Chance::new(options.seed));
    let token = Connection::open(first).await?.token().await?.into();
    let until = until.map_or(Until::Writes(options.writes / options.connections), Until::Time);
    Ok(Rc::new(Common {
        addresses,
        token,
        until,
        may_lose: options.kill,
        known: RefCell::default(),
        ledger: RefCell::default(),
        tally: RefCell::default(),
    }))
}

/// Lets all connections write while the feed is followed; what was followed.
async fn write(options: &Options, common: &Rc<Common>) -> Result<Vec<Event>> {
    let stop = Rc::new(Cell::new(false));
    let following = {
        let (common, stop) = (Rc::clone(common), Rc::clone(&stop));
        let chance = Chance::new(options.seed);
        spawn_local(async move {
            feed::follow(common.addresses.clone(), &common.token, chance, &stop).await
        })
    };
    let one = |connection: u64| {
        let chance = Chance::new(options.seed ^ (connection << 32));
        spawn_local(Writer::new(common, connection, chance).run())
    };
    let writers: Vec<_> = (0..options.connections).map(one).collect();
    for writer in writers {
        writer.await??;
    }
    stop.set(true);
    following.await?
}

/// Whether all hubs tell of every write what its sender was told; and how many events there are.
async fn compare(common: &Rc<Common>, followed: &[Event]) -> Result<(Agreement, usize)> {
    let read = same_everywhere(common).await?;
    feed::agree(followed, &read)?;
    let agreement = common.ledger.borrow().compare(&read)?;
    // Those that were left are asked about now: their keys tell.
    let mut writer = Writer::new(common, u64::MAX >> 32, Chance::new(0));
    let open = common.ledger.borrow().open().to_vec();
    let before = read.last().map_or(0, |event| event.seq);
    let was_told =
        |mark, seq| read.iter().any(|event| event.mark == Some(mark) && event.seq == seq);
    for sent in open {
        let (status, answer) = writer.ask_again(&sent).await?;
        if status == 410 {
            continue;
        }
        let mut ledger = common.ledger.borrow_mut();
        ledger.answered(&sent, status, &answer)?;
        for mark in &sent.marks {
            if let Some(Fate::Applied(seq)) = ledger.fate(*mark) {
                let is_known = seq > before || was_told(*mark, seq);
                ensure!(is_known, "upsert {mark} was in no entry at first, and in {seq} now");
            }
        }
    }
    let read = same_everywhere(common).await?;
    common.ledger.borrow().compare(&read)?;
    Ok((agreement, read.len()))
}

/// The feed, which all hubs tell the same.
async fn same_everywhere(common: &Common) -> Result<Vec<Event>> {
    let mut known: Option<Vec<Event>> = None;
    for address in common.addresses.all() {
        let read = feed::read(address, &common.token).await?;
        ensure!(known.is_none_or(|known| known == read), "hubs tell different feeds");
        known = Some(read);
    }
    known.context("no hub")
}

fn print(soaked: &Soaked) {
    let tally = soaked.common.tally.borrow();
    let Tally { answers, retries, longest_outage, .. } = &*tally;
    for ((write, status), count) in answers {
        match status {
            0 => println!("{write:12} none {count:>7}"),
            status => println!("{write:12} {status} {count:>8}"),
        }
    }
    let Agreement { applied, not_applied, open_applied, open_not_applied, erased } =
        soaked.agreement;
    println!("upserts: {applied} applied ({erased} erased since), {not_applied} not applied");
    println!("left unanswered: {open_applied} were applied, {open_not_applied} were not");
    println!("sent again under the same key: {retries}");
    println!("events: {}, of which {} were followed", soaked.events, soaked.followed);
    println!("killed: hubs {}, databases {}", soaked.kills.hubs, soaked.kills.databases);
    println!("longest time without an answer: {} ms", longest_outage.as_millis());
    println!("lines in the logs of hubs: {}", soaked.log_lines);
}
