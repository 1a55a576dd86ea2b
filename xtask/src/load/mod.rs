//! `cargo xtask load`: upserts through a real server, and how fast they went.
//!
//! A closed loop: each connection sends its next request when the last one is answered. So it
//! finds out what the server can do, not how long people wait at a given rate of arrival, and a
//! stall of the server shows as one slow request per connection.

mod decisions;
pub(crate) mod people;
mod report;

use crate::client::Connection;
use crate::server::Server;
use crate::{cargo, succeed, target};
use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use people::People;
use report::{Reading, Report};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Keep-alive connections, each with one request under way
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How long to measure
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How long to send before measuring
    #[arg(long, default_value_t = 3)]
    warm_up: u64,
    /// Of a hundred requests, so many bring a new customer; the others change one that exists
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(0..=100))]
    new_percent: u64,
    /// Customers in the store before the warming up
    #[arg(long, default_value_t = 100_000)]
    preload: u64,
    /// Makes the same people and the same order of requests again
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also time merges of two customers with so many claims each, their undoing, and explanations,
    /// while the connections go on
    #[arg(long, value_name = "CLAIMS")]
    decisions: Option<u64>,
    /// An empty folder for the store; one in the system's temporary folder by default
    #[arg(long, conflicts_with = "store")]
    folder: Option<PathBuf>,
    /// Another store instead, such as an empty database at `postgres://…`
    #[arg(long)]
    store: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.connections > 0, "--connections must be at least 1");
    succeed(cargo().args(["build", "--release", "--locked", "--package", "kehub"]))?;
    let temporary = tempfile::tempdir()?;
    let folder = options.folder.as_deref().unwrap_or(temporary.path());
    let file = || format!("sqlite:{}", folder.join("kehub.db").display());
    let store = options.store.clone().unwrap_or_else(file);
    let server = Server::start(&target().join("release").join("kehub"), &store)?;
    // One thread: on a small machine the client competes with the server it measures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = LocalSet::new().block_on(&runtime, measure(options, &server))?;
    server.stop()?;
    println!("{report}");
    Ok(())
}

async fn measure(options: &Options, server: &Server) -> Result<Report> {
    let target = target_of(server).await?;
    let people = Rc::new(RefCell::new(People::new(options.seed, options.new_percent)));
    println!("preloading {} customers", options.preload);
    let preload = Phase { only_new: true, until: Until::Known(options.preload) };
    drive(options.connections, &target, &people, preload).await?;
    println!("warming up for {} s", options.warm_up);
    drive(options.connections, &target, &people, Phase::seconds(options.warm_up)).await?;

    println!("measuring for {} s", options.seconds);
    let before = Reading::take(server)?;
    let customers_before = people.borrow().known();
    let seen =
        drive(options.connections, &target, &people, Phase::seconds(options.seconds)).await?;
    let after = Reading::take(server)?;
    let customers_after = people.borrow().known();
    let decisions = match options.decisions {
        Some(claims) => {
            println!("merging customers of {claims} claims");
            Some(decisions::measure(options.connections, &target, &people, claims).await?)
        }
        None => None,
    };
    Ok(Report {
        decisions,
        connections: options.connections,
        customers_before,
        customers_after,
        before,
        after,
        seen,
    })
}

/// Where the requests go.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    address: SocketAddr,
    path: Rc<str>,
    token: Rc<str>,
}

pub(crate) async fn target_of(server: &Server) -> Result<Target> {
    let token = Connection::open(server.address()).await?.token().await?;
    let path = format!("/v1/customerandidentities?access_token={token}").into();
    Ok(Target { address: server.address(), path, token: token.into() })
}

/// A stretch of the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phase {
    only_new: bool,
    until: Until,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Time(Instant),
    Known(u64),
}

impl Phase {
    pub(crate) fn seconds(seconds: u64) -> Phase {
        Phase { only_new: false, until: Until::Time(Instant::now() + Duration::from_secs(seconds)) }
    }

    fn goes_on(&self, people: &People) -> bool {
        match self.until {
            Until::Time(end) => Instant::now() < end,
            Until::Known(count) => people.known() < count,
        }
    }
}

/// What the connections saw.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Microseconds from the first byte sent to the last byte read, of accepted requests.
    latency: Histogram<u64>,
    created: u64,
    updated: u64,
    /// Answered 503: the queue was full.
    turned_away: u64,
    took: Duration,
}

impl Seen {
    fn new() -> Result<Seen> {
        let latency = Histogram::new_with_bounds(1, 60_000_000, 3)?;
        Ok(Seen { latency, created: 0, updated: 0, turned_away: 0, took: Duration::ZERO })
    }

    /// Accepted upserts per second.
    pub(crate) fn per_second(&self) -> f64 {
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "far below 2^53")]
        let accepted = (self.created + self.updated) as f64;
        accepted / self.took.as_secs_f64()
    }

    fn add(&mut self, other: &Seen) -> Result<()> {
        self.latency.add(&other.latency)?;
        self.created += other.created;
        self.updated += other.updated;
        self.turned_away += other.turned_away;
        Ok(())
    }
}

pub(crate) async fn drive(
    connections: usize,
    target: &Target,
    people: &Rc<RefCell<People>>,
    phase: Phase,
) -> Result<Seen> {
    let start = Instant::now();
    let one = || tokio::task::spawn_local(send(target.clone(), people.clone(), phase));
    let tasks: Vec<_> = std::iter::repeat_with(one).take(connections).collect();
    let mut seen = Seen::new()?;
    for task in tasks {
        seen.add(&task.await??)?;
    }
    seen.took = start.elapsed();
    Ok(seen)
}

/// One connection: a request, its answer, the next request.
async fn send(target: Target, people: Rc<RefCell<People>>, phase: Phase) -> Result<Seen> {
    let mut connection = Connection::open(target.address).await?;
    let mut seen = Seen::new()?;
    while phase.goes_on(&people.borrow()) {
        let body = people.borrow_mut().next(phase.only_new).body();
        let start = Instant::now();
        let answer = connection.post(&target.path, &body).await?;
        let micros = u64::try_from(start.elapsed().as_micros())?;
        match answer.status {
            201 => seen.created += 1,
            // Errors of the wire are 200 as well, and say so first.
            200 if !answer.body.starts_with(b"{\"error") => seen.updated += 1,
            503 => {
                seen.turned_away += 1;
                continue;
            }
            status => {
                anyhow::bail!("answered {status}: {}", String::from_utf8_lossy(answer.body))
            }
        }
        seen.latency.record(micros.max(1))?;
    }
    Ok(seen)
}
