//! Made-up load: who is sent, how requests are sent, and what was seen of the answers.
//!
//! In a closed loop, each connection sends its next request when the last one is answered. That finds
//! out what a server can do. In an open one, requests are due at a steady rate, whatever becomes of those
//! before, and the time of each runs from when it was due: so a stall is seen by all who would have
//! met it.

pub(crate) mod people;
pub(crate) mod usage;

use crate::client::{Answer, Connection};
use anyhow::{Result, bail};
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;

/// Where requests go.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// Shown with every request, where there is one.
    pub(crate) token: Option<Rc<str>>,
}

impl Target {
    /// A hub, with a token of its own app.
    pub(crate) fn hub(address: SocketAddr) -> Result<Target> {
        let token = alone(async { Connection::open(address).await?.token().await })?;
        Ok(Target { address, token: Some(token.into()) })
    }

    /// A connection to it.
    pub(crate) async fn open(&self) -> Result<Connection> {
        let mut connection = Connection::open(self.address).await?;
        if let Some(token) = &self.token {
            connection.sign(token);
        }
        Ok(connection)
    }
}

/// A request.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) path: String,
    /// Posted if there is one.
    pub(crate) body: Option<String>,
    /// How many rows it carries, or 1.
    pub(crate) items: u64,
}

impl Sent {
    pub(crate) fn get(path: String) -> Sent {
        Sent { path, body: None, items: 1 }
    }

    pub(crate) fn post(path: &str, body: String) -> Sent {
        Sent { path: path.to_owned(), body: Some(body), items: 1 }
    }
}

/// Says what comes next; `None` at the end.
pub(crate) type Source = Rc<RefCell<dyn FnMut() -> Option<Sent>>>;

/// A source of what `next` makes, for so long.
pub(crate) fn during(time: Duration, mut next: impl FnMut() -> Sent + 'static) -> Source {
    let end = Instant::now() + time;
    Rc::new(RefCell::new(move || (Instant::now() < end).then(&mut next)))
}

/// No times yet, of microseconds up to a minute.
pub(crate) fn times() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 60_000_000, 3)?)
}

/// What was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Microseconds until the last byte of an answer, of accepted requests.
    pub(crate) latency: Histogram<u64>,
    /// Items of accepted requests.
    pub(crate) items: u64,
    /// Answered 503: the queue was full.
    pub(crate) turned_away: u64,
    pub(crate) took: Duration,
    /// When each request was due, in whole seconds from the beginning, and how many microseconds it took:
    /// of an open loop only.
    pub(crate) course: Vec<(u32, u32)>,
}

impl Seen {
    pub(crate) fn new() -> Result<Seen> {
        let (items, turned_away, took) = (0, 0, Duration::ZERO);
        Ok(Seen { latency: times()?, items, turned_away, took, course: Vec::new() })
    }

    /// Accepted items per second.
    pub(crate) fn per_second(&self) -> f64 {
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "far below 2^53")]
        let items = self.items as f64;
        items / self.took.as_secs_f64()
    }

    fn add(&mut self, other: Seen) -> Result<()> {
        self.latency.add(&other.latency)?;
        self.items += other.items;
        self.turned_away += other.turned_away;
        self.course.extend(other.course);
        Ok(())
    }

    /// Takes an answer into account; `since` is when its time began.
    fn take(&mut self, answer: &Answer<'_>, items: u64, since: Instant) -> Result<u64> {
        let micros = u64::try_from(since.elapsed().as_micros())?.max(1);
        match answer.status {
            // Errors of v1 are 200 as well, and say so first; rows of a batch have results of their own.
            200 | 201 if !answer.body.starts_with(b"{\"error") => {
                let counts = answer.body.rsplit(|byte| *byte == b'{').next().unwrap_or_default();
                if items > 1 && !counts.starts_with(format!("\"accepted\":{items},").as_bytes()) {
                    bail!("of {items} rows came {}", String::from_utf8_lossy(counts));
                }
                self.items += items;
                self.latency.record(micros)?;
            }
            503 => self.turned_away += 1,
            status => bail!("answered {status}: {}", String::from_utf8_lossy(answer.body)),
        }
        Ok(micros)
    }
}

pub(crate) async fn exchange<'c>(
    connection: &'c mut Connection,
    sent: &Sent,
) -> Result<Answer<'c>> {
    match &sent.body {
        None => connection.get(&sent.path).await,
        Some(body) => connection.post(&sent.path, body).await,
    }
}

/// Sends what a source says over so many connections, each of which waits for its answer.
pub(crate) fn closed(target: &Target, connections: usize, source: &Source) -> Result<Seen> {
    alone(drive(target, connections, source))
}

/// The same, beside other work of this thread.
pub(crate) async fn drive(target: &Target, connections: usize, source: &Source) -> Result<Seen> {
    together(connections, |_| {
        let (target, source) = (target.clone(), Rc::clone(source));
        async move {
            let mut connection = target.open().await?;
            let mut seen = Seen::new()?;
            loop {
                let next = (source.borrow_mut())();
                let Some(sent) = next else { return Ok(seen) };
                let start = Instant::now();
                let answer = exchange(&mut connection, &sent).await?;
                seen.take(&answer, sent.items, start)?;
            }
        }
    })
    .await
}

/// Sends so many requests a second, due at equal distances, until the source ends: over so many
/// connections at most.
pub(crate) fn open(
    target: &Target,
    connections: usize,
    per_second: f64,
    source: &Source,
) -> Result<Seen> {
    alone(steady(target, connections, per_second, source))
}

/// The same, beside other work of this thread.
pub(crate) async fn steady(
    target: &Target,
    connections: usize,
    per_second: f64,
    source: &Source,
) -> Result<Seen> {
    let distance = Duration::from_secs_f64(1.0 / per_second.max(1.0));
    let (next, start) = (Rc::new(Cell::new(0_u32)), Instant::now());
    together(connections, |_| {
        let (target, source, next) = (target.clone(), Rc::clone(source), Rc::clone(&next));
        async move {
            let mut connection = target.open().await?;
            let mut seen = Seen::new()?;
            loop {
                let due = start + distance * next.get();
                next.set(next.get() + 1);
                tokio::time::sleep_until(due.into()).await;
                let sent = (source.borrow_mut())();
                let Some(sent) = sent else { return Ok(seen) };
                let answer = exchange(&mut connection, &sent).await?;
                let micros = seen.take(&answer, sent.items, due)?;
                let second = u32::try_from(due.duration_since(start).as_secs())?;
                seen.course.push((second, u32::try_from(micros).unwrap_or(u32::MAX)));
            }
        }
    })
    .await
}

async fn together<F>(connections: usize, one: impl Fn(usize) -> F) -> Result<Seen>
where
    F: Future<Output = Result<Seen>> + 'static,
{
    let start = Instant::now();
    let tasks: Vec<_> =
        (0..connections).map(|number| tokio::task::spawn_local(one(number))).collect();
    let mut seen = Seen::new()?;
    for task in tasks {
        seen.add(task.await??)?;
    }
    seen.took = start.elapsed();
    Ok(seen)
}

/// Runs on this thread alone: on a small machine the client competes with the server it measures.
pub(crate) fn alone<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, work)
}

#[cfg(test)]
mod tests {
    use super::{Seen, Sent, Source, Target, closed, open};
    use std::cell::RefCell;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{SocketAddr, TcpListener};
    use std::rc::Rc;
    use std::thread;
    use std::time::Duration;

    /// A server that takes one connection, and answers its requests after such a time each.
    fn server(answers: Vec<(Duration, &'static str)>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            for (time, answer) in answers {
                while lines.next().unwrap().is_ok_and(|line| !line.is_empty()) {}
                thread::sleep(time);
                let length = answer.len() - 3;
                let (status, body) = answer.split_at(3);
                let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {length}\r\n\r\n{body}");
                stream.write_all(head.as_bytes()).unwrap();
            }
        });
        address
    }

    fn gets(count: usize) -> Source {
        let mut left = count;
        Rc::new(RefCell::new(move || {
            left = left.checked_sub(1)?;
            Some(Sent::get("/".to_owned()))
        }))
    }

    fn target(address: SocketAddr) -> Target {
        Target { address, token: None }
    }

    #[test]
    fn a_stall_is_seen_by_all_who_were_due_in_it() {
        let (now, stall) = (Duration::ZERO, Duration::from_millis(500));
        let answers = [stall, now, now, now, now].map(|time| (time, "200[]")).to_vec();
        let seen = open(&target(server(answers)), 1, 20.0, &gets(5)).unwrap();
        // They were due after 0, 50, 100, 150 and 200 ms.
        assert!(seen.latency.min() >= 300_000 - 1000, "{}", seen.latency.min());
        assert_eq!(seen.course.len(), 5);
    }

    #[test]
    fn who_is_turned_away_is_counted_apart() {
        let now = Duration::ZERO;
        let answers = vec![(now, "503{}"), (now, "201{}"), (now, "200{}")];
        let seen = closed(&target(server(answers)), 1, &gets(3)).unwrap();
        assert_eq!((seen.items, seen.turned_away, seen.latency.len()), (2, 1, 2));
    }

    #[test]
    fn an_error_ends_the_run() {
        for answer in ["200{\"error\":\"x\"}", "404{}", "500{}"] {
            let seen = closed(&target(server(vec![(Duration::ZERO, answer)])), 1, &gets(1));
            assert!(seen.is_err(), "{answer}");
        }
    }

    #[test]
    fn a_row_that_was_refused_ends_the_run() {
        let rows = |counts: &'static str| {
            let source: Source = {
                let mut sent = Some(Sent { items: 2, ..Sent::get("/".to_owned()) });
                Rc::new(RefCell::new(move || sent.take()))
            };
            closed(&target(server(vec![(Duration::ZERO, counts)])), 1, &source)
        };
        let seen: Seen =
            rows("200{\"items\":[{}],\"counts\":{\"accepted\":2,\"refused\":0}}").unwrap();
        assert_eq!(seen.items, 2);
        assert!(rows("200{\"items\":[{}],\"counts\":{\"accepted\":1,\"refused\":1}}").is_err());
    }
}
