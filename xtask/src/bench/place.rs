//! A server that upserts are sent to, and who was sent there.

use super::report::Round;
use crate::load::people::{People, member};
use crate::load::usage::{Usage, family};
use crate::load::{Seen, Sent, Source, Target, closed, during};
use crate::server::Server;
use anyhow::{Context as _, Result, ensure};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Where a hub takes upserts as clients of DM Hub send them.
pub(super) const UPSERTS: &str = "/v1/customerandidentities";
const BATCHES: &str = "/api/customers/batch";
/// Rows of a batch.
pub(super) const BATCH_ROWS: u64 = 1000;
/// Batches under way: one is read while another one is applied.
const BATCH_CONNECTIONS: usize = 2;

/// What is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Single upserts.
    Upserts,
    /// Batches of [`BATCH_ROWS`].
    Batches,
    /// A customer by id.
    Gets,
    /// Who owns an identity.
    Identities,
    /// Of five requests, four gets by id and an upsert.
    Mixed,
}

/// A server, who was sent to it, and who works for it.
pub(super) struct Place {
    pub(super) server: Server,
    pub(super) target: Target,
    pub(super) people: Rc<RefCell<People>>,
    /// Customers of the beginning: those that are asked for.
    first: u64,
    /// Where it takes single upserts.
    upserts: &'static str,
    /// Another process that works for it with its children: its database.
    database: Option<u32>,
}

impl Place {
    /// A hub, whose database may be a server of its own.
    pub(super) fn hub(
        server: Server,
        people: &Rc<RefCell<People>>,
        database: Option<u32>,
    ) -> Result<Place> {
        let (target, people) = (Target::hub(server.address())?, Rc::clone(people));
        Ok(Place { server, target, people, first: 1, upserts: UPSERTS, database })
    }

    /// Another server that takes the same bodies, from anybody.
    pub(super) fn other(
        server: Server,
        people: People,
        upserts: &'static str,
        database: Option<u32>,
    ) -> Place {
        let target = Target { address: server.address(), token: None };
        Place { server, target, people: Rc::new(RefCell::new(people)), first: 1, upserts, database }
    }

    /// What the processes that do its work have used so far.
    fn usage(&self) -> Result<Usage> {
        let of_database = self.database.map(family).transpose()?.unwrap_or_default();
        Ok(Usage::of(&[vec![self.server.process()], of_database].concat()))
    }

    /// Sends newcomers until so many are known: in batches to a hub.
    pub(super) fn preload(&self, customers: u64, in_batches: bool) -> Result<()> {
        let people = Rc::clone(&self.people);
        let path = self.upserts;
        let source: Source = Rc::new(RefCell::new(move || {
            let mut people = people.borrow_mut();
            let rows = customers.saturating_sub(people.known());
            match (rows, in_batches) {
                (0, _) => None,
                (_, false) => Some(Sent::post(path, people.newcomer().body())),
                (_, true) => Some(batch(rows.min(BATCH_ROWS), || people.newcomer().row())),
            }
        }));
        let connections = if in_batches { BATCH_CONNECTIONS } else { 64 };
        closed(&self.target, connections, &source)?;
        Ok(())
    }

    /// What it answers to a look.
    pub(super) fn get(&self, path: &str) -> Result<String> {
        crate::load::alone(async {
            let mut connection = self.target.open().await?;
            let answer = connection.get(path).await?;
            let body = String::from_utf8_lossy(answer.body).into_owned();
            ensure!(answer.status == 200, "{path}: {body}");
            Ok(body)
        })
    }

    /// Looks whether all of them are there, who will be asked for.
    pub(super) fn begin_with(&mut self, customers: u64) -> Result<()> {
        let counted: u64 = self.get("/v1/customers/count")?.parse().context("no count")?;
        ensure!(counted == customers, "of {customers} customers {counted} are there");
        self.first = customers;
        Ok(())
    }

    /// Where requests of this kind come from, for so long.
    pub(super) fn source(&self, work: Work, time: Duration) -> Source {
        let people = Rc::clone(&self.people);
        let (path, first) = (self.upserts, self.first);
        let upsert = move |people: &mut People| Sent::post(path, people.next().body());
        let get = move |people: &mut People| {
            Sent::get(format!("/v1/customers/{}", people.chosen_of(first) + 1))
        };
        let mut turn = 0_u64;
        during(time, move || {
            let mut people = people.borrow_mut();
            turn += 1;
            match work {
                Work::Upserts => upsert(&mut people),
                Work::Batches => batch(BATCH_ROWS, || people.next().row()),
                Work::Identities => {
                    let value = member(people.chosen_of(first));
                    let path = "/v1/customeridentities?identityType=member-id&identityValue=";
                    Sent::get(format!("{path}{value}"))
                }
                Work::Mixed if turn.is_multiple_of(5) => upsert(&mut people),
                Work::Gets | Work::Mixed => get(&mut people),
            }
        })
    }

    /// As fast as it can, over so many connections; fewer where a request carries many rows.
    pub(super) fn run(
        &self,
        work: Work,
        connections: usize,
        time: Duration,
    ) -> Result<(Seen, Round)> {
        let connections = if work == Work::Batches { BATCH_CONNECTIONS } else { connections };
        let source = self.source(work, time);
        self.used(|| closed(&self.target, connections, &source))
    }

    /// What was seen of some work, and what it took of the machine.
    pub(super) fn used(&self, work: impl FnOnce() -> Result<Seen>) -> Result<(Seen, Round)> {
        let before = self.usage()?;
        let seen = work()?;
        let used = self.usage()? - before;
        let round = Round::new(seen.per_second(), seen.items, Some(used));
        Ok((seen, round))
    }
}

fn batch(rows: u64, mut row: impl FnMut() -> String) -> Sent {
    let rows: Vec<String> = (0..rows).map(|_| row()).collect();
    let items = u64::try_from(rows.len()).unwrap_or_default();
    Sent { items, ..Sent::post(BATCHES, format!("[{}]", rows.join(","))) }
}
