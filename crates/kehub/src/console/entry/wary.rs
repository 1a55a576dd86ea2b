//! The body of a form of several parts, as long as nobody knows whether it comes from a page of ours.

use axum::body::{BodyDataStream, Bytes};
use futures_util::Stream;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

/// Bytes that may come before the first part is over. A sender may put much of a file behind it at once.
const BYTES_MAX: usize = 4 << 20;

/// A body that comes piece by piece, each looked at before the next one, and breaks off where it goes on for
/// too long without having been let in: a reader of parts holds all of the beginning of a part in memory.
#[derive(Debug)]
pub(super) struct Wary {
    body: BodyDataStream,
    seen: usize,
    is_let_in: Arc<AtomicBool>,
    is_looked_at: bool,
}

impl Wary {
    pub(super) fn of(body: BodyDataStream) -> Wary {
        Wary { body, seen: 0, is_let_in: Arc::default(), is_looked_at: true }
    }

    /// What lets the rest through as it comes, once it is set.
    pub(super) fn let_in(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_let_in)
    }
}

impl Stream for Wary {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if !this.is_let_in.load(Ordering::Acquire) {
            if !this.is_looked_at {
                this.is_looked_at = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if this.seen > BYTES_MAX {
                let error = io::Error::other("the first part of the form does not end");
                return Poll::Ready(Some(Err(error)));
            }
        }
        let piece = ready!(Pin::new(&mut this.body).poll_next(cx));
        this.seen = this
            .seen
            .saturating_add(piece.as_ref().map_or(0, |it| it.as_ref().map_or(0, Bytes::len)));
        this.is_looked_at = false;
        Poll::Ready(piece.map(|piece| piece.map_err(io::Error::other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use futures_util::StreamExt as _;
    use futures_util::stream;
    use multer::Multipart;

    fn body(first: &'static str) -> Body {
        let rest = stream::repeat(Bytes::from(vec![b'x'; 1 << 16])).take(1024);
        let last = stream::iter([Bytes::from_static(b"\r\n--b--\r\n")]);
        let pieces = stream::iter([Bytes::from_static(first.as_bytes())]).chain(rest).chain(last);
        Body::from_stream(pieces.map(Ok::<_, io::Error>))
    }

    #[tokio::test]
    async fn a_beginning_that_does_not_end_is_broken_off() {
        let endless =
            Wary::of(body("--b\r\nContent-Disposition: form-data; name=").into_data_stream());
        let mut form = Multipart::new(endless, "b");
        assert!(form.next_field().await.is_err());
    }

    #[tokio::test]
    async fn what_is_let_in_comes_as_a_whole() {
        let first = "--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\ntoken\r\n--b\r\n\
                     Content-Disposition: form-data; name=\"file\"\r\n\r\n";
        let wary = Wary::of(body(first).into_data_stream());
        let let_in = wary.let_in();
        let mut form = Multipart::new(wary, "b");
        let token = form.next_field().await.unwrap().unwrap().text().await.unwrap();
        assert_eq!(token, "token");
        let_in.store(true, Ordering::Release);
        let mut file = form.next_field().await.unwrap().unwrap();
        let mut bytes = 0;
        while let Some(piece) = file.chunk().await.unwrap() {
            bytes += piece.len();
        }
        assert_eq!(bytes, 1 << 26);
    }
}
