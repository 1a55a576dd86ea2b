//! `cargo xtask bench peers`: contenders that take turns, with the same people.

use super::engine::Engine;
use super::peer::{Database, Peer};
use super::place::{Place, Work};
use super::report::{Contest, Line, Origin, Round, keep};
use super::{build, file_in, pocketbase, service, start};
use crate::load::people::{Mix, People};
use crate::load::usage::{Usage, family};
use crate::postgres::{Durability, Postgres};
use crate::server::Server;
use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;
use std::cell::RefCell;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;
use tempfile::TempDir;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Customers at each place before the measuring
    #[arg(long, default_value_t = 1_000_000)]
    customers: u64,
    /// Customers in PocketBase, which takes its time to make them
    #[arg(long, default_value_t = 20_000)]
    pocketbase_customers: u64,
    /// How often each is measured, in turns
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How long each is measured in a round
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Only these contenders, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<Name>,
    /// Upserts in a group of the engine in process
    #[arg(long, default_value_t = 256)]
    group: usize,
    /// Connections of the engine that write
    #[arg(long, default_value_t = 2)]
    writers: usize,
    /// Clients of the function
    #[arg(long, default_value_t = 8)]
    clients: u32,
    /// Connections over HTTP
    #[arg(long, default_value_t = 64)]
    connections: usize,
    #[command(flatten)]
    mix: Mix,
    /// A PostgreSQL server of yours, where two databases are made and dropped: a superuser's address
    #[arg(long)]
    server: Option<String>,
    /// A folder for the figures as JSON and for the picture
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Single upserts over HTTP, on SQLite
    Sqlite,
    /// Batches of a thousand over HTTP
    SqliteBatch,
    /// Customers by id over HTTP
    SqliteGet,
    /// Owners of identities over HTTP
    SqliteIdentity,
    /// Single upserts over HTTP, on PostgreSQL
    Postgres,
    /// Batches of a thousand over HTTP
    PostgresBatch,
    /// Groups of upserts in one process
    PostgresEngine,
    /// Customers by id over HTTP
    PostgresGet,
    /// Owners of identities over HTTP
    PostgresIdentity,
    /// The hand-written function, called by pgbench
    Function,
    /// The same function behind an HTTP service
    Service,
    /// PocketBase with a hook
    Pocketbase,
    /// Single upserts over HTTP to a hub whose storage costs nothing
    Ceiling,
    /// Customers by id from such a hub
    CeilingGet,
    /// Owners of identities from such a hub
    CeilingIdentity,
}

impl Name {
    const SQLITE: [Name; 4] =
        [Name::Sqlite, Name::SqliteBatch, Name::SqliteGet, Name::SqliteIdentity];
    const POSTGRES: [Name; 5] = [
        Name::Postgres,
        Name::PostgresBatch,
        Name::PostgresEngine,
        Name::PostgresGet,
        Name::PostgresIdentity,
    ];
    const FUNCTION: [Name; 2] = [Name::Function, Name::Service];
    const CEILING: [Name; 3] = [Name::Ceiling, Name::CeilingGet, Name::CeilingIdentity];

    fn told(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

pub(super) fn run(options: &Options) -> Result<()> {
    ensure!(options.rounds > 0, "--rounds must be at least 1");
    build()?;
    let site = Site::make(options)?;
    let all = Name::value_variants().iter().copied();
    let names: Vec<Name> = all.filter(|name| options.takes(*name)).collect();
    let line = |name: &Name| Line { name: name.told(), rounds: Vec::new() };
    let mut lines: Vec<Line> = names.iter().map(line).collect();
    for number in 1..=options.rounds {
        for (name, line) in names.iter().zip(&mut lines) {
            let round = site.measure(*name, options)?;
            println!("round {number}: {} {:.0}/s", line.name, round.per_second);
            line.rounds.push(round);
        }
    }
    site.end()?;
    let against = [Name::Function, Name::Pocketbase, Name::Ceiling].map(Name::told).to_vec();
    let contest = Contest { lines, against };
    let origin = Origin::told();
    println!("\n{origin}\n{contest}");
    if let Some(folder) = &options.out {
        keep(folder, "peers", &origin, &contest.lines)?;
        contest.draw(&folder.join("peers.svg"))?;
    }
    Ok(())
}

impl Options {
    fn takes(&self, name: Name) -> bool {
        self.only.is_empty() || self.only.contains(&name)
    }

    fn takes_any(&self, names: &[Name]) -> bool {
        names.iter().any(|name| self.takes(*name))
    }

    fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// Everything that is needed for the contenders of a run. What comes first ends first.
struct Site {
    sqlite: Option<Place>,
    postgres: Option<Place>,
    engine: Option<Engine>,
    service: Option<Place>,
    pocketbase: Option<Place>,
    ceiling: Option<Place>,
    peer: Option<Peer>,
    _hub_database: Option<Database>,
    /// The server of the databases, if it is our own.
    server: Option<Postgres>,
    /// What those keep who keep files.
    _folder: TempDir,
}

impl Site {
    fn make(options: &Options) -> Result<Site> {
        let folder = tempfile::tempdir()?;
        let sqlite = options.takes_any(&Name::SQLITE).then(|| sqlite(options, &folder));
        let sqlite = sqlite.transpose()?;
        let (with_hub, with_peer) =
            (options.takes_any(&Name::POSTGRES), options.takes_any(&Name::FUNCTION));
        let own = ((with_hub || with_peer) && options.server.is_none())
            .then(|| Postgres::start(Durability::Full));
        let server = own.transpose()?;
        let url = options.server.as_deref().or(server.as_ref().map(Postgres::url));
        let url = url.unwrap_or_default();
        let process = server.as_ref().and_then(Postgres::process);
        let hub_database = with_hub.then(|| Database::new(url, "kehub_bench")).transpose()?;
        let on_postgres =
            hub_database.as_ref().map(|database| postgres(options, database, process));
        let (engine, postgres) = on_postgres.transpose()?.unzip();
        let peer = with_peer.then(|| peer(options, url)).transpose()?;
        let behind_http = peer.as_ref().filter(|_| options.takes(Name::Service));
        let service = behind_http.map(|peer| service_of(options, peer, process)).transpose()?;
        let pocketbase = options.takes(Name::Pocketbase).then(|| pocketbase(options, &folder));
        let ceiling = options.takes_any(&Name::CEILING).then(|| ceiling(options));
        Ok(Site {
            sqlite,
            postgres,
            engine,
            service,
            pocketbase: pocketbase.transpose()?,
            ceiling: ceiling.transpose()?,
            peer,
            _hub_database: hub_database,
            server,
            _folder: folder,
        })
    }

    fn measure(&self, name: Name, options: &Options) -> Result<Round> {
        let (place, work) = match name {
            Name::PostgresEngine => return self.engine(options),
            Name::Function => return self.function(options),
            Name::Sqlite => (&self.sqlite, Work::Upserts),
            Name::SqliteBatch => (&self.sqlite, Work::Batches),
            Name::SqliteGet => (&self.sqlite, Work::Gets),
            Name::SqliteIdentity => (&self.sqlite, Work::Identities),
            Name::Postgres => (&self.postgres, Work::Upserts),
            Name::PostgresBatch => (&self.postgres, Work::Batches),
            Name::PostgresGet => (&self.postgres, Work::Gets),
            Name::PostgresIdentity => (&self.postgres, Work::Identities),
            Name::Service => (&self.service, Work::Upserts),
            Name::Pocketbase => (&self.pocketbase, Work::Upserts),
            Name::Ceiling => (&self.ceiling, Work::Upserts),
            Name::CeilingGet => (&self.ceiling, Work::Gets),
            Name::CeilingIdentity => (&self.ceiling, Work::Identities),
        };
        let place = place.as_ref().context("a contender has no place")?;
        Ok(place.run(work, options.connections, options.time())?.1)
    }

    fn engine(&self, options: &Options) -> Result<Round> {
        let (Some(engine), Some(place)) = (&self.engine, &self.postgres) else {
            bail!("the engine was not opened");
        };
        let mut people = place.people.borrow_mut();
        self.timed(|| engine.upserts(&mut people, options.group, options.time()))
    }

    fn function(&self, options: &Options) -> Result<Round> {
        let peer = self.peer.as_ref().context("the function was not made")?;
        self.timed(|| peer.upserts(&options.mix, options.clients, options.time()))
    }

    /// What this process, or one that it waits for, does in the database.
    fn timed(&self, work: impl FnOnce() -> Result<(u64, f64)>) -> Result<Round> {
        let process = self.server.as_ref().and_then(Postgres::process);
        let used = || process.map(|it| Ok(Usage::of(&family(it)?))).transpose();
        let before: Result<Option<Usage>> = used();
        let before = before?;
        let (count, per_second) = work()?;
        let used = used()?.zip(before).map(|(after, before)| after - before);
        Ok(Round::new(per_second, count, used))
    }

    /// Ends those who might complain.
    fn end(self) -> Result<()> {
        for place in [self.sqlite, self.postgres].into_iter().flatten() {
            place.server.stop()?;
        }
        self.engine.map_or(Ok(()), Engine::close)
    }
}

fn sqlite(options: &Options, folder: &TempDir) -> Result<Place> {
    println!("making {} customers on SQLite", options.customers);
    let server = start(&file_in(folder.path()))?;
    let people = Rc::new(RefCell::new(People::new(options.mix)));
    let mut place = Place::hub(server, &people, None)?;
    place.preload(options.customers, true)?;
    place.begin_with(options.customers)?;
    Ok(place)
}

/// The engine in this process, and a hub on the same database.
fn postgres(
    options: &Options,
    database: &Database,
    process: Option<u32>,
) -> Result<(Engine, Place)> {
    println!("making {} customers on PostgreSQL", options.customers);
    let mut people = People::new(options.mix);
    let engine = Engine::open(database.url(), options.writers, options.group)?;
    engine.preload(&mut people, options.customers)?;
    database.vacuum()?;
    let mut place = Place::hub(start(database.url())?, &Rc::new(RefCell::new(people)), process)?;
    place.begin_with(options.customers)?;
    Ok((engine, place))
}

fn peer(options: &Options, url: &str) -> Result<Peer> {
    println!("making {} customers with the function", options.customers);
    let peer = Peer::new(url)?;
    peer.preload(options.customers)?;
    Ok(peer)
}

fn service_of(options: &Options, peer: &Peer, process: Option<u32>) -> Result<Place> {
    let mut command = own_task("service")?;
    command.env(service::DATABASE, peer.url());
    let people = People::apart(options.mix, options.customers);
    Ok(Place::other(Server::launch(command, "/ready")?, people, service::UPSERTS, process))
}

fn pocketbase(options: &Options, folder: &TempDir) -> Result<Place> {
    println!("making {} customers in PocketBase", options.pocketbase_customers);
    let server = pocketbase::start(folder.path())?;
    let place = Place::other(server, People::new(options.mix), pocketbase::UPSERTS, None);
    place.preload(options.pocketbase_customers, false)?;
    Ok(place)
}

fn ceiling(options: &Options) -> Result<Place> {
    let server = Server::launch(own_task("ceiling")?, "/readyz")?;
    // It keeps one customer, who is always asked for.
    let people = Rc::new(RefCell::new(People::apart(options.mix, 1)));
    Place::hub(server, &people, None)
}

/// A process of this very program.
fn own_task(name: &str) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", name]);
    Ok(command)
}
