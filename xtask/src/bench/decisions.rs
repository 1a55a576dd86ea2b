//! What people decide, timed while upserts go on: merges of two customers with many claims, their
//! undoing, and explanations across such a merge.

use super::place::{Place, Work};
use crate::client::Connection;
use crate::load::{Seen, Source, drive, times};
use anyhow::{Context as _, Result, ensure};
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How many pairs of customers are merged, explained and parted.
const PAIRS: u64 = 10;
/// How often a merged pair is explained.
const EXPLANATIONS: u64 = 10;
/// The longest time for all of it.
const SECONDS_MAX: u64 = 120;

/// What came of it. Times in microseconds.
#[derive(Debug)]
pub(super) struct Decisions {
    pub(super) merge: Histogram<u64>,
    pub(super) undo: Histogram<u64>,
    pub(super) explain: Histogram<u64>,
    /// An explanation of two identities of somebody with a handful of claims.
    pub(super) explain_small: Histogram<u64>,
    /// The upserts meanwhile.
    pub(super) upserts: Seen,
}

/// Makes pairs of customers with so many claims each, then decides about them while so many connections
/// send upserts.
pub(super) async fn measure(place: &Place, connections: usize, claims: u64) -> Result<Decisions> {
    let mut connection = place.target.open().await?;
    let mut ids = Vec::new();
    for person in 0..PAIRS * 2 {
        ids.push(make(&mut connection, person, claims).await?);
    }
    let is_over = Rc::new(Cell::new(false));
    let background = {
        let source = place.source(Work::Upserts, Duration::from_secs(SECONDS_MAX));
        let (target, is_over) = (place.target.clone(), Rc::clone(&is_over));
        let source: Source =
            Rc::new(RefCell::new(
                move || {
                    if is_over.get() { None } else { (source.borrow_mut())() }
                },
            ));
        tokio::task::spawn_local(async move { drive(&target, connections, &source).await })
    };
    let mut decided = Decisions::new()?;
    for pair in ids.chunks_exact(2) {
        if let [one, other] = pair {
            decided.pair(&mut connection, *one, *other).await?;
        }
    }
    is_over.set(true);
    decided.upserts = background.await??;
    Ok(decided)
}

/// A customer with two identities and so many claims; its id.
pub(super) async fn make(connection: &mut Connection, person: u64, claims: u64) -> Result<u64> {
    let mut id = None;
    for claim in 0..claims {
        let body = format!(
            "{{\"customer\":{{\"remark\":\"{claim}\",\"attr\":{{\"visit\":{claim}}}}},\"identities\":[\
             {{\"type\":\"wechat\",\"value\":\"oDecide{person}\"}},\
             {{\"type\":\"app-device\",\"value\":\"device {person}.{}\"}}]}}",
            claim % 2
        );
        let answer = connection.post("/api/customers", &body).await?;
        ensure!(answer.status < 300, "answered {}", String::from_utf8_lossy(answer.body));
        id = id.or_else(|| id_in(answer.body));
    }
    id.context("no customer was made")
}

/// The customer's id in the answer to an upsert.
fn id_in(body: &[u8]) -> Option<u64> {
    let body = std::str::from_utf8(body).ok()?;
    number_after(body, "\"id\":")
}

fn number_after(body: &str, mark: &str) -> Option<u64> {
    let rest = body.split(mark).nth(1)?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

impl Decisions {
    pub(super) fn new() -> Result<Decisions> {
        let (merge, undo) = (times()?, times()?);
        let (explain, explain_small) = (times()?, times()?);
        Ok(Decisions { merge, undo, explain, explain_small, upserts: Seen::new()? })
    }

    /// Merges, explains and parts two customers.
    pub(super) async fn pair(
        &mut self,
        connection: &mut Connection,
        one: u64,
        other: u64,
    ) -> Result<()> {
        let body = format!("{{\"customerIds\":[{one},{other}]}}");
        let start = Instant::now();
        let answer = connection.post("/api/merges", &body).await?;
        record(&mut self.merge, start)?;
        let text = String::from_utf8_lossy(answer.body).into_owned();
        ensure!(answer.status == 201, "answered {text}");
        let merge = number_after(&text, "\"mergeId\":").context("no merge")?;
        for _ in 0..EXPLANATIONS {
            let path = format!("/api/explanations?fromCustomer={one}&toCustomer={other}");
            timed_get(connection, &path, &mut self.explain).await?;
            let small = "/api/explanations?fromType=member-id&fromValue=M0000000002\
                         &toCustomer=3";
            timed_get(connection, small, &mut self.explain_small).await?;
        }
        let start = Instant::now();
        let answer = connection.post(&format!("/api/merges/{merge}/undo"), "").await?;
        record(&mut self.undo, start)?;
        ensure!(answer.status == 200, "answered {}", String::from_utf8_lossy(answer.body));
        Ok(())
    }
}

async fn timed_get(
    connection: &mut Connection,
    path: &str,
    times: &mut Histogram<u64>,
) -> Result<()> {
    let start = Instant::now();
    let answer = connection.get(path).await?;
    ensure!(answer.status == 200, "{path}: {}", String::from_utf8_lossy(answer.body));
    record(times, start)
}

fn record(times: &mut Histogram<u64>, start: Instant) -> Result<()> {
    let micros = u64::try_from(start.elapsed().as_micros())?;
    Ok(times.record(micros.max(1))?)
}
