//! The feed of changes, as followed while everything is written, and as read afterwards.

use super::hubs::Addresses;
use crate::client::Connection;
use crate::load::people::Chance;
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use std::cell::Cell;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The field that carries the mark of an upsert.
pub(super) const MARK: &str = "mark";
/// What the value of an identity of an upsert's own begins with.
pub(super) const OWN: &str = "own-";

/// How long an answer may take: longer than the hub gives itself.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long a hub is left alone that does not answer.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a hub may be unable to read at the end: what it reads from may be coming back.
const END_PATIENCE: Duration = Duration::from_mins(2);

/// What matters of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) seq: i64,
    index: i64,
    pub(super) kind: Box<str>,
    customer: Option<i64>,
    /// The mark of the upsert that wrote it.
    pub(super) mark: Option<u64>,
    /// The mark of the upsert whose own identity it is about.
    pub(super) own: Option<u64>,
    /// It wrote fields, and none is told: they were erased.
    pub(super) is_blank: bool,
    /// Of everything that is told.
    digest: u64,
}

impl Event {
    pub(super) fn read(item: &Value) -> Result<Event> {
        let number = |name: &str| item.get(name).and_then(Value::as_i64);
        let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str);
        let mark = text(&format!("/fields/attr/{MARK}")).map(str::parse).transpose()?;
        let own = text("/identity/value").and_then(|value| value.strip_prefix(OWN));
        let mut hasher = DefaultHasher::new();
        item.to_string().hash(&mut hasher);
        Ok(Event {
            seq: number("seq").context("an event without a place")?,
            index: number("index").context("an event without a place")?,
            kind: text("/kind").context("an event of no kind")?.into(),
            customer: number("customerId"),
            mark,
            own: own.map(str::parse).transpose()?,
            is_blank: item.get("fields").is_some_and(|fields| fields == &json!({})),
            digest: hasher.finish(),
        })
    }

    fn place(&self) -> (i64, i64) {
        (self.seq, self.index)
    }
}

/// Reads on behind a cursor: the events, and the cursor behind them.
async fn page(
    connection: &mut Connection,
    after: &str,
    wait: u64,
) -> Result<Option<(Vec<Event>, String)>> {
    let after = if after.is_empty() { String::new() } else { format!("&after={after}") };
    let path = format!("/api/changes?limit=1000&wait={wait}{after}");
    let answer = connection.get(&path).await?;
    if answer.status == 503 {
        ensure!(answer.retry_after.is_some(), "503 without Retry-After: {path}");
        return Ok(None);
    }
    let body = String::from_utf8_lossy(answer.body);
    ensure!(answer.status == 200, "{path}: {body}");
    let answer: Value = serde_json::from_str(&body)?;
    let items = answer.get("items").and_then(Value::as_array).context("a page without items")?;
    let events = items.iter().map(Event::read).collect::<Result<_>>()?;
    let next =
        answer.get("nextCursor").and_then(Value::as_str).context("a page without a cursor")?;
    Ok(Some((events, next.to_owned())))
}

/// The whole feed, as a hub tells it; an error unless it is in order.
pub(super) async fn read(address: SocketAddr, token: &str) -> Result<Vec<Event>> {
    let until = Instant::now() + END_PATIENCE;
    let mut connection = Connection::open(address).await?;
    connection.sign(token);
    let (mut all, mut cursor): (Vec<Event>, String) = (Vec::new(), String::new());
    loop {
        let Some((events, next)) = page(&mut connection, &cursor, 0).await? else {
            ensure!(Instant::now() < until, "a hub cannot read for {END_PATIENCE:?}");
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        if events.is_empty() {
            break;
        }
        all.extend(events);
        cursor = next;
    }
    for (one, next) in all.iter().zip(all.iter().skip(1)) {
        let (one, next) = (one.place(), next.place());
        ensure!(one < next, "the feed is not in order: {one:?} before {next:?}");
    }
    Ok(all)
}

/// Follows the feed at any hub that answers, until it is told to stop.
pub(super) async fn follow(
    addresses: Addresses,
    token: &str,
    mut chance: Chance,
    stop: &Cell<bool>,
) -> Result<Vec<Event>> {
    let (mut all, mut cursor): (Vec<Event>, String) = (Vec::new(), String::new());
    while !stop.get() {
        let Ok(mut connection) = Connection::open(addresses.any(&mut chance)).await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        connection.sign(token);
        while !stop.get() {
            match tokio::time::timeout(PATIENCE, page(&mut connection, &cursor, 1)).await {
                Ok(Ok(Some((events, next)))) => {
                    all.extend(events);
                    cursor = next;
                }
                Ok(Ok(None)) => tokio::time::sleep(PAUSE).await,
                Ok(Err(error)) if error.is::<io::Error>() => break,
                Ok(Err(error)) => return Err(error.context("while the feed was followed")),
                Err(_) => bail!("the feed was not told within {PATIENCE:?}"),
            }
        }
    }
    Ok(all)
}

/// Whether what was followed is what is read afterwards, as far as it goes. Texts may have been erased
/// meanwhile.
pub(super) fn agree(followed: &[Event], read: &[Event]) -> Result<()> {
    for (place, heard) in followed.iter().enumerate() {
        let found = read.get(place);
        let same = found.is_some_and(|found| {
            heard.place() == found.place()
                && heard.kind == found.kind
                && heard.customer == found.customer
        });
        ensure!(same, "the feed told {heard:?} at first, and {found:?} afterwards");
    }
    Ok(())
}
