//! A hub with customers, on either engine.

use super::peer::Database;
use super::place::Place;
use super::{FILE, build, file_in, start};
use crate::load::people::{Mix, People};
use crate::postgres::{Durability, Postgres};
use anyhow::Result;
use clap::ValueEnum;
use std::cell::RefCell;
use std::fs::File;
use std::path::Path;
use std::rc::Rc;
use tempfile::TempDir;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// Its name, as the command line takes it.
    pub(super) fn told(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// What a hub is asked to be.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    /// What it keeps customers in
    #[arg(long, value_enum, default_value_t = Engine::Sqlite)]
    pub(super) engine: Engine,
    /// Customers before the measuring
    #[arg(long, default_value_t = 1_000_000)]
    pub(super) customers: u64,
    #[command(flatten)]
    mix: Mix,
}

/// A hub, what it keeps customers in, and those who are there. Its parts end in this order.
pub(super) struct Filled {
    pub(super) place: Place,
    /// The store, as the command line names it.
    pub(super) store: String,
    pub(super) database: Option<Database>,
    pub(super) _server: Option<Postgres>,
    /// Where its files are, if it keeps customers in files.
    pub(super) folder: TempDir,
}

impl Filled {
    /// Builds a hub, starts it on an empty store, and makes its customers.
    pub(super) fn new(asked: &Asked) -> Result<Filled> {
        let Asked { engine, customers, mix } = *asked;
        build()?;
        let folder = tempfile::tempdir()?;
        let server = (engine == Engine::Postgres).then(|| Postgres::start(Durability::Full));
        let server = server.transpose()?;
        let database = server.as_ref().map(|server| Database::new(server.url(), "kehub_bench"));
        let database = database.transpose()?;
        let store = database
            .as_ref()
            .map_or_else(|| file_in(folder.path()), |database| database.url().to_owned());
        let people = Rc::new(RefCell::new(People::new(mix)));
        let hub = start(&store)?;
        let mut place = Place::hub(hub, &people, server.as_ref().and_then(Postgres::process))?;
        println!("making {customers} customers");
        place.preload(customers, true)?;
        place.begin_with(customers)?;
        match &database {
            Some(database) => database.vacuum()?,
            None => read_once(&folder.path().join(FILE))?,
        }
        Ok(Filled { place, store, database, _server: server, folder })
    }
}

/// Reads a file, so that what is measured does not depend on how much of it others have driven out of memory
/// while it was filled: that takes minutes, and some machines give back early what seems unused.
fn read_once(path: &Path) -> Result<()> {
    std::io::copy(&mut File::open(path)?, &mut std::io::sink())?;
    Ok(())
}
