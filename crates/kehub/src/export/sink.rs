//! What was written, packed or as it is.

use super::{Compression, Out};
use flate2::write::GzEncoder;
use std::io::{self, BufWriter, Write};

/// Bytes that are collected before they are handed on.
const BUFFER: usize = 64 * 1024;

/// Takes what is written.
pub(super) enum Sink {
    Plain(BufWriter<Out>),
    Gzip(BufWriter<GzEncoder<Out>>),
    Zstd(BufWriter<zstd::Encoder<'static, Out>>),
}

impl Sink {
    pub(super) fn new(compression: Compression, out: Out) -> io::Result<Sink> {
        Ok(match compression {
            Compression::None => Sink::Plain(BufWriter::with_capacity(BUFFER, out)),
            Compression::Gzip => {
                let packed = GzEncoder::new(out, flate2::Compression::default());
                Sink::Gzip(BufWriter::with_capacity(BUFFER, packed))
            }
            Compression::Zstd => {
                let packed = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                Sink::Zstd(BufWriter::with_capacity(BUFFER, packed))
            }
        })
    }

    /// Writes what is left.
    pub(super) fn finish(self) -> io::Result<Out> {
        match self {
            Sink::Plain(plain) => emptied(plain),
            Sink::Gzip(packed) => emptied(packed)?.finish(),
            Sink::Zstd(packed) => emptied(packed)?.finish(),
        }
    }
}

fn emptied<W: Write>(buffer: BufWriter<W>) -> io::Result<W> {
    buffer.into_inner().map_err(io::IntoInnerError::into_error)
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Plain(plain) => plain.write(bytes),
            Sink::Gzip(packed) => packed.write(bytes),
            Sink::Zstd(packed) => packed.write(bytes),
        }
    }

    /// Nothing is gained by handing on less than there is room for.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
