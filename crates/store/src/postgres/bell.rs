//! Tells all hubs of a database that entries were committed: this one at once, the others by
//! notifications, a few for many commits. Who waits looks now and then as well.

use super::connection::{Connection, Server};
use super::trouble::Trouble;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// At most one notification in this time.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a lost connection is left alone.
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

/// A database may hold several stores, each in a schema of its own.
const CHANNEL: &str = "SELECT 'kehub_committed_' || hashtext(current_schema())";
const NOTIFY: &str = "SELECT pg_notify('kehub_committed_' || hashtext(current_schema()), $1)";

/// What is rung after a commit.
pub(super) struct Bell {
    committed: watch::Sender<u64>,
    rung: Notify,
    /// Tells this hub's notifications from those of others.
    name: String,
}

impl Bell {
    pub(super) fn new() -> Result<Bell, Trouble> {
        let mut name = [0_u8; 8];
        getrandom::fill(&mut name).map_err(|error| Trouble::broken(error.to_string()))?;
        Ok(Bell {
            committed: watch::Sender::default(),
            rung: Notify::new(),
            name: hex::encode(name),
        })
    }

    /// Entries were committed here, or perhaps were.
    pub(super) fn ring(&self) {
        self.heard();
        self.rung.notify_one();
    }

    fn heard(&self) {
        self.committed.send_modify(|commits| *commits += 1);
    }

    pub(super) fn committed(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }

    /// Passes on what is rung here, and what others ring, until the task is ended: by a connection that
    /// listens, and by another one when that is lost.
    pub(super) async fn run(self: Arc<Self>, server: Arc<Server>, listening: Option<Connection>) {
        if let Some(conn) = listening {
            self.pass_on(&conn).await;
        }
        loop {
            match self.listen(&server).await {
                Ok(conn) => {
                    // What was committed meanwhile was not heard.
                    self.heard();
                    self.pass_on(&conn).await;
                }
                Err(trouble) => {
                    tracing::debug!(%trouble, "commits of other hubs are not announced");
                }
            }
            tokio::time::sleep(RECONNECT_PAUSE).await;
        }
    }

    /// A connection that hears what others ring.
    pub(super) async fn listen(self: &Arc<Self>, server: &Server) -> Result<Connection, Trouble> {
        let bell = Arc::clone(self);
        let hear = move |name: &str| {
            if name != bell.name {
                bell.heard();
            }
        };
        let conn = server.listen(Arc::new(hear)).await?;
        let channel: String = conn.one(CHANNEL, &[]).await?.try_get(0)?;
        conn.batch(&format!("LISTEN \"{channel}\"")).await?;
        Ok(conn)
    }

    async fn pass_on(&self, conn: &Connection) {
        while !conn.is_closed() {
            // A lost connection is noticed without a commit as well.
            let rung = tokio::time::timeout(RECONNECT_PAUSE, self.rung.notified()).await;
            if rung.is_ok() {
                if conn.all(NOTIFY, &[&self.name]).await.is_err() {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
