//! `cargo xtask bench`: Kehub on PostgreSQL beside a hand-written upsert function in the same server,
//! in turns, with the same people. Machines differ and are noisy: what counts is the ratio of two
//! figures of one run.

mod engine;
mod peer;
mod report;

use crate::load::people::People;
use crate::load::{Phase, drive, target_of};
use crate::postgres::{Durability, Postgres};
use crate::server::Server;
use crate::{cargo, succeed, target};
use anyhow::{Context as _, Result, ensure};
use engine::Engine;
use peer::{Database, Peer};
use report::{Report, Round};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Customers on each side before the measuring
    #[arg(long, default_value_t = 1_000_000)]
    customers: u64,
    /// How often each is measured, in turns
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How long each is measured in a round
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Upserts in a group of the engine in process
    #[arg(long, default_value_t = 256)]
    group: usize,
    /// Connections of the engine that write
    #[arg(long, default_value_t = 2)]
    writers: usize,
    /// Clients of the function
    #[arg(long, default_value_t = 8)]
    clients: u32,
    /// Connections over HTTP; 0 leaves the server out
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Of a hundred requests, so many bring a new customer; the others change one that exists
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(0..=100))]
    new_percent: u64,
    /// Makes the same people again
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A server of yours, where two databases are made and dropped: a superuser's address
    #[arg(long)]
    server: Option<String>,
}

/// What is measured is built for speed, so this task builds itself anew for it.
pub(crate) fn run(options: &Options) -> Result<()> {
    if cfg!(debug_assertions) {
        let arguments = std::env::args_os().skip(1);
        let mut command = cargo();
        command.args(["run", "--release", "--locked", "--quiet", "--package", "xtask", "--"]);
        return succeed(command.args(arguments));
    }
    ensure!(options.rounds > 0, "--rounds must be at least 1");
    if options.connections > 0 {
        succeed(cargo().args(["build", "--release", "--locked", "--package", "kehub"]))?;
    }
    if let Some(address) = &options.server {
        return measure_at(options, address);
    }
    let server = Postgres::start(Durability::Full)?;
    measure_at(options, server.url())
}

fn measure_at(options: &Options, server: &str) -> Result<()> {
    let peer = Peer::new(server)?;
    let hub = Database::new(server, "kehub_bench")?;
    println!("{}", measure(options, &hub, &peer)?);
    Ok(())
}

fn measure(options: &Options, hub: &Database, peer: &Peer) -> Result<Report> {
    let mut people = People::new(options.seed, options.new_percent);
    let engine = Engine::open(hub.url(), options.writers, options.group)?;
    println!("preloading {} customers into each", options.customers);
    engine.preload(&mut people, options.customers)?;
    hub.vacuum()?;
    peer.preload(options.customers)?;
    let binary = target().join("release").join("kehub");
    let server = (options.connections > 0).then(|| Server::start(&binary, hub.url()));
    let server = server.transpose()?;
    let mut rounds = Vec::new();
    for number in 1..=options.rounds {
        let time = Duration::from_secs(options.seconds);
        let function = peer.upserts_per_second(options)?;
        let engine = engine.upserts_per_second(&mut people, options.group, time)?;
        let mut http = None;
        if let Some(server) = &server {
            let rate;
            (people, rate) = over_http(options, server, people)?;
            http = Some(rate);
        }
        let round = Round { function, engine, http };
        println!("round {number}: {round}");
        rounds.push(round);
    }
    server.map_or(Ok(()), Server::stop)?;
    engine.close()?;
    Ok(Report { rounds })
}

/// Upserts per second through a real server.
fn over_http(options: &Options, server: &Server, people: People) -> Result<(People, f64)> {
    let people = Rc::new(RefCell::new(people));
    // One thread: on a small machine the client competes with the server it measures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let seen = LocalSet::new().block_on(&runtime, async {
        let target = target_of(server).await?;
        drive(options.connections, &target, &people, Phase::seconds(options.seconds)).await
    })?;
    let people = Rc::into_inner(people).map(RefCell::into_inner);
    Ok((people.context("a connection is still sending")?, seen.per_second()))
}
