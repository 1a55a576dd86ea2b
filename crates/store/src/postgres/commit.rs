//! The end of a group's transaction: what is written is sent with its COMMIT. If that is not answered,
//! another session is asked what became of it.

use super::cluster;
use super::connection::{Bound, Connection, Server};
use super::trouble::{PAUSES, Trouble};
use futures_util::FutureExt as _;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;

/// For how long it is asked what became of a COMMIT that was not answered.
const SETTLING: Duration = Duration::from_secs(20);

/// Waits for a session that still holds the mark. Asked again, it says the same.
const SETTLE: &str =
    "UPDATE writer SET given_up = true, seen_at = now() WHERE number = $1 RETURNING last_group";

/// The statements of this file, for tests that look at all of them.
#[cfg(any(test, feature = "testing"))]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("settle", SETTLE)];

/// What the server will answer.
type Answer<'c, T> = Pin<Box<dyn Future<Output = Result<T, Trouble>> + Send + 'c>>;

/// Statements that were sent, and COMMIT behind them.
pub(super) struct Sent<'w, 'c> {
    writes: Vec<Answer<'w, u64>>,
    commit: Answer<'c, ()>,
}

/// Why a transaction was not seen to be committed.
pub(super) enum Failed {
    /// It was not.
    NotApplied(Trouble),
    /// It may have been.
    Unknown(Trouble),
}

/// Sends statements, and COMMIT behind them, before any of them is answered. After an error nothing is
/// committed: where a statement could not be sent, COMMIT was not either.
pub(super) fn send<'w, 'c: 'w>(
    conn: &'c Connection,
    writes: &'w [Bound<'w>],
) -> Result<Sent<'w, 'c>, Trouble> {
    let mut sent: Vec<Answer<'w, u64>> = Vec::with_capacity(writes.len());
    for bound in writes {
        let mut answer: Answer<'w, u64> = Box::pin(conn.send(bound));
        // This sends it.
        match (&mut answer).now_or_never() {
            None => sent.push(answer),
            Some(answered) => drop(answered?),
        }
    }
    let mut commit: Answer<'c, ()> = Box::pin(conn.batch("COMMIT"));
    if let Some(answered) = (&mut commit).now_or_never() {
        commit = Box::pin(std::future::ready(answered));
    }
    Ok(Sent { writes: sent, commit })
}

impl<'c> Sent<'_, 'c> {
    /// Waits until everything is written; what comes of COMMIT. After an error of a statement COMMIT
    /// rolls back.
    pub(super) async fn written(self) -> Result<Answer<'c, ()>, Trouble> {
        for answer in self.writes {
            answer.await?;
        }
        Ok(self.commit)
    }
}

/// Whether a group is there whose COMMIT was not answered: the one after the last group of a session,
/// which has to be given up before. `None` if that cannot be told.
///
/// The mark is written before COMMIT is sent, so that a session which may still commit holds its
/// row, and this waits for it. Afterwards no such session can commit any more. Where there is no
/// row, no group was marked: it is gone only after a day without any, or with the server that had it.
pub(super) async fn settle(server: &Server, number: i64, last_group: i64) -> Option<bool> {
    let until = Instant::now() + SETTLING;
    let mut pause = PAUSES.0;
    loop {
        let asked = tokio::time::timeout_at(until, is_applied(server, number, last_group)).await;
        let silent = |_| Err(Trouble::Unreachable("it does not answer".into()));
        match asked.unwrap_or_else(silent) {
            Ok((is_applied, conn)) => {
                // What is answered now is to be seen now. That it is there is known, seen or not.
                if is_applied && let Err(trouble) = cluster::settled(&conn).await {
                    tracing::debug!(%trouble, "the cluster does not show all that was committed");
                }
                return Some(is_applied);
            }
            Err(trouble) if !trouble.is_corrupt() && Instant::now() < until => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
            Err(trouble) => {
                tracing::error!(%trouble, "it cannot be told whether writes were applied");
                return None;
            }
        }
    }
}

/// Whether the group after the last one of a session is there, and a session that has seen so.
async fn is_applied(
    server: &Server,
    number: i64,
    last_group: i64,
) -> Result<(bool, Connection), Trouble> {
    let conn = server.connect().await?;
    let found = conn.first(SETTLE, &[&number]).await?;
    let last: Option<i64> = found.map(|row| row.try_get(0)).transpose()?;
    Ok((last.is_some_and(|last| last > last_group), conn))
}
