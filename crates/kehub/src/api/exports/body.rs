//! The body of an export: written on a thread that may wait, sent while it is written.

use crate::export::{self, ExportError, Options};
use crate::server::problem::Problem as Around;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use kehub_store::Walk;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tracing::{debug, warn};

/// Bytes that are sent at once.
const PIECE: usize = 64 * 1024;
/// Pieces that wait to be sent.
const AHEAD: usize = 2;
/// How long a client may take nothing: meanwhile the store keeps what was replaced.
const PATIENCE: Duration = Duration::from_mins(1);

enum Piece {
    Bytes(Bytes),
    /// The export is whole.
    End,
}

/// What a walk becomes.
pub(super) fn stream(walk: Walk, options: Options) -> Body {
    let (sender, pieces) = mpsc::channel(AHEAD);
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let out = Pieces { sender: sender.clone(), runtime: runtime.clone(), piece: Vec::new() };
        let mut goes_on = |_: u64, _: u64| {
            if sender.is_closed() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        match export::write(walk, &options, Box::new(out), &runtime, &mut goes_on) {
            Ok(_) => drop(runtime.block_on(sender.send(Piece::End))),
            Err(error) => tell(error),
        }
    });
    Body::new(Pieced(pieces))
}

/// Tells the log why an export broke off. The client hears it by the missing end.
fn tell(error: ExportError) {
    match error {
        ExportError::Store(trouble) => {
            let _logged = Around::from(trouble);
        }
        ExportError::Stopped => debug!("the client of an export went away"),
        ExportError::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            debug!("the client of an export went away");
        }
        error @ (ExportError::Io(_) | ExportError::Xlsx(_)) => {
            warn!(%error, "an export broke off");
        }
    }
}

/// Collects what is written, and sends it in pieces.
struct Pieces {
    sender: Sender<Piece>,
    runtime: Handle,
    piece: Vec<u8>,
}

impl Pieces {
    fn send(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.piece);
        if piece.is_empty() {
            return Ok(());
        }
        let sending = self.sender.send_timeout(Piece::Bytes(piece.into()), PATIENCE);
        self.runtime.block_on(sending).map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => {
                io::Error::new(io::ErrorKind::TimedOut, "the client took nothing for a minute")
            }
            mpsc::error::SendTimeoutError::Closed(_) => io::ErrorKind::BrokenPipe.into(),
        })
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

/// The pieces as a body, which is in error unless its end was told.
struct Pieced(Receiver<Piece>);

impl HttpBody for Pieced {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(context).map(|piece| match piece {
            Some(Piece::Bytes(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Piece::End) => None,
            None => Some(Err(io::Error::other("the export broke off"))),
        })
    }
}
