//! A file that is read while it is written. It has no name on the disk: with the process, or with the last
//! who holds it, it is gone.

use axum::body::Bytes;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use tokio::sync::watch;

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes so far.
    SoFar(u64),
    /// So many, and there will be no more.
    Whole(u64),
}

impl Length {
    pub(super) fn bytes(self) -> u64 {
        match self {
            Length::SoFar(bytes) | Length::Whole(bytes) => bytes,
        }
    }

    fn is_whole(self) -> bool {
        matches!(self, Length::Whole(_))
    }
}

/// A file, for those who read it. Clones are the same file.
#[derive(Clone, Debug)]
pub(super) struct Growing {
    file: Arc<File>,
    /// If it is closed before the file was told whole, that broke off.
    length: watch::Receiver<Length>,
}

/// The same file, for who writes it.
#[derive(Clone, Debug)]
pub(super) struct Writing {
    file: Arc<File>,
    length: watch::Sender<Length>,
}

/// Begins to write an empty file.
pub(super) fn begin(file: File) -> (Writing, Growing) {
    let file = Arc::new(file);
    let (sender, receiver) = watch::channel(Length::SoFar(0));
    (Writing { file: Arc::clone(&file), length: sender }, Growing { file, length: receiver })
}

impl Writing {
    /// Whether anybody reads the file, or keeps it for that.
    pub(super) fn is_wanted(&self) -> bool {
        !self.length.is_closed()
    }

    /// All of it is written.
    pub(super) fn end(self) {
        self.length.send_modify(|length| *length = Length::Whole(length.bytes()));
    }
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_wanted() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = self.file.write(bytes)?;
        let more = u64::try_from(count).unwrap_or(u64::MAX);
        self.length
            .send_modify(|length| *length = Length::SoFar(length.bytes().saturating_add(more)));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Growing {
    /// How far it is; `None` if it broke off.
    pub(super) fn length(&self) -> Option<Length> {
        // In this order: once nobody writes, nothing is told any more.
        let is_over = self.length.has_changed().is_err();
        let length = *self.length.borrow();
        (length.is_whole() || !is_over).then_some(length)
    }

    /// How many bytes it has, once it is whole; `None` if it broke off.
    pub(super) async fn whole(&self) -> Option<u64> {
        let mut length = self.length.clone();
        length.wait_for(|length| length.is_whole()).await.ok().map(|length| length.bytes())
    }

    /// How far it is, once there is more than so much, or it is whole; `None` if it broke off.
    pub(super) async fn beyond(&mut self, bytes: u64) -> Option<Length> {
        let there_is = |length: &Length| length.is_whole() || length.bytes() > bytes;
        self.length.wait_for(there_is).await.ok().map(|length| *length)
    }

    /// So many bytes, which are there, from this one on.
    pub(super) async fn read(&self, at: u64, count: usize) -> io::Result<Bytes> {
        let file = Arc::clone(&self.file);
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; count];
            file.read_exact_at(&mut piece, at)?;
            io::Result::Ok(Bytes::from(piece))
        });
        read.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn a_file_is_read_while_it_is_written() {
        let (mut writing, mut growing) = begin(tempfile::tempfile().unwrap());
        assert_eq!(growing.length(), Some(Length::SoFar(0)));
        assert!(growing.beyond(0).now_or_never().is_none());
        writing.write_all(b"abc").unwrap();
        assert_eq!(growing.beyond(0).await, Some(Length::SoFar(3)));
        assert_eq!(growing.read(1, 2).await.unwrap(), "bc");
        assert!(growing.read(1, 3).await.is_err());
        writing.write_all(b"de").unwrap();
        assert_eq!(growing.read(2, 3).await.unwrap(), "cde");
        assert!(growing.whole().now_or_never().is_none());
        writing.end();
        assert_eq!(growing.whole().await, Some(5));
        assert_eq!(growing.beyond(5).await, Some(Length::Whole(5)));
        assert_eq!(growing.length(), Some(Length::Whole(5)));
    }

    #[tokio::test]
    async fn what_breaks_off_is_never_whole() {
        let (mut writing, mut growing) = begin(tempfile::tempfile().unwrap());
        writing.write_all(b"abc").unwrap();
        drop(writing);
        assert_eq!(growing.length(), None);
        assert_eq!(growing.whole().await, None);
        // What there is may be read.
        assert_eq!(growing.beyond(2).await, Some(Length::SoFar(3)));
        assert_eq!(growing.beyond(3).await, None);
    }

    #[tokio::test]
    async fn nothing_is_written_that_nobody_wants() {
        let (mut writing, growing) = begin(tempfile::tempfile().unwrap());
        let other = growing.clone();
        drop(growing);
        writing.write_all(b"abc").unwrap();
        drop(other);
        assert!(!writing.is_wanted());
        let refused = writing.write_all(b"de").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::BrokenPipe);
    }
}
