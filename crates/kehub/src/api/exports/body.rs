//! The body of an export: what of its file was asked for, sent while the file grows.

use super::growing::{Growing, Length};
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tracing::{debug, warn};

/// Bytes that are sent at once.
const PIECE: usize = 64 * 1024;
/// Pieces that wait to be sent.
const AHEAD: usize = 2;
/// How long a client may take nothing: meanwhile the file stays on the disk, whatever gives way.
const PATIENCE: Duration = Duration::from_mins(1);

enum Piece {
    Bytes(Bytes),
    /// All was sent.
    End,
}

/// A whole file, also one that is still being written.
pub(super) fn whole(file: &Growing) -> Body {
    let known = match file.length() {
        Some(Length::Whole(bytes)) => Some(bytes),
        // Whoever reads a broken one hears of it by the missing end.
        Some(Length::SoFar(_)) | None => None,
    };
    stream(file, 0..known.unwrap_or(u64::MAX), known)
}

/// Bytes of a file that is whole.
pub(super) fn part(file: &Growing, part: Range<u64>) -> Body {
    let bytes = part.end.saturating_sub(part.start);
    stream(file, part, Some(bytes))
}

fn stream(file: &Growing, part: Range<u64>, left: Option<u64>) -> Body {
    let (sender, pieces) = mpsc::channel(AHEAD);
    // A task of its own, which lets the file go when the client takes nothing.
    tokio::spawn(send(file.clone(), part, sender));
    Body::new(Pieced { pieces, left })
}

/// Sends a part of a file, as far as it is there, and then the end.
async fn send(mut file: Growing, part: Range<u64>, pieces: Sender<Piece>) {
    let mut at = part.start;
    loop {
        let length = tokio::select! {
            () = pieces.closed() => return,
            length = file.beyond(at) => length,
        };
        // It broke off, which the log tells already.
        let Some(length) = length else { return };
        let left = length.bytes().min(part.end).saturating_sub(at);
        let count = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let piece = if count == 0 {
            Piece::End
        } else {
            match file.read(at, count).await {
                Ok(bytes) => Piece::Bytes(bytes),
                Err(error) => return warn!(%error, "an export that is kept cannot be read"),
            }
        };
        match pieces.send_timeout(piece, PATIENCE).await {
            Ok(()) if count == 0 => return,
            Ok(()) => at += u64::try_from(count).unwrap_or(0),
            Err(_) => return debug!("the client of an export went away, or takes nothing"),
        }
    }
}

/// The pieces as a body, which is in error unless its end was told.
struct Pieced {
    pieces: Receiver<Piece>,
    /// Bytes that are still to come, where that is known.
    left: Option<u64>,
}

impl HttpBody for Pieced {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.pieces.poll_recv(context).map(|piece| match piece {
            Some(Piece::Bytes(bytes)) => {
                let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.left = self.left.map(|left| left.saturating_sub(count));
                Some(Ok(Frame::data(bytes)))
            }
            Some(Piece::End) => None,
            None => Some(Err(io::Error::other("the export broke off"))),
        })
    }

    /// By this the answer gets its `Content-Length`.
    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use super::super::growing::begin;
    use super::*;
    use http_body_util::BodyExt as _;
    use std::io::Write as _;

    async fn next(body: &mut Body) -> Option<Bytes> {
        Some(body.frame().await?.unwrap().into_data().unwrap())
    }

    #[tokio::test]
    async fn a_body_follows_its_file() {
        let (mut writing, growing) = begin(tempfile::tempfile().unwrap());
        let mut body = whole(&growing);
        assert_eq!(body.size_hint().exact(), None);
        for text in ["abc", "de"] {
            writing.write_all(text.as_bytes()).unwrap();
            assert_eq!(next(&mut body).await.unwrap(), text);
        }
        writing.end();
        assert_eq!(next(&mut body).await, None);

        let mut body = whole(&growing);
        assert_eq!(body.size_hint().exact(), Some(5));
        assert_eq!(next(&mut body).await.unwrap(), "abcde");
        assert_eq!(next(&mut body).await, None);
        let mut body = part(&growing, 1..4);
        assert_eq!(body.size_hint().exact(), Some(3));
        assert_eq!(next(&mut body).await.unwrap(), "bcd");
        assert_eq!(next(&mut body).await, None);
    }

    #[tokio::test]
    async fn a_file_that_breaks_off_has_no_end() {
        let (mut writing, growing) = begin(tempfile::tempfile().unwrap());
        let mut body = whole(&growing);
        writing.write_all(b"abc").unwrap();
        drop(writing);
        assert_eq!(next(&mut body).await.unwrap(), "abc");
        assert!(body.frame().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_file_is_not_held_for_a_client_that_went_away() {
        let (writing, growing) = begin(tempfile::tempfile().unwrap());
        let body = whole(&growing);
        drop(growing);
        assert!(writing.is_wanted());
        drop(body);
        while writing.is_wanted() {
            tokio::task::yield_now().await;
        }
    }
}
