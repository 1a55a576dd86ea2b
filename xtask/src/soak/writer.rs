//! A client that writes: what is not answered it sends again to any hub, or leaves.

use super::hubs::Addresses;
use super::ledger::Ledger;
use super::writes::{self, Known, Sent};
use crate::client::Connection;
use crate::load::people::Chance;
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long an answer may take: longer than the hub gives itself.
const ANSWER_PATIENCE: Duration = Duration::from_secs(40);
/// How long a write is sent again and again: outages of a cluster may take their time.
const WRITE_PATIENCE: Duration = Duration::from_mins(3);
/// How long a client waits that was told no time.
const PAUSE: Duration = Duration::from_millis(100);

/// When the writers end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    Writes(u64),
    Time(Instant),
}

/// What all writers have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) addresses: Addresses,
    pub(super) token: Box<str>,
    pub(super) until: Until,
    /// Whether hubs are killed: connections may be lost.
    pub(super) may_lose: bool,
    pub(super) known: RefCell<Known>,
    pub(super) ledger: RefCell<Ledger>,
    pub(super) tally: RefCell<Tally>,
}

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How many writes of a kind were answered with a status; 0 stands for no answer.
    pub(super) answers: BTreeMap<(&'static str, u16), u64>,
    /// Writes that were sent again under the same key.
    pub(super) retries: u64,
    pub(super) longest_outage: Duration,
    answered_at: Option<Instant>,
}

impl Tally {
    fn count(&mut self, what: &'static str, status: u16) {
        *self.answers.entry((what, status)).or_default() += 1;
        if (1..500).contains(&status) {
            let now = Instant::now();
            let since = self.answered_at.map_or(Duration::ZERO, |before| now - before);
            self.longest_outage = self.longest_outage.max(since);
            self.answered_at = Some(now);
        }
    }
}

/// What came of one try.
enum Tried {
    Answered(u16, Value),
    /// It was certainly not applied, and may be sent again after this time.
    NotApplied(Duration),
    /// Nobody knows.
    Unknown(Duration),
}

/// One client.
pub(super) struct Writer {
    pub(super) common: Rc<Common>,
    pub(super) number: u64,
    pub(super) chance: Chance,
    connection: Option<Connection>,
}

impl Writer {
    pub(super) fn new(common: &Rc<Common>, number: u64, chance: Chance) -> Writer {
        Writer { common: Rc::clone(common), number, chance, connection: None }
    }

    /// Writes until it is time to end.
    pub(super) async fn run(mut self) -> Result<()> {
        for count in 0.. {
            let is_over = match self.common.until {
                Until::Writes(writes) => count >= writes,
                Until::Time(end) => Instant::now() >= end,
            };
            if is_over {
                break;
            }
            let mark = (self.number << 32) | (count << 8);
            let sent = writes::any(&mut self.chance, &self.common.known.borrow(), mark);
            self.write(Rc::new(sent)).await?;
        }
        Ok(())
    }

    /// Sends a write until it is answered; or, of those that are not answered at once, leaves half.
    async fn write(&mut self, sent: Rc<Sent>) -> Result<()> {
        let common = Rc::clone(&self.common);
        let insists = self.chance.below(2) == 0;
        let until = Instant::now() + WRITE_PATIENCE;
        let mut maybe_applied = false;
        loop {
            let pause = match self.attempt(&sent).await? {
                Tried::Answered(status, answer) => {
                    common.ledger.borrow_mut().answered(&sent, status, &answer)?;
                    if status < 300 {
                        common.known.borrow_mut().learn(&answer);
                    }
                    return Ok(());
                }
                Tried::NotApplied(pause) => pause,
                Tried::Unknown(pause) => {
                    maybe_applied = true;
                    pause
                }
            };
            tokio::time::sleep(pause).await;
            if !insists {
                common.ledger.borrow_mut().left(&sent, maybe_applied);
                return Ok(());
            }
            common.tally.borrow_mut().retries += 1;
            ensure!(Instant::now() < until, "not answered for {WRITE_PATIENCE:?}: {sent:?}");
        }
    }

    /// Sends a write that was left once more, at last; the status and the answer.
    pub(super) async fn ask_again(&mut self, sent: &Sent) -> Result<(u16, Value)> {
        let until = Instant::now() + WRITE_PATIENCE;
        loop {
            match self.attempt(sent).await? {
                Tried::Answered(status, answer) => return Ok((status, answer)),
                Tried::NotApplied(pause) | Tried::Unknown(pause) => {
                    ensure!(
                        Instant::now() < until,
                        "not answered for {WRITE_PATIENCE:?}: {sent:?}"
                    );
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    async fn attempt(&mut self, sent: &Sent) -> Result<Tried> {
        let common = Rc::clone(&self.common);
        if self.connection.is_none() {
            let Ok(connection) = Connection::open(common.addresses.any(&mut self.chance)).await
            else {
                ensure!(common.may_lose, "a hub refuses connections");
                common.tally.borrow_mut().count(sent.what, 0);
                return Ok(Tried::NotApplied(PAUSE));
            };
            self.connection = Some(connection);
        }
        let connection = self.connection.as_mut().context("no connection")?;
        connection.sign(&common.token);
        connection.key(&sent.key);
        let answering = connection.send(sent.method, &sent.path, &sent.body);
        let answer = match tokio::time::timeout(ANSWER_PATIENCE, answering).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                ensure!(common.may_lose, "a connection was lost: {error:#}");
                self.connection = None;
                common.tally.borrow_mut().count(sent.what, 0);
                return Ok(Tried::Unknown(PAUSE));
            }
            Err(_) => bail!("no answer within {ANSWER_PATIENCE:?}: {sent:?}"),
        };
        common.tally.borrow_mut().count(sent.what, answer.status);
        let body = match answer.body {
            [] => Value::Null,
            body => serde_json::from_slice(body)?,
        };
        match answer.status {
            200 | 201 | 204 | 404 | 409 | 410 | 422 if !is_stranger(&body) => {
                Ok(Tried::Answered(answer.status, body))
            }
            503 => {
                let seconds = answer.retry_after.context("503 without Retry-After")?;
                tried_in_vain(&body, Duration::from_secs(seconds))
            }
            status => bail!("{status} to {sent:?}: {body}"),
        }
    }
}

/// Whether the v1 wire does not know the token, which it says with status 200.
fn is_stranger(body: &Value) -> bool {
    body.get("error_code").is_some_and(|code| code == 40001)
}

/// What a 503 says, on either wire.
fn tried_in_vain(body: &Value, pause: Duration) -> Result<Tried> {
    let code = body.get("code").and_then(Value::as_str);
    match (code, body.get("error_code").and_then(Value::as_u64)) {
        (Some("busy"), _) | (_, Some(50301)) => Ok(Tried::NotApplied(pause)),
        (Some("outcomeUnknown" | "batchInterrupted"), _) | (_, Some(50302)) => {
            Ok(Tried::Unknown(pause))
        }
        (_, _) => bail!("503 does not say what happened: {body}"),
    }
}
