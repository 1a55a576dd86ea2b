//! The hubs of a soak, and who kills them.

use crate::load::people::Chance;
use crate::postgres::Postgres;
use crate::server::Server;
use anyhow::{Context as _, Result, ensure};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a hub is tried to be started: its database may be away.
const START_SECONDS_MAX: u64 = 120;
/// Between two kills, and between a kill and the start that follows, in milliseconds.
const PAUSE_MILLIS_MAX: u64 = 3_000;
const AWAY_MILLIS_MAX: u64 = 2_000;
/// One of three times the database is away for longer than hubs wait for it.
const AWAY_LONG: Duration = Duration::from_secs(12);

/// Where the hubs are. One that was killed is listed until it is somewhere else, as behind a balancer
/// that knows nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses(Arc<Mutex<Vec<SocketAddr>>>);

impl Addresses {
    /// Any hub.
    pub(super) fn any(&self, chance: &mut Chance) -> SocketAddr {
        let all = self.all();
        let length = u64::try_from(all.len()).unwrap_or(1).max(1);
        let place = usize::try_from(chance.below(length)).unwrap_or_default();
        all.get(place).copied().unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    pub(super) fn all(&self) -> Vec<SocketAddr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, place: usize, address: SocketAddr) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(place) {
            Some(known) => *known = address,
            None => all.push(address),
        }
    }
}

/// Hubs on one store.
#[derive(Debug)]
pub(super) struct Hubs {
    binary: PathBuf,
    store: String,
    arguments: &'static [&'static str],
    log: PathBuf,
    servers: Vec<Server>,
    addresses: Addresses,
}

impl Hubs {
    /// Starts so many, which write what goes wrong into a file.
    pub(super) fn start(
        count: usize,
        binary: &Path,
        store: &str,
        arguments: &'static [&'static str],
        log: PathBuf,
    ) -> Result<Hubs> {
        let (servers, addresses) = (Vec::new(), Addresses::default());
        let (binary, store) = (binary.to_owned(), store.to_owned());
        let mut hubs = Hubs { binary, store, arguments, log, servers, addresses };
        for _ in 0..count {
            hubs.add()?;
        }
        Ok(hubs)
    }

    pub(super) fn addresses(&self) -> Addresses {
        self.addresses.clone()
    }

    /// Starts one more, in the last place.
    fn add(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let until = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        let server = loop {
            match Server::start_with(&self.binary, &self.store, self.arguments, Some(&log)) {
                Err(_) if Instant::now() < until => thread::sleep(Duration::from_millis(500)),
                started => break started.context("a hub does not start")?,
            }
        };
        self.addresses.set(self.servers.len(), server.address());
        self.servers.push(server);
        Ok(())
    }

    /// Kills the hub in a place.
    fn kill(&mut self, place: usize) -> Result<()> {
        self.servers.remove(place).kill()
    }

    /// Starts the hub in a place again.
    fn start_again(&mut self, place: usize) -> Result<()> {
        let behind = self.servers.split_off(place);
        let started = self.add();
        self.servers.extend(behind);
        started
    }

    /// Ends all of them properly.
    pub(super) fn stop(self) -> Result<()> {
        self.servers.into_iter().try_for_each(Server::stop)
    }

    /// What all of them had to say.
    pub(super) fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.log)?)
    }
}

/// What was killed how often.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kills {
    pub(super) hubs: u64,
    pub(super) databases: u64,
}

/// Kills hubs, and the database if it is ours, until a moment; then all of them run.
pub(super) fn kill_until(
    until: Instant,
    hubs: &mut Hubs,
    mut postgres: Option<&mut Postgres>,
    chance: &mut Chance,
) -> Result<Kills> {
    let mut kills = Kills::default();
    loop {
        thread::sleep(Duration::from_millis(500 + chance.below(PAUSE_MILLIS_MAX)));
        if Instant::now() >= until {
            return Ok(kills);
        }
        let away = Duration::from_millis(chance.below(AWAY_MILLIS_MAX));
        let count = hubs.servers.len();
        let one = usize::try_from(chance.below(u64::try_from(count)?))?;
        // One hub, all of them, the database, or everything.
        let (killed, database) = match (chance.below(10), postgres.as_deref_mut()) {
            (7 | 8, Some(postgres)) => (0..0, Some(postgres)),
            (9, postgres) => (0..count, postgres),
            (6, _) => (0..count, None),
            (_, _) => (one..one + 1, None),
        };
        kills.hubs += u64::try_from(killed.len())?;
        for place in killed.clone().rev() {
            hubs.kill(place)?;
        }
        if let Some(postgres) = database {
            let process = postgres.kill()?;
            kills.databases += 1;
            let is_long = chance.below(3) == 0;
            thread::sleep(if is_long { AWAY_LONG } else { away });
            postgres.start_again(process)?;
        } else {
            thread::sleep(away);
        }
        for place in killed {
            hubs.start_again(place)?;
        }
        ensure!(hubs.servers.len() == count, "a hub is missing");
    }
}
