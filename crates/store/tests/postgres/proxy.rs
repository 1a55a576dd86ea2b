//! Stands between a hub and its server, and cuts the connection at a COMMIT.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Where the connection is cut at the next COMMIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server never sees it.
    Before,
    /// The server did it, and its answer is lost.
    After,
}

#[derive(Default)]
struct Plan {
    before: AtomicUsize,
    after: AtomicUsize,
    /// Whether nobody gets through who has not.
    is_shut: AtomicBool,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    plan: Arc<Plan>,
}

impl Proxy {
    /// Passes everything on to a server.
    pub(crate) async fn start(server: String) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Arc::new(Plan::default());
        let planned = Arc::clone(&plan);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if planned.is_shut.load(Ordering::SeqCst) {
                    continue;
                }
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&planned)));
            }
        });
        Proxy { port, plan }
    }

    /// Cuts at so many of the next COMMITs.
    pub(crate) fn cut(&self, cut: Cut, times: usize) {
        let counter = match cut {
            Cut::Before => &self.plan.before,
            Cut::After => &self.plan.after,
        };
        counter.store(times, Ordering::SeqCst);
    }

    /// Lets nobody else through, or everybody again.
    pub(crate) fn shut(&self, is_shut: bool) {
        self.plan.is_shut.store(is_shut, Ordering::SeqCst);
    }

    /// Whether all cuts were made.
    pub(crate) fn is_done(&self) -> bool {
        self.plan.before.load(Ordering::SeqCst) + self.plan.after.load(Ordering::SeqCst) == 0
    }
}

fn take(counter: &AtomicUsize) -> bool {
    let taken =
        counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    taken.is_ok()
}

async fn pass(client: TcpStream, server: TcpStream, plan: Arc<Plan>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let cut = Arc::new(Notify::new());
    let answers = tokio::spawn(answers(from_server, to_client, Arc::clone(&cut)));
    questions(from_client, to_server, &plan, &cut).await;
    answers.abort();
}

/// Passes on what the hub says, until it is to be cut off.
async fn questions(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    plan: &Plan,
    cut: &Notify,
) -> Option<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = from.read(&mut buffer).await.ok().filter(|length| *length > 0)?;
        let said = buffer.get(..length)?;
        // A simple query of its own: nothing else of the protocol looks like it.
        if said.ends_with(b"COMMIT\0") && !said.windows(6).any(|word| word == b"SELECT") {
            if take(&plan.before) {
                return None;
            }
            if take(&plan.after) {
                cut.notify_one();
                to.write_all(said).await.ok()?;
                // Long enough for the server to have done it.
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                return None;
            }
        }
        to.write_all(said).await.ok()?;
    }
}

/// Passes on what the server says, until it is to be lost.
async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, cut: Arc<Notify>) -> Option<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = tokio::select! {
            biased;
            () = cut.notified() => std::future::pending().await,
            length = from.read(&mut buffer) => length.ok().filter(|length| *length > 0)?,
        };
        to.write_all(buffer.get(..length)?).await.ok()?;
    }
}
